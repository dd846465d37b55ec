/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull: the service that runs pull jobs on threads of their own and lets equal requests share one.
 *
 * Requests are equal when reference, credentials and labels are: somebody without the right credentials must not profit from a
 * pull of somebody who has them.
 */
#include "image/pull.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "image/assemble.h"
#include "image/builtin.h"
#include "image/claims.h"
#include "image/hash.h"
#include "image/http.h"
#include "image/ingest.h"
#include "image/pull_job.h"

enum {
    PULL_HOURS_MAX = 6,   /* of one pull, whoever waits for it */
    RETRY_DELAY_MS = 250, /* before the first repeat of a broken blob */
    POLL_SLICE_MS = 200,  /* a cancel without a descriptor is looked at this often */
    KEY_BYTES_MAX = 1 << 20,
    COPY_BUDGET = 4 << 20,
};

/* A pull under way, or just ended and still looked at by those who wait. */
struct pull {
    atomic_uint refs; /* the thread, and each caller */
    struct image_service *service;
    struct pull *next; /* in the service's list, while under way */
    char key[DIGEST_TEXT_MAX + 1];
    struct arena arena; /* copies of what the request holds */
    struct reference ref;
    struct image_auth auth;
    struct kvlist labels;
    struct cancel cancel;
    int done_fd;      /* eventfd, readable for ever once done: wakes those who wait */
    atomic_bool done; /* set before done_fd is: orders what follows for them */
    int result;
    struct err err;
    struct image *image;
};

struct image_service {
    struct ctrd ctrd;
    struct image_store *store;
    char *snapshotter, *registry_ca, *registry_config_path;
    struct registry_options registry;
    struct http_curl *curl; /* NULL with scripted answers */
    struct claims *claims;
    bool inline_only;
    size_t layers_at_once;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct pull *pulls;
    size_t n_pulls;
    bool closing;
};

/* The image of the daemon's own pause program, while it is made. */
struct builtin {
    struct image_service *service;
    struct resolved image;
    struct view layer;
};

