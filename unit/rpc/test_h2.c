/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 connection without sockets, both roles of ours against each other: pieces of odd sizes, flow control, many streams,
 * GOAWAY, deadlines on the wire, and a sweep of failing allocations over a whole exchange.
 */
#include "support.h"

#include "h2_echo.h"
#include "sweep.h"

static struct h2_echo server, client;

static int setup(void **state)
{
    struct err e = ERR_INIT;
    server = client = (struct h2_echo){.h2 = NULL};
    assert_ok(h2_echo_new(&server, H2_SERVER, &e), &e);
    assert_ok(h2_echo_new(&client, H2_CLIENT, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    h2_free(server.h2);
    h2_free(client.h2);
    clock_virtual_off();
    assert_int_equal(atomic_load(&server.budget.used), 0);
    assert_int_equal(atomic_load(&client.budget.used), 0);
    assert_int_equal(mem_live(), 0);
    return 0;
}

static struct frame *frame_of(size_t n)
{
    struct err e = ERR_INIT;
    struct frame *f;
    assert_ok(frame_new(n, NULL, &f, &e), &e);
    memset(f->data + FRAME_HEAD, 'x', n);
    return f;
}

/* Opens a call that sends messages of these sizes. */
static struct h2_stream *call(const char *path, uint64_t timeout, size_t size, int count)
{
    static const char *const metadata[] = {"containerd-namespace", "k8s.io", "x-other", "", NULL};
    struct err e = ERR_INIT;
    struct h2_stream *s;
    assert_ok(h2_open(client.h2, path, timeout, metadata, "containerd-lease", "l1", &client, &s, &e), &e);
    assert_ptr_equal(h2_stream_user(s), &client);
    for (int i = 0; i < count; i++)
        h2_stream_send(s, frame_of(size));
    h2_stream_half_close(s);
    return s;
}

static void shuttle(size_t piece)
{
    struct err e = ERR_INIT;
    assert_ok(h2_shuttle(client.h2, server.h2, piece, &e), &e);
}

static void test_pieces(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 7, 9, 10, 100, 4096, 16384, 16393, 65536};
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        teardown(NULL);
        setup(NULL);
        call("/a.B/C", 5000000, i * 100, 3);
        shuttle(pieces[i]);
        assert_string_equal(server.path, "/a.B/C");
        assert_string_equal(server.metadata, "containerd-namespace=k8s.io;x-other=;containerd-lease=l1;");
        assert_true(server.timeout_ns == 5000000);
        assert_int_equal(server.messages, 3);
        assert_int_equal(server.closes_ok, 1);
        assert_int_equal(client.messages, 3);
        assert_int_equal(client.bytes, 300 * i);
        assert_int_equal(client.done, 1);
        assert_int_equal(client.status.code, ERR_OK);
        assert_int_equal(server.sent, 3 * (5 + 100 * i));
        assert_int_equal(client.sent, server.sent);
        assert_int_equal(h2_stream_count(server.h2) + h2_stream_count(client.h2), 0);
    }
}

static void test_status(void **state)
{
    server.fail_with = ERR_NOT_FOUND;
    for (int with_message = 0; with_message < 2; with_message++) { /* trailers only, and trailers */
        call("/a.B/C", UINT64_MAX, 10, with_message);
        shuttle(65536);
        assert_int_equal(client.status.code, ERR_NOT_FOUND);
        assert_string_equal(client.status.message, "50% wrong: \xc3\xa4 and ?");
        assert_true(server.timeout_ns == UINT64_MAX);
    }
    call("/refuse/me", UINT64_MAX, 10, 1);
    shuttle(65536);
    assert_int_equal(client.status.code, ERR_PERMISSION_DENIED);
    assert_string_equal(client.status.message, "refused");
    assert_int_equal(server.closes, 2); /* the refused one was never the owner's */
    call("/nomethod", UINT64_MAX, 10, 1);
    shuttle(65536);
    assert_int_equal(client.status.code, ERR_UNIMPLEMENTED);
}

static void test_message_sizes(void **state)
{
    for (int delta = -1; delta <= 0; delta++) {
        client.bytes = 0;
        call("/a.B/C", UINT64_MAX, (size_t)(FRAME_MESSAGE_MAX + delta), 1);
        shuttle(65536);
        assert_int_equal(client.status.code, ERR_OK);
        assert_int_equal(client.bytes, FRAME_MESSAGE_MAX + delta);
    }
}

static void test_flow_control(void **state)
{
    /* While the client holds, no more than the stream's window gets out of the server. */
    server.answer_bytes = 3 << 20;
    struct h2_stream *s = call("/a.B/C", UINT64_MAX, 1, 1);
    h2_stream_hold(s, true);
    shuttle(65536);
    assert_int_equal(server.sent, H2_STREAM_WINDOW);
    assert_int_equal(client.messages, 0);
    /* Another stream is not held up by it. */
    server.answer_bytes = 1000;
    call("/a.B/C", UINT64_MAX, 1, 1);
    shuttle(65536);
    assert_int_equal(client.done, 1);
    h2_stream_hold(s, false);
    shuttle(65536);
    assert_int_equal(client.done, 2);
    assert_int_equal(client.bytes, (3 << 20) + 1000);
}

