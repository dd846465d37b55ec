/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a code, the place that raised it, and a text for a person, in a buffer that the caller owns.
 *
 * A function that can fail takes `struct err *e` as its last parameter and returns 0 or a negative code. The code is the canonical gRPC
 * status code, chosen where the failure is understood, so rpc/ sends it as it is. Positive returns are documented answers of one
 * function and are never handed on. Raising an error allocates nothing, so running out of memory can always be reported.
 */
#ifndef CRI_BASE_ERR_H
#define CRI_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/macro.h"

/* The canonical status codes (gRPC, doc/statuscodes.md). Functions return them negated. */
enum err_code {
    ERR_OK = 0,
    ERR_CANCELLED = 1,
    ERR_UNKNOWN = 2,
    ERR_INVALID_ARGUMENT = 3,
    ERR_DEADLINE_EXCEEDED = 4,
    ERR_NOT_FOUND = 5,
    ERR_ALREADY_EXISTS = 6,
    ERR_PERMISSION_DENIED = 7,
    ERR_RESOURCE_EXHAUSTED = 8,
    ERR_FAILED_PRECONDITION = 9,
    ERR_ABORTED = 10,
    ERR_OUT_OF_RANGE = 11,
    ERR_UNIMPLEMENTED = 12,
    ERR_INTERNAL = 13,
    ERR_UNAVAILABLE = 14,
    ERR_DATA_LOSS = 15,
    ERR_UNAUTHENTICATED = 16,
    ERR_CODE_MAX = 16,
};

enum { ERR_MESSAGE_MAX = 768 }; /* bytes of text, the terminating NUL included */

struct err {
    enum err_code code;
    const char *file; /* static string */
    int line;
    char message[ERR_MESSAGE_MAX];
};

#define ERR_INIT \
    {            \
        .code = ERR_OK \
    }

/* Tells the compiler what it cannot see: raising an error never gives 0, so outputs that are set on success only are set whenever they are used.
 * A build that measures coverage goes without: each use would count as a branch that no test can take. */
#ifdef CRI_COVERAGE
#define ERR_NEGATIVE_(raised) (raised)
#else
#define ERR_NEGATIVE_(raised)        \
    ({                               \
        int raised_ = (raised);      \
        if (raised_ >= 0)            \
            __builtin_unreachable(); \
        raised_;                     \
    })
#endif

/* Raises an error: fills *e (NULL is allowed: only the code is wanted) and returns -code. Text that does not fit is cut at a
 * character boundary; control bytes become '?', so that a hostile name cannot forge a log line. Never allocates, never fails. */
#define err_raise(e, code, ...) ERR_NEGATIVE_(err_raise_at((e), (code), __FILE__, __LINE__, __VA_ARGS__))
int err_raise_at(struct err *e, enum err_code code, const char *file, int line, const char *format, ...) _printf_(5, 6);

/* Raises an error for an errno value: the code is err_code_from_errno(errnum), and ": <strerror>" follows the text. */
#define err_errno(e, errnum, ...) ERR_NEGATIVE_(err_errno_at((e), (errnum), __FILE__, __LINE__, __VA_ARGS__))
int err_errno_at(struct err *e, int errnum, const char *file, int line, const char *format, ...) _printf_(5, 6);

/* Raises the one error that stands for a failed allocation (ERR_RESOURCE_EXHAUSTED, "out of memory"). */
#define err_oom(e) err_raise((e), ERR_RESOURCE_EXHAUSTED, "%s", ERR_TEXT_OOM)
#define ERR_TEXT_OOM "out of memory"

/* Puts "<context>: " before the text of *e, keeps code and place, and returns r (the code that the failed call returned). */
int err_wrap(struct err *e, int r, const char *format, ...) _printf_(3, 4);

/* Empties *e. */
void err_clear(struct err *e);

/* The gRPC code that fits an errno value: ENOENT is NOT_FOUND, EEXIST is ALREADY_EXISTS, and so on; ERR_UNKNOWN for the rest. */
enum err_code err_code_from_errno(int errnum);

/* The upper-case name of a code ("NOT_FOUND"), "CODE_<n>" never: unknown numbers give "UNKNOWN". Static string. */
const char *err_code_name(enum err_code code);

/* True if *e is the error that err_oom raises. */
bool err_is_oom(const struct err *e);

#endif
