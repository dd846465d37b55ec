/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolve: from a reference to everything that is known about an image before its layers are fetched.
 */
#ifndef CRI_IMAGE_RESOLVE_H
#define CRI_IMAGE_RESOLVE_H

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "image/registry.h"
#include "parse/ociimage.h"

enum { RESOLVE_DEPTH_MAX = 3 }; /* indexes above the manifest */

struct resolved_document {
    const char *media_type, *digest;
    struct view bytes;
    bool is_index;
    struct oci_index index; /* of an index */
};

/* Lives in the arena that it was made in. */
struct resolved {
    struct resolved_document documents[RESOLVE_DEPTH_MAX + 1]; /* what the reference names first, the manifest last */
    size_t n_documents;
    struct oci_manifest manifest;
    struct view config_bytes;
    struct oci_image_config config;
    struct strlist chain_ids; /* one a layer */
    int64_t size;             /* bytes of documents, config and layers */
};

/* Fetches manifest (through indexes, by platform) and configuration and checks that they fit together. `tag_or_digest` is what
 * the reference ends in. NOT_FOUND: no such image, or none for this platform. INVALID_ARGUMENT: malformed documents, schema 1, an
 * artifact that is no image. FAILED_PRECONDITION: foreign layers. DATA_LOSS, RESOURCE_EXHAUSTED and the rest as
 * registry_manifest. */
int resolve_image(struct registry *r, const struct ctx *ctx, const char *tag_or_digest, struct arena *a, struct resolved *ret,
                  struct err *e);

/* The same checks on documents at hand: manifest and config_bytes of *res are set; fills config, chain_ids and size. */
int resolve_check(struct resolved *res, struct arena *a, struct err *e);

#endif
