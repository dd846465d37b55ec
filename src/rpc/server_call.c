/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the server: from the head of its request to the end of its stream; its handler on a worker. See server_private.h.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "rpc/message.h"
#include "rpc/server_private.h"

static void on_post(void *arg);
static void on_timer(void *arg);

/* ---- life */

static void call_free(struct rpc_stream *s)
{
    struct rpc_server *server = s->server;
    if (server) {
        if (s->prev)
            s->prev->next = s->next;
        else
            server->calls = s->next;
        if (s->next)
            s->next->prev = s->prev;
    }
    loop_timer_free(s->timer);
    frame_free(s->request);
    frame_queue_done(&s->out);
    frame_queue_done(&s->in);
    arena_done(&s->call.arena);
    cancel_done(&s->cancel);
    waiter_done(&s->waiter);
    pthread_mutex_destroy(&s->mu);
    mem_free(s);
    if (server)
        server_check_drained(server);
}

static void maybe_free(struct rpc_stream *s)
{
    if (!s->job && !s->h2s)
        call_free(s);
}

static int call_setup(struct rpc_stream *s, const struct h2_request *r, struct err *e)
{
    struct arena *a = &s->call.arena;
    for (size_t i = 0; i < r->metadata.n; i++) {
        char *k = arena_strdup(a, r->metadata.v[i].key), *v = arena_strdup(a, r->metadata.v[i].value);
        if (!k || !v || kvlist_set(&s->call.metadata, a, k, v) < 0)
            return err_oom(e);
    }
    TRY(cancel_init(&s->cancel, e));
    if (!s->method->unary)
        TRY(waiter_init(&s->waiter, e));
    return loop_timer_add(s->loop, on_timer, s, &s->timer, e);
}

static void submit(struct rpc_stream *s);

int server_call_new(struct server_conn *c, const struct rpc_method *m, struct h2_stream *h2s, const struct h2_request *r,
                    struct err *e)
{
    struct rpc_server *server = c->server;
    struct rpc_stream *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    s->server = server;
    s->loop = server->loop;
    s->method = s->call.method = m;
    s->call.id = ++server->next_id;
    s->call.began = clock_mono();
    arena_init(&s->call.arena, ARENA_BUDGET_DEFAULT);
    s->cancel = (struct cancel)CANCEL_INIT;
    s->waiter = (struct waiter)WAITER_INIT;
    s->post = (struct loop_post){.fn = on_post, .arg = s};
    frame_queue_init(&s->out);
    frame_queue_init(&s->in);
    pthread_mutex_init(&s->mu, NULL);
    s->next = server->calls;
    if (server->calls)
        server->calls->prev = s;
    server->calls = s;
    int ret = call_setup(s, r, e);
    if (ret < 0) {
        call_free(s);
        return ret;
    }
    s->conn = c;
    s->h2s = h2s;
    h2_stream_set_user(h2s, s);
    s->deadline = r->timeout_ns == UINT64_MAX ? CLOCK_NEVER : clock_deadline(r->timeout_ns);
    s->call.ctx = (struct ctx){.deadline = m->detached ? CLOCK_NEVER : s->deadline, .cancel = m->detached ? NULL : &s->cancel};
    uint64_t arrive = m->duplex ? CLOCK_NEVER : clock_deadline(SERVER_REQUEST_SECONDS * NSEC_PER_SEC);
    loop_timer_set(s->timer, MIN_OF(s->deadline, arrive));
    if (m->duplex && !executor_is_inline(server->config.executor))
        submit(s);
    return 0;
}

/* ---- what the connection reports, on the loop's thread */

void server_call_answer(struct rpc_stream *s, enum err_code code, const char *text)
{
    if (!s->h2s || s->answered)
        return;
    struct err e = ERR_INIT;
    err_raise(&e, code, "%s", text);
    s->answered = true;
    atomic_store(&s->abandoned, true);
    h2_stream_end(s->h2s, &e);
    rpc_conn_kick(s->conn->conn);
}

