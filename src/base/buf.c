/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buf, see buf.h.
 */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf)BUF_INIT(max);
}

void buf_done(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf)BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    if (b->p)
        b->p[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
    size_t want;
    if (n > b->max || b->n > b->max - n || !num_add_size(b->n + n, 1, &want))
        return NULL;
    if (want > b->cap) {
        size_t cap = b->cap < 64 ? 64 : b->cap;
        while (cap < want)
            cap = cap <= b->max / 2 ? cap * 2 : b->max < SIZE_MAX ? b->max + 1 : want;
        char *p = mem_realloc(b->p, cap);
        if (!p)
            return NULL;
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_commit(struct buf *b, size_t n)
{
    b->n += n;
    b->p[b->n] = '\0';
}

int buf_add(struct buf *b, const void *p, size_t n)
{
    char *to = buf_reserve(b, n);
    if (!to)
        return -ERR_RESOURCE_EXHAUSTED;
    if (n)
        memcpy(to, p, n);
    buf_commit(b, n);
    return 0;
}

int buf_add_view(struct buf *b, struct view v)
{
    return buf_add(b, v.p, v.n);
}

int buf_add_str(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (!to)
        return -ERR_RESOURCE_EXHAUSTED;
    vsnprintf(to, (size_t)n + 1, format, ap);
    buf_commit(b, (size_t)n);
    return 0;
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int r = buf_vprintf(b, format, ap);
    va_end(ap);
    return r;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n > b->n)
        n = b->n;
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
    b->p[b->n] = '\0';
}

struct view buf_view(const struct buf *b)
{
    return view_make(b->p, b->n);
}

char *buf_take_str(struct buf *b)
{
    char *p = b->p ? b->p : mem_zalloc(1);
    if (p)
        *b = (struct buf)BUF_INIT(b->max);
    return p;
}
