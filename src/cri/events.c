/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See events.h. Exits are handled on the background pool, so that one container whose last output is slow does not hold up another's end.
 */
#include "cri/events.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cri/container.h"
#include "cri/exits.h"
#include "cri/sandbox.h"
#include "oci/constants.h"

#define HOUSE_LIMIT (60 * NSEC_PER_SEC)

struct cri_events {
    struct cri_service *s;
    pthread_t thread;
    struct cancel cancel;
};

static const char *const event_filters[] = {
    "namespace==" OCI_CONTAINERD_NAMESPACE ",topic==\"/tasks/exit\"",
    "namespace==" OCI_CONTAINERD_NAMESPACE ",topic==\"/tasks/oom\"",
    "namespace==" OCI_CONTAINERD_NAMESPACE ",topic~=\"^/images/\"",
    NULL,
};

struct exit_job {
    struct cri_service *s;
    uint32_t status;
    int64_t at;
    char id[]; /* container id */
};

static void run_exit_job(void *arg)
{
    struct exit_job *job = arg;
    cri_exit_handle(job->s, job->id, job->status, job->at);
    mem_free(job);
}

static void submit_exit(struct cri_service *s, const struct ctrd_event_info *info)
{
    size_t n = strlen(info->container_id) + 1;
    struct exit_job *job = mem_alloc(sizeof *job + n);
    struct err e = ERR_INIT;
    if (job) {
        *job = (struct exit_job){.s = s, .status = info->exit_status, .at = info->exited_at};
        memcpy(job->id, info->container_id, n);
        if (executor_submit(s->background, EXEC_FAST, run_exit_job, job, &e) == 0)
            return;
        mem_free(job);
    }
    cri_exit_handle(s, info->container_id, info->exit_status, info->exited_at); /* late is better than never */
}

/* The kernel's message may come after the exit that it caused. */
static void note_oom(struct cri_service *s, const char *id)
{
    struct container *c = NULL;
    struct err e = ERR_INIT;
    if (strlen(id) != ID_LEN || container_get(&s->containers, id, &c, &e) < 0)
        return;
    object_lock(&c->o);
    c->oom_killed = true;
    bool late = c->status.finished_at != 0 && c->status.exit_code == CRI_EXIT_KILLED && strcmp(c->status.reason, CRI_REASON_ERROR) == 0;
    if (late)
        snprintf(c->status.reason, sizeof c->status.reason, "%s", CRI_REASON_OOM_KILLED);
    object_unlock(&c->o);
    if (late && container_checkpoint(s, c, &e) < 0)
        log_warning("container %s: its status is not saved: %s", id, e.message);
    container_unref(c);
}

static void update_image(struct cri_service *s, const char *name)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct ctx ctx = ctx_with_timeout(&background, CRI_UNDO_LIMIT);
    struct err e = ERR_INIT;
    if (image_store_update(s->images, &ctx, name, &e) < 0)
        log_warning("image %s has changed, but cannot be read: %s", name, e.message);
}

void cri_event_handle(struct cri_service *s, const struct ctrd_event *event)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_event_info info;
    struct err e = ERR_INIT;
    if (ctrd_event_decode(event, &a, &info, &e) < 0) {
        log_warning("event %s of containerd cannot be read: %s", event->topic, e.message);
        return;
    }
    if (info.kind == CTRD_EVENT_TASK_EXIT && strcmp(info.container_id, info.process_id) == 0)
        submit_exit(s, &info);
    else if (info.kind == CTRD_EVENT_TASK_OOM)
        note_oom(s, info.container_id);
    else if (info.kind == CTRD_EVENT_IMAGE)
        update_image(s, info.image_name);
}

/* True when the object is believed to have a task. */
static bool sandbox_runs(struct object *o)
{
    struct sandbox *sb = (struct sandbox *)o;
    object_lock(o);
    bool runs = sb->state == SANDBOX_STATE_READY;
    object_unlock(o);
    return runs;
}

static bool container_runs(struct object *o)
{
    struct container *c = (struct container *)o;
    object_lock(o);
    bool runs = container_state(c) == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING && !c->starting;
    object_unlock(o);
    return runs;
}

/* True when containerd says that this task runs. */
static bool task_runs(const struct ctrd_processes *tasks, const char *id)
{
    for (size_t i = 0; i < tasks->n; i++)
        if (strcmp(tasks->v[i].container_id, id) == 0)
            return tasks->v[i].status != CTRD_TASK_STOPPED;
    return false;
}

