/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake behind a server; see serve.h.
 */
#include "serve.h"

#include <sys/socket.h>

#include "dispatch.h"
#include "support.h"

#define FAKE_TABLE_ENTRY_(name) fake_handlers_##name,
static const struct fake_handler *const tables[] = {FAKE_TABLES(FAKE_TABLE_ENTRY_)};

/* The call's limits, and the lease that the client named. */
static struct ctx ctx_of(const struct rpc_call *call)
{
    struct ctx ctx = call->ctx;
    ctx.lease = kvlist_get(&call->metadata, "containerd-lease");
    return ctx;
}

static int serve_unary(void *service, struct rpc_call *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                       struct err *e)
{
    struct ctx ctx = ctx_of(call);
    ProtobufCMessage *m;
    TRY(fake_channel_ops.unary(service, &ctx, call->method->path, request, call->method->response, &call->arena, &m, e));
    memcpy(response, m, m->descriptor->sizeof_message); /* its parts are in the call's arena */
    return 0;
}

static bool ready(struct fake *f, struct rpc_client_stream *in)
{
    const struct fake_stream *s = (const void *)in;
    pthread_mutex_lock(&f->lock);
    bool yes = s->messages.n > 0 || s->ended;
    pthread_mutex_unlock(&f->lock);
    return yes;
}

/* Hands one request on (or the end of them) and the answers that it brought. 1: the call goes on. */
static int relay_one(struct fake *f, const struct ctx *ctx, struct rpc_client_stream *in, struct rpc_stream *out, struct err *e)
{
    const struct rpc_method *method = rpc_stream_call(out)->method;
    _cleanup_arena_ struct arena one = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *m = NULL;
    int r = rpc_stream_recv(out, ctx, &one, &m, e);
    TRY(r);
    bool last = r == 0;
    TRY(fake_channel_ops.send(f, in, ctx, last ? NULL : m, last, e));
    while (last || ready(f, in)) {
        r = fake_channel_ops.recv(f, in, ctx, method->response, &one, &m, e);
        if (r <= 0)
            return r;
        TRY(rpc_stream_send_wait(out, ctx, m, e));
    }
    return 1;
}

static int serve_stream(void *service, struct rpc_call *call, struct rpc_stream *out, struct err *e)
{
    struct ctx ctx = ctx_of(call);
    struct rpc_client_stream *in;
    int r;
    TRY(fake_channel_ops.open(service, &ctx, call->method->path, &in, e));
    do
        r = relay_one(service, &ctx, in, out, e);
    while (r > 0);
    fake_channel_ops.close(service, in);
    return r;
}

const struct rpc_method *fake_rpc_methods(size_t *ret_n)
{
    enum { METHODS_MAX = 128 };
    static struct rpc_method methods[METHODS_MAX];
    size_t n = 0;
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
        for (const struct fake_handler *h = tables[t]; h->method >= 0 && n < METHODS_MAX; h++) {
            const struct proto_method *m = &containerd_methods[h->method];
            methods[n++] = (struct rpc_method){
                .path = m->path,
                .request = m->request,
                .response = m->response,
                .cls = EXEC_SLOW,
                .unary = h->unary ? serve_unary : NULL,
                .duplex = h->unary ? NULL : serve_stream,
            };
        }
    *ret_n = n;
    return methods;
}

static void *loop_main(void *arg)
{
    struct err e = ERR_INIT;
    if (loop_run(arg, &e) < 0)
        fail_msg("%s", e.message);
    return NULL;
}

void served_start(struct served *s, struct fake *f)
{
    static const char *const metadata[] = {"containerd-namespace", "k8s.io", NULL};
    const struct executor_limits limits = {.threads_max = 12, .slow_max = 11, .queue_max = 1000, .stack_size = 512 << 10};
    const struct rpc_client_config client = {.metadata = metadata};
    struct rpc_server_config server = {.service = f};
    struct err e = ERR_INIT;
    int fd[2];
    *s = (struct served){0};
    fake_set_threads(f, true);
    server.methods = fake_rpc_methods(&server.n_methods);
    assert_ok(loop_new(&s->loop, &e), &e);
    assert_ok(executor_new_pool(&limits, &s->executor, &e), &e);
    server.executor = s->executor;
    assert_ok(rpc_server_new(s->loop, &server, &s->server, &e), &e);
    assert_ok(rpc_client_new(s->loop, &client, &s->client, &e), &e);
    s->channel = rpc_client_channel(s->client);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_ok(rpc_server_adopt(s->server, fd[0], &e), &e);
    assert_ok(rpc_client_adopt(s->client, fd[1], &e), &e);
    assert_int_equal(pthread_create(&s->thread, NULL, loop_main, s->loop), 0);
}

/* A few rounds: what was posted is done, closed sockets are seen. */
static void run_rounds(struct loop *l)
{
    struct err e = ERR_INIT;
    for (int i = 0; i < 4; i++)
        assert_ok(loop_run_once(l, 0, &e), &e);
}

void served_stop(struct served *s)
{
    loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    rpc_client_free(s->client);
    run_rounds(s->loop);
    executor_drain(s->executor);
    run_rounds(s->loop);
    rpc_server_free(s->server);
    executor_free(s->executor);
    loop_free(s->loop);
}
