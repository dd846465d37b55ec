/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry client: manifests and blobs of one repository (OCI distribution specification 1.1; Docker registry HTTP API v2 and its
 * token authentication).
 *
 * A session knows the registry's host, the repository and the credentials that may be shown to that host. It talks https; to
 * loopback hosts plain http first, and https when that is what answers. Redirects are followed by hand, and nothing secret
 * follows one to another origin. Every byte that is handed out was counted and hashed. No error text holds a secret.
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
    REGISTRY_RESUMES_MAX = 32, /* requests for one blob */
    REGISTRY_IDLE_MAX = 3,     /* of these in a row without a new byte */
};

struct registry_options {
    const struct http_ops *http;
    void *http_user;
    const char *ca_file;   /* extra CA certificates, NULL or "": none */
    uint64_t idle_timeout; /* ns, see http_request */
    uint64_t retry_delay;  /* ns before the first repeat of a broken blob, doubled each time; 0: none */
};

struct registry;

/* A session for the repository of ref with what auth (may be NULL) holds for its host. No connection is made. Everything is
 * copied but http and http_user. INVALID_ARGUMENT: the reference has no host, or auth is malformed; RESOURCE_EXHAUSTED. */
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
 * equal to the one asked for and to the one that the registry told. NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED,
 * RESOURCE_EXHAUSTED (too large, too many requests), DATA_LOSS (digests differ), UNAVAILABLE. */
int registry_manifest(struct registry *r, const struct ctx *ctx, const char *tag_or_digest, struct arena *a,
                      struct registry_document *ret, struct err *e);

/* Where a blob's bytes go, in order. A negative return ends the fetch with that code. */
struct registry_sink {
    void *user;
    int (*write)(void *user, struct view data, struct err *e);
};

/* Fetches the bytes [offset, size) of a blob; a connection that breaks is made again from where it was. Exactly that many bytes
 * are written, or the call fails. With offset 0 the digest is verified at the end, so a caller must not use what was written
 * before 0 is returned. With another offset the caller verifies. Errors as registry_manifest. Several threads may fetch at once.
 */
int registry_blob(struct registry *r, const struct ctx *ctx, const char *digest, int64_t size, int64_t offset,
                  const struct registry_sink *sink, struct err *e);

/* Takes every secret of the session out of an error's text, for errors that quote what the registry sent; the functions above do
 * it themselves. Returns code. r may be NULL. */
int registry_scrub(struct registry *r, int code, struct err *e);

/* True for host[:port] that is this machine: localhost, names below it, 127.0.0.0/8, ::1. */
bool registry_is_loopback(struct view host);

#endif
