/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena, see arena.h.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_PIECEMEAL 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define ARENA_PIECEMEAL 1
#endif
#endif
#ifndef ARENA_PIECEMEAL
#define ARENA_PIECEMEAL 0
#endif

enum { CHUNK_SIZE = 8192, ALIGN = alignof(max_align_t) };

struct arena_chunk {
    struct arena_chunk *next;
    max_align_t data[];
};

void arena_init(struct arena *a, size_t budget)
{
    *a = (struct arena)ARENA_INIT(budget);
}

void arena_done(struct arena *a)
{
    if (!a)
        return;
    struct arena_chunk *c = a->head;
    while (c) {
        struct arena_chunk *next = c->next;
        mem_free(c);
        c = next;
    }
    arena_init(a, a->budget);
}

static char *add_chunk(struct arena *a, size_t data_size)
{
    size_t size;
    struct arena_chunk *c = num_add_size(sizeof *c, data_size, &size) ? mem_alloc(size) : NULL;
    if (!c)
        return NULL;
    c->next = a->head;
    a->head = c;
    return (char *)c->data;
}

static void *take(struct arena *a, size_t n)
{
    if (n > a->budget || a->used > a->budget - n)
        return NULL;
    size_t rounded;
    if (!num_add_size(n ? n : 1, ALIGN - 1, &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGN - 1);
    bool piecemeal = ARENA_PIECEMEAL || mem_fail_armed();
    char *p;
    if (piecemeal || rounded > CHUNK_SIZE / 4) {
        p = add_chunk(a, piecemeal ? n : rounded);
    } else {
        if ((size_t)(a->end - a->at) < rounded) {
            char *chunk = add_chunk(a, CHUNK_SIZE);
            if (!chunk)
                return NULL;
            a->at = chunk;
            a->end = chunk + CHUNK_SIZE;
        }
        p = a->at;
        a->at += rounded;
    }
    if (p)
        a->used += n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = take(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t n;
    return num_mul_size(count, size, &n) ? arena_alloc(a, n) : NULL;
}

void *arena_memdup(struct arena *a, const void *s, size_t n)
{
    void *p = take(a, n);
    if (p && n)
        memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_memdup(a, s, strlen(s) + 1) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    size_t size;
    char *p = num_add_size(n, 1, &size) ? take(a, size) : NULL;
    if (!p)
        return NULL;
    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *arena_view(struct arena *a, struct view v)
{
    return arena_strndup(a, v.p, v.n);
}

char *arena_vprintf(struct arena *a, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *p = n < 0 ? NULL : take(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, ap);
    return p;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *p = arena_vprintf(a, format, ap);
    va_end(ap);
    return p;
}