static void on_timer(void *arg)
{
    struct rpc_stream *s = arg;
    bool complete = s->job || s->method->duplex;
    server_call_answer(s, ERR_DEADLINE_EXCEEDED, complete ? "deadline exceeded" : "the request did not arrive in time");
}

void server_call_message(struct rpc_stream *s, struct frame *f)
{
    if (s->method->duplex) {
        pthread_mutex_lock(&s->mu);
        frame_queue_add(&s->in, f);
        bool full = s->in.bytes > STREAM_IN_QUEUE_MAX;
        pthread_mutex_unlock(&s->mu);
        if (full && !s->held && !executor_is_inline(s->server->config.executor)) {
            s->held = true;
            h2_stream_hold(s->h2s, true);
        }
        waiter_wake(&s->waiter);
        return;
    }
    if (s->request) {
        frame_free(f);
        server_call_answer(s, ERR_UNIMPLEMENTED, "the method takes exactly one request message");
        return;
    }
    s->request = f;
}

void server_call_end(struct rpc_stream *s)
{
    if (s->answered)
        return;
    if (s->method->duplex) {
        pthread_mutex_lock(&s->mu);
        s->in_end = true;
        pthread_mutex_unlock(&s->mu);
        waiter_wake(&s->waiter);
        if (!s->job)
            submit(s);
    } else if (!s->request) {
        server_call_answer(s, ERR_UNIMPLEMENTED, "the method takes exactly one request message");
    } else {
        loop_timer_set(s->timer, s->deadline);
        submit(s);
    }
}

void server_call_sent(struct rpc_stream *s, size_t n)
{
    pthread_mutex_lock(&s->mu);
    bool was_full = s->out_bytes > RPC_STREAM_QUEUE_MAX;
    s->out_bytes -= MIN_OF(n, s->out_bytes);
    bool room = was_full && s->out_bytes <= RPC_STREAM_QUEUE_MAX;
    pthread_mutex_unlock(&s->mu);
    if (room)
        waiter_wake(&s->waiter);
}

void server_call_close(struct rpc_stream *s)
{
    s->h2s = NULL;
    s->conn = NULL;
    loop_timer_set(s->timer, CLOCK_NEVER);
    pthread_mutex_lock(&s->mu);
    s->closed = true;
    void (*fn)(void *) = s->ended ? NULL : s->on_close;
    void *arg = s->on_close_arg;
    s->on_close = NULL;
    bool early = !s->ended;
    pthread_mutex_unlock(&s->mu);
    if (early) {
        atomic_store(&s->abandoned, true);
        cancel_fire(&s->cancel);
        waiter_wake(&s->waiter);
    }
    if (fn)
        fn(arg);
    maybe_free(s);
}

/* ---- what workers post, on the loop's thread */

static void on_post(void *arg)
{
    struct rpc_stream *s = arg;
    struct frame_queue out;
    frame_queue_init(&out);
    pthread_mutex_lock(&s->mu);
    s->posted = false;
    frame_queue_move(&out, &s->out);
    bool release = s->want_release, end = s->ended, done = s->job_done;
    s->want_release = false;
    void (*fn)(void *) = s->closed && !s->ended ? s->on_close : NULL; /* registered too late */
    if (fn)
        s->on_close = NULL;
    pthread_mutex_unlock(&s->mu);
    if (s->h2s && !s->answered) {
        for (struct frame *f; (f = frame_queue_take(&out));)
            h2_stream_send(s->h2s, f);
        if (release && s->held) {
            s->held = false;
            h2_stream_hold(s->h2s, false);
        }
        if (end) {
            s->answered = true;
            h2_stream_end(s->h2s, &s->status);
        }
        rpc_conn_kick(s->conn->conn);
    }
    frame_queue_done(&out);
    if (fn)
        fn(s->on_close_arg);
    if (done)
        s->job = false;
    maybe_free(s);
}

