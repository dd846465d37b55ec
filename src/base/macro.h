/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiler attributes and the ownership macros that the whole tree uses.
 *
 * Cleanup attributes tie a resource to its scope; TAKE_PTR and TAKE_FD hand it on, leaving NULL or -1 behind, so that every exit of a
 * function is the same exit. Code that is proven with Frama-C must not use cleanup attributes (the prover parses them and does not run
 * them), hence the deliberate syntax error below.
 */
#ifndef CRI_BASE_MACRO_H
#define CRI_BASE_MACRO_H

#include <stddef.h>

#ifdef __FRAMAC__
#define _cleanup_(f) cleanup attributes are not allowed in proven code
#else
#define _cleanup_(f) __attribute__((cleanup(f)))
#endif

#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _must_check_ __attribute__((warn_unused_result))
#define _unused_ __attribute__((unused))

/* Moves a pointer or descriptor out of a variable that a cleanup attribute would otherwise release. */
#define TAKE_PTR(p)               \
    ({                            \
        __typeof__(p) *pp_ = &(p); \
        __typeof__(p) v_ = *pp_;  \
        *pp_ = NULL;              \
        v_;                       \
    })
#define TAKE_FD(fd)        \
    ({                     \
        int *pfd_ = &(fd); \
        int vfd_ = *pfd_;  \
        *pfd_ = -1;        \
        vfd_;              \
    })

/* Defines `name_p`, the cleanup function of a variable of pointer type that `func` frees (func must accept NULL). */
#define DEFINE_CLEANUP(type, func)                          \
    static inline _unused_ void func##_p(type *cleanup_ptr) \
    {                                                       \
        func(*cleanup_ptr);                                 \
    }                                                       \
    struct swallow_semicolon_

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Propagates a failure unchanged: `TRY(f(..., e));`. The only macro of the tree with a hidden return. */
#define TRY(expr)          \
    do {                   \
        int try_ = (expr); \
        if (try_ < 0)      \
            return try_;   \
    } while (0)

#endif
