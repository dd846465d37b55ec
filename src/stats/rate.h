/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate: what a cumulative counter grew by in a second, from the readings that callers make: nobody has to read it in between. Clients that ask one right after the other
 * get a rate over at least STATS_RATE_MIN each.
 */
#ifndef CRI_STATS_RATE_H
#define CRI_STATS_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define STATS_RATE_MIN NSEC_PER_SEC         /* the shortest time that a rate is taken over */
#define STATS_RATE_MAX (120 * NSEC_PER_SEC) /* the longest: what was before is of no interest any more */

/* The last two readings that were STATS_RATE_MIN apart, {0} before the first. */
struct stats_rate {
    struct stats_reading {
        uint64_t value, at;
    } v[2];
    unsigned n;
};

/* Takes in a reading made at `at` (clock_mono). True, and growth a second in *ret, when there is an earlier one that is between STATS_RATE_MIN and STATS_RATE_MAX old. A counter that is
 * lower than before began anew, and so does this. Readings may come out of order, as threads make them. */
bool stats_rate_add(struct stats_rate *r, uint64_t value, uint64_t at, uint64_t *ret);

#endif
