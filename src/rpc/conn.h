/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conn: an HTTP/2 connection on a socket of the event loop. Reads a bounded piece a wake-up, writes what the session has to say
 * once a round of the loop, and tells its owner when it is over. On the loop's thread only.
 */
#ifndef CRI_RPC_CONN_H
#define CRI_RPC_CONN_H

#include <stdbool.h>

#include "base/err.h"
#include "loop/loop.h"
#include "rpc/h2.h"

struct rpc_conn;

/* Takes over the connected socket fd (closed also on failure). gone(user, why) is called once, from a round of the loop, when the
 * connection ended by itself, also because the peer gave no sign of life (keepalive; NULL: the defaults); the owner then frees
 * it, and may do so from within. */
int rpc_conn_new(struct loop *l, int fd, const struct h2_config *config, const struct rpc_keepalive *keepalive,
                 void (*gone)(void *user, const struct err *why), void *user, struct rpc_conn **ret, struct err *e);
/* Closes the socket and all streams. NULL is allowed. Not from a callback of h2_ops. */
void rpc_conn_free(struct rpc_conn *c);
/* Ends all streams with this status. Not from a callback of h2_ops. */
void rpc_conn_fail(struct rpc_conn *c, const struct err *status);
struct h2 *rpc_conn_h2(struct rpc_conn *c);
/* To be called after any h2 function that may have given the session something to send. */
void rpc_conn_kick(struct rpc_conn *c);
/* True when bytes wait for the socket and none went out since `before` (a clock_mono value). */
bool rpc_conn_stalled(const struct rpc_conn *c, uint64_t before);

#endif
