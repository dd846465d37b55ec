/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the image store share: entries, and the step that changes the maps.
 */
#ifndef CRI_IMAGE_STORE_INTERNAL_H
#define CRI_IMAGE_STORE_INTERNAL_H

#include <pthread.h>

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
};

/* An entry with the facts of base (names and pinned are not looked at) and these names, of which it keeps copies; sorts them. */
int image_make(const struct image *base, const char *const *names, size_t n, bool pinned, struct image **ret, struct err *e);

/* What a record's target is: an entry without names. 1: it cannot be used (missing or broken content, missing snapshot, another
 * platform), and *e says why. Negative: containerd could not be asked, or memory is short. */
int image_read(const struct ctrd *c, const struct ctx *ctx, const char *snapshotter, const struct ctrd_descriptor *target,
               struct image **ret, struct err *e);

/* Makes `name` stand for the image of base (NULL: for nothing). All or nothing. */
int store_apply(struct image_store *s, const char *name, const struct image *base, bool pinned, struct err *e);

/* A reference to an image that has this target already, NULL when there is none. */
struct image *store_by_target(struct image_store *s, const char *target_digest);
/* How many changes there were. */
uint64_t store_changes(struct image_store *s);

#endif
