/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash: see the header. OpenSSL's only failures here are memory and a provider that was configured away.
 */
#include "image/hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/codec.h"

static const EVP_MD *algorithm_md(enum digest_algorithm algorithm)
{
    switch (algorithm) {
    case DIGEST_SHA384:
        return EVP_sha384();
    case DIGEST_SHA512:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

int hash_begin(struct hash *h, enum digest_algorithm algorithm, struct err *e)
{
    hash_done(h);
    h->algorithm = algorithm;
    h->md = EVP_MD_CTX_new();
    if (!h->md)
        return err_oom(e);
    if (EVP_DigestInit_ex(h->md, algorithm_md(algorithm), NULL) != 1) {
        hash_done(h);
        ERR_clear_error(); /* else the thread's error queue keeps texts for ever */
        return err_oom(e);
    }
    return 0;
}

int hash_update(struct hash *h, struct view data, struct err *e)
{
    if (data.n > 0 && EVP_DigestUpdate(h->md, data.p, data.n) != 1)
        return err_raise(e, ERR_INTERNAL, "cannot compute a %s digest", digest_algorithm_name(h->algorithm));
    return 0;
}

int hash_end(struct hash *h, char out[DIGEST_TEXT_MAX + 1], struct err *e)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(h->md, bytes, &n) != 1) {
        hash_done(h);
        return err_raise(e, ERR_INTERNAL, "cannot compute a %s digest", digest_algorithm_name(h->algorithm));
    }
    const char *name = digest_algorithm_name(h->algorithm);
    size_t at = strlen(name);
    memcpy(out, name, at);
    out[at++] = ':';
    hex_encode(bytes, n, out + at);
    out[at + 2 * (size_t)n] = '\0';
    hash_done(h);
    return 0;
}

void hash_done(struct hash *h)
{
    EVP_MD_CTX_free(h->md);
    h->md = NULL;
}

int hash_text(enum digest_algorithm algorithm, struct view data, char out[DIGEST_TEXT_MAX + 1], struct err *e)
{
    _cleanup_hash_ struct hash h = HASH_INIT;
    TRY(hash_begin(&h, algorithm, e));
    TRY(hash_update(&h, data, e));
    return hash_end(&h, out, e);
}

int hash_verify(struct view data, const char *digest, const char *what, struct err *e)
{
    struct digest want;
    char have[DIGEST_TEXT_MAX + 1];
    TRY(digest_parse(view_of(digest), &want, e));
    TRY(hash_text(want.algorithm, data, have, e));
    if (strcmp(have, digest) != 0)
        return err_raise(e, ERR_DATA_LOSS, "%s: content has digest %s, expected %s", what, have, digest);
    return 0;
}
