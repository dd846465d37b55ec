/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.diff.v1: containerd unpacks a layer from its content store onto mounts that a snapshotter gave.
 */
#include "containerd/diff_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Diff__V1__##name

int ctrd_op_diff_apply(void *user, const struct ctx *ctx, const struct ctrd_descriptor *layer, const struct ctrd_mounts *mounts,
                       struct arena *a, struct ctrd_descriptor *ret, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(ApplyRequest), q, CONTAINERD_METHOD_DIFF_APPLY);
    MSG(ApplyResponse) *p;
    int r = ctrd_pack_descriptor(layer, &scratch, &q.diff, e);
    if (r == 0)
        r = ctrd_pack_mounts(mounts, &scratch, &q.n_mounts, &q.mounts, e);
    if (r == 0)
        r = ctrd_call(user, ctx, CONTAINERD_METHOD_DIFF_APPLY, &q, a, &p, e);
    if (r == 0)
        r = p->applied ? ctrd_unpack_descriptor(p->applied, a, ret, e)
                       : ctrd_incomplete(CONTAINERD_METHOD_DIFF_APPLY, "a descriptor", e);
    return r < 0 ? err_wrap(e, r, "layer %s", layer->digest) : 0;
}
