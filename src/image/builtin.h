/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built in: the image with the daemon's own pause program (pause/pause.c), for a node that starts while no registry can be reached.
 */
#ifndef CRI_IMAGE_BUILTIN_H
#define CRI_IMAGE_BUILTIN_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "image/resolve.h"

/* The program, a static ELF file. Made from it at build time. */
extern const unsigned char pause_program[];
extern const size_t pause_program_size;

/* The image's manifest, configuration and only layer (a tar of /pause), in a. The same bytes, and so the same digests, from every build with the same
 * compiler. RESOURCE_EXHAUSTED. */
int builtin_pause(struct arena *a, struct resolved *ret, struct view *ret_layer, struct err *e);

#endif
