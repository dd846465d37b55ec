/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull job: see the header. Order: ask the registry first (nothing is touched for an image that does not exist); then a lease;
 * under it documents, configuration and layers, snapshots, records; then the store; then the lease goes.
 */
#include "image/pull_job.h"

#include "base/codec.h"
#include "base/id.h"
#include "image/ingest.h"
#include "image/layers.h"
#include "image/record.h"
#include "image/resolve.h"
#include "image/unpack.h"

enum {
    JOB_BUDGET = 192 << 20,
    NAMES_MAX = 4,
    LEASE_HOURS = 24,
    CLEANUP_SECONDS = 10,
};

/* What the steps of a job share; lives on the stack of pull_job_run. */
struct work {
    const struct pull_job *job;
    struct ctx ctx; /* with the lease */
    struct arena arena;
    struct registry *registry;
    struct resolved image;
    struct ctrd_descriptor target;
    const char *source_host;
    const char *names[NAMES_MAX];
    size_t n_names;
    bool created[NAMES_MAX]; /* the record was not there before, as far as is known */
    int64_t started;         /* clock_real before the first record */
    const char *lease;       /* to be deleted, NULL: none */
};

/* The host without its port: the key under which containerd's clients look for blobs to mount from other repositories. */
static const char *host_without_port(const char *domain, struct arena *a)
{
    struct view v = view_of(domain);
    if (view_starts(v, VIEW_LIT("[")))
        return arena_view(a, view_slice(v, 1, view_find(v, ']')));
    return arena_view(a, view_slice(v, 0, view_find(v, ':')));
}

static int add_name(struct work *w, const char *name, struct err *e)
{
    if (!*name)
        return 0;
    for (size_t i = 0; i < w->n_names; i++)
        if (strcmp(w->names[i], name) == 0)
            return 0;
    w->names[w->n_names] = arena_strdup(&w->arena, name);
    return w->names[w->n_names++] ? 0 : err_oom(e);
}

/* The names that the image gets: the reference, the id, and what repository, tag and digest make. */
static int choose_names(struct work *w, struct err *e)
{
    char text[REFERENCE_TEXT_MAX + 1], digest[REFERENCE_TEXT_MAX + 1], tag[REFERENCE_TEXT_MAX + 1];
    reference_format(&w->job->ref, text);
    TRY(reference_repo_digest_and_tag(&w->job->ref, view_of(w->target.digest), digest, tag, e));
    TRY(add_name(w, text, e));
    TRY(add_name(w, w->image.manifest.config.digest, e));
    TRY(add_name(w, tag, e));
    return add_name(w, digest, e);
}

static int resolve(struct work *w, struct err *e)
{
    const struct reference *ref = &w->job->ref;
    TRY(registry_open(&w->job->registry, ref, w->job->auth, &w->registry, e));
    const char *what = *ref->digest ? ref->digest : ref->tag;
    TRY(resolve_image(w->registry, &w->ctx, what, &w->arena, &w->image, e));
    const struct resolved_document *top = &w->image.documents[0];
    w->target = (struct ctrd_descriptor){.media_type = top->media_type, .digest = top->digest, .size = (int64_t)top->bytes.n};
    w->source_host = host_without_port(ref->domain, &w->arena);
    return w->source_host ? choose_names(w, e) : err_oom(e);
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
    TRY(ctrd_lease_create(w->job->ctrd, &w->ctx, id, &labels, e));
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
    TRY(label(w, labels, LABEL_GC_CONFIG, -1, w->image.manifest.config.digest, e));
    for (size_t i = 0; i < w->image.manifest.n_layers; i++)
        TRY(label(w, labels, LABEL_GC_LAYER, (long long)i, w->image.manifest.layers[i].digest, e));
    return 0;
}

static int store_bytes(struct work *w, const char *kind, const char *digest, struct view bytes, const struct kvlist *labels,
                       struct err *e)
{
    const struct ingest_blob blob = {.kind = kind,
                                     .digest = digest,
                                     .size = (int64_t)bytes.n,
                                     .labels = labels,
                                     .source_host = w->source_host,
                                     .source_repository = w->job->ref.path};
    return ingest_bytes(w->job->ctrd, &w->ctx, &blob, bytes, e);
}

static int store_documents(struct work *w, struct err *e)
{
    struct kvlist labels = {0};
    const struct resolved *m = &w->image;
    if (m->chain_ids.n > 0) {
        const char *key = arena_printf(&w->arena, "%s%s", LABEL_GC_SNAPSHOT, w->job->snapshotter);
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
    return layers_wait(user, i, e);
}

static int store_layers(struct work *w, struct err *e)
{
    const struct resolved *m = &w->image;
    const struct layers_options options = {.ctrd = w->job->ctrd,
                                           .registry = w->registry,
                                           .layers = m->manifest.layers,
                                           .n = m->manifest.n_layers,
                                           .source_host = w->source_host,
                                           .source_repository = w->job->ref.path,
                                           .threads = w->job->threads};
    struct layers *layers;
    TRY(layers_start(&options, &w->ctx, &layers, e));
    const struct unpack u = {.ctrd = w->job->ctrd,
                             .snapshotter = w->job->snapshotter,
                             .layers = m->manifest.layers,
                             .diff_ids = &m->config.diff_ids,
                             .chain_ids = &m->chain_ids,
                             .wait_layer = wait_layer,
                             .user = layers};
    int r = unpack_all(&u, &w->ctx, &w->arena, e);
    layers_stop(layers);
    return r;
}

static int store_records(struct work *w, struct err *e)
{
    w->started = clock_real();
    for (size_t i = 0; i < w->n_names; i++) {
        int r = record_put(w->job->ctrd, &w->ctx, w->names[i], &w->target, w->job->labels, e);
        w->created[i] = r != 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* After a failure: the records that this job made go, so that no half of an image's names is left. */
static void take_records_back(struct work *w)
{
    struct err ignored = ERR_INIT;
    struct ctx own = {.deadline = clock_deadline(CLEANUP_SECONDS * NSEC_PER_SEC), .lease = w->ctx.lease};
    for (size_t i = 0; i < w->n_names; i++) {
        if (!w->created[i])
            continue;
        record_take_back(w->job->ctrd, &own, w->names[i], w->target.digest, w->started);
        (void)image_store_update(w->job->store, &own, w->names[i], &ignored);
    }
}

/* Tells the store and takes the image from it. */
static int publish(struct work *w, struct image **ret, struct err *e)
{
    for (size_t i = 0; i < w->n_names; i++)
        TRY(image_store_update(w->job->store, &w->ctx, w->names[i], e));
    const char *id = w->image.manifest.config.digest;
    int r = image_resolve_local(w->job->store, id, ret, e);
    if (r == 0)
        return err_raise(e, ERR_NOT_FOUND, "image %s was removed right after it was pulled", id);
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
        (void)ctrd_lease_delete(w->job->ctrd, &own, w->lease, false, &ignored);
}

int pull_job_run(const struct pull_job *job, const struct ctx *ctx, struct image **ret, struct err *e)
{
    struct work w = {.job = job, .ctx = *ctx, .arena = ARENA_INIT(JOB_BUDGET)};
    w.ctx.lease = NULL;
    int r = resolve(&w, e);
    if (r == 0)
        r = take_lease(&w, e);
    if (r == 0)
        r = run_leased(&w, ret, e);
    if (r < 0)
        take_records_back(&w);
    give_up_lease(&w);
    (void)registry_scrub(w.registry, r, e); /* parsers quote what they refuse, and a registry may send back what it was sent */
    registry_close(w.registry);
    arena_done(&w.arena);
    return r;
}
