/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server: gRPC over HTTP/2 (gRPC PROTOCOL-HTTP2.md) on a listening unix socket. One loop thread owns all connections; a call is handed
 * whole to the executor, where its handler runs as blocking code, and its answer is posted back.
 */
#ifndef CRI_RPC_SERVER_H
#define CRI_RPC_SERVER_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "loop/executor.h"
#include "loop/loop.h"

struct rpc_server;
struct rpc_stream;
struct rpc_method;

/* A call as its handler sees it. */
struct rpc_call {
    const struct rpc_method *method;
    struct arena arena; /* request, answer, everything found on the way; freed after the answer is sent */
    struct ctx ctx;     /* the client's deadline, and a cancel flag that fires when the client resets the call or vanishes */
    uint64_t id;        /* serial number for the log */
};

struct rpc_method {
    const char *path; /* "/runtime.v1.RuntimeService/Version" */
    const ProtobufCMessageDescriptor *request, *response;
    enum exec_class cls;
    /* The work must not stop when the client's deadline passes or the client goes: ctx is then unlimited (the handler sets a limit of its own) and is never
     * cancelled; the client still gets DEADLINE_EXCEEDED in time, and the handler learns from rpc_call_abandoned that its answer reaches nobody. */
    bool detached;
    /* Exactly one of the two. unary fills `response`, which is initialised and whose parts are taken from call->arena.
     * stream keeps `s` (returning 0) and sends on it later from any thread, until rpc_stream_end or until on_close was called. */
    int (*unary)(void *service, struct rpc_call *call, const ProtobufCMessage *request, ProtobufCMessage *response, struct err *e);
    int (*stream)(void *service, struct rpc_call *call, const ProtobufCMessage *request, struct rpc_stream *s, struct err *e);
};

/* True when the client has had its answer already (deadline) or is gone. From the handler's thread. */
bool rpc_call_abandoned(struct rpc_call *call);

/* Queues a message on a server-streaming call. -ERR_RESOURCE_EXHAUSTED when more than the stream's limit (4 MiB) waits to be sent: the
 * caller decides whether to drop or to end. -ERR_CANCELLED when the client is gone. From any thread. */
int rpc_stream_send(struct rpc_stream *s, const ProtobufCMessage *m, struct err *e);
/* Ends the call with a status (err may be NULL for OK). After it the handle is invalid. */
void rpc_stream_end(struct rpc_stream *s, const struct err *e);
/* fn(arg) is called once, on the loop's thread, when the client ends the call first; then the handle is invalid when fn returns. */
void rpc_stream_on_close(struct rpc_stream *s, void (*fn)(void *arg), void *arg);

struct rpc_server_config {
    const struct rpc_method *methods; /* kept by reference */
    size_t n_methods;
    void *service;
    struct executor *executor;
    /* Called after each call with its outcome, for the log (may be NULL). On any thread. */
    void (*on_done)(void *user, const struct rpc_call *call, int r, const struct err *e);
    void *user;
};

int rpc_server_new(struct loop *l, const struct rpc_server_config *config, struct rpc_server **ret, struct err *e);
/* Accepts connections from this listening socket, which becomes the server's. */
int rpc_server_listen(struct rpc_server *s, int listen_fd, struct err *e);
/* Takes over one connected socket (tests: a socketpair). */
int rpc_server_adopt(struct rpc_server *s, int fd, struct err *e);
/* Stops accepting (closes the listening socket), sends GOAWAY, lets calls in flight end, calls done(arg) when none is left or at the deadline. On the loop's thread. */
void rpc_server_drain(struct rpc_server *s, uint64_t deadline, void (*done)(void *arg), void *arg);
/* Closes everything. The executor must be drained. NULL is allowed. */
void rpc_server_free(struct rpc_server *s);

#endif
