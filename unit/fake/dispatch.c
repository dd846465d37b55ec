/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rpc_channel of the fake: finds the handler, turns messages into bytes and back, waits on virtual or real time.
 */
#include "dispatch.h"

#include "base/mem.h"
#include "rpc/message.h"

#define FAKE_TABLE_ENTRY_(name) fake_handlers_##name,
static const struct fake_handler *const tables[] = {FAKE_TABLES(FAKE_TABLE_ENTRY_)};

static const struct fake_handler *find_handler(const struct proto_method *m)
{
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
        for (const struct fake_handler *h = tables[t]; h->method >= 0; h++)
            if (&containerd_methods[h->method] == m)
                return h;
    return NULL;
}

/* What the rpc client does with an answer: unpacks it into the caller's arena; what is no message is the peer's fault. */
static int deliver(struct fake *f, const struct fake_bytes *bytes, const ProtobufCMessageDescriptor *d, struct arena *a,
                   ProtobufCMessage **ret, struct err *e)
{
    struct view v = f->answer ? view_make(f->answer, f->answer_n) : view_make((const char *)bytes->p, bytes->n);
    int r = rpc_message_unpack(d, v, a, ret, e);
    if (r == -ERR_INVALID_ARGUMENT) {
        char why[ERR_MESSAGE_MAX];
        memcpy(why, e->message, sizeof(why));
        r = err_raise(e, ERR_INTERNAL, "the answer is no %s: %s", d->short_name, why);
    }
    return r;
}

static struct fake_bytes *to_bytes(const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    struct fake_bytes *b = fake_zalloc(sizeof(*b) + n);
    b->n = n;
    protobuf_c_message_pack(m, b->p);
    return b;
}

/* The request as the peer reads it. NULL when it is not valid UTF-8 or the like would be refused there: not modelled. */
static ProtobufCMessage *through_bytes(const ProtobufCMessage *m)
{
    struct fake_bytes *b = to_bytes(m);
    ProtobufCMessage *copy = protobuf_c_message_unpack(m->descriptor, NULL, b->n, b->p);
    free(b);
    return copy;
}

static int begin(struct fake *f, const struct ctx *ctx, const char *path, const struct proto_method **ret_method,
                 const struct fake_handler **ret, struct err *e)
{
    if (ctx)
        TRY(ctx_check(ctx, path, e));
    const struct proto_method *m = containerd_method_find(path, strlen(path));
    const struct fake_handler *h = m ? find_handler(m) : NULL;
    if (!h)
        return err_raise(e, ERR_UNIMPLEMENTED, "unknown method %s", path);
    fake_run_due(f);
    *ret_method = m;
    *ret = h;
    return 0;
}

static int unary_locked(struct fake *f, const struct ctx *ctx, const char *path, const ProtobufCMessage *request,
                        struct arena *scratch, struct fake_bytes **ret, struct err *e)
{
    const struct proto_method *m;
    const struct fake_handler *h;
    enum fake_fault fault = FAKE_FAIL_BEFORE;
    struct err injected = ERR_INIT;
    TRY(begin(f, ctx, path, &m, &h, e));
    if (!h->unary || request->descriptor != m->request)
        return err_raise(e, ERR_INTERNAL, "fake: %s is called in a wrong way", path);
    int hit = fake_note_call(f, ctx, m, &fault, &injected);
    if (hit && fault == FAKE_FAIL_BEFORE) {
        *e = injected;
        return -(int)injected.code;
    }
    ProtobufCMessage *copy = through_bytes(request);
    if (!copy)
        return err_raise(e, ERR_INTERNAL, "fake: %s: the request cannot be unpacked", path);
    ProtobufCMessage *answer = fake_zalloc(m->response->sizeof_message);
    protobuf_c_message_init(m->response, answer);
    struct fake_ctx c = {.f = f, .ctx = ctx, .a = scratch, .e = e};
    int r = h->unary(&c, copy, answer);
    if (r == 0)
        *ret = to_bytes(answer);
    free(answer);
    fake_message_free(copy);
    if (r == 0 && hit) {
        *e = injected;
        r = -(int)injected.code;
    }
    return r;
}

