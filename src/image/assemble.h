/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assemble: from documents and layers to an image in containerd, wherever they come from: a registry, the content store, this program.
 *
 * Everything happens under a lease that is taken first and given up last: documents with the labels that garbage collection follows, layers, snapshots,
 * records. So a collection at any moment leaves the image whole, and after a failure only what the collector takes is left.
 */
#ifndef CRI_IMAGE_ASSEMBLE_H
#define CRI_IMAGE_ASSEMBLE_H

#include "base/ctx.h"
#include "base/err.h"
#include "containerd/containerd.h"
#include "image/claims.h"
#include "image/resolve.h"
#include "image/store.h"

enum { ASSEMBLE_NAMES_MAX = 4 };

/* Where layers come from. */
struct assemble_layers {
    /* Called once the lease is there, with the ctx of it, which lives until stop. May be NULL. */
    int (*start)(void *user, const struct ctx *leased, struct err *e);
    /* Returns when layer i (from the bottom) is in the content store under the lease. */
    int (*wait)(void *user, const struct ctx *leased, size_t i, struct err *e);
    void (*stop)(void *user); /* also after a failure of start. May be NULL */
    void *user;
};

struct assemble {
    const struct ctrd *ctrd;
    struct image_store *store;
    struct claims *claims; /* of all who may make the same names at the same time */
    const char *snapshotter;
    const struct resolved *image; /* checked; the first document is what the names will point at */
    struct assemble_layers layers;
    const char *source_host, *source_repository; /* for the source label of blobs; NULL: none */
    const char *names[ASSEMBLE_NAMES_MAX];       /* records to make */
    size_t n_names;
    const char *refresh;         /* a record that exists, to be read again at the end; NULL: none */
    const struct kvlist *labels; /* further labels of the first n_labelled names; may be NULL */
    size_t n_labelled;
};

/* Adds a name unless it is "" or there already. */
int assemble_name(struct assemble *m, struct arena *a, const char *name, struct err *e);

/* Does it. *ret is a reference, the caller's. NOT_FOUND also when the image was removed right after it was made. Errors of containerd and of the
 * layers' functions. */
int assemble(const struct assemble *m, const struct ctx *ctx, struct image **ret, struct err *e);

#endif
