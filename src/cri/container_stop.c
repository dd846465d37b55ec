/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StopContainer. The stop signal is sent once a container, however often the kubelet repeats the call; SIGKILL follows when the grace period is over.
 * A container that does not run, or does not exist, is success.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "parse/signal.h"

static int send_stop_signal(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    object_lock(&c->o);
    bool sent = c->stop_signaled;
    c->stop_signaled = true;
    object_unlock(&c->o);
    if (sent)
        return 0;
    int number = signal_number(view_of(c->meta.stop_signal));
    int r = cri_task_kill(s, ctx, c->o.id, number ? (uint32_t)number : SIGTERM, false, e);
    if (r < 0) {
        object_lock(&c->o);
        c->stop_signaled = false;
        object_unlock(&c->o);
    }
    return r;
}

/* True when there is nothing to stop. A start that is under way is waited for. */
static int is_over(struct container *c, const struct ctx *ctx, bool *ret, struct err *e)
{
    int r = 0;
    object_lock(&c->o);
    while (c->starting && r == 0)
        r = object_wait(&c->o, ctx, "wait for StartContainer", e);
    Runtime__V1__ContainerState state = container_state(c);
    object_unlock(&c->o);
    *ret = state != RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING && state != RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN;
    return r;
}

int container_stop(struct cri_service *s, const struct ctx *ctx, struct container *c, int64_t timeout, struct err *e)
{
    bool over;
    TRY(is_over(c, ctx, &over, e));
    if (over)
        return 0;
    if (timeout > 0) {
        uint64_t grace = timeout > (int64_t)(CLOCK_NEVER / 2 / NSEC_PER_SEC) ? CLOCK_NEVER / 2 : (uint64_t)timeout * NSEC_PER_SEC;
        struct ctx limit = ctx_with_timeout(ctx, grace);
        int r = send_stop_signal(s, ctx, c, e);
        TRY(r == 1 ? cri_exit_check(s, ctx, c->o.id, e) : r);
        r = cri_exit_wait_container(s, &limit, c, e);
        if (r == 0)
            return 0;
        if (r != -ERR_DEADLINE_EXCEEDED)
            return r;
        TRY(ctx_check(ctx, "StopContainer", e));
        err_clear(e);
    }
    int r = cri_task_kill(s, ctx, c->o.id, SIGKILL, true, e);
    if (r == 1)
        r = cri_exit_check(s, ctx, c->o.id, e);
    TRY(r);
    struct ctx limit = cri_kill_limit(ctx);
    return cri_exit_wait_container(s, &limit, c, e);
}

int cri_stop_container(struct cri_service *s, struct rpc_call *call, const Runtime__V1__StopContainerRequest *req,
                       Runtime__V1__StopContainerResponse *resp, struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    if (req->timeout < 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "timeout %" PRId64 " is negative", req->timeout);
    int r = container_find(s, req->container_id, &c, e);
    if (r == -ERR_NOT_FOUND)
        return 0;
    TRY(r);
    r = container_stop(s, &call->ctx, c, req->timeout, e);
    return r < 0 ? err_wrap(e, r, "stop container \"%s\"", c->o.id) : 0;
}
