/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: what is read once, at start, about the machine that containers run on.
 */
#ifndef CRI_CRI_HOST_H
#define CRI_CRI_HOST_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

/* Fills in *ret; strings and device list live in the arena. */
int host_read(struct arena *a, struct oci_host *ret, struct err *e);

/* The lowest oom_score_adj that this process, and so the containers it asks for, may have: without CAP_SYS_RESOURCE the kernel lets no process go below
 * what it was given, so that is this process's own; also when restricted, which an administrator sets. OOM_SCORE_ADJ_MIN (-1000) when any value is
 * allowed. (proc(5)) */
int host_oom_score_adj_min(const struct oci_host *host, bool restricted, int *ret, struct err *e);

#endif
