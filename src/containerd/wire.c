/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared pieces of the containerd client; see wire.h.
 */
#include "containerd/wire.h"

#include <assert.h>

/* Every map<string, string> entry that protoc-c makes has this layout. */
struct entry {
    ProtobufCMessage base;
    char *key, *value;
};

void ctrd_request_init(void *message, size_t size, int method)
{
    const ProtobufCMessageDescriptor *d = containerd_methods[method].request;
    assert(d->sizeof_message == size);
    protobuf_c_message_init(d, message);
}

struct ctx ctrd_limit(const struct ctx *ctx, int method)
{
    switch (method) {
    case CONTAINERD_METHOD_TASKS_WAIT:
    case CONTAINERD_METHOD_EVENTS_SUBSCRIBE:
        return *ctx;
    case CONTAINERD_METHOD_CONTENT_WRITE: /* when it commits */
    case CONTAINERD_METHOD_DIFF_APPLY:
    case CONTAINERD_METHOD_SNAPSHOTS_COMMIT: /* looks at every file */
    case CONTAINERD_METHOD_SNAPSHOTS_REMOVE:
    case CONTAINERD_METHOD_IMAGES_DELETE: /* when asked to, with a collection */
    case CONTAINERD_METHOD_LEASES_DELETE:
        return ctx_with_timeout(ctx, CTRD_LONG_LIMIT);
    default:
        return ctx_with_timeout(ctx, CTRD_CALL_LIMIT);
    }
}

int ctrd_call(void *user, const struct ctx *ctx, int method, const void *request, struct arena *a, void *ret, struct err *e)
{
    const struct rpc_channel *ch = user;
    const struct proto_method *m = &containerd_methods[method];
    ProtobufCMessage *answer = NULL;
    const struct ctx limited = ctrd_limit(ctx, method);
    TRY(ch->ops->unary(ch->user, &limited, m->path, request, m->response, a, &answer, e));
    if (!answer || answer->descriptor != m->response)
        return err_raise(e, ERR_INTERNAL, "%s: no answer", m->path);
    *(void **)ret = answer;
    return 0;
}

int ctrd_call_plain(void *user, const struct ctx *ctx, int method, const void *request, struct err *e)
{
    CTRD_SCRATCH(scratch);
    void *answer;
    return ctrd_call(user, ctx, method, request, &scratch, &answer, e);
}

int ctrd_stream_open(struct ctrd_stream *st, void *user, const struct ctx *ctx, int method, struct err *e)
{
    *st = (struct ctrd_stream){.channel = user, .method = method};
    return st->channel->ops->open(st->channel->user, ctx, containerd_methods[method].path, &st->s, e);
}

int ctrd_stream_ask(struct ctrd_stream *st, void *user, const struct ctx *ctx, int method, const void *request, struct err *e)
{
    TRY(ctrd_stream_open(st, user, ctx, method, e));
    int r = ctrd_stream_send(st, ctx, request, true, e);
    if (r < 0)
        ctrd_stream_close(st);
    return r;
}

int ctrd_stream_send(struct ctrd_stream *st, const struct ctx *ctx, const void *request, bool last, struct err *e)
{
    const struct ctx limited = ctrd_limit(ctx, st->method);
    return st->channel->ops->send(st->channel->user, st->s, &limited, request, last, e);
}

int ctrd_stream_recv(struct ctrd_stream *st, const struct ctx *ctx, struct arena *a, void *ret, struct err *e)
{
    const struct proto_method *m = &containerd_methods[st->method];
    const struct ctx limited = ctrd_limit(ctx, st->method);
    ProtobufCMessage *message = NULL;
    int r = st->channel->ops->recv(st->channel->user, st->s, &limited, m->response, a, &message, e);
    if (r <= 0)
        return r;
    if (!message || message->descriptor != m->response)
        return err_raise(e, ERR_INTERNAL, "%s: no message", m->path);
    *(void **)ret = message;
    return 1;
}

void ctrd_stream_close(struct ctrd_stream *st)
{
    if (st->s)
        st->channel->ops->close(st->channel->user, st->s);
    st->s = NULL;
}

int ctrd_incomplete(int method, const char *what, struct err *e)
{
    return err_raise(e, ERR_INTERNAL, "%s: containerd answered without %s", containerd_methods[method].path, what);
}

int ctrd_pack_labels(const struct kvlist *l, const ProtobufCMessageDescriptor *entry, struct arena *a, size_t *ret_n, void *ret_v,
                     struct err *e)
{
    if (!l || l->n == 0)
        return 0;
    assert(entry->sizeof_message == sizeof(struct entry));
    struct entry **v = ARENA_NEW_N(a, struct entry *, l->n);
    struct entry *m = ARENA_NEW_N(a, struct entry, l->n);
    if (!v || !m)
        return err_oom(e);
    for (size_t i = 0; i < l->n; i++) {
        protobuf_c_message_init(entry, &m[i]);
        m[i].key = ctrd_str(l->v[i].key);
        m[i].value = ctrd_str(l->v[i].value);
        v[i] = &m[i];
    }
    *ret_n = l->n;
    *(void **)ret_v = v;
    return 0;
}

