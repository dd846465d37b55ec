/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash: content addresses computed as bytes pass by. A thin cover over OpenSSL's digests.
 */
#ifndef CRI_IMAGE_HASH_H
#define CRI_IMAGE_HASH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/view.h"
#include "parse/digest.h"

struct hash {
    void *md; /* EVP_MD_CTX, NULL when not begun */
    enum digest_algorithm algorithm;
};
#define HASH_INIT                                                                                                                \
    {                                                                                                                            \
        .md = NULL                                                                                                               \
    }

/* Begins a computation; what was begun before is dropped. RESOURCE_EXHAUSTED, INTERNAL (the crypto library refuses). */
int hash_begin(struct hash *h, enum digest_algorithm algorithm, struct err *e);
int hash_update(struct hash *h, struct view data, struct err *e);
/* Ends it and writes "<algorithm>:<hex>" with a NUL (image-spec, descriptor.md). The hash is as after hash_done. */
int hash_end(struct hash *h, char out[DIGEST_TEXT_MAX + 1], struct err *e);
void hash_done(struct hash *h);
#define _cleanup_hash_ _cleanup_(hash_done)

/* The digest of bytes at hand. */
int hash_text(enum digest_algorithm algorithm, struct view data, char out[DIGEST_TEXT_MAX + 1], struct err *e);
/* 0 when data has this digest; INVALID_ARGUMENT when `digest` is none; DATA_LOSS when it differs, naming `what` and both digests.
 */
int hash_verify(struct view data, const char *digest, const char *what, struct err *e);

#endif
