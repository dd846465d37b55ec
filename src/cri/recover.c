/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See recover.h. One list of records and one list of tasks; a task is looked at by itself only when it runs and its pipes must be found again.
 */
#include "cri/recover.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cri/container.h"
#include "cri/exits.h"
#include "cri/sandbox.h"
#include "cri/stored.h"

struct recovery {
    struct cri_service *s;
    const struct ctx *ctx;
    struct arena *arena;
    struct ctrd_processes tasks;
    struct cri_recovered *ret;
};

static const struct ctrd_process *find_task(const struct recovery *r, const char *id)
{
    for (size_t i = 0; i < r->tasks.n; i++)
        if (strcmp(r->tasks.v[i].container_id, id) == 0)
            return &r->tasks.v[i];
    return NULL;
}

static void set_aside(struct recovery *r, const char *what, const char *id, const struct err *e)
{
    log_error("%s %s cannot be recovered and is set aside: %s", what, id, e->message);
    r->ret->set_aside++;
    r->s->set_aside = true;
}

/* Two live records with one name: the newer keeps it (records are added newest first), the older goes on under its id, so that the kubelet can see and
 * remove it. */
static int add(struct recovery *r, struct store *store, struct object *o, struct err *e)
{
    int k = store_add(store, o, e);
    if (k != -ERR_ALREADY_EXISTS)
        return k;
    log_warning("%s %s: %s; it is kept under its id", store->what, o->id, e->message);
    o->name = o->id;
    err_clear(e);
    return store_add(store, o, e);
}

/* Its handler may be another one by now, or be gone. */
static int take_snapshotter(const struct recovery *r, struct object *o, const struct ctrd_container *record, struct err *e)
{
    o->snapshotter = record->snapshotter[0] ? arena_strdup(&o->arena, record->snapshotter) : r->s->config.snapshotter;
    return o->snapshotter ? 0 : err_oom(e);
}

static int sandbox_state_from_task(struct recovery *r, struct sandbox *sb, struct err *e)
{
    const struct ctrd_process *task = find_task(r, sb->o.id);
    sb->state = SANDBOX_STATE_NOTREADY;
    if (!task)
        return 0;
    if (task->status == CTRD_TASK_RUNNING || task->status == CTRD_TASK_PAUSED || task->status == CTRD_TASK_PAUSING) {
        sb->state = SANDBOX_STATE_READY;
        sb->pid = task->pid;
        return 0;
    }
    sb->o.hidden = task->status == CTRD_TASK_CREATED; /* it never ran: its making was interrupted */
    struct err destroy_err = ERR_INIT;
    if (cri_task_destroy(r->s, r->ctx, sb->o.id, &destroy_err) < 0) {
        log_warning("sandbox %s: its task is not deleted: %s", sb->o.id, destroy_err.message);
        cri_task_left(&sb->o);
    }
    return 0;
}

static int recover_sandbox(struct recovery *r, const struct ctrd_container *record, struct err *e)
{
    _cleanup_sandbox_ struct sandbox *sb = sandbox_new();
    if (!sb)
        return err_oom(e);
    TRY(stored_sandbox(record, &sb->o.arena, &sb->meta, e));
    sb->o.id = sb->meta.id;
    sb->o.name = sb->meta.name;
    sb->created_at = record->created_at;
    sb->image_name = arena_strdup(&sb->o.arena, record->image);
    if (!sb->image_name)
        return err_oom(e);
    TRY(take_snapshotter(r, &sb->o, record, e));
    sb->network_down = sb->meta.netns_path[0] == '\0';
    TRY(sandbox_state_from_task(r, sb, e));
    TRY(add(r, &r->s->sandboxes, &sb->o, e));
    r->ret->sandboxes++;
    return 0;
}

/* What recovery found out must be what the next one reads. */
static void checkpoint(struct recovery *r, struct container *c)
{
    struct err e = ERR_INIT;
    if (container_checkpoint(r->s, c, &e) < 0)
        log_error("container %s: its status is not saved: %s", c->o.id, e.message);
}

