/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls on threads: equal ones share a job, failures and stopping end it. */
#include "pull_fixture.h"

#include <pthread.h>

#include "image/layers.h"

/* A registry that answers only when it is told to. */
struct gate {
    struct fixture *f;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    size_t waiting;
};

static int gated_exchange(void *user, const struct ctx *ctx, const struct http_request *request, struct arena *a,
                          const struct http_sink *sink, struct err *e)
{
    struct gate *g = user;
    pthread_mutex_lock(&g->lock);
    g->waiting++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open && !(ctx->cancel && atomic_load(&ctx->cancel->set)))
        pthread_cond_wait(&g->changed, &g->lock);
    g->waiting--;
    int r = script_http_ops.exchange(&g->f->script, ctx, request, a, sink, e); /* under the lock: the script knows no threads */
    pthread_mutex_unlock(&g->lock);
    return r;
}

static const struct http_ops gated_ops = {.exchange = gated_exchange};

static void wait_for(struct gate *g, size_t n)
{
    pthread_mutex_lock(&g->lock);
    while (g->waiting < n)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void open_gate(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

struct caller {
    struct fixture *f;
    const struct image_auth *auth;
    struct image_pulled pulled;
    struct err e;
    int r;
};

static void *call_pull(void *arg)
{
    struct caller *c = arg;
    const struct ctx ctx = CTX_BACKGROUND;
    c->r = image_pull(c->f->service, &ctx, NAME, c->auth, NULL, &c->pulled, &c->e);
    return NULL;
}

static void test_merge(void **state)
{
    struct fixture *f = *state;
    struct gate g = {.f = f, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    fake_set_threads(f->fake, true);
    f->script.threads = true;
    make_service(f, false, &gated_ops, &g);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    enum { CALLERS = 6 };
    struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.f = f};
        assert_int_equal(pthread_create(&threads[i], NULL, call_pull, &callers[i]), 0);
    }
    wait_for(&g, 1);
    /* One whose deadline passes leaves; the pull goes on. */
    struct image_pulled p = {0};
    const struct ctx late = {.deadline = clock_mono()};
    assert_fails(image_pull(f->service, &late, NAME, NULL, NULL, &p, &f->e), &f->e, ERR_DEADLINE_EXCEEDED,
                 "the pull, which goes on");
    struct cancel c = CANCEL_INIT;
    cancel_fire(&c);
    const struct ctx cancelled = {.deadline = CLOCK_NEVER, .cancel = &c};
    assert_fails(image_pull(f->service, &cancelled, NAME, NULL, NULL, &p, &f->e), &f->e, ERR_CANCELLED, "");
    assert_int_equal(image_service_busy(f->service), 1);
    /* Other credentials are another pull. */
    const struct image_auth alice = {.username = "alice", .password = "secret"};
    struct caller other = {.f = f, .auth = &alice};
    pthread_t other_thread;
    assert_int_equal(pthread_create(&other_thread, NULL, call_pull, &other), 0);
    wait_for(&g, 2);
    assert_int_equal(image_service_busy(f->service), 2);
    open_gate(&g);
    pthread_join(other_thread, NULL);
    assert_ok(other.r, &other.e);
    image_unref(other.pulled.image);
    for (size_t i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_ok(callers[i].r, &callers[i].e);
        assert_string_equal(callers[i].pulled.image->id, f->image.config_digest);
        image_unref(callers[i].pulled.image);
    }
    image_service_free(f->service);
    f->service = NULL;
    assert_int_equal(fake_left_behind(f->fake), 0);
}

/* Stopping the service ends its pulls. */
static void test_stop(void **state)
{
    struct fixture *f = *state;
    struct gate g = {.f = f, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .open = true};
    fake_set_threads(f->fake, true);
    f->script.threads = true;
    make_service(f, false, &gated_ops, &g);
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_NOT_FOUND, "");
    sample_serve(&f->image, &f->script, REPO, "1", false);
    struct image_pulled p = {0};
    const struct ctx late = {.deadline = clock_mono()};
    int r = image_pull(f->service, &late, NAME, NULL, NULL, &p, &f->e);
    assert_true(r == 0 || r == -ERR_DEADLINE_EXCEEDED);
    image_unref(p.image);
    image_service_free(f->service);
    f->service = NULL;
    assert_int_equal(fake_live(f->fake).leases, 0);
    assert_int_equal(fake_live(f->fake).snapshots, 0);
}

/* A failing layer ends its siblings and the error is the layer's. */
static void test_parallel_failure(void **state)
{
    struct fixture *f = *state;
    struct gate g = {.f = f, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .open = true};
    fake_set_threads(f->fake, true);
    f->script.threads = true;
    make_service(f, false, &gated_ops, &g);
    serve_bad_layer(f, 1, VIEW_LIT("x"));
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_DATA_LOSS, "layer 2 of 3");
    image_service_free(f->service);
    f->service = NULL;
    assert_nothing_left(f);
}

/* An image may end in many layers of one digest. They are there with the first of them, also while a thread still passes over
 * the others: the end of the layers is no reason to cancel the pull. */
static void test_repeated_layers(void **state)
{
    enum { LAYERS = 3000 };
    struct fixture *f = *state;
    struct oci_descriptor *layers = calloc(LAYERS, sizeof(*layers));
    char digest[FAKE_DIGEST_MAX];
    fake_set_threads(f->fake, true);
    fake_add_blob(f->fake, "layer", 5, digest);
    for (size_t i = 0; i < LAYERS; i++)
        layers[i] = (struct oci_descriptor){.media_type = OCI_MEDIA_MANIFEST, .digest = digest, .size = 5};
    struct cancel cancel;
    assert_ok(cancel_init(&cancel, &f->e), &f->e);
    const struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    const struct layers_options o = {.ctrd = &f->ctrd,
                                     .layers = layers,
                                     .n = LAYERS,
                                     .source_host = "reg",
                                     .source_repository = "x",
                                     .threads = 1};
    struct layers *l;
    assert_ok(layers_start(&o, &ctx, &l, &f->e), &f->e);
    assert_ok(layers_wait(l, LAYERS - 1, &f->e), &f->e);
    layers_stop(l);
    assert_false(atomic_load(&cancel.set));
    cancel_done(&cancel);
    free(layers);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_merge),
        T(test_stop),
        T(test_parallel_failure),
        T(test_repeated_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
