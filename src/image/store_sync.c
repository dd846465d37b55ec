/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store, the side that asks containerd: reading records at start, after events and after changes; adopting; removing.
 */
#include "image/chainid.h"
#include "image/record.h"
#include "image/resolve.h"
#include "image/store_internal.h"
#include "parse/reference.h"

enum {
    READ_BUDGET = 192 << 20,
    UPDATE_ATTEMPTS_MAX = 4,
    LIST_BUDGET = 64 << 20,
};

/* A whole blob of at most max bytes, in a. */
static int read_blob(const struct ctrd *c, const struct ctx *ctx, const char *digest, size_t max, struct arena *a,
                     struct view *ret, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(max);
    TRY(ctrd_content_read(c, ctx, digest, &b, e));
    ret->p = arena_memdup(a, b.p ? b.p : "", b.n);
    ret->n = b.n;
    return ret->p ? 0 : err_oom(e);
}

/* Reads documents from target down to the manifest. */
static int read_documents(const struct ctrd *c, const struct ctx *ctx, const struct ctrd_descriptor *target, struct resolved *res,
                          struct arena *a, struct err *e)
{
    const struct oci_platform host = oci_platform_host();
    const char *digest = target->digest, *type = target->media_type ? target->media_type : "";
    while (res->n_documents <= RESOLVE_DEPTH_MAX) {
        struct resolved_document *d = &res->documents[res->n_documents++];
        enum oci_media kind;
        d->digest = digest;
        d->media_type = type;
        TRY(read_blob(c, ctx, digest, OCI_MANIFEST_BYTES_MAX, a, &d->bytes, e));
        TRY(oci_document_kind(d->bytes, view_of(type), &kind, e));
        if (kind == OCI_MEDIA_IS_MANIFEST)
            return oci_manifest_parse(d->bytes, a, &res->manifest, e);
        if (kind != OCI_MEDIA_IS_INDEX)
            return err_raise(e, ERR_INVALID_ARGUMENT, "content %s is neither an image manifest nor an index", digest);
        const struct oci_descriptor *best;
        d->is_index = true;
        TRY(oci_index_parse(d->bytes, a, &d->index, e));
        TRY(oci_index_select(&d->index, &host, &best, e));
        digest = best->digest;
        type = best->media_type;
    }
    return err_raise(e, ERR_INVALID_ARGUMENT, "more than %d indexes lie inside one another", RESOLVE_DEPTH_MAX);
}

int image_read_content(const struct ctrd *c, const struct ctx *ctx, const struct ctrd_descriptor *target, struct resolved *ret, struct arena *a,
                       struct err *e)
{
    TRY(read_documents(c, ctx, target, ret, a, e));
    TRY(read_blob(c, ctx, ret->manifest.config.digest, OCI_CONFIG_BYTES_MAX, a, &ret->config_bytes, e));
    return resolve_check(ret, a, e);
}

/* All layers are there. *ret: and unpacked. */
static int check_complete(const struct ctrd *c, const struct ctx *ctx, const char *snapshotter, const struct resolved *res,
                          struct arena *a, bool *ret, struct err *e)
{
    *ret = true;
    for (size_t i = 0; i < res->manifest.n_layers; i++) {
        struct ctrd_content_info info;
        TRY(ctrd_content_info(c, ctx, res->manifest.layers[i].digest, a, &info, e));
    }
    if (res->chain_ids.n == 0)
        return 0;
    struct ctrd_snapshot_info info;
    int r = ctrd_snapshot_stat(c, ctx, snapshotter, res->chain_ids.v[res->chain_ids.n - 1], a, &info, e);
    *ret = r == 0;
    if (r == -ERR_NOT_FOUND) {
        err_clear(e);
        return 0;
    }
    return r;
}

/* Failures that speak of the image and not of containerd or of memory. */
static bool is_unusable(int r, const struct err *e)
{
    return r == -ERR_NOT_FOUND || r == -ERR_INVALID_ARGUMENT || r == -ERR_DATA_LOSS || r == -ERR_OUT_OF_RANGE ||
           r == -ERR_FAILED_PRECONDITION || (r == -ERR_RESOURCE_EXHAUSTED && !err_is_oom(e));
}

