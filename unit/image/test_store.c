/* SPDX-License-Identifier: Apache-2.0 */
/* The image store against the fake containerd: loading, names, adoption, resolving, removing. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"
#include "image/ingest.h"
#include "image/record.h"
#include "image/store.h"
#include "parse/ociimage.h"
#include "script.h"
#include "sweep.h"

struct fixture {
    struct fake *fake;
    struct ctrd ctrd;
    struct image_store *store;
    struct sample a, b;
    struct err e;
};

static const struct ctx background = CTX_BACKGROUND;

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->fake = fake_new();
    f->ctrd = fake_ctrd(f->fake);
    sample_init(&f->a, 2, "a");
    sample_init(&f->b, 1, "b");
    const struct image_store_options o = {.ctrd = f->ctrd, .snapshotter = "overlayfs", .pinned_name = "reg.example/pause:1"};
    assert_ok(image_store_new(&o, &f->store, &f->e), &f->e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    image_store_free(f->store);
    fake_free(f->fake);
    sample_done(&f->a);
    sample_done(&f->b);
    free(f);
    return 0;
}

/* Puts an image's content and snapshots into containerd. */
static void put_content(struct fixture *f, const struct sample *m, bool layers, bool snapshot)
{
    char digest[FAKE_DIGEST_MAX];
    fake_add_blob(f->fake, m->config, strlen(m->config), digest);
    fake_add_blob(f->fake, m->manifest, strlen(m->manifest), digest);
    fake_add_blob(f->fake, m->index, strlen(m->index), digest);
    for (size_t i = 0; layers && i < m->n_layers; i++)
        fake_add_blob(f->fake, m->layers[i], strlen(m->layers[i]), digest);
    if (snapshot)
        fake_add_layer(f->fake, m->chain_id, "");
}

static struct ctrd_descriptor target_of(const struct sample *m)
{
    return (struct ctrd_descriptor){
        .media_type = OCI_MEDIA_MANIFEST, .digest = m->manifest_digest, .size = (int64_t)strlen(m->manifest)};
}

static void put_record(struct fixture *f, const char *name, const struct sample *m)
{
    const struct ctrd_descriptor target = target_of(m);
    assert_true(record_put(&f->ctrd, &background, name, &target, NULL, &f->e) >= 0);
}

static size_t load(struct fixture *f)
{
    size_t skipped = 99;
    assert_ok(image_store_load(f->store, &background, &skipped, &f->e), &f->e);
    return skipped;
}

static struct image *resolve(struct fixture *f, const char *text)
{
    struct image *img = NULL;
    int r = image_resolve_local(f->store, text, &img, &f->e);
    if (r < 0)
        fail_msg("%s: %s", text, f->e.message);
    assert_int_equal(r, img != NULL);
    return img;
}

static void test_load(void **state)
{
    struct fixture *f = *state;
    put_content(f, &f->a, true, true);
    put_record(f, "docker.io/library/a:1", &f->a);
    put_record(f, "reg.example/a:2", &f->a);
    put_record(f, f->a.config_digest, &f->a);
    char name[200];
    snprintf(name, sizeof(name), "reg.example/a@%s", f->a.manifest_digest);
    put_record(f, name, &f->a);
    assert_int_equal(load(f), 0);
    assert_int_equal(image_store_count(f->store), 1);
    struct image *img = resolve(f, "a:1");
    assert_non_null(img);
    assert_int_equal(img->names.n, 4);
    assert_int_equal(img->repo_tags.n, 2);
    assert_string_equal(img->repo_tags.v[0], "docker.io/library/a:1");
    assert_int_equal(img->repo_digests.n, 1);
    assert_int_equal(img->size, f->a.size);
    image_unref(img);
    /* Loading again changes nothing; a record that went meanwhile goes. */
    assert_int_equal(load(f), 0);
    assert_ok(ctrd_image_delete(&f->ctrd, &background, "reg.example/a:2", false, &f->e), &f->e);
    assert_int_equal(load(f), 0);
    assert_null(resolve(f, "reg.example/a:2"));
    img = resolve(f, "a:1");
    assert_int_equal(img->names.n, 3);
    image_unref(img);
}

