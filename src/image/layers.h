/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers: fetching an image's layers into the content store, several at a time, in the order in which they are unpacked.
 */
#ifndef CRI_IMAGE_LAYERS_H
#define CRI_IMAGE_LAYERS_H

#include <stdbool.h>

#include "base/ctx.h"
#include "base/err.h"
#include "containerd/containerd.h"
#include "image/registry.h"
#include "parse/ociimage.h"

struct layers;

struct layers_options {
    const struct ctrd *ctrd;
    struct registry *registry;
    const struct oci_descriptor *layers; /* n of them; the same digest may stand there twice */
    size_t n;
    const char *source_host, *source_repository;
    size_t threads; /* 0: a layer is fetched by the caller when it is waited for */
};

/* Starts the threads; as many as the system gives. ctx (with the lease) and everything in options must live until layers_stop. */
int layers_start(const struct layers_options *options, const struct ctx *ctx, struct layers **ret, struct err *e);
/* Returns when layer i is in the content store, or with the first failure of any layer. */
int layers_wait(struct layers *l, size_t i, struct err *e);
/* Ends the threads and frees. With layers still under way ctx's cancel is fired, to end them now. NULL is allowed. */
void layers_stop(struct layers *l);

#endif
