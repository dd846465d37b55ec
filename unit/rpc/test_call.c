/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls between our client and our server over a socketpair: every kind, with deadlines, cancellation, large messages, errors.
 */
#include "pair.h"

static const struct ctx background = CTX_BACKGROUND;

static void test_unary(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    q.text = (char *)(uintptr_t) "hello";
    assert_ok(pair_unary(&p, ECHO_UNARY, &q, 0, &a, &r, &e), &e);
    assert_string_equal(r->text, "hello");
    for (int i = 0; i < 200; i++) {
        _cleanup_arena_ struct arena b = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        q.count = (uint32_t)i;
        assert_ok(pair_unary(&p, ECHO_UNARY, &q, 5 * NSEC_PER_SEC, &b, &r, &e), &e);
        assert_int_equal(r->count, i);
    }
    pair_stop(&p);
    assert_int_equal(atomic_load(&p.service.done), 201);
    assert_int_equal(atomic_load(&p.service.done_failed), 0);
}

static void test_errors(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    q.text = (char *)(uintptr_t) "50% of \"pod\" \xc3\xa4 is missing";
    q.code = ERR_NOT_FOUND;
    assert_fails(pair_unary(&p, ECHO_UNARY, &q, 0, &a, &r, &e), &e, ERR_NOT_FOUND, "50% of \"pod\" \xc3\xa4 is missing");
    q.code = ERR_OK;
    assert_fails(pair_unary(&p, "/cri.test.EchoService/Nothing", &q, 0, &a, &r, &e), &e, ERR_UNIMPLEMENTED,
                 "unknown method /cri.test.EchoService/Nothing");
    assert_fails(pair_unary(&p, "nopath", &q, 0, &a, &r, &e), &e, ERR_UNIMPLEMENTED, "path");
    /* The connection is as good as before. */
    assert_ok(pair_unary(&p, ECHO_UNARY, &q, 0, &a, &r, &e), &e);
    pair_stop(&p);
}

static void test_deadline(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    /* Long enough for the handler to start on a busy machine: one whose deadline is over before is not started at all. */
    q.sleep_ms = 60000;
    assert_fails(pair_unary(&p, ECHO_UNARY, &q, 500 * NSEC_PER_MSEC, &a, &r, &e), &e, ERR_DEADLINE_EXCEEDED, "deadline exceeded");
    /* A detached handler goes on after its client had the answer, and can tell. */
    q.sleep_ms = 1000;
    assert_fails(pair_unary(&p, ECHO_DETACHED, &q, 500 * NSEC_PER_MSEC, &a, &r, &e), &e, ERR_DEADLINE_EXCEEDED,
                 "deadline exceeded");
    pair_await(&p.service.finished, 2);
    pair_stop(&p);
    assert_int_equal(atomic_load(&p.service.abandoned), 2);
}

static void *occupy(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    q.sleep_ms = 3000;
    return (void *)(intptr_t)pair_unary(p, ECHO_DETACHED, &q, 0, &a, &r, &e);
}

static void test_deadline_in_the_queue(void **state)
{
    /* All workers for slow calls are taken: a call that waits for one until its deadline is over does not start. */
    struct pair p;
    pair_start(&p);
    pthread_t t[6];
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, occupy, &p), 0);
    pair_await(&p.service.started, ARRAY_SIZE(t));
    /* Long enough for the call to reach the queue on a busy machine, much shorter than the workers are taken for. */
    assert_fails(pair_unary(&p, ECHO_DETACHED, &q, 500 * NSEC_PER_MSEC, &a, &r, &e), &e, ERR_DEADLINE_EXCEEDED, "");
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        void *result;
        pthread_join(t[i], &result);
        assert_null(result);
    }
    pair_await(&p.service.done, ARRAY_SIZE(t) + 1);
    pair_stop(&p);
    assert_int_equal(atomic_load(&p.service.done_late), 1);
    assert_int_equal(atomic_load(&p.service.started), ARRAY_SIZE(t));
}

struct canceller {
    struct cancel *cancel;
    struct echo_service *service;
};

static void *cancel_when_started(void *arg)
{
    struct canceller *c = arg;
    pair_await(&c->service->started, 1);
    cancel_fire(c->cancel);
    return NULL;
}

static void test_cancel(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    struct cancel cancel;
    assert_ok(cancel_init(&cancel, &e), &e);
    struct canceller c = {&cancel, &p.service};
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, cancel_when_started, &c), 0);
    struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT;
    ProtobufCMessage *m;
    q.sleep_ms = 60000;
    assert_fails(p.channel.ops->unary(p.channel.user, &ctx, ECHO_UNARY, &q.base, &echo_type, &a, &m, &e), &e, ERR_CANCELLED,
                 "cancelled");
    pthread_join(t, NULL);
    /* The handler's own wait ends, too. */
    pair_await(&p.service.cancelled, 1);
    cancel_done(&cancel);
    pair_stop(&p);
}

