/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP, the TLS side of http_curl.c: what a request says about certificates, kept beside the connections that were made with it.
 */
#ifndef CRI_IMAGE_HTTP_TLS_H
#define CRI_IMAGE_HTTP_TLS_H

#include "base/arena.h"
#include "base/err.h"
#include "image/http.h"

/* True when two requests (NULL: nothing said) want the same, so that one may use the other's connections. */
bool http_tls_equal(const struct http_tls *a, const struct http_tls *b);
/* A copy in the arena. RESOURCE_EXHAUSTED. */
int http_tls_copy(const struct http_tls *tls, struct arena *a, struct http_tls *ret, struct err *e);
/* Loads the files into an OpenSSL context (SSL_CTX *) that already has the system's CA certificates. tls must outlive the context.
 * FAILED_PRECONDITION: a file cannot be read or used; it is named. */
int http_tls_apply(const struct http_tls *tls, void *ssl_ctx, struct err *e);

#endif
