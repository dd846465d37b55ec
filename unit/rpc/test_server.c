/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server in one thread with an inline executor and virtual time, and a sweep of failing allocations over a whole call through
 * a socket.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo_service.h"
#include "h2_echo.h"
#include "rpc/message.h"
#include "rpc/server_private.h"
#include "sweep.h"

struct world {
    struct loop *loop;
    struct executor *executor;
    struct rpc_server *server;
    struct echo_service service;
    struct h2_echo client;
    struct frame_queue answers;
    int fd; /* the client's end */
};

static struct world *world;

static void keep_message(void *user, struct h2_stream *s, struct frame *f)
{
    frame_queue_add(&world->answers, f);
}

static int world_new(struct world *w, struct err *e)
{
    static struct h2_ops ops;
    ops = echo_client_ops;
    ops.on_message = keep_message;
    world = w;
    *w = (struct world){.fd = -1};
    frame_queue_init(&w->answers);
    int pair[2];
    TRY(loop_new(&w->loop, e));
    TRY(executor_new_inline(&w->executor, e));
    struct rpc_server_config config = {.methods = echo_methods,
                                       .n_methods = n_echo_methods,
                                       .service = &w->service,
                                       .executor = w->executor,
                                       .on_done = echo_on_done,
                                       .user = &w->service};
    TRY(rpc_server_new(w->loop, &config, &w->server, e));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return err_errno(e, errno, "socketpair");
    w->fd = pair[1];
    TRY(rpc_server_adopt(w->server, pair[0], e));
    w->client.budget.max = (size_t)64 << 20;
    struct h2_config client = {.role = H2_CLIENT, .ops = &ops, .user = &w->client, .in = &w->client.budget};
    return h2_new(&client, &w->client.h2, e);
}

static void world_free(struct world *w)
{
    h2_free(w->client.h2);
    frame_queue_done(&w->answers);
    if (w->fd >= 0)
        close(w->fd);
    rpc_server_free(w->server);
    executor_free(w->executor);
    loop_free(w->loop);
}

