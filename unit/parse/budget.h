/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budget sweep: runs a decoder with an arena of 0, 1, 2 ... bytes until it succeeds. An arena takes its memory in chunks, so this meets
 * every place where a decoder asks for memory, where failing the allocations themselves meets the chunks only.
 */
#ifndef CRI_UNIT_PARSE_BUDGET_H
#define CRI_UNIT_PARSE_BUDGET_H

#include "base/arena.h"
#include "support.h"

typedef int (*budget_fn)(struct arena *a, struct err *e);

static inline void budget_sweep(const char *name, budget_fn fn)
{
    int r = -1;
    size_t failed = 0;
    for (size_t budget = 0; r < 0; budget++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(budget);
        struct err e = ERR_INIT;
        r = fn(&a, &e);
        if (r < 0 && r != -ERR_RESOURCE_EXHAUSTED)
            fail_msg("%s with %zu bytes: %s (%s)", name, budget, err_code_name((enum err_code)-r), e.message);
        failed += r < 0;
        if (budget > (1 << 20))
            fail_msg("%s: does not succeed: %s", name, e.message);
    }
    assert_true(failed > 0);
}

#endif
