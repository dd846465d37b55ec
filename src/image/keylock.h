/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keylock: one lock for each key that is in use, so that two threads do not do the same piece of work at once.
 */
#ifndef CRI_IMAGE_KEYLOCK_H
#define CRI_IMAGE_KEYLOCK_H

#include <pthread.h>

#include "base/ctx.h"
#include "base/err.h"

/* A key that is held; the caller's, on its stack. */
struct keylock_held {
    const char *key;
    struct keylock_held *next;
};

struct keylock {
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct keylock_held *held;
};

/* RESOURCE_EXHAUSTED. */
int keylock_init(struct keylock *k, struct err *e);
/* No key may be held. */
void keylock_done(struct keylock *k);

/* Waits until nobody holds the key and takes it. The key must live, and h stay where it is, until keylock_give. CANCELLED, DEADLINE_EXCEEDED: ctx
 * ended first; `what` names what was waited for. */
int keylock_take(struct keylock *k, const struct ctx *ctx, const char *key, const char *what, struct keylock_held *h, struct err *e);
void keylock_give(struct keylock *k, struct keylock_held *h);

#endif
