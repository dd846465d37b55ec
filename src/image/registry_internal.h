/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the registry client share: the session, addresses, one authorised request.
 */
#ifndef CRI_IMAGE_REGISTRY_INTERNAL_H
#define CRI_IMAGE_REGISTRY_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buf.h"
#include "image/credentials.h"
#include "image/registry.h"

struct registry {
    struct arena arena; /* of everything below but token; not grown after registry_open */
    struct registry_options options;
    const char *domain;     /* as in the reference */
    const char *host;       /* host[:port] that is asked */
    const char *repository; /* "library/busybox" */
    bool loopback;
    bool scheme_known;  /* false: loopback host that has not answered yet */
    const char *scheme; /* "http" or "https" */
    struct credentials credentials;
    pthread_mutex_t lock;
    char *authorization; /* value of the Authorization field, NULL: none yet; under lock; heap */
};

/* An absolute address, taken apart. Strings live in the arena it was read into. */
struct url {
    const char *text, *scheme, *host, *port;
};
/* Reads text relative to base (NULL: text is absolute). INVALID_ARGUMENT unless it is http or https, without user
 * information, and of the characters that addresses have. */
int url_resolve(const char *base, const char *text, struct arena *a, struct url *ret, struct err *e);
/* Same scheme, host and port (RFC 6454). */
bool url_same_origin(const struct url *a, const struct url *b);
/* Appends "name=value", percent-encoded, to an address's query. */
int url_add_query(const char *text, const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e);
/* name=value&... (application/x-www-form-urlencoded). */
int url_form(const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e);

/* What an error answer's body says, for a person: "CODE: message" of a registry's error document, "" when there is nothing
 * useful. In a. */
const char *registry_error_text(struct view body, struct arena *a);

/* One GET below /v2/<repository>/. */
struct registry_get {
    const char *path;             /* "manifests/latest" */
    struct strlist headers;       /* besides Authorization */
    const struct http_sink *sink; /* for an answer of status 2xx */
};
struct registry_reply {
    int status;
    char by[272];    /* host and port that gave it: another than the registry's after a redirect */
    struct buf body; /* of an answer that is not 2xx, cut at REGISTRY_ERROR_BYTES_MAX; the caller frees */
};
/* Asks, follows redirects, answers one challenge. Any status is success. */
int registry_request(struct registry *r, const struct ctx *ctx, const struct registry_get *get, struct registry_reply *reply,
                     struct err *e);
/* Raises what a status that is not 2xx means; `what` names the thing ("manifest latest"). */
int registry_raise_status(struct registry *r, const char *what, const struct registry_reply *reply, struct err *e);

/* Answers a challenge: *ret is the new Authorization value, in a. `used` is the value that was refused (NULL: none).
 * UNAUTHENTICATED when there is nothing to answer it with; PERMISSION_DENIED when the token server refuses. */
int registry_authorize(struct registry *r, const struct ctx *ctx, const char *challenge, const char *used, struct arena *a,
                       const char **ret, struct err *e);
/* The Authorization value for a first request, in a; *ret is NULL when there is none. */
int registry_authorization(struct registry *r, struct arena *a, const char **ret, struct err *e);

#endif
