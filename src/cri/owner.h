/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One owner: two CRI services on one containerd would delete each other's tasks, so the daemon refuses a containerd whose built-in CRI plugin is loaded.
 */
#ifndef CRI_CRI_OWNER_H
#define CRI_CRI_OWNER_H

#include "containerd/containerd.h"

/* What containerd says of itself; in the arena. */
struct cri_owner {
    const char *version;
    struct ctrd_plugins plugins;
    bool runs_cri;            /* its own CRI plugin is loaded */
    const char *cri_off_line; /* the line of its configuration that turns that off. Static */
};

/* Asks it for version and plugins. Errors are containerd's, UNAVAILABLE when it does not answer. `address` is for messages, also below. */
int cri_owner_ask(const struct ctrd *ctrd, const struct ctx *ctx, const char *address, struct arena *a, struct cri_owner *ret, struct err *e);

/* The directory that a snapshotter keeps snapshots in, "" when it does not say. FAILED_PRECONDITION when containerd has no such snapshotter, or it does not
 * work. */
int cri_owner_snapshotter(const struct cri_owner *o, const char *address, const char *name, const char **ret_root, struct err *e);

/* Asks containerd for version and plugins. FAILED_PRECONDITION when its CRI plugin is loaded (the message holds the disabled_plugins line for that version), or when
 * the snapshotter is missing. *ret_version is in the arena, and so is *ret_roots: name to directory ("" when it is not told) of
 * each snapshotter that works. `address` is for messages. */
int cri_check_owner(const struct ctrd *ctrd, const struct ctx *ctx, const char *address, const char *snapshotter, struct arena *a,
                    const char **ret_version, struct kvlist *ret_roots, struct err *e);

#endif
