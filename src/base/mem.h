/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the only module that calls malloc.
 *
 * It counts live allocations, so that a test can show that nothing is left, and it can be told to fail the n-th allocation, once or
 * for good, so that every failing allocation of an operation can be tried in turn. The libraries that have allocator hooks (jansson,
 * nghttp2, protobuf-c, libcurl, OpenSSL, zlib) are given these functions.
 */
#ifndef CRI_BASE_MEM_H
#define CRI_BASE_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* Allocate n bytes (0 counts as 1). Return NULL when there is no memory. mem_zalloc and mem_calloc return zeroed memory; mem_calloc
 * checks the product. The result is freed with mem_free. */
void *mem_alloc(size_t n) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t n) __attribute__((malloc, warn_unused_result));
void *mem_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
/* As realloc(3); on failure the old block stays valid. mem_reallocarray checks the product. */
void *mem_realloc(void *p, size_t n) _must_check_;
void *mem_reallocarray(void *p, size_t count, size_t size) _must_check_;
/* Frees p; NULL is allowed. */
void mem_free(void *p);

/* Copies. NULL in gives NULL out (only for mem_strdup); NULL also when there is no memory. The caller owns the result. */
char *mem_strdup(const char *s) _must_check_;
char *mem_strndup(const char *s, size_t n) _must_check_;
void *mem_memdup(const void *p, size_t n) _must_check_;
char *mem_printf(const char *format, ...) _printf_(1, 2) _must_check_;
char *mem_vprintf(const char *format, va_list ap) _printf_(1, 0) _must_check_;

/* Allocations made and not yet freed. Process-wide. */
size_t mem_live(void);

/* Fault injection. After mem_fail_at(n, persistent) the n-th allocation from now (0 is the next) of this process fails; with
 * persistent every later one too. mem_fail_off() ends it and returns how many allocations were asked for since it was armed.
 * mem_fail_pause/resume protect a test's own scaffolding (they nest). Not thread-safe: for single-threaded tests. */
void mem_fail_at(uint64_t n, bool persistent);
uint64_t mem_fail_off(void);
/* True between the two: arenas then make every piece an allocation of its own, so that a sweep reaches each of them in every build. */
bool mem_fail_armed(void);
void mem_fail_pause(void);
void mem_fail_resume(void);

/* Gives the process-wide hooks of jansson, OpenSSL and libcurl these functions, and makes jansson's hash seed fixed. To be called once, before any of
 * those libraries is used, from daemon/ and from test mains. Defined in base/mem_hooks.c. */
void mem_install_hooks(void);

static inline _unused_ void mem_free_p(void *p)
{
    mem_free(*(void **)p);
}
/* `_cleanup_free_ char *s = NULL;` */
#define _cleanup_free_ _cleanup_(mem_free_p)

#endif
