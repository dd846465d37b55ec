/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test service of echo.proto on rpc/server: used by the unit tests and by the server that other gRPC implementations are
 * tried against.
 */
#ifndef CRI_UNIT_RPC_ECHO_SERVICE_H
#define CRI_UNIT_RPC_ECHO_SERVICE_H

#include <stdatomic.h>

#include "echo.pb-c.h"
#include "rpc/server.h"

/* The generated names carry the package. */
typedef Cri__Test__Echo Echo;
typedef Cri__Test__Inner Inner;
#define ECHO_INIT  CRI__TEST__ECHO__INIT
#define echo_type  cri__test__echo__descriptor
#define inner_type cri__test__inner__descriptor

#define ECHO_UNARY         "/cri.test.EchoService/Unary"
#define ECHO_DETACHED      "/cri.test.EchoService/Detached"
#define ECHO_SERVER_STREAM "/cri.test.EchoService/ServerStream"
#define ECHO_WATCH         "/cri.test.EchoService/Watch"
#define ECHO_CLIENT_STREAM "/cri.test.EchoService/ClientStream"
#define ECHO_DUPLEX        "/cri.test.EchoService/Duplex"

/* What the handlers saw; the tests look at it. */
struct echo_service {
    atomic_int started, finished, cancelled, abandoned, watch_closed, done, done_failed, done_late;
};

extern const struct rpc_method echo_methods[];
extern const size_t n_echo_methods;

/* on_done of rpc_server_config; user is the struct echo_service. */
void echo_on_done(void *user, const struct rpc_call *call, int r, const struct err *e);

#endif
