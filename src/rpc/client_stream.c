/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the client: what the worker that made it does, and what the loop's thread does for it. See client_private.h.
 */
#include <string.h>

#include "base/mem.h"
#include "rpc/client_private.h"
#include "rpc/message.h"

static void on_post(void *arg);

/* ---- life */

static int stream_new(struct rpc_client *c, const struct ctx *ctx, const char *path, bool unary, struct rpc_client_stream **ret,
                      struct err *e)
{
    if (loop_in_thread(c->loop))
        return err_raise(e, ERR_INTERNAL, "%s: called on the I/O thread, which would wait for itself", path);
    TRY(ctx_check(ctx, path, e));
    struct rpc_client_stream *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    s->waiter = (struct waiter)WAITER_INIT;
    s->path = mem_strdup(path);
    s->lease = mem_strdup(ctx->lease);
    int r = s->path && (s->lease || !ctx->lease) ? waiter_init(&s->waiter, e) : err_oom(e);
    if (r < 0) {
        mem_free(s->path);
        mem_free(s->lease);
        mem_free(s);
        return r;
    }
    atomic_init(&s->refs, 2); /* the worker's, and the loop's until the call is done */
    s->client = c;
    s->loop = c->loop;
    s->unary = unary;
    s->deadline = ctx->deadline;
    s->post = (struct loop_post){.fn = on_post, .arg = s};
    frame_queue_init(&s->out);
    frame_queue_init(&s->in);
    pthread_mutex_init(&s->mu, NULL);
    pthread_mutex_lock(&c->mu);
    s->next = c->calls;
    if (c->calls)
        c->calls->prev = s;
    c->calls = s;
    pthread_mutex_unlock(&c->mu);
    *ret = s;
    return 0;
}

static void unlink_call(struct rpc_client_stream *s)
{
    struct rpc_client *c = s->client;
    if (!c)
        return;
    pthread_mutex_lock(&c->mu);
    if (s->prev)
        s->prev->next = s->next;
    else
        c->calls = s->next;
    if (s->next)
        s->next->prev = s->prev;
    pthread_mutex_unlock(&c->mu);
    s->client = NULL;
}

static void stream_unref(struct rpc_client_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    unlink_call(s);
    frame_queue_done(&s->out);
    frame_queue_done(&s->in);
    waiter_done(&s->waiter);
    pthread_mutex_destroy(&s->mu);
    mem_free(s->path);
    mem_free(s->lease);
    mem_free(s);
}

/* ---- the loop's thread */

/* The call is over. Lets the loop's hold go. */
static void finish(struct rpc_client_stream *s, const struct err *status)
{
    s->h2s = NULL;
    pthread_mutex_lock(&s->mu);
    bool was = s->done;
    s->done = true;
    if (!was)
        s->status = *status;
    pthread_mutex_unlock(&s->mu);
    waiter_wake(&s->waiter);
    if (!was)
        stream_unref(s);
}

static void finish_text(struct rpc_client_stream *s, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    err_raise(&e, code, "%s", text);
    finish(s, &e);
}

void client_stream_message(struct rpc_client_stream *s, struct frame *f)
{
    pthread_mutex_lock(&s->mu);
    bool second = s->unary && s->in.head;
    if (!second)
        frame_queue_add(&s->in, f);
    bool full = !s->unary && s->in.bytes > CLIENT_RECV_QUEUE_MAX;
    pthread_mutex_unlock(&s->mu);
    if (second) {
        frame_free(f);
        h2_stream_reset(s->h2s);
        rpc_conn_kick(s->conn->conn);
        finish_text(s, ERR_INTERNAL, "the peer sent more than one answer");
        return;
    }
    if (full && !s->held) {
        s->held = true;
        h2_stream_hold(s->h2s, true);
    }
    if (!s->unary)
        waiter_wake(&s->waiter);
}

void client_stream_close(struct rpc_client_stream *s, const struct err *status)
{
    finish(s, status);
}

void client_stream_sent(struct rpc_client_stream *s, size_t n)
{
    pthread_mutex_lock(&s->mu);
    bool was_full = s->out_bytes > CLIENT_SEND_QUEUE_MAX;
    s->out_bytes -= MIN_OF(n, s->out_bytes);
    bool room = was_full && s->out_bytes <= CLIENT_SEND_QUEUE_MAX;
    pthread_mutex_unlock(&s->mu);
    if (room)
        waiter_wake(&s->waiter);
}

