/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assemble: see the header. Order: a lease; under it configuration and documents, layers, snapshots, records; then the store; then the lease goes.
 */
#include "image/assemble.h"

#include "base/codec.h"
#include "base/id.h"
#include "image/ingest.h"
#include "image/record.h"
#include "image/store_internal.h"
#include "image/unpack.h"

enum {
    WORK_BUDGET = 16 << 20,
    LEASE_HOURS = 24,
    CLEANUP_SECONDS = 10,
};

/* What the steps share; lives on the stack of assemble. */
struct work {
    const struct assemble *m;
    struct ctx ctx; /* with the lease */
    struct arena arena;
    struct ctrd_descriptor target;
    struct claim *claims[ASSEMBLE_NAMES_MAX]; /* of the first n_claims names */
    size_t n_claims;
    const char *lease;                /* to be deleted, NULL: none */
};

int assemble_name(struct assemble *m, struct arena *a, const char *name, struct err *e)
{
    if (!*name)
        return 0;
    for (size_t i = 0; i < m->n_names; i++)
        if (strcmp(m->names[i], name) == 0)
            return 0;
    m->names[m->n_names] = arena_strdup(a, name);
    return m->names[m->n_names++] ? 0 : err_oom(e);
}

static int take_lease(struct work *w, struct err *e)
{
    uint8_t random[16];
    char hex[2 * sizeof(random)], expire[CLOCK_RFC3339_MAX];
    struct kvlist labels = {0};
    TRY(id_random(random, sizeof(random), e));
    hex_encode(random, sizeof(random), hex);
    const char *id = arena_printf(&w->arena, "cri-containerd-pull-%.*s", (int)sizeof(hex), hex);
    clock_rfc3339_utc(clock_real() + (int64_t)LEASE_HOURS * 3600 * (int64_t)NSEC_PER_SEC, expire);
    if (!id || kvlist_set(&labels, &w->arena, LABEL_GC_EXPIRE, expire) < 0)
        return err_oom(e);
    w->lease = id; /* also when the answer is lost */
    TRY(ctrd_lease_create(w->m->ctrd, &w->ctx, id, &labels, e));
    w->ctx.lease = id;
    return 0;
}

static int label(struct work *w, struct kvlist *labels, const char *prefix, long long i, const char *digest, struct err *e)
{
    const char *key = i < 0 ? arena_strdup(&w->arena, prefix) : arena_printf(&w->arena, "%s%lld", prefix, i);
    return key && kvlist_set(labels, &w->arena, key, digest) == 0 ? 0 : err_oom(e);
}

/* What a document refers to, so that the collector follows. */
static int document_labels(struct work *w, const struct resolved_document *d, struct kvlist *labels, struct err *e)
{
    for (size_t i = 0; d->is_index && i < d->index.n_manifests; i++)
        TRY(label(w, labels, LABEL_GC_MANIFEST, (long long)i, d->index.manifests[i].digest, e));
    if (d->is_index)
        return 0;
    TRY(label(w, labels, LABEL_GC_CONFIG, -1, w->m->image->manifest.config.digest, e));
    for (size_t i = 0; i < w->m->image->manifest.n_layers; i++)
        TRY(label(w, labels, LABEL_GC_LAYER, (long long)i, w->m->image->manifest.layers[i].digest, e));
    return 0;
}

static int store_bytes(struct work *w, const char *kind, const char *digest, struct view bytes, const struct kvlist *labels,
                       struct err *e)
{
    const struct ingest_blob blob = {.kind = kind,
                                     .digest = digest,
                                     .size = (int64_t)bytes.n,
                                     .labels = labels,
                                     .source_host = w->m->source_host,
                                     .source_repository = w->m->source_repository};
    return ingest_bytes(w->m->ctrd, &w->ctx, &blob, bytes, e);
}

static int store_documents(struct work *w, struct err *e)
{
    struct kvlist labels = {0};
    const struct resolved *m = w->m->image;
    if (m->chain_ids.n > 0) {
        const char *key = arena_printf(&w->arena, "%s%s", LABEL_GC_SNAPSHOT, w->m->snapshotter);
        if (!key || kvlist_set(&labels, &w->arena, key, m->chain_ids.v[m->chain_ids.n - 1]) < 0)
            return err_oom(e);
    }
    TRY(store_bytes(w, "config", m->manifest.config.digest, m->config_bytes, &labels, e));
    for (size_t i = m->n_documents; i-- > 0;) {
        const struct resolved_document *d = &m->documents[i];
        struct kvlist refs = {0};
        TRY(document_labels(w, d, &refs, e));
        TRY(store_bytes(w, d->is_index ? "index" : "manifest", d->digest, d->bytes, &refs, e));
    }
    return 0;
}