/* Lets client and server talk until nothing moves. 1 when the server closed the connection. */
static int pump(struct world *w, struct err *e)
{
    static uint8_t bytes[65536];
    for (int quiet = 0; quiet < 3;) {
        quiet++;
        int64_t n = h2_drain(w->client.h2, bytes, 16384, e);
        if (n < 0)
            return (int)n;
        if (n > 0 && send(w->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n)
            quiet = 0;
        TRY(loop_run_once(w->loop, 0, e));
        ssize_t got = recv(w->fd, bytes, sizeof(bytes), 0);
        if (got == 0)
            return 1;
        if (got > 0) {
            quiet = 0;
            TRY(h2_feed(w->client.h2, bytes, (size_t)got, e));
        }
    }
    return 0;
}

static int start_call(struct world *w, const char *path, const Echo *q, uint64_t timeout, bool end, struct h2_stream **ret,
                      struct err *e)
{
    struct frame *f = NULL;
    if (q)
        TRY(rpc_message_pack(&q->base, NULL, &f, e));
    int r = h2_open(w->client.h2, path, timeout, NULL, "containerd-lease", "l", NULL, ret, e);
    if (r < 0) {
        frame_free(f);
        return r;
    }
    w->client.stream = *ret;
    if (f)
        h2_stream_send(*ret, f);
    if (end)
        h2_stream_half_close(*ret);
    return 0;
}

static struct world here;

static int setup(void **state)
{
    struct err e = ERR_INIT;
    clock_virtual(NSEC_PER_SEC, 0);
    assert_ok(world_new(&here, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    world_free(&here);
    clock_virtual_off();
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void call(const char *path, const Echo *q, uint64_t timeout, bool end)
{
    struct err e = ERR_INIT;
    struct h2_stream *s;
    assert_ok(start_call(&here, path, q, timeout, end, &s, &e), &e);
    assert_int_equal(pump(&here, &e), 0);
}

static void test_unary_inline(void **state)
{
    Echo q = ECHO_INIT;
    q.count = 5;
    call(ECHO_UNARY, &q, UINT64_MAX, true);
    assert_int_equal(here.client.done, 1);
    assert_int_equal(here.client.status.code, ERR_OK);
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *m;
    assert_non_null(here.answers.head);
    assert_ok(rpc_message_unpack(&echo_type, frame_message(here.answers.head), &a, &m, &e), &e);
    assert_int_equal(((Echo *)m)->count, 5);
    assert_string_equal(((Echo *)m)->text, "l");
    assert_int_equal(atomic_load(&here.service.done), 1);
}

static void test_cardinality(void **state)
{
    Echo q = ECHO_INIT;
    call(ECHO_UNARY, NULL, UINT64_MAX, true);
    assert_int_equal(here.client.status.code, ERR_UNIMPLEMENTED);
    assert_string_equal(here.client.status.message, "the method takes exactly one request message");
    call(ECHO_UNARY, &q, UINT64_MAX, false);
    struct err e = ERR_INIT;
    struct frame *f;
    assert_ok(rpc_message_pack(&q.base, NULL, &f, &e), &e);
    h2_stream_send(here.client.stream, f);
    assert_int_equal(pump(&here, &e), 0);
    assert_int_equal(here.client.done, 2);
    assert_int_equal(here.client.status.code, ERR_UNIMPLEMENTED);
    assert_int_equal(atomic_load(&here.service.started), 0);
}

static void test_request_that_never_ends(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    call(ECHO_UNARY, &q, UINT64_MAX, false);
    clock_advance(59 * NSEC_PER_SEC);
    assert_int_equal(pump(&here, &e), 0);
    assert_int_equal(here.client.done, 0);
    clock_advance(NSEC_PER_SEC);
    assert_int_equal(pump(&here, &e), 0);
    assert_int_equal(here.client.done, 1);
    assert_int_equal(here.client.status.code, ERR_DEADLINE_EXCEEDED);
    assert_string_equal(here.client.status.message, "the request did not arrive in time");
    /* The client's own deadline comes first when it is shorter. */
    call(ECHO_UNARY, &q, NSEC_PER_SEC, false);
    clock_advance(NSEC_PER_SEC);
    assert_int_equal(pump(&here, &e), 0);
    assert_int_equal(here.client.done, 2);
    assert_int_equal(here.client.status.code, ERR_DEADLINE_EXCEEDED);
}

/* Nobody waits for the answer any more: the handler does not even start. */
static void test_deadline_before_the_handler(void **state)
{
    static const char *const paths[] = {ECHO_UNARY,         ECHO_DETACHED, ECHO_SERVER_STREAM,
                                        ECHO_CLIENT_STREAM, ECHO_DUPLEX,   ECHO_WATCH};
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    int done = 0;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        call(paths[i], &q, 0, true);
        assert_int_equal(here.client.done, ++done);
        assert_int_equal(here.client.status.code, ERR_DEADLINE_EXCEEDED);
        /* It passes while the request is still on its way. */
        struct h2_stream *s;
        assert_ok(start_call(&here, paths[i], &q, NSEC_PER_SEC, false, &s, &e), &e);
        assert_int_equal(pump(&here, &e), 0);
        clock_advance(NSEC_PER_SEC);
        h2_stream_half_close(s);
        assert_int_equal(pump(&here, &e), 0);
        assert_int_equal(here.client.done, ++done);
        assert_int_equal(here.client.status.code, ERR_DEADLINE_EXCEEDED);
        assert_string_equal(here.client.status.message, "the deadline passed before the call began");
        /* At the last moment it does start. */
        assert_ok(start_call(&here, paths[i], &q, NSEC_PER_SEC, false, &s, &e), &e);
        assert_int_equal(pump(&here, &e), 0);
        clock_advance(NSEC_PER_SEC - 1);
        int started = atomic_load(&here.service.started);
        h2_stream_half_close(s);
        assert_int_equal(pump(&here, &e), 0);
        assert_int_equal(atomic_load(&here.service.started), started + 1);
        done = here.client.done;
    }
    assert_int_equal(atomic_load(&here.service.started), (int)ARRAY_SIZE(paths));
}

static void test_deadline_of_a_watch(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    q.count = 1;
    call(ECHO_WATCH, &q, 10 * NSEC_PER_SEC, true);
    clock_advance(11 * NSEC_PER_SEC);
    assert_int_equal(pump(&here, &e), 0);
    assert_int_equal(here.client.done, 1);
    assert_int_equal(here.client.status.code, ERR_DEADLINE_EXCEEDED);
    assert_int_equal(atomic_load(&here.service.watch_closed), 1);
    assert_int_equal(atomic_load(&here.service.done), 1);
}

static void test_slow_watcher(void **state)
{
    /* Nothing is taken by the loop while the handler queues: one more than the limit is refused, and the call ends with that. */
    static char text[100001];
    memset(text, 'x', sizeof(text) - 1);
    Echo q = ECHO_INIT;
    q.text = text;
    q.count = RPC_STREAM_QUEUE_MAX / 100000;
    call(ECHO_WATCH, &q, UINT64_MAX, true);
    assert_int_equal(here.client.done, 0);
    q.count += 2;
    call(ECHO_WATCH, &q, UINT64_MAX, true);
    assert_int_equal(here.client.done, 1);
    assert_int_equal(here.client.status.code, ERR_RESOURCE_EXHAUSTED);
    assert_string_equal(here.client.status.message, "the client is too slow: 4 MiB wait for it");
}

static void test_stalled_client(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    q.size = 3 << 20;
    struct h2_stream *s;
    assert_ok(start_call(&here, ECHO_UNARY, &q, UINT64_MAX, true, &s, &e), &e);
    h2_stream_hold(s, true); /* its window is not given back */
    assert_int_equal(pump(&here, &e), 0);
    for (int i = 0; i < 14; i++) {
        clock_advance(5 * NSEC_PER_SEC);
        assert_int_equal(pump(&here, &e), 0);
    }
    assert_int_equal(here.client.done, 1);
    assert_int_equal(here.client.status.code, ERR_CANCELLED);
}

static void test_client_that_does_not_read(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    q.size = 12 << 20;
    struct h2_stream *s;
    assert_ok(start_call(&here, ECHO_UNARY, &q, UINT64_MAX, true, &s, &e), &e);
    /* Send windows as large as they get, so that the socket is what fills up; then read no more. */
    static uint8_t bytes[65536];
    int64_t n;
    while ((n = h2_drain(here.client.h2, bytes, sizeof(bytes), &e)) > 0)
        assert_int_equal(send(here.fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
    for (int i = 0; i < 40; i++) {
        clock_advance(5 * NSEC_PER_SEC);
        assert_ok(loop_run_once(here.loop, 0, &e), &e);
    }
    /* The server gave up: what was in the socket is there, then the end. */
    ssize_t got;
    while ((got = recv(here.fd, bytes, sizeof(bytes), 0)) > 0)
        ;
    assert_int_equal(got, 0);
    assert_int_equal(atomic_load(&here.service.done), 1);
}

static void test_duplex_inline(void **state)
{
    Echo q = ECHO_INIT;
    call(ECHO_DUPLEX, &q, UINT64_MAX, true);
    assert_int_equal(here.client.status.code, ERR_OK);
    assert_non_null(here.answers.head);
    call(ECHO_CLIENT_STREAM, NULL, UINT64_MAX, true);
    assert_int_equal(here.client.done, 2);
    assert_int_equal(here.client.status.code, ERR_OK);
}

static void note_drained(void *arg)
{
    ++*(int *)arg;
}

static void test_drain(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    int drained = 0;
    call(ECHO_WATCH, &q, UINT64_MAX, true);
    rpc_server_drain(here.server, clock_deadline(10 * NSEC_PER_SEC), note_drained, &drained);
    assert_int_equal(pump(&here, &e), 1);
    assert_int_equal(here.client.status.code, ERR_UNAVAILABLE);
    assert_string_equal(here.client.status.message, "the server is stopping");
    assert_true(here.client.goaways >= 1);
    assert_int_equal(drained, 1);
}

/* A client that makes no calls and reads nothing does not answer the notice; it is not waited for longer than a call could be on its way. */
static void test_drain_idle_client(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    int drained = 0;
    call(ECHO_UNARY, &q, UINT64_MAX, true);
    rpc_server_drain(here.server, clock_deadline(10 * NSEC_PER_SEC), note_drained, &drained);
    for (int i = 0; i < 5; i++)
        assert_ok(loop_run_once(here.loop, 0, &e), &e);
    clock_advance((SERVER_NOTICE_MS - 1) * NSEC_PER_MSEC);
    assert_ok(loop_run_once(here.loop, 0, &e), &e);
    assert_int_equal(drained, 0);
    /* A call that crosses the notice is served. */
    struct h2_stream *s;
    int done = here.client.done;
    assert_ok(start_call(&here, ECHO_UNARY, &q, UINT64_MAX, true, &s, &e), &e);
    uint8_t bytes[16384];
    int64_t n = h2_drain(here.client.h2, bytes, sizeof(bytes), &e);
    assert_int_equal(send(here.fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
    for (int i = 0; i < 5; i++)
        assert_ok(loop_run_once(here.loop, 0, &e), &e);
    clock_advance(NSEC_PER_MSEC);
    for (int i = 0; i < 5; i++)
        assert_ok(loop_run_once(here.loop, 0, &e), &e);
    assert_int_equal(drained, 1);
    assert_int_equal(pump(&here, &e), 1);
    assert_int_equal(here.client.done, done + 1);
    assert_int_equal(here.client.status.code, ERR_OK);
    assert_int_equal(here.client.goaways, 2);
}

static void test_drain_at_the_deadline(void **state)
{
    struct err e = ERR_INIT;
    Echo q = ECHO_INIT;
    int drained = 0;
    call(ECHO_UNARY, &q, UINT64_MAX, false); /* never finished */
    rpc_server_drain(here.server, clock_deadline(10 * NSEC_PER_SEC), note_drained, &drained);
    assert_int_equal(pump(&here, &e), 0);
    clock_advance(9 * NSEC_PER_SEC);
    assert_int_equal(pump(&here, &e), 0);
    assert_int_equal(drained, 0);
    clock_advance(2 * NSEC_PER_SEC);
    assert_int_equal(pump(&here, &e), 1);
    assert_int_equal(drained, 1);
}

static void test_too_many_connections(void **state)
{
    struct err e = ERR_INIT;
    struct rlimit old, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit = old;
    limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)SERVER_CONNECTIONS_MAX + 100);
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 1; i <= SERVER_CONNECTIONS_MAX; i++) { /* one is open already */
        int fd[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
            skip(); /* the machine allows fewer descriptors */
        close(fd[1]);
        int r = rpc_server_adopt(here.server, fd[0], &e);
        if (i < SERVER_CONNECTIONS_MAX)
            assert_ok(r, &e);
        else
            assert_int_equal(r, -ERR_RESOURCE_EXHAUSTED);
    }
    for (int i = 0; i < SERVER_CONNECTIONS_MAX / 50; i++) /* a round of the loop handles some of them */
        assert_ok(loop_run_once(here.loop, 0, &e), &e);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(pump(&here, &e), 0);
    call(ECHO_UNARY, &(Echo)ECHO_INIT, UINT64_MAX, true);
    assert_int_equal(here.client.status.code, ERR_OK);
}

/* ---- allocations */

static int whole_call(void *arg, struct err *e)
{
    static struct world w;
    const char *path = arg;
    Echo q = ECHO_INIT;
    q.text = (char *)(uintptr_t) "hello";
    q.count = 3;
    struct h2_stream *s;
    int r = world_new(&w, e);
    if (r == 0)
        r = start_call(&w, path, &q, NSEC_PER_SEC, true, &s, e);
    if (r == 0)
        r = pump(&w, e);
    if (r == 1) /* the server gave the connection up */
        r = err_oom(e);
    if (r == 0 && w.client.done != 1)
        r = err_raise(e, ERR_INTERNAL, "the call did not end");
    if (r == 0 && w.client.status.code != ERR_OK)
        r = err_raise(e, w.client.status.code, "%s", w.client.status.message);
    if (r == 0 && !w.answers.head)
        r = err_raise(e, ERR_INTERNAL, "no answer");
    world_free(&w);
    return r;
}

static void test_sweep(void **state)
{
    static const char *const paths[] = {ECHO_UNARY, ECHO_SERVER_STREAM, ECHO_CLIENT_STREAM, ECHO_DUPLEX};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        assert_true(sweep(paths[i], whole_call, (void *)(uintptr_t)paths[i]) > 100);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What each call looks like from outside, with how long it has been there. */
struct seen {
    size_t n;
    enum rpc_call_state states[4];
    uint64_t age[4];
    const char *name[4];
};

static void note_call(void *arg, const struct rpc_call *c, enum rpc_call_state state)
{
    struct seen *seen = arg;
    assert_true(seen->n < ARRAY_SIZE(seen->states));
    seen->states[seen->n] = state;
    seen->name[seen->n] = rpc_method_name(c->method);
    seen->age[seen->n++] = clock_mono() - c->began;
}

static void test_calls_in_flight(void **state)
{
    struct seen seen = {0};
    Echo q = ECHO_INIT;
    rpc_server_each_call(here.server, note_call, &seen);
    assert_int_equal(seen.n, 0);
    call(ECHO_UNARY, &q, UINT64_MAX, false); /* its end does not come */
    clock_advance(3 * NSEC_PER_SEC);
    call(ECHO_WATCH, &q, UINT64_MAX, true); /* its keeper goes on */
    clock_advance(NSEC_PER_SEC);
    rpc_server_each_call(here.server, note_call, &seen);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.name[0], "Watch");
    assert_int_equal(seen.states[0], RPC_CALL_RUNS);
    assert_int_equal(seen.age[0], NSEC_PER_SEC);
    assert_string_equal(seen.name[1], "Unary");
    assert_int_equal(seen.states[1], RPC_CALL_ARRIVES);
    assert_int_equal(seen.age[1], 4 * NSEC_PER_SEC);
    struct rpc_server_counts n = rpc_server_count(here.server);
    assert_int_equal(n.connections, 1);
    assert_int_equal(n.streams, 2);
    assert_int_equal(n.calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_unary_inline),
        T(test_cardinality),
        T(test_request_that_never_ends),
        T(test_deadline_of_a_watch),
        T(test_slow_watcher),
        T(test_calls_in_flight),
        T(test_deadline_before_the_handler),
        T(test_stalled_client),
        T(test_client_that_does_not_read),
        T(test_duplex_inline),
        T(test_drain),
        T(test_drain_idle_client),
        T(test_drain_at_the_deadline),
        T(test_too_many_connections),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
