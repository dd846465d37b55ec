/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull job: see the header. The registry is asked first, so nothing is touched for an image that does not exist; then the image is assembled.
 */
#include "image/pull_job.h"

#include "image/assemble.h"
#include "image/layers.h"
#include "image/resolve.h"

enum { JOB_BUDGET = 192 << 20 };

/* What the steps of a job share; lives on the stack of pull_job_run. */
struct work {
    const struct pull_job *job;
    struct arena arena;
    struct registry *registry;
    struct resolved image;
    struct layers *layers;
    struct assemble assemble;
};

/* The host without its port: the key under which containerd's clients look for blobs to mount from other repositories. */
static const char *host_without_port(const char *domain, struct arena *a)
{
    struct view v = view_of(domain);
    if (view_starts(v, VIEW_LIT("[")))
        return arena_view(a, view_slice(v, 1, view_find(v, ']')));
    return arena_view(a, view_slice(v, 0, view_find(v, ':')));
}

/* The names that the image gets: the reference, the id, and what repository, tag and digest make. */
static int choose_names(struct work *w, struct err *e)
{
    char text[REFERENCE_TEXT_MAX + 1], digest[REFERENCE_TEXT_MAX + 1], tag[REFERENCE_TEXT_MAX + 1];
    struct assemble *m = &w->assemble;
    reference_format(&w->job->ref, text);
    TRY(reference_repo_digest_and_tag(&w->job->ref, view_of(w->image.documents[0].digest), digest, tag, e));
    TRY(assemble_name(m, &w->arena, text, e));
    TRY(assemble_name(m, &w->arena, w->image.manifest.config.digest, e));
    TRY(assemble_name(m, &w->arena, tag, e));
    TRY(assemble_name(m, &w->arena, digest, e));
    m->n_labelled = m->n_names;
    return 0;
}

static int resolve(struct work *w, const struct ctx *ctx, struct err *e)
{
    const struct reference *ref = &w->job->ref;
    TRY(registry_open(&w->job->registry, ref, w->job->auth, &w->registry, e));
    const char *what = *ref->digest ? ref->digest : ref->tag;
    TRY(resolve_image(w->registry, ctx, what, &w->arena, &w->image, e));
    w->assemble.source_repository = ref->path;
    w->assemble.source_host = host_without_port(ref->domain, &w->arena);
    return w->assemble.source_host ? choose_names(w, e) : err_oom(e);
}

static int start_layers(void *user, const struct ctx *leased, struct err *e)
{
    struct work *w = user;
    const struct layers_options options = {.ctrd = w->job->ctrd,
                                           .registry = w->registry,
                                           .layers = w->image.manifest.layers,
                                           .n = w->image.manifest.n_layers,
                                           .source_host = w->assemble.source_host,
                                           .source_repository = w->assemble.source_repository,
                                           .threads = w->job->threads};
    return layers_start(&options, leased, &w->layers, e);
}

static int wait_layer(void *user, const struct ctx *leased, size_t i, struct err *e)
{
    return layers_wait(((struct work *)user)->layers, i, e);
}

static void stop_layers(void *user)
{
    layers_stop(((struct work *)user)->layers);
}

int pull_job_run(const struct pull_job *job, const struct ctx *ctx, struct image **ret, struct err *e)
{
    struct work w = {.job = job, .arena = ARENA_INIT(JOB_BUDGET)};
    w.assemble = (struct assemble){.ctrd = job->ctrd,
                                   .store = job->store,
                                   .claims = job->claims,
                                   .snapshotter = job->snapshotter,
                                   .image = &w.image,
                                   .layers = {start_layers, wait_layer, stop_layers, &w},
                                   .labels = job->labels};
    int r = resolve(&w, ctx, e);
    if (r == 0)
        r = assemble(&w.assemble, ctx, ret, e);
    (void)registry_scrub(w.registry, r, e); /* parsers quote what they refuse, and a registry may send back what it was sent */
    registry_close(w.registry);
    arena_done(&w.arena);
    return r;
}
