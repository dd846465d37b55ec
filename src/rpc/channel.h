/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel: calls of a gRPC service as messages, without saying how they travel. The typed containerd client stands on this; below
 * it is either the HTTP/2 client (rpc/client.h) or, in tests, the in-memory fake containerd. All functions block the calling
 * thread, which is a worker of the executor and never the I/O thread.
 */
#ifndef CRI_RPC_CHANNEL_H
#define CRI_RPC_CHANNEL_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"

struct rpc_client_stream;

struct rpc_channel_ops {
    /* One request, one answer. *ret is unpacked into the arena. ctx->deadline becomes grpc-timeout; ctx->lease the metadata
     * "containerd-lease". Errors: the peer's status code and message; UNAVAILABLE when it cannot be reached or the connection
     * broke. */
    int (*unary)(void *user, const struct ctx *ctx, const char *path, const ProtobufCMessage *request,
                 const ProtobufCMessageDescriptor *response, struct arena *a, ProtobufCMessage **ret, struct err *e);
    /* Opens a call with any kind of streaming. The stream is closed with close, whatever happened. */
    int (*open)(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e);
    /* Sends a message (NULL: none); `last` closes our side. Waits while the peer's window is full. */
    int (*send)(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last,
                struct err *e);
    /* 1: *ret is the next message; 0: the peer ended the call with OK; negative: it failed. */
    int (*recv)(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessageDescriptor *message,
                struct arena *a, ProtobufCMessage **ret, struct err *e);
    /* Ends the call (cancelling it when it is still open) and frees the stream. */
    void (*close)(void *user, struct rpc_client_stream *s);
};

struct rpc_channel {
    const struct rpc_channel_ops *ops;
    void *user;
};

#endif