static void test_large(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    uint8_t *data = mem_zalloc(FRAME_MESSAGE_MAX);
    /* Tag and length of the data field take 5 bytes. */
    for (int delta = -1; delta <= 1; delta++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        Echo q = ECHO_INIT, *r;
        q.data = (ProtobufCBinaryData){.data = data, .len = (size_t)(FRAME_MESSAGE_MAX - 5 + delta)};
        if (delta <= 0) {
            assert_ok(pair_unary(&p, ECHO_UNARY, &q, 0, &a, &r, &e), &e);
            assert_int_equal(r->data.len, q.data.len);
        } else {
            assert_fails(pair_unary(&p, ECHO_UNARY, &q, 0, &a, &r, &e), &e, ERR_RESOURCE_EXHAUSTED, "more than the maximum");
        }
    }
    /* An answer that is too large. */
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Echo q = ECHO_INIT, *r;
    q.size = FRAME_MESSAGE_MAX;
    assert_fails(pair_unary(&p, ECHO_UNARY, &q, 0, &a, &r, &e), &e, ERR_RESOURCE_EXHAUSTED, "more than the maximum");
    mem_free(data);
    pair_stop(&p);
}

/* Reads all that comes; returns how many messages, sets *ret_r to how it ended. */
static int read_all(struct pair *p, struct rpc_client_stream *s, int *ret_r, struct err *e)
{
    for (int n = 0;; n++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        ProtobufCMessage *m;
        int r = p->channel.ops->recv(p->channel.user, s, &background, &echo_type, &a, &m, e);
        if (r <= 0) {
            *ret_r = r;
            return n;
        }
    }
}

static void test_server_stream(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    static const struct {
        uint32_t count, size;
    } cases[] = {{0, 0}, {1, 0}, {1000, 10}, {100, 1 << 20}, {3, (16 << 20) - 100}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rpc_client_stream *s;
        Echo q = ECHO_INIT;
        q.count = cases[i].count;
        q.size = cases[i].size;
        int r;
        assert_ok(p.channel.ops->open(p.channel.user, &background, ECHO_SERVER_STREAM, &s, &e), &e);
        assert_ok(p.channel.ops->send(p.channel.user, s, &background, &q.base, true, &e), &e);
        assert_int_equal(read_all(&p, s, &r, &e), cases[i].count);
        assert_int_equal(r, 0);
        p.channel.ops->close(p.channel.user, s);
    }
    /* Closing early tells the handler. */
    struct rpc_client_stream *s;
    Echo q = ECHO_INIT;
    q.count = UINT32_MAX;
    q.size = 1000;
    ProtobufCMessage *m;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    assert_ok(p.channel.ops->open(p.channel.user, &background, ECHO_SERVER_STREAM, &s, &e), &e);
    assert_ok(p.channel.ops->send(p.channel.user, s, &background, &q.base, true, &e), &e);
    assert_int_equal(p.channel.ops->recv(p.channel.user, s, &background, &echo_type, &a, &m, &e), 1);
    p.channel.ops->close(p.channel.user, s);
    pair_await(&p.service.done_failed, 1);
    pair_stop(&p);
}

static void test_watch(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    struct rpc_client_stream *s[3];
    Echo q = ECHO_INIT;
    q.count = 2;
    for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        ProtobufCMessage *m;
        assert_ok(p.channel.ops->open(p.channel.user, &background, ECHO_WATCH, &s[i], &e), &e);
        assert_ok(p.channel.ops->send(p.channel.user, s[i], &background, &q.base, true, &e), &e);
        for (int n = 0; n < 2; n++)
            assert_int_equal(p.channel.ops->recv(p.channel.user, s[i], &background, &echo_type, &a, &m, &e), 1);
    }
    p.channel.ops->close(p.channel.user, s[0]);
    pair_await(&p.service.watch_closed, 1);
    p.channel.ops->close(p.channel.user, s[1]);
    p.channel.ops->close(p.channel.user, s[2]);
    pair_await(&p.service.watch_closed, 3);
    pair_stop(&p);
}