static void test_stalled(void **state)
{
    clock_virtual(NSEC_PER_SEC, 0);
    server.answer_bytes = 3 << 20;
    struct h2_stream *s = call("/a.B/C", UINT64_MAX, 1, 1);
    h2_stream_hold(s, true);
    shuttle(65536);
    assert_int_equal(h2_reset_stalled(server.h2, clock_mono()), 0);
    clock_advance(NSEC_PER_SEC);
    assert_int_equal(h2_reset_stalled(server.h2, clock_mono()), 1);
    shuttle(65536);
    assert_int_equal(server.closes, 1);
    assert_int_equal(server.closes_ok, 0);
    assert_int_equal(client.status.code, ERR_CANCELLED);
    assert_int_equal(h2_reset_stalled(server.h2, clock_mono()), 0);
}

static void test_many_streams(void **state)
{
    enum { N = 3 * H2_STREAMS_MAX };
    for (int i = 0; i < N; i++)
        call("/a.B/C", UINT64_MAX, 100, 1);
    shuttle(65536);
    assert_int_equal(client.done, N);
    assert_int_equal(client.messages, N);
    assert_int_equal(server.closes_ok, N);
}

static void test_reset_by_client(void **state)
{
    struct err e = ERR_INIT;
    struct h2_stream *s;
    assert_ok(h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
    h2_stream_send(s, frame_of(10));
    shuttle(65536);
    h2_stream_reset(s);
    /* One that never left: */
    assert_ok(h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
    h2_stream_send(s, frame_of(10));
    h2_stream_reset(s);
    shuttle(65536);
    assert_int_equal(server.closes, 1);
    assert_int_equal(server.status.code, ERR_CANCELLED);
    assert_int_equal(client.done, 0);
    assert_int_equal(h2_stream_count(server.h2) + h2_stream_count(client.h2), 0);
    /* Thousands of cancelled calls do not harm the next one. */
    for (int i = 0; i < 5000; i++) {
        assert_ok(h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
        shuttle(65536);
        h2_stream_reset(s);
        shuttle(65536);
    }
    call("/a.B/C", UINT64_MAX, 100, 1);
    shuttle(65536);
    assert_int_equal(client.status.code, ERR_OK);
    assert_int_equal(client.done, 1);
}

static void test_goaway(void **state)
{
    struct err e = ERR_INIT;
    struct h2_stream *s, *late;
    assert_ok(h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
    h2_stream_send(s, frame_of(10));
    shuttle(65536);
    h2_shutdown_notice(server.h2);
    shuttle(65536);
    assert_int_equal(client.goaways, 1);
    assert_int_equal(server.pongs, 1);
    h2_shutdown(server.h2);
    shuttle(65536);
    /* New calls find the door closed, the old one ends as it should. */
    int r = h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &late, &e);
    assert_int_equal(r, -ERR_UNAVAILABLE);
    assert_false(h2_finished(server.h2));
    h2_stream_half_close(s);
    shuttle(65536);
    assert_int_equal(client.done, 1);
    assert_int_equal(client.status.code, ERR_OK);
    assert_int_equal(client.messages, 1);
    assert_true(h2_finished(server.h2));
    assert_true(h2_finished(client.h2));
}

static void test_connection_lost(void **state)
{
    call("/a.B/C", UINT64_MAX, 10, 1);
    struct h2_stream *s;
    struct err e = ERR_INIT;
    assert_ok(h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
    err_raise(&e, ERR_UNAVAILABLE, "wire cut");
    h2_fail(client.h2, &e);
    assert_int_equal(client.done, 2);
    assert_int_equal(client.status.code, ERR_UNAVAILABLE);
    assert_string_equal(client.status.message, "wire cut");
    assert_int_equal(h2_open(client.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), -ERR_UNAVAILABLE);
}

/* ---- allocations */

static int exchange(void *arg, struct err *e)
{
    struct h2_echo a = {.fail_with = *(int *)arg ? ERR_NOT_FOUND : ERR_OK}, b = {.h2 = NULL};
    struct h2_stream *s;
    struct frame *f = NULL;
    int r = h2_echo_new(&a, H2_SERVER, e);
    if (r == 0)
        r = h2_echo_new(&b, H2_CLIENT, e);
    if (r == 0)
        r = frame_new(100000, &b.budget, &f, e);
    if (r == 0)
        r = h2_open(b.h2, "/a.B/C", 1000, NULL, "x-name", "value", NULL, &s, e);
    if (r == 0) {
        h2_stream_send(s, f);
        f = NULL;
        h2_stream_half_close(s);
        r = h2_shuttle(b.h2, a.h2, 5000, e);
    }
    if (r == 0 && b.done != 1)
        r = err_raise(e, ERR_INTERNAL, "the call did not end");
    if (r == 0 && b.status.code != a.fail_with)
        r = err_raise(e, b.status.code, "%s", b.status.message);
    if (r == 0 && !a.fail_with && b.bytes != 100000)
        r = err_raise(e, ERR_INTERNAL, "%zu bytes came back", b.bytes);
    frame_free(f);
    h2_free(b.h2);
    h2_free(a.h2);
    return r;
}

static void test_sweep(void **state)
{
    for (int fails = 0; fails < 2; fails++)
        assert_true(sweep("exchange", exchange, &fails) > 100);
}

#define H2_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(test_pieces),          H2_TEST(test_status),         H2_TEST(test_message_sizes),   H2_TEST(test_flow_control),
        H2_TEST(test_stalled),         H2_TEST(test_many_streams),   H2_TEST(test_reset_by_client), H2_TEST(test_goaway),
        H2_TEST(test_connection_lost), cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