void server_call_settle(struct rpc_stream *s)
{
    if (loop_post_cancel(s->loop, &s->post))
        on_post(s);
}

/* Unlocks, and posts unless that was done already. After it the caller may touch s only if it keeps its hold on it. */
static void unlock_and_post(struct rpc_stream *s)
{
    struct loop *l = s->loop;
    bool post = !s->posted;
    s->posted = true;
    pthread_mutex_unlock(&s->mu);
    if (post)
        loop_post(l, &s->post);
}

/* ---- the handler, on a worker */

static int too_late(struct err *e)
{
    return err_raise(e, ERR_DEADLINE_EXCEEDED, "the deadline passed before the call began");
}

const char *rpc_method_name(const struct rpc_method *m)
{
    const char *slash = strrchr(m->path, '/');
    return slash ? slash + 1 : m->path;
}

static struct log_scope scope_of(const struct rpc_stream *s)
{
    return (struct log_scope){.rpc_id = s->call.id, .rpc = rpc_method_name(s->method)};
}

static void report(struct rpc_stream *s, int r, const struct err *e)
{
    if (s->server && s->server->config.on_done)
        s->server->config.on_done(s->server->config.user, &s->call, r, e);
}

/* The end of the handler's or keeper's hold: the status, and s is not touched any more. */
static void finish(struct rpc_stream *s, struct frame *answer, int r, const struct err *e)
{
    pthread_mutex_lock(&s->mu);
    if (answer && !s->closed) {
        frame_queue_add(&s->out, answer);
        answer = NULL;
    }
    if (r < 0) {
        s->status = *e;
        s->status.code = (enum err_code) - r;
    }
    s->ended = true;
    s->job_done = true;
    unlock_and_post(s);
    frame_free(answer);
}

static int run_unary(struct rpc_stream *s, const ProtobufCMessage *request, struct frame **ret_answer, struct err *e)
{
    ProtobufCMessage *response = rpc_message_new(s->method->response, &s->call.arena);
    if (!response)
        return err_oom(e);
    TRY(s->method->unary(s->server->config.service, &s->call, request, response, e));
    return rpc_message_pack(response, &s->server->out, ret_answer, e);
}

static int run_handler(struct rpc_stream *s, struct frame **ret_answer, struct err *e)
{
    if (clock_mono() >= s->deadline)
        return too_late(e);
    if (atomic_load(&s->abandoned))
        return err_raise(e, ERR_CANCELLED, "the client left before the call began");
    if (s->method->duplex)
        return s->method->duplex(s->server->config.service, &s->call, s, e);
    ProtobufCMessage *request;
    TRY(rpc_message_unpack(s->method->request, frame_message(s->request), &s->call.arena, &request, e));
    frame_free(TAKE_PTR(s->request)); /* the arena holds all of it now */
    if (s->method->unary)
        return run_unary(s, request, ret_answer, e);
    return s->method->stream(s->server->config.service, &s->call, request, s, e);
}

static void call_run(void *arg)
{
    struct rpc_stream *s = arg;
    struct err e = ERR_INIT;
    struct frame *answer = NULL;
    bool is_stream = !s->method->unary && !s->method->duplex;
    struct log_scope before = log_scope_set(scope_of(s));
    int r = run_handler(s, &answer, &e);
    if (r < 0 && e.code == ERR_OK)
        err_raise(&e, (enum err_code) - r, "%s", err_code_name((enum err_code) - r));
    if (r < 0 || !is_stream) { /* else it is the keeper's now, and perhaps ended and freed already */
        report(s, r, &e);
        finish(s, answer, r, &e);
    }
    log_scope_set(before);
}

static void submit(struct rpc_stream *s)
{
    struct err e = ERR_INIT;
    s->job = true;
    int r =
        clock_mono() >= s->deadline ? too_late(&e) : executor_submit(s->server->config.executor, s->method->cls, call_run, s, &e);
    if (r >= 0)
        return;
    s->job = false;
    struct log_scope before = log_scope_set(scope_of(s));
    report(s, r, &e);
    log_scope_set(before);
    server_call_answer(s, e.code, e.message);
}

