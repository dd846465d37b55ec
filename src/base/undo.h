/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo: rollback as data. A handler pushes a step for each thing that it brought into the world; when it fails, the steps run in
 * reverse, each one even if another failed; when it succeeds, they are dropped.
 */
#ifndef CRI_BASE_UNDO_H
#define CRI_BASE_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ctx.h"
#include "base/err.h"

enum { UNDO_MAX = 24 };

struct undo_step {
    const char *what; /* static string, for the log */
    int (*fn)(const struct ctx *ctx, void *arg, struct err *e);
    void *arg;
};

struct undo {
    struct undo_step step[UNDO_MAX];
    size_t n;
};

#define UNDO_INIT {.n = 0}

/* Pushes a step. The stack is large enough for any handler: a step beyond UNDO_MAX is a bug of ours and asserts. Never allocates,
 * so it can be pushed right after the thing it undoes was made. */
void undo_push(struct undo *u, const char *what, int (*fn)(const struct ctx *, void *, struct err *), void *arg);
/* Drops all steps: the work is done. */
void undo_commit(struct undo *u);
/* Runs all steps in reverse, each under a limit of its own (ns), so that one that hangs does not take the others' time. `again` (may be NULL) is
 * told of each failure and of how often this step has failed; the step is run again when it says true. Returns how many failed for good. */
size_t undo_run(struct undo *u, uint64_t step_limit, bool (*again)(void *user, const char *what, const struct err *e, unsigned failures), void *user);

#endif