int ctrd_pack_any(const struct ctrd_any *any, struct arena *a, Google__Protobuf__Any **ret, struct err *e)
{
    *ret = NULL;
    if (!any || !any->type_url)
        return 0;
    Google__Protobuf__Any *m = ARENA_NEW(a, Google__Protobuf__Any);
    if (!m)
        return err_oom(e);
    google__protobuf__any__init(m);
    m->type_url = ctrd_str(any->type_url);
    m->value.len = any->value.n;
    m->value.data = (uint8_t *)any->value.p;
    *ret = m;
    return 0;
}

int ctrd_pack_mounts(const struct ctrd_mounts *mounts, struct arena *a, size_t *ret_n, Containerd__Types__Mount ***ret_v,
                     struct err *e)
{
    if (!mounts || mounts->n == 0)
        return 0;
    Containerd__Types__Mount **v = ARENA_NEW_N(a, Containerd__Types__Mount *, mounts->n);
    Containerd__Types__Mount *m = ARENA_NEW_N(a, Containerd__Types__Mount, mounts->n);
    if (!v || !m)
        return err_oom(e);
    for (size_t i = 0; i < mounts->n; i++) {
        containerd__types__mount__init(&m[i]);
        m[i].type = ctrd_str(mounts->v[i].type);
        m[i].source = ctrd_str(mounts->v[i].source);
        m[i].target = ctrd_str(mounts->v[i].target);
        m[i].n_options = mounts->v[i].options.n;
        m[i].options = mounts->v[i].options.v;
        v[i] = &m[i];
    }
    *ret_n = mounts->n;
    *ret_v = v;
    return 0;
}

int ctrd_pack_descriptor(const struct ctrd_descriptor *d, struct arena *a, Containerd__Types__Descriptor **ret, struct err *e)
{
    Containerd__Types__Descriptor *m = ARENA_NEW(a, Containerd__Types__Descriptor);
    if (!m)
        return err_oom(e);
    containerd__types__descriptor__init(m);
    m->media_type = ctrd_str(d->media_type);
    m->digest = ctrd_str(d->digest);
    m->size = d->size;
    TRY(ctrd_pack_labels(&d->annotations, &containerd__types__descriptor__annotations_entry__descriptor, a, &m->n_annotations,
                         &m->annotations, e));
    *ret = m;
    return 0;
}

void ctrd_pack_strings(const char *const *list, size_t *ret_n, char ***ret_v)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    *ret_n = n;
    *ret_v = (char **)list;
}

int ctrd_pack_mask(const char *const *fields, struct arena *a, Google__Protobuf__FieldMask **ret, struct err *e)
{
    Google__Protobuf__FieldMask *m = ARENA_NEW(a, Google__Protobuf__FieldMask);
    if (!m)
        return err_oom(e);
    google__protobuf__field_mask__init(m);
    ctrd_pack_strings(fields, &m->n_paths, &m->paths);
    *ret = m;
    return 0;
}

int ctrd_unpack_labels(size_t n, void *entries, struct arena *a, struct kvlist *ret, struct err *e)
{
    struct entry **m = entries;
    *ret = (struct kvlist){0};
    if (n == 0)
        return 0;
    struct kv *v = ARENA_NEW_N(a, struct kv, n);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < n; i++)
        v[i] = (struct kv){.key = m[i]->key, .value = m[i]->value};
    *ret = (struct kvlist){.v = v, .n = n, .cap = n};
    return 0;
}

void ctrd_unpack_any(const Google__Protobuf__Any *m, struct ctrd_any *ret)
{
    *ret = (struct ctrd_any){0};
    if (m) {
        ret->type_url = m->type_url;
        ret->value = view_make((const char *)m->value.data, m->value.len);
    }
}

int64_t ctrd_unpack_time(const Google__Protobuf__Timestamp *m)
{
    const int64_t second = (int64_t)NSEC_PER_SEC;
    if (!m || m->nanos < 0 || m->nanos >= second)
        return 0;
    if (m->seconds <= INT64_MIN / second || m->seconds >= INT64_MAX / second)
        return 0;
    return m->seconds * second + m->nanos;
}

int ctrd_unpack_mounts(size_t n, Containerd__Types__Mount **m, struct arena *a, struct ctrd_mounts *ret, struct err *e)
{
    *ret = (struct ctrd_mounts){0};
    if (n == 0)
        return 0;
    struct ctrd_mount *v = ARENA_NEW_N(a, struct ctrd_mount, n);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < n; i++) {
        v[i].type = m[i]->type;
        v[i].source = m[i]->source;
        v[i].target = m[i]->target;
        v[i].options = (struct strlist){.v = m[i]->options, .n = m[i]->n_options, .cap = m[i]->n_options};
    }
    *ret = (struct ctrd_mounts){.v = v, .n = n};
    return 0;
}

int ctrd_unpack_descriptor(const Containerd__Types__Descriptor *m, struct arena *a, struct ctrd_descriptor *ret, struct err *e)
{
    *ret = (struct ctrd_descriptor){.media_type = "", .digest = ""};
    if (!m)
        return 0;
    ret->media_type = m->media_type;
    ret->digest = m->digest;
    ret->size = m->size;
    return ctrd_unpack_labels(m->n_annotations, m->annotations, a, &ret->annotations, e);
}

void *ctrd_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    size_t want = *cap ? *cap * 2 : 16;
    void *p = arena_calloc(a, want, size);
    if (!p)
        return NULL;
    if (n > 0)
        memcpy(p, v, n * size);
    *cap = want;
    return p;
}
