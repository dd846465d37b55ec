/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping worker threads, see waiter.h.
 */
#include "rpc/waiter.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/fs.h"

enum { BLIND_MS = 100 }; /* how often a cancel flag without a descriptor is looked at */

int waiter_init(struct waiter *w, struct err *e)
{
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd < 0 ? err_errno(e, errno, "create a wake-up descriptor") : 0;
}

void waiter_done(struct waiter *w)
{
    fd_close(&w->fd);
}

void waiter_wake(struct waiter *w)
{
    if (w->fd >= 0)
        eventfd_write(w->fd, 1);
}

int waiter_wait(struct waiter *w, const struct ctx *ctx, const char *what, struct err *e)
{
    TRY(ctx_check(ctx, what, e));
    int cancel_fd = ctx->cancel ? ctx->cancel->wake_fd : -1; /* poll skips negative descriptors */
    struct pollfd p[2] = {{.fd = w->fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    int ms = clock_poll_ms(ctx->deadline);
    if (ctx->cancel && cancel_fd < 0 && (ms < 0 || ms > BLIND_MS))
        ms = BLIND_MS;
    if (poll(p, 2, ms) < 0 && errno != EINTR)
        return err_errno(e, errno, "%s: poll", what);
    eventfd_t n;
    if (p[0].revents & POLLIN)
        eventfd_read(w->fd, &n);
    return ctx_check(ctx, what, e);
}
