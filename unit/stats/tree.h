/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of files that look like /sys/fs/cgroup and /proc, below the scratch directory.
 */
#ifndef CRI_UNIT_STATS_TREE_H
#define CRI_UNIT_STATS_TREE_H

#include "../base/scratch.h"
#include "base/clock.h"
#include "stats/usage.h"

/* Writes <scratch>/<path> and what it lies in. */
static inline _unused_ void tree_put(const char *path, const char *text)
{
    struct err e = ERR_INIT;
    char *full = at("%s", path), *dir = at("%s", path);
    *strrchr(dir, '/') = '\0';
    assert_ok(fs_mkdir_all(dir, 0755, &e), &e);
    put(full, text);
}

/* The hierarchies at <scratch>/cg and <scratch>/proc. */
static inline _unused_ void tree_open(struct stats_host *h)
{
    struct err e = ERR_INIT;
    assert_ok(fs_mkdir_all(at("cg"), 0755, &e), &e);
    assert_ok(fs_mkdir_all(at("proc"), 0755, &e), &e);
    assert_ok(stats_host_open(at("cg"), at("proc"), h, &e), &e);
}

#endif
