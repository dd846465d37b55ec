/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpack: see the header. The calls and keys are those of containerd's own client, so that both can work on one image at the same
 * time.
 */
#include "image/unpack.h"

#include "base/codec.h"
#include "base/id.h"
#include "image/ingest.h"

enum { ATTEMPTS_MAX = 3 };

/* Removes a snapshot, not obeying ctx but for its lease. */
static void discard(const struct unpack *u, const struct ctx *ctx, const char *key)
{
    struct err ignored = ERR_INIT;
    struct ctx own = {.deadline = clock_deadline(10 * NSEC_PER_SEC), .lease = ctx->lease};
    (void)ctrd_snapshot_remove(u->ctrd, &own, u->snapshotter, key, &ignored);
}

/* "extract-<16 hex digits> <chain id>" */
static int make_key(const char *chain_id, struct arena *a, const char **ret, struct err *e)
{
    uint8_t random[8];
    char hex[2 * sizeof(random)];
    TRY(id_random(random, sizeof(random), e));
    hex_encode(random, sizeof(random), hex);
    *ret = arena_printf(a, "extract-%.*s %s", (int)sizeof(hex), hex, chain_id);
    return *ret ? 0 : err_oom(e);
}

/* 1: the snapshot is there; 0: it is not. */
static int exists(const struct unpack *u, const struct ctx *ctx, const char *name, struct arena *a, struct err *e)
{
    struct ctrd_snapshot_info info;
    int r = ctrd_snapshot_stat(u->ctrd, ctx, u->snapshotter, name, a, &info, e);
    if (r == 0)
        return 1;
    if (r != -ERR_NOT_FOUND)
        return r;
    err_clear(e);
    return 0;
}

/* What was seen a moment ago is gone: the collector took it before it was under the lease. A code of its own, so that it is tried
 * again. */
static int lost(int r, struct err *e)
{
    if (r == -ERR_NOT_FOUND) {
        if (e)
            e->code = ERR_ABORTED;
        return -ERR_ABORTED;
    }
    return r;
}

/* Applies layer i to the prepared snapshot and commits it, unless another client was faster. */
static int apply(const struct unpack *u, const struct ctx *ctx, size_t i, const char *key, const struct ctrd_mounts *mounts,
                 const struct kvlist *labels, struct arena *a, struct err *e)
{
    const struct oci_descriptor *layer = &u->layers[i];
    const struct ctrd_descriptor d = {.media_type = layer->media_type, .digest = layer->digest, .size = layer->size};
    struct ctrd_descriptor diff;
    int r = ctrd_diff_apply(u->ctrd, ctx, &d, mounts, a, &diff, e);
    if (r < 0)
        return err_wrap(e, r, "layer %s", layer->digest);
    if (!diff.digest || strcmp(diff.digest, u->diff_ids->v[i]) != 0)
        return err_raise(e, ERR_DATA_LOSS, "layer %s: its content has diff id %s, the image says %s", layer->digest,
                         diff.digest ? diff.digest : "(none)", u->diff_ids->v[i]);
    r = ctrd_snapshot_commit(u->ctrd, ctx, u->snapshotter, u->chain_ids->v[i], key, labels, e);
    if (r == -ERR_ALREADY_EXISTS) {
        err_clear(e);
        discard(u, ctx, key);
    } else if (r < 0) {
        return r;
    }
    struct kvlist uncompressed = {0};
    if (kvlist_set(&uncompressed, a, LABEL_UNCOMPRESSED, diff.digest) < 0)
        return err_oom(e);
    return ctrd_content_set_labels(u->ctrd, ctx, layer->digest, &uncompressed, e);
}

/* With its lock held: makes chain id i exist. */
static int make_layer(const struct unpack *u, const struct ctx *ctx, size_t i, struct arena *a, struct err *e)
{
    const char *chain = u->chain_ids->v[i], *parent = i > 0 ? u->chain_ids->v[i - 1] : "", *key;
    int there = exists(u, ctx, chain, a, e);
    if (there != 0)
        return MIN_OF(there, 0);
    struct kvlist labels = {0};
    if (kvlist_set(&labels, a, LABEL_SNAPSHOT_REF, chain) < 0)
        return err_oom(e);
    struct ctrd_mounts mounts;
    TRY(make_key(chain, a, &key, e));
    int r = ctrd_snapshot_prepare(u->ctrd, ctx, u->snapshotter, key, parent, &labels, a, &mounts, e);
    if (r == -ERR_ALREADY_EXISTS) { /* another client was faster, or the snapshotter brought it itself */
        err_clear(e);
        return 0;
    }
    if (r < 0) {
        discard(u, ctx, key); /* the answer may have been lost, not the snapshot */
        return err_wrap(e, lost(r, e), "snapshot for layer %s", u->layers[i].digest);
    }
    r = apply(u, ctx, i, key, &mounts, &labels, a, e);
    if (r < 0)
        discard(u, ctx, key);
    return r;
}

/* Makes chain id i exist. Who waits for the lock waits for another pull's unpacking, never for its download. */
static int unpack_layer(const struct unpack *u, const struct ctx *ctx, size_t i, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)4 << 20);
    struct keylock_held held;
    int there = exists(u, ctx, u->chain_ids->v[i], &a, e);
    if (there != 0)
        return MIN_OF(there, 0);
    TRY(u->wait_layer(u->user, i, e));
    const char *name = arena_printf(&a, "%s %s", u->snapshotter, u->chain_ids->v[i]);
    if (!name)
        return err_oom(e);
    TRY(keylock_take(u->locks, ctx, name, "another pull that unpacks the same layer", &held, e));
    int r = make_layer(u, ctx, i, &a, e);
    keylock_give(u->locks, &held);
    return r;
}

static int unpack_pass(const struct unpack *u, const struct ctx *ctx, struct err *e)
{
    for (size_t i = 0; i < u->chain_ids->n; i++)
        TRY(unpack_layer(u, ctx, i, e));
    return 0;
}

static int wait_all(const struct unpack *u, struct err *e)
{
    for (size_t i = 0; i < u->chain_ids->n; i++)
        TRY(u->wait_layer(u->user, i, e));
    return 0;
}

int unpack_all(const struct unpack *u, const struct ctx *ctx, struct arena *a, struct err *e)
{
    if (u->chain_ids->n == 0)
        return 0;
    int r = exists(u, ctx, u->chain_ids->v[u->chain_ids->n - 1], a, e);
    for (int attempt = 1; r == 0; attempt++) {
        r = unpack_pass(u, ctx, e);
        if (r != -ERR_ABORTED || attempt == ATTEMPTS_MAX)
            break;
        err_clear(e);
        r = 0;
    }
    return r < 0 ? r : wait_all(u, e);
}
