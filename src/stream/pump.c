/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pump: how containers' output is read and handed to its sink, on the lanes' threads, see cio_private.h.
 *
 * A stream is read in large pieces, one piece a turn, so that a container that writes without end does not starve the others. A log that
 * cannot be written (disk full) loses lines, but the pipe is still drained: a container must not hang because its log does.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "stream/cio_private.h"

static struct view now_text(char text[CLOCK_RFC3339_MAX])
{
    return view_make(text, clock_rfc3339(clock_real(), text));
}

/* Lines that there is no room for, in memory or on the disk, are lost, and nothing else is. Said once a minute: a disk that is
 * just full takes a small write now and then. */
static void note_result(struct cio *c, int r, const struct err *e)
{
    if (r < 0) {
        atomic_fetch_add(&c->pump->log_errors, 1);
        if (clock_mono() >= c->say_at) {
            log_warning("lines of a container are lost: %s", e->message);
            c->say_at = clock_deadline(60 * NSEC_PER_SEC);
        }
    }
}

static void write_batch(struct cio *c, int made)
{
    struct buf *b = &c->lane->batch;
    struct err e = ERR_INIT;
    uint64_t lost = c->log.lost;
    int r = made < 0 ? err_raise(&e, ERR_RESOURCE_EXHAUSTED, "no memory for lines of container log %s", c->log.path) : 0;
    int k = b->n > 0 ? log_file_write(&c->log, buf_view(b), &e) : 0;
    if (made < 0 || b->n > 0)
        note_result(c, r < 0 ? r : k, &e);
    atomic_fetch_add(&c->pump->log_lost, c->log.lost - lost);
    if (b->cap > CIO_LOG_BATCH_KEEP)
        buf_done(b);
    else
        buf_clear(b);
}

void pump_close_log(struct cio *c, struct log_file *f)
{
    struct err e = ERR_INIT;
    if (log_file_close(f, &e) == 0)
        return;
    atomic_fetch_add(&c->pump->log_errors, 1);
    log_warning("lines may be lost: %s", e.message);
}

static void log_chunk(struct cio_stream *s, struct view data)
{
    char text[CLOCK_RFC3339_MAX];
    write_batch(s->cio, log_writer_feed(&s->writer, data, now_text(text), &s->cio->lane->batch));
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
    write_batch(c, log_writer_end(&s->writer, now_text(text), &c->lane->batch));
}

static void stream_ended(struct cio_stream *s)
{
    struct cio *c = s->cio;
    stop_reading(s);
    fd_close(&s->fd);
    pthread_mutex_lock(&c->lock);
    c->open--;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* Reads one chunk: its size, 0 when there is none now, -1 at the end of the stream. */
static ssize_t read_chunk(struct cio_stream *s)
{
    struct lane *l = s->cio->lane;
    atomic_fetch_add(&l->turns, 1);
    ssize_t n = read(s->fd, l->chunk, CIO_CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return -1;
    take_chunk(s, view_make(l->chunk, (size_t)n));
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
static int watch(struct cio *c, struct err *e)
{
    int r = 0;
    for (int i = CIO_STDOUT; i < CIO_STREAMS && r == 0; i++) {
        struct cio_stream *s = &c->stream[i];
        if (s->fd >= 0)
            r = loop_io_add(c->lane->loop, s->fd, EPOLLIN, on_readable, s, &s->io, e);
    }
    if (r < 0)
        unwatch(c);
    return r;
}

/* dev: the log's file system, or NULL. */
static int set_sink(struct cio *c, enum cio_sink sink, const dev_t *dev, struct err *e)
{
    TRY(lane_take(c, dev, e));
    c->sink = sink;
    int r = lane_call(&c->watch, e);
    if (r < 0 && !lane_job_pending(&c->watch)) {
        c->sink = CIO_SINK_NONE;
        lane_give_back(c);
    }
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
        return set_sink(c, CIO_SINK_DROP, NULL, e);
    TRY(log_open_within(c->pump, path, &c->log, e));
    log_writer_init(&c->stream[CIO_STDOUT].writer, LOGLINE_STDOUT, line_max);
    log_writer_init(&c->stream[CIO_STDERR].writer, LOGLINE_STDERR, line_max);
    int r = set_sink(c, CIO_SINK_LOG, &c->log.dev, e);
    if (r < 0 && c->sink == CIO_SINK_NONE)
        pump_close_log(c, &c->log);
    return r;
}

/* The path, which other threads look at, is the same and stays. */
static int swap_log(struct cio *c, struct err *e)
{
    int old = c->log.fd;
    c->log.fd = c->fresh.fd;
    c->log.dev = c->fresh.dev;
    c->log.torn = false;
    c->fresh.fd = old;
    pump_close_log(c, &c->fresh);
    return 0;
}

int cio_log_reopen(struct cio *c, struct err *e)
{
    if (c->sink != CIO_SINK_LOG)
        return 0;
    if (lane_job_pending(&c->swap))
        return err_raise(e, ERR_DEADLINE_EXCEEDED, "the file system of container log %s does not answer: it is still being reopened", c->log.path);
    TRY(log_open_within(c->pump, c->log.path, &c->fresh, e));
    return lane_call(&c->swap, e);
}

int cio_capture(struct cio *c, struct buf *out, struct buf *err_out, struct err *e)
{
    TRY(check_no_sink(c, e));
    c->stream[CIO_STDOUT].capture = out;
    c->stream[CIO_STDERR].capture = err_out;
    return set_sink(c, CIO_SINK_CAPTURE, NULL, e);
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

static int finish(struct cio *c, struct err *e)
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

int pump_finish(struct cio *c, struct err *e)
{
    return c->lane ? lane_call(&c->finish, e) : 0;
}

void pump_init(struct cio *c)
{
    c->watch = (struct lane_job){.c = c, .fn = watch};
    c->swap = (struct lane_job){.c = c, .fn = swap_log};
    c->finish = (struct lane_job){.c = c, .fn = finish};
}

/* The earlier of the deadline and a tenth of a second from now, so that a cancel is noticed. */
static struct timespec next_look(const struct ctx *ctx)
{
    return monotonic_time(MIN_OF(clock_deadline(100 * NSEC_PER_MSEC), ctx->deadline));
}

/* Without a thread the output is read here, and nobody can bring more of it meanwhile: what has not ended then does not end. */
static int wait_inline(struct cio *c, const struct ctx *ctx, struct err *e)
{
    while (c->open > 0) {
        unsigned before = atomic_load(&c->pump->lanes[0]->turns);
        TRY(ctx_check(ctx, "wait for the end of the output", e));
        TRY(loop_run_once(c->pump->lanes[0]->loop, 0, e));
        if (atomic_load(&c->pump->lanes[0]->turns) == before)
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
        pthread_cond_timedwait(&c->changed, &c->lock, &at);
        if (c->open > 0)
            r = ctx_check(ctx, "wait for the end of the output", e);
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}
