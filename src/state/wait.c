/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait, see wait.h. Nobody signals the condition when a ctx is cancelled or (on virtual time) runs out, so
 * the wait is cut into slices.
 */
#include "state/wait.h"

#include <errno.h>
#include <time.h>

#include "base/macro.h"

#define SLICE (100 * NSEC_PER_MSEC)

bool wait_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bool good = pthread_cond_init(c, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return good;
}

/* The end of the next slice, in the kernel's own time. */
static struct timespec slice_end(const struct ctx *ctx)
{
    uint64_t now = clock_mono(), left = SLICE;
    if (ctx->deadline != CLOCK_NEVER)
        left = ctx->deadline > now ? MIN_OF(ctx->deadline - now, SLICE) : 0;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    left += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(left / NSEC_PER_SEC);
    t.tv_nsec = (long)(left % NSEC_PER_SEC);
    return t;
}

int wait_on(pthread_cond_t *c, pthread_mutex_t *lock, const struct ctx *ctx, const char *what, struct err *e)
{
    for (;;) {
        TRY(ctx_check(ctx, what, e));
        struct timespec until = slice_end(ctx);
        if (pthread_cond_timedwait(c, lock, &until) != ETIMEDOUT)
            return 0;
    }
}