/* Images that are not whole are not shown, and do not keep others from being found. */
static void test_load_incomplete(void **state)
{
    struct fixture *f = *state;
    const struct ctrd_descriptor missing = {.media_type = OCI_MEDIA_MANIFEST, .digest = f->a.layer_digests[0], .size = 4};
    put_content(f, &f->a, false, true);
    put_record(f, "reg.example/no-layers:1", &f->a);
    put_content(f, &f->b, true, true);
    put_record(f, "reg.example/good:1", &f->b);
    assert_true(record_put(&f->ctrd, &background, "reg.example/no-content:1", &missing, NULL, &f->e) > 0);
    char digest[FAKE_DIGEST_MAX];
    fake_add_blob(f->fake, "garbage", 7, digest);
    const struct ctrd_descriptor garbage = {.media_type = OCI_MEDIA_MANIFEST, .digest = digest, .size = 7};
    assert_true(record_put(&f->ctrd, &background, "reg.example/garbage:1", &garbage, NULL, &f->e) > 0);
    assert_int_equal(load(f), 3);
    assert_int_equal(image_store_count(f->store), 1);
    /* With its layers, but without its snapshot. */
    put_content(f, &f->a, true, false);
    assert_int_equal(load(f), 2);
    assert_int_equal(image_store_count(f->store), 2);
    fake_reset(f->fake);
    put_content(f, &f->a, true, false);
    put_record(f, "reg.example/no-snapshot:1", &f->a);
    assert_int_equal(load(f), 0); /* image_unpack's to do */
    assert_int_equal(image_store_count(f->store), 1);
}

static void test_load_fails(void **state)
{
    struct fixture *f = *state;
    put_content(f, &f->a, true, true);
    put_record(f, "reg.example/a:1", &f->a);
    fake_fail_method(f->fake, "Images/List", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "gone", 1);
    assert_fails(image_store_load(f->store, &background, NULL, &f->e), &f->e, ERR_UNAVAILABLE, "gone");
    fake_fail_method(f->fake, "Content/Read", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "gone", 1);
    assert_fails(image_store_load(f->store, &background, NULL, &f->e), &f->e, ERR_UNAVAILABLE, "reg.example/a:1");
    fake_fail_method(f->fake, "Content/Read", FAKE_FAIL_BEFORE, ERR_INTERNAL, "bad sector", 1);
    assert_int_equal(load(f), 1);
    assert_int_equal(load(f), 0);
}

/* A record that another client made. */
static void test_adopt(void **state)
{
    struct fixture *f = *state;
    struct arena a = ARENA_INIT(1 << 20);
    put_content(f, &f->a, true, true);
    const struct ctrd_image record = {.name = "reg.example/by-ctr:1", .target = target_of(&f->a)};
    assert_ok(ctrd_image_create(&f->ctrd, &background, &record, &f->e), &f->e);
    assert_ok(image_store_update(f->store, &background, record.name, &f->e), &f->e);
    struct image *img = resolve(f, f->a.config_digest);
    assert_int_equal(img->names.n, 2);
    assert_string_equal(img->names.v[1], f->a.config_digest);
    image_unref(img);
    struct ctrd_image now;
    assert_ok(ctrd_image_get(&f->ctrd, &background, record.name, &a, &now, &f->e), &f->e);
    assert_string_equal(kvlist_get(&now.labels, IMAGE_LABEL_MANAGED), "managed");
    assert_ok(ctrd_image_get(&f->ctrd, &background, f->a.config_digest, &a, &now, &f->e), &f->e);
    assert_string_equal(now.target.digest, f->a.manifest_digest);
    arena_done(&a);
}

