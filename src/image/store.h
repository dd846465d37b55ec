/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image store: what the daemon knows of containerd's image records, grouped by image.
 *
 * containerd keeps one record a name; an image is everything that shares a config digest. The store holds one immutable, counted
 * entry an image, so a reader keeps a whole and consistent picture without a lock while names come and go. containerd stays the
 * database: the store is loaded from it at start and follows it by image events, pulls and removals. An image is known here only
 * while its content is complete; it may have to be unpacked before it is used, when another client brought it (image_unpack). All functions may be called from any thread; none holds the lock
 * across a call to containerd.
 */
#ifndef CRI_IMAGE_STORE_H
#define CRI_IMAGE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"
#include "containerd/containerd.h"
#include "parse/ociimage.h"

/* Labels of image records, as containerd's CRI plugin writes them. */
#define IMAGE_LABEL_MANAGED       "io.cri-containerd.image"
#define IMAGE_LABEL_MANAGED_VALUE "managed"
#define IMAGE_LABEL_PINNED        "io.cri-containerd.pinned"
#define IMAGE_LABEL_PINNED_VALUE  "pinned"

/* One image; never changes after it was made. Everything in it lives as long as a reference is held. */
struct image {
    atomic_uint refs;
    struct arena arena;
    const char *id;                /* "sha256:<hex>": digest of the config blob; what CRI calls the image's id and image_ref */
    const char *chain_id;          /* committed snapshot to prepare a container's root from; "" for an image without layers */
    int64_t size;                  /* bytes of index, manifest, config and layers as they are in the content store (compressed) */
    struct strlist names;          /* every record name, sorted */
    struct strlist repo_tags;      /* "docker.io/library/busybox:1.36", sorted */
    struct strlist repo_digests;   /* "docker.io/library/busybox@sha256:<hex>", sorted */
    struct ctrd_descriptor target; /* what the records point at: index or manifest */
    bool pinned;
    bool unpacked; /* its top snapshot was there when this was read; also true without layers */
    struct view config_json;        /* the config blob's text, for verbose status */
    struct oci_image_config config; /* the same, read */
};

/* Takes another reference; img may be NULL. Returns img. */
struct image *image_ref(struct image *img);
/* Gives a reference back. NULL is allowed. */
void image_unref(struct image *img);
DEFINE_CLEANUP(struct image *, image_unref);
#define _cleanup_image_ _cleanup_(image_unref_p)

struct image_list {
    struct image **v; /* a reference each */
    size_t n;
};
/* Gives the references back and frees the list; it is empty after it. */
void image_list_done(struct image_list *l);

struct image_store;

struct image_store_options {
    struct ctrd ctrd;        /* its user pointer must outlive the store */
    const char *snapshotter; /* copied */
    const char *pinned_name; /* image that is reported as pinned besides the labelled ones (the pause image), any form; NULL:
                                none. Copied */
};

/* An empty store. RESOURCE_EXHAUSTED, INVALID_ARGUMENT (snapshotter missing). */
int image_store_new(const struct image_store_options *options, struct image_store **ret, struct err *e);
/* Frees it; entries that somebody still holds stay valid. NULL is allowed. */
void image_store_free(struct image_store *s);

/* Reads every image record of containerd (at start, and after the event stream broke). Records that cannot be used, because
 * content is missing or broken, are left out; their number is *ret_skipped (may be NULL). Errors: containerd cannot
 * be reached, ctx, memory. */
int image_store_load(struct image_store *s, const struct ctx *ctx, size_t *ret_skipped, struct err *e);

/* Reads one record again, after an image event or a change made here: adds, moves or drops the name. A record that is not marked
 * as managed is adopted: the record named by the image's id is made, and the label set. A record that cannot be used is dropped
 * from the store and is no error (as an image in the middle of its pull is). Errors are containerd's. */
int image_store_update(struct image_store *s, const struct ctx *ctx, const char *name, struct err *e);

/* All images, sorted by id; an id or reference in `only` (NULL or "": no filter) limits it to that image. RESOURCE_EXHAUSTED;
 * INVALID_ARGUMENT as image_resolve_local. */
int image_store_list(struct image_store *s, const char *only, struct image_list *ret, struct err *e);

/* The image that an id ("sha256:<hex>"), a reference (normalised first: "busybox" is docker.io/library/busybox:latest) or a
 * unique beginning of an id ("sha256:<at least one digit>" or hex only) means. 1: *ret is a reference that the caller gives back.
 * 0: not known. INVALID_ARGUMENT when the text is none of the three, or is the beginning of several ids. From memory: no call is
 * made. */
int image_resolve_local(struct image_store *s, const char *ref_or_id, struct image **ret, struct err *e);

/* Removes every record of the image; the last one synchronously, so its content and snapshots are collected before this returns.
 * An image that is not known, or whose records another client removed meanwhile, is success. The name that ref_or_id is goes last:
 * after a failure the rest is found by it again. */
int image_remove(struct image_store *s, const struct ctx *ctx, const char *ref_or_id, struct err *e);

/* Makes sure that the layers of *img are unpacked with this snapshotter, from the content store alone; nothing is asked when the store's own snapshotter
 * is meant and has them. *img may become another entry of the same image. NOT_FOUND: a layer, or the image, is gone meanwhile; DATA_LOSS; containerd's
 * errors. */
int image_unpack(struct image_store *s, const struct ctx *ctx, const char *snapshotter, struct image **img, struct err *e);

/* Number of images. */
size_t image_store_count(struct image_store *s);

#endif
