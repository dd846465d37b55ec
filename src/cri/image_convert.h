/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image of the store as CRI's Image message.
 */
#ifndef CRI_CRI_IMAGE_CONVERT_H
#define CRI_CRI_IMAGE_CONVERT_H

#include "cri/runtime_v1.pb-c.h"
#include "image/store.h"

/* *ret and everything in it live in the arena. */
int image_convert(const struct image *image, struct arena *a, Runtime__V1__Image **ret, struct err *e);

#endif
