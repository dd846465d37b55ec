/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chain ids: the names of committed snapshots, computed from an image's diff ids (OCI image specification, config.md, "Layer
 * ChainID").
 */
#ifndef CRI_IMAGE_CHAINID_H
#define CRI_IMAGE_CHAINID_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"

/* One chain id a diff id, bottom first, in a. Empty for no diff ids. INVALID_ARGUMENT when a diff id is no digest;
 * RESOURCE_EXHAUSTED. */
int chainid_all(const struct strlist *diff_ids, struct arena *a, struct strlist *ret, struct err *e);
/* The last of them, "" for no diff ids: what a container's root is prepared from. */
int chainid_top(const struct strlist *diff_ids, struct arena *a, const char **ret, struct err *e);

#endif
