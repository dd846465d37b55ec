/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a server on a connection of our client, which has two calls open. Who controls them: whatever listens on containerd's
 * socket. Reached: rpc/h2 in the client's role with nghttp2 below it, rpc/frame, parse/grpchdr.
 *
 * Input: a byte of options (bit 0: an empty SETTINGS comes first; bit 1: the first call does not end its side), then the bytes as
 * they come.
 *
 * Oracle: (1) fed whole and in pieces, the calls get the same messages and end with the same status; (2) every call ends exactly
 * once, and a call that failed has a text of printable characters or none; (3) what the client sends is a sequence of sound
 * frames; (4) the budget comes back; (5) a failing allocation leaves nothing.
 */
#include "base/codec.h"
#include "fuzz.h"
#include "h2_echo.h"
#include "h2_raw.h"

enum { INPUT_MAX = 1 << 20, SWEEP_MAX = 300, CALLS = 2 };

struct outcome {
    int code, messages, done, goaways;
    size_t bytes;
    bool continuations; /* failed because of too many of them */
    struct err status[CALLS];
    struct buf out;
};

struct input {
    const uint8_t *data;
    size_t size, piece;
    uint8_t options;
    struct outcome *outcome;
};

struct client {
    struct h2_echo echo; /* first: the ops of h2_echo.h see this */
    struct outcome *outcome;
};

static void on_close(void *user, struct h2_stream *s, const struct err *status)
{
    struct client *c = user;
    size_t i = (size_t)(uintptr_t)h2_stream_user(s) - 1;
    FUZZ_CHECK(i < CALLS);
    FUZZ_CHECK(utf8_valid(view_of(status->message)));
    FUZZ_CHECK((int)status->code >= 0 && status->code <= ERR_CODE_MAX);
    c->outcome->status[i] = *status;
    c->outcome->done++;
}

static int drain(struct client *c, struct err *e)
{
    static uint8_t bytes[65536];
    int64_t n;
    while ((n = h2_drain(c->echo.h2, bytes, sizeof(bytes), e)) > 0)
        buf_add(&c->outcome->out, bytes, (size_t)n);
    return (int)n;
}

static int open_calls(struct client *c, uint8_t options, int *ret_opened, struct err *e)
{
    for (int i = 0; i < CALLS; i++) {
        struct h2_stream *s;
        struct frame *f;
        int r = frame_new(100, NULL, &f, e);
        if (r < 0)
            return r;
        r = h2_open(c->echo.h2, "/a.B/C", 1000000, NULL, NULL, NULL, (void *)(uintptr_t)(i + 1), &s, e);
        if (r < 0) {
            frame_free(f);
            return r;
        }
        memset(f->data + FRAME_HEAD, 'x', 100);
        ++*ret_opened;
        h2_stream_send(s, f);
        if (i > 0 || !(options & 2))
            h2_stream_half_close(s);
    }
    return drain(c, e);
}

static int run(void *arg, struct err *e)
{
    struct input *in = arg;
    struct outcome *o = in->outcome;
    *o = (struct outcome){.out = BUF_INIT((size_t)128 << 20)};
    struct h2_ops ops = echo_client_ops;
    struct client c = {.echo = {.budget = FRAME_BUDGET_INIT((size_t)32 << 20)}, .outcome = o};
    ops.on_close = on_close;
    struct h2_config config = {.role = H2_CLIENT, .ops = &ops, .user = &c, .in = &c.echo.budget};
    int opened = 0, r = h2_new(&config, &c.echo.h2, e);
    if (r == 0)
        r = open_calls(&c, in->options, &opened, e);
    if (r == 0 && (in->options & 1))
        r = h2_feed(c.echo.h2, (const uint8_t *)"\0\0\0\4\0\0\0\0", 9, e);
    for (size_t at = 0; r == 0 && at < in->size; at += MIN_OF(in->piece, in->size - at))
        r = h2_feed(c.echo.h2, in->data + at, MIN_OF(in->piece, in->size - at), e);
    if (r == 0)
        r = drain(&c, e);
    h2_free(c.echo.h2);
    o->code = r;
    o->continuations = r < 0 && e && strstr(e->message, "CONTINUATION");
    o->messages = c.echo.messages;
    o->bytes = c.echo.bytes;
    o->goaways = c.echo.goaways;
    FUZZ_CHECK_MSG(o->done == opened, "%d of %d calls ended", o->done, opened);
    FUZZ_CHECK(atomic_load(&c.echo.budget.used) == 0);
    return r;
}

static int run_swept(void *arg, struct err *e)
{
    struct input *in = arg;
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
    FUZZ_CHECK(a->messages == b->messages && a->bytes == b->bytes && a->goaways == b->goaways);
    for (int i = 0; i < CALLS; i++) {
        FUZZ_CHECK_MSG(a->status[i].code == b->status[i].code && strcmp(a->status[i].message, b->status[i].message) == 0,
                       "call %d: %s whole, %s in pieces", i, a->status[i].message, b->status[i].message);
    }
}

int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    struct outcome whole, piece;
    struct input in = {data + 1, size - 1, SIZE_MAX, data[0], &whole};
    struct err e = ERR_INIT;
    fuzz_check_result(run(&in, &e), &e);
    struct view preface = RAW_PREFACE;
    FUZZ_CHECK(view_starts(buf_view(&whole.out), preface));
    struct raw_reader reader;
    raw_reader_init(&reader);
    raw_read(&reader, view_slice(buf_view(&whole.out), preface.n, whole.out.n));
    raw_reader_done(&reader);
    in.outcome = &piece;
    for (int i = 0; i < 2; i++) {
        in.piece = i == 0 ? 1 : 2u + (data[0] >> 2);
        err_clear(&e);
        fuzz_check_result(run(&in, &e), &e);
        compare(&whole, &piece);
        buf_done(&piece.out);
    }
    buf_done(&whole.out);
    in.piece = SIZE_MAX;
    if (in.size <= SWEEP_MAX)
        fuzz_sweep(run_swept, &in, 6);
    return 0;
}
