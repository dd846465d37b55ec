/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.containers.v1: the records that make up this runtime's database.
 */
#include "containerd/containers_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Containers__V1__##name

static int pack_extensions(const struct ctrd_container *c, struct arena *a, MSG(Container) *m, struct err *e)
{
    if (c->n_extensions == 0)
        return 0;
    m->extensions = ARENA_NEW_N(a, MSG(Container__ExtensionsEntry) *, c->n_extensions);
    MSG(Container__ExtensionsEntry) *entries = ARENA_NEW_N(a, MSG(Container__ExtensionsEntry), c->n_extensions);
    if (!m->extensions || !entries)
        return err_oom(e);
    for (size_t i = 0; i < c->n_extensions; i++) {
        protobuf_c_message_init(&containerd__services__containers__v1__container__extensions_entry__descriptor, &entries[i]);
        entries[i].key = ctrd_str(c->extensions[i].key);
        TRY(ctrd_pack_any(&c->extensions[i].any, a, &entries[i].value, e));
        m->extensions[i] = &entries[i];
    }
    m->n_extensions = c->n_extensions;
    return 0;
}

static int pack(const struct ctrd_container *c, struct arena *a, MSG(Container) **ret, struct err *e)
{
    MSG(Container) *m = ARENA_NEW(a, MSG(Container));
    MSG(Container__Runtime) *runtime = ARENA_NEW(a, MSG(Container__Runtime));
    if (!m || !runtime)
        return err_oom(e);
    protobuf_c_message_init(&containerd__services__containers__v1__container__descriptor, m);
    protobuf_c_message_init(&containerd__services__containers__v1__container__runtime__descriptor, runtime);
    m->id = ctrd_str(c->id);
    m->image = ctrd_str(c->image);
    m->snapshotter = ctrd_str(c->snapshotter);
    m->snapshot_key = ctrd_str(c->snapshot_key);
    m->sandbox = ctrd_str(c->sandbox_id);
    runtime->name = ctrd_str(c->runtime_name);
    TRY(ctrd_pack_any(&c->runtime_options, a, &runtime->options, e));
    if (ctrd_given(c->runtime_name) || runtime->options)
        m->runtime = runtime;
    TRY(ctrd_pack_any(&c->spec, a, &m->spec, e));
    TRY(ctrd_pack_labels(&c->labels, &containerd__services__containers__v1__container__labels_entry__descriptor, a, &m->n_labels,
                         &m->labels, e));
    TRY(pack_extensions(c, a, m, e));
    *ret = m;
    return 0;
}

static int unpack(const MSG(Container) *m, struct arena *a, struct ctrd_container *ret, struct err *e)
{
    struct ctrd_container c = {
        .id = m->id,
        .image = m->image,
        .runtime_name = m->runtime ? m->runtime->name : "",
        .snapshotter = m->snapshotter,
        .snapshot_key = m->snapshot_key,
        .sandbox_id = m->sandbox,
        .created_at = ctrd_unpack_time(m->created_at),
        .updated_at = ctrd_unpack_time(m->updated_at),
    };
    TRY(ctrd_unpack_labels(m->n_labels, m->labels, a, &c.labels, e));
    ctrd_unpack_any(m->runtime ? m->runtime->options : NULL, &c.runtime_options);
    ctrd_unpack_any(m->spec, &c.spec);
    if (m->n_extensions > 0) {
        c.extensions = ARENA_NEW_N(a, struct ctrd_extension, m->n_extensions);
        if (!c.extensions)
            return err_oom(e);
        for (size_t i = 0; i < m->n_extensions; i++) {
            c.extensions[i].key = m->extensions[i]->key;
            ctrd_unpack_any(m->extensions[i]->value, &c.extensions[i].any);
        }
        c.n_extensions = m->n_extensions;
    }
    *ret = c;
    return 0;
}

int ctrd_op_container_get(void *user, const struct ctx *ctx, const char *id, struct arena *a, struct ctrd_container *ret,
                          struct err *e)
{
    CTRD_REQUEST(MSG(GetContainerRequest), q, CONTAINERD_METHOD_CONTAINERS_GET);
    MSG(GetContainerResponse) *p;
    q.id = ctrd_str(id);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_CONTAINERS_GET, &q, a, &p, e);
    if (r == 0)
        r = p->container ? unpack(p->container, a, ret, e) : ctrd_incomplete(CONTAINERD_METHOD_CONTAINERS_GET, "a container", e);
    return r < 0 ? err_wrap(e, r, "container \"%s\"", id) : 0;
}