static int fake_unary(void *user, const struct ctx *ctx, const char *path, const ProtobufCMessage *request,
                      const ProtobufCMessageDescriptor *response, struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct fake *f = user;
    struct arena scratch = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct fake_bytes *bytes = NULL;
    pthread_mutex_lock(&f->lock);
    mem_fail_pause();
    int r = unary_locked(f, ctx, path, request, &scratch, &bytes, e);
    fake_gc_point(f);
    arena_done(&scratch);
    mem_fail_resume();
    if (r == 0)
        r = deliver(f, bytes, response, a, ret, e);
    free(bytes);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return r;
}

void fake_stream_push(struct fake_stream *s, const void *message)
{
    fake_list_add(&s->messages, to_bytes(message));
}

void fake_stream_end(struct fake_stream *s, const struct err *e)
{
    s->ended = true;
    if (e)
        s->end = *e;
}

static int open_locked(struct fake *f, const struct ctx *ctx, const char *path, struct fake_stream **ret, struct err *e)
{
    const struct proto_method *m;
    const struct fake_handler *h;
    enum fake_fault fault = FAKE_FAIL_BEFORE;
    struct err injected = ERR_INIT;
    TRY(begin(f, ctx, path, &m, &h, e));
    int hit = fake_note_call(f, ctx, m, &fault, &injected);
    if (hit && injected.code == ERR_UNAVAILABLE && fault == FAKE_FAIL_BEFORE) {
        *e = injected; /* there is no connection to open a stream on */
        return -ERR_UNAVAILABLE;
    }
    struct fake_stream *s = fake_zalloc(sizeof(*s));
    s->f = f;
    s->method = m;
    s->lease = ctx && ctx->lease ? fake_strdup(ctx->lease) : NULL;
    if (hit && fault == FAKE_FAIL_BEFORE)
        fake_stream_end(s, &injected);
    else if (hit)
        s->last_error = injected;
    fake_list_add(&f->streams, s);
    *ret = s;
    return 0;
}

/* The stream type is opaque in rpc/channel.h; the fake's own is another. */
static int fake_open(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e)
{
    struct fake *f = user;
    struct fake_stream *s = NULL;
    pthread_mutex_lock(&f->lock);
    mem_fail_pause();
    int r = open_locked(f, ctx, path, &s, e);
    fake_gc_point(f);
    mem_fail_resume();
    pthread_mutex_unlock(&f->lock);
    if (r == 0)
        *ret = (struct rpc_client_stream *)(void *)s;
    return r;
}

/* On the wire a call of one request and one answer is a stream of one message each way, so clients may make it as one. */
static int answer_once(struct fake_ctx *c, struct fake_stream *s, const struct fake_handler *h, const ProtobufCMessage *request)
{
    ProtobufCMessage *answer = fake_zalloc(s->method->response->sizeof_message);
    protobuf_c_message_init(s->method->response, answer);
    int r = h->unary(c, request, answer);
    if (r == 0) {
        fake_stream_push(s, answer);
        fake_stream_end(s, NULL);
    }
    free(answer);
    return r;
}

static int send_locked(struct fake_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last, struct arena *scratch,
                       struct err *e)
{
    if (ctx)
        TRY(ctx_check(ctx, s->method->path, e));
    if (s->closed)
        return err_raise(e, ERR_INTERNAL, "fake: %s: message after the last one", s->method->path);
    s->closed = last;
    if (s->ended || !m)
        return 0; /* the peer has answered already: recv tells */
    ProtobufCMessage *copy = through_bytes(m);
    if (!copy)
        return err_raise(e, ERR_INTERNAL, "fake: %s: the request cannot be unpacked", s->method->path);
    struct err failed = ERR_INIT;
    struct ctx leased = ctx ? *ctx : (struct ctx)CTX_BACKGROUND;
    leased.lease = s->lease;
    struct fake_ctx c = {.f = s->f, .ctx = &leased, .a = scratch, .e = &failed};
    const struct fake_handler *h = find_handler(s->method);
    int r = h->unary ? answer_once(&c, s, h, copy) : h->stream(&c, s, copy);
    if (r < 0)
        fake_stream_end(s, &failed);
    fake_message_free(copy);
    return 0;
}

