/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking: images that another client brought, and pulls that share layers. */
#include "pull_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "image/ingest.h"
#include "image/keylock.h"
#include "parse/ociimage.h"
#include "sweep.h"

#define IMPORTED "reg.example/imported:1"

static const struct ctx background = CTX_BACKGROUND;

static void set_label(struct fixture *f, const char *digest, const char *key, const char *value)
{
    struct kv kv = {(char *)key, (char *)value};
    const struct kvlist labels = {.v = &kv, .n = 1, .cap = 1};
    assert_ok(ctrd_content_set_labels(&f->ctrd, &background, digest, &labels, &f->e), &f->e);
}

/* As `ctr images import` leaves an image: content, labels from the manifest down, one record, nothing unpacked. */
static void import(struct fixture *f)
{
    const struct sample *m = &f->image;
    char digest[FAKE_DIGEST_MAX], key[64];
    fake_reset(f->fake);
    fake_add_blob(f->fake, m->config, strlen(m->config), digest);
    fake_add_blob(f->fake, m->manifest, strlen(m->manifest), digest);
    set_label(f, m->manifest_digest, LABEL_GC_CONFIG, m->config_digest);
    for (size_t i = 0; i < m->n_layers; i++) {
        fake_add_blob(f->fake, m->layers[i], strlen(m->layers[i]), digest);
        snprintf(key, sizeof(key), "%s%zu", LABEL_GC_LAYER, i);
        set_label(f, m->manifest_digest, key, digest);
    }
    const struct ctrd_image record = {
        .name = IMPORTED,
        .target = {.media_type = OCI_MEDIA_MANIFEST, .digest = m->manifest_digest, .size = (int64_t)strlen(m->manifest)},
    };
    assert_ok(ctrd_image_create(&f->ctrd, &background, &record, &f->e), &f->e);
    make_service(f, true, &script_http_ops, &f->script);
    size_t skipped = 9;
    assert_ok(image_store_load(f->store, &background, &skipped, &f->e), &f->e);
    assert_int_equal(skipped, 0);
}

static struct image *find(struct fixture *f)
{
    struct image *img = NULL;
    assert_int_equal(image_resolve_local(f->store, IMPORTED, &img, &f->e), 1);
    return img;
}

static int unpack_with(struct fixture *f, const char *snapshotter)
{
    struct image *img = find(f);
    int r = image_unpack(f->store, &background, snapshotter, &img, &f->e);
    image_unref(img);
    return r;
}

static void assert_unpacked(struct fixture *f, size_t layers)
{
    fake_collect(f->fake);
    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.layers, layers);
    assert_int_equal(l.blobs, 5);
    assert_int_equal(l.images, 2);
    assert_int_equal(fake_left_behind(f->fake), 0);
    struct image *img = find(f);
    assert_true(img->unpacked);
    assert_int_equal(img->names.n, 2);
    image_unref(img);
}

/* It is known and adopted; unpacked when it is needed, from what is here, once. */
static void test_import(void **state)
{
    struct fixture *f = *state;
    import(f);
    struct image *img = find(f);
    assert_false(img->unpacked);
    assert_string_equal(img->id, f->image.config_digest);
    assert_string_equal(img->repo_tags.v[0], IMPORTED);
    struct image *was = image_ref(img);
    assert_ok(image_unpack(f->store, &background, "overlayfs", &img, &f->e), &f->e);
    assert_true(img->unpacked);
    assert_false(was->unpacked); /* what a reader holds does not change */
    image_unref(was);
    image_unref(img);
    assert_int_equal(f->script.n_requests, 0);
    assert_unpacked(f, 3);
    size_t calls = fake_calls(f->fake);
    assert_ok(unpack_with(f, "overlayfs"), &f->e);
    assert_int_equal(fake_calls(f->fake), calls);
    /* With a snapshotter of its own, which a runtime handler has. */
    assert_ok(unpack_with(f, "native"), &f->e);
    assert_unpacked(f, 6);
    assert_ok(unpack_with(f, "native"), &f->e);
    assert_int_equal(fake_count(f->fake, "Diff/Apply"), 6);
    assert_ok(image_remove(f->store, &background, IMPORTED, &f->e), &f->e);
    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.images + l.blobs + l.layers, 0);
}

/* image_ensure, as RunPodSandbox uses it, needs no registry for it. */
static void test_ensure(void **state)
{
    struct fixture *f = *state;
    struct image *img = NULL;
    import(f);
    assert_ok(image_ensure(f->service, &background, IMPORTED, NULL, &img, &f->e), &f->e);
    assert_int_equal(f->script.n_requests, 0);
    image_unref(img);
}

static void test_collections(void **state)
{
    struct fixture *f = *state;
    uint64_t points = 10;
    for (uint64_t k = 0; k < points; k++) {
        import(f);
        uint64_t from = fake_points(f->fake);
        fake_collect_at(f->fake, k);
        if (unpack_with(f, "overlayfs") < 0)
            fail_msg("collection at %llu: %s", (unsigned long long)k, f->e.message);
        fake_collect_at(f->fake, FAKE_NO_POINT);
        points = fake_points(f->fake) - from;
        assert_unpacked(f, 3);
    }
    assert_true(points > 15);
}