/* A list that grows in the arena. */
struct list {
    struct ctrd_container *v;
    size_t n, cap;
};

static int list_add(struct list *l, const MSG(Container) *m, struct arena *a, struct err *e)
{
    struct ctrd_container *v = ctrd_grow(a, l->v, l->n, &l->cap, sizeof(*v));
    if (!v)
        return err_oom(e);
    l->v = v;
    TRY(unpack(m, a, &v[l->n], e));
    l->n++;
    return 0;
}

static int list_stream(void *user, const struct ctx *ctx, const MSG(ListContainersRequest) *q, struct arena *a, struct list *l,
                       struct err *e)
{
    struct ctrd_stream st;
    MSG(ListContainerMessage) *p;
    TRY(ctrd_stream_ask(&st, user, ctx, CONTAINERD_METHOD_CONTAINERS_LIST_STREAM, q, e));
    int r;
    while ((r = ctrd_stream_recv(&st, ctx, a, &p, e)) > 0) {
        if (p->container)
            r = list_add(l, p->container, a, e);
        if (r < 0)
            break;
    }
    ctrd_stream_close(&st);
    return r;
}

/* For a containerd, or a proxy before it, without the streaming call. */
static int list_whole(void *user, const struct ctx *ctx, const MSG(ListContainersRequest) *q, struct arena *a, struct list *l,
                      struct err *e)
{
    MSG(ListContainersResponse) *p;
    TRY(ctrd_call(user, ctx, CONTAINERD_METHOD_CONTAINERS_LIST, q, a, &p, e));
    for (size_t i = 0; i < p->n_containers; i++)
        TRY(list_add(l, p->containers[i], a, e));
    return 0;
}

int ctrd_op_container_list(void *user, const struct ctx *ctx, const char *const *filters, struct arena *a,
                           struct ctrd_container **ret, size_t *ret_n, struct err *e)
{
    CTRD_REQUEST(MSG(ListContainersRequest), q, CONTAINERD_METHOD_CONTAINERS_LIST_STREAM);
    ctrd_pack_strings(filters, &q.n_filters, &q.filters);
    struct list l = {0};
    int r = list_stream(user, ctx, &q, a, &l, e);
    if (r == -ERR_UNIMPLEMENTED && l.n == 0) {
        err_clear(e);
        r = list_whole(user, ctx, &q, a, &l, e);
    }
    if (r < 0)
        return err_wrap(e, r, "list of containers");
    *ret = l.v;
    *ret_n = l.n;
    return 0;
}

int ctrd_op_container_create(void *user, const struct ctx *ctx, const struct ctrd_container *c, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(CreateContainerRequest), q, CONTAINERD_METHOD_CONTAINERS_CREATE);
    int r = pack(c, &scratch, &q.container, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_CONTAINERS_CREATE, &q, e);
    return r < 0 ? err_wrap(e, r, "container \"%s\"", c->id) : 0;
}

int ctrd_op_container_update(void *user, const struct ctx *ctx, const struct ctrd_container *c, const char *const *fields,
                             struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(UpdateContainerRequest), q, CONTAINERD_METHOD_CONTAINERS_UPDATE);
    int r = pack(c, &scratch, &q.container, e);
    if (r == 0)
        r = ctrd_pack_mask(fields, &scratch, &q.update_mask, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_CONTAINERS_UPDATE, &q, e);
    return r < 0 ? err_wrap(e, r, "container \"%s\"", c->id) : 0;
}

int ctrd_op_container_delete(void *user, const struct ctx *ctx, const char *id, struct err *e)
{
    CTRD_REQUEST(MSG(DeleteContainerRequest), q, CONTAINERD_METHOD_CONTAINERS_DELETE);
    q.id = ctrd_str(id);
    int r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_CONTAINERS_DELETE, &q, e);
    return r < 0 ? err_wrap(e, r, "container \"%s\"", id) : 0;
}
