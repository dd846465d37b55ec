/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract: what containerd answers, as one list of calls and expected results a service. It runs on the fake
 * (unit/containerd/test_contract.c) and on a real containerd (contract_real.c); where the two differ, the fake is wrong.
 */
#ifndef CRI_UNIT_FAKE_CONTRACT_H
#define CRI_UNIT_FAKE_CONTRACT_H

#include <stdio.h>

#include "base/arena.h"
#include "containerd/containerd.h"

struct contract {
    struct ctrd c;
    const struct ctx *ctx;
    const char *namespace_; /* of the channel */
    const char *snapshotter;
    const char *rootfs; /* a directory with a static busybox as /bin/busybox; NULL: tasks are not run */
    FILE *out;          /* one line a difference, and each call when verbose */
    bool verbose;
    /* Filled: */
    struct arena a;
    struct err e;
    unsigned calls, differences;
};

/* Runs all services, or the one named. Leaves nothing behind when there was no difference. Returns the number of differences. */
unsigned contract_run(struct contract *k, const char *service);

#endif
