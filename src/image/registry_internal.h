/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the registry client share: the session, its servers, one authorised request.
 */
#ifndef CRI_IMAGE_REGISTRY_INTERNAL_H
#define CRI_IMAGE_REGISTRY_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buf.h"
#include "image/credentials.h"
#include "image/hosts.h"
#include "image/registry.h"
#include "parse/url.h"

/* What became of a server in this session. */
enum registry_state {
    REGISTRY_FINE = 0,
    REGISTRY_DOWN, /* does not answer: asked after all others */
    REGISTRY_LIED, /* sent content with a wrong digest: not asked any more */
};

/* A server of the session. */
struct registry_host {
    struct registry *registry;
    const struct hosts_server *server;
    struct http_tls tls; /* the server's, and the session's CA file */
    const char *name;    /* host[:port] */
    const char *query;   /* "?ns=..." of a mirror, else "" */
    struct credentials credentials;
    /* Under the session's lock: */
    const char *scheme;  /* the one that answered, NULL: none yet */
    char *authorization; /* value of the Authorization field, NULL: none yet; heap */
    enum registry_state state;
};

struct registry {
    struct arena arena; /* of everything below but authorization; not grown after registry_open */
    struct registry_options options;
    const char *domain;     /* as in the reference */
    const char *repository; /* "library/busybox" */
    struct registry_host *hosts;
    size_t n_hosts;
    struct strlist secrets; /* values of configured headers */
    pthread_mutex_t lock;
};

/* What an error answer's body says, for a person: "CODE: message" of a registry's error document, "" when there is nothing
 * useful. In a. */
const char *registry_error_text(struct view body, struct arena *a);

/* One server's turn at a piece of work. */
struct registry_turn {
    struct registry_host *host;
    bool last;  /* nobody is left to ask after it */
    bool named; /* set by the turn: its error's text names the server already */
    bool final; /* set by the turn: its error has nothing to do with the server */
};
typedef int (*registry_turn_fn)(struct registry_turn *t, const struct ctx *ctx, void *arg, struct err *e);
/* Lets the servers with these capabilities (HOSTS_PULL ...) try until one succeeds. The error has what, the thing that was asked for
 * ("manifest a/b:latest"), in front; the code is the last turn's. */
int registry_take_turns(struct registry *r, const struct ctx *ctx, unsigned capabilities, const char *what, registry_turn_fn fn,
                        void *arg, struct err *e);
void registry_set_state(struct registry_host *h, enum registry_state state);
/* True when there are servers with these capabilities that have not lied. */
bool registry_anybody_left(struct registry *r, unsigned capabilities);

/* One GET below <path>/<repository>/. */
struct registry_get {
    const char *path;             /* "manifests/latest" */
    struct strlist headers;       /* besides Authorization and those of the configuration */
    const struct http_sink *sink; /* for an answer of status 2xx */
    bool patient;                 /* a server that has no time now is asked again: nobody else is left to ask */
};
struct registry_reply {
    int status;
    bool answered;   /* there was an answer of any kind: the server talks this scheme */
    char by[272];    /* host and port that gave it: another than the server's after a redirect */
    struct buf body; /* of an answer that is not 2xx, cut at REGISTRY_ERROR_BYTES_MAX; the caller frees */
};
/* Asks, follows redirects, answers one challenge, repeats. Any status is success. */
int registry_request(struct registry_host *h, const struct ctx *ctx, const struct registry_get *get, struct registry_reply *reply,
                     struct err *e);
/* Raises what a status that is not 2xx means; the text names the server. */
int registry_raise_status(struct registry_host *h, const struct registry_reply *reply, struct err *e);

/* After the n-th answer (from 0) with this status: true when the request is to be repeated, after a wait that is over. False also when
 * ctx would end before. retry_after: the header field. */
bool registry_repeat(struct registry *r, const struct ctx *ctx, int status, const char *retry_after, unsigned n);
/* Waits; ends early with ctx's error when ctx does. */
int registry_wait(const struct ctx *ctx, uint64_t ns, struct err *e);

/* Answers a challenge: *ret is the new Authorization value, in a. `used` is the value that was refused (NULL: none), scheme the one
 * that the challenge came by. UNAUTHENTICATED when there is nothing to answer it with; PERMISSION_DENIED when the token server
 * refuses. */
int registry_authorize(struct registry_host *h, const struct ctx *ctx, const char *scheme, const char *challenge, const char *used,
                       struct arena *a, const char **ret, struct err *e);
/* The Authorization value for a first request, in a; *ret is NULL when there is none. */
int registry_authorization(struct registry_host *h, struct arena *a, const char **ret, struct err *e);
/* Adds the configured headers; without an Authorization among them when that is given already. */
int registry_add_headers(const struct registry_host *h, bool has_authorization, struct strlist *headers, struct arena *a, struct err *e);

#endif
