/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: memory of one lifetime. A call's request, answer and everything found on the way belong to one arena and are freed at once,
 * so no handler frees a result tree by hand and none can forget to.
 *
 * An arena has a budget. A message from outside is unpacked into one, which is what bounds a legal 16 MiB request that would unpack to
 * more than a gigabyte. Under AddressSanitizer, and while allocations are made to fail, every piece is an allocation of its own, so that overruns are seen
 * and sweeps reach each piece.
 * An arena belongs to one thread at a time.
 */
#ifndef CRI_BASE_ARENA_H
#define CRI_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/view.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head;
    size_t used;   /* bytes handed out */
    size_t budget; /* most bytes that may be handed out */
    char *at, *end;
};

/* An empty arena with a budget in bytes; needs no memory until it is used. */
#define ARENA_INIT(budget_bytes)     \
    {                                \
        .budget = (budget_bytes)     \
    }
#define ARENA_BUDGET_DEFAULT ((size_t)64 << 20)

void arena_init(struct arena *a, size_t budget);
/* Frees everything; the arena is empty and usable again. NULL is allowed. */
void arena_done(struct arena *a);

/* Return n bytes aligned for any type, zeroed; NULL when memory or budget is exhausted. Freed with the arena. */
void *arena_alloc(struct arena *a, size_t n) _must_check_;
void *arena_calloc(struct arena *a, size_t count, size_t size) _must_check_;
/* Copies into the arena; NULL when exhausted (or, for arena_strdup, when s is NULL). */
char *arena_strdup(struct arena *a, const char *s) _must_check_;
char *arena_strndup(struct arena *a, const char *s, size_t n) _must_check_;
char *arena_view(struct arena *a, struct view v) _must_check_;
void *arena_memdup(struct arena *a, const void *p, size_t n) _must_check_;
char *arena_printf(struct arena *a, const char *format, ...) _printf_(2, 3) _must_check_;
char *arena_vprintf(struct arena *a, const char *format, va_list ap) _printf_(2, 0) _must_check_;

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_NEW_N(a, type, n) ((type *)arena_calloc((a), (n), sizeof(type)))

#define _cleanup_arena_ _cleanup_(arena_done)

#endif
