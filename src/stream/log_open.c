/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a log file within a limit. A file system that hangs holds whoever opens a file there, for ever and not to be interrupted; so a
 * thread is started that may be held, and is left behind when it is. It costs a start of a container about 50 us.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "stream/cio_private.h"

struct log_opening {
    struct log_opening *next;
    struct cio_pump *pump;
    char *path;
    struct log_file file;
    int r;
    struct err e;
    bool done, left; /* under the pump's lock; left: nobody waits any more */
};

static void opening_free(struct log_opening *o)
{
    mem_free(o->path);
    mem_free(o);
}

/* With the pump's lock held. */
static void unlink_opening(struct log_opening *o)
{
    struct log_opening **at = &o->pump->openings;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
}

static void *open_thread(void *arg)
{
    struct log_opening *o = arg;
    struct cio_pump *p = o->pump;
    o->r = log_file_open(o->path, &o->file, &o->e);
    pthread_mutex_lock(&p->lock);
    o->done = true;
    bool left = o->left;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (!left)
        return NULL;
    if (o->r == 0)
        log_file_close(&o->file, NULL);
    pthread_mutex_lock(&p->lock);
    unlink_opening(o);
    bool last = pump_is_left(p);
    pthread_mutex_unlock(&p->lock);
    opening_free(o);
    if (last)
        pump_destroy(p);
    return NULL;
}

static struct view directory_of(const char *path)
{
    return view_slice(view_of(path), 0, view_rfind(view_of(path), '/'));
}

/* With the pump's lock held. limit: what this opening may take. While others are stuck it is the twentieth part, so that a start with many logs
 * on such a disk takes as long as one, and more than enough for a disk that works. */
static int check_stuck(struct cio_pump *p, const char *path, uint64_t *ret_limit, struct err *e)
{
    unsigned stuck = 0;
    for (const struct log_opening *o = p->openings; o; o = o->next) {
        if (!o->left)
            continue;
        if (view_eq(directory_of(o->path), directory_of(path)))
            return err_raise(e, ERR_DEADLINE_EXCEEDED, "open container log %s: its file system does not answer, %s is still being opened", path, o->path);
        stuck++;
    }
    if (stuck >= CIO_OPENINGS_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "open container log %s: %u other logs are still being opened, their file systems do not answer",
                         path, stuck);
    *ret_limit = stuck > 0 ? p->limit / 20 : p->limit;
    return 0;
}

/* With the pump's lock held. */
static int start(struct log_opening *o, pthread_t *ret, uint64_t *ret_limit, struct err *e)
{
    struct cio_pump *p = o->pump;
    TRY(check_stuck(p, o->path, ret_limit, e));
    int error = pthread_create(ret, NULL, open_thread, o);
    if (error)
        return err_errno(e, error, "start a thread that opens container log %s", o->path);
    o->next = p->openings;
    p->openings = o;
    return 0;
}

/* True when it is done; with the pump's lock held. */
static bool wait_done(struct log_opening *o, uint64_t limit)
{
    struct cio_pump *p = o->pump;
    uint64_t deadline = clock_deadline(limit);
    struct timespec at = monotonic_time(deadline);
    while (!o->done && clock_mono() < deadline)
        pthread_cond_timedwait(&p->changed, &p->lock, &at);
    if (o->done)
        unlink_opening(o);
    o->left = !o->done;
    return o->done;
}

int log_open_within(struct cio_pump *p, const char *path, struct log_file *ret, struct err *e)
{
    pthread_t thread;
    if (!p->has_thread)
        return log_file_open(path, ret, e);
    struct log_opening *o = mem_zalloc(sizeof *o);
    char *copy = mem_strdup(path);
    if (!o || !copy) {
        mem_free(o);
        mem_free(copy);
        return err_oom(e);
    }
    o->pump = p;
    o->path = copy;
    pthread_mutex_lock(&p->lock);
    uint64_t limit;
    int r = start(o, &thread, &limit, e);
    bool done = r < 0 || wait_done(o, limit);
    pthread_mutex_unlock(&p->lock);
    if (!done) { /* o is the thread's now */
        pthread_detach(thread);
        return err_raise(e, ERR_DEADLINE_EXCEEDED, "open container log %s: its file system does not answer", path);
    }
    if (r == 0) {
        pthread_join(thread, NULL);
        r = o->r;
        if (r == 0)
            *ret = o->file;
        else if (e)
            *e = o->e;
    }
    opening_free(o);
    return r;
}