static int read_image(const struct ctrd *c, const struct ctx *ctx, const char *snapshotter, const struct ctrd_descriptor *target,
                      struct resolved *res, struct arena *a, struct image **ret, struct err *e)
{
    bool unpacked;
    TRY(image_read_content(c, ctx, target, res, a, e));
    TRY(check_complete(c, ctx, snapshotter, res, a, &unpacked, e));
    const struct image facts = {
        .id = res->manifest.config.digest,
        .chain_id = res->chain_ids.n ? res->chain_ids.v[res->chain_ids.n - 1] : "",
        .size = res->size,
        .unpacked = unpacked,
        .target = *target,
        .config_json = res->config_bytes,
    };
    return image_make(&facts, NULL, 0, false, ret, e);
}

int image_read(const struct ctrd *c, const struct ctx *ctx, const char *snapshotter, const struct ctrd_descriptor *target,
               struct image **ret, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(READ_BUDGET);
    struct err mine = ERR_INIT;
    struct resolved res = {0};
    if (!target->digest || digest_classify(view_of(target->digest), NULL) != DIGEST_CLASS_OK) {
        (void)err_raise(e, ERR_INVALID_ARGUMENT, "the record's target is not a digest");
        return 1;
    }
    int r = read_image(c, ctx, snapshotter, target, &res, &a, ret, &mine);
    if (r < 0 && e)
        *e = mine;
    return r < 0 && is_unusable(r, &mine) ? 1 : r;
}

/* Gives an unmarked record the id's record and the label, as containerd's CRI plugin does: then kubelet's garbage collection sees
 * it. */
static int adopt(struct image_store *s, const struct ctx *ctx, const struct ctrd_image *record, const struct image *img,
                 struct err *e)
{
    TRY(record_put(&s->ctrd, ctx, img->id, &record->target, NULL, e));
    TRY(store_apply(s, img->id, img, false, e));
    int r = record_put(&s->ctrd, ctx, record->name, &record->target, NULL, e);
    return r < 0 ? r : 0;
}

/* Takes a record as it is now into the store. 1: it cannot be used and is not in the store. reuse: an entry with the same target
 * is taken for what containerd has. *changes counts what it did to the store. */
static int take_record(struct image_store *s, const struct ctx *ctx, const struct ctrd_image *record, bool reuse, uint64_t *changes,
                       struct err *e)
{
    _cleanup_image_ struct image *img = NULL;
    if (reuse && record->target.digest)
        img = store_by_target(s, record->target.digest);
    int r = img ? 0 : image_read(&s->ctrd, ctx, s->snapshotter, &record->target, &img, e);
    if (r < 0)
        return r;
    ++*changes;
    if (r > 0) {
        TRY(store_apply(s, record->name, NULL, false, e));
        return 1;
    }
    const char *managed = kvlist_get(&record->labels, IMAGE_LABEL_MANAGED),
               *pinned = kvlist_get(&record->labels, IMAGE_LABEL_PINNED);
    if (!managed || strcmp(managed, IMAGE_LABEL_MANAGED_VALUE) != 0) {
        ++*changes;
        TRY(adopt(s, ctx, record, img, e));
    }
    return store_apply(s, record->name, img, pinned && strcmp(pinned, IMAGE_LABEL_PINNED_VALUE) == 0, e);
}

/* One reading. 1: somebody else changed the store meanwhile, so what was read may be old. */
static int update_once(struct image_store *s, const struct ctx *ctx, const char *name, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)4 << 20);
    struct ctrd_image record;
    uint64_t before = store_changes(s), own = 0;
    int r = ctrd_image_get(&s->ctrd, ctx, name, &a, &record, e);
    if (r == -ERR_NOT_FOUND) {
        err_clear(e);
        own = 1;
        r = store_apply(s, name, NULL, false, e);
    } else if (r == 0) {
        r = take_record(s, ctx, &record, true, &own, e);
    }
    if (r < 0)
        return r;
    err_clear(e);
    return store_changes(s) != before + own;
}

int image_store_update(struct image_store *s, const struct ctx *ctx, const char *name, struct err *e)
{
    int r = 1;
    for (int i = 0; i < UPDATE_ATTEMPTS_MAX && r > 0; i++)
        r = update_once(s, ctx, name, e);
    return r < 0 ? err_wrap(e, r, "image record \"%s\"", name) : 0;
}

