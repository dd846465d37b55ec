/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server and a client of ours against each other: both on one loop in a thread of its own, over a socketpair or a listening
 * socket; handlers on a pool; the test calls from its own thread, as a worker would.
 */
#ifndef CRI_UNIT_RPC_PAIR_H
#define CRI_UNIT_RPC_PAIR_H

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#include "echo_service.h"
#include "rpc/client.h"
#include "rpc/frame.h"

struct pair {
    struct loop *loop;
    struct executor *executor;
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel channel;
    struct echo_service service;
    pthread_t thread;
};

static inline void *pair_loop_main(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_INIT;
    if (loop_run(p->loop, &e) < 0)
        fail_msg("%s", e.message);
    return NULL;
}

/* Everything but the connection. */
static inline void pair_base(struct pair *p, const char *socket_path)
{
    struct err e = ERR_INIT;
    memset(p, 0, sizeof(*p));
    struct executor_limits limits = {.threads_max = 8, .slow_max = 6, .queue_max = 1000, .stack_size = 256 << 10};
    assert_ok(loop_new(&p->loop, &e), &e);
    assert_ok(executor_new_pool(&limits, &p->executor, &e), &e);
    struct rpc_server_config sc = {.methods = echo_methods,
                                   .n_methods = n_echo_methods,
                                   .service = &p->service,
                                   .executor = p->executor,
                                   .on_done = echo_on_done,
                                   .user = &p->service};
    assert_ok(rpc_server_new(p->loop, &sc, &p->server, &e), &e);
    static const char *const metadata[] = {"containerd-namespace", "k8s.io", NULL};
    struct rpc_client_config cc = {.socket_path = socket_path, .metadata = metadata};
    assert_ok(rpc_client_new(p->loop, &cc, &p->client, &e), &e);
    p->channel = rpc_client_channel(p->client);
}

static inline void pair_run(struct pair *p)
{
    assert_int_equal(pthread_create(&p->thread, NULL, pair_loop_main, p), 0);
}

static inline void pair_start(struct pair *p)
{
    struct err e = ERR_INIT;
    int fd[2];
    pair_base(p, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_ok(rpc_server_adopt(p->server, fd[0], &e), &e);
    assert_ok(rpc_client_adopt(p->client, fd[1], &e), &e);
    pair_run(p);
}

/* Stops the loop and frees all. */
static inline void pair_stop(struct pair *p)
{
    loop_stop(p->loop);
    pthread_join(p->thread, NULL);
    rpc_client_free(p->client);
    if (p->server) {
        /* The clients are gone: let the handlers end. */
        struct err e = ERR_INIT;
        for (int i = 0; i < 4; i++)
            assert_ok(loop_run_once(p->loop, 0, &e), &e);
        executor_drain(p->executor);
        for (int i = 0; i < 4; i++)
            assert_ok(loop_run_once(p->loop, 0, &e), &e);
    }
    rpc_server_free(p->server);
    executor_free(p->executor);
    loop_free(p->loop);
}

static inline int pair_unary(struct pair *p, const char *path, const Echo *q, uint64_t timeout_ns, struct arena *a, Echo **ret,
                             struct err *e)
{
    struct ctx background = CTX_BACKGROUND, ctx = timeout_ns ? ctx_with_timeout(&background, timeout_ns) : background;
    ProtobufCMessage *m = NULL;
    int r = p->channel.ops->unary(p->channel.user, &ctx, path, &q->base, &echo_type, a, &m, e);
    *ret = (Echo *)m;
    return r;
}

/* Waits until *v is at least n: for effects on other threads. */
static inline void pair_await(atomic_int *v, int n)
{
    for (int i = 0; i < 20000 && atomic_load(v) < n; i++)
        usleep(500);
    assert_true(atomic_load(v) >= n);
}

/* Around each test: nothing may be left. */
static size_t pair_live;
static inline int pair_setup(void **state)
{
    pair_live = mem_live();
    return 0;
}
static inline int pair_teardown(void **state)
{
    assert_int_equal(mem_live(), pair_live);
    return 0;
}
#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

#endif
