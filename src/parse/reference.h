/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference: names of images, as people write them ("busybox", "gcr.io/a/b:1", "x@sha256:...") and in the normalised form in which
 * they are stored ("docker.io/library/busybox:latest").
 *
 * The grammar and the normalisation are those of the "distribution" reference package, version 2.8, which containerd and the kubelet
 * agree on: whatever it accepts is accepted here with the same result, whatever it refuses is refused. No memory is allocated: a
 * reference is a plain value of bounded size that can be copied. Pure code, open to proof.
 */
#ifndef CRI_PARSE_REFERENCE_H
#define CRI_PARSE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/view.h"
#include "parse/digest.h"

enum {
    REFERENCE_NAME_MAX = 255, /* bytes of domain, '/' and path together */
    REFERENCE_TAG_MAX = 128,
    REFERENCE_TEXT_MAX = REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX + 1 + DIGEST_TEXT_MAX, /* bytes of the longest text, without NUL */
};

/* A part that is absent is the empty string. `path` is never empty. `domain` is empty in one corner of the grammar only: a first
 * component that looks like a host by its dot but is no legal host name ("my_host.x/a"), which then belongs to the path. */
struct reference {
    char domain[REFERENCE_NAME_MAX + 1];
    char path[REFERENCE_NAME_MAX + 1];
    char tag[REFERENCE_TAG_MAX + 1];
    char digest[DIGEST_TEXT_MAX + 1];
};

/* What a text is. */
enum reference_class {
    REFERENCE_OK = 0,
    REFERENCE_EMPTY,          /* no text */
    REFERENCE_IDENTIFIER,     /* 64 hex digits: an image id, refused as a name */
    REFERENCE_UPPERCASE,      /* would be legal in lower case */
    REFERENCE_NAME_TOO_LONG,  /* more than REFERENCE_NAME_MAX bytes */
    REFERENCE_BAD_NAME,       /* the part before tag and digest is malformed */
    REFERENCE_BAD_TAG,        /* the part behind ':' is malformed or longer than REFERENCE_TAG_MAX */
    REFERENCE_BAD_DIGEST,     /* the part behind '@' is no digest: see digest_classify */
};

/* Parses a familiar or normalised reference and fills in "docker.io" and "library/"; tag and digest are kept as given, no tag is
 * added. *ret is set for REFERENCE_OK only. */
enum reference_class reference_classify(struct view text, struct reference *ret);

/* The same with an error: -ERR_INVALID_ARGUMENT that quotes the text and names the cause. */
int reference_parse_normalized(struct view text, struct reference *ret, struct err *e);

/* The form under which an image is stored: as reference_parse_normalized, then the tag is dropped when a digest is there, and
 * "latest" is added when neither is there. (normalizeImageRef of the first cri-containerd.) */
int reference_normalize(struct view text, struct reference *ret, struct err *e);
/* The second half of it, on a parsed reference. */
void reference_default_tag(struct reference *r);

/* Write "domain/path", and that with ":tag" and "@digest" where present. out gets a NUL; returns the length without it. */
size_t reference_name(const struct reference *r, char out[REFERENCE_NAME_MAX + 1]);
size_t reference_format(const struct reference *r, char out[REFERENCE_TEXT_MAX + 1]);
/* The same in the familiar form: without "docker.io/", and without "library/" where nothing else stands before the last component. */
size_t reference_familiar_name(const struct reference *r, char out[REFERENCE_NAME_MAX + 1]);
size_t reference_familiar(const struct reference *r, char out[REFERENCE_TEXT_MAX + 1]);

/* For an image that `r` named and that has this digest ("sha256:..."): *repo_digest becomes "name@digest"; *repo_tag becomes the
 * reference itself when it has a tag, else empty. -ERR_INVALID_ARGUMENT when the digest is none. (getRepoDigestAndTag of the first
 * cri-containerd.) */
int reference_repo_digest_and_tag(const struct reference *r, struct view digest, char repo_digest[REFERENCE_TEXT_MAX + 1],
                                  char repo_tag[REFERENCE_TEXT_MAX + 1], struct err *e);

/* Sets the tag or the digest, checking it. -ERR_INVALID_ARGUMENT, and *r unchanged, when it is malformed. */
int reference_set_tag(struct reference *r, struct view tag, struct err *e);
int reference_set_digest(struct reference *r, struct view digest, struct err *e);

#endif
