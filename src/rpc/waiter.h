/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiter: how a worker thread sleeps until the I/O thread has something for it, its deadline passes or its work is cancelled. An
 * eventfd, so that one poll(2) waits for the wake-up and for the cancel flag at once, without waking now and then to look.
 */
#ifndef CRI_RPC_WAITER_H
#define CRI_RPC_WAITER_H

#include "base/ctx.h"
#include "base/err.h"

struct waiter {
    int fd; /* -1 before waiter_init */
};
#define WAITER_INIT                                                                                                              \
    {                                                                                                                            \
        .fd = -1                                                                                                                 \
    }

/* Makes the eventfd. -ERR_RESOURCE_EXHAUSTED and the like when descriptors are short. waiter_done closes it. */
int waiter_init(struct waiter *w, struct err *e);
void waiter_done(struct waiter *w);
/* Wakes the one who waits now, or else the next one who does. From any thread. */
void waiter_wake(struct waiter *w);
/* Sleeps until woken (0), or raises DEADLINE_EXCEEDED or CANCELLED as ctx says, naming `what`. The caller looks at its condition
 * before and after, under its own lock; a wake-up without a reason is possible. */
int waiter_wait(struct waiter *w, const struct ctx *ctx, const char *what, struct err *e);

#endif
