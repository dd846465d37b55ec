/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingest: blobs into containerd's content store, under the lease of ctx, with labels that other records' garbage collection
 * needs.
 */
#ifndef CRI_IMAGE_INGEST_H
#define CRI_IMAGE_INGEST_H

#include <stdint.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "containerd/containerd.h"
#include "image/registry.h"

/* Labels that containerd's collector and clients read (containerd docs/garbage-collection.md, content-flow.md). */
#define LABEL_GC_CONFIG    "containerd.io/gc.ref.content.config"
#define LABEL_GC_LAYER     "containerd.io/gc.ref.content.l." /* + number */
#define LABEL_GC_MANIFEST  "containerd.io/gc.ref.content.m."
#define LABEL_GC_SNAPSHOT  "containerd.io/gc.ref.snapshot." /* + snapshotter */
#define LABEL_GC_EXPIRE    "containerd.io/gc.expire"
#define LABEL_SOURCE       "containerd.io/distribution.source." /* + host */
#define LABEL_UNCOMPRESSED "containerd.io/uncompressed"
#define LABEL_SNAPSHOT_REF "containerd.io/snapshot.ref"

/* What a blob is and where it came from. */
struct ingest_blob {
    const char *kind; /* "manifest", "index", "config", "layer": containerd's clients name ingests "<kind>-<digest>" */
    const char *digest;
    int64_t size;
    const struct kvlist *labels; /* set besides the source; may be NULL */
    const char *source_host, *source_repository; /* NULL: from no registry */
};

/* Where its bytes come from. fetch writes [offset, size) to the sink; ABORTED as registry_blob: it is called again from the start. */
struct ingest_source {
    void *user;
    int (*fetch)(void *user, const struct ctx *ctx, const struct ingest_blob *blob, int64_t offset,
                 const struct registry_sink *sink, struct err *e);
};

/* Makes the blob be there: takes it under ctx's lease when it is already, goes on where an earlier ingest stopped, waits while
 * another client writes it. containerd verifies size and digest once more when it commits; an ingest that turns out wrong is
 * dropped. Then the labels are set; the source label keeps repositories that it names already. Errors of fetch and of containerd;
 * DATA_LOSS. */
int ingest(const struct ctrd *c, const struct ctx *ctx, const struct ingest_blob *blob, const struct ingest_source *source,
           struct err *e);
/* The same for bytes at hand. */
int ingest_bytes(const struct ctrd *c, const struct ctx *ctx, const struct ingest_blob *blob, struct view bytes, struct err *e);

#endif
