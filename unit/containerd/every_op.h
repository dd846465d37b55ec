/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation once: a scene on the fake containerd in which each of CTRD_OPS succeeds, and one function an operation that
 * does it. Sweeps, fault tests and the fuzz target of answers run through this table; an operation that is not in it does not
 * compile.
 */
#ifndef CRI_UNIT_CONTAINERD_EVERY_OP_H
#define CRI_UNIT_CONTAINERD_EVERY_OP_H

#include "containerd/containerd.h"
#include "fake.h"

#define SCENE_BLOB "the blob"

struct scene {
    struct fake *f;
    struct ctrd c;
    struct ctx ctx;
    char blob[FAKE_DIGEST_MAX]; /* digest of SCENE_BLOB */
};

struct every_op {
    const char *name;
    const char *object; /* what an error of it names */
    int (*run)(struct scene *s, struct arena *a, struct err *e);
};
extern const size_t n_every_op;
struct every_op every_op_at(size_t i);

/* Makes a fake; virtual time from here on. */
void scene_init(struct scene *s);
void scene_done(struct scene *s);
/* Sets the stage anew: container, running task, exec, image, blob, ingest, snapshots, lease. Allocation failures pause meanwhile.
 */
void scene_set(struct scene *s);
/* Runs an operation on a fresh scene with an arena of its own, and frees what it gave. */
int scene_run(struct scene *s, const struct every_op *op, struct err *e);

#endif
