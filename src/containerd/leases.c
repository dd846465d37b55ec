/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.leases.v1: what is made under a lease is kept by the garbage collector as long as the lease is there.
 */
#include "containerd/leases_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Leases__V1__##name

int ctrd_op_lease_create(void *user, const struct ctx *ctx, const char *id, const struct kvlist *labels, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(CreateRequest), q, CONTAINERD_METHOD_LEASES_CREATE);
    q.id = ctrd_str(id);
    int r = ctrd_pack_labels(labels, &containerd__services__leases__v1__create_request__labels_entry__descriptor, &scratch,
                             &q.n_labels, &q.labels, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_LEASES_CREATE, &q, e);
    return r < 0 ? err_wrap(e, r, "lease \"%s\"", id) : 0;
}

int ctrd_op_lease_delete(void *user, const struct ctx *ctx, const char *id, bool sync, struct err *e)
{
    CTRD_REQUEST(MSG(DeleteRequest), q, CONTAINERD_METHOD_LEASES_DELETE);
    q.id = ctrd_str(id);
    q.sync = sync;
    int r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_LEASES_DELETE, &q, e);
    return r < 0 ? err_wrap(e, r, "lease \"%s\"", id) : 0;
}

int ctrd_op_lease_list(void *user, const struct ctx *ctx, struct arena *a, struct ctrd_leases *ret, struct err *e)
{
    CTRD_REQUEST(MSG(ListRequest), q, CONTAINERD_METHOD_LEASES_LIST);
    MSG(ListResponse) *p;
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_LEASES_LIST, &q, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "list of leases");
    struct ctrd_lease *v = ARENA_NEW_N(a, struct ctrd_lease, p->n_leases + 1);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < p->n_leases; i++) {
        v[i].id = p->leases[i]->id;
        v[i].created_at = ctrd_unpack_time(p->leases[i]->created_at);
        TRY(ctrd_unpack_labels(p->leases[i]->n_labels, p->leases[i]->labels, a, &v[i].labels, e));
    }
    *ret = (struct ctrd_leases){.v = v, .n = p->n_leases};
    return 0;
}
