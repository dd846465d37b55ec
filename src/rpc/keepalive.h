/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keepalive: when a connection asks its peer for a sign of life (an HTTP/2 PING, RFC 9113 section 6.7) and when it gives it up.
 * Decisions only: rpc/conn.h has the timer and the socket.
 *
 * A server asks after a long time of silence, so that clients that vanished do not stay for ever. A client asks while it has
 * calls open, so that a peer that hangs with its socket open does not keep them for ever. It may not ask as often as it likes: a
 * gRPC server in Go that was not told otherwise, and containerd is one, ends the connection ("too_many_pings") at the third PING
 * too many, which is one within five minutes of the one before with no header or data of an answer sent in between
 * (google.golang.org/grpc, keepalive.EnforcementPolicy). So a client asks early only when the peer has said something since the
 * last PING, or, once, when a call was opened since; else it waits `interval_ns`.
 */
#ifndef CRI_RPC_KEEPALIVE_H
#define CRI_RPC_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

/* 0 stands for the default. */
struct rpc_keepalive {
    uint64_t time_ns;     /* silence before a PING: client 10 s, with calls open; server 2 h; CLOCK_NEVER: no PING at all */
    uint64_t timeout_ns;  /* from a PING until the peer counts as gone: 20 s. Any byte from it is an answer */
    uint64_t interval_ns; /* client: between two PINGs when nothing else gives leave to ask: 310 s */
};

/* What the connection has seen so far. */
struct keepalive_facts {
    uint64_t calls;     /* open now */
    uint64_t opened;    /* calls that this side ever opened */
    uint64_t opened_at; /* when the last of them was, on clock_mono */
    uint64_t heard;     /* frames with headers or data that ever came */
};

enum keepalive_verdict { KEEPALIVE_WAIT, KEEPALIVE_PING, KEEPALIVE_GONE };

struct keepalive {
    struct rpc_keepalive config;
    bool client;
    bool dormant;     /* nothing to do until a call is opened */
    bool waiting;     /* for an answer to a PING */
    bool pinged;      /* at pinged_at, when `opened` and `heard` were these */
    bool borrowed;    /* the one PING for a new call was used */
    uint64_t read_at; /* when bytes last came */
    uint64_t pinged_at, opened, heard;
};

/* config NULL: the defaults. */
void keepalive_init(struct keepalive *k, bool client, const struct rpc_keepalive *config, uint64_t now);
/* Bytes came. */
void keepalive_read(struct keepalive *k, uint64_t now);
/* What is to be done now: nothing, send a PING (which counts as sent), or give the connection up. *ret_again is when to ask
 * again, CLOCK_NEVER for as soon as there is a call if k->dormant is set, and else for never. */
enum keepalive_verdict keepalive_check(struct keepalive *k, const struct keepalive_facts *f, uint64_t now, uint64_t *ret_again);

#endif
