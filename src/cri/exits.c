/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exits.h. Deleting a task is what ends its shim and closes the write ends of its pipes, so the output is drained after it, under a
 * limit: a grandchild that keeps the pipe open must not hold up the container's end.
 */
#include "cri/exits.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cri/container.h"

/* A shim that is just ending closes its connection under the call; containerd knows of the end a moment later (containerd#2557). */
static int kill_patiently(struct cri_service *s, const struct ctx *ctx, const char *id, uint32_t signal, bool all, struct err *e)
{
    static const int pause_ms[] = {100, 400, 0};
    for (size_t i = 0;; i++) {
        int r = ctrd_task_kill(&s->ctrd, ctx, id, NULL, signal, all, e);
        if (r >= 0 || !strstr(e->message, "ttrpc: closed") || pause_ms[i] == 0)
            return r;
        struct pollfd cancelled = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN};
        poll(&cancelled, 1, pause_ms[i]);
        TRY(ctx_check(ctx, "send a signal", e));
        err_clear(e);
    }
}

int cri_task_kill(struct cri_service *s, const struct ctx *ctx, const char *id, uint32_t signal, bool all, struct err *e)
{
    int r = kill_patiently(s, ctx, id, signal, all, e);
    if (ctrd_is_not_found(r, e) || ctrd_is_process_finished(r, e)) {
        err_clear(e);
        return 1;
    }
    return r;
}

/* Deletes an ended task; a task that is gone is success. A shim that lost its task answers a second delete (containerd#7496, #8931). */
static int task_delete(struct cri_service *s, const struct ctx *ctx, const char *id, struct ctrd_exit *ret, struct err *e)
{
    int r = ctrd_task_delete(&s->ctrd, ctx, id, ret, e);
    if (ctrd_is_not_found(r, e)) {
        err_clear(e);
        return 1;
    }
    return r;
}

int cri_task_destroy(struct cri_service *s, const struct ctx *ctx, const char *id, struct err *e)
{
    struct ctrd_exit x;
    int r = task_delete(s, ctx, id, &x, e);
    if (r >= 0)
        return 0;
    err_clear(e);
    TRY(cri_task_kill(s, ctx, id, SIGKILL, true, e));
    r = ctrd_task_wait(&s->ctrd, ctx, id, NULL, &x, e);
    if (ctrd_is_not_found(r, e))
        return 0;
    TRY(r);
    r = task_delete(s, ctx, id, &x, e);
    return r < 0 ? r : 0;
}

void cri_task_left(struct object *o)
{
    object_lock(o);
    o->task_left = true;
    object_unlock(o);
}

int cri_task_destroy_left(struct cri_service *s, const struct ctx *ctx, struct object *o, struct err *e)
{
    object_lock(o);
    bool left = o->task_left;
    object_unlock(o);
    if (!left)
        return 0;
    TRY(cri_task_destroy(s, ctx, o->id, e));
    object_lock(o);
    o->task_left = false;
    object_unlock(o);
    return 0;
}

static void sandbox_ended(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb)
{
    struct err e = ERR_INIT;
    struct ctrd_exit x;
    object_lock(&sb->o);
    bool handled = sb->state == SANDBOX_STATE_NOTREADY;
    object_unlock(&sb->o);
    if (handled)
        return;
    if (task_delete(s, ctx, sb->o.id, &x, &e) < 0) {
        log_warning("sandbox %s has ended, but its task is not deleted: %s", sb->o.id, e.message);
        cri_task_left(&sb->o);
    }
    object_lock(&sb->o);
    sb->state = SANDBOX_STATE_NOTREADY;
    sb->pid = 0;
    object_changed(&sb->o);
    object_unlock(&sb->o);
}