/* Names that are in the store and not in containerd's list go. */
static int drop_missing(struct image_store *s, const struct ctx *ctx, const struct ctrd_images *all, struct err *e)
{
    struct image_list known;
    TRY(image_store_list(s, NULL, &known, e));
    int r = 0;
    for (size_t i = 0; i < known.n && r >= 0; i++)
        for (size_t j = 0; j < known.v[i]->names.n && r >= 0; j++) {
            bool listed = false;
            for (size_t k = 0; k < all->n && !listed; k++)
                listed = strcmp(all->v[k].name, known.v[i]->names.v[j]) == 0;
            if (!listed)
                r = image_store_update(s, ctx, known.v[i]->names.v[j], e);
        }
    image_list_done(&known);
    return r;
}

/* One bad record must not keep the others from being found; these failures would meet every record. */
static bool ends_load(int r)
{
    return r == -ERR_UNAVAILABLE || r == -ERR_DEADLINE_EXCEEDED || r == -ERR_CANCELLED || r == -ERR_RESOURCE_EXHAUSTED;
}

/* Each target is looked at once, whatever the store thought of it before. */
static int load_records(struct image_store *s, const struct ctx *ctx, const struct ctrd_images *all, size_t *skipped,
                        struct err *e)
{
    struct strmap seen = {0};
    uint64_t changes = 0;
    int r = 0;
    for (size_t i = 0; i < all->n && r == 0; i++) {
        const char *target = all->v[i].target.digest ? all->v[i].target.digest : "";
        bool reuse = strmap_get(&seen, target) != NULL;
        r = take_record(s, ctx, &all->v[i], reuse, &changes, e);
        if (ends_load(r)) {
            err_wrap(e, r, "image record \"%s\"", all->v[i].name);
            break;
        }
        *skipped += r != 0;
        err_clear(e);
        /* Not what is unusable: it may have become usable when its next record is looked at. */
        r = r == 0 && strmap_set(&seen, target, s, NULL) < 0 ? err_oom(e) : 0;
    }
    strmap_done(&seen);
    return r;
}

int image_store_load(struct image_store *s, const struct ctx *ctx, size_t *ret_skipped, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(LIST_BUDGET);
    struct ctrd_images all;
    TRY(ctrd_image_list(&s->ctrd, ctx, NULL, &a, &all, e));
    size_t skipped = 0;
    int r = load_records(s, ctx, &all, &skipped, e);
    if (r == 0)
        r = drop_missing(s, ctx, &all, e);
    if (r == 0 && ret_skipped)
        *ret_skipped = skipped;
    return r;
}

/* The index of the name that the caller used, else of the id's: it is removed last, so that a caller whose removal failed half way finds the rest by
 * the same text. */
static size_t last_name(const struct image *img, const char *ref_or_id)
{
    struct reference ref;
    char name[REFERENCE_TEXT_MAX + 1] = "";
    size_t last = img->names.n - 1;
    if (reference_normalize(view_of(ref_or_id), &ref, NULL) == 0)
        reference_format(&ref, name);
    for (size_t i = 0; i < img->names.n; i++)
        if (strcmp(img->names.v[i], img->id) == 0)
            last = i;
    for (size_t i = 0; i < img->names.n; i++)
        if (strcmp(img->names.v[i], name) == 0 || strcmp(img->names.v[i], ref_or_id) == 0)
            last = i;
    return last;
}

static int remove_name(struct image_store *s, const struct ctx *ctx, const char *name, bool sync, struct err *e)
{
    int r = ctrd_image_delete(&s->ctrd, ctx, name, sync, e);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return r;
    err_clear(e);
    return image_store_update(s, ctx, name, e);
}

int image_remove(struct image_store *s, const struct ctx *ctx, const char *ref_or_id, struct err *e)
{
    _cleanup_image_ struct image *img = NULL;
    int r = image_resolve_local(s, ref_or_id, &img, e);
    if (r <= 0)
        return r;
    size_t last = last_name(img, ref_or_id);
    for (size_t i = 0; i < img->names.n; i++)
        if (i != last)
            TRY(remove_name(s, ctx, img->names.v[i], false, e));
    return remove_name(s, ctx, img->names.v[last], true, e);
}
