/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: what is counted while calls are served, and its text for Prometheus (exposition format 0.0.4). Timers that the built-in CRI plugin has too
 * have its names, and as there successes are timed.
 */
#ifndef CRI_CRI_METRICS_H
#define CRI_CRI_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/methods.h"
#include "rpc/server.h"

/* containerd_cri_<name>_seconds. */
enum cri_timer {
    CRI_TIMER_SANDBOX_LIST,
    CRI_TIMER_SANDBOX_CREATE_NETWORK,
    CRI_TIMER_SANDBOX_DELETE_NETWORK,
    CRI_TIMER_SANDBOX_RUNTIME_CREATE,
    CRI_TIMER_SANDBOX_RUNTIME_STOP,
    CRI_TIMER_SANDBOX_REMOVE,
    CRI_TIMER_CONTAINER_LIST,
    CRI_TIMER_CONTAINER_CREATE,
    CRI_TIMER_CONTAINER_START,
    CRI_TIMER_CONTAINER_STOP,
    CRI_TIMER_CONTAINER_REMOVE,
    CRI_TIMERS
};

enum { CRI_BUCKETS = 11 }; /* 5 ms to 10 s, the usual ones of Prometheus' clients */

struct cri_histogram {
    atomic_ullong buckets[CRI_BUCKETS + 1]; /* each value in one; the last is for what is longer than all bounds */
    atomic_ullong sum;                      /* ns */
};

/* Part of the service; zeroed memory is its beginning. From any thread. */
struct cri_metrics {
    atomic_ullong calls[CRI_METHOD_COUNT][ERR_CODE_MAX + 1];
    struct cri_histogram latency[CRI_METHOD_COUNT];
    struct cri_histogram timers[CRI_TIMERS];
};

/* A call has ended with r: 0 or a negative code. */
void cri_metrics_call(struct cri_metrics *m, const struct rpc_call *call, int r);
/* Something that began then (clock_mono) has succeeded. */
void cri_metrics_time(struct cri_metrics *m, enum cri_timer timer, uint64_t began);

struct cri_service;
/* Appends all metrics. On the loop's thread; handlers: the pool that calls run on. RESOURCE_EXHAUSTED. */
int cri_metrics_write(struct cri_service *s, const struct rpc_server *server, struct executor *handlers, struct buf *out, struct err *e);

#endif