/* Opens the call on the connection, or finishes it. */
static void start(struct rpc_client_stream *s)
{
    struct err e = ERR_INIT;
    uint64_t timeout = UINT64_MAX, now = clock_mono();
    s->started = true;
    if (s->deadline != CLOCK_NEVER && s->deadline <= now) {
        finish_text(s, ERR_DEADLINE_EXCEEDED, "deadline exceeded");
        return;
    }
    if (s->deadline != CLOCK_NEVER)
        timeout = s->deadline - now;
    struct rpc_client *c = s->client;
    int r = client_connect(c, &s->conn, &e);
    if (r == 0)
        r = h2_open(rpc_conn_h2(s->conn->conn), s->path, timeout, (const char *const *)c->metadata, "containerd-lease", s->lease,
                    s, &s->h2s, &e);
    if (r < 0)
        finish(s, &e);
}

static void cancel(struct rpc_client_stream *s)
{
    if (s->h2s) {
        h2_stream_reset(s->h2s);
        rpc_conn_kick(s->conn->conn);
    }
    finish_text(s, ERR_CANCELLED, "the call was cancelled");
}

static void on_post(void *arg)
{
    struct rpc_client_stream *s = arg;
    struct frame_queue out;
    frame_queue_init(&out);
    pthread_mutex_lock(&s->mu);
    s->posted = false;
    frame_queue_move(&out, &s->out);
    bool want_cancel = s->want_cancel, half_close = s->want_half_close, release = s->want_release;
    s->want_half_close = s->want_release = false;
    pthread_mutex_unlock(&s->mu);
    if (want_cancel)
        cancel(s);
    else if (!s->started)
        start(s);
    if (s->h2s) {
        for (struct frame *f; (f = frame_queue_take(&out));)
            h2_stream_send(s->h2s, f);
        if (half_close)
            h2_stream_half_close(s->h2s);
        if (release && s->held) {
            s->held = false;
            h2_stream_hold(s->h2s, false);
        }
        rpc_conn_kick(s->conn->conn);
    }
    frame_queue_done(&out);
    stream_unref(s);
}

void client_stream_orphan(struct rpc_client_stream *s)
{
    unlink_call(s);
    finish_text(s, ERR_UNAVAILABLE, "the client was closed"); /* its own hold, if it still had one */
    if (loop_post_cancel(s->loop, &s->post))
        stream_unref(s);
}

/* ---- the worker */

/* Wakes the loop for this call; unlocks mu. */
static void unlock_and_post(struct rpc_client_stream *s)
{
    bool post = !s->posted;
    if (post) {
        s->posted = true;
        atomic_fetch_add(&s->refs, 1);
    }
    pthread_mutex_unlock(&s->mu);
    if (post)
        loop_post(s->loop, &s->post);
}

/* The worker lets go; a call that is not done is cancelled. */
static void stream_close(struct rpc_client_stream *s)
{
    pthread_mutex_lock(&s->mu);
    if (s->done) {
        pthread_mutex_unlock(&s->mu);
    } else {
        s->want_cancel = true;
        unlock_and_post(s);
    }
    stream_unref(s);
}

static int raise_status(const struct err *status, struct err *e)
{
    return err_raise(e, status->code, "%s", status->message[0] ? status->message : err_code_name(status->code));
}

static int unpack_answer(const ProtobufCMessageDescriptor *type, struct frame *f, struct arena *a, ProtobufCMessage **ret,
                         struct err *e)
{
    int r = rpc_message_unpack(type, frame_message(f), a, ret, e);
    if (r >= 0)
        return 0;
    if (r == -ERR_INVALID_ARGUMENT) /* the peer's fault, not our caller's */
        return err_raise(e, ERR_INTERNAL, "the peer's answer is not sound: %s", e ? e->message : "");
    return r;
}

