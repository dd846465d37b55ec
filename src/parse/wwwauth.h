/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wwwauth: challenges of a WWW-Authenticate header (RFC 7235, section 2.1 and 4.1; Bearer: RFC 6750 section 3 and the distribution
 * specification's token flow; Basic: RFC 7617). Pure code, open to proof, but for wwwauth_find, which copies into an arena.
 */
#ifndef CRI_PARSE_WWWAUTH_H
#define CRI_PARSE_WWWAUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum { WWWAUTH_VALUE_MAX = 8192 }; /* bytes of one parameter's value */

enum wwwauth_scheme { WWWAUTH_OTHER = 0, WWWAUTH_BASIC, WWWAUTH_BEARER };

/* Walks a header value. wwwauth_next takes the next challenge off *rest: its scheme, and the text of its parameters. 1, 0 at the end,
 * or -ERR_INVALID_ARGUMENT when the header is malformed. */
struct wwwauth_challenge {
    enum wwwauth_scheme scheme;
    struct view name;   /* of the scheme, as written */
    struct view params; /* for wwwauth_param */
};
int wwwauth_next(struct view *rest, struct wwwauth_challenge *ret, struct err *e);

/* The parameter of this name (letter case ignored): its value as written, quotes and all. The first one counts. False when absent. */
bool wwwauth_param(struct view params, const char *name, struct view *ret_raw);
/* Writes the value without quotes and backslashes to out (room for raw.n bytes); returns the length. */
size_t wwwauth_unquote(struct view raw, char *out);

struct wwwauth {
    enum wwwauth_scheme scheme;
    const char *realm, *service, *scope, *error; /* "" when absent */
};
/* The challenge to answer: the first Bearer with a realm, else the first Basic. -ERR_NOT_FOUND when there is neither,
 * -ERR_INVALID_ARGUMENT when the header is malformed or a value has control characters or is too long. */
int wwwauth_find(struct view header, struct arena *a, struct wwwauth *ret, struct err *e);

#endif
