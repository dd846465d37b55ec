/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buf: a growable byte buffer with a mandatory maximum. Whatever a peer can make grow is kept in one of these.
 * The contents always end in a NUL that n does not count.
 */
#ifndef CRI_BASE_BUF_H
#define CRI_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/view.h"

struct buf {
    char *p;    /* NULL while nothing was appended */
    size_t n;   /* bytes held */
    size_t cap; /* bytes allocated */
    size_t max; /* most bytes that may be held */
};

#define BUF_INIT(max_bytes)   \
    {                         \
        .max = (max_bytes)    \
    }

void buf_init(struct buf *b, size_t max);
/* Frees the contents; the buffer is empty, keeps its maximum, and is usable again. */
void buf_done(struct buf *b);
/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);

/* Append. 0, or -ERR_RESOURCE_EXHAUSTED when the maximum would be passed or memory is short; then nothing was appended. */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_add_view(struct buf *b, struct view v);
int buf_add_str(struct buf *b, const char *s);
int buf_add_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) _printf_(2, 3);
int buf_vprintf(struct buf *b, const char *format, va_list ap) _printf_(2, 0);

/* Room for n more bytes at the end (within the maximum): a pointer to write to, or NULL; buf_commit then adds what was written. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* Drops the first n bytes (n is clamped). */
void buf_consume(struct buf *b, size_t n);

/* The contents as a view, valid until the next change. */
struct view buf_view(const struct buf *b);
/* The contents as a NUL-terminated string owned by the caller (mem_free); the buffer is empty after it. NULL when there is no memory. */
char *buf_take_str(struct buf *b);

#define _cleanup_buf_ _cleanup_(buf_done)

#endif
