/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReopenContainerLog: the kubelet has renamed the log file and asks for a new one at the old path. Without a log path there is nothing to do.
 */
#include "cri/container.h"
#include "cri/handlers.h"

/* Claims the streams of a container that runs, so that an exit that comes now does not free them. */
static int claim(struct container *c, const struct ctx *ctx, struct cio **ret, struct err *e)
{
    int r = 0;
    object_lock(&c->o);
    while (c->io_busy && r == 0)
        r = object_wait(&c->o, ctx, "wait for another ReopenContainerLog", e);
    if (r == 0) {
        c->io_busy = true;
        *ret = c->io;
    }
    object_unlock(&c->o);
    return r;
}

static void release(struct container *c)
{
    object_lock(&c->o);
    c->io_busy = false;
    object_changed(&c->o);
    object_unlock(&c->o);
}

int cri_reopen_container_log(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ReopenContainerLogRequest *req,
                             Runtime__V1__ReopenContainerLogResponse *resp, struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    struct cio *io = NULL;
    TRY(container_find(s, req->container_id, &c, e));
    TRY(container_check_running(c, e));
    TRY(claim(c, &call->ctx, &io, e));
    /* The state was looked at before: the streams are gone when the container has ended, or was never attached to. */
    int r = io ? cio_log_reopen(io, e) : err_raise(e, ERR_FAILED_PRECONDITION, "the output of container \"%s\" is not being read", c->o.id);
    release(c);
    return r < 0 ? err_wrap(e, r, "reopen the log of container \"%s\"", c->o.id) : 0;
}
