/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers: see the header. The threads take the next layer from a shared counter; the lock is held for that only.
 */
#include "image/layers.h"

#include <pthread.h>
#include <signal.h>

#include "base/mem.h"
#include "image/ingest.h"

enum { THREADS_MAX = 16 };

struct layers {
    struct layers_options o;
    const struct ctx *ctx;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t threads[THREADS_MAX];
    size_t n_threads;
    size_t next; /* the first layer that nobody has taken */
    bool *done;
    bool stop;
    int failed; /* the first failure, 0: none */
    struct err err;
};

static int fetch(void *user, const struct ctx *ctx, const struct ingest_blob *blob, int64_t offset,
                 const struct registry_sink *sink, struct err *e)
{
    return registry_blob(user, ctx, blob->digest, blob->size, offset, sink, e);
}

/* The first layer with layer i's digest: the one that is fetched. */
static size_t first_of(const struct layers *l, size_t i)
{
    size_t j = 0;
    while (strcmp(l->o.layers[j].digest, l->o.layers[i].digest) != 0)
        j++;
    return j;
}

static int fetch_layer(struct layers *l, size_t i, struct err *e)
{
    if (first_of(l, i) != i)
        return 0;
    const struct ingest_blob blob = {.kind = "layer",
                                     .digest = l->o.layers[i].digest,
                                     .size = l->o.layers[i].size,
                                     .source_host = l->o.source_host,
                                     .source_repository = l->o.source_repository};
    const struct ingest_source source = {.user = l->o.registry, .fetch = fetch};
    int r = ingest(l->o.ctrd, l->ctx, &blob, &source, e);
    return r < 0 ? err_wrap(e, r, "layer %zu of %zu", i + 1, l->o.n) : 0;
}

/* Records what became of layer i. */
static void finish(struct layers *l, size_t i, int r, const struct err *e)
{
    pthread_mutex_lock(&l->lock);
    if (r < 0 && l->failed == 0) {
        l->failed = r;
        l->err = *e;
    }
    if (r == 0)
        l->done[i] = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static bool take_next(struct layers *l, size_t *ret)
{
    pthread_mutex_lock(&l->lock);
    bool more = !l->stop && l->failed == 0 && l->next < l->o.n;
    if (more)
        *ret = l->next++;
    pthread_mutex_unlock(&l->lock);
    return more;
}

static void *run(void *arg)
{
    struct layers *l = arg;
    size_t i;
    while (take_next(l, &i)) {
        struct err e = ERR_INIT;
        int r = fetch_layer(l, i, &e);
        finish(l, i, r, &e);
    }
    return NULL;
}

static void start_threads(struct layers *l)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    size_t want = MIN_OF(MIN_OF(l->o.threads, l->o.n), (size_t)THREADS_MAX);
    while (l->n_threads < want && pthread_create(&l->threads[l->n_threads], NULL, run, l) == 0)
        l->n_threads++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int layers_start(const struct layers_options *options, const struct ctx *ctx, struct layers **ret, struct err *e)
{
    struct layers *l = mem_zalloc(sizeof(*l));
    if (!l)
        return err_oom(e);
    l->o = *options;
    l->ctx = ctx;
    l->done = mem_calloc(options->n + 1, sizeof(*l->done));
    if (!l->done) {
        mem_free(l);
        return err_oom(e);
    }
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    start_threads(l);
    *ret = l;
    return 0;
}

/* Without threads: the caller fetches what it waits for. */
static void fetch_here(struct layers *l, size_t i)
{
    if (l->failed != 0 || l->done[i])
        return;
    struct err e = ERR_INIT;
    int r = fetch_layer(l, i, &e);
    finish(l, i, r, &e);
}

int layers_wait(struct layers *l, size_t i, struct err *e)
{
    i = first_of(l, i);
    if (l->n_threads == 0)
        fetch_here(l, i);
    pthread_mutex_lock(&l->lock);
    while (!l->done[i] && l->failed == 0)
        pthread_cond_wait(&l->changed, &l->lock);
    int r = l->done[i] ? 0 : l->failed;
    if (r < 0 && e)
        *e = l->err;
    pthread_mutex_unlock(&l->lock);
    return r;
}

/* Under the lock: is anything still to be fetched? A repeated layer is nothing of its own, even if no thread has come to it. */
static bool incomplete(const struct layers *l)
{
    for (size_t i = 0; i < l->o.n; i++)
        if (!l->done[i] && first_of(l, i) == i)
            return true;
    return false;
}

void layers_stop(struct layers *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    bool busy = l->n_threads > 0 && incomplete(l);
    pthread_mutex_unlock(&l->lock);
    if (busy && l->ctx->cancel)
        cancel_fire(l->ctx->cancel);
    for (size_t i = 0; i < l->n_threads; i++)
        pthread_join(l->threads[i], NULL);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    mem_free(l->done);
    mem_free(l);
}
