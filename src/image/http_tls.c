/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP, the TLS side: see the header.
 */
#include "image/http_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static bool lists_equal(const struct strlist *a, const struct strlist *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static bool pairs_equal(const struct kvlist *a, const struct kvlist *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i].key, b->v[i].key) != 0 || strcmp(a->v[i].value, b->v[i].value) != 0)
            return false;
    return true;
}

bool http_tls_equal(const struct http_tls *a, const struct http_tls *b)
{
    static const struct http_tls nothing;
    a = a ? a : &nothing;
    b = b ? b : &nothing;
    return a->skip_verify == b->skip_verify && lists_equal(&a->ca, &b->ca) && pairs_equal(&a->clients, &b->clients);
}

int http_tls_copy(const struct http_tls *tls, struct arena *a, struct http_tls *ret, struct err *e)
{
    struct http_tls copy = {.skip_verify = tls->skip_verify};
    for (size_t i = 0; i < tls->ca.n; i++)
        if (strlist_add(&copy.ca, a, tls->ca.v[i]) < 0)
            return err_oom(e);
    for (size_t i = 0; i < tls->clients.n; i++)
        if (kvlist_set(&copy.clients, a, tls->clients.v[i].key, tls->clients.v[i].value) < 0)
            return err_oom(e);
    *ret = copy;
    return 0;
}

static const char *key_file(const struct kv *pair)
{
    return *pair->value ? pair->value : pair->key;
}

/* A key that is locked with a passphrase is an error: there is nobody to ask, and OpenSSL would ask the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *user)
{
    (void)buf, (void)size, (void)writing, (void)user;
    return -1;
}

static int raise_file(const char *what, const char *file, struct err *e)
{
    unsigned long code = ERR_peek_last_error();
    const char *why = code ? ERR_reason_error_string(code) : NULL;
    int r = ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? err_oom(e)
                                                         : err_raise(e, ERR_FAILED_PRECONDITION, "cannot use %s %s%s%s", what, file,
                                                                     why ? ": " : "", why ? why : "");
    ERR_clear_error();
    return r;
}

static int load_pair(SSL_CTX *ctx, const struct kv *pair, struct err *e)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, pair->key) != 1)
        return raise_file("the client certificate", pair->key, e);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file(pair), SSL_FILETYPE_PEM) != 1)
        return raise_file("the key of the client certificate", key_file(pair), e);
    return 0;
}

/* True when the server named the issuer of the certificate that ssl now has, or named none at all. */
static bool issuer_is_wanted(SSL *ssl)
{
    STACK_OF(X509) *chain = NULL;
    SSL_get0_chain_certs(ssl, &chain);
    return SSL_check_chain(ssl, SSL_get_certificate(ssl), SSL_get_privatekey(ssl), chain) & CERT_PKEY_ISSUER_NAME;
}

/* OpenSSL asks for a certificate once it knows what the server accepts: the first of several that fits, else the first. The files
 * were good a moment ago; one that is not any more is passed over. */
static int choose_client(SSL *ssl, void *user)
{
    const struct http_tls *tls = user;
    for (size_t i = 0; i <= tls->clients.n; i++) {
        const struct kv *pair = &tls->clients.v[i < tls->clients.n ? i : 0];
        SSL_certs_clear(ssl);
        if (SSL_use_certificate_chain_file(ssl, pair->key) != 1 ||
            SSL_use_PrivateKey_file(ssl, key_file(pair), SSL_FILETYPE_PEM) != 1)
            continue;
        if (i == tls->clients.n || issuer_is_wanted(ssl))
            break;
    }
    ERR_clear_error();
    return 1;
}

int http_tls_apply(const struct http_tls *tls, void *ssl_ctx, struct err *e)
{
    SSL_CTX *ctx = ssl_ctx;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    for (size_t i = 0; i < tls->ca.n; i++) {
        ERR_clear_error();
        if (SSL_CTX_load_verify_file(ctx, tls->ca.v[i]) != 1)
            return raise_file("the CA certificates in", tls->ca.v[i], e);
    }
    for (size_t i = tls->clients.n; i-- > 0;)
        TRY(load_pair(ctx, &tls->clients.v[i], e)); /* the first one last: it stays */
    if (tls->clients.n > 1)
        SSL_CTX_set_cert_cb(ctx, choose_client, (void *)(uintptr_t)tls);
    return 0;
}
