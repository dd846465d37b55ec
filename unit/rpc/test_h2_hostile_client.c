/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our server against clients that break the rules of HTTP/2, written frame by frame: what each gets back, and that nothing grows.
 */
#include "h2_by_hand.h"

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

/* gRPC's C core resets streams whose HEADERS it never sent. Whatever the pieces the bytes come in, the other calls go on. */
static void test_reset_of_an_idle_stream(void **state)
{
    struct buf all = BUF_INIT(1 << 20);
    buf_add_view(&all, RAW_PREFACE);
    raw_settings(&all);
    raw_headers(&all, 1, RAW_END_STREAM, BASE GRPC);
    raw_frame(&all, 3, 0, 5, VIEW_LIT("\0\0\0\x8"));
    raw_headers(&all, 7, RAW_END_STREAM, BASE GRPC);
    for (size_t piece = 1; piece <= all.n; piece++) {
        end();
        begin(H2_SERVER);
        buf_clear(&in);
        for (size_t at = 0; at < all.n; at += piece) {
            buf_add_view(&in, view_slice(buf_view(&all), at, at + piece));
            expect_not("GOAWAY");
        }
        expect("HEADERS 1 end");
        expect("HEADERS 7 end");
    }
    buf_done(&all);
}

static void test_resets_that_stay_errors(void **state)
{
    static const struct {
        uint32_t stream;
        struct view payload;
    } cases[] = {{2, VIEW_LIT("\0\0\0\x8")}, {0, VIEW_LIT("\0\0\0\x8")}, {5, VIEW_LIT("\0\0\x8")}, {5, VIEW_LIT("\0\0\0\x8\0")}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        end();
        begin(H2_SERVER);
        raw_frame(&in, 3, 0, cases[i].stream, cases[i].payload);
        expect("GOAWAY");
    }
    /* Within a header block nothing may come but the rest of it. */
    end();
    begin(H2_SERVER);
    raw_frame(&in, 1, RAW_END_STREAM, 1, VIEW_LIT("\x83"));
    raw_frame(&in, 3, 0, 5, VIEW_LIT("\0\0\0\x8"));
    expect("GOAWAY");
}

static void test_flood_of_idle_resets(void **state)
{
    struct err e = ERR_INIT;
    for (uint32_t i = 0; i < H2_EMPTY_FRAMES_MAX; i++)
        raw_frame(&in, 3, 0, 2 * i + 1, VIEW_LIT("\0\0\0\x8"));
    expect_not("GOAWAY");
    raw_frame(&in, 3, 0, 1, VIEW_LIT("\0\0\0\x8"));
    assert_int_equal(feed(&e), -ERR_RESOURCE_EXHAUSTED);
}

#define S(f) cmocka_unit_test_setup_teardown(f, setup_server, teardown)

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
        S(test_reset_of_an_idle_stream),
        S(test_resets_that_stay_errors),
        S(test_flood_of_idle_resets),
        S(test_empty_frames),
        S(test_pings),
        S(test_not_http2),
        S(test_goaway_of_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