static void test_client_stream(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    struct rpc_client_stream *s;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    uint8_t *data = mem_zalloc(1 << 20);
    Echo q = ECHO_INIT;
    q.data = (ProtobufCBinaryData){.data = data, .len = 1 << 20};
    assert_ok(p.channel.ops->open(p.channel.user, &background, ECHO_CLIENT_STREAM, &s, &e), &e);
    for (int i = 0; i < 40; i++)
        assert_ok(p.channel.ops->send(p.channel.user, s, &background, &q.base, false, &e), &e);
    assert_ok(p.channel.ops->send(p.channel.user, s, &background, NULL, true, &e), &e);
    ProtobufCMessage *m;
    assert_int_equal(p.channel.ops->recv(p.channel.user, s, &background, &echo_type, &a, &m, &e), 1);
    assert_int_equal(((Echo *)m)->count, 40);
    assert_int_equal(((Echo *)m)->size, 40 << 20);
    assert_int_equal(p.channel.ops->recv(p.channel.user, s, &background, &echo_type, &a, &m, &e), 0);
    p.channel.ops->close(p.channel.user, s);
    mem_free(data);
    /* The server's error ends it while we still send. */
    q = (Echo)ECHO_INIT;
    q.code = ERR_ABORTED;
    q.text = (char *)(uintptr_t) "no more";
    assert_ok(p.channel.ops->open(p.channel.user, &background, ECHO_CLIENT_STREAM, &s, &e), &e);
    assert_ok(p.channel.ops->send(p.channel.user, s, &background, &q.base, false, &e), &e);
    assert_fails(p.channel.ops->recv(p.channel.user, s, &background, &echo_type, &a, &m, &e), &e, ERR_ABORTED, "no more");
    assert_fails(p.channel.ops->send(p.channel.user, s, &background, &q.base, false, &e), &e, ERR_ABORTED, "no more");
    p.channel.ops->close(p.channel.user, s);
    pair_stop(&p);
}

static void test_duplex(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    struct rpc_client_stream *s;
    assert_ok(p.channel.ops->open(p.channel.user, &background, ECHO_DUPLEX, &s, &e), &e);
    for (uint32_t i = 0; i < 300; i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        Echo q = ECHO_INIT;
        ProtobufCMessage *m;
        q.count = i;
        assert_ok(p.channel.ops->send(p.channel.user, s, &background, &q.base, i == 299, &e), &e);
        assert_int_equal(p.channel.ops->recv(p.channel.user, s, &background, &echo_type, &a, &m, &e), 1);
        assert_int_equal(((Echo *)m)->count, i);
    }
    int r;
    assert_int_equal(read_all(&p, s, &r, &e), 0);
    assert_int_equal(r, 0);
    p.channel.ops->close(p.channel.user, s);
    /* Waiting for a message that never comes ends with the deadline. */
    struct ctx soon = ctx_with_timeout(&background, 20 * NSEC_PER_MSEC);
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *m;
    assert_ok(p.channel.ops->open(p.channel.user, &soon, ECHO_DUPLEX, &s, &e), &e);
    assert_fails(p.channel.ops->recv(p.channel.user, s, &soon, &echo_type, &a, &m, &e), &e, ERR_DEADLINE_EXCEEDED,
                 "deadline exceeded");
    p.channel.ops->close(p.channel.user, s);
    pair_stop(&p);
}

static void test_lease_is_sent(void **state)
{
    struct pair p;
    pair_start(&p);
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct ctx ctx = {.deadline = CLOCK_NEVER, .lease = "lease-1"};
    Echo q = ECHO_INIT;
    ProtobufCMessage *m;
    assert_ok(p.channel.ops->unary(p.channel.user, &ctx, ECHO_UNARY, &q.base, &echo_type, &a, &m, &e), &e);
    assert_string_equal(((Echo *)m)->text, "lease-1");
    pair_stop(&p);
}

struct many {
    struct pair *p;
    int calls;
};

static void *many_main(void *arg)
{
    struct many *m = arg;
    for (int i = 0; i < m->calls; i++) {
        struct err e = ERR_INIT;
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        Echo q = ECHO_INIT, *r;
        q.count = (uint32_t)i;
        q.size = (uint32_t)(i * 37 % 5000);
        int code = pair_unary(m->p, i % 7 ? ECHO_UNARY : ECHO_DETACHED, &q, i % 5 ? 0 : 30 * NSEC_PER_SEC, &a, &r, &e);
        if (code < 0 || r->count != (uint32_t)i)
            return (void *)1;
    }
    return NULL;
}

static void test_parallel(void **state)
{
    struct pair p;
    pair_start(&p);
    pthread_t t[16];
    struct many m = {&p, 200};
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, many_main, &m), 0);
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        void *result;
        pthread_join(t[i], &result);
        assert_null(result);
    }
    pair_stop(&p);
    assert_int_equal(atomic_load(&p.service.done), 16 * 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_unary),         PAIR_TEST(test_errors),
        PAIR_TEST(test_deadline),      PAIR_TEST(test_deadline_in_the_queue),
        PAIR_TEST(test_cancel),        PAIR_TEST(test_large),
        PAIR_TEST(test_server_stream), PAIR_TEST(test_watch),
        PAIR_TEST(test_client_stream), PAIR_TEST(test_duplex),
        PAIR_TEST(test_lease_is_sent), PAIR_TEST(test_parallel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