/* A container whose pipes could not be opened at start (its log directory was not there yet) would block once they are full. */
static void reattach_lost(struct cri_service *s, const struct ctx *ctx, struct container *c)
{
    struct err e = ERR_INIT;
    if (cri_reattach(s, ctx, c, &e) < 0)
        log_warning("container %s: its output is not read: %s", c->o.id, e.message);
}

static void resync_store(struct cri_service *s, const struct ctx *ctx, const struct ctrd_processes *tasks, struct store *store,
                         bool (*runs)(struct object *))
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    struct err e = ERR_INIT;
    if (store_list(store, &a, &list, &n, &e) < 0) {
        log_error("tasks are not looked at again: %s", e.message);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bool believed = runs(list[i]), found = task_runs(tasks, list[i]->id);
        if (believed && !found && cri_exit_check(s, ctx, list[i]->id, &e) < 0)
            log_warning("%s %s: its task cannot be looked at: %s", store->what, list[i]->id, e.message);
        if (believed && found && store == &s->containers)
            reattach_lost(s, ctx, (struct container *)list[i]);
        object_unref(list[i]);
    }
}

void cri_events_resync(struct cri_service *s, const struct ctx *ctx)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct ctrd_processes tasks;
    struct err e = ERR_INIT;
    if (ctrd_task_list(&s->ctrd, ctx, &a, &tasks, &e) < 0) {
        log_warning("tasks are not looked at: %s", e.message);
        return;
    }
    resync_store(s, ctx, &tasks, &s->sandboxes, sandbox_runs);
    resync_store(s, ctx, &tasks, &s->containers, container_runs);
}

static bool is_unclaimed(struct object *o, uint64_t now)
{
    object_lock(o);
    bool yes = o->unclaimed_since != 0 && now - o->unclaimed_since >= CRI_UNCLAIMED_LIMIT;
    object_unlock(o);
    return yes;
}

static void remove_unclaimed_in(struct cri_service *s, const struct ctx *ctx, struct store *store, bool sandboxes)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    struct err e = ERR_INIT;
    if (store_list(store, &a, &list, &n, &e) < 0)
        return; /* tried again in a minute */
    uint64_t now = clock_mono();
    for (size_t i = 0; i < n; i++) {
        if (is_unclaimed(list[i], now)) {
            log_info("%s %s was made for a client that never came back for it: removed", store->what, list[i]->id);
            int r = sandboxes ? sandbox_remove(s, ctx, (struct sandbox *)list[i], &e) : container_remove(s, ctx, (struct container *)list[i], &e);
            if (r < 0)
                log_warning("%s %s is not removed: %s", store->what, list[i]->id, e.message);
        }
        object_unref(list[i]);
    }
}

void cri_remove_unclaimed(struct cri_service *s, const struct ctx *ctx)
{
    remove_unclaimed_in(s, ctx, &s->containers, false);
    remove_unclaimed_in(s, ctx, &s->sandboxes, true);
}

/* A pod that exists, even one that is being made or taken down, keeps its network. */
static bool has_network(void *user, const char *id)
{
    struct cri_service *s = user;
    struct object *o;
    if (store_get(&s->sandboxes, id, &o, NULL) < 0)
        return false;
    object_unref(o);
    return true;
}

static void collect_of(struct cri_service *s, const struct ctx *ctx, struct cni *cni)
{
    struct err e = ERR_INIT;
    size_t removed = 0;
    if (cni_gc(cni, ctx, has_network, s, &removed, &e) < 0 && strcmp(s->network_left, e.message) != 0) {
        log_warning("networks of pods that are gone are not all removed: %s", e.message);
        snprintf(s->network_left, sizeof s->network_left, "%s", e.message); /* told once, tried every minute */
    }
    if (removed > 0)
        log_info("removed the networks of %zu pods that are gone", removed);
}

void cri_collect_networks(struct cri_service *s, const struct ctx *ctx)
{
    if (s->set_aside)
        return; /* a pod whose record cannot be read may run, and nobody knows which network is its */
    collect_of(s, ctx, s->cni);
    for (size_t i = 0; i < s->n_networks; i++)
        collect_of(s, ctx, s->networks[i].cni);
}

/* What may take long, since network plugins run: never on the thread that follows the events, and one at a time. */
static void run_house_job(void *arg)
{
    struct cri_service *s = arg;
    struct ctx ctx = cri_background(s, HOUSE_LIMIT);
    cri_remove_unclaimed(s, &ctx);
    cri_collect_networks(s, &ctx);
    atomic_store(&s->house_busy, false);
}

