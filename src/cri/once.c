/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See once.h. The room for the id is taken before the work begins: nothing can fail between its end and the answer.
 */
#include "cri/once.h"

#include <stdio.h>

#include "cri/records.h"

int cri_once(struct cri_service *s, struct rpc_call *call, struct store *store, const char *name, const ProtobufCMessage *request, cri_once_fn work,
             void *arg, char **ret_id, struct err *e)
{
    struct view canonical;
    struct inflight_op *op;
    char result[INFLIGHT_RESULT_MAX];
    char *id = arena_alloc(&call->arena, CRI_ID_SIZE);
    if (!id)
        return err_oom(e);
    TRY(cri_message_canonical(request, &call->arena, &canonical, e));
    int r = inflight_begin(&s->inflight, name, canonical, &call->ctx, &op, result, e);
    if (r < 0)
        return r;
    if (r == 2)
        return -(int)e->code;
    if (r == 1) {
        snprintf(id, CRI_ID_SIZE, "%.*s", CRI_ID_SIZE - 1, result);
    } else {
        r = work(arg, name, id, e);
        if (r == 0)
            cri_mark_unclaimed(store, id, clock_mono());
        inflight_finish(&s->inflight, op, r, id, e);
        TRY(r);
    }
    if (!s->abandoned(call))
        cri_mark_unclaimed(store, id, 0); /* whoever still has a client claims it */
    *ret_id = id;
    return 0;
}
