/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pump: the thread that reads containers' output and hands it to its sink, see cio.h.
 *
 * A stream is read in large pieces, one piece a turn, so that a container that writes without end does not starve the others. A log that cannot be
 * written (disk full) loses lines, but the pipe is still drained: a container must not hang because its log does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
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

int pump_call(struct cio *c, int (*fn)(struct cio *c, void *arg, struct err *e), void *arg, struct err *e)
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
    loop_run(p->loop, NULL);
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
        loop_stop(p->loop);
        pthread_join(p->thread, NULL);
    }
    loop_free(p->loop);
    buf_done(&p->batch);
    mem_free(p);
}

static void write_batch(struct cio *c)
{
    struct buf *b = &c->pump->batch;
    if (c->log_fd >= 0 && b->n > 0)
        fs_write_fd(c->log_fd, c->log_path, buf_view(b), NULL); /* a full disk loses lines and nothing else */
    buf_clear(b);
}

static struct view now_text(char text[CLOCK_RFC3339_MAX])
{
    return view_make(text, clock_rfc3339(clock_real(), text));
}

static void take_chunk(struct cio_stream *s, struct view data)
{
    char text[CLOCK_RFC3339_MAX];
    if (s->capture) {
        size_t room = s->capture->max - s->capture->n;
        buf_add_view(s->capture, view_slice(data, 0, room)); /* without memory the output is cut, as at its maximum */
    } else if (s->cio->log_path) {
        log_writer_feed(&s->writer, data, now_text(text), &s->cio->pump->batch);
        write_batch(s->cio);
    }
}

static void stream_ended(struct cio_stream *s)
{
    struct cio *c = s->cio;
    char text[CLOCK_RFC3339_MAX];
    loop_io_free(s->io);
    s->io = NULL;
    fd_close(&s->fd);
    if (!s->capture && c->log_path) {
        log_writer_end(&s->writer, now_text(text), &c->pump->batch);
        write_batch(c);
    }
    pthread_mutex_lock(&c->lock);
    c->open--;
    pthread_cond_broadcast(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

static void on_readable(void *arg, uint32_t revents)
{
    struct cio_stream *s = arg;
    char *chunk = s->cio->pump->chunk;
    s->cio->pump->turns++;
    ssize_t n = read(s->fd, chunk, CIO_CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        take_chunk(s, view_make(chunk, (size_t)n));
    else
        stream_ended(s);
}

/* Begins to read every output stream that is open. */
static int watch(struct cio *c, struct err *e)
{
    for (int i = CIO_STDOUT; i < CIO_STREAMS; i++) {
        struct cio_stream *s = &c->stream[i];
        if (s->fd >= 0 && !s->io)
            TRY(loop_io_add(c->pump->loop, s->fd, EPOLLIN, on_readable, s, &s->io, e));
    }
    return 0;
}

/* The kubelet expects the runtime to make the container's directory below the pod's log directory. */
static int make_log_directory(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *dir = slash && slash != path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("/");
    return dir ? fs_mkdir_all(dir, 0755, e) : err_oom(e);
}

static int open_log(const char *path, int *ret_fd, struct err *e)
{
    TRY(make_log_directory(path, e));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return err_errno(e, errno, "open container log %s", path);
    *ret_fd = fd;
    return 0;
}

static int start_watching(struct cio *c, void *arg, struct err *e)
{
    return watch(c, e);
}

int cio_log_to(struct cio *c, const char *path, size_t line_max, struct err *e)
{
    if (path && path[0]) {
        TRY(open_log(path, &c->log_fd, e));
        c->log_path = mem_strdup(path);
        if (!c->log_path)
            return err_oom(e);
    }
    log_writer_init(&c->stream[CIO_STDOUT].writer, LOGLINE_STDOUT, line_max);
    log_writer_init(&c->stream[CIO_STDERR].writer, LOGLINE_STDERR, line_max);
    return pump_call(c, start_watching, NULL, e);
}

static int swap_log(struct cio *c, void *arg, struct err *e)
{
    int *fd = arg, old = c->log_fd;
    c->log_fd = *fd;
    *fd = old;
    return 0;
}

int cio_log_reopen(struct cio *c, struct err *e)
{
    if (!c->log_path)
        return 0;
    _cleanup_fd_ int fd = -1;
    TRY(open_log(c->log_path, &fd, e));
    return pump_call(c, swap_log, &fd, e);
}

int cio_capture(struct cio *c, struct buf *out, struct buf *err_out, struct err *e)
{
    c->stream[CIO_STDOUT].capture = out;
    c->stream[CIO_STDERR].capture = err_out;
    return pump_call(c, start_watching, NULL, e);
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
