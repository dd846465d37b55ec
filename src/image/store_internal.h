/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the image store share: entries, and the step that changes the maps.
 */
#ifndef CRI_IMAGE_STORE_INTERNAL_H
#define CRI_IMAGE_STORE_INTERNAL_H

#include <pthread.h>

#include "image/keylock.h"
#include "image/resolve.h"
#include "image/store.h"

/* A record name. */
struct image_name {
    char *id; /* the image that it stands for */
    bool pinned;
};

struct image_store {
    struct ctrd ctrd;
    char *snapshotter;
    char *pinned_name; /* normalised, NULL: none */
    pthread_mutex_t lock;
    struct strmap images; /* id -> struct image, one reference held */
    struct strmap names;  /* record name -> struct image_name */
    uint64_t changes;     /* counts what store_apply did */
    struct keylock unpacking; /* snapshots that are being made */
};

/* An entry with the facts of base (names and pinned are not looked at) and these names, of which it keeps copies; sorts them. */
int image_make(const struct image *base, const char *const *names, size_t n, bool pinned, struct image **ret, struct err *e);

/* What a record's target is: an entry without names. 1: it cannot be used (missing or broken content, another platform), and *e says why. Negative: containerd could not be asked, or memory is short. */
int image_read(const struct ctrd *c, const struct ctx *ctx, const char *snapshotter, const struct ctrd_descriptor *target,
               struct image **ret, struct err *e);

/* Reads an image's documents down to the manifest of this platform and the configuration, and checks that they fit together. In a. NOT_FOUND: a part is
 * missing; INVALID_ARGUMENT and the like: it is none. */
int image_read_content(const struct ctrd *c, const struct ctx *ctx, const struct ctrd_descriptor *target, struct resolved *ret, struct arena *a,
                       struct err *e);

/* Makes `name` stand for the image of base (NULL: for nothing). All or nothing. */
int store_apply(struct image_store *s, const char *name, const struct image *base, bool pinned, struct err *e);

/* A reference to an image that has this target already and is unpacked, NULL when there is none. */
struct image *store_by_target(struct image_store *s, const char *target_digest);
/* The lock of the snapshots that are being made. */
struct keylock *store_unpacking(struct image_store *s);
/* How many changes there were. */
uint64_t store_changes(struct image_store *s);

#endif