/* Queues a frame and perhaps the end of our side. */
static void queue_out(struct rpc_client_stream *s, struct frame *f, bool last)
{
    pthread_mutex_lock(&s->mu);
    if (f) {
        s->out_bytes += f->n;
        frame_queue_add(&s->out, f);
    }
    s->want_half_close = s->want_half_close || last;
    unlock_and_post(s);
}

static bool is_done(struct rpc_client_stream *s)
{
    pthread_mutex_lock(&s->mu);
    bool done = s->done;
    pthread_mutex_unlock(&s->mu);
    return done;
}

static int unary_result(struct rpc_client_stream *s, const ProtobufCMessageDescriptor *response, struct arena *a,
                        ProtobufCMessage **ret, struct err *e)
{
    if (s->status.code != ERR_OK)
        return raise_status(&s->status, e);
    if (!s->in.head)
        return err_raise(e, ERR_INTERNAL, "the peer ended the call without an answer");
    return unpack_answer(response, s->in.head, a, ret, e);
}

static int op_unary(void *user, const struct ctx *ctx, const char *path, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *response, struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct rpc_client *c = user;
    struct frame *f;
    TRY(rpc_message_pack(request, &c->out, &f, e));
    struct rpc_client_stream *s;
    int r = stream_new(c, ctx, path, true, &s, e);
    if (r < 0) {
        frame_free(f);
        return r;
    }
    queue_out(s, f, true);
    while (r == 0 && !is_done(s))
        r = waiter_wait(&s->waiter, ctx, path, e);
    if (r == 0)
        r = unary_result(s, response, a, ret, e);
    stream_close(s);
    return r;
}

static int op_open(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e)
{
    struct rpc_client_stream *s;
    TRY(stream_new(user, ctx, path, false, &s, e));
    pthread_mutex_lock(&s->mu);
    unlock_and_post(s);
    *ret = s;
    return 0;
}

/* 1: there is room to send; 0: not yet; negative: the call is over. */
static int room(struct rpc_client_stream *s, struct err *e)
{
    pthread_mutex_lock(&s->mu);
    int r = s->out_bytes <= CLIENT_SEND_QUEUE_MAX;
    if (s->done && s->status.code != ERR_OK)
        r = raise_status(&s->status, e);
    else if (s->done)
        r = err_raise(e, ERR_FAILED_PRECONDITION, "%s: the peer ended the call already", s->path);
    pthread_mutex_unlock(&s->mu);
    return r;
}

static int op_send(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last,
                   struct err *e)
{
    struct rpc_client *c = user;
    int r;
    while ((r = room(s, e)) == 0)
        TRY(waiter_wait(&s->waiter, ctx, s->path, e));
    if (r < 0)
        return r;
    struct frame *f = NULL;
    if (m)
        TRY(rpc_message_pack(m, &c->out, &f, e));
    queue_out(s, f, last);
    return 0;
}

/* 1: *ret is a message; 0: the call ended well; 2: nothing yet; negative: it failed. */
static int take_answer(struct rpc_client_stream *s, struct frame **ret, struct err *e)
{
    int r = 2;
    pthread_mutex_lock(&s->mu);
    struct frame *f = frame_queue_take(&s->in);
    if (f) {
        *ret = f;
        r = 1;
    } else if (s->done) {
        r = s->status.code == ERR_OK ? 0 : raise_status(&s->status, e);
    }
    if (f && !s->done && s->in.bytes <= CLIENT_RECV_QUEUE_MAX / 2 && s->in.bytes + f->n > CLIENT_RECV_QUEUE_MAX / 2) {
        s->want_release = true;
        unlock_and_post(s);
    } else {
        pthread_mutex_unlock(&s->mu);
    }
    return r;
}

static int op_recv(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessageDescriptor *message,
                   struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct frame *f = NULL;
    int r;
    while ((r = take_answer(s, &f, e)) == 2)
        TRY(waiter_wait(&s->waiter, ctx, s->path, e));
    if (r <= 0)
        return r;
    r = unpack_answer(message, f, a, ret, e);
    frame_free(f);
    return r < 0 ? r : 1;
}

static void op_close(void *user, struct rpc_client_stream *s)
{
    if (s)
        stream_close(s);
}

const struct rpc_channel_ops client_channel_ops = {
    .unary = op_unary, .open = op_open, .send = op_send, .recv = op_recv, .close = op_close};
