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

size_t undo_run(struct undo *u, uint64_t step_limit, bool (*again)(void *user, const char *what, const struct err *e, unsigned failures), void *user)
{
    static const struct ctx background = CTX_BACKGROUND;
    size_t failed = 0;
    while (u->n > 0) {
        const struct undo_step *s = &u->step[--u->n];
        struct ctx limit = ctx_with_timeout(&background, step_limit);
        struct err e = ERR_INIT;
        unsigned failures = 0;
        int r;
        while ((r = s->fn(&limit, s->arg, &e)) < 0 && again && again(user, s->what, &e, ++failures))
            err_clear(&e);
        failed += r < 0;
    }
    return failed;
}
