/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stats_convert: figures as messages. Each function leaves *ret NULL when the host does not have the figure, and returns false when the arena is exhausted.
 */
#ifndef CRI_CRI_STATS_CONVERT_H
#define CRI_CRI_STATS_CONVERT_H

#include "cri/runtime_v1.pb-c.h"
#include "state/store.h"
#include "stats/usage.h"

/* Also takes the reading into the object's rate. */
bool stats_convert_cpu(struct arena *a, struct object *o, const struct stats_usage *u, Runtime__V1__CpuUsage **ret);
bool stats_convert_memory(struct arena *a, const struct stats_usage *u, Runtime__V1__MemoryUsage **ret);
bool stats_convert_swap(struct arena *a, const struct stats_usage *u, Runtime__V1__SwapUsage **ret);
bool stats_convert_io(struct arena *a, const struct stats_usage *u, Runtime__V1__IoUsage **ret);
bool stats_convert_network(struct arena *a, const struct stats_network *net, Runtime__V1__NetworkUsage **ret);
bool stats_convert_processes(struct arena *a, uint64_t count, int64_t at, Runtime__V1__ProcessUsage **ret);

#endif
