/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server: gRPC over HTTP/2 (gRPC PROTOCOL-HTTP2.md) on a listening unix socket. One loop thread owns all connections; a call is
 * handed whole to the executor, where its handler runs as blocking code, and its answer is posted back.
 */
#ifndef CRI_RPC_SERVER_H
#define CRI_RPC_SERVER_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "loop/executor.h"
#include "loop/loop.h"
#include "rpc/keepalive.h"

struct rpc_server;
struct rpc_stream;
struct rpc_method;

/* A call as its handler sees it. */
struct rpc_call {
    const struct rpc_method *method;
    struct arena arena;     /* request, answer, everything found on the way; freed after the answer is sent */
    struct ctx ctx;         /* the client's deadline, and a cancel flag that fires when the client resets the call or vanishes */
    struct kvlist metadata; /* the client's own header fields ("containerd-namespace"), in the arena */
    uint64_t id;            /* serial number for the log */
    uint64_t began;         /* clock_mono when its head arrived */
};

/* No handler starts once the client's deadline has passed. */
struct rpc_method {
    const char *path; /* "/runtime.v1.RuntimeService/Version" */
    const ProtobufCMessageDescriptor *request, *response;
    enum exec_class cls;
    /* The work must not stop when the client's deadline passes or the client goes: ctx is then unlimited (the handler sets a
     * limit of its own) and is never cancelled; the client still gets DEADLINE_EXCEEDED in time, and the handler learns from
     * rpc_call_abandoned that its answer reaches nobody. */
    bool detached;
    /* Exactly one of the three. unary fills `response`, which is initialised and whose parts are taken from call->arena.
     * stream answers one request with any number of messages: it keeps `s` (returning 0) and sends on it, at once or later, from
     * any thread, until rpc_stream_end, which must be called exactly once. When it returns an error, the call ends with that and
     * `s` is dead. duplex takes a stream of requests (and answers with one message or many) as blocking code on a worker; its
     * return value ends the call, and it does not call rpc_stream_end. On an inline executor it runs when the client has sent
     * everything. */
    int (*unary)(void *service, struct rpc_call *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                 struct err *e);
    int (*stream)(void *service, struct rpc_call *call, const ProtobufCMessage *request, struct rpc_stream *s, struct err *e);
    int (*duplex)(void *service, struct rpc_call *call, struct rpc_stream *s, struct err *e);
};

/* True when the client has had its answer already (deadline) or is gone. From the handler's thread. */
bool rpc_call_abandoned(struct rpc_call *call);

enum { RPC_STREAM_QUEUE_MAX = 4 << 20 }; /* bytes */

/* Queues a message on a streaming call. -ERR_RESOURCE_EXHAUSTED when more than RPC_STREAM_QUEUE_MAX bytes wait to be sent: the
 * caller decides whether to drop or to end. -ERR_CANCELLED when the client is gone. From any thread. */
int rpc_stream_send(struct rpc_stream *s, const ProtobufCMessage *m, struct err *e);
/* The same, but waits while the queue is full, as long as ctx allows. Not on the loop's thread. */
int rpc_stream_send_wait(struct rpc_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, struct err *e);
/* The next request of a duplex call, unpacked into the arena. 1: *ret is it; 0: the client has sent all; negative: the deadline
 * passed, or the client is gone (CANCELLED), or the message is not sound. Not on the loop's thread, unless the executor is
 * inline. */
int rpc_stream_recv(struct rpc_stream *s, const struct ctx *ctx, struct arena *a, ProtobufCMessage **ret, struct err *e);
/* The call that the stream belongs to; valid as long as the stream. */
struct rpc_call *rpc_stream_call(struct rpc_stream *s);
/* Ends the call with a status (NULL: OK) after what is queued, and gives the handle back: it is dead after this. To be called
 * exactly once for a stream that a `stream` handler kept, also when the client ended the call first. From any thread, also from
 * within on_close's fn. */
void rpc_stream_end(struct rpc_stream *s, const struct err *e);
/* fn(arg) is called once, on the loop's thread, when the call is over before rpc_stream_end: the client left, its deadline
 * passed, or the server drains. Sends fail from then on; the handle stays valid until rpc_stream_end. fn runs under no lock; it
 * is not called any more once rpc_stream_end returned, but may be running on the loop's thread at that moment when another thread
 * ends the stream. */
void rpc_stream_on_close(struct rpc_stream *s, void (*fn)(void *arg), void *arg);

/* "RunPodSandbox" of "/runtime.v1.RuntimeService/RunPodSandbox"; lives as long as the method. */
const char *rpc_method_name(const struct rpc_method *m);

struct rpc_server_config {
    const struct rpc_method *methods; /* kept by reference */
    size_t n_methods;
    void *service;
    struct executor *executor;
    /* Called after each call of a known method with its outcome, for the log (may be NULL). On any thread, within
     * the call's log scope (base/log.h), in which its handler ran too. */
    void (*on_done)(void *user, const struct rpc_call *call, int r, const struct err *e);
    void *user;
    struct rpc_keepalive keepalive; /* zero: the defaults */
};

int rpc_server_new(struct loop *l, const struct rpc_server_config *config, struct rpc_server **ret, struct err *e);
/* Accepts connections from this listening socket, which becomes the server's. */
int rpc_server_listen(struct rpc_server *s, int listen_fd, struct err *e);
/* Takes over one connected socket (tests: a socketpair). */
int rpc_server_adopt(struct rpc_server *s, int fd, struct err *e);
/* Stops accepting (closes the listening socket; the caller has unlinked its path before, or clients would reconnect and hang),
 * ends the server-streaming calls with UNAVAILABLE, sends GOAWAY, lets calls in flight end, calls done(arg) when none is left or
 * at the deadline. On the loop's thread. */
void rpc_server_drain(struct rpc_server *s, uint64_t deadline, void (*done)(void *arg), void *arg);

/* What there is at this moment. */
struct rpc_server_counts {
    size_t connections, streams, calls; /* streams that clients still have open; calls: also those that are worked on without a client */
};
struct rpc_server_counts rpc_server_count(const struct rpc_server *s);
enum rpc_call_state { RPC_CALL_ARRIVES, RPC_CALL_RUNS, RPC_CALL_ENDS }; /* the request is on its way, the handler has it, the answer is on its way */
/* fn for each call there is, the newest first. On the loop's thread, or when the loop does not run; fn must not call the server. */
void rpc_server_each_call(const struct rpc_server *s, void (*fn)(void *arg, const struct rpc_call *call, enum rpc_call_state state), void *arg);

/* Closes everything. The executor must be drained, and streams that handlers kept have been or will be ended (rpc_stream_end)
 * while the loop lives. On the loop's thread or when the loop does not run. NULL is allowed. */
void rpc_server_free(struct rpc_server *s);

#endif
