/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serve: the fake containerd behind a gRPC server of ours (seam C), for tests of bytes: fragments, flow control, broken
 * connections.
 */
#ifndef CRI_UNIT_FAKE_SERVE_H
#define CRI_UNIT_FAKE_SERVE_H

#include <pthread.h>

#include "fake.h"
#include "loop/executor.h"
#include "loop/loop.h"
#include "rpc/client.h"
#include "rpc/server.h"

/* The methods of the fake for rpc_server_config, whose service is the struct fake. Calls block workers: tasks' waits and
 * subscriptions hold one each. */
const struct rpc_method *fake_rpc_methods(size_t *ret_n);

/* A server with the fake and a client, on one loop in a thread of its own, connected by a socketpair. */
struct served {
    struct loop *loop;
    struct executor *executor;
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel channel; /* of the client: what the test calls, from any thread */
    pthread_t thread;
};
/* Starts it; the fake is set to threads (real clock). Fails the test when it cannot. */
void served_start(struct served *s, struct fake *f);
/* Closes the connection, waits for the handlers, frees all but the fake. */
void served_stop(struct served *s);

#endif
