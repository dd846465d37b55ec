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
#include "image/keylock.h"
#include "parse/ociimage.h"

struct unpack {
    const struct ctrd *ctrd;
    const char *snapshotter;
    const struct oci_descriptor *layers; /* bottom first, n of them */
    const struct strlist *diff_ids;      /* as many */
    const struct strlist *chain_ids;     /* as many */
    struct keylock *locks; /* of the snapshots that are being made, so that each is made once */
    /* Called before layer i is read; returns when it is in the content store. */
    int (*wait_layer)(void *user, size_t i, struct err *e);
    void *user;
};

/* Makes the top chain id exist. The configuration must be under ctx's lease and refer to it by label (LABEL_GC_SNAPSHOT): so it is kept from the
 * collector, also when it was there before. A layer's digest after decompression must be its diff id: DATA_LOSS. On failure no active snapshot is
 * left. Errors of containerd and of wait_layer. a: scratch memory. */
int unpack_all(const struct unpack *u, const struct ctx *ctx, struct arena *a, struct err *e);

#endif
