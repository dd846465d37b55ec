/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: the VOLUMEs that an image declares. Each is a directory of the container's own, filled with what the image has at that path, and mounted
 * over it; it lives and goes with the container's files.
 */
#ifndef CRI_CRI_VOLUMES_H
#define CRI_CRI_VOLUMES_H

#include "cri/service.h"

/* Of all volumes of one container together, and of one of them. Removal (fs_remove_all) has no trouble with either. */
enum { VOLUMES_ENTRIES_MAX = 1000000, VOLUMES_DEPTH_MAX = 128 };

/* Makes the volumes of the image, but for those that a mount of the request or a file of the pod takes the place of: <root>/containers/<id>/volumes/<64 hex digits>, with
 * owner, mode and contents of the image's directory; empty, root's and 0755 where the image has nothing. A link in the image leads nowhere but into
 * the image (CVE-2022-23648). *ret is in the arena; 0 volumes are success. What has been made when it fails goes with the container's files.
 * INVALID_ARGUMENT for a volume that is the whole root; FAILED_PRECONDITION for one that is a file; the errors of fs_copy_tree. */
int volumes_make(struct cri_service *s, const struct ctx *ctx, const char *container_id, const Runtime__V1__ContainerConfig *config,
                 const struct image *image, struct arena *a, const struct oci_bind **ret, size_t *ret_n, struct err *e);

#endif
