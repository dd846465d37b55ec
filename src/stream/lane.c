/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: the threads of a pump, one for each file system that logs go to, see cio_private.h. A thread is started for the first container of a
 * file system and serves another one when the last is gone. With more file systems than CIO_LANES_MAX - 1 they share.
 */
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/cio_private.h"

#define CIO_LIMIT_DEFAULT (5 * NSEC_PER_SEC)
#define CIO_LEAVE_LIMIT NSEC_PER_SEC

void monotonic_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

struct timespec monotonic_time(uint64_t deadline)
{
    return (struct timespec){.tv_sec = (time_t)(deadline / NSEC_PER_SEC), .tv_nsec = (long)(deadline % NSEC_PER_SEC)};
}

static void lane_free(struct lane *l)
{
    loop_free(l->loop);
    buf_done(&l->batch);
    mem_free(l);
}

void pump_destroy(struct cio_pump *p)
{
    for (unsigned i = 0; i < p->n_lanes; i++)
        lane_free(p->lanes[i]);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

static bool all_ended(const struct cio_pump *p)
{
    bool all = !p->openings;
    for (unsigned i = 0; i < p->n_lanes; i++)
        all = all && (p->lanes[i]->ended || !p->has_thread);
    return all;
}

bool pump_is_left(const struct cio_pump *p)
{
    return p->orphan && all_ended(p);
}

static void *lane_thread(void *arg)
{
    struct lane *l = arg;
    struct cio_pump *p = l->pump;
    /* A round can fail for want of memory. The thread must live: containers wait for their pipes, and callers for their answers. */
    while (loop_run(l->loop, NULL) < 0 && !atomic_load(&p->stopping))
        poll(NULL, 0, 10);
    loop_run_once(l->loop, 0, NULL); /* what was asked for while it was stuck */
    pthread_mutex_lock(&p->lock);
    l->ended = true;
    pthread_cond_broadcast(&p->changed);
    bool last = pump_is_left(p);
    pthread_mutex_unlock(&p->lock);
    if (last)
        pump_destroy(p);
    return NULL;
}

/* With the pump's lock held. */
static int lane_add(struct cio_pump *p, struct err *e)
{
    struct lane *l = mem_zalloc(sizeof *l);
    if (!l)
        return err_oom(e);
    l->pump = p;
    buf_init(&l->batch, CIO_LOG_BATCH_MAX);
    int r = loop_new(&l->loop, e);
    if (r == 0 && p->has_thread) {
        int error = pthread_create(&l->thread, NULL, lane_thread, l);
        if (error)
            r = err_errno(e, error, "start a thread that reads containers' output");
    }
    if (r < 0) {
        lane_free(l);
        return r;
    }
    p->lanes[p->n_lanes++] = l;
    return 0;
}

static int pump_new(bool has_thread, struct cio_pump **ret, struct err *e)
{
    struct cio_pump *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_oom(e);
    p->has_thread = has_thread;
    p->limit = CIO_LIMIT_DEFAULT;
    pthread_mutex_init(&p->lock, NULL);
    monotonic_cond_init(&p->changed);
    int r = lane_add(p, e);
    if (r < 0) {
        cio_pump_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

int cio_pump_new(struct cio_pump **ret, struct err *e)
{
    return pump_new(true, ret, e);
}

int cio_pump_new_inline(struct cio_pump **ret, struct err *e)
{
    return pump_new(false, ret, e);
}

void cio_pump_set_limit(struct cio_pump *p, uint64_t ns)
{
    p->limit = ns;
}

struct cio_counters cio_pump_counters(struct cio_pump *p)
{
    struct cio_counters n = {.log_errors = atomic_load(&p->log_errors), .log_bytes_lost = atomic_load(&p->log_lost)};
    pthread_mutex_lock(&p->lock);
    n.threads = p->has_thread ? p->n_lanes : 0;
    for (unsigned i = 0; i < p->n_lanes; i++) {
        n.stuck += p->lanes[i]->stuck;
        n.readers += p->lanes[i]->users;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

/* Stops the threads; one that is stuck in a file system is left alone. */
static void stop_lanes(struct cio_pump *p)
{
    uint64_t deadline = clock_deadline(CIO_LEAVE_LIMIT);
    struct timespec until = monotonic_time(deadline);
    atomic_store(&p->stopping, true);
    for (unsigned i = 0; i < p->n_lanes; i++)
        loop_stop(p->lanes[i]->loop);
    for (unsigned i = 0; i < p->n_lanes; i++) {
        struct lane *l = p->lanes[i];
        pthread_mutex_lock(&p->lock);
        while (!l->ended && clock_mono() < deadline)
            pthread_cond_timedwait(&p->changed, &p->lock, &until);
        bool ended = l->ended;
        pthread_mutex_unlock(&p->lock);
        if (ended)
            pthread_join(l->thread, NULL);
        else
            pthread_detach(l->thread);
    }
}

bool cio_pump_free(struct cio_pump *p)
{
    if (!p)
        return true;
    if (p->has_thread)
        stop_lanes(p);
    pthread_mutex_lock(&p->lock);
    p->orphan = !all_ended(p);
    bool orphan = p->orphan;
    pthread_mutex_unlock(&p->lock);
    if (orphan) /* the last thread frees it */
        log_warning("a file system of container logs does not answer; what was not yet written to it is lost if it stays so");
    else
        pump_destroy(p);
    return !orphan;
}

/* --- which lane ------------------------------------------------------------------------------------------------------------------------ */

/* True when it did not move since somebody waited for it in vain. With the pump's lock held. */
static bool is_stuck(struct lane *l)
{
    if (l->stuck && atomic_load(&l->turns) != l->stuck_at)
        l->stuck = false;
    return l->stuck;
}

/* The lane of that file system, else one without users, else a new one, else the one with the fewest users. With the pump's lock held. */
static struct lane *choose(struct cio_pump *p, dev_t dev)
{
    struct lane *unused = NULL, *fewest = NULL;
    for (unsigned i = 1; i < p->n_lanes; i++) {
        struct lane *l = p->lanes[i];
        if (l->users > 0 && l->dev == dev)
            return l;
        if (l->users == 0)
            unused = l;
        if (!is_stuck(l) && (!fewest || l->users < fewest->users))
            fewest = l;
    }
    if (unused)
        return unused;
    if (p->n_lanes < CIO_LANES_MAX && lane_add(p, NULL) == 0)
        return p->lanes[p->n_lanes - 1];
    return fewest;
}

int lane_take(struct cio *c, const dev_t *dev, struct err *e)
{
    struct cio_pump *p = c->pump;
    pthread_mutex_lock(&p->lock);
    struct lane *l = !dev || !p->has_thread ? p->lanes[0] : choose(p, *dev);
    if (l && l->users++ == 0 && dev)
        l->dev = *dev;
    c->lane = l;
    pthread_mutex_unlock(&p->lock);
    return l ? 0 : err_raise(e, ERR_RESOURCE_EXHAUSTED, "no thread can be started that reads the container's output");
}

void lane_give_back(struct cio *c)
{
    if (!c->lane)
        return;
    pthread_mutex_lock(&c->pump->lock);
    c->lane->users--;
    c->lane = NULL;
    pthread_mutex_unlock(&c->pump->lock);
}

/* --- jobs ------------------------------------------------------------------------------------------------------------------------------ */

static void run_job(void *arg)
{
    struct lane_job *job = arg;
    struct cio *c = job->c;
    struct lane *l = c->lane;
    int r = job->fn(c, &job->e);
    atomic_fetch_add(&l->turns, 1);
    pthread_mutex_lock(&c->lock);
    job->r = r;
    job->pending = false;
    bool orphan = c->orphan && job == &c->finish;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (orphan)
        cio_free_object(c);
}

bool lane_job_pending(struct lane_job *job)
{
    pthread_mutex_lock(&job->c->lock);
    bool pending = job->pending;
    pthread_mutex_unlock(&job->c->lock);
    return pending;
}

/* How long to wait for the lane: lane 0 meets no disk and is waited for, one that is stuck is not. */
static uint64_t limit_of(struct lane *l)
{
    struct cio_pump *p = l->pump;
    pthread_mutex_lock(&p->lock);
    uint64_t limit = l == p->lanes[0] ? CLOCK_NEVER : is_stuck(l) ? 0 : p->limit;
    pthread_mutex_unlock(&p->lock);
    return limit;
}

static void note_stuck(struct lane *l, unsigned turn)
{
    pthread_mutex_lock(&l->pump->lock);
    l->stuck = true;
    l->stuck_at = turn;
    pthread_mutex_unlock(&l->pump->lock);
}

int lane_call(struct lane_job *job, struct err *e)
{
    struct cio *c = job->c;
    if (!c->pump->has_thread)
        return job->fn(c, e);
    struct lane *l = c->lane;
    uint64_t limit = limit_of(l), deadline = clock_deadline(limit);
    unsigned turn = atomic_load(&l->turns);
    job->e = (struct err)ERR_INIT;
    job->post = (struct loop_post){.fn = run_job, .arg = job};
    job->pending = true;
    loop_post(l->loop, &job->post);
    pthread_mutex_lock(&c->lock);
    while (job->pending && clock_mono() < deadline) {
        struct timespec at = monotonic_time(deadline);
        if (deadline == CLOCK_NEVER)
            pthread_cond_wait(&c->changed, &c->lock);
        else
            pthread_cond_timedwait(&c->changed, &c->lock, &at);
    }
    bool pending = job->pending;
    int r = job->r;
    if (!pending && r < 0 && e)
        *e = job->e;
    pthread_mutex_unlock(&c->lock);
    if (!pending)
        return r;
    if (atomic_load(&l->turns) == turn)
        note_stuck(l, turn);
    return err_raise(e, ERR_DEADLINE_EXCEEDED, "the file system of container log %s does not answer", c->log.path ? c->log.path : "");
}