int image_service_reload(struct image_service *s, const struct image_service_options *o, struct err *e)
{
    char *path = mem_strdup(o->registry_config_path ? o->registry_config_path : "");
    if (!path)
        return err_oom(e);
    pthread_mutex_lock(&s->lock);
    mem_free(s->registry_config_path);
    s->registry_config_path = path;
    s->layers_at_once = o->layers_at_once ? o->layers_at_once : IMAGE_LAYERS_AT_ONCE;
    s->registry.idle_timeout = o->progress_timeout ? o->progress_timeout : IMAGE_PROGRESS_TIMEOUT_SECONDS * NSEC_PER_SEC;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static int fill_service(struct image_service *s, const struct image_service_options *o, struct err *e)
{
    s->ctrd = o->ctrd;
    s->store = o->store;
    s->inline_only = o->inline_only;
    s->snapshotter = mem_strdup(o->snapshotter);
    s->registry_ca = mem_strdup(o->registry_ca ? o->registry_ca : "");
    if (!s->snapshotter || !s->registry_ca)
        return err_oom(e);
    s->registry = (struct registry_options){.http = o->http, .http_user = o->http_user, .ca_file = s->registry_ca};
    TRY(claims_new(&s->claims, e));
    TRY(image_service_reload(s, o, e));
    if (o->http)
        return 0;
    TRY(http_curl_new(&s->curl, e));
    s->registry.http = &http_curl_ops;
    s->registry.http_user = s->curl;
    s->registry.retry_delay = RETRY_DELAY_MS * NSEC_PER_MSEC;
    return 0;
}

int image_service_new(const struct image_service_options *options, struct image_service **ret, struct err *e)
{
    if (!options->snapshotter || !*options->snapshotter || !options->store)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the image service needs a store and a snapshotter");
    struct image_service *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->ended, NULL);
    int r = fill_service(s, options, e);
    if (r < 0) {
        image_service_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void image_service_free(struct image_service *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    for (struct pull *p = s->pulls; p; p = p->next)
        cancel_fire(&p->cancel);
    while (s->n_pulls > 0)
        pthread_cond_wait(&s->ended, &s->lock);
    pthread_mutex_unlock(&s->lock);
    http_curl_free(s->curl);
    claims_free(s->claims);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->ended);
    mem_free(s->snapshotter);
    mem_free(s->registry_ca);
    mem_free(s->registry_config_path);
    mem_free(s);
}

size_t image_service_busy(struct image_service *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_pulls;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* What the job needs of the service's settings goes into the arena: they may change meanwhile. */
static int job_of(struct image_service *s, const struct reference *ref, const struct image_auth *auth, const struct kvlist *labels, struct arena *a,
                  struct pull_job *ret, struct err *e)
{
    *ret = (struct pull_job){.ctrd = &s->ctrd, .store = s->store, .claims = s->claims, .snapshotter = s->snapshotter, .ref = *ref, .auth = auth,
                              .labels = labels};
    pthread_mutex_lock(&s->lock);
    ret->registry = s->registry;
    ret->registry.config_path = arena_strdup(a, s->registry_config_path);
    ret->threads = s->inline_only ? 0 : s->layers_at_once;
    pthread_mutex_unlock(&s->lock);
    return ret->registry.config_path ? 0 : err_oom(e);
}

static void pull_unref(struct pull *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    cancel_done(&p->cancel);
    fd_close(&p->done_fd);
    image_unref(p->image);
    arena_done(&p->arena);
    mem_free(p);
}

/* One field of the key, with its length, so that two fields cannot be mistaken for one. */
static int key_add(struct buf *b, const char *s)
{
    return buf_printf(b, "%zu:%s", s ? strlen(s) : 0, s ? s : "");
}

/* The key is a digest, so that no secret lies in the table. */
static int make_key(const struct reference *ref, const struct image_auth *auth, const struct kvlist *labels,
                    char out[DIGEST_TEXT_MAX + 1], struct err *e)
{
    static const struct image_auth nobody;
    const struct image_auth *a = auth ? auth : &nobody;
    char text[REFERENCE_TEXT_MAX + 1];
    reference_format(ref, text);
    const char *fields[] = {text, a->username, a->password, a->auth, a->server_address, a->identity_token, a->registry_token};
    _cleanup_buf_ struct buf b = BUF_INIT(KEY_BYTES_MAX);
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++)
        r = key_add(&b, fields[i]);
    for (size_t i = 0; labels && i < labels->n && r == 0; i++) {
        r = key_add(&b, labels->v[i].key);
        if (r == 0)
            r = key_add(&b, labels->v[i].value);
    }
    if (r < 0)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, b.n > KEY_BYTES_MAX / 2 ? "the credentials are too large" : ERR_TEXT_OOM);
    r = hash_text(DIGEST_SHA256, buf_view(&b), out, e);
    explicit_bzero(b.p, b.n);
    return r;
}

static int copy_text(struct arena *a, const char *s, const char **ret, struct err *e)
{
    *ret = arena_strdup(a, s ? s : "");
    return *ret ? 0 : err_oom(e);
}

static int copy_request(struct pull *p, const struct image_auth *auth, const struct kvlist *labels, struct err *e)
{
    static const struct image_auth nobody;
    const struct image_auth *from = auth ? auth : &nobody;
    TRY(copy_text(&p->arena, from->username, &p->auth.username, e));
    TRY(copy_text(&p->arena, from->password, &p->auth.password, e));
    TRY(copy_text(&p->arena, from->auth, &p->auth.auth, e));
    TRY(copy_text(&p->arena, from->server_address, &p->auth.server_address, e));
    TRY(copy_text(&p->arena, from->identity_token, &p->auth.identity_token, e));
    TRY(copy_text(&p->arena, from->registry_token, &p->auth.registry_token, e));
    for (size_t i = 0; labels && i < labels->n; i++)
        if (kvlist_set(&p->labels, &p->arena, labels->v[i].key, labels->v[i].value) < 0)
            return err_oom(e);
    return 0;
}

