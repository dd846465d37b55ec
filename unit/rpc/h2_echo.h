/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two small users of rpc/h2 without sockets: a server that sends every message back, and a client that counts what it gets.
 */
#ifndef CRI_UNIT_RPC_H2_ECHO_H
#define CRI_UNIT_RPC_H2_ECHO_H

#include <stdlib.h>

#include "base/clock.h"
#include "rpc/h2.h"

struct h2_echo {
    struct h2 *h2;
    struct frame_budget budget;
    /* Server. */
    int requests, ends, closes, closes_ok;
    enum err_code fail_with; /* ends the call with this in place of OK */
    size_t answer_bytes;     /* one message of so many bytes in place of the request's */
    bool hold;               /* the client: holds each stream */
    char path[256], metadata[256];
    uint64_t timeout_ns;
    /* Client. */
    int messages, done, goaways, pongs;
    size_t bytes, sent;
    struct err status; /* of the last call that ended */
    struct h2_stream *stream;
};

static inline int echo_on_request(void *user, struct h2_stream *s, const struct h2_request *r, struct err *e)
{
    struct h2_echo *x = user;
    x->requests++;
    x->stream = s;
    x->timeout_ns = r->timeout_ns;
    x->path[0] = x->metadata[0] = '\0';
    strncat(x->path, r->path, sizeof(x->path) - 1);
    for (size_t i = 0; i < r->metadata.n; i++) {
        strncat(x->metadata, r->metadata.v[i].key, 30);
        strcat(x->metadata, "=");
        strncat(x->metadata, r->metadata.v[i].value, 30);
        strcat(x->metadata, ";");
        if (strlen(x->metadata) > 180)
            break;
    }
    if (strcmp(r->path, "/refuse/me") == 0)
        return err_raise(e, ERR_PERMISSION_DENIED, "refused");
    return 0;
}

static inline void echo_on_message(void *user, struct h2_stream *s, struct frame *f)
{
    struct h2_echo *x = user;
    struct err e = ERR_INIT;
    x->messages++;
    x->bytes += frame_message(f).n;
    if (x->answer_bytes) {
        frame_free(f);
        if (frame_new(x->answer_bytes, &x->budget, &f, &e) < 0) {
            h2_stream_end(s, &e);
            return;
        }
        memset(f->data + FRAME_HEAD, 'x', x->answer_bytes);
    }
    h2_stream_send(s, f);
}

static inline void echo_on_end(void *user, struct h2_stream *s)
{
    struct h2_echo *x = user;
    struct err e = ERR_INIT;
    x->ends++;
    if (x->fail_with)
        err_raise(&e, x->fail_with, "50%% wrong: \xc3\xa4 and \xff");
    h2_stream_end(s, &e);
}

static inline void echo_on_close(void *user, struct h2_stream *s, const struct err *status)
{
    struct h2_echo *x = user;
    x->closes++;
    x->closes_ok += status->code == ERR_OK;
    x->status = *status;
}

static inline void echo_on_sent(void *user, struct h2_stream *s, size_t n)
{
    ((struct h2_echo *)user)->sent += n;
}

static inline void echo_on_pong(void *user)
{
    ((struct h2_echo *)user)->pongs++;
}

static inline void count_message(void *user, struct h2_stream *s, struct frame *f)
{
    struct h2_echo *x = user;
    x->messages++;
    x->bytes += frame_message(f).n;
    frame_free(f);
}

static inline void count_close(void *user, struct h2_stream *s, const struct err *status)
{
    struct h2_echo *x = user;
    x->done++;
    x->status = *status;
    if (x->stream == s)
        x->stream = NULL;
}

static inline void count_goaway(void *user)
{
    ((struct h2_echo *)user)->goaways++;
}

static const struct h2_ops echo_server_ops = {.on_request = echo_on_request,
                                              .on_message = echo_on_message,
                                              .on_end = echo_on_end,
                                              .on_close = echo_on_close,
                                              .on_sent = echo_on_sent,
                                              .on_pong = echo_on_pong};
static const struct h2_ops echo_client_ops = {.on_message = count_message,
                                              .on_close = count_close,
                                              .on_sent = echo_on_sent,
                                              .on_goaway = count_goaway,
                                              .on_pong = echo_on_pong};

static inline int h2_echo_new(struct h2_echo *x, enum h2_role role, struct err *e)
{
    if (!x->budget.max)
        x->budget.max = (size_t)256 << 20;
    struct h2_config config = {
        .role = role, .ops = role == H2_SERVER ? &echo_server_ops : &echo_client_ops, .user = x, .in = &x->budget};
    return h2_new(&config, &x->h2, e);
}

/* Moves bytes both ways, `piece` at a time, until neither side has any. Negative when a side's connection failed. */
static inline int h2_shuttle(struct h2 *a, struct h2 *b, size_t piece, struct err *e)
{
    static uint8_t bytes[65536];
    for (int quiet = 0; quiet < 2;) {
        int64_t n = h2_drain(a, bytes, piece, e);
        if (n < 0)
            return (int)n;
        quiet = n == 0 ? quiet + 1 : 0;
        if (n > 0) {
            int r = h2_feed(b, bytes, (size_t)n, e);
            if (r < 0)
                return r;
        }
        struct h2 *swap = a;
        a = b;
        b = swap;
    }
    return 0;
}

#endif