static void test_update(void **state)
{
    struct fixture *f = *state;
    put_content(f, &f->a, true, true);
    put_content(f, &f->b, true, true);
    put_record(f, "reg.example/x:1", &f->a);
    assert_ok(image_store_update(f->store, &background, "reg.example/x:1", &f->e), &f->e);
    struct image *before = resolve(f, "reg.example/x:1");
    put_record(f, "reg.example/x:1", &f->b);
    assert_ok(image_store_update(f->store, &background, "reg.example/x:1", &f->e), &f->e);
    struct image *after = resolve(f, "reg.example/x:1");
    assert_string_equal(after->id, f->b.config_digest);
    assert_string_equal(before->id, f->a.config_digest);
    assert_int_equal(before->names.n, 1);
    assert_int_equal(image_store_count(f->store), 1);
    image_unref(before);
    image_unref(after);
    assert_ok(ctrd_image_delete(&f->ctrd, &background, "reg.example/x:1", false, &f->e), &f->e);
    assert_ok(image_store_update(f->store, &background, "reg.example/x:1", &f->e), &f->e);
    assert_int_equal(image_store_count(f->store), 0);
    assert_ok(image_store_update(f->store, &background, "never:heard", &f->e), &f->e);
}

/* A containerd whose answer to Images.Get is old: between answer and use, somebody removes the record and tells the store. */
static struct fixture *stale;
static struct ctrd_ops stale_ops;

static int stale_image_get(void *user, const struct ctx *ctx, const char *name, struct arena *a, struct ctrd_image *ret,
                           struct err *e)
{
    int r = stale->ctrd.ops->image_get(user, ctx, name, a, ret, e);
    stale_ops.image_get = stale->ctrd.ops->image_get; /* once */
    assert_ok(ctrd_image_delete(&stale->ctrd, ctx, name, false, e), e);
    assert_ok(image_store_update(stale->store, ctx, name, e), e);
    return r;
}

static void test_update_stale(void **state)
{
    struct fixture *f = stale = *state;
    stale_ops = *f->ctrd.ops;
    stale_ops.image_get = stale_image_get;
    const struct image_store_options o = {.ctrd = {.ops = &stale_ops, .user = f->ctrd.user}, .snapshotter = "overlayfs"};
    image_store_free(f->store);
    assert_ok(image_store_new(&o, &f->store, &f->e), &f->e);
    struct ctrd_image record = {.name = "reg.example/x:1", .target = target_of(&f->a)};
    char text[] = IMAGE_LABEL_MANAGED, value[] = IMAGE_LABEL_MANAGED_VALUE;
    struct arena a = ARENA_INIT(1 << 16);
    assert_int_equal(kvlist_set(&record.labels, &a, text, value), 0);
    put_content(f, &f->a, true, true);
    assert_ok(ctrd_image_create(&f->ctrd, &background, &record, &f->e), &f->e);
    assert_ok(image_store_update(f->store, &background, "reg.example/x:1", &f->e), &f->e);
    assert_int_equal(image_store_count(f->store), 0);
    arena_done(&a);
}

static void test_resolve(void **state)
{
    struct fixture *f = *state;
    struct image *img = NULL;
    put_content(f, &f->a, true, true);
    put_content(f, &f->b, true, true);
    put_record(f, "docker.io/library/a:latest", &f->a);
    put_record(f, "odd name", &f->b);
    put_record(f, f->b.config_digest, &f->b);
    assert_int_equal(load(f), 0);
    const char *hex = f->a.config_digest + 7;
    char text[100];
    snprintf(text, sizeof(text), "%.12s", hex);
    const char *const found[] = {"a", "library/a", "docker.io/a", "docker.io/library/a:latest", f->a.config_digest, hex, text};
    for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
        img = resolve(f, found[i]);
        if (!img)
            fail_msg("not found: %s", found[i]);
        assert_string_equal(img->id, f->a.config_digest);
        image_unref(img);
    }
    snprintf(text, sizeof(text), "sha256:%.5s", hex);
    img = resolve(f, text);
    assert_non_null(img);
    image_unref(img);
    const char *const missing[] = {"b", "a:1", "reg.example/a",
                                   "sha256:0000000000000000000000000000000000000000000000000000000000000000",
                                   "0000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
        assert_null(resolve(f, missing[i]));
    const char *const bad[] = {"", "UPPER", "a:b:c", "http://x", " ", NULL};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_fails(image_resolve_local(f->store, bad[i], &img, &f->e), &f->e, ERR_INVALID_ARGUMENT, "");
    /* One digit that both ids begin with, or none. */
    bool same = f->a.config_digest[7] == f->b.config_digest[7];
    snprintf(text, sizeof(text), "sha256:%c", f->a.config_digest[7]);
    int r = image_resolve_local(f->store, text, &img, &f->e);
    assert_int_equal(r, same ? -ERR_INVALID_ARGUMENT : 1);
    if (r > 0)
        image_unref(img);
}

