/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry client: manifests and blobs of one repository (OCI distribution specification 1.1; Docker registry HTTP API v2 and its
 * token authentication).
 *
 * A session knows the repository, the servers that are asked for it (image/hosts.h: mirrors in order, the registry itself last) and the
 * credentials that may be shown to each. A server that does not have what is wanted, does not answer, or sends what is not what its
 * digest says is followed by the next one. Redirects are followed by hand, and nothing secret follows one to another origin. Every
 * byte that is handed out was counted and hashed. No error text holds a secret.
 */
#ifndef CRI_IMAGE_REGISTRY_H
#define CRI_IMAGE_REGISTRY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/view.h"
#include "image/http.h"
#include "parse/digest.h"
#include "parse/reference.h"

struct image_auth; /* image/pull.h */

enum {
    REGISTRY_TOKEN_BYTES_MAX = 1 << 20,  /* of a token server's answer */
    REGISTRY_ERROR_BYTES_MAX = 64 << 10, /* of an error answer that is looked at */
    REGISTRY_REDIRECTS_MAX = 10,
    REGISTRY_RESUMES_MAX = 32, /* requests to one server for one blob */
    REGISTRY_IDLE_MAX = 3,     /* of these in a row without a new byte */
    REGISTRY_REPEATS_MAX = 4,  /* of a request that a server has no time for now (status 429, 503) */
    REGISTRY_WAIT_SECONDS_MAX = 60, /* before a repeat, when the server says how long; a longer wait is a failure */
};

struct registry_options {
    const struct http_ops *http;
    void *http_user;
    const char *ca_file;     /* extra CA certificates for every server, NULL or "": none */
    const char *config_path; /* directories of hosts.toml files, see hosts_find; NULL or "": none */
    uint64_t idle_timeout;   /* ns, see http_request */
    uint64_t retry_delay;    /* ns before the first repeat of a request, doubled each time; 0: no waiting */
};

struct registry;

/* A session for the repository of ref, with what auth (may be NULL) holds for each server. The configuration is read, no connection
 * is made. Everything is copied but http and http_user. INVALID_ARGUMENT: the reference has no host, or auth or a hosts.toml is
 * malformed; other failures of hosts_find; RESOURCE_EXHAUSTED. */
int registry_open(const struct registry_options *options, const struct reference *ref, const struct image_auth *auth,
                  struct registry **ret, struct err *e);
/* No request may be under way. NULL is allowed. */
void registry_close(struct registry *r);
DEFINE_CLEANUP(struct registry *, registry_close);
#define _cleanup_registry_ _cleanup_(registry_close_p)

struct registry_document {
    const char *media_type; /* as the registry says, "" when it does not */
    char digest[DIGEST_TEXT_MAX + 1];
    struct view bytes;
};

/* The manifest or index that a tag or digest names, at most OCI_MANIFEST_BYTES_MAX bytes, in a. Its digest was computed, and is
 * equal to the one asked for and to the one that the server told. NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED,
 * RESOURCE_EXHAUSTED (too large, too many requests), DATA_LOSS (digests differ), UNAVAILABLE. After several servers were asked the
 * code is that of the last one, and the text names each with its cause. */
int registry_manifest(struct registry *r, const struct ctx *ctx, const char *tag_or_digest, struct arena *a,
                      struct registry_document *ret, struct err *e);

/* Where a blob's bytes go, in order. A negative return ends the fetch with that code. */
struct registry_sink {
    void *user;
    int (*write)(void *user, struct view data, struct err *e);
};

/* Fetches the bytes [offset, size) of a blob; a connection that breaks is made again from where it was, at the next server if need
 * be. Exactly that many bytes are written, or the call fails. With offset 0 the digest is verified at the end, so a caller must not
 * use what was written before 0 is returned. With another offset the caller verifies. Errors as registry_manifest, and ABORTED: what
 * was written is wrong, the server that sent it is not asked any more, and another one is left: begin anew. Several threads may
 * fetch at once. */
int registry_blob(struct registry *r, const struct ctx *ctx, const char *digest, int64_t size, int64_t offset,
                  const struct registry_sink *sink, struct err *e);

/* Takes every secret of the session out of an error's text, for errors that quote what the registry sent; the functions above do
 * it themselves. Returns code. r may be NULL. */
int registry_scrub(struct registry *r, int code, struct err *e);

#endif
