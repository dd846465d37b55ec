/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store, unpacking: images whose content is in containerd and whose layers are not unpacked, or not with this snapshotter.
 */
#include "image/assemble.h"
#include "image/ingest.h"
#include "image/store_internal.h"

enum { UNPACK_BUDGET = 192 << 20 };

/* What is not here cannot be fetched: nobody knows from where. */
static int fetch_nothing(void *user, const struct ctx *ctx, const struct ingest_blob *blob, int64_t offset, const struct registry_sink *sink,
                         struct err *e)
{
    return err_raise(e, ERR_NOT_FOUND, "layer %s is not in the content store any more", blob->digest);
}

static int lease_layer(void *user, const struct ctx *leased, size_t i, struct err *e)
{
    const struct assemble *m = user;
    const struct oci_descriptor *d = &m->image->manifest.layers[i];
    const struct ingest_blob blob = {.kind = "layer", .digest = d->digest, .size = d->size};
    const struct ingest_source source = {.fetch = fetch_nothing};
    return ingest(m->ctrd, leased, &blob, &source, e);
}

static int unpack_content(struct image_store *s, const struct ctx *ctx, const struct image *img, const char *snapshotter, struct image **ret,
                          struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(UNPACK_BUDGET);
    struct resolved content = {0};
    TRY(image_read_content(&s->ctrd, ctx, &img->target, &content, &a, e));
    struct assemble m = {.ctrd = &s->ctrd,
                         .store = s,
                         .snapshotter = snapshotter,
                         .image = &content,
                         .layers = {.wait = lease_layer},
                         .refresh = img->names.v[0]};
    m.layers.user = &m;
    return assemble(&m, ctx, ret, e);
}

int image_unpack(struct image_store *s, const struct ctx *ctx, const char *snapshotter, struct image **img, struct err *e)
{
    struct image *had = *img, *now = NULL;
    bool own = strcmp(snapshotter, s->snapshotter) == 0;
    if ((own && had->unpacked) || !*had->chain_id)
        return 0;
    if (!own) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct ctrd_snapshot_info info;
        int r = ctrd_snapshot_stat(&s->ctrd, ctx, snapshotter, had->chain_id, &a, &info, e);
        if (r != -ERR_NOT_FOUND)
            return r;
        err_clear(e);
    }
    int r = unpack_content(s, ctx, had, snapshotter, &now, e);
    if (r < 0)
        return err_wrap(e, r, "unpack image %s", had->id);
    *img = now;
    image_unref(had);
    return 0;
}
