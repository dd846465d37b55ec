/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keepalive: the decisions against a model of what a gRPC server in Go puts up with, and both roles on socketpairs and virtual
 * time, against a peer that is dead, one that lives, and one that answers PINGs but no calls.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "echo_service.h"
#include "h2_echo.h"
#include "rpc/client.h"
#include "rpc/keepalive.h"
#include "rpc/server.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)

/* ---- decisions */

/* What google.golang.org/grpc's server does with PINGs, by its default policy: at the third strike it ends the connection. */
struct go_server {
    bool reset, pinged;
    int strikes;
    uint64_t pinged_at;
};

static void go_ping(struct go_server *g, uint64_t now)
{
    if (g->reset)
        g->strikes = 0;
    else if (g->pinged && g->pinged_at + SECONDS(300) > now)
        g->strikes++;
    g->reset = false;
    g->pinged = true;
    g->pinged_at = now;
}

static uint32_t random_state;
static uint32_t roll(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

/* One life of a client's connection: calls come and go, the server answers now and then, and always acknowledges in time. */
static void live(uint32_t seed)
{
    struct keepalive k;
    struct keepalive_facts f = {.calls = 0};
    struct go_server g = {.reset = false};
    uint64_t now = SECONDS(1), again = CLOCK_NEVER;
    random_state = seed;
    keepalive_init(&k, true, NULL, now);
    assert_int_equal(keepalive_check(&k, &f, now, &again), KEEPALIVE_WAIT);
    for (int i = 0; i < 2000; i++) {
        uint64_t next = now + 1 + SECONDS(roll(roll(2) ? 5 : 60));
        for (; again <= next; now = again > now ? again : now + 1) {
            uint64_t at = again > now ? again : now;
            enum keepalive_verdict v = keepalive_check(&k, &f, at, &again);
            assert_int_not_equal(v, KEEPALIVE_GONE);
            if (v != KEEPALIVE_PING)
                continue;
            assert_true(f.calls > 0);
            go_ping(&g, at);
            assert_true(g.strikes <= 1); /* one is left for PINGs that cross an answer */
            keepalive_read(&k, at + roll(3) * SECONDS(5));
        }
        now = next;
        switch (roll(8)) {
        case 0:
        case 1:
            f.calls++;
            f.opened++;
            f.opened_at = now;
            break;
        case 2:
            f.calls -= f.calls > 0;
            break;
        case 3:
            if (f.calls > 0) {
                f.heard++;
                g.reset = true;
                keepalive_read(&k, now);
            }
            break;
        default:
            break;
        }
        if (k.dormant && f.calls > 0)
            assert_int_not_equal(keepalive_check(&k, &f, now, &again), KEEPALIVE_GONE);
    }
}

static void test_never_too_many(void **state)
{
    for (uint32_t seed = 1; seed <= 500; seed++)
        live(seed);
}

/* When the connection is given up if nothing comes any more from `now` on. */
static uint64_t end_of_silence(struct keepalive *k, const struct keepalive_facts *f, uint64_t now)
{
    for (int i = 0; i < 1000; i++) {
        uint64_t again;
        if (keepalive_check(k, f, now, &again) == KEEPALIVE_GONE)
            return now;
        assert_true(again > now);
        if (again == CLOCK_NEVER)
            return CLOCK_NEVER;
        now = again;
    }
    fail_msg("it asks for ever");
    return 0;
}

static void test_how_long_a_hang_lasts(void **state)
{
    struct keepalive k, copy;
    struct keepalive_facts f = {.calls = 1, .opened = 1, .opened_at = SECONDS(100), .heard = 0};
    uint64_t again;
    /* The first call of a connection, long after it was made. */
    keepalive_init(&k, true, NULL, SECONDS(1));
    copy = k;
    assert_int_equal(end_of_silence(&copy, &f, SECONDS(100)), SECONDS(130));
    /* A quiet call of a peer that answers its first PING and then hangs: the next may not come before five minutes are over. */
    assert_int_equal(keepalive_check(&k, &f, SECONDS(110), &again), KEEPALIVE_PING);
    keepalive_read(&k, SECONDS(110));
    copy = k;
    assert_int_equal(end_of_silence(&copy, &f, SECONDS(110)), SECONDS(110 + 310 + 20));
    /* A new call is a reason to ask at once, a second one is not, unless something came. */
    f.calls = f.opened = 2;
    f.opened_at = SECONDS(150);
    copy = k;
    assert_int_equal(end_of_silence(&copy, &f, SECONDS(150)), SECONDS(180));
    assert_int_equal(keepalive_check(&k, &f, SECONDS(160), &again), KEEPALIVE_PING);
    keepalive_read(&k, SECONDS(160));
    f.calls = f.opened = 3;
    f.opened_at = SECONDS(200);
    copy = k;
    assert_int_equal(end_of_silence(&copy, &f, SECONDS(200)), SECONDS(160 + 310 + 20));
    f.heard = 1;
    keepalive_read(&k, SECONDS(201));
    copy = k;
    assert_int_equal(end_of_silence(&copy, &f, SECONDS(201)), SECONDS(201 + 30));
    /* After that PING, a new call is a reason again. */
    assert_int_equal(keepalive_check(&k, &f, SECONDS(211), &again), KEEPALIVE_PING);
    keepalive_read(&k, SECONDS(211));
    f.calls = f.opened = 4;
    f.opened_at = SECONDS(220);
    assert_int_equal(end_of_silence(&k, &f, SECONDS(220)), SECONDS(250));
}

static void test_limits_of_the_defaults(void **state)
{
    struct keepalive k;
    struct keepalive_facts f = {.calls = 0};
    uint64_t again, two_hours = SECONDS(7200);
    keepalive_init(&k, false, NULL, 0);
    assert_int_equal(keepalive_check(&k, &f, two_hours - 1, &again), KEEPALIVE_WAIT);
    assert_int_equal(again, two_hours);
    assert_int_equal(keepalive_check(&k, &f, two_hours, &again), KEEPALIVE_PING);
    assert_int_equal(again, two_hours + SECONDS(20));
    assert_int_equal(keepalive_check(&k, &f, again - 1, &again), KEEPALIVE_WAIT);
    assert_int_equal(keepalive_check(&k, &f, again, &again), KEEPALIVE_GONE);
    /* Without calls, a client asks nothing. With NEVER, nobody does. */
    keepalive_init(&k, true, NULL, 0);
    assert_int_equal(end_of_silence(&k, &f, two_hours), CLOCK_NEVER);
    assert_true(k.dormant);
    f.calls = 1;
    struct rpc_keepalive none = {.time_ns = CLOCK_NEVER};
    keepalive_init(&k, false, &none, 0);
    assert_int_equal(end_of_silence(&k, &f, CLOCK_NEVER - 1), CLOCK_NEVER);
    assert_false(k.dormant);
}

/* ---- on sockets */

enum peer_kind { DEAD, ALIVE };

struct world {
    struct loop *loop;
    struct executor *executor;
    struct echo_service service;
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel channel;
    struct h2_echo peer; /* what speaks at the other end, unless it is dead */
    int fd;
    struct buf seen; /* what our side sent and was not looked at yet */
    bool preface;    /* which starts with this */
    int pings, acks;
};

static struct world w;

static int setup(void **state)
{
    struct err e = ERR_INIT;
    clock_virtual(NSEC_PER_SEC, 0);
    w = (struct world){.fd = -1};
    buf_init(&w.seen, 1 << 20);
    assert_ok(loop_new(&w.loop, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    h2_free(w.peer.h2);
    rpc_client_free(w.client);
    rpc_server_free(w.server);
    executor_free(w.executor);
    loop_free(w.loop);
    buf_done(&w.seen);
    if (w.fd >= 0)
        close(w.fd);
    clock_virtual_off();
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void connect_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    w.fd = pair[1];
}

static void begin_server(void)
{
    struct err e = ERR_INIT;
    int pair[2];
    assert_ok(executor_new_inline(&w.executor, &e), &e);
    struct rpc_server_config config = {
        .methods = echo_methods, .n_methods = n_echo_methods, .service = &w.service, .executor = w.executor};
    assert_ok(rpc_server_new(w.loop, &config, &w.server, &e), &e);
    connect_pair(pair);
    assert_ok(rpc_server_adopt(w.server, pair[0], &e), &e);
    assert_ok(h2_echo_new(&w.peer, H2_CLIENT, &e), &e);
}

static void begin_client(const char *path)
{
    struct err e = ERR_INIT;
    int pair[2];
    struct rpc_client_config config = {.socket_path = path};
    assert_ok(rpc_client_new(w.loop, &config, &w.client, &e), &e);
    w.channel = rpc_client_channel(w.client);
    w.preface = true;
    if (!path) {
        connect_pair(pair);
        assert_ok(rpc_client_adopt(w.client, pair[0], &e), &e);
    }
    assert_ok(h2_echo_new(&w.peer, H2_SERVER, &e), &e);
}

static struct rpc_client_stream *open_call(void)
{
    struct err e = ERR_INIT;
    struct ctx background = CTX_BACKGROUND;
    struct rpc_client_stream *s;
    assert_ok(w.channel.ops->open(w.channel.user, &background, ECHO_WATCH, &s, &e), &e);
    return s;
}

/* The state of a call: 0 nothing has come, else how it ended. */
static int look(struct rpc_client_stream *s, struct err *e)
{
    struct ctx past = {.deadline = 1};
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *m;
    int r = w.channel.ops->recv(w.channel.user, s, &past, &echo_type, &a, &m, e);
    arena_done(&a);
    return r == -ERR_DEADLINE_EXCEEDED ? 0 : r;
}

/* Counts the PINGs in what was sent. */
static void count_frames(void)
{
    size_t at = 0;
    if (w.preface && w.seen.n >= 24) {
        at = 24;
        w.preface = false;
    }
    while (!w.preface && w.seen.n - at >= 9) {
        const uint8_t *p = (const uint8_t *)w.seen.p + at;
        size_t n = 9 + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
        if (w.seen.n - at < n)
            break;
        if (p[3] == 6)
            p[4] & 1 ? w.acks++ : w.pings++;
        at += n;
    }
    if (at > 0)
        memmove(w.seen.p, w.seen.p + at, w.seen.n - at);
    w.seen.n -= at;
}

/* Lets both sides talk until nothing moves. True when our side closed the connection. */
static bool pump(enum peer_kind kind)
{
    struct err e = ERR_INIT;
    uint8_t bytes[16384];
    for (int quiet = 0; quiet < 3;) {
        quiet++;
        int64_t n = kind == ALIVE ? h2_drain(w.peer.h2, bytes, sizeof(bytes), &e) : 0;
        if (n > 0 && send(w.fd, bytes, (size_t)n, MSG_NOSIGNAL) == n)
            quiet = 0;
        assert_ok(loop_run_once(w.loop, 0, &e), &e);
        ssize_t got = recv(w.fd, bytes, sizeof(bytes), 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return true;
        if (got < 0)
            continue;
        quiet = 0;
        buf_add(&w.seen, bytes, (size_t)got);
        count_frames();
        if (kind == ALIVE)
            assert_ok(h2_feed(w.peer.h2, bytes, (size_t)got, &e), &e);
    }
    return false;
}

static bool pass(enum peer_kind kind, uint64_t ns)
{
    clock_advance(ns);
    return pump(kind);
}

static void test_server_and_dead_client(void **state)
{
    begin_server();
    assert_false(pump(ALIVE));
    assert_false(pass(DEAD, SECONDS(7200) - 1));
    assert_int_equal(w.pings, 0);
    assert_false(pass(DEAD, 1));
    assert_int_equal(w.pings, 1);
    assert_false(pass(DEAD, SECONDS(20) - 1));
    assert_true(pass(DEAD, 1));
}

static void test_server_and_live_client(void **state)
{
    begin_server();
    assert_false(pump(ALIVE));
    for (int i = 0; i < 24 * 60; i++)
        assert_false(pass(ALIVE, SECONDS(60)));
    assert_int_equal(w.pings, 12); /* a day */
    /* A client that asks gets its answer. */
    h2_ping(w.peer.h2);
    assert_false(pump(ALIVE));
    assert_int_equal(w.acks, 1);
    assert_int_equal(w.peer.pongs, 0);
}

static void test_whose_answer(void **state)
{
    /* The answer to the keepalive's PING is not taken for that to the notice of the end, which lets calls on the way still in. */
    struct err e = ERR_INIT;
    struct h2_echo server = {.h2 = NULL};
    assert_ok(h2_echo_new(&server, H2_SERVER, &e), &e);
    assert_ok(h2_echo_new(&w.peer, H2_CLIENT, &e), &e);
    h2_ping(server.h2);
    assert_ok(h2_shuttle(server.h2, w.peer.h2, 1000, &e), &e);
    assert_int_equal(server.pongs, 0);
    h2_shutdown_notice(server.h2);
    h2_ping(server.h2);
    assert_ok(h2_shuttle(server.h2, w.peer.h2, 1000, &e), &e);
    assert_int_equal(server.pongs, 1);
    h2_free(server.h2);
}

static void test_client_and_dead_peer(void **state)
{
    struct err e = ERR_INIT;
    begin_client(NULL);
    assert_false(pump(DEAD));
    assert_false(pass(DEAD, SECONDS(86400))); /* nobody calls, nobody asks */
    assert_int_equal(w.pings, 0);
    struct rpc_client_stream *s = open_call();
    assert_false(pump(DEAD));
    assert_false(pass(DEAD, SECONDS(10) - 1));
    assert_int_equal(w.pings, 0);
    assert_false(pass(DEAD, 1));
    assert_int_equal(w.pings, 1);
    assert_false(pass(DEAD, SECONDS(20) - 1));
    assert_int_equal(look(s, &e), 0);
    assert_true(pass(DEAD, 1));
    assert_fails(look(s, &e), &e, ERR_UNAVAILABLE, "does not answer any more");
    w.channel.ops->close(w.channel.user, s);
    pump(DEAD);
}

static void test_client_and_peer_that_answers_pings_only(void **state)
{
    struct err e = ERR_INIT;
    begin_client(NULL);
    struct rpc_client_stream *s = open_call();
    for (int i = 0; i < 3600; i++)
        assert_false(pass(ALIVE, SECONDS(1)));
    assert_int_equal(w.peer.requests, 1);
    assert_int_equal(look(s, &e), 0);
    assert_int_equal(w.pings, 12); /* an hour: the first after 10 s, then each 310 s */
    w.channel.ops->close(w.channel.user, s);
    assert_false(pump(ALIVE));
    assert_false(pass(ALIVE, SECONDS(3600)));
    assert_false(pass(ALIVE, SECONDS(3600)));
    assert_int_equal(w.pings, 12);
}

static void test_client_asks_again(void **state)
{
    begin_client(NULL);
    struct err e = ERR_INIT;
    struct rpc_client_stream *s = open_call();
    struct frame *f;
    assert_false(pump(ALIVE));
    assert_false(pass(ALIVE, SECONDS(10)));
    assert_int_equal(w.pings, 1);
    /* Data came since: the next silence is looked into as early as the first. */
    assert_ok(frame_new(0, NULL, &f, &e), &e);
    h2_stream_send(w.peer.stream, f);
    assert_false(pass(ALIVE, SECONDS(5)));
    assert_false(pass(ALIVE, SECONDS(10)));
    assert_false(pass(ALIVE, SECONDS(5)));
    assert_int_equal(w.pings, 2);
    /* Nothing came, but another call was opened. */
    assert_false(pass(ALIVE, SECONDS(60)));
    assert_int_equal(w.pings, 2);
    struct rpc_client_stream *second = open_call();
    assert_false(pump(DEAD));
    bool over = false;
    int seconds = 0;
    for (; seconds < 60 && !over; seconds++)
        over = pass(DEAD, SECONDS(1));
    assert_true(seconds >= 30 && seconds <= 40);
    assert_fails(look(second, &e), &e, ERR_UNAVAILABLE, "does not answer any more");
    w.channel.ops->close(w.channel.user, second);
    w.channel.ops->close(w.channel.user, s);
    pump(DEAD);
}

static void test_client_and_busy_peer(void **state)
{
    begin_client(NULL);
    struct rpc_client_stream *s = open_call();
    struct err e = ERR_INIT;
    assert_false(pump(ALIVE));
    for (int i = 0; i < 1000; i++) {
        struct frame *f;
        assert_ok(frame_new(0, NULL, &f, &e), &e);
        h2_stream_send(w.peer.stream, f);
        assert_false(pass(ALIVE, SECONDS(9)));
    }
    assert_int_equal(w.pings, 0);
    w.channel.ops->close(w.channel.user, s);
    assert_false(pump(ALIVE));
}

static void test_we_were_held_up(void **state)
{
    /* The answer came in time, but this side looks only much later. */
    begin_client(NULL);
    struct err e = ERR_INIT;
    struct rpc_client_stream *s = open_call();
    assert_false(pump(ALIVE));
    clock_advance(SECONDS(10));
    assert_ok(loop_run_once(w.loop, 0, &e), &e); /* the PING goes */
    uint8_t bytes[4096];
    ssize_t got = recv(w.fd, bytes, sizeof(bytes), 0);
    assert_int_equal(got, 9 + 8);
    assert_ok(h2_feed(w.peer.h2, bytes, (size_t)got, &e), &e);
    int64_t n = h2_drain(w.peer.h2, bytes, sizeof(bytes), &e);
    assert_int_equal(send(w.fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
    assert_false(pass(ALIVE, SECONDS(1000)));
    assert_int_equal(look(s, &e), 0);
    w.channel.ops->close(w.channel.user, s);
    assert_false(pump(ALIVE));
}

static void test_server_was_held_up(void **state)
{
    /* More clients answered in time than one round of the loop reads. */
    enum { N = 200 };
    int fd[N];
    struct err e = ERR_INIT;
    begin_server();
    for (int i = 0; i < N; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        fd[i] = pair[1];
        assert_ok(rpc_server_adopt(w.server, pair[0], &e), &e);
    }
    for (int i = 0; i < 10; i++)
        assert_ok(loop_run_once(w.loop, 0, &e), &e);
    clock_advance(SECONDS(7200));
    for (int i = 0; i < 10; i++)
        assert_ok(loop_run_once(w.loop, 0, &e), &e);
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    for (int i = 0; i < N; i++)
        assert_int_equal(send(fd[i], hello, sizeof(hello) - 1, MSG_NOSIGNAL), (int)sizeof(hello) - 1);
    clock_advance(SECONDS(25));
    for (int i = 0; i < 10; i++)
        assert_ok(loop_run_once(w.loop, 0, &e), &e);
    for (int i = 0; i < N; i++) {
        uint8_t bytes[4096];
        ssize_t n;
        while ((n = recv(fd[i], bytes, sizeof(bytes), 0)) > 0)
            ;
        assert_int_equal(n, -1);
        assert_int_equal(errno, EAGAIN);
        close(fd[i]);
    }
}

static void test_client_connects_again(void **state)
{
    struct err e = ERR_INIT;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/test-keepalive.%d", (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(listener, 16), 0);
    begin_client(addr.sun_path);
    struct rpc_client_stream *s = open_call();
    assert_ok(loop_run_once(w.loop, 0, &e), &e);
    w.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(w.fd >= 0);
    assert_false(pass(DEAD, SECONDS(10)));
    assert_true(pass(DEAD, SECONDS(20)));
    assert_fails(look(s, &e), &e, ERR_UNAVAILABLE, addr.sun_path);
    w.channel.ops->close(w.channel.user, s);
    close(w.fd);
    /* After the back-off the next call finds a peer that works. */
    clock_advance(SECONDS(10));
    s = open_call();
    assert_ok(loop_run_once(w.loop, 0, &e), &e);
    w.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(w.fd >= 0);
    w.seen.n = 0;
    w.preface = true;
    assert_false(pass(ALIVE, SECONDS(1000)));
    assert_false(pass(ALIVE, SECONDS(1000)));
    assert_int_equal(w.peer.requests, 1);
    assert_int_equal(look(s, &e), 0);
    w.channel.ops->close(w.channel.user, s);
    assert_false(pump(ALIVE));
    close(listener);
    unlink(addr.sun_path);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_too_many),
        cmocka_unit_test(test_how_long_a_hang_lasts),
        cmocka_unit_test(test_limits_of_the_defaults),
        T(test_server_and_dead_client),
        T(test_server_and_live_client),
        T(test_whose_answer),
        T(test_client_and_dead_peer),
        T(test_client_and_peer_that_answers_pings_only),
        T(test_client_asks_again),
        T(test_client_and_busy_peer),
        T(test_we_were_held_up),
        T(test_server_was_held_up),
        T(test_client_connects_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
