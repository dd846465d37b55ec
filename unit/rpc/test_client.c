/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's connection on a real unix socket: nobody there, back-off, reconnecting after the server went, GOAWAY, and a full
 * pool.
 */
#include "pair.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>

static char path[108];

static int listen_here(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static int call(struct pair *p, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    return pair_unary(p, ECHO_UNARY, &q, 20 * NSEC_PER_SEC, &a, &r, e);
}

/* Calls until it works; the back-off between attempts is the client's. */
static int call_until_up(struct pair *p, struct err *e)
{
    int r = 0;
    for (int i = 0; i < 2000 && (r = call(p, e)) == -ERR_UNAVAILABLE; i++)
        usleep(5000);
    return r;
}

struct op {
    struct loop_post post;
    struct pair *p;
    void (*fn)(struct op *op);
    atomic_int done;
};

static void run_op(void *arg)
{
    struct op *op = arg;
    op->fn(op);
}

/* Runs fn on the loop's thread and waits for op->done. */
static void on_loop(struct pair *p, void (*fn)(struct op *))
{
    struct op op = {.p = p, .fn = fn};
    op.post = (struct loop_post){.fn = run_op, .arg = &op};
    loop_post(p->loop, &op.post);
    pair_await(&op.done, 1);
}

static void do_listen(struct op *op)
{
    struct err e = ERR_INIT;
    assert_ok(rpc_server_listen(op->p->server, listen_here(), &e), &e);
    atomic_store(&op->done, 1);
}

static void drained(void *arg)
{
    struct op *op = arg;
    rpc_server_free(op->p->server);
    op->p->server = NULL;
    atomic_store(&op->done, 1);
}

static void do_drain(struct op *op)
{
    unlink(path);
    rpc_server_drain(op->p->server, clock_deadline(10 * NSEC_PER_SEC), drained, op);
}

static void do_new_server(struct op *op)
{
    struct err e = ERR_INIT;
    struct pair *p = op->p;
    struct rpc_server_config sc = {
        .methods = echo_methods, .n_methods = n_echo_methods, .service = &p->service, .executor = p->executor};
    assert_ok(rpc_server_new(p->loop, &sc, &p->server, &e), &e);
    do_listen(op);
}

static void do_call_on_loop(struct op *op)
{
    struct err e = ERR_INIT;
    assert_fails(call(op->p, &e), &e, ERR_INTERNAL, "I/O thread");
    atomic_store(&op->done, 1);
}

static void test_life_of_a_connection(void **state)
{
    struct pair p;
    struct err e = ERR_INIT;
    snprintf(path, sizeof(path), "/tmp/test-rpc-client.%d", (int)getpid());
    pair_base(&p, path);
    pair_run(&p);
    /* Nobody listens: the message names the socket and the reason, also while the back-off lasts. */
    for (int i = 0; i < 3; i++) {
        assert_fails(call(&p, &e), &e, ERR_UNAVAILABLE, path);
        assert_non_null(strstr(e.message, "No such file or directory"));
    }
    on_loop(&p, do_call_on_loop);
    on_loop(&p, do_listen);
    assert_ok(call_until_up(&p, &e), &e);
    for (int round = 0; round < 3; round++) {
        /* The server ends in order: GOAWAY. The client connects again when there is another. */
        on_loop(&p, do_drain);
        assert_fails(call(&p, &e), &e, ERR_UNAVAILABLE, path);
        on_loop(&p, do_new_server);
        assert_ok(call_until_up(&p, &e), &e);
    }
    on_loop(&p, do_drain);
    pair_stop(&p);
    unlink(path);
}

static void *serve_garbage(void *arg)
{
    int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0 && write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) == 28)
        close(fd);
    return NULL;
}

static void test_not_a_grpc_server(void **state)
{
    struct pair p;
    struct err e = ERR_INIT;
    pthread_t t;
    snprintf(path, sizeof(path), "/tmp/test-rpc-client.%d", (int)getpid());
    int fd = listen_here();
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* the thread waits for the client */
    assert_int_equal(pthread_create(&t, NULL, serve_garbage, &fd), 0);
    pair_base(&p, path);
    pair_run(&p);
    assert_fails(call(&p, &e), &e, ERR_UNAVAILABLE, path);
    /* It is left alone for a while. */
    assert_fails(call(&p, &e), &e, ERR_UNAVAILABLE, path);
    pthread_join(t, NULL);
    close(fd);
    pair_stop(&p);
    unlink(path);
}

static void test_peer_goes_away(void **state)
{
    struct pair p;
    struct err e = ERR_INIT;
    int fd[2];
    pair_base(&p, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_ok(rpc_client_adopt(p.client, fd[1], &e), &e);
    pair_run(&p);
    assert_int_equal(shutdown(fd[0], SHUT_RDWR), 0);
    assert_fails(call(&p, &e), &e, ERR_UNAVAILABLE, "");
    close(fd[0]);
    pair_stop(&p);
}

static void *slow_call(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    q.sleep_ms = 300;
    return (void *)(intptr_t)pair_unary(p, ECHO_DETACHED, &q, 0, &a, &r, &e);
}

static void test_full_pool(void **state)
{
    struct pair p;
    pair_start(&p);
    pthread_t t[40];
    int ok = 0, exhausted = 0;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, slow_call, &p), 0);
    /* Slow calls fill their part of the pool; a fast one is answered meanwhile. */
    struct err e = ERR_INIT;
    assert_ok(call(&p, &e), &e);
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        void *r;
        pthread_join(t[i], &r);
        ok += (intptr_t)r == 0;
        exhausted += (intptr_t)r == -ERR_RESOURCE_EXHAUSTED;
    }
    assert_int_equal(ok + exhausted, ARRAY_SIZE(t));
    assert_true(ok >= 6);
    pair_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {PAIR_TEST(test_life_of_a_connection), PAIR_TEST(test_not_a_grpc_server),
                                       PAIR_TEST(test_peer_goes_away), PAIR_TEST(test_full_pool)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