static void test_ambiguous(void **state)
{
    struct fixture *f = *state;
    struct sample more[17];
    struct image *img = NULL;
    /* Seventeen ids: two of them begin with the same digit. */
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        char seed[8], name[40];
        snprintf(seed, sizeof(seed), "n%zu", i);
        snprintf(name, sizeof(name), "reg.example/n:%zu", i);
        sample_init(&more[i], 1, seed);
        put_content(f, &more[i], true, true);
        put_record(f, name, &more[i]);
    }
    assert_int_equal(load(f), 0);
    size_t ambiguous = 0;
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        char text[10];
        snprintf(text, sizeof(text), "%c", more[i].config_digest[7]);
        int r = image_resolve_local(f->store, text, &img, &f->e);
        if (r > 0)
            image_unref(img);
        else
            ambiguous++;
    }
    assert_true(ambiguous >= 2);
    struct image_list l;
    assert_ok(image_store_list(f->store, NULL, &l, &f->e), &f->e);
    assert_int_equal(l.n, ARRAY_SIZE(more));
    for (size_t i = 1; i < l.n; i++)
        assert_true(strcmp(l.v[i - 1]->id, l.v[i]->id) < 0);
    image_list_done(&l);
    assert_ok(image_store_list(f->store, "reg.example/n:3", &l, &f->e), &f->e);
    assert_int_equal(l.n, 1);
    image_list_done(&l);
    assert_ok(image_store_list(f->store, "reg.example/n:333", &l, &f->e), &f->e);
    assert_int_equal(l.n, 0);
    image_list_done(&l);
    for (size_t i = 0; i < ARRAY_SIZE(more); i++)
        sample_done(&more[i]);
}

static void test_pinned(void **state)
{
    struct fixture *f = *state;
    const struct kvlist labels = {.v = (struct kv[]){{(char *)IMAGE_LABEL_PINNED, (char *)IMAGE_LABEL_PINNED_VALUE}}, .n = 1};
    const struct ctrd_descriptor target = target_of(&f->b);
    put_content(f, &f->a, true, true);
    put_content(f, &f->b, true, true);
    put_record(f, "reg.example/pause:1", &f->a);
    put_record(f, f->a.config_digest, &f->a);
    assert_int_equal(record_put(&f->ctrd, &background, "reg.example/b:1", &target, &labels, &f->e), 1);
    put_record(f, f->b.config_digest, &f->b);
    load(f);
    struct image *a = resolve(f, f->a.config_digest), *b = resolve(f, f->b.config_digest);
    assert_true(a->pinned); /* by name */
    assert_true(b->pinned); /* by label */
    image_unref(a);
    image_unref(b);
    assert_ok(ctrd_image_delete(&f->ctrd, &background, "reg.example/b:1", false, &f->e), &f->e);
    assert_ok(image_store_update(f->store, &background, "reg.example/b:1", &f->e), &f->e);
    b = resolve(f, f->b.config_digest);
    assert_false(b->pinned);
    image_unref(b);
}

