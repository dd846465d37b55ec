/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP as the registry client needs it: one request, one answer, no redirects, no authentication, no retry. Those decisions
 * belong to registry.c, where they can be tested with scripted answers; this table is the place where the script goes in.
 */
#ifndef CRI_IMAGE_HTTP_H
#define CRI_IMAGE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum {
    HTTP_HEADERS_MAX = 256,           /* header fields of an answer */
    HTTP_HEADER_BYTES_MAX = 64 << 10, /* all of them together */
};

/* How a server is verified, and what it is shown when it wants a certificate. PEM files, read when a connection is made. */
struct http_tls {
    struct strlist ca;     /* CA certificates beside the system's */
    struct kvlist clients; /* certificate (with its chain) and key, "" when the key is in the same file; the first one whose issuer
                              the server accepts is shown */
    bool skip_verify;      /* neither chain nor name is looked at */
};

struct http_request {
    const char *method;     /* "GET" or "POST" */
    const char *url;        /* absolute, http or https */
    struct strlist headers; /* "Name: value" */
    struct view body;       /* POST only */
    const struct http_tls *tls; /* NULL: the system's CA certificates, no other */
    uint64_t dial_timeout;  /* ns within which the connection must stand; 0: 30 s */
    uint64_t idle_timeout;  /* ns without a byte after which the exchange is given up; 0: never */
    bool direct;            /* pass by any configured proxy */
};

struct http_response {
    int status;             /* 100 to 599 */
    struct kvlist headers;  /* names in lower case; repeated fields are joined by ", " (RFC 9110 section 5.3) */
    int64_t content_length; /* -1: not told */
};

/* Where an answer goes. head is called once, before the first data call, also for an answer without a body. A negative return of
 * either ends the exchange, which then returns that code. */
struct http_sink {
    void *user;
    int (*head)(void *user, const struct http_response *response, struct err *e);
    int (*data)(void *user, struct view data, struct err *e);
};

struct http_ops {
    /* Does the exchange and returns when the answer is complete. Headers live in a. UNAVAILABLE: no connection, TLS failure, or
     * the answer broke off. DEADLINE_EXCEEDED, CANCELLED: of ctx, or no byte for idle_timeout. FAILED_PRECONDITION: a file of tls
     * cannot be used, or the server is not the one that its certificate must prove. RESOURCE_EXHAUSTED: header limits, memory. Messages name neither request headers nor the URL's query. May be
     * called from several threads at once. */
    int (*exchange)(void *user, const struct ctx *ctx, const struct http_request *request, struct arena *a,
                    const struct http_sink *sink, struct err *e);
};

/* The real thing, on libcurl. The connections of earlier exchanges are kept for later ones with the same tls. http_curl_ops is to be called with a
 * struct http_curl as user. */
struct http_curl;
extern const struct http_ops http_curl_ops;
int http_curl_new(struct http_curl **ret, struct err *e);
/* No exchange may be under way. NULL is allowed. */
void http_curl_free(struct http_curl *h);

/* An answer's header field, "" when absent. name in lower case. */
static inline const char *http_header(const struct http_response *r, const char *name)
{
    const char *v = kvlist_get(&r->headers, name);
    return v ? v : "";
}

#endif
