/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digest: the text form of a content address, "<algorithm>:<hex>" (OCI image specification, descriptor.md, "Digests").
 *
 * Registered algorithms only (sha256, sha384, sha512), lower-case hex, the algorithm's exact length: two texts of one content never
 * differ, so a digest can be compared, stored and used as a file name as it is. Pure code, open to proof.
 */
#ifndef CRI_PARSE_DIGEST_H
#define CRI_PARSE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/view.h"

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_ALGORITHMS };

enum {
    DIGEST_HEX_MAX = 128,                /* hex digits of the longest digest (sha512) */
    DIGEST_TEXT_MAX = 7 + DIGEST_HEX_MAX, /* bytes of its text, without NUL */
    DIGEST_SHA256_TEXT = 7 + 64,          /* bytes of "sha256:<hex>" */
};

/* What a text is, in the order in which it is looked at. */
enum digest_class {
    DIGEST_CLASS_OK = 0,
    DIGEST_CLASS_NO_SEPARATOR, /* no ':' at all */
    DIGEST_CLASS_BAD_FORMAT,   /* not of the form algorithm:encoded */
    DIGEST_CLASS_UNSUPPORTED,  /* well formed, but no algorithm of ours */
    DIGEST_CLASS_BAD_LENGTH,   /* wrong number of hex digits */
    DIGEST_CLASS_BAD_HEX,      /* right length, but not lower-case hex */
};

struct digest {
    enum digest_algorithm algorithm;
    struct view text; /* all of it; points into the bytes that were parsed */
    struct view hex;  /* behind the ':' */
};

/* Says what v is; *ret (may be NULL) is set for DIGEST_CLASS_OK only. */
enum digest_class digest_classify(struct view v, struct digest *ret);

/* As digest_classify; -ERR_INVALID_ARGUMENT with the cause unless it is DIGEST_CLASS_OK. */
int digest_parse(struct view v, struct digest *ret, struct err *e);

/* "sha256" and so on (static), and how many hex digits the algorithm has. */
const char *digest_algorithm_name(enum digest_algorithm a);
size_t digest_hex_len(enum digest_algorithm a);

/* True for lower-case hex digits only; false for the empty view. */
bool digest_is_hex(struct view v);

#endif
