/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored: what stands in containerd and on the disk about pods and containers, as recovery reads it: records by kind, each checked, and the folders of their
 * files.
 */
#ifndef CRI_CRI_STORED_H
#define CRI_CRI_STORED_H

#include "containerd/containerd.h"
#include "state/meta.h"

/* The records of a kind (META_KIND_SANDBOX, META_KIND_CONTAINER), in a. containerd's errors. */
int stored_list(const struct ctrd *ctrd, const struct ctx *ctx, const char *kind, struct arena *a, struct ctrd_container **ret, size_t *ret_n,
                struct err *e);

/* What a record says. INVALID_ARGUMENT or DATA_LOSS when it cannot be used: it is damaged, another object's, or without a configuration. */
int stored_sandbox(const struct ctrd_container *record, struct arena *a, struct sandbox_meta *ret, struct err *e);
int stored_container(const struct ctrd_container *record, struct arena *a, struct container_meta *ret, struct err *e);

/* The names in a folder of pods or containers (<root>/sandboxes, <state>/containers ...) that can be ids of ours; a folder that is not there has none. In
 * a. RESOURCE_EXHAUSTED. */
int stored_folders(const char *folder, struct arena *a, struct strlist *ret, struct err *e);

/* Views of images that a daemon which was killed may have left (image_view.c). */
#define STORED_VIEW_PREFIX "cri-view-"

/* True when a name can be the id of a pod or container of ours. */
bool stored_is_id(const char *name);

#endif
