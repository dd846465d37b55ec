/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See convert.h.
 */
#include "cri/convert.h"

#include <string.h>

#include "state/gojson.h"

char *convert_str(struct arena *a, const char *s)
{
    return arena_strdup(a, s ? s : "");
}

static struct map_entry *new_entry(struct arena *a, const char *key, const char *value, const ProtobufCMessageDescriptor *desc)
{
    struct map_entry *m = ARENA_NEW(a, struct map_entry);
    if (!m)
        return NULL;
    protobuf_c_message_init(desc, &m->base);
    m->key = convert_str(a, key);
    m->value = convert_str(a, value);
    return m->key && m->value ? m : NULL;
}

int convert_map(struct arena *a, const void *entries, size_t n, const ProtobufCMessageDescriptor *desc, void *ret, size_t *ret_n)
{
    const struct map_entry *const *from = entries;
    struct map_entry **to = NULL;
    if (n > 0) {
        to = ARENA_NEW_N(a, struct map_entry *, n);
        if (!to)
            return -ERR_RESOURCE_EXHAUSTED;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = new_entry(a, from[i]->key, from[i]->value, desc);
        if (!to[i])
            return -ERR_RESOURCE_EXHAUSTED;
    }
    *(struct map_entry ***)ret = to;
    *ret_n = n;
    return 0;
}

int convert_map_one(struct arena *a, const char *key, const char *value, const ProtobufCMessageDescriptor *desc, void *ret, size_t *ret_n)
{
    struct map_entry **to = ARENA_NEW_N(a, struct map_entry *, *ret_n + 1);
    if (!to)
        return -ERR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < *ret_n; i++)
        to[i] = (*(struct map_entry ***)ret)[i];
    to[*ret_n] = new_entry(a, key, value, desc);
    if (!to[*ret_n])
        return -ERR_RESOURCE_EXHAUSTED;
    *(struct map_entry ***)ret = to;
    ++*ret_n;
    return 0;
}

bool convert_labels_match(const void *labels, size_t n_labels, const void *selector, size_t n_selector)
{
    const struct map_entry *const *have = labels, *const *want = selector;
    for (size_t i = 0; i < n_selector; i++) {
        size_t k = 0;
        while (k < n_labels && (strcmp(have[k]->key, want[i]->key) != 0 || strcmp(have[k]->value, want[i]->value) != 0))
            k++;
        if (k == n_labels)
            return false;
    }
    return true;
}

Runtime__V1__PodSandboxMetadata *convert_sandbox_metadata(struct arena *a, const Runtime__V1__PodSandboxMetadata *m)
{
    return (Runtime__V1__PodSandboxMetadata *)message_dup(&m->base, a);
}

Runtime__V1__ContainerMetadata *convert_container_metadata(struct arena *a, const Runtime__V1__ContainerMetadata *m)
{
    return (Runtime__V1__ContainerMetadata *)message_dup(&m->base, a);
}

Runtime__V1__ImageSpec *convert_image_spec(struct arena *a, const char *image)
{
    Runtime__V1__ImageSpec *spec = ARENA_NEW(a, Runtime__V1__ImageSpec);
    if (!spec)
        return NULL;
    runtime__v1__image_spec__init(spec);
    spec->image = convert_str(a, image);
    return spec->image ? spec : NULL;
}

Runtime__V1__UInt64Value *convert_u64(struct arena *a, uint64_t value)
{
    Runtime__V1__UInt64Value *v = ARENA_NEW(a, Runtime__V1__UInt64Value);
    if (v) {
        runtime__v1__uint64_value__init(v);
        v->value = value;
    }
    return v;
}

Runtime__V1__FilesystemUsage *convert_filesystem_usage(struct arena *a, const char *mountpoint, const struct ctrd_usage *usage, int64_t at)
{
    Runtime__V1__FilesystemUsage *u = ARENA_NEW(a, Runtime__V1__FilesystemUsage);
    Runtime__V1__FilesystemIdentifier *id = ARENA_NEW(a, Runtime__V1__FilesystemIdentifier);
    if (!u || !id)
        return NULL;
    runtime__v1__filesystem_usage__init(u);
    runtime__v1__filesystem_identifier__init(id);
    id->mountpoint = convert_str(a, mountpoint);
    u->fs_id = id;
    u->timestamp = at;
    u->used_bytes = convert_u64(a, (uint64_t)usage->size);
    u->inodes_used = convert_u64(a, (uint64_t)usage->inodes);
    return id->mountpoint && u->used_bytes && u->inodes_used ? u : NULL;
}

Runtime__V1__PodSandboxState convert_sandbox_state(enum sandbox_state state)
{
    return state == SANDBOX_STATE_READY ? RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY : RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY;
}
