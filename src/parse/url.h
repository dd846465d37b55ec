/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Url: addresses of registries, as configuration files and servers give them (RFC 3986, http and https only).
 *
 * The origin decides who sees credentials, so an address is taken apart strictly and put together again from its parts before
 * anybody connects to it: an authority of letters, digits, '.', '-' and a port, or a bracketed IPv6 address, cannot be read in two
 * ways.
 */
#ifndef CRI_PARSE_URL_H
#define CRI_PARSE_URL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum { URL_BYTES_MAX = 16 << 10 };

/* An absolute address, taken apart. Strings live in the arena it was read into. */
struct url {
    const char *text;   /* all of it, put together again; without fragment */
    const char *scheme; /* "http" or "https" */
    const char *host;   /* IPv6 in brackets */
    const char *port;   /* the scheme's own when none is written */
    const char *authority; /* host[:port], the port as written */
    const char *path;   /* with the query; starts with '/' */
};

/* Reads text relative to base (NULL: text is absolute). INVALID_ARGUMENT unless it is http or https, without user information, and
 * of the characters that addresses have; RESOURCE_EXHAUSTED. */
int url_resolve(const char *base, const char *text, struct arena *a, struct url *ret, struct err *e);
/* Same scheme, host and port (RFC 6454). */
bool url_same_origin(const struct url *a, const struct url *b);
/* Appends "name=value", percent-encoded, to an address's query. RESOURCE_EXHAUSTED. */
int url_add_query(const char *text, const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e);
/* name=value&... (application/x-www-form-urlencoded). RESOURCE_EXHAUSTED. */
int url_form(const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e);

/* True for host[:port] that is this machine: localhost, names below it, 127.0.0.0/8, ::1. */
bool url_is_loopback(struct view host);

#endif