static void keep_house(struct cri_service *s, const struct ctx *ctx)
{
    struct err e = ERR_INIT;
    cri_events_resync(s, ctx);
    if (atomic_exchange(&s->house_busy, true))
        return;
    if (executor_submit(s->background, EXEC_SLOW, run_house_job, s, &e) < 0)
        atomic_store(&s->house_busy, false); /* tried again in a minute */
}

/* Follows the stream until it breaks. Once a minute its reads give way to the housekeeping, the first time after a second: containerd does not
 * say when a subscription has begun, so an exit beside its beginning is found by looking once more. */
static int follow(struct cri_events *ev, struct ctrd_events *stream, const struct ctx *forever, struct err *e)
{
    struct ctx until = {.deadline = clock_deadline(NSEC_PER_SEC), .cancel = forever->cancel};
    for (;;) {
        _cleanup_arena_ struct arena a = ARENA_INIT(16 << 20);
        struct ctrd_event event;
        int r = clock_mono() < until.deadline ? ctrd_events_next(&ev->s->ctrd, &until, stream, &a, &event, e) : -ERR_DEADLINE_EXCEEDED;
        if (r > 0) {
            cri_event_handle(ev->s, &event);
            atomic_fetch_add(&ev->s->event_state.handled, 1);
        } else if (r == -ERR_DEADLINE_EXCEEDED && ctx_check(forever, "events", e) == 0) {
            keep_house(ev->s, forever);
            until.deadline = clock_deadline(60 * NSEC_PER_SEC);
        } else {
            return r < 0 ? r : err_raise(e, ERR_UNAVAILABLE, "containerd ended the event stream");
        }
    }
}

static int subscribe_and_follow(struct cri_events *ev, const struct ctx *forever, struct err *e)
{
    struct cri_event_state *state = &ev->s->event_state;
    struct ctrd_events *stream;
    TRY(ctrd_events_open(&ev->s->ctrd, forever, event_filters, &stream, e));
    atomic_store(&state->since, clock_mono());
    atomic_store(&state->follows, true);
    cri_events_resync(ev->s, forever);
    int r = follow(ev, stream, forever, e);
    atomic_store(&state->since, clock_mono());
    atomic_store(&state->follows, false);
    ctrd_events_close(&ev->s->ctrd, stream);
    return r;
}

static void *events_thread(void *arg)
{
    struct cri_events *ev = arg;
    struct ctx forever = {.deadline = CLOCK_NEVER, .cancel = &ev->cancel};
    uint64_t delay = 100 * NSEC_PER_MSEC;
    while (!atomic_load(&ev->cancel.set)) {
        struct err e = ERR_INIT;
        uint64_t began = clock_mono();
        subscribe_and_follow(ev, &forever, &e);
        if (atomic_load(&ev->cancel.set))
            break;
        atomic_fetch_add(&ev->s->event_state.breaks, 1);
        if (clock_mono() - began > 10 * NSEC_PER_SEC)
            delay = 100 * NSEC_PER_MSEC;
        log_warning("event stream of containerd: %s; subscribing again in %u ms", e.message, (unsigned)(delay / NSEC_PER_MSEC));
        struct pollfd wake = {.fd = ev->cancel.wake_fd, .events = POLLIN};
        poll(&wake, 1, (int)(delay / NSEC_PER_MSEC));
        delay = MIN_OF(delay * 2, 5 * NSEC_PER_SEC);
    }
    return NULL;
}

int cri_events_start(struct cri_service *s, struct cri_events **ret, struct err *e)
{
    struct cri_events *ev = mem_zalloc(sizeof *ev);
    if (!ev)
        return err_oom(e);
    ev->s = s;
    int r = cancel_init(&ev->cancel, e);
    if (r == 0) {
        int error = pthread_create(&ev->thread, NULL, events_thread, ev);
        if (error)
            r = err_errno(e, error, "start the event thread");
    }
    if (r < 0) {
        cancel_done(&ev->cancel);
        mem_free(ev);
        return r;
    }
    *ret = ev;
    return 0;
}

void cri_events_stop(struct cri_events *ev)
{
    if (!ev)
        return;
    cancel_fire(&ev->cancel);
    pthread_join(ev->thread, NULL);
    cancel_done(&ev->cancel);
    mem_free(ev);
}
