/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: condition variables that a ctx can end, for the stores of this folder.
 */
#ifndef CRI_STATE_WAIT_H
#define CRI_STATE_WAIT_H

#include <pthread.h>
#include <stdbool.h>

#include "base/ctx.h"
#include "base/err.h"

/* Makes a condition variable on CLOCK_MONOTONIC. False without memory. */
bool wait_init(pthread_cond_t *c);
/* With lock held: waits until c is signalled or ctx ends. 0 after a signal or a spurious wake-up, else
 * DEADLINE_EXCEEDED or CANCELLED naming `what`; a ctx that has ended is seen before the first wait, one that
 * ends meanwhile within 100 ms. */
int wait_on(pthread_cond_t *c, pthread_mutex_t *lock, const struct ctx *ctx, const char *what, struct err *e);

#endif
