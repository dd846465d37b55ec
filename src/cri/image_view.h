/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image view: a look into an image's root file system, without a container of it: a view of its top snapshot, opened through a mount that never
 * appears in the mount table. Links and whiteouts are the kernel's business.
 */
#ifndef CRI_CRI_IMAGE_VIEW_H
#define CRI_CRI_IMAGE_VIEW_H

#include "cri/service.h"

/* Runs fn with the root directory of the image, open for reading, and returns what it returns; nothing of the view is left, whether fn works or not.
 * The view is a root of garbage collection for as long as it is needed. Below root only fs_open_in_root is safe: links are the image's. An image
 * without layers has no root: FAILED_PRECONDITION. */
int image_view_run(struct cri_service *s, const struct ctx *ctx, const struct image *image, int (*fn)(void *arg, int root, struct err *e), void *arg,
                   struct err *e);

/* Removes views that a daemon which was killed left behind. Once, at start. */
void image_view_clean(struct cri_service *s, const struct ctx *ctx);

#endif