static void container_ended(struct cri_service *s, const struct ctx *ctx, struct container *c, uint32_t exit_status, int64_t exited_at,
                            const char *reason)
{
    struct err e = ERR_INIT;
    struct ctrd_exit x;
    object_lock(&c->o);
    while (c->starting && object_wait(&c->o, ctx, "wait for StartContainer", &e) == 0)
        continue; /* a failed start has its own say about the exit code */
    err_clear(&e);
    bool handled = c->status.finished_at != 0 || c->exiting;
    c->exiting = true;
    object_unlock(&c->o);
    if (handled)
        return;
    /* The code is on disk before containerd forgets it: a daemon that is killed here still reports it. */
    if (container_save_exit(s, c, (int32_t)exit_status, exited_at, reason, &e) < 0)
        log_error("container %s: its exit is not saved: %s", c->o.id, e.message);
    if (task_delete(s, ctx, c->o.id, &x, &e) < 0) {
        log_warning("container %s has ended, but its task is not deleted: %s", c->o.id, e.message);
        cri_task_left(&c->o);
    }
    struct cio *io = container_detach(c);
    if (io) {
        struct ctx drain = ctx_with_timeout(ctx, CRI_DRAIN_LIMIT);
        if (cio_wait(io, &drain, &e) < 0)
            log_warning("container %s has ended, but its output is still open: %s", c->o.id, e.message);
        cio_free(io);
    }
    container_set_exited(s, c, (int32_t)exit_status, exited_at, reason, NULL);
}

static void handle(struct cri_service *s, const char *id, uint32_t exit_status, int64_t exited_at, const char *reason)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct ctx ctx = ctx_with_timeout(&background, CRI_UNDO_LIMIT);
    struct object *o;
    if (strlen(id) == ID_LEN && store_get(&s->sandboxes, id, &o, NULL) == 0) {
        sandbox_ended(s, &ctx, (struct sandbox *)o);
        object_unref(o);
    } else if (strlen(id) == ID_LEN && store_get(&s->containers, id, &o, NULL) == 0) {
        container_ended(s, &ctx, (struct container *)o, exit_status, exited_at, reason);
        object_unref(o);
    }
}

void cri_exit_handle(struct cri_service *s, const char *id, uint32_t exit_status, int64_t exited_at)
{
    handle(s, id, exit_status, exited_at, NULL);
}

int cri_exit_check(struct cri_service *s, const struct ctx *ctx, const char *id, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_process p;
    int r = ctrd_task_get(&s->ctrd, ctx, id, NULL, &a, &p, e);
    if (ctrd_is_not_found(r, e))
        handle(s, id, CRI_EXIT_UNKNOWN, clock_real(), CRI_REASON_UNKNOWN);
    else if (r < 0)
        return r;
    else if (p.status == CTRD_TASK_STOPPED)
        cri_exit_handle(s, id, p.exit_status, p.exited_at);
    return 0;
}

struct ctx cri_kill_limit(const struct ctx *ctx)
{
    return ctx->deadline == CLOCK_NEVER ? ctx_with_timeout(ctx, CRI_KILL_LIMIT) : *ctx;
}

static bool sandbox_is_over(struct object *o)
{
    return ((struct sandbox *)o)->state == SANDBOX_STATE_NOTREADY;
}

static bool container_is_over(struct object *o)
{
    return ((struct container *)o)->status.finished_at != 0;
}

/* Waits for the event; every exit_poll the task itself is looked at, in case the event was lost with the stream. */
static int wait_over(struct cri_service *s, const struct ctx *ctx, struct object *o, bool (*over)(struct object *), const char *what, struct err *e)
{
    for (;;) {
        struct ctx slice = ctx_with_timeout(ctx, s->config.exit_poll);
        object_lock(o);
        while (!over(o) && object_wait(o, &slice, what, e) == 0)
            continue;
        bool done = over(o);
        object_unlock(o);
        if (done) {
            err_clear(e);
            return 0;
        }
        err_clear(e);
        TRY(ctx_check(ctx, what, e));
        TRY(cri_exit_check(s, ctx, o->id, e));
    }
}

int cri_exit_wait_sandbox(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    char what[128];
    snprintf(what, sizeof what, "wait for sandbox \"%s\" to stop", sb->o.id);
    return wait_over(s, ctx, &sb->o, sandbox_is_over, what, e);
}

int cri_exit_wait_container(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    char what[128];
    snprintf(what, sizeof what, "wait for container \"%s\" to stop", c->o.id);
    return wait_over(s, ctx, &c->o, container_is_over, what, e);
}
