/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo, see undo.h.
 */
#include "base/undo.h"

#include <assert.h>

void undo_push(struct undo *u, const char *what, int (*fn)(const struct ctx *, void *, struct err *), void *arg)
{
    assert(u->n < UNDO_MAX);
    u->step[u->n++] = (struct undo_step){what, fn, arg};
}

void undo_commit(struct undo *u)
{
    u->n = 0;
}

size_t undo_run(struct undo *u, const struct ctx *ctx, void (*report)(void *user, const char *what, const struct err *e), void *user)
{
    size_t failed = 0;
    while (u->n > 0) {
        const struct undo_step *s = &u->step[--u->n];
        struct err e = ERR_INIT;
        if (s->fn(ctx, s->arg, &e) >= 0)
            continue;
        failed++;
        if (report)
            report(user, s->what, &e);
    }
    return failed;
}
