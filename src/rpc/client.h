/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client: one pipelined gRPC connection over HTTP/2 to a unix socket, owned by the loop's thread, used from any other thread
 * through an rpc_channel. It connects when first used, reconnects with back-off after the connection broke or the peer stopped
 * answering (rpc/keepalive.h), and fails calls meanwhile.
 */
#ifndef CRI_RPC_CLIENT_H
#define CRI_RPC_CLIENT_H

#include "base/err.h"
#include "loop/loop.h"
#include "rpc/channel.h"
#include "rpc/keepalive.h"

struct rpc_client;

struct rpc_client_config {
    const char *socket_path;     /* copied */
    const char *const *metadata; /* NULL-terminated name, value, name, value, ... sent with every call (containerd-namespace); at
                                    most 8 pairs; copied; may be NULL */
    struct rpc_keepalive keepalive; /* zero: the defaults */
};

/* Makes a client; nothing is connected yet. */
int rpc_client_new(struct loop *l, const struct rpc_client_config *config, struct rpc_client **ret, struct err *e);
/* Takes over one connected socket in place of connecting (tests: a socketpair); never reconnects. fd is closed also on failure.
 * On the loop's thread or before it runs. */
int rpc_client_adopt(struct rpc_client *c, int fd, struct err *e);
/* The channel; valid as long as the client. From any thread but the loop's, which does the work that the others wait for: there
 * every call fails at once with INTERNAL (inside loop_run; elsewhere it would wait for ever). */
struct rpc_channel rpc_client_channel(struct rpc_client *c);
/* Fails what is in flight with UNAVAILABLE and closes. All calls must have returned, and all streams been closed. On the loop's
 * thread or when the loop does not run. NULL is allowed. */
void rpc_client_free(struct rpc_client *c);

#endif
