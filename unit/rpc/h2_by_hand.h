/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection of ours and a peer that is written by hand: what it sends is put into `in`, what it gets back is text in `out`.
 */
#ifndef CRI_UNIT_RPC_H2_BY_HAND_H
#define CRI_UNIT_RPC_H2_BY_HAND_H

#include "support.h"

#include "h2_echo.h"
#include "h2_raw.h"

static struct h2_echo peer;
static struct buf in;
static struct raw_reader out;

static inline _unused_ void begin(enum h2_role role)
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

static inline _unused_ void end(void)
{
    h2_free(peer.h2);
    buf_done(&in);
    raw_reader_done(&out);
    assert_int_equal(atomic_load(&peer.budget.used), 0);
}

static inline _unused_ int setup_server(void **state)
{
    begin(H2_SERVER);
    return 0;
}

static inline _unused_ int setup_client(void **state)
{
    begin(H2_CLIENT);
    return 0;
}

static inline _unused_ int teardown(void **state)
{
    end();
    clock_virtual_off();
    assert_int_equal(mem_live(), 0);
    return 0;
}

static inline _unused_ void drain(void)
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
static inline _unused_ int feed(struct err *e)
{
    int r = h2_feed(peer.h2, (const uint8_t *)in.p, in.n, e);
    buf_clear(&in);
    if (r == 0)
        drain();
    return r;
}

static inline _unused_ const char *answer(void)
{
    struct err e = ERR_INIT;
    assert_ok(feed(&e), &e);
    return out.text.p ? out.text.p : "";
}

static inline _unused_ void expect(const char *text)
{
    const char *got = answer();
    if (!strstr(got, text))
        fail_msg("answered \"%s\", which lacks \"%s\"", got, text);
}

static inline _unused_ void expect_not(const char *text)
{
    if (strstr(answer(), text))
        fail_msg("answered \"%s\", which has \"%s\"", out.text.p, text);
}

/* The beginnings of good requests. */
#define BASE ":method: POST\n:scheme: http\n:path: /a.B/C\n"
#define GRPC "content-type: application/grpc\nte: trailers\n"

#endif
