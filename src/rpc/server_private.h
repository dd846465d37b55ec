/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What server.c (connections, requests, draining) and server_call.c (one call, its handler and its stream) share.
 *
 * A call belongs to the loop's thread, which alone creates and frees it. A handler on a worker, and the keeper of a stream, reach
 * it only through the part under `mu`, and through `post`, with which they also give their hold on it back.
 */
#ifndef CRI_RPC_SERVER_PRIVATE_H
#define CRI_RPC_SERVER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/conn.h"
#include "rpc/server.h"
#include "rpc/waiter.h"

enum {
    SERVER_CONNECTIONS_MAX = 1024,
    SERVER_REQUEST_SECONDS = 60, /* for a unary request to arrive in full */
    SERVER_STALL_SECONDS = 60,   /* without taking a byte that waits for it, a client is dropped */
    SERVER_TICK_SECONDS = 5,
    SERVER_NOTICE_MS = 100, /* for calls that are on their way when the end is announced: many round trips on one machine (RFC 9113 section 6.8) */
    SERVER_IN_BUDGET_MIB = 256, /* requests in flight, all connections together */
    SERVER_OUT_BUDGET_MIB = 256,
    STREAM_IN_QUEUE_MAX = 1 << 20 /* bytes of requests that wait for a duplex handler before the client is held */
};

struct server_conn {
    struct server_conn *prev, *next;
    struct rpc_server *server;
    struct rpc_conn *conn;
    bool final_goaway;
};

/* A call, and the stream that its handler may keep. */
struct rpc_stream {
    struct rpc_call call;
    struct rpc_stream *prev, *next;
    struct rpc_server *server; /* NULL when the server was freed first */
    struct loop *loop;
    const struct rpc_method *method;

    /* The loop's thread. */
    struct server_conn *conn; /* NULL when the stream is over */
    struct h2_stream *h2s;    /* likewise */
    bool job;                 /* a handler runs, or a keeper has the stream */
    bool answered;            /* the end was handed to h2 */
    bool held;                /* the client is held back */
    uint64_t deadline;        /* of the client; set before the handler runs and never again */
    struct loop_timer *timer;
    struct frame *request;

    struct cancel cancel;
    struct waiter waiter;  /* streaming calls only */
    atomic_bool abandoned; /* the answer reaches nobody */
    struct loop_post post;

    pthread_mutex_t mu; /* guards the rest */
    bool posted, closed, ended, job_done, want_release;
    struct err status; /* of the end */
    struct frame_queue out, in;
    size_t out_bytes; /* queued here and in h2 */
    bool in_end;
    void (*on_close)(void *arg);
    void *on_close_arg;
};

struct rpc_server {
    struct loop *loop;
    struct rpc_server_config config;
    const struct rpc_method **by_path; /* sorted */
    struct frame_budget in, out;
    int listen_fd;
    struct loop_io *listen_io;
    bool listen_paused;
    struct server_conn *conns;
    size_t n_conns;
    struct rpc_stream *calls;
    uint64_t next_id;
    struct loop_timer *tick;

    bool draining, drained;
    uint64_t drain_deadline;
    struct loop_timer *drain_timer;
    struct loop_post drain_post;
    void (*drain_done)(void *arg);
    void *drain_arg;
};

/* server.c */
void server_check_drained(struct rpc_server *s);

/* server_call.c */
int server_call_new(struct server_conn *c, const struct rpc_method *m, struct h2_stream *h2s, const struct h2_request *r,
                    struct err *e);
void server_call_message(struct rpc_stream *s, struct frame *f);
void server_call_end(struct rpc_stream *s);
void server_call_close(struct rpc_stream *s);
void server_call_sent(struct rpc_stream *s, size_t n);
/* Answers with this status now, whatever the handler is at. */
void server_call_answer(struct rpc_stream *s, enum err_code code, const char *text);
/* Runs what a worker posted, at once. When the loop does not run. */
void server_call_settle(struct rpc_stream *s);

#endif
