/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keylock: see the header. Few keys are held at a time, so they are a list.
 */
#include "image/keylock.h"

#include <string.h>
#include <time.h>

enum { SLICE_MS = 100 }; /* a cancel has no condition to wait on, so it is looked at this often */

int keylock_init(struct keylock *k, struct err *e)
{
    pthread_condattr_t attr;
    *k = (struct keylock){.held = NULL};
    if (pthread_condattr_init(&attr) != 0)
        return err_oom(e);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int r = pthread_mutex_init(&k->lock, NULL);
    if (r == 0) {
        r = pthread_cond_init(&k->given, &attr);
        if (r != 0)
            pthread_mutex_destroy(&k->lock);
    }
    pthread_condattr_destroy(&attr);
    return r == 0 ? 0 : err_oom(e);
}

void keylock_done(struct keylock *k)
{
    pthread_cond_destroy(&k->given);
    pthread_mutex_destroy(&k->lock);
}

static bool is_held(const struct keylock *k, const char *key)
{
    const struct keylock_held *h = k->held;
    while (h && strcmp(h->key, key) != 0)
        h = h->next;
    return h != NULL;
}

int keylock_take(struct keylock *k, const struct ctx *ctx, const char *key, const char *what, struct keylock_held *h, struct err *e)
{
    int r = 0;
    pthread_mutex_lock(&k->lock);
    while (is_held(k, key) && (r = ctx_check(ctx, what, e)) == 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SLICE_MS * NSEC_PER_MSEC;
        until.tv_sec += until.tv_nsec / (long)NSEC_PER_SEC;
        until.tv_nsec %= (long)NSEC_PER_SEC;
        pthread_cond_timedwait(&k->given, &k->lock, &until);
    }
    if (r == 0) {
        *h = (struct keylock_held){.key = key, .next = k->held};
        k->held = h;
    }
    pthread_mutex_unlock(&k->lock);
    return r;
}

void keylock_give(struct keylock *k, struct keylock_held *h)
{
    pthread_mutex_lock(&k->lock);
    struct keylock_held **at = &k->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    pthread_cond_broadcast(&k->given);
    pthread_mutex_unlock(&k->lock);
}
