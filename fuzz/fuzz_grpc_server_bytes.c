/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a client on a connection to our server. Who controls them: whoever may open the daemon's socket.
 * Reached: rpc/h2 in the server's role with nghttp2 below it, rpc/frame, parse/grpchdr, base/arena, base/strv.
 *
 * Input: a byte of options (bit 0: the preface and an empty SETTINGS come first), then the bytes as they come from the socket.
 *
 * Oracle: (1) fed whole and fed in pieces (of one byte; of a size that the options give), the connection reports the same
 * requests, messages and ends, fails in the same way and answers the same bytes; (2) what it answers is a sequence of sound
 * frames with sound HPACK; (3) a request that was announced is closed exactly once; (4) no more streams are open than allowed,
 * and every byte of the budget comes back; (5) a failing allocation changes the outcome to RESOURCE_EXHAUSTED or not at all, and
 * leaves nothing.
 */
#include "fuzz.h"
#include "h2_echo.h"
#include "h2_raw.h"

enum { INPUT_MAX = 1 << 20, SWEEP_MAX = 400 };

struct outcome {
    int code, requests, ends, messages, closes, closes_ok;
    size_t bytes;
    bool continuations; /* failed because of too many of them */
    struct buf out;
};

struct input {
    const uint8_t *data;
    size_t size, piece;
    bool preface;
    struct outcome *outcome;
};

static int feed_all(struct h2 *h, const uint8_t *p, size_t n, size_t piece, struct err *e)
{
    while (n > 0) {
        size_t take = MIN_OF(n, piece);
        int r = h2_feed(h, p, take, e);
        if (r < 0)
            return r;
        FUZZ_CHECK(h2_stream_count(h) <= H2_STREAMS_MAX);
        p += take;
        n -= take;
    }
    return 0;
}

static int run(void *arg, struct err *e)
{
    struct input *in = arg;
    struct outcome *o = in->outcome;
    struct h2_echo server = {.budget = FRAME_BUDGET_INIT((size_t)32 << 20)};
    int r = h2_echo_new(&server, H2_SERVER, e);
    if (r < 0)
        return r;
    static const uint8_t begin[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    if (in->preface)
        r = feed_all(server.h2, begin, sizeof(begin), in->piece, e);
    if (r == 0)
        r = feed_all(server.h2, in->data, in->size, in->piece, e);
    static uint8_t bytes[65536];
    int64_t n = 0;
    while (r == 0 && (n = h2_drain(server.h2, bytes, sizeof(bytes), e)) > 0)
        buf_add(&o->out, bytes, (size_t)n);
    if (r == 0 && n < 0)
        r = (int)n;
    h2_free(server.h2);
    o->code = r;
    o->continuations = r < 0 && e && strstr(e->message, "CONTINUATION");
    o->requests = server.requests;
    o->ends = server.ends;
    o->messages = server.messages;
    o->closes = server.closes;
    o->closes_ok = server.closes_ok;
    o->bytes = server.bytes;
    FUZZ_CHECK_MSG(atomic_load(&server.budget.used) == 0, "%zu bytes of the budget are gone", atomic_load(&server.budget.used));
    FUZZ_CHECK(server.closes <= server.requests);
    FUZZ_CHECK(server.closes_ok <= server.closes);
    return r;
}

static void run_once(const uint8_t *data, size_t size, bool preface, size_t piece, struct outcome *o)
{
    struct err e = ERR_INIT;
    *o = (struct outcome){.out = BUF_INIT((size_t)128 << 20)};
    struct input in = {data, size, piece, preface, o};
    fuzz_check_result(run(&in, &e), &e);
}

static int run_swept(void *arg, struct err *e)
{
    struct input *in = arg;
    *in->outcome = (struct outcome){.out = BUF_INIT((size_t)128 << 20)};
    int r = run(in, e);
    buf_done(&in->outcome->out);
    return r;
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    /* nghttp2 counts a CONTINUATION frame again for every piece in which its head arrives. */
    if (a->continuations || b->continuations)
        return;
    FUZZ_CHECK_MSG(a->code == b->code, "%d whole, %d in pieces", a->code, b->code);
    FUZZ_CHECK(a->requests == b->requests && a->ends == b->ends && a->messages == b->messages);
    FUZZ_CHECK(a->closes == b->closes && a->closes_ok == b->closes_ok && a->bytes == b->bytes);
    FUZZ_CHECK_MSG(a->code != 0 || view_eq(buf_view(&a->out), buf_view(&b->out)), "%zu bytes whole, %zu in pieces", a->out.n,
                   b->out.n);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    uint8_t options = data[0];
    data++;
    size--;
    struct outcome whole, piece;
    run_once(data, size, options & 1, SIZE_MAX, &whole);
    for (int i = 0; i < 2; i++) {
        run_once(data, size, options & 1, i == 0 ? 1 : 2u + (options >> 1), &piece);
        compare(&whole, &piece);
        buf_done(&piece.out);
    }
    struct raw_reader reader;
    raw_reader_init(&reader);
    raw_read(&reader, buf_view(&whole.out));
    raw_reader_done(&reader);
    buf_done(&whole.out);
    if (size <= SWEEP_MAX) {
        struct input in = {data, size, SIZE_MAX, options & 1, &piece};
        fuzz_sweep(run_swept, &in, 6);
    }
    return 0;
}
