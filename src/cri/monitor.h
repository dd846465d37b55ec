/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor: what a runtime tells over HTTP: /metrics for Prometheus; /healthz, 200 as long as the event loop answers; /readyz, 200 when calls are served
 * and containerd's events are followed (a containerd that went silent is noticed by the keepalive of that stream), else 503 with the cause.
 */
#ifndef CRI_CRI_MONITOR_H
#define CRI_CRI_MONITOR_H

#include "cri/service.h"

struct cri_monitor;

/* Listens on "ADDRESS:PORT", an IP address (IPv6 in brackets) and a port from 1. handlers: the pool that calls run on. INVALID_ARGUMENT; errors of the
 * socket name the address. When the loop does not run, or on its thread. */
int cri_monitor_new(struct loop *l, const char *address, struct cri_service *s, const struct rpc_server *server, struct executor *handlers,
                    struct cri_monitor **ret, struct err *e);
/* Likewise. NULL is allowed. */
void cri_monitor_free(struct cri_monitor *m);

/* True when cri_monitor_new would understand the address. */
bool cri_monitor_address_ok(const char *address);

#endif
