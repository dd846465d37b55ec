/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pump: the thread that reads containers' output and hands it to its sink, see cio.h.
 *
 * A stream is read in large pieces, one piece a turn, so that a container that writes without end does not starve the others. A log that
 * cannot be written (disk full) loses lines, but the pipe is still drained: a container must not hang because its log does.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "stream/cio_private.h"

struct pump_job {
    struct loop_post post;
    struct cio *c;
    int (*fn)(struct cio *c, void *arg, struct err *e);
    void *arg;
    struct err *e;
    int r;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static void run_job(void *arg)
{
    struct pump_job *job = arg;
    int r = job->fn(job->c, job->arg, job->e);
    pthread_mutex_lock(&job->lock);
    job->r = r;
    job->done = true;
    pthread_cond_signal(&job->cond);
    pthread_mutex_unlock(&job->lock);
}

/* Runs fn(c, arg) on the pump's thread and returns what it returns. */
static int pump_call(struct cio *c, int (*fn)(struct cio *c, void *arg, struct err *e), void *arg, struct err *e)
{
    if (!c->pump->has_thread)
        return fn(c, arg, e);
    struct pump_job job = {.c = c, .fn = fn, .arg = arg, .e = e};
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.cond, NULL);
    job.post = (struct loop_post){.fn = run_job, .arg = &job};
    loop_post(c->pump->loop, &job.post);
    pthread_mutex_lock(&job.lock);
    while (!job.done)
        pthread_cond_wait(&job.cond, &job.lock);
    pthread_mutex_unlock(&job.lock);
    pthread_cond_destroy(&job.cond);
    pthread_mutex_destroy(&job.lock);
    return job.r;
}

static void *pump_thread(void *arg)
{
    struct cio_pump *p = arg;
    /* A round can fail for want of memory. The thread must live: containers wait for their pipes, and callers for their answers. */
    while (loop_run(p->loop, NULL) < 0 && !atomic_load(&p->stopping))
        poll(NULL, 0, 10);
    return NULL;
}

