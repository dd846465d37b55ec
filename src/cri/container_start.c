/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StartContainer: pipes, log, task. A start that fails leaves the container EXITED with reason StartError, code 128 and the cause as its message,
 * which is what the kubelet shows to its user.
 */
#include <string.h>

#include "base/log.h"
#include "base/undo.h"
#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/records.h"
#include "cri/sandbox.h"

static int open_streams(struct cri_service *s, struct container *c, struct arena *a, struct cio **ret, struct err *e)
{
    char *dir = container_io_dir(s, a, c->o.id);
    if (!dir)
        return err_oom(e);
    struct cio_config config = {.dir = dir, .id = c->o.id, .want_stdin = c->meta.config->stdin, .terminal = c->tty};
    TRY(cio_new(s->pump, &config, ret, e));
    int r = cio_log_to(*ret, c->meta.log_path, s->config.log_line_max, e);
    if (r < 0)
        cio_free(TAKE_PTR(*ret));
    return r;
}

/* The task's pipes belong to the container before the process runs: its end may be told before task_start answers. */
static int start_task(struct cri_service *s, const struct ctx *ctx, const struct runtime_handler *handler, struct container *c, struct arena *a,
                      struct err *e)
{
    struct ctrd_task_create t = {.container_id = c->o.id, .terminal = c->tty};
    uint32_t pid;
    TRY(ctrd_snapshot_mounts(&s->ctrd, ctx, c->o.snapshotter, c->o.id, a, &t.rootfs, e));
    TRY(runtime_handler_options(handler, a, &t.options, e));
    struct cio *io;
    TRY(open_streams(s, c, a, &io, e));
    t.stdin_path = cio_stdin_path(io);
    t.stdout_path = cio_stdout_path(io);
    t.stderr_path = cio_stderr_path(io);
    container_attach(c, io);
    TRY(ctrd_task_create(&s->ctrd, ctx, &t, &pid, e));
    object_lock(&c->o);
    c->status.pid = pid;
    c->status.started_at = clock_real();
    object_unlock(&c->o);
    return ctrd_task_start(&s->ctrd, ctx, c->o.id, NULL, &pid, e);
}

/* Claims the start of a container that is CREATED. A repeat waits for the start that is under way and is then told that it runs. */
static int claim(struct container *c, const struct ctx *ctx, struct err *e)
{
    int r = 0;
    object_lock(&c->o);
    while ((c->starting || c->updating) && r == 0)
        r = object_wait(&c->o, ctx, "wait for another StartContainer or UpdateContainerResources", e);
    Runtime__V1__ContainerState state = container_state(c);
    if (r == 0 && c->removed)
        r = err_raise(e, ERR_NOT_FOUND, "container \"%s\" not found", c->o.id);
    else if (r == 0 && c->removing)
        r = err_raise(e, ERR_FAILED_PRECONDITION, "container \"%s\" is being removed", c->o.id);
    else if (r == 0 && state != RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED)
        r = err_raise(e, ERR_FAILED_PRECONDITION, "container \"%s\" is in state %s, expected %s", c->o.id, container_state_name((int)state),
                      container_state_name(RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED));
    else if (r == 0)
        c->starting = true;
    object_unlock(&c->o);
    return r;
}

static void release(struct container *c)
{
    object_lock(&c->o);
    c->starting = false;
    object_changed(&c->o);
    object_unlock(&c->o);
}

static int check_sandbox(struct cri_service *s, const struct container *c, const struct runtime_handler **ret, struct err *e)
{
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    TRY(sandbox_get(&s->sandboxes, c->meta.sandbox_id, &sb, e));
    object_lock(&sb->o);
    bool ready = sb->state == SANDBOX_STATE_READY && !sb->stopping && !sb->removing;
    object_unlock(&sb->o);
    return ready ? runtime_handler_of_pod(&s->handlers, sb->meta.config, sb->meta.runtime_handler, ret, e)
                 : err_raise(e, ERR_FAILED_PRECONDITION, "sandbox \"%s\" of container \"%s\" is not running", sb->o.id, c->o.id);
}

static void start_failed(struct cri_service *s, struct container *c, const struct err *cause)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct ctx limit = ctx_with_timeout(&background, CRI_UNDO_LIMIT);
    struct err ignored = ERR_INIT;
    if (cri_task_destroy(s, &limit, c->o.id, &ignored) < 0)
        cri_task_left(&c->o);
    cio_free(container_detach(c));
    if (cause->code == ERR_CANCELLED) { /* the daemon stops; the kubelet will ask again */
        object_lock(&c->o);
        c->status.pid = 0;
        c->status.started_at = 0;
        object_unlock(&c->o);
        return;
    }
    container_set_exited(s, c, CRI_EXIT_START_ERROR, clock_real(), CRI_REASON_START_ERROR, cause->message);
}

int cri_start_container(struct cri_service *s, struct rpc_call *call, const Runtime__V1__StartContainerRequest *req,
                        Runtime__V1__StartContainerResponse *resp, struct err *e)
{
    struct ctx ctx = cri_background(s, CRI_RUN_LIMIT);
    _cleanup_container_ struct container *c = NULL;
    TRY(container_find(s, req->container_id, &c, e));
    TRY(claim(c, &call->ctx, e));
    const struct runtime_handler *handler;
    int r = check_sandbox(s, c, &handler, e);
    if (r == 0) {
        r = start_task(s, &ctx, handler, c, &call->arena, e);
        if (r < 0) {
            err_wrap(e, r, "start container \"%s\"", c->o.id);
            start_failed(s, c, e);
        } else {
            /* It runs, and recovery would find that out from its task. */
            struct err not_saved = ERR_INIT;
            if (container_checkpoint(s, c, &not_saved) < 0)
                log_error("container %s: its status is not saved: %s", c->o.id, not_saved.message);
        }
    }
    release(c);
    return r;
}
