/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One owner: two CRI services on one containerd would delete each other's tasks, so the daemon refuses a containerd whose built-in CRI plugin is loaded.
 */
#ifndef CRI_CRI_OWNER_H
#define CRI_CRI_OWNER_H

#include "containerd/containerd.h"

/* Asks containerd for version and plugins. FAILED_PRECONDITION when its CRI plugin is loaded (the message holds the disabled_plugins line for that version), or when
 * the snapshotter is missing. *ret_version is in the arena, and so is *ret_roots: name to directory ("" when it is not told) of
 * each snapshotter that works. `address` is for messages. */
int cri_check_owner(const struct ctrd *ctrd, const struct ctx *ctx, const char *address, const char *snapshotter, struct arena *a,
                    const char **ret_version, struct kvlist *ret_roots, struct err *e);

#endif
