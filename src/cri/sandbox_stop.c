/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StopPodSandbox: containers, pause process, network, each step repeatable. A sandbox that does not exist is success.
 */
#include <signal.h>
#include <string.h>

#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/sandbox.h"

static int kill_container(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    return container_stop(s, ctx, c, 0, e);
}

static int stop_network(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    object_lock(&sb->o);
    bool down = sb->network_down;
    object_unlock(&sb->o);
    if (down)
        return 0;
    TRY(sandbox_network_down(s, ctx, &sb->meta, e));
    object_lock(&sb->o);
    sb->network_down = true;
    object_unlock(&sb->o);
    return 0;
}

static bool pause_is_over(struct sandbox *sb)
{
    object_lock(&sb->o);
    bool over = sb->state == SANDBOX_STATE_NOTREADY;
    object_unlock(&sb->o);
    return over;
}

static int kill_pause(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    if (pause_is_over(sb))
        return 0;
    int r = cri_task_kill(s, ctx, sb->o.id, SIGKILL, true, e);
    return r == 1 ? cri_exit_check(s, ctx, sb->o.id, e) : r;
}

static int wait_for_pause(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    struct ctx limit = cri_kill_limit(ctx);
    return pause_is_over(sb) ? 0 : cri_exit_wait_sandbox(s, &limit, sb, e);
}

static int stop_steps(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(65536);
    TRY(sandbox_each_container(s, ctx, sb, kill_container, e));
    TRY(kill_pause(s, ctx, sb, e)); /* its end goes on beside the network's: the network namespace is pinned and does not need it */
    TRY(stop_network(s, ctx, sb, e));
    TRY(wait_for_pause(s, ctx, sb, e));
    char *shm = sandbox_shm_path(s, &a, sb->o.id);
    return shm ? s->os->unmount(shm, e) : err_oom(e);
}

int sandbox_stop(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    object_lock(&sb->o);
    int r = 0;
    while ((sb->stopping || sb->checking_network) && r == 0)
        r = object_wait(&sb->o, ctx, sb->stopping ? "wait for another StopPodSandbox" : "wait for the check of its network", e);
    if (r == 0)
        sb->stopping = true;
    object_unlock(&sb->o);
    TRY(r);
    r = stop_steps(s, ctx, sb, e);
    object_lock(&sb->o);
    sb->stopping = false;
    object_changed(&sb->o);
    object_unlock(&sb->o);
    return r < 0 ? err_wrap(e, r, "stop sandbox \"%s\"", sb->o.id) : 0;
}

int cri_stop_pod_sandbox(struct cri_service *s, struct rpc_call *call, const Runtime__V1__StopPodSandboxRequest *req,
                         Runtime__V1__StopPodSandboxResponse *resp, struct err *e)
{
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    int r = sandbox_find(s, req->pod_sandbox_id, &sb, e);
    if (r == -ERR_NOT_FOUND)
        return 0;
    TRY(r);
    return sandbox_stop(s, &call->ctx, sb, e);
}
