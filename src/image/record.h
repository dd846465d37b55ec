/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record: image records in containerd, as containerd's CRI plugin writes them.
 */
#ifndef CRI_IMAGE_RECORD_H
#define CRI_IMAGE_RECORD_H

#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "containerd/containerd.h"

/* Makes the record `name` point at target and carry the managed label and `labels` (may be NULL): created, or changed when it is
 * there and differs; labels that others gave it stay. A record that is removed in between is made again. 1: it was not there
 * before; 0: it was. Errors are containerd's. */
int record_put(const struct ctrd *c, const struct ctx *ctx, const char *name, const struct ctrd_descriptor *target,
               const struct kvlist *labels, struct err *e);

/* Undoes a record_put that returned 1 or failed (its answer may have been lost): deletes the record when it was made at or after `since` (clock_real)
 * and points at target. Never fails: it is for cleaning up. */
void record_take_back(const struct ctrd *c, const struct ctx *ctx, const char *name, const char *target_digest, int64_t since);

#endif
