/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctx: what limits a piece of work: a deadline on the monotonic clock and a flag that cancels it. Every function that can wait
 * takes one and gives up with DEADLINE_EXCEEDED or CANCELLED. A ctx is passed down by const pointer and never outlives the call.
 */
#ifndef CRI_BASE_CTX_H
#define CRI_BASE_CTX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

/* Set once, by any thread; the one who waits looks at it, or is woken through wake_fd (an eventfd; -1 when there is none). */
struct cancel {
    atomic_bool set;
    int wake_fd;
};
#define CANCEL_INIT      \
    {                    \
        .wake_fd = -1    \
    }
/* Creates the eventfd. 0 or an error. cancel_done closes it. */
int cancel_init(struct cancel *c, struct err *e);
void cancel_done(struct cancel *c);
void cancel_fire(struct cancel *c);

struct ctx {
    uint64_t deadline;     /* clock_mono value, CLOCK_NEVER for none */
    struct cancel *cancel; /* NULL for none */
    const char *lease;     /* containerd lease that calls made with this ctx use, NULL for none */
    const char *trace;     /* id of the CRI call, for messages; NULL for none */
};
#define CTX_BACKGROUND                  \
    {                                   \
        .deadline = CLOCK_NEVER         \
    }

/* A copy of parent whose deadline is at most ns from now. */
struct ctx ctx_with_timeout(const struct ctx *parent, uint64_t ns);
/* 0 while the work may go on, else raises DEADLINE_EXCEEDED or CANCELLED naming what was being waited for. */
int ctx_check(const struct ctx *c, const char *what, struct err *e);

#endif
