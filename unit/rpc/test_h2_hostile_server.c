/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our client against servers that break the rules of HTTP/2, written frame by frame.
 */
#include "h2_by_hand.h"

static struct h2_stream *open_call(void)
{
    struct err e = ERR_INIT;
    struct h2_stream *s;
    assert_ok(h2_open(peer.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
    h2_stream_half_close(s);
    drain();
    return s;
}

#define HEAD ":status: 200\ncontent-type: application/grpc\n"

#define L(s)                                                                                                                     \
    {                                                                                                                            \
        (s), sizeof(s) - 1                                                                                                       \
    }

static void test_answers(void **state)
{
    static const struct {
        const char *head; /* NULL: none */
        bool only;
        struct view data;
        const char *trailers;
        int code;
        const char *text;
    } cases[] = {
        {HEAD "grpc-status: 0\n", true, {"", 0}, NULL, ERR_OK, ""},
        {HEAD "grpc-status: 5\ngrpc-message: no%20pod %zz\n", true, {"", 0}, NULL, ERR_NOT_FOUND, "no pod %zz"},
        {HEAD "grpc-message: order\ngrpc-status: 5\n", true, {"", 0}, NULL, ERR_NOT_FOUND, "order"},
        {HEAD, false, L("\0\0\0\0\1x"), "grpc-status: 0\n", ERR_OK, ""},
        {HEAD, false, L("\0\0\0\0\1x"), "grpc-status: 9\ngrpc-message: %ff%00\n", ERR_FAILED_PRECONDITION, "\xef\xbf\xbd"},
        {HEAD, false, {"", 0}, "grpc-status: 99\n", ERR_UNKNOWN, ""},
        {HEAD, false, {"", 0}, "grpc-status: x\n", ERR_UNKNOWN, ""},
        {HEAD, false, {"", 0}, "x: y\n", ERR_INTERNAL, "without a status"},
        {HEAD, true, {"", 0}, NULL, ERR_INTERNAL, "without a status"},
        {HEAD, false, L("\0\0\0\0\2x"), "grpc-status: 0\n", ERR_INTERNAL, "ends within a message"},
        {HEAD, false, L("\1\0\0\0\0"), "grpc-status: 0\n", ERR_INTERNAL, "names no compression"},
        {HEAD "grpc-encoding: gzip\n", false, L("\1\0\0\0\1x"), "grpc-status: 0\n", ERR_INTERNAL, "grpc-encoding: gzip"},
        {HEAD, false, L("\0\1\0\0\1"), "grpc-status: 0\n", ERR_RESOURCE_EXHAUSTED, "more than the maximum"},
        {":status: 404\ncontent-type: text/html\n", true, {"", 0}, NULL, ERR_UNIMPLEMENTED, "HTTP status 404"},
        {":status: 503\n", true, {"", 0}, NULL, ERR_UNAVAILABLE, "HTTP status 503"},
        {":status: 200\ncontent-type: text/html\n", false, L("<html>"), NULL, ERR_UNKNOWN, "not gRPC"},
        {"content-type: application/grpc\n", false, {"", 0}, NULL, ERR_INTERNAL, "malformed"},
        {":status: abc\n", false, {"", 0}, NULL, ERR_INTERNAL, "malformed"},
        {":status: 200\n:status: 200\n", false, {"", 0}, NULL, ERR_INTERNAL, "malformed"},
        {":status: 200\n:path: /\n", false, {"", 0}, NULL, ERR_INTERNAL, "malformed"},
        {HEAD "Upper: x\n", false, {"", 0}, NULL, ERR_INTERNAL, "malformed"},
        {HEAD, false, {"", 0}, ":status: 200\ngrpc-status: 0\n", ERR_INTERNAL, "malformed"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        end();
        begin(H2_CLIENT);
        open_call();
        raw_headers(&in, 1, cases[i].only ? RAW_END_STREAM : 0, cases[i].head);
        if (cases[i].data.n)
            raw_data(&in, 1, 0, cases[i].data);
        if (cases[i].trailers)
            raw_headers(&in, 1, RAW_END_STREAM, cases[i].trailers);
        answer();
        if (peer.done != 1 || (int)peer.status.code != cases[i].code || !strstr(peer.status.message, cases[i].text))
            fail_msg("case %zu: done %d, %s, \"%s\"", i, peer.done, err_code_name(peer.status.code), peer.status.message);
    }
}

static void test_answer_resets(void **state)
{
    static const struct {
        char code;
        enum err_code want;
    } cases[] = {{0, ERR_INTERNAL}, {2, ERR_INTERNAL}, {7, ERR_UNAVAILABLE}, {8, ERR_CANCELLED}, {11, ERR_RESOURCE_EXHAUSTED}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        end();
        begin(H2_CLIENT);
        open_call();
        char code[4] = {0, 0, 0, cases[i].code};
        raw_frame(&in, 3, 0, 1, view_make(code, 4));
        answer();
        assert_int_equal(peer.done, 1);
        assert_int_equal(peer.status.code, cases[i].want);
    }
}

static void test_interim_answer(void **state)
{
    open_call();
    raw_headers(&in, 1, 0, ":status: 103\nlink: x\n");
    raw_headers(&in, 1, 0, HEAD);
    raw_data(&in, 1, 0, VIEW_LIT("\0\0\0\0\0"));
    raw_headers(&in, 1, RAW_END_STREAM, "grpc-status: 0\n");
    answer();
    assert_int_equal(peer.messages, 1);
    assert_int_equal(peer.status.code, ERR_OK);
}

static void test_data_before_head(void **state)
{
    open_call();
    raw_data(&in, 1, 0, VIEW_LIT("\0\0\0\0\0"));
    expect("GOAWAY");
    assert_true(h2_finished(peer.h2));
    assert_int_equal(peer.messages, 0);
}

static void test_goaway_of_a_server(void **state)
{
    open_call();
    open_call();
    raw_frame(&in, 7, 0, 0, VIEW_LIT("\0\0\0\1\0\0\0\0")); /* stream 3 was not looked at */
    answer();
    assert_int_equal(peer.goaways, 1);
    assert_int_equal(peer.done, 1);
    assert_int_equal(peer.status.code, ERR_UNAVAILABLE);
    raw_headers(&in, 1, RAW_END_STREAM, HEAD "grpc-status: 0\n");
    answer();
    assert_int_equal(peer.done, 2);
    assert_int_equal(peer.status.code, ERR_OK);
}

static void test_early_answer(void **state)
{
    /* The server is done while we still send: the stream is let go. */
    struct err e = ERR_INIT;
    struct h2_stream *s;
    struct frame *f;
    assert_ok(h2_open(peer.h2, "/a.B/C", UINT64_MAX, NULL, NULL, NULL, NULL, &s, &e), &e);
    assert_ok(frame_new(1 << 20, NULL, &f, &e), &e);
    h2_stream_send(s, f);
    drain();
    raw_headers(&in, 1, RAW_END_STREAM, HEAD "grpc-status: 8\ngrpc-message: enough\n");
    expect("RST 1 0");
    assert_int_equal(peer.done, 1);
    assert_int_equal(peer.status.code, ERR_RESOURCE_EXHAUSTED);
    assert_int_equal(h2_stream_count(peer.h2), 0);
}

#define C(f) cmocka_unit_test_setup_teardown(f, setup_client, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(test_answers),
        C(test_answer_resets),
        C(test_interim_answer),
        C(test_data_before_head),
        C(test_goaway_of_a_server),
        C(test_early_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
