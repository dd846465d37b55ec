/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListPodSandbox, with its filters: id (or a unique prefix of one), state, labels.
 */
#include <string.h>

#include "cri/convert.h"
#include "cri/handlers.h"
#include "cri/sandbox.h"

bool sandbox_matches(const struct sandbox *sb, const char *id, const void *labels, size_t n_labels)
{
    return strncmp(sb->o.id, id, strlen(id)) == 0 && convert_labels_match(sb->meta.config->labels, sb->meta.config->n_labels, labels, n_labels);
}

static bool matches(const struct sandbox *sb, enum sandbox_state state, const Runtime__V1__PodSandboxFilter *f)
{
    if (!f)
        return true;
    if (f->state && f->state->state != convert_sandbox_state(state))
        return false;
    return sandbox_matches(sb, f->id, f->label_selector, f->n_label_selector);
}

static int fill(const struct sandbox *sb, enum sandbox_state state, struct arena *a, Runtime__V1__PodSandbox *item, struct err *e)
{
    const Runtime__V1__PodSandboxConfig *c = sb->meta.config;
    runtime__v1__pod_sandbox__init(item);
    item->id = convert_str(a, sb->o.id);
    item->metadata = convert_sandbox_metadata(a, c->metadata);
    item->state = convert_sandbox_state(state);
    item->created_at = sb->created_at;
    item->runtime_handler = convert_str(a, sb->meta.runtime_handler);
    if (!item->id || !item->metadata || !item->runtime_handler ||
        convert_map(a, c->labels, c->n_labels, &runtime__v1__pod_sandbox__labels_entry__descriptor, &item->labels, &item->n_labels) < 0 ||
        convert_map(a, c->annotations, c->n_annotations, &runtime__v1__pod_sandbox__annotations_entry__descriptor, &item->annotations,
                    &item->n_annotations) < 0)
        return err_oom(e);
    return 0;
}

int cri_list_pod_sandbox(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ListPodSandboxRequest *req,
                         Runtime__V1__ListPodSandboxResponse *resp, struct err *e)
{
    struct arena *a = &call->arena;
    struct object **list;
    size_t n;
    TRY(store_list(&s->sandboxes, a, &list, &n, e));
    resp->items = ARENA_NEW_N(a, Runtime__V1__PodSandbox *, n);
    int r = resp->items ? 0 : err_oom(e);
    for (size_t i = 0; i < n; i++) {
        struct sandbox *sb = (struct sandbox *)list[i];
        object_lock(&sb->o);
        bool hidden = sb->o.hidden;
        enum sandbox_state state = sb->state;
        object_unlock(&sb->o);
        if (r == 0 && !hidden && matches(sb, state, req->filter)) {
            Runtime__V1__PodSandbox *item = ARENA_NEW(a, Runtime__V1__PodSandbox);
            r = item ? fill(sb, state, a, item, e) : err_oom(e);
            if (r == 0)
                resp->items[resp->n_items++] = item;
        }
        sandbox_unref(sb);
    }
    return r;
}