/* ---- streams, on any thread */

struct rpc_call *rpc_stream_call(struct rpc_stream *s)
{
    return &s->call;
}

bool rpc_call_abandoned(struct rpc_call *call)
{
    struct rpc_stream *s = (struct rpc_stream *)call; /* its first member */
    return atomic_load(&s->abandoned) || clock_mono() >= s->deadline;
}

static int gone(struct err *e)
{
    return err_raise(e, ERR_CANCELLED, "the client ended the call");
}

static int queue_frame(struct rpc_stream *s, struct frame *f, struct err *e)
{
    pthread_mutex_lock(&s->mu);
    if (s->closed || atomic_load(&s->abandoned) || s->out_bytes > RPC_STREAM_QUEUE_MAX) {
        bool full = !s->closed && !atomic_load(&s->abandoned);
        pthread_mutex_unlock(&s->mu);
        return full ? err_raise(e, ERR_RESOURCE_EXHAUSTED, "the client is too slow: %d MiB wait for it",
                                RPC_STREAM_QUEUE_MAX >> 20)
                    : gone(e);
    }
    s->out_bytes += f->n;
    frame_queue_add(&s->out, f);
    unlock_and_post(s);
    return 0;
}

int rpc_stream_send(struct rpc_stream *s, const ProtobufCMessage *m, struct err *e)
{
    if (!s->server)
        return gone(e);
    struct frame *f;
    TRY(rpc_message_pack(m, &s->server->out, &f, e));
    int r = queue_frame(s, f, e);
    if (r < 0)
        frame_free(f);
    return r;
}

static bool is_full(struct rpc_stream *s)
{
    pthread_mutex_lock(&s->mu);
    bool full = !s->closed && s->out_bytes > RPC_STREAM_QUEUE_MAX;
    pthread_mutex_unlock(&s->mu);
    return full;
}

int rpc_stream_send_wait(struct rpc_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, struct err *e)
{
    while (is_full(s))
        TRY(waiter_wait(&s->waiter, ctx, "sending to the client", e));
    return rpc_stream_send(s, m, e);
}

/* Takes the next request; 1 it is in *ret, 0 all were read, 2 there is none yet. */
static int take_request(struct rpc_stream *s, struct frame **ret, struct err *e)
{
    int r = 2;
    pthread_mutex_lock(&s->mu);
    struct frame *f = frame_queue_take(&s->in);
    if (f) {
        *ret = f;
        r = 1;
    } else if (s->closed) {
        r = gone(e);
    } else if (s->in_end) {
        r = 0;
    }
    if (r == 1 && s->in.bytes <= STREAM_IN_QUEUE_MAX / 2 && s->in.bytes + f->n > STREAM_IN_QUEUE_MAX / 2) {
        s->want_release = true;
        unlock_and_post(s);
    } else {
        pthread_mutex_unlock(&s->mu);
    }
    return r;
}

int rpc_stream_recv(struct rpc_stream *s, const struct ctx *ctx, struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct frame *f = NULL;
    int r;
    while ((r = take_request(s, &f, e)) == 2)
        TRY(waiter_wait(&s->waiter, ctx, "waiting for the client's message", e));
    if (r <= 0)
        return r;
    r = rpc_message_unpack(s->method->request, frame_message(f), a, ret, e);
    frame_free(f);
    return r < 0 ? r : 1;
}

void rpc_stream_end(struct rpc_stream *s, const struct err *e)
{
    struct err ok = ERR_INIT;
    const struct err *status = e ? e : &ok;
    report(s, -(int)status->code, status);
    finish(s, NULL, -(int)status->code, status);
}

void rpc_stream_on_close(struct rpc_stream *s, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->mu);
    s->on_close = fn;
    s->on_close_arg = arg;
    if (s->closed && fn)
        unlock_and_post(s);
    else
        pthread_mutex_unlock(&s->mu);
}