static int fake_send(void *user, struct rpc_client_stream *stream, const struct ctx *ctx, const ProtobufCMessage *m, bool last,
                     struct err *e)
{
    struct fake *f = user;
    struct fake_stream *s = (void *)stream;
    struct arena scratch = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    pthread_mutex_lock(&f->lock);
    mem_fail_pause();
    fake_run_due(f);
    int r = send_locked(s, ctx, m, last, &scratch, e);
    fake_gc_point(f);
    arena_done(&scratch);
    mem_fail_resume();
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return r;
}

/* The next message or the end. 1, 0 or negative. */
static int take(struct fake_stream *s, const struct ctx *ctx, struct fake_bytes **ret, struct err *e)
{
    struct fake_ctx c = {.f = s->f, .ctx = ctx, .e = e};
    for (;;) {
        fake_run_due(s->f);
        if (s->last_error.code && (s->messages.n > 0 || s->ended)) {
            *e = s->last_error;
            return -(int)s->last_error.code;
        }
        if (s->messages.n > 0) {
            *ret = fake_list_take(&s->messages, 0);
            return 1;
        }
        if (s->ended) {
            if (!s->end.code)
                return 0;
            *e = s->end;
            return -(int)s->end.code;
        }
        TRY(fake_wait(&c, s->method->path));
    }
}

static int fake_recv(void *user, struct rpc_client_stream *stream, const struct ctx *ctx,
                     const ProtobufCMessageDescriptor *message, struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct fake *f = user;
    struct fake_stream *s = (void *)stream;
    struct fake_bytes *bytes = NULL;
    pthread_mutex_lock(&f->lock);
    mem_fail_pause();
    int r = take(s, ctx, &bytes, e);
    mem_fail_resume();
    if (r == 1 && (r = deliver(f, bytes, message, a, ret, e)) == 0)
        r = 1;
    free(bytes);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static void fake_close(void *user, struct rpc_client_stream *stream)
{
    struct fake *f = user;
    struct fake_stream *s = (void *)stream;
    pthread_mutex_lock(&f->lock);
    if (s->ingest)
        s->ingest->locked = false;
    for (size_t i = 0; i < f->streams.n; i++)
        if (f->streams.v[i] == s) {
            fake_list_take(&f->streams, i);
            break;
        }
    pthread_mutex_unlock(&f->lock);
    fake_list_done(&s->messages, free);
    for (size_t i = 0; i < s->n_filters; i++)
        free(s->filters[i]);
    free(s->filters);
    free(s->expected);
    free(s->lease);
    free(s);
}

const struct rpc_channel_ops fake_channel_ops = {
    .unary = fake_unary,
    .open = fake_open,
    .send = fake_send,
    .recv = fake_recv,
    .close = fake_close,
};

void fake_answer_with(struct fake *f, const void *p, size_t n)
{
    pthread_mutex_lock(&f->lock);
    f->answer = p;
    f->answer_n = n;
    pthread_mutex_unlock(&f->lock);
}

/* With threads: until somebody changes the model, at most a little while, because a cancel flag has no condition to wait on. */
static void wait_for_change(struct fake *f, uint64_t until)
{
    const uint64_t slice = 5 * NSEC_PER_MSEC;
    uint64_t now = clock_mono(), at = until - now > slice ? now + slice : until;
    struct timespec t = {.tv_sec = (time_t)(at / NSEC_PER_SEC), .tv_nsec = (long)(at % NSEC_PER_SEC)};
    pthread_cond_timedwait(&f->changed, &f->lock, &t);
}

int fake_wait(struct fake_ctx *c, const char *what)
{
    static const struct ctx background = CTX_BACKGROUND;
    const struct ctx *ctx = c->ctx ? c->ctx : &background;
    TRY(ctx_check(ctx, what, c->e));
    uint64_t due = fake_next_due(c->f), until = MIN_OF(due, ctx->deadline), now = clock_mono();
    if (c->f->threads) {
        if (until > now)
            wait_for_change(c->f, until);
    } else if (until == CLOCK_NEVER) {
        return err_raise(c->e, ERR_INTERNAL, "fake: %s would wait for ever", what);
    } else if (until > now) {
        clock_advance(until - now);
        if (clock_mono() < until)
            return err_raise(c->e, ERR_INTERNAL, "fake: %s would block, and the clock is not virtual", what);
    }
    fake_run_due(c->f);
    return 0;
}
