/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See rate.h.
 */
#include "stats/rate.h"

/* The newest reading that is old enough, or NULL. */
static const struct stats_reading *base_of(const struct stats_rate *r, uint64_t at)
{
    for (unsigned i = r->n; i > 0; i--) {
        const struct stats_reading *x = &r->v[i - 1];
        if (x->at <= at && at - x->at >= STATS_RATE_MIN)
            return at - x->at <= STATS_RATE_MAX ? x : 0;
    }
    return 0;
}

bool stats_rate_add(struct stats_rate *r, uint64_t value, uint64_t at, uint64_t *ret)
{
    const struct stats_reading now = {value, at};
    const struct stats_reading *last = r->n ? &r->v[r->n - 1] : 0;
    if (last && at >= last->at && value < last->value)
        r->n = 0;
    const struct stats_reading *base = base_of(r, at);
    bool known = base && value >= base->value;
    if (known) {
        double rate = (double)(value - base->value) / (double)(at - base->at) * (double)NSEC_PER_SEC;
        *ret = rate < (double)UINT64_MAX ? (uint64_t)rate : UINT64_MAX;
    }
    if (r->n == 0) {
        r->v[r->n++] = now;
    } else if (at >= r->v[r->n - 1].at + STATS_RATE_MIN) {
        r->v[0] = r->v[r->n - 1];
        r->v[1] = now;
        r->n = 2;
    }
    return known;
}
