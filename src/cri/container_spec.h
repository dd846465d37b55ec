/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container spec: gathers what oci/ needs to know about host, image and pod, and has it written.
 */
#ifndef CRI_CRI_CONTAINER_SPEC_H
#define CRI_CRI_CONTAINER_SPEC_H

#include "cri/service.h"

/* Appends the container's OCI spec to out. Host paths of mounts that are missing are created as directories, as the kubelet expects; the
 * image's volumes are made among the container's files. Errors name the field of the request. */
int container_spec_make(struct cri_service *s, const struct ctx *ctx, const struct runtime_handler *handler, struct sandbox *sb, struct container *c,
                        const struct image *image, struct arena *a, struct buf *out, struct err *e);

#endif
