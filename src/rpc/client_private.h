/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client.c (the connection: connecting, back-off, GOAWAY) and client_stream.c (one call, seen from a worker and from the
 * loop) share.
 *
 * A call has two holders: the worker that made it, and the loop's thread. They share the part under `mu`; the worker wakes the
 * loop through `post`, the loop wakes the worker through `waiter`. Whoever lets go last frees it.
 */
#ifndef CRI_RPC_CLIENT_PRIVATE_H
#define CRI_RPC_CLIENT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "rpc/client.h"
#include "rpc/conn.h"
#include "rpc/waiter.h"

enum {
    CLIENT_BACKOFF_MIN_MS = 100,
    CLIENT_BACKOFF_MAX_MS = 5000,
    CLIENT_BUDGET_MIB = 512,         /* answers in flight */
    CLIENT_SEND_QUEUE_MAX = 1 << 20, /* bytes that wait to be sent in a call before its sender waits */
    CLIENT_RECV_QUEUE_MAX = 1 << 20  /* bytes of answers that wait for their reader before the peer is held */
};

/* A connection: the current one, or an older one that the peer wants to end and that still has calls. */
struct client_conn {
    struct client_conn *prev, *next;
    struct rpc_client *client;
    struct rpc_conn *conn;
    bool proven; /* the peer answered a call on it */
};

struct rpc_client_stream {
    atomic_int refs;
    struct loop *loop;
    char *path;
    char *lease; /* NULL for none */
    uint64_t deadline;

    /* The loop's thread. */
    struct rpc_client *client;             /* NULL when the client was freed first */
    struct rpc_client_stream *prev, *next; /* the client's calls, under its mu */
    struct client_conn *conn;
    struct h2_stream *h2s; /* NULL before it is open and after its end */
    bool unary, started, held;
    struct loop_post post;

    struct waiter waiter;
    pthread_mutex_t mu; /* guards the rest */
    bool posted;
    bool want_cancel, want_half_close, want_release; /* the worker to the loop */
    struct frame_queue out, in;
    size_t out_bytes; /* queued here and in h2 */
    bool done;        /* the call is over with `status` */
    struct err status;
};

struct rpc_client {
    struct loop *loop;
    char *socket_path;
    char **metadata;
    struct rpc_keepalive keepalive;
    struct frame_budget in, out;
    bool adopted;
    struct client_conn *current; /* NULL: not connected */
    struct client_conn *conns;
    struct rpc_client_stream *calls; /* guarded by mu */
    pthread_mutex_t mu;
    uint64_t next_attempt; /* no connecting before this */
    unsigned backoff_ms;
    char reason[ERR_MESSAGE_MAX]; /* why the last attempt or connection failed */
};

/* client.c */
/* The current connection, made if need be. -ERR_UNAVAILABLE naming the socket and the reason. */
int client_connect(struct rpc_client *c, struct client_conn **ret, struct err *e);
extern const struct rpc_channel_ops client_channel_ops;

/* client_stream.c, what the connection reports */
void client_stream_message(struct rpc_client_stream *s, struct frame *f);
void client_stream_close(struct rpc_client_stream *s, const struct err *status);
void client_stream_sent(struct rpc_client_stream *s, size_t n);
/* Ends the loop's part: the client is being freed. */
void client_stream_orphan(struct rpc_client_stream *s);

#endif