/* What the status file says, set right by what the task says (part 3.6 of the take-over contract in ARCHITECTURE.md). */
static void container_state_from_task(struct recovery *r, struct container *c)
{
    const struct ctrd_process *task = find_task(r, c->o.id);
    Runtime__V1__ContainerState state = container_state(c);
    struct err e = ERR_INIT;
    if (task && state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED) {
        /* Its end was told already, with code and reason: what is left of the task goes. */
        if (cri_task_destroy(r->s, r->ctx, c->o.id, &e) < 0) {
            log_warning("container %s: its task is not deleted: %s", c->o.id, e.message);
            cri_task_left(&c->o);
        }
    } else if (task && (task->status == CTRD_TASK_RUNNING || task->status == CTRD_TASK_PAUSED || task->status == CTRD_TASK_PAUSING)) {
        bool unsaved = c->status.unknown || c->status.started_at == 0;
        c->status.unknown = false;
        if (c->status.started_at == 0)
            c->status.started_at = clock_real();
        c->status.pid = task->pid;
        if (cri_reattach(r->s, r->ctx, c, &e) < 0)
            log_error("container %s: its output is not read: %s", c->o.id, e.message);
        if (unsaved)
            checkpoint(r, c);
    } else if (task && task->status == CTRD_TASK_STOPPED) {
        struct ctrd_exit x = {.status = task->exit_status, .exited_at = task->exited_at};
        if (ctrd_task_delete(&r->s->ctrd, r->ctx, c->o.id, &x, &e) < 0) {
            log_warning("container %s: its task is not deleted: %s", c->o.id, e.message);
            cri_task_left(&c->o);
        }
        if (c->status.started_at == 0)
            c->status.started_at = c->status.created_at;
        container_set_exited(r->s, c, (int32_t)x.status, x.exited_at, NULL, NULL);
    } else if (task) {
        if (cri_task_destroy(r->s, r->ctx, c->o.id, &e) < 0) {
            log_warning("container %s: its task is not deleted: %s", c->o.id, e.message);
            cri_task_left(&c->o);
        }
        c->status.pid = 0;
        c->status.started_at = 0;
        if (!c->status.unknown)
            checkpoint(r, c);
    } else if (state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING) {
        container_set_exited(r->s, c, CRI_EXIT_UNKNOWN, clock_real(), CRI_REASON_UNKNOWN, "its task is gone");
    }
}

static int recover_container(struct recovery *r, const struct ctrd_container *record, struct err *e)
{
    _cleanup_container_ struct container *c = container_new();
    if (!c)
        return err_oom(e);
    TRY(stored_container(record, &c->o.arena, &c->meta, e));
    c->o.id = c->meta.id;
    c->o.name = c->meta.name;
    c->tty = c->meta.config->tty;
    TRY(take_snapshotter(r, &c->o, record, e));
    char *dir = container_root_dir(r->s, r->arena, c->o.id);
    if (!dir)
        return err_oom(e);
    struct err status_err = ERR_INIT;
    if (container_status_load(dir, &c->status, &c->resources_arena, &c->resources, &status_err) < 0) {
        log_warning("container %s: its status is unknown: %s", c->o.id, status_err.message);
        c->status = (struct container_status){.created_at = record->created_at, .unknown = true};
    }
    container_state_from_task(r, c);
    TRY(add(r, &r->s->containers, &c->o, e));
    r->ret->containers++;
    return 0;
}

static int newest_first(const void *x, const void *y)
{
    const struct ctrd_container *a = x, *b = y;
    return (a->created_at < b->created_at) - (a->created_at > b->created_at);
}

static int recover_kind(struct recovery *r, const char *kind, int (*one)(struct recovery *, const struct ctrd_container *, struct err *), struct err *e)
{
    struct ctrd_container *records;
    size_t n;
    TRY(stored_list(&r->s->ctrd, r->ctx, kind, r->arena, &records, &n, e));
    if (n > 1)
        qsort(records, n, sizeof *records, newest_first);
    for (size_t i = 0; i < n; i++) {
        struct err one_err = ERR_INIT;
        if (one(r, &records[i], &one_err) < 0)
            set_aside(r, kind, records[i].id, &one_err);
    }
    return 0;
}

int cri_recover(struct cri_service *s, const struct ctx *ctx, struct cri_recovered *ret, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)1 << 30); /* every record of the node, once */
    struct recovery r = {.s = s, .ctx = ctx, .arena = &a, .ret = ret};
    *ret = (struct cri_recovered){0};
    size_t skipped;
    TRY(ctrd_task_list(&s->ctrd, ctx, &a, &r.tasks, e));
    TRY(recover_kind(&r, META_KIND_SANDBOX, recover_sandbox, e));
    TRY(recover_kind(&r, META_KIND_CONTAINER, recover_container, e));
    TRY(image_store_load(s->images, ctx, &skipped, e));
    ret->images = image_store_count(s->images);
    return 0;
}
