/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpack: layers that are in the content store into committed snapshots named by chain id.
 */
#ifndef CRI_IMAGE_UNPACK_H
#define CRI_IMAGE_UNPACK_H

#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "containerd/containerd.h"
#include "parse/ociimage.h"

struct unpack {
    const struct ctrd *ctrd;
    const char *snapshotter;
    const struct oci_descriptor *layers; /* bottom first, n of them */
    const struct strlist *diff_ids;      /* as many */
    const struct strlist *chain_ids;     /* as many */
    /* Called before layer i is read; returns when it is in the content store. */
    int (*wait_layer)(void *user, size_t i, struct err *e);
    void *user;
};

/* Makes the top chain id exist and keeps it from being collected while ctx's lease lives, also when it was there before. A
 * layer's digest after decompression must be its diff id: DATA_LOSS. *ret_hold (in a) names a view to be removed once the image's
 * records exist, NULL for none. On failure no active snapshot is left. Errors of containerd and of wait_layer. */
int unpack_all(const struct unpack *u, const struct ctx *ctx, struct arena *a, const char **ret_hold, struct err *e);

/* Removes a snapshot, not obeying ctx but for its lease; for cleaning up. */
void unpack_discard(const struct ctrd *c, const struct ctx *ctx, const char *snapshotter, const char *key);

#endif