static int pull_new(struct image_service *s, const char *key, const struct reference *ref, const struct image_auth *auth,
                    const struct kvlist *labels, struct pull **ret, struct err *e)
{
    struct pull *p = mem_zalloc(sizeof(*p));
    if (!p)
        return err_oom(e);
    atomic_init(&p->refs, 1);
    arena_init(&p->arena, COPY_BUDGET);
    p->service = s;
    p->ref = *ref;
    p->cancel.wake_fd = -1;
    memcpy(p->key, key, sizeof(p->key));
    p->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = p->done_fd >= 0 ? copy_request(p, auth, labels, e) : err_errno(e, errno, "cannot make an event descriptor");
    if (r == 0)
        r = cancel_init(&p->cancel, e);
    if (r < 0) {
        pull_unref(p);
        return r;
    }
    *ret = p;
    return 0;
}

/* Takes p off the list, so that no new caller joins it. */
static void leave_list(struct image_service *s, struct pull *p)
{
    pthread_mutex_lock(&s->lock);
    struct pull **at = &s->pulls;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
    struct pull *p = arg;
    struct image_service *s = p->service;
    struct ctx ctx = {.deadline = clock_deadline((uint64_t)PULL_HOURS_MAX * 3600 * NSEC_PER_SEC), .cancel = &p->cancel};
    struct pull_job job;
    p->result = job_of(s, &p->ref, &p->auth, p->labels.n ? &p->labels : NULL, &p->arena, &job, &p->err);
    if (p->result == 0)
        p->result = pull_job_run(&job, &ctx, &p->image, &p->err);
    leave_list(s, p);
    atomic_store_explicit(&p->done, true, memory_order_release);
    uint64_t one = 1;
    (void)!write(p->done_fd, &one, sizeof(one));
    pull_unref(p);
    pthread_mutex_lock(&s->lock);
    s->n_pulls--;
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock); /* the service may be freed from here on */
    return NULL;
}

static int start_thread(struct pull *p, struct err *e)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&thread, &attr, run, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return r == 0 ? 0 : err_errno(e, r, "cannot start a thread for the pull");
}

/* Under the lock: puts p on the list and starts it. */
static int start_locked(struct image_service *s, struct pull *p, struct err *e)
{
    if (s->closing)
        return err_raise(e, ERR_UNAVAILABLE, "the runtime is stopping");
    if (s->n_pulls >= IMAGE_PULLS_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "%d pulls are under way already", IMAGE_PULLS_MAX);
    atomic_fetch_add(&p->refs, 1);
    p->next = s->pulls;
    s->pulls = p;
    s->n_pulls++;
    int r = start_thread(p, e);
    if (r < 0) {
        s->pulls = p->next;
        s->n_pulls--;
        atomic_fetch_sub(&p->refs, 1);
    }
    return r;
}

/* The pull that this request is part of: an equal one under way, or a new one. *ret is a reference. */
static int join_or_start(struct image_service *s, const struct reference *ref, const struct image_auth *auth,
                         const struct kvlist *labels, struct pull **ret, struct err *e)
{
    char key[DIGEST_TEXT_MAX + 1] = "";
    struct pull *mine;
    TRY(make_key(ref, auth, labels, key, e));
    TRY(pull_new(s, key, ref, auth, labels, &mine, e));
    int r = 0;
    pthread_mutex_lock(&s->lock);
    struct pull *p = s->pulls;
    while (p && strcmp(p->key, key) != 0)
        p = p->next;
    if (p) {
        atomic_fetch_add(&p->refs, 1);
        *ret = p;
    } else {
        r = start_locked(s, mine, e);
        if (r == 0)
            *ret = TAKE_PTR(mine);
    }
    pthread_mutex_unlock(&s->lock);
    pull_unref(mine);
    return r;
}

/* Waits as long as ctx allows. */
static int wait_done(struct pull *p, const struct ctx *ctx, struct err *e)
{
    bool slices = ctx->cancel && ctx->cancel->wake_fd < 0;
    for (;;) {
        struct pollfd fds[2] = {{.fd = p->done_fd, .events = POLLIN},
                                {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN}};
        int ms = clock_poll_ms(ctx->deadline);
        if (slices && (ms < 0 || ms > POLL_SLICE_MS))
            ms = POLL_SLICE_MS;
        (void)poll(fds, 2, ms);
        if (atomic_load_explicit(&p->done, memory_order_acquire))
            return 0;
        TRY(ctx_check(ctx, "the pull, which goes on", e));
    }
}

