/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image users: the passwd and group files of images, read once an image and kept, so that looking up a container's user costs no mount.
 *
 * They are read from a view of the image (image_view.h): regular files only, at most 1 MiB each; an image cannot make the daemon read anything
 * outside its own root.
 */
#ifndef CRI_CRI_IMAGE_USERS_H
#define CRI_CRI_IMAGE_USERS_H

#include "cri/service.h"

enum { IMAGE_USERS_FILE_MAX = 1 << 20, IMAGE_USERS_CACHED_MAX = 64 };

struct users_cache *users_cache_new(void);
void users_cache_free(struct users_cache *c);

/* Who the container's process is: from the request's security context, else from the image's USER; then its group and supplementary groups from the
 * image's files. groups live in the arena. INVALID_ARGUMENT: run_as_group without a user, or an id out of range. NOT_FOUND: a name that the image does not know. */
int image_user_resolve(struct cri_service *s, const struct ctx *ctx, const struct image *image, const Runtime__V1__LinuxContainerSecurityContext *sc,
                       struct arena *a, struct oci_user *ret, struct err *e);

#endif
