/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctx, see ctx.h.
 */
#include "base/ctx.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/fs.h"

int cancel_init(struct cancel *c, struct err *e)
{
    atomic_init(&c->set, false);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return c->wake_fd < 0 ? err_errno(e, errno, "create a cancel descriptor") : 0;
}

void cancel_done(struct cancel *c)
{
    fd_close(&c->wake_fd);
}

void cancel_fire(struct cancel *c)
{
    atomic_store(&c->set, true);
    if (c->wake_fd >= 0)
        eventfd_write(c->wake_fd, 1); /* fails only when the counter is full, and then it is readable already */
}

struct ctx ctx_with_timeout(const struct ctx *parent, uint64_t ns)
{
    struct ctx c = *parent;
    uint64_t deadline = clock_deadline(ns);
    if (deadline < c.deadline)
        c.deadline = deadline;
    return c;
}

int ctx_check(const struct ctx *c, const char *what, struct err *e)
{
    if (c->cancel && atomic_load(&c->cancel->set))
        return err_raise(e, ERR_CANCELLED, "%s: cancelled", what);
    if (c->deadline != CLOCK_NEVER && clock_mono() >= c->deadline)
        return err_raise(e, ERR_DEADLINE_EXCEEDED, "%s: deadline exceeded", what);
    return 0;
}
