/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors, see err.h. The one subtlety: text from outside ends up in messages, so control bytes are replaced and a cut never splits a
 * UTF-8 sequence; the message travels in gRPC trailers and in the log as it is.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"

/* True when the n bytes at s, the last of a text, look like the beginning of a longer sequence. */
static bool is_beginning(const char *s, size_t n)
{
    unsigned char first = (unsigned char)s[0];
    size_t whole = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return false;
    return n < whole;
}

/* Replaces control bytes and malformed UTF-8 by '?', in place; a sequence that the buffer's end cut off is dropped. */
static void clean(char *s)
{
    size_t n = strlen(s);
    size_t i = 0;
    while (i < n) {
        size_t k = utf8_sequence(s + i, n - i);
        if (k == 0) {
            if (n == ERR_MESSAGE_MAX - 1 && is_beginning(s + i, n - i)) {
                s[i] = '\0';
                return;
            }
            s[i++] = '?';
            continue;
        }
        if (k == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f))
            s[i] = s[i] == '\n' || s[i] == '\t' ? ' ' : '?';
        i += k;
    }
}

static _printf_(5, 0) int raise(struct err *e, enum err_code code, const char *file, int line, const char *format, va_list ap)
{
    if (!e)
        return -(int)code;
    char text[ERR_MESSAGE_MAX]; /* the arguments may point into e->message */
    if (vsnprintf(text, sizeof text, format, ap) < 0)
        text[0] = '\0';
    clean(text);
    e->code = code;
    e->file = file;
    e->line = line;
    memcpy(e->message, text, sizeof text);
    return -(int)code;
}

int err_raise_at(struct err *e, enum err_code code, const char *file, int line, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int r = raise(e, code, file, line, format, ap);
    va_end(ap);
    return r;
}

int err_errno_at(struct err *e, int errnum, const char *file, int line, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int r = raise(e, err_code_from_errno(errnum), file, line, format, ap);
    va_end(ap);
    if (e) {
        size_t n = strlen(e->message);
        const char *name = strerrordesc_np(errnum); /* static text: safe in any thread, unlike strerror */
        snprintf(e->message + n, sizeof e->message - n, ": %s", name ? name : "unknown error");
    }
    return r;
}

int err_wrap(struct err *e, int r, const char *format, ...)
{
    if (!e)
        return r;
    char text[2 * ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, ERR_MESSAGE_MAX, format, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : (size_t)n < ERR_MESSAGE_MAX ? (size_t)n : ERR_MESSAGE_MAX - 1;
    snprintf(text + used, sizeof text - used, ": %s", e->message);
    text[ERR_MESSAGE_MAX - 1] = '\0';
    clean(text);
    memcpy(e->message, text, ERR_MESSAGE_MAX);
    return r;
}

void err_clear(struct err *e)
{
    *e = (struct err)ERR_INIT;
}

enum err_code err_code_from_errno(int errnum)
{
    switch (errnum) {
    case 0:
        return ERR_UNKNOWN;
    case ENOENT:
    case ESRCH:
    case ENXIO:
    case ENODEV:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_ALREADY_EXISTS;
    case EACCES:
    case EPERM:
        return ERR_PERMISSION_DENIED;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
        return ERR_INVALID_ARGUMENT;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return ERR_RESOURCE_EXHAUSTED;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EBUSY:
    case EROFS:
    case EXDEV:
        return ERR_FAILED_PRECONDITION;
    case ETIMEDOUT:
        return ERR_DEADLINE_EXCEEDED;
    case ECANCELED:
        return ERR_CANCELLED;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
        return ERR_UNAVAILABLE;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERR_UNIMPLEMENTED;
    case EFBIG:
    case EOVERFLOW:
    case ERANGE:
        return ERR_OUT_OF_RANGE;
    case EIO:
        return ERR_DATA_LOSS;
    default:
        return ERR_UNKNOWN;
    }
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[] = {
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    return (unsigned)code < ARRAY_SIZE(names) ? names[code] : "UNKNOWN";
}

bool err_is_oom(const struct err *e)
{
    size_t n = strlen(e->message), k = strlen(ERR_TEXT_OOM);
    return e->code == ERR_RESOURCE_EXHAUSTED && n >= k && strcmp(e->message + n - k, ERR_TEXT_OOM) == 0;
}