static int pump_new(bool has_thread, struct cio_pump **ret, struct err *e)
{
    struct cio_pump *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_oom(e);
    buf_init(&p->batch, CIO_LOG_BATCH_MAX);
    p->has_thread = has_thread;
    int r = loop_new(&p->loop, e);
    if (r == 0 && has_thread) {
        int error = pthread_create(&p->thread, NULL, pump_thread, p);
        if (error)
            r = err_errno(e, error, "start the thread that reads containers' output");
    }
    if (r < 0) {
        loop_free(p->loop);
        mem_free(p);
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

void cio_pump_free(struct cio_pump *p)
{
    if (!p)
        return;
    if (p->has_thread) {
        atomic_store(&p->stopping, true);
        loop_stop(p->loop);
        pthread_join(p->thread, NULL);
    }
    loop_free(p->loop);
    buf_done(&p->batch);
    mem_free(p);
}

static struct view now_text(char text[CLOCK_RFC3339_MAX])
{
    return view_make(text, clock_rfc3339(clock_real(), text));
}

/* Lines that there is no room for, in memory or on the disk, are lost, and nothing else is. */
static void write_batch(struct cio *c)
{
    struct buf *b = &c->pump->batch;
    log_file_write(&c->log, buf_view(b), NULL);
    if (b->cap > CIO_LOG_BATCH_KEEP)
        buf_done(b);
    else
        buf_clear(b);
}

static void log_chunk(struct cio_stream *s, struct view data)
{
    char text[CLOCK_RFC3339_MAX];
    log_writer_feed(&s->writer, data, now_text(text), &s->cio->pump->batch);
    write_batch(s->cio);
}

static void capture_chunk(struct cio_stream *s, struct view data)
{
    if (!s->capture)
        return;
    size_t room = s->capture->max - s->capture->n;
    if (buf_add_view(s->capture, view_slice(data, 0, room)) < 0 || data.n >= room)
        s->capture = NULL; /* nothing may follow a gap */
}

static void take_chunk(struct cio_stream *s, struct view data)
{
    if (s->cio->sink == CIO_SINK_LOG)
        log_chunk(s, data);
    else if (s->cio->sink == CIO_SINK_CAPTURE)
        capture_chunk(s, data);
}

/* Nothing is read from the stream any more: a line that waits for its end goes out as a partial one. */
static void stop_reading(struct cio_stream *s)
{
    struct cio *c = s->cio;
    char text[CLOCK_RFC3339_MAX];
    loop_io_free(s->io);
    s->io = NULL;
    if (c->sink != CIO_SINK_LOG)
        return;
    log_writer_end(&s->writer, now_text(text), &c->pump->batch);
    write_batch(c);
}

static void stream_ended(struct cio_stream *s)
{
    struct cio *c = s->cio;
    stop_reading(s);
    fd_close(&s->fd);
    pthread_mutex_lock(&c->lock);
    c->open--;
    pthread_cond_broadcast(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

/* Reads one chunk: its size, 0 when there is none now, -1 at the end of the stream. */
static ssize_t read_chunk(struct cio_stream *s)
{
    struct cio_pump *p = s->cio->pump;
    p->turns++;
    ssize_t n = read(s->fd, p->chunk, CIO_CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return -1;
    take_chunk(s, view_make(p->chunk, (size_t)n));
    return n;
}

static void on_readable(void *arg, uint32_t revents)
{
    struct cio_stream *s = arg;
    if (read_chunk(s) < 0)
        stream_ended(s);
}

static void unwatch(struct cio *c)
{
    for (int i = CIO_STDOUT; i < CIO_STREAMS; i++) {
        loop_io_free(c->stream[i].io);
        c->stream[i].io = NULL;
    }
}

/* Begins to read every output stream, or none. */
static int watch(struct cio *c, void *arg, struct err *e)
{
    int r = 0;
    for (int i = CIO_STDOUT; i < CIO_STREAMS && r == 0; i++) {
        struct cio_stream *s = &c->stream[i];
        if (s->fd >= 0)
            r = loop_io_add(c->pump->loop, s->fd, EPOLLIN, on_readable, s, &s->io, e);
    }
    if (r < 0)
        unwatch(c);
    return r;
}

static int set_sink(struct cio *c, enum cio_sink sink, struct err *e)
{
    c->sink = sink;
    int r = pump_call(c, watch, NULL, e);
    if (r < 0)
        c->sink = CIO_SINK_NONE;
    return r;
}

static int check_no_sink(const struct cio *c, struct err *e)
{
    return c->sink == CIO_SINK_NONE ? 0 : err_raise(e, ERR_FAILED_PRECONDITION, "the output is being read already");
}

int cio_log_to(struct cio *c, const char *path, size_t line_max, struct err *e)
{
    TRY(check_no_sink(c, e));
    if (!path || path[0] == '\0')
        return set_sink(c, CIO_SINK_DROP, e);
    TRY(log_file_open(path, &c->log, e));
    log_writer_init(&c->stream[CIO_STDOUT].writer, LOGLINE_STDOUT, line_max);
    log_writer_init(&c->stream[CIO_STDERR].writer, LOGLINE_STDERR, line_max);
    int r = set_sink(c, CIO_SINK_LOG, e);
    if (r < 0)
        log_file_done(&c->log);
    return r;
}

static int swap_log(struct cio *c, void *arg, struct err *e)
{
    struct log_file *fresh = arg, old = c->log;
    c->log = *fresh;
    *fresh = old;
    return 0;
}

int cio_log_reopen(struct cio *c, struct err *e)
{
    struct log_file file;
    if (c->sink != CIO_SINK_LOG)
        return 0;
    TRY(log_file_open(c->log.path, &file, e));
    pump_call(c, swap_log, &file, e);
    log_file_done(&file);
    return 0;
}

int cio_capture(struct cio *c, struct buf *out, struct buf *err_out, struct err *e)
{
    TRY(check_no_sink(c, e));
    c->stream[CIO_STDOUT].capture = out;
    c->stream[CIO_STDERR].capture = err_out;
    return set_sink(c, CIO_SINK_CAPTURE, e);
}

/* Hands on what is in the pipe now, and not what a writer adds meanwhile, or it could go on for ever. */
static void drain(struct cio_stream *s)
{
    int left;
    if (ioctl(s->fd, FIONREAD, &left) < 0)
        return;
    while (left > 0) {
        ssize_t n = read_chunk(s);
        if (n <= 0)
            return;
        left -= (int)n;
    }
}

static int finish(struct cio *c, void *arg, struct err *e)
{
    for (int i = CIO_STDOUT; i < CIO_STREAMS; i++) {
        struct cio_stream *s = &c->stream[i];
        if (s->io) {
            drain(s);
            stop_reading(s);
        }
    }
    return 0;
}

void pump_finish(struct cio *c)
{
    pump_call(c, finish, NULL, NULL);
}

/* The earlier of the deadline and a tenth of a second from now, so that a cancel is noticed. */
static struct timespec next_look(const struct ctx *ctx)
{
    uint64_t at = clock_deadline(100 * NSEC_PER_MSEC);
    if (ctx->deadline < at)
        at = ctx->deadline;
    return (struct timespec){.tv_sec = (time_t)(at / NSEC_PER_SEC), .tv_nsec = (long)(at % NSEC_PER_SEC)};
}

/* Without a thread the output is read here, and nobody can bring more of it meanwhile: what has not ended then does not end. */
static int wait_inline(struct cio *c, const struct ctx *ctx, struct err *e)
{
    while (c->open > 0) {
        uint64_t before = c->pump->turns;
        TRY(ctx_check(ctx, "wait for the end of the output", e));
        TRY(loop_run_once(c->pump->loop, 0, e));
        if (c->pump->turns == before)
            return err_raise(e, ERR_DEADLINE_EXCEEDED, "wait for the end of the output: it does not end");
    }
    return 0;
}

int cio_wait(struct cio *c, const struct ctx *ctx, struct err *e)
{
    if (!c->pump->has_thread)
        return wait_inline(c, ctx, e);
    int r = 0;
    pthread_mutex_lock(&c->lock);
    while (c->open > 0 && r == 0) {
        struct timespec at = next_look(ctx);
        pthread_cond_timedwait(&c->ended, &c->lock, &at);
        if (c->open > 0)
            r = ctx_check(ctx, "wait for the end of the output", e);
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}