static void test_remove(void **state)
{
    struct fixture *f = *state;
    put_content(f, &f->a, true, true);
    put_content(f, &f->b, true, true);
    put_record(f, "reg.example/a:1", &f->a);
    put_record(f, "reg.example/a:2", &f->a);
    put_record(f, f->a.config_digest, &f->a);
    put_record(f, "reg.example/b:1", &f->b);
    load(f);
    struct image *kept = resolve(f, "reg.example/a:1");
    assert_ok(image_remove(f->store, &background, "reg.example/a:2", &f->e), &f->e);
    assert_int_equal(fake_live(f->fake).images, 1);
    assert_int_equal(image_store_count(f->store), 1);
    assert_null(resolve(f, "reg.example/a:1"));
    assert_int_equal(kept->names.n, 3);
    image_unref(kept);
    assert_ok(image_remove(f->store, &background, "reg.example/a:2", &f->e), &f->e);
    assert_ok(image_remove(f->store, &background, f->a.config_digest, &f->e), &f->e);
    assert_fails(image_remove(f->store, &background, "BAD", &f->e), &f->e, ERR_INVALID_ARGUMENT, "BAD");
    /* Another client was faster. */
    assert_ok(ctrd_image_delete(&f->ctrd, &background, "reg.example/b:1", false, &f->e), &f->e);
    assert_ok(image_remove(f->store, &background, "reg.example/b:1", &f->e), &f->e);
    assert_int_equal(image_store_count(f->store), 0);
    put_content(f, &f->a, true, true); /* the collection took it */
    put_record(f, "reg.example/a:1", &f->a);
    load(f);
    fake_fail_method(f->fake, "Images/Delete", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "gone", 1);
    assert_fails(image_remove(f->store, &background, "reg.example/a:1", &f->e), &f->e, ERR_UNAVAILABLE, "reg.example/a:1");
    assert_int_equal(image_store_count(f->store), 1);
}

/* Readers beside a writer. */
static void *read_on(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < 300; i++) {
        struct err e = ERR_INIT;
        struct image_list l;
        if (image_store_list(f->store, NULL, &l, &e) < 0)
            return arg;
        for (size_t k = 0; k < l.n; k++)
            if (l.v[k]->names.n == 0 || strlen(l.v[k]->id) != 71)
                return arg;
        image_list_done(&l);
        struct image *img = NULL;
        if (image_resolve_local(f->store, "reg.example/a:1", &img, &e) > 0)
            image_unref(img);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t readers[3];
    fake_set_threads(f->fake, true);
    put_content(f, &f->a, true, true);
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, f), 0);
    for (int i = 0; i < 30; i++) {
        put_content(f, &f->a, true, true);
        put_record(f, "reg.example/a:1", &f->a);
        put_record(f, f->a.config_digest, &f->a);
        assert_ok(image_store_update(f->store, &background, "reg.example/a:1", &f->e), &f->e);
        assert_ok(image_store_update(f->store, &background, f->a.config_digest, &f->e), &f->e);
        assert_ok(image_remove(f->store, &background, "reg.example/a:1", &f->e), &f->e);
    }
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
        void *failed;
        pthread_join(readers[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(image_store_count(f->store), 0);
}

static int store_life(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct image_store *s = NULL;
    const struct image_store_options o = {.ctrd = f->ctrd, .snapshotter = "overlayfs", .pinned_name = "reg.example/pause:1"};
    struct image_list l = {0};
    int r = image_store_new(&o, &s, e);
    if (r == 0)
        r = image_store_load(s, &background, NULL, e);
    if (r == 0)
        r = image_store_list(s, NULL, &l, e);
    image_list_done(&l);
    if (r == 0)
        r = image_store_list(s, "reg.example/a:1", &l, e);
    image_list_done(&l);
    image_store_free(s);
    return r;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    put_content(f, &f->a, true, true);
    const struct ctrd_image record = {.name = "reg.example/a:1", .target = target_of(&f->a)};
    assert_ok(ctrd_image_create(&f->ctrd, &background, &record, &f->e), &f->e);
    put_record(f, "reg.example/a:2", &f->a);
    assert_true(sweep("image_store", store_life, f) > 50);
}

static void test_options(void **state)
{
    struct fixture *f = *state;
    struct image_store *s = NULL;
    struct image_store_options o = {.ctrd = f->ctrd};
    assert_fails(image_store_new(&o, &s, &f->e), &f->e, ERR_INVALID_ARGUMENT, "snapshotter");
    o.snapshotter = "overlayfs";
    o.pinned_name = "NO";
    assert_fails(image_store_new(&o, &s, &f->e), &f->e, ERR_INVALID_ARGUMENT, "NO");
    image_store_free(NULL);
    image_unref(NULL);
    assert_null(image_ref(NULL));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_load),      T(test_load_incomplete), T(test_load_fails), T(test_adopt),   T(test_update), T(test_resolve),
        T(test_ambiguous), T(test_pinned),          T(test_remove),     T(test_threads), T(test_sweep),  T(test_options), T(test_update_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