int image_pull(struct image_service *s, const struct ctx *ctx, const char *reference, const struct image_auth *auth,
               const struct kvlist *labels, struct image_pulled *ret, struct err *e)
{
    struct reference ref;
    TRY(reference_normalize(view_of(reference), &ref, e));
    if (s->inline_only) {
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        struct pull_job job;
        TRY(job_of(s, &ref, auth, labels, &a, &job, e));
        return pull_job_run(&job, ctx, &ret->image, e);
    }
    struct pull *p;
    TRY(join_or_start(s, &ref, auth, labels, &p, e));
    int r = wait_done(p, ctx, e);
    if (r == 0) {
        r = p->result;
        if (r == 0)
            ret->image = image_ref(p->image);
        else if (e)
            *e = p->err;
    }
    pull_unref(p);
    return r;
}

int image_ensure(struct image_service *s, const struct ctx *ctx, const char *ref_or_id, const struct kvlist *labels,
                 struct image **ret, struct err *e)
{
    int r = image_resolve_local(s->store, ref_or_id, ret, e);
    if (r != 0)
        return r < 0 ? r : 0;
    if (digest_classify(view_of(ref_or_id), NULL) == DIGEST_CLASS_OK)
        return err_raise(e, ERR_NOT_FOUND, "image %s is not here, and an id alone cannot be pulled", ref_or_id);
    struct image_pulled pulled;
    r = image_pull(s, ctx, ref_or_id, NULL, labels, &pulled, e);
    if (r < 0)
        return err_wrap(e, r, "pull image \"%s\"", ref_or_id);
    *ret = pulled.image;
    return 0;
}

/* The only layer is at hand. */
static int store_builtin_layer(void *user, const struct ctx *leased, size_t i, struct err *e)
{
    const struct builtin *b = user;
    const struct oci_descriptor *d = &b->image.manifest.layers[i];
    const struct ingest_blob blob = {.kind = "layer", .digest = d->digest, .size = d->size};
    return ingest_bytes(&b->service->ctrd, leased, &blob, b->layer, e);
}

static int assemble_builtin(struct builtin *b, const struct ctx *ctx, struct arena *a, struct image **ret, struct err *e)
{
    struct image_service *s = b->service;
    struct reference ref;
    char digest[REFERENCE_TEXT_MAX + 1], tag[REFERENCE_TEXT_MAX + 1];
    struct kv pinned = {(char *)IMAGE_LABEL_PINNED, (char *)IMAGE_LABEL_PINNED_VALUE};
    const struct kvlist labels = {.v = &pinned, .n = 1, .cap = 1};
    struct assemble m = {.ctrd = &s->ctrd,
                         .store = s->store,
                         .claims = s->claims,
                         .snapshotter = s->snapshotter,
                         .image = &b->image,
                         .layers = {.wait = store_builtin_layer, .user = b},
                         .labels = &labels,
                         .n_labelled = 1};
    TRY(reference_normalize(view_of(IMAGE_BUILTIN_PAUSE), &ref, e));
    TRY(reference_repo_digest_and_tag(&ref, view_of(b->image.documents[0].digest), digest, tag, e));
    TRY(assemble_name(&m, a, tag, e));
    TRY(assemble_name(&m, a, b->image.manifest.config.digest, e));
    TRY(assemble_name(&m, a, digest, e));
    return assemble(&m, ctx, ret, e);
}

int image_builtin_pause(struct image_service *s, const struct ctx *ctx, struct image **ret, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(COPY_BUDGET);
    _cleanup_image_ struct image *have = NULL;
    struct builtin b = {.service = s};
    TRY(builtin_pause(&a, &b.image, &b.layer, e));
    TRY(image_resolve_local(s->store, IMAGE_BUILTIN_PAUSE, &have, e));
    if (have && strcmp(have->target.digest, b.image.documents[0].digest) == 0) {
        *ret = TAKE_PTR(have);
        return 0;
    }
    return assemble_builtin(&b, ctx, &a, ret, e);
}
