/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage: the figures of a cgroup and of the network namespace of a process, read when asked for. A figure that the kernel does not have, or that cannot be
 * read, is STATS_NONE and never 0.
 */
#ifndef CRI_STATS_USAGE_H
#define CRI_STATS_USAGE_H

#include "parse/cgroupfile.h"
#include "parse/netdev.h"
#include "stats/host.h"

#define STATS_NONE UINT64_MAX

/* What a cgroup uses, all below it included. Times: ns since 1970. */
struct stats_usage {
    int64_t cpu_at, memory_at, io_at;
    uint64_t cpu_mono;  /* clock_mono of the cpu figure, for rates */
    uint64_t cpu_total; /* ns, cumulative */
    uint64_t memory;    /* bytes, as the rest of memory and swap */
    uint64_t working_set; /* memory less file cache that has not been used of late; not below 0 */
    uint64_t available;   /* limit less working set, not below 0; STATS_NONE without a limit */
    uint64_t rss, page_faults, major_page_faults;
    uint64_t swap, swap_available; /* swap limit less swap; STATS_NONE without a limit */
    uint64_t pids;                 /* processes and threads */
    struct cgroup_pressure cpu_pressure, memory_pressure, io_pressure; /* .there where the kernel tells it */
};

/* Reads a cgroup. Fails without memory or descriptors only (RESOURCE_EXHAUSTED); of a cgroup that is gone every figure is STATS_NONE. scratch is overwritten. */
int stats_usage_read(const struct stats_host *h, const struct stats_cgroup *g, struct buf *scratch, struct stats_usage *ret, struct err *e);

/* Most interfaces that are told of a pod: with CAP_NET_ADMIN it can make any number. */
enum { STATS_INTERFACES_MAX = 256, STATS_SCRATCH_MAX = 128 << 10 };

struct stats_network {
    int64_t at;
    struct netdev *v; /* without loopback, in the kernel's order; names borrow from scratch */
    size_t n;
    size_t default_index; /* of eth0, else 0 */
};
/* The interfaces of the namespace that the process is in, read through /proc/<pid>/net/dev: no thread has to enter the namespace. NOT_FOUND when the process is gone,
 * RESOURCE_EXHAUSTED without memory or descriptors. The array is in the arena; scratch (of STATS_SCRATCH_MAX) must stay as it is while names are used. */
int stats_network_read(const struct stats_process *p, struct arena *a, struct buf *scratch, struct stats_network *ret, struct err *e);

#endif
