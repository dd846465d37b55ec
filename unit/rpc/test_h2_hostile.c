/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 connection against peers that break the rules, written frame by frame: what each gets back, and that nothing grows.
 */
#include "support.h"

#include "h2_echo.h"
#include "h2_raw.h"

static struct h2_echo peer;
static struct buf in;
static struct raw_reader out;

static void begin(enum h2_role role)
{
    struct err e = ERR_INIT;
    peer = (struct h2_echo){.h2 = NULL};
    assert_ok(h2_echo_new(&peer, role, &e), &e);
    buf_init(&in, 64 << 20);
    raw_reader_init(&out);
    if (role == H2_SERVER)
        buf_add_view(&in, RAW_PREFACE);
    raw_settings(&in);
}

static void end(void)
{
    h2_free(peer.h2);
    buf_done(&in);
    raw_reader_done(&out);
    assert_int_equal(atomic_load(&peer.budget.used), 0);
}

static int setup_server(void **state)
{
    begin(H2_SERVER);
    return 0;
}

static int setup_client(void **state)
{
    begin(H2_CLIENT);
    return 0;
}

static int teardown(void **state)
{
    end();
    clock_virtual_off();
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void drain(void)
{
    static uint8_t bytes[1 << 20];
    struct err e = ERR_INIT;
    struct buf all = BUF_INIT(64 << 20);
    int64_t n;
    while ((n = h2_drain(peer.h2, bytes, sizeof(bytes), &e)) > 0)
        buf_add(&all, bytes, (size_t)n);
    struct view v = buf_view(&all);
    struct view preface = RAW_PREFACE;
    if (view_starts(v, preface))
        v = view_slice(v, preface.n, v.n);
    raw_read(&out, v);
    buf_done(&all);
}

/* Feeds what was written to `in`; what comes back is appended to `out`. */
static int feed(struct err *e)
{
    int r = h2_feed(peer.h2, (const uint8_t *)in.p, in.n, e);
    buf_clear(&in);
    if (r == 0)
        drain();
    return r;
}

static const char *answer(void)
{
    struct err e = ERR_INIT;
    assert_ok(feed(&e), &e);
    return out.text.p ? out.text.p : "";
}

static void expect(const char *text)
{
    const char *got = answer();
    if (!strstr(got, text))
        fail_msg("answered \"%s\", which lacks \"%s\"", got, text);
}

static void expect_not(const char *text)
{
    if (strstr(answer(), text))
        fail_msg("answered \"%s\", which has \"%s\"", out.text.p, text);
}

#define BASE ":method: POST\n:scheme: http\n:path: /a.B/C\n"
#define GRPC "content-type: application/grpc\nte: trailers\n"

static void test_request_heads(void **state)
{
    static const struct {
        const char *lines, *text;
    } cases[] = {
        /* Accepted, whatever :authority is, or whether there is any. */
        {BASE GRPC, "HEADERS 1 end [:status: 200] [content-type: application/grpc] [grpc-status: 0]"},
        {BASE ":authority: /run/containerd/containerd.sock\n" GRPC, "[grpc-status: 0]"},
        {BASE ":authority: %2Frun%2Fx.sock\nhost: a b\n" GRPC, "[grpc-status: 0]"},
        {BASE "content-type: application/grpc+proto\n", "[grpc-status: 0]"},
        {BASE GRPC "grpc-encoding: gzip\ngrpc-accept-encoding: gzip\nuser-agent: x\n", "[grpc-status: 0]"},
        {BASE GRPC "content-length: 0\n", "[grpc-status: 0]"},
        /* HTTP, but not gRPC. */
        {":method: GET\n:scheme: http\n:path: /a.B/C\n" GRPC, "HEADERS 1 end [:status: 405]"},
        {BASE "te: trailers\n", "HEADERS 1 end [:status: 415]"},
        {BASE "content-type: text/html\n", "[:status: 415]"},
        {BASE "content-type: application/grpc-web\n", "[:status: 415]"},
        {BASE "content-type: application/grpc+json\n", "[:status: 415]"},
        /* gRPC, but not good. */
        {":method: POST\n:scheme: http\n:path: C\n" GRPC, "[grpc-status: 12]"},
        {":method: POST\n:scheme: http\n:path: /a/b/c\n" GRPC, "[grpc-status: 12]"},
        {":method: POST\n:scheme: http\n:path: /refuse/me\n" GRPC, "[grpc-status: 7] [grpc-message: refused]"},
        {BASE GRPC "grpc-timeout: 1\n", "[grpc-status: 13] [grpc-message: malformed grpc-timeout]"},
        {BASE GRPC "grpc-timeout: 123456789S\n", "[grpc-status: 13]"},
        /* Not even HTTP/2. */
        {":method: POST\n:scheme: http\n" GRPC, "RST 1 1"},
        {":method: POST\n:path: /a.B/C\n" GRPC, "RST 1 1"},
        {":scheme: http\n:path: /a.B/C\n" GRPC, "RST 1 1"},
        {BASE ":path: /a.B/D\n" GRPC, "RST 1 1"},
        {BASE ":method: POST\n" GRPC, "RST 1 1"},
        {BASE ":authority: a\n:authority: b\n" GRPC, "RST 1 1"},
        {BASE ":status: 200\n" GRPC, "RST 1 1"},
        {BASE ":protocol: websocket\n" GRPC, "RST 1 1"},
        {":method: POST\n:scheme: http\ncontent-type: application/grpc\n:path: /a.B/C\n", "RST 1 1"},
        {BASE GRPC "X-Upper: a\n", "RST 1 1"},
        {BASE GRPC "x y: a\n", "RST 1 1"},
        {BASE GRPC "connection: close\n", "RST 1 1"},
        {BASE GRPC "transfer-encoding: chunked\n", "RST 1 1"},
        {BASE "content-type: application/grpc\nte: gzip\n", "RST 1 1"},
        {BASE GRPC "content-type: application/grpc\n", "RST 1 1"},
        {BASE GRPC "content-length: 5\n", "RST 1 1"}, /* the request ends at 0 */
        {BASE GRPC "content-length: -1\n", "RST 1 1"},
        {BASE GRPC "content-length: 0\ncontent-length: 0\n", "RST 1 1"},
        {BASE GRPC "grpc-timeout: 1S\ngrpc-timeout: 2S\n", "RST 1 1"},
        {BASE GRPC "x-a: b\x01\n", "RST 1 1"},
        {BASE GRPC "x-a:  b\n", "RST 1 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        end();
        begin(H2_SERVER);
        raw_headers(&in, 1, RAW_END_STREAM, cases[i].lines);
        /* The connection goes on, whatever the first request was. */
        raw_headers(&in, 3, RAW_END_STREAM, BASE GRPC);
        const char *got = answer();
        if (!strstr(got, cases[i].text) ||
            !strstr(got, "HEADERS 3 end [:status: 200] [content-type: application/grpc] [grpc-status: 0]"))
            fail_msg("case %zu, %s: answered \"%s\", which lacks \"%s\"", i, cases[i].lines, got, cases[i].text);
    }
}

/* A request head whose fields count `bytes` as RFC 9113 section 10.5.1 counts them. */
static void large_head(size_t bytes)
{
    static char lines[200000];
    const char *fixed = BASE GRPC;
    size_t used = 0, at;
    struct view rest = view_of(fixed), line;
    while (view_next_line(&rest, &line))
        used += line.n - 2 + 32;
    strcpy(lines, fixed);
    at = strlen(lines);
    while (used < bytes) {
        size_t value = MIN_OF(bytes - used, (size_t)1000) - 33;
        if (bytes - used < 34)
            break;
        memcpy(lines + at, "x: ", 3);
        at += 3;
        memset(lines + at, 'v', value);
        at += value;
        lines[at++] = '\n';
        lines[at] = '\0';
        used += 33 + value;
    }
    assert_int_equal(used, bytes);
    raw_headers(&in, 1, RAW_END_STREAM, lines);
}

static void test_header_size(void **state)
{
    for (int delta = -1; delta <= 1; delta++) {
        end();
        begin(H2_SERVER);
        large_head((size_t)(H2_HEADERS_MAX + delta));
        expect(delta <= 0 ? "[grpc-status: 0]"
                          : "[grpc-status: 8] [grpc-message: the header fields of the request are larger than 64 KiB]");
        assert_int_equal(peer.requests, delta <= 0);
    }
}

static void test_header_bomb(void **state)
{
    /* One field of 4000 bytes goes into the dynamic table; naming it again costs a byte on the wire. */
    struct buf block = BUF_INIT(1 << 20);
    static char value[4000 - 33];
    memset(value, 'v', sizeof(value));
    buf_add_char(&block, 0x40);
    raw_length(&block, 1);
    buf_add_char(&block, 'x');
    raw_length(&block, sizeof(value));
    buf_add(&block, value, sizeof(value));
    for (int i = 0; i < 10000; i++)
        buf_add_char(&block, (char)(0x80 | 62));
    raw_frame(&in, 1, RAW_END_HEADERS | RAW_END_STREAM, 1, buf_view(&block));
    buf_done(&block);
    struct err e = ERR_INIT;
    assert_fails(feed(&e), &e, ERR_RESOURCE_EXHAUSTED, "header block of more than 1 MiB");
}

static void test_messages(void **state)
{
    /* Compressed: refused by name, with what would be accepted. */
    raw_headers(&in, 1, 0, BASE GRPC "grpc-encoding: gzip\n");
    raw_data(&in, 1, RAW_END_STREAM, VIEW_LIT("\1\0\0\0\1x"));
    expect("HEADERS 1 end [:status: 200] [content-type: application/grpc] [grpc-accept-encoding: identity] [grpc-status: 12] "
           "[grpc-message: compressed messages are not supported (grpc-encoding: gzip)]");
    raw_headers(&in, 11, 0, BASE GRPC "grpc-encoding: a name that is much too long\n");
    raw_data(&in, 11, RAW_END_STREAM, VIEW_LIT("\1\0\0\0\1x"));
    expect("[grpc-status: 12] [grpc-message: compressed messages are not supported (grpc-encoding: a?name?that?is?much?too)]");
    /* Marked as compressed, by nothing. */
    static const char *const nothing[] = {BASE GRPC, BASE GRPC "grpc-encoding: identity\n", BASE GRPC "grpc-encoding: \n"};
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
        raw_headers(&in, 13 + 2 * (unsigned)i, 0, nothing[i]);
        raw_data(&in, 13 + 2 * (unsigned)i, RAW_END_STREAM, VIEW_LIT("\1\0\0\0\1x"));
        expect("[grpc-status: 13] [grpc-message: a message is marked as compressed, but grpc-encoding names no compression]");
    }
    end();
    begin(H2_SERVER);
    /* An empty message is not compressed even by a client that compresses. */
    raw_headers(&in, 3, 0, BASE GRPC "grpc-encoding: gzip\n");
    raw_data(&in, 3, RAW_END_STREAM, VIEW_LIT("\0\0\0\0\0"));
    expect("DATA 3 5|HEADERS 3 end [grpc-status: 0]");
    raw_headers(&in, 5, 0, BASE GRPC);
    raw_data(&in, 5, RAW_END_STREAM, VIEW_LIT("\2\0\0\0\1x"));
    expect("HEADERS 5 end [:status: 200] [content-type: application/grpc] [grpc-status: 13]");
    raw_headers(&in, 7, 0, BASE GRPC);
    raw_data(&in, 7, RAW_END_STREAM, VIEW_LIT("\0\0\0\0\2x"));
    expect("HEADERS 7 end [:status: 200] [content-type: application/grpc] [grpc-status: 13] [grpc-message: the request ends "
           "within a message]");
    /* Too large: answered before it has come, the client is told to stop, what still comes is dropped. */
    raw_headers(&in, 9, 0, BASE GRPC);
    raw_data(&in, 9, 0, VIEW_LIT("\0\1\0\0\1x"));
    expect("HEADERS 9 end [:status: 200] [content-type: application/grpc] [grpc-status: 8]");
    expect("|RST 9 0|");
    raw_data(&in, 9, 0, VIEW_LIT("more of it"));
    raw_data(&in, 9, RAW_END_STREAM, VIEW_EMPTY);
    expect_not("GOAWAY");
    /* content-length and DATA that differ. */
    raw_headers(&in, 11, 0, BASE GRPC "content-length: 6\n");
    raw_data(&in, 11, RAW_END_STREAM, VIEW_LIT("\0\0\0\0\0"));
    expect("RST 11 1");
    raw_headers(&in, 13, 0, BASE GRPC "content-length: 4\n");
    raw_data(&in, 13, RAW_END_STREAM, VIEW_LIT("\0\0\0\0\0"));
    expect("RST 13 1");
    /* Trailers of a client end the request; without END_STREAM they break the rules. */
    raw_headers(&in, 15, 0, BASE GRPC);
    raw_data(&in, 15, 0, VIEW_LIT("\0\0\0\0\0"));
    raw_headers(&in, 15, RAW_END_STREAM, "x-trailer: y\n");
    expect("DATA 15 5|HEADERS 15 end [grpc-status: 0]");
    raw_headers(&in, 17, 0, BASE GRPC);
    raw_headers(&in, 17, 0, "x-trailer: y\n");
    expect("RST 17 1");
    raw_headers(&in, 19, 0, BASE GRPC);
    raw_headers(&in, 19, RAW_END_STREAM, ":path: /late\n");
    expect("RST 19 1");
    /* One message in DATA frames of one byte, padded ones and empty ones between. */
    raw_headers(&in, 21, 0, BASE GRPC);
    for (int i = 0; i < 4; i++)
        raw_data(&in, 21, 0, VIEW_LIT("\0"));
    raw_data(&in, 21, RAW_PADDED, VIEW_LIT("\3\2\0\0\0"));
    raw_data(&in, 21, 0, VIEW_EMPTY);
    raw_data(&in, 21, 0, VIEW_LIT("h"));
    raw_data(&in, 21, RAW_END_STREAM, VIEW_LIT("i"));
    expect("DATA 21 7|HEADERS 21 end [grpc-status: 0]");
}

static void test_claims_cost_nothing(void **state)
{
    size_t before = atomic_load(&peer.budget.used);
    for (uint32_t i = 0; i < 100; i++) {
        raw_headers(&in, 2 * i + 1, 0, BASE GRPC);
        raw_data(&in, 2 * i + 1, 0, VIEW_LIT("\0\1\0\0\0hello"));
    }
    answer();
    assert_int_equal(peer.requests, 100);
    assert_true(atomic_load(&peer.budget.used) - before <= 100 * ((64 << 10) + FRAME_HEAD));
}

static void test_bytes_in_flight(void **state)
{
    static char block[16000];
    raw_frame(&in, 4, RAW_ACK, 0, VIEW_EMPTY); /* from now on the larger windows hold */
    peer.budget.max = 150000;
    raw_headers(&in, 1, 0, BASE GRPC);
    raw_headers(&in, 3, 0, BASE GRPC);
    raw_data(&in, 1, 0, VIEW_LIT("\0\0\2\0\0"));
    raw_data(&in, 3, 0, VIEW_LIT("\0\0\2\0\0"));
    for (int i = 0; i < 8; i++) {
        raw_data(&in, 1, 0, view_make(block, sizeof(block)));
        raw_data(&in, 3, 0, view_make(block, sizeof(block)));
    }
    expect("[grpc-status: 8] [grpc-message: the messages in flight hold more than");
}

static void test_stream_limit(void **state)
{
    for (uint32_t i = 0; i < H2_STREAMS_MAX; i++)
        raw_headers(&in, 2 * i + 1, 0, BASE GRPC);
    expect_not("RST");
    raw_headers(&in, 2 * H2_STREAMS_MAX + 1, 0, BASE GRPC);
    expect("RST 257 7");
    assert_int_equal(h2_stream_count(peer.h2), H2_STREAMS_MAX);
    raw_frame(&in, 4, RAW_ACK, 0, VIEW_EMPTY); /* now it knows: going on is an attack */
    raw_headers(&in, 2 * H2_STREAMS_MAX + 3, 0, BASE GRPC);
    expect("GOAWAY");
}

static void test_reset_flood(void **state)
{
    uint32_t id = 1;
    for (int i = 0; i < 10000; i++, id += 2) {
        raw_headers(&in, id, 0, BASE GRPC);
        raw_frame(&in, 3, 0, id, VIEW_LIT("\0\0\0\x08"));
    }
    expect_not("GOAWAY");
    assert_int_equal(h2_stream_count(peer.h2), 0);
    raw_headers(&in, id, RAW_END_STREAM, BASE GRPC);
    expect("[grpc-status: 0]");
}

static void test_empty_frames(void **state)
{
    struct err e = ERR_INIT;
    raw_headers(&in, 1, 0, BASE GRPC);
    for (int i = 0; i < H2_EMPTY_FRAMES_MAX; i++)
        raw_data(&in, 1, 0, VIEW_EMPTY);
    assert_ok(feed(&e), &e);
    raw_data(&in, 1, 0, VIEW_LIT("\0")); /* something happens: the count begins again */
    for (int i = 0; i < H2_EMPTY_FRAMES_MAX; i++)
        raw_data(&in, 1, 0, VIEW_EMPTY);
    assert_ok(feed(&e), &e);
    raw_data(&in, 1, 0, VIEW_EMPTY);
    assert_fails(feed(&e), &e, ERR_RESOURCE_EXHAUSTED, "empty frames");
}

static void test_pings(void **state)
{
    struct err e = ERR_INIT;
    raw_frame(&in, 6, 0, 0, VIEW_LIT("12345678"));
    expect("PING ack");
    /* A peer that never reads the answers is cut off. */
    for (int i = 0; i < 5000; i++)
        raw_frame(&in, 6, 0, 0, VIEW_LIT("12345678"));
    assert_fails(feed(&e), &e, ERR_INTERNAL, "HTTP/2");
}

static void test_not_http2(void **state)
{
    struct err e = ERR_INIT;
    buf_clear(&in);
    buf_add_str(&in, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_fails(feed(&e), &e, ERR_INTERNAL, "HTTP/2");
    end();
    begin(H2_SERVER);
    raw_frame(&in, 0, 0, 0, VIEW_LIT("data on stream 0"));
    expect("GOAWAY 0 1");
    assert_true(h2_finished(peer.h2));
}

static void test_goaway_of_a_client(void **state)
{
    /* grpc-go says GOAWAY with a stream id of its own when it closes. */
    raw_headers(&in, 1, RAW_END_STREAM, BASE GRPC);
    answer();
    raw_frame(&in, 7, 0, 0, VIEW_LIT("\0\0\0\1\0\0\0\0"));
    struct err e = ERR_INIT;
    assert_ok(feed(&e), &e);
}

/* ---- a client of ours and a server that misbehaves */

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

#define S(f) cmocka_unit_test_setup_teardown(f, setup_server, teardown)
#define C(f) cmocka_unit_test_setup_teardown(f, setup_client, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_request_heads),
        S(test_header_size),
        S(test_header_bomb),
        S(test_messages),
        S(test_claims_cost_nothing),
        S(test_bytes_in_flight),
        S(test_stream_limit),
        S(test_reset_flood),
        S(test_empty_frames),
        S(test_pings),
        S(test_not_http2),
        S(test_goaway_of_a_client),
        C(test_answers),
        C(test_answer_resets),
        C(test_interim_answer),
        C(test_data_before_head),
        C(test_goaway_of_a_server),
        C(test_early_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
