/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See container.h.
 */
#include "cri/container.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "state/gojson.h"

int container_find(struct cri_service *s, const char *id, struct container **ret, struct err *e)
{
    struct container *c = NULL;
    TRY(container_get(&s->containers, id, &c, e));
    object_lock(&c->o);
    bool hidden = c->o.hidden;
    c->o.unclaimed_since = 0;
    object_unlock(&c->o);
    if (hidden) {
        container_unref(c);
        return err_raise(e, ERR_NOT_FOUND, "container \"%s\" not found", id);
    }
    *ret = c;
    return 0;
}

char *container_root_dir(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/containers/%s", s->config.root, id);
}

char *container_state_dir(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/containers/%s", s->config.state, id);
}

char *container_io_dir(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/containers/%s/io", s->config.state, id);
}

int container_files_remove(struct cri_service *s, const char *id, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(65536);
    char *root = container_root_dir(s, &a, id), *state = container_state_dir(s, &a, id);
    if (!root || !state)
        return err_oom(e);
    TRY(fs_remove_all(state, e));
    return fs_remove_all(root, e);
}

Runtime__V1__ContainerState container_state(const struct container *c)
{
    return container_status_state(&c->status);
}

static void end_saving(struct container *c)
{
    object_lock(&c->o);
    c->saving = false;
    object_changed(&c->o);
    object_unlock(&c->o);
}

/* Copies what is to be saved, and claims the file. */
static int begin_saving(struct container *c, struct arena *a, struct container_status *ret, Runtime__V1__ContainerResources **ret_resources,
                        struct err *e)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct ctx limit = ctx_with_timeout(&background, CRI_UNDO_LIMIT);
    int r = 0;
    object_lock(&c->o);
    while (c->saving && r == 0)
        r = object_wait(&c->o, &limit, "wait for another write of the status", e);
    *ret = c->status;
    *ret_resources = r == 0 && c->resources ? (Runtime__V1__ContainerResources *)message_dup(&c->resources->base, a) : NULL;
    if (r == 0 && c->resources && !*ret_resources)
        r = err_oom(e);
    if (r == 0)
        c->saving = true;
    object_unlock(&c->o);
    return r;
}

int container_checkpoint(struct cri_service *s, struct container *c, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct container_status status;
    Runtime__V1__ContainerResources *resources;
    char *dir = container_root_dir(s, &a, c->o.id);
    if (!dir)
        return err_oom(e);
    TRY(begin_saving(c, &a, &status, &resources, e));
    int r = container_status_store(dir, &status, resources, e);
    end_saving(c);
    return r;
}

static const char *exit_reason(const struct container *c, int32_t exit_code)
{
    return c->oom_killed ? CRI_REASON_OOM_KILLED : exit_code == 0 ? CRI_REASON_COMPLETED : CRI_REASON_ERROR;
}

int container_save_exit(struct cri_service *s, struct container *c, int32_t exit_code, int64_t exited_at, const char *reason, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct container_status status;
    Runtime__V1__ContainerResources *resources;
    char *dir = container_root_dir(s, &a, c->o.id);
    if (!dir)
        return err_oom(e);
    TRY(begin_saving(c, &a, &status, &resources, e));
    status.finished_at = exited_at > 0 ? exited_at : clock_real();
    status.pid = 0;
    status.exit_code = exit_code;
    snprintf(status.reason, sizeof status.reason, "%s", reason ? reason : exit_reason(c, exit_code));
    int r = container_status_store(dir, &status, resources, e);
    end_saving(c);
    return r;
}

void container_set_exited(struct cri_service *s, struct container *c, int32_t exit_code, int64_t exited_at, const char *reason, const char *message)
{
    object_lock(&c->o);
    c->status.finished_at = exited_at > 0 ? exited_at : clock_real();
    c->status.pid = 0;
    c->status.exit_code = exit_code;
    c->status.unknown = false;
    if (!reason)
        reason = exit_reason(c, exit_code);
    snprintf(c->status.reason, sizeof c->status.reason, "%s", reason);
    snprintf(c->status.message, sizeof c->status.message, "%s", message ? message : "");
    c->exiting = false;
    object_changed(&c->o);
    object_unlock(&c->o);
    struct err e = ERR_INIT;
    if (container_checkpoint(s, c, &e) < 0)
        log_error("container %s: its status is not saved: %s", c->o.id, e.message);
}

static void free_io(struct cio *io)
{
    cio_free(io);
}

void container_attach(struct container *c, struct cio *io)
{
    object_lock(&c->o);
    c->io = io;
    c->io_free = free_io;
    object_unlock(&c->o);
}

struct cio *container_detach(struct container *c)
{
    static const struct ctx background = CTX_BACKGROUND;
    object_lock(&c->o);
    while (c->io_busy)
        object_wait(&c->o, &background, "wait for who works with the streams", NULL);
    struct cio *io = TAKE_PTR(c->io);
    object_unlock(&c->o);
    return io;
}

int container_check_running(struct container *c, struct err *e)
{
    object_lock(&c->o);
    Runtime__V1__ContainerState state = container_state(c);
    object_unlock(&c->o);
    return state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING
               ? 0
               : err_raise(e, ERR_FAILED_PRECONDITION, "container \"%s\" is not running: it is in state %s", c->o.id,
                           container_state_name((int)state));
}

int container_claim_io(struct container *c, const struct ctx *ctx, struct cio **ret, struct err *e)
{
    int r = 0;
    object_lock(&c->o);
    while (c->io_busy && r == 0)
        r = object_wait(&c->o, ctx, "wait for somebody else who works with the container's streams", e);
    if (r == 0) {
        c->io_busy = true;
        *ret = c->io;
    }
    object_unlock(&c->o);
    return r;
}

void container_release_io(struct container *c)
{
    object_lock(&c->o);
    c->io_busy = false;
    object_changed(&c->o);
    object_unlock(&c->o);
}

static int reattach(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_process p;
    struct cio *io;
    TRY(ctrd_task_get(&s->ctrd, ctx, c->o.id, NULL, &a, &p, e));
    TRY(cio_reopen(s->pump, p.stdin_path, p.stdout_path, p.stderr_path, &io, e));
    int r = cio_log_to(io, c->meta.log_path, s->config.log_line_max, e);
    if (r < 0) {
        cio_detach(io);
        return r;
    }
    container_attach(c, io);
    return 0;
}

int cri_reattach(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    struct cio *io = NULL;
    TRY(container_claim_io(c, ctx, &io, e));
    object_lock(&c->o);
    bool ended = c->exiting || c->status.finished_at != 0; /* whose streams were just taken away must not get others */
    object_unlock(&c->o);
    int r = 0;
    if (!io && ended)
        r = err_raise(e, ERR_FAILED_PRECONDITION, "container \"%s\" is not running: it has just ended", c->o.id);
    else if (!io)
        r = reattach(s, ctx, c, e);
    container_release_io(c);
    return r;
}
