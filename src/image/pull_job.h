/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull job: one pull from start to end, on the caller's thread.
 */
#ifndef CRI_IMAGE_PULL_JOB_H
#define CRI_IMAGE_PULL_JOB_H

#include "base/ctx.h"
#include "base/err.h"
#include "containerd/containerd.h"
#include "image/pull.h"
#include "image/registry.h"

struct pull_job {
    const struct ctrd *ctrd;
    struct image_store *store;
    struct claims *claims; /* shared by all jobs on this store */
    const char *snapshotter;
    struct registry_options registry;
    size_t threads;                /* for layers; 0: none */
    struct reference ref;          /* normalised */
    const struct image_auth *auth; /* may be NULL */
    const struct kvlist *labels;   /* may be NULL */
};

/* Does it. *ret is a reference, the caller's. After a failure only what the collector takes is left. With threads ctx's cancel
 * may be fired when the job fails. Errors as image_pull. */
int pull_job_run(const struct pull_job *job, const struct ctx *ctx, struct image **ret, struct err *e);

#endif
