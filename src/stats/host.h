/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: where usage figures are read from: the mounted cgroup hierarchies and /proc, as directory descriptors, so that tests put trees of files in their place;
 * and where in them a container's process is.
 *
 * cgroup v1 has a hierarchy a controller, v2 one for all; a hybrid host has v1 controllers and a v2 hierarchy without, which is where runc puts
 * containers too and where their pressure is told. (cgroups(7); kernel: Documentation/admin-guide/cgroup-v1, cgroup-v2.rst)
 */
#ifndef CRI_STATS_HOST_H
#define CRI_STATS_HOST_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum stats_hierarchy { STATS_CPUACCT, STATS_MEMORY, STATS_PIDS, STATS_UNIFIED, STATS_HIERARCHIES };

struct stats_host {
    int proc;
    int hierarchy[STATS_HIERARCHIES]; /* -1: not mounted */
};
#define STATS_HOST_INIT        \
    {                          \
        -1, { -1, -1, -1, -1 } \
    }

/* Opens what is mounted below cgroup_root ("/sys/fs/cgroup") and proc ("/proc"): a root with cgroup.controllers in it is cgroup v2, otherwise each
 * v1 controller has a directory (or link) of its name and the hybrid v2 hierarchy is "unified". Fails when one of the two cannot be opened. */
int stats_host_open(const char *cgroup_root, const char *proc, struct stats_host *ret, struct err *e);
/* What was not opened (STATS_HOST_INIT) is passed over. */
void stats_host_close(struct stats_host *h);

/* A cgroup: its path in each hierarchy, NULL where it is in none. Paths live in the arena that they were made in. */
struct stats_cgroup {
    const char *path[STATS_HIERARCHIES];
};

/* A process of a container. The descriptor is of this process, whoever gets its pid later. */
struct stats_process {
    int fd;                     /* /proc/<pid> */
    struct stats_cgroup own;    /* the container's */
    struct stats_cgroup parent; /* what it is in: the pod's, where pods have one */
};

/* Finds a container's process. The container's cgroups are those of its process up to the element that has id in its name, which also tells that the pid has not
 * gone to somebody else. NOT_FOUND when the process is gone or another's, RESOURCE_EXHAUSTED without memory or descriptors. scratch is overwritten. */
int stats_process_open(const struct stats_host *h, uint32_t pid, const char *id, struct arena *a, struct buf *scratch, struct stats_process *ret,
                       struct err *e);
void stats_process_close(struct stats_process *p);
#define _cleanup_stats_process_ _cleanup_(stats_process_close)

/* Reads a file of the directory dir into scratch, which is emptied before. 1: it is there; 0: it is missing, unreadable or larger than scratch may hold (scratch then
 * has the first part); RESOURCE_EXHAUSTED without memory or descriptors. Nothing outside of dir is opened, whatever name says. */
int stats_read(int dir, const char *name, struct buf *scratch, struct err *e);

#endif
