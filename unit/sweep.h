/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation sweep: runs an operation again and again, failing its first, second, third ... allocation, once each and then for good from
 * there on, until it runs without meeting the failure. Every run must end in success or in the out-of-memory error, and leave no
 * allocation behind; at the end the operation must succeed. SWEEP_AT=<n> in the environment repeats a single failing point.
 */
#ifndef CRI_UNIT_SWEEP_H
#define CRI_UNIT_SWEEP_H

#include <stdlib.h>
#include <sys/types.h>

#include "support.h"

/* The operation returns 0 or a negative code and fills *e, frees everything it made. */
typedef int (*sweep_fn)(void *arg, struct err *e);

static inline void sweep_one(sweep_fn fn, void *arg, const char *name, uint64_t at, bool persistent, bool *ret_met)
{
    size_t live = mem_live();
    struct err e = ERR_INIT;
    mem_fail_at(at, persistent);
    int r = fn(arg, &e);
    uint64_t asked = mem_fail_off();
    *ret_met = asked > at;
    if (r < 0 && !*ret_met)
        fail_msg("%s: fails without injection: %s", name, e.message);
    if (r < 0 && r != -ERR_RESOURCE_EXHAUSTED)
        fail_msg("%s: allocation %llu%s failing gives %s (%s); repeat with SWEEP_AT=%llu", name, (unsigned long long)at,
                 persistent ? "+" : "", err_code_name((enum err_code)-r), e.message, (unsigned long long)at);
    if (mem_live() != live)
        fail_msg("%s: allocation %llu%s failing leaves %zd allocations; repeat with SWEEP_AT=%llu", name, (unsigned long long)at,
                 persistent ? "+" : "", (ssize_t)(mem_live() - live), (unsigned long long)at);
}

/* Returns the number of allocation points that were tried, so that a test can assert that there were any. */
static inline uint64_t sweep(const char *name, sweep_fn fn, void *arg)
{
    const char *only = getenv("SWEEP_AT");
    uint64_t points = 0;
    bool met = true;
    if (only) {
        uint64_t at = strtoull(only, NULL, 10);
        sweep_one(fn, arg, name, at, false, &met);
        sweep_one(fn, arg, name, at, true, &met);
    }
    for (int persistent = 0; persistent < 2; persistent++) {
        met = true;
        for (uint64_t at = 0; met; at++) {
            sweep_one(fn, arg, name, at, persistent, &met);
            if (met)
                points++;
            if (at > 200000)
                fail_msg("%s: no end after %llu allocations", name, (unsigned long long)at);
        }
    }
    struct err e = ERR_INIT;
    assert_ok(fn(arg, &e), &e);
    return points;
}

#endif
