/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Httphead: the head of an HTTP/1 request (RFC 9112): request line and fields, as views into the bytes that came. Strict where leniency lets two
 * programs understand one request differently: lines end in CRLF, no line is folded, no blank stands before a colon, there is one Host and at most
 * one length. Pure code, open to proof; allocates nothing.
 */
#ifndef CRI_PARSE_HTTPHEAD_H
#define CRI_PARSE_HTTPHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum { HTTPHEAD_MAX = 8192, HTTPHEAD_FIELDS_MAX = 64, HTTPHEAD_METHOD_MAX = 32 }; /* bytes of a head with its last CRLF, fields, bytes of a method */

struct httphead_field {
    struct view name, value; /* value without the blanks around it */
};

struct httphead {
    struct view method, target; /* as sent; the target begins with '/', or is an absolute URI, or "*" of OPTIONS */
    struct view path, query;    /* of the target, still percent-encoded; path is "/" at least, or "*"; query without its '?' */
    unsigned minor;             /* of HTTP/1.<minor>: 0 or 1, what is higher counts as 1 */
    struct httphead_field fields[HTTPHEAD_FIELDS_MAX];
    size_t n_fields;
    uint64_t content_length;    /* 0 when there is none */
    bool chunked;               /* the body comes in chunks */
    size_t size;                /* bytes of the head: where the body begins */
};

/* Reads a head at the beginning of `in`. 1: it is whole, *ret is set and holds views into `in`. 0: more bytes are needed. Else an error that more bytes
 * do not mend; the status to answer with is 400 for INVALID_ARGUMENT, 431 for RESOURCE_EXHAUSTED (a maximum is passed), 501 for UNIMPLEMENTED (a
 * transfer coding), 505 for OUT_OF_RANGE (the version). *ret is scratch otherwise. */
int httphead_parse(struct view in, struct httphead *ret, struct err *e);

/* The value of the first field of this name (letter case ignored); the empty view when there is none. */
struct view httphead_get(const struct httphead *h, const char *name);
/* True when `token` (letter case ignored) is a member of the comma-separated list that all fields of this name make ("Connection", "Upgrade"). */
bool httphead_has_token(const struct httphead *h, const char *name, const char *token);
/* True when the client expects the connection to stay open after the answer (RFC 9112, section 9.3). */
bool httphead_keeps(const struct httphead *h);

#endif