static int wait_layer(void *user, size_t i, struct err *e)
{
    const struct work *w = user;
    return w->m->layers.wait(w->m->layers.user, &w->ctx, i, e);
}

static int store_layers(struct work *w, struct err *e)
{
    const struct assemble_layers *l = &w->m->layers;
    const struct resolved *m = w->m->image;
    const struct unpack u = {.ctrd = w->m->ctrd,
                             .snapshotter = w->m->snapshotter,
                             .layers = m->manifest.layers,
                             .diff_ids = &m->config.diff_ids,
                             .chain_ids = &m->chain_ids,
                             .locks = store_unpacking(w->m->store),
                             .wait_layer = wait_layer,
                             .user = w};
    int r = l->start ? l->start(l->user, &w->ctx, e) : 0;
    if (r == 0)
        r = unpack_all(&u, &w->ctx, &w->arena, e);
    if (l->stop)
        l->stop(l->user);
    return r;
}

static int store_records(struct work *w, struct err *e)
{
    const int64_t started = clock_real();
    for (size_t i = 0; i < w->m->n_names; i++) {
        TRY(claims_enter(w->m->claims, w->m->names[i], &w->claims[i], e));
        w->n_claims++;
        int r = record_put(w->m->ctrd, &w->ctx, w->m->names[i], &w->target, i < w->m->n_labelled ? w->m->labels : NULL, e);
        if (r != 0) /* it was not there before, as far as is known */
            claims_made(w->m->claims, w->claims[i], started);
        if (r < 0)
            return r;
    }
    return 0;
}

/* After a failure the records that were made for it go, so that no half of an image's names is left; but not while another who makes the same
 * image is under way, or after one has succeeded. */
static void leave_claims(struct work *w, bool success)
{
    struct err ignored = ERR_INIT;
    struct ctx own = {.deadline = clock_deadline(CLEANUP_SECONDS * NSEC_PER_SEC), .lease = w->ctx.lease};
    for (size_t i = 0; i < w->n_claims; i++) {
        int64_t since;
        if (!claims_leave(w->m->claims, w->claims[i], success, &since))
            continue;
        record_take_back(w->m->ctrd, &own, w->m->names[i], w->target.digest, since);
        (void)image_store_update(w->m->store, &own, w->m->names[i], &ignored);
        claims_removed(w->m->claims, w->claims[i]);
    }
}

/* Tells the store and takes the image from it. */
static int publish(struct work *w, struct image **ret, struct err *e)
{
    for (size_t i = 0; i < w->m->n_names; i++)
        TRY(image_store_update(w->m->store, &w->ctx, w->m->names[i], e));
    if (w->m->refresh)
        TRY(image_store_update(w->m->store, &w->ctx, w->m->refresh, e));
    const char *id = w->m->image->manifest.config.digest;
    int r = image_resolve_local(w->m->store, id, ret, e);
    if (r == 0)
        return err_raise(e, ERR_NOT_FOUND, "image %s was removed right after it was made", id);
    return r < 0 ? r : 0;
}

/* Everything that is done under the lease. */
static int run_leased(struct work *w, struct image **ret, struct err *e)
{
    TRY(store_documents(w, e));
    TRY(store_layers(w, e));
    TRY(store_records(w, e));
    return publish(w, ret, e);
}

static void give_up_lease(struct work *w)
{
    struct err ignored = ERR_INIT;
    struct ctx own = {.deadline = clock_deadline(CLEANUP_SECONDS * NSEC_PER_SEC)};
    if (w->lease)
        (void)ctrd_lease_delete(w->m->ctrd, &own, w->lease, false, &ignored);
}

int assemble(const struct assemble *m, const struct ctx *ctx, struct image **ret, struct err *e)
{
    const struct resolved_document *top = &m->image->documents[0];
    struct work w = {.m = m, .ctx = *ctx, .arena = ARENA_INIT(WORK_BUDGET)};
    w.target = (struct ctrd_descriptor){.media_type = top->media_type, .digest = top->digest, .size = (int64_t)top->bytes.n};
    w.ctx.lease = NULL;
    int r = take_lease(&w, e);
    if (r == 0)
        r = run_leased(&w, ret, e);
    leave_claims(&w, r == 0);
    give_up_lease(&w);
    arena_done(&w.arena);
    return r;
}
