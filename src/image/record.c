/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record: see the header. Create and update are two calls, so the record may come or go in between; then it is tried again.
 */
#include "image/record.h"

#include "image/store.h"

enum { ATTEMPTS_MAX = 4 };

static int wanted_labels(const struct kvlist *labels, struct arena *a, struct kvlist *ret, struct err *e)
{
    struct kvlist out = {0};
    if (kvlist_set(&out, a, IMAGE_LABEL_MANAGED, IMAGE_LABEL_MANAGED_VALUE) < 0)
        return err_oom(e);
    for (size_t i = 0; labels && i < labels->n; i++)
        if (kvlist_set(&out, a, labels->v[i].key, labels->v[i].value) < 0)
            return err_oom(e);
    *ret = out;
    return 0;
}

static bool same(const struct ctrd_image *have, const struct ctrd_descriptor *target, const struct kvlist *want)
{
    if (!have->target.digest || strcmp(have->target.digest, target->digest) != 0)
        return false;
    for (size_t i = 0; i < want->n; i++) {
        const char *value = kvlist_get(&have->labels, want->v[i].key);
        if (!value || strcmp(value, want->v[i].value) != 0)
            return false;
    }
    return true;
}

/* The record is there: changes what differs. */
static int update(const struct ctrd *c, const struct ctx *ctx, const char *name, const struct ctrd_descriptor *target,
                  const struct kvlist *want, struct arena *a, struct err *e)
{
    struct ctrd_image have;
    TRY(ctrd_image_get(c, ctx, name, a, &have, e));
    if (same(&have, target, want))
        return 0;
    for (size_t i = 0; i < want->n; i++)
        if (kvlist_set(&have.labels, a, want->v[i].key, want->v[i].value) < 0)
            return err_oom(e);
    have.target = *target;
    return ctrd_image_update(c, ctx, &have, e);
}

void record_take_back(const struct ctrd *c, const struct ctx *ctx, const char *name, const char *target_digest, int64_t since)
{
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)4 << 20);
    struct err ignored = ERR_INIT;
    struct ctrd_image have;
    if (ctrd_image_get(c, ctx, name, &a, &have, &ignored) == 0 && have.created_at >= since && have.target.digest &&
        strcmp(have.target.digest, target_digest) == 0)
        (void)ctrd_image_delete(c, ctx, name, false, &ignored);
}

int record_put(const struct ctrd *c, const struct ctx *ctx, const char *name, const struct ctrd_descriptor *target,
               const struct kvlist *labels, struct err *e)
{
    int r = 0;
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT((size_t)4 << 20);
        struct ctrd_image image = {.name = name, .target = *target};
        TRY(wanted_labels(labels, &a, &image.labels, e));
        r = ctrd_image_create(c, ctx, &image, e);
        if (r != -ERR_ALREADY_EXISTS)
            return r < 0 ? r : 1;
        err_clear(e);
        r = update(c, ctx, name, target, &image.labels, &a, e);
        if (r != -ERR_NOT_FOUND)
            return r;
        err_clear(e);
    }
    return err_raise(e, ERR_ABORTED, "image record \"%s\": other clients keep changing it", name);
}
