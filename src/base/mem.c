/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, see mem.h. The counters are always there: a relaxed atomic add is not seen beside malloc, and it means that the binary that is
 * tested is the binary that is shipped.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static atomic_size_t live;

/* Fault injection; looked at only while `armed`. */
static atomic_bool armed;
static bool fail_persistent;
static uint64_t fail_n, asked;
static _Thread_local unsigned paused; /* by thread: scaffolding of one must not hide the allocations of another */

static bool must_fail(void)
{
    if (!atomic_load_explicit(&armed, memory_order_relaxed) || paused)
        return false;
    uint64_t i = asked++;
    return fail_persistent ? i >= fail_n : i == fail_n;
}

void mem_fail_at(uint64_t n, bool persistent)
{
    fail_n = n;
    fail_persistent = persistent;
    asked = 0;
    paused = 0;
    atomic_store(&armed, true);
}

uint64_t mem_fail_off(void)
{
    atomic_store(&armed, false);
    return asked;
}

bool mem_fail_armed(void)
{
    return atomic_load_explicit(&armed, memory_order_relaxed);
}

void mem_fail_pause(void)
{
    paused++;
}

void mem_fail_resume(void)
{
    paused--;
}

size_t mem_live(void)
{
    return atomic_load(&live);
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *mem_alloc(size_t n)
{
    return must_fail() ? NULL : counted(malloc(n ? n : 1));
}

void *mem_zalloc(size_t n)
{
    return must_fail() ? NULL : counted(calloc(1, n ? n : 1));
}

void *mem_calloc(size_t count, size_t size)
{
    size_t n;
    return num_mul_size(count, size, &n) ? mem_zalloc(n) : NULL;
}

void *mem_realloc(void *p, size_t n)
{
    if (!p)
        return mem_alloc(n);
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

void *mem_reallocarray(void *p, size_t count, size_t size)
{
    size_t n;
    return num_mul_size(count, size, &n) ? mem_realloc(p, n) : NULL;
}

void mem_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

char *mem_strdup(const char *s)
{
    return s ? mem_memdup(s, strlen(s) + 1) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
    size_t size;
    char *p = num_add_size(n, 1, &size) ? mem_alloc(size) : NULL;
    if (!p)
        return NULL;
    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

void *mem_memdup(const void *s, size_t n)
{
    void *p = mem_alloc(n);
    if (p && n)
        memcpy(p, s, n);
    return p;
}

char *mem_vprintf(const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        return NULL;
    char *p = mem_alloc((size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, ap);
    return p;
}

char *mem_printf(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *p = mem_vprintf(format, ap);
    va_end(ap);
    return p;
}