/* Any call fails: an error or success, nothing half made, and the repeat succeeds. */
static void test_faults(void **state)
{
    struct fixture *f = *state;
    for (uint64_t k = 0;; k++) {
        import(f);
        size_t mark = fake_calls(f->fake);
        fake_fail_call(f->fake, k / 2, k % 2 ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, ERR_INTERNAL);
        int r = unpack_with(f, "overlayfs");
        fake_fail_off(f->fake);
        bool met = fake_calls(f->fake) - mark > k / 2;
        struct fake_live l = fake_live(f->fake);
        if (r < 0 && (!met || l.snapshots + l.leases + l.ingests != 0 || l.images != 2))
            fail_msg("call %llu: %s: %zu active snapshots, %zu leases, %zu writes, %zu names", (unsigned long long)k / 2, f->e.message, l.snapshots,
                     l.leases, l.ingests, l.images);
        assert_ok(unpack_with(f, "overlayfs"), &f->e);
        fake_collect(f->fake);
        assert_int_equal(fake_live(f->fake).layers, 3);
        if (!met)
            return;
    }
}

static void test_broken(void **state)
{
    struct fixture *f = *state;
    /* A layer that is gone since the image was read. */
    import(f);
    assert_ok(ctrd_content_delete(&f->ctrd, &background, f->image.layer_digests[1], &f->e), &f->e);
    assert_fails(unpack_with(f, "overlayfs"), &f->e, ERR_NOT_FOUND, f->image.layer_digests[1]);
    fake_collect(f->fake);
    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.layers + l.snapshots + l.leases + l.ingests, 0);
    /* A layer that is not what the configuration says. */
    import(f);
    fake_set_diff_id(f->fake, f->image.layer_digests[2], f->image.layer_digests[0]);
    assert_fails(unpack_with(f, "overlayfs"), &f->e, ERR_DATA_LOSS, "its content has diff id");
    fake_collect(f->fake);
    l = fake_live(f->fake);
    assert_int_equal(l.layers + l.snapshots + l.leases + l.ingests, 0);
    assert_int_equal(l.images, 2);
    /* All of it is gone. */
    import(f);
    struct image *img = find(f);
    assert_ok(image_remove(f->store, &background, IMPORTED, &f->e), &f->e);
    assert_fails(image_unpack(f->store, &background, "overlayfs", &img, &f->e), &f->e, ERR_NOT_FOUND, "unpack image sha256:");
    image_unref(img);
    assert_int_equal(fake_live(f->fake).images, 0);
}

static int life(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct image_store *store = NULL;
    struct image *img = NULL;
    const struct image_store_options o = {.ctrd = f->ctrd, .snapshotter = "overlayfs"};
    fake_drop_snapshots(f->fake);
    int r = image_store_new(&o, &store, e);
    if (r == 0)
        r = image_store_load(store, &background, NULL, e);
    if (r == 0)
        r = image_resolve_local(store, IMPORTED, &img, e);
    if (r > 0)
        r = image_unpack(store, &background, "overlayfs", &img, e);
    image_unref(img);
    image_store_free(store);
    return r;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    import(f);
    assert_true(sweep("image_unpack", life, f) > 100);
}

/* --- at the same time ------------------------------------------------------------------------------------------------------------ */

static struct ctrd real;
static struct ctrd_ops slow_ops;

/* Long enough that a second pull would begin the same layer. */
static int slow_apply(void *user, const struct ctx *ctx, const struct ctrd_descriptor *d, const struct ctrd_mounts *m, struct arena *a,
                      struct ctrd_descriptor *ret, struct err *e)
{
    usleep(3000);
    return real.ops->diff_apply(user, ctx, d, m, a, ret, e);
}

static void *pull_one(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_INIT;
    struct image *img = find(f);
    int r = image_unpack(f->store, &background, "overlayfs", &img, &e);
    image_unref(img);
    return r < 0 ? f : NULL;
}

/* Several at once unpack each layer once between them. */
static void test_once(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    import(f);
    real = f->ctrd;
    slow_ops = *real.ops;
    slow_ops.diff_apply = slow_apply;
    f->ctrd.ops = &slow_ops;
    make_service(f, true, &script_http_ops, &f->script);
    assert_ok(image_store_load(f->store, &background, NULL, &f->e), &f->e);
    fake_set_threads(f->fake, true);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pull_one, f), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(fake_count(f->fake, "Diff/Apply"), 3);
    assert_unpacked(f, 3);
    f->ctrd = real;
    make_service(f, true, &script_http_ops, &f->script);
}

static void test_keylock(void **state)
{
    struct keylock k;
    struct keylock_held a, b, c;
    struct cancel cancel;
    struct err e = ERR_INIT;
    assert_ok(keylock_init(&k, &e), &e);
    assert_ok(keylock_take(&k, &background, "a", "a", &a, &e), &e);
    assert_ok(keylock_take(&k, &background, "b", "b", &b, &e), &e);
    assert_ok(cancel_init(&cancel, &e), &e);
    cancel_fire(&cancel);
    const struct ctx cancelled = {.deadline = CLOCK_NEVER, .cancel = &cancel}, late = {.deadline = 1};
    assert_fails(keylock_take(&k, &cancelled, "a", "the letter", &c, &e), &e, ERR_CANCELLED, "the letter");
    assert_fails(keylock_take(&k, &late, "b", "the letter", &c, &e), &e, ERR_DEADLINE_EXCEEDED, "the letter");
    keylock_give(&k, &a);
    assert_ok(keylock_take(&k, &background, "a", "a", &c, &e), &e);
    keylock_give(&k, &b);
    keylock_give(&k, &c);
    cancel_done(&cancel);
    keylock_done(&k);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_import), T(test_ensure), T(test_collections), T(test_faults),           T(test_broken),
        T(test_sweep),  T(test_once),   cmocka_unit_test(test_keylock),
    };
    return cmocka_run_group_tests_name("image/unpack", tests, NULL, NULL);
}
