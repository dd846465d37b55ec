/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collections in the middle of a pull: whenever one comes, the image is whole afterwards, and nothing else is left. */
#include "pull_fixture.h"

static const struct ctx background = CTX_BACKGROUND;

/* What a good pull leaves behind, also after a collection: every blob, every snapshot, every name, and the store agrees. */
static void assert_whole(struct fixture *f, const char *when, uint64_t k)
{
    fake_collect(f->fake);
    struct fake_live l = fake_live(f->fake);
    if (l.images != 3 || l.blobs != 6 || l.layers != 3 || fake_left_behind(f->fake) != 0)
        fail_msg("%s, collection at %llu: %zu names, %zu blobs, %zu snapshots are there; %zu leases, %zu views, %zu ingests are left", when,
                 (unsigned long long)k, l.images, l.blobs, l.layers, l.leases, l.snapshots, l.ingests);
    size_t skipped = 99;
    assert_int_equal(image_store_count(f->store), 1);
    assert_ok(image_store_load(f->store, &background, &skipped, &f->e), &f->e);
    assert_int_equal(skipped, 0);
    assert_int_equal(image_store_count(f->store), 1);
}

static void nothing_before(struct fixture *f)
{
}

/* The whole image is there and nothing refers to it any more: the next collection takes it. */
static void garbage_before(struct fixture *f)
{
    struct image *img = NULL;
    assert_ok(pull(f, NAME, &img), &f->e);
    for (size_t i = 0; i < img->names.n; i++)
        assert_ok(ctrd_image_delete(&f->ctrd, &background, img->names.v[i], false, &f->e), &f->e);
    image_unref(img);
    make_service(f, true, &script_http_ops, &f->script);
}

/* The image is there and stays until somebody else takes it away during the pull. */
static void image_before(struct fixture *f)
{
    assert_ok(pull(f, NAME, NULL), &f->e);
}

/* Another client's unfinished writes, one with a lease that is gone and one without. */
static void ingests_before(struct fixture *f)
{
    for (size_t i = 0; i < 2; i++) {
        struct ctx ctx = CTX_BACKGROUND;
        struct ctrd_writer *w;
        int64_t offset;
        char ref[128] = "layer-";
        strcat(ref, f->image.layer_digests[i]);
        if (i == 0) {
            ctx.lease = "other";
            assert_ok(ctrd_lease_create(&f->ctrd, &ctx, "other", NULL, &f->e), &f->e);
        }
        assert_ok(ctrd_writer_open(&f->ctrd, &ctx, ref, 0, NULL, &w, &offset, &f->e), &f->e);
        assert_ok(ctrd_writer_write(&f->ctrd, &ctx, w, view_make(f->image.layers[i], 8), &f->e), &f->e);
        ctrd_writer_close(&f->ctrd, w);
        if (i == 0)
            assert_ok(ctrd_lease_delete(&f->ctrd, &background, "other", false, &f->e), &f->e);
    }
}

/* One layer's snapshot and some blobs are there, without a reference to or from them. */
static void parts_before(struct fixture *f)
{
    char digest[FAKE_DIGEST_MAX];
    fake_add_layer(f->fake, f->image.layer_digests[0], NULL); /* the first chain id is the diff id, and these layers are not compressed */
    fake_add_blob(f->fake, f->image.layers[1], strlen(f->image.layers[1]), digest);
    fake_add_blob(f->fake, f->image.manifest, strlen(f->image.manifest), digest);
    fake_add_blob(f->fake, f->image.config, strlen(f->image.config), digest);
}

static const struct {
    const char *name;
    void (*before)(struct fixture *f);
} cases[] = {
    {"on an empty containerd", nothing_before}, {"with the image as garbage", garbage_before}, {"with the image there", image_before},
    {"with unfinished writes", ingests_before}, {"with parts there", parts_before},
};

static void start(struct fixture *f, size_t c)
{
    fake_reset(f->fake);
    make_service(f, true, &script_http_ops, &f->script);
    script_rewind(&f->script);
    cases[c].before(f);
}

static void test_collections(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        start(f, c);
        uint64_t from = fake_points(f->fake);
        assert_ok(pull(f, NAME, NULL), &f->e);
        uint64_t points = fake_points(f->fake) - from;
        assert_true(points > 15);
        for (uint64_t k = 0; k <= points; k++) {
            start(f, c);
            fake_collect_at(f->fake, k < points ? k : FAKE_EVERY_POINT);
            if (pull(f, NAME, NULL) < 0)
                fail_msg("%s, collection at %llu: %s", cases[c].name, (unsigned long long)k, f->e.message);
            fake_collect_at(f->fake, FAKE_NO_POINT);
            assert_whole(f, cases[c].name, k);
        }
    }
}

/* A pull that fails leaves nothing that a collection does not take. The call that fails may be the lease's deletion: then it is the lease's time. */
static void test_failures_leave_nothing(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    start(f, 0);
    assert_ok(pull(f, NAME, NULL), &f->e);
    size_t calls = fake_calls(f->fake), failed = 0;
    for (int after = 0; after < 2; after++)
        for (size_t k = 0; k < calls; k++) {
            start(f, 0);
            fake_fail_call(f->fake, k, after ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, ERR_INTERNAL);
            int r = pull(f, NAME, NULL);
            fake_fail_off(f->fake);
            fake_collect(f->fake);
            if (r >= 0)
                continue; /* the lost call was a clean-up */
            failed++;
            struct fake_live l = fake_live(f->fake);
            if (l.images + l.blobs + l.layers + l.snapshots + l.ingests + l.leases != 0)
                fail_msg("call %zu (%s) failing leaves %zu names, %zu blobs, %zu snapshots, %zu views, %zu ingests, %zu leases: %s", k,
                         fake_call(f->fake, k), l.images, l.blobs, l.layers, l.snapshots, l.ingests, l.leases, f->e.message);
        }
    assert_true(failed > 40);
}

/* A lease that nobody deleted ends by itself. */
static void test_lease_expires(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    clock_virtual(clock_mono(), clock_real());
    fake_fail_method(f->fake, "Leases/Delete", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, NULL, 1);
    assert_ok(pull(f, NAME, NULL), &f->e);
    assert_ok(image_remove(f->store, &background, NAME, &f->e), &f->e);
    assert_int_equal(fake_live(f->fake).blobs, 6);
    clock_advance((uint64_t)25 * 3600 * NSEC_PER_SEC);
    fake_collect(f->fake);
    struct fake_live l = fake_live(f->fake);
    clock_virtual_off();
    assert_int_equal(l.blobs + l.layers + l.leases + l.images, 0);
}

/* Removing takes everything with it, at once; a collection beside that changes nothing. */
static void test_remove(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    sample_serve(&f->image, &f->script, "http://localhost:5000/v2/other", "2", false);
    for (int i = 0; i < 2; i++) {
        start(f, 0);
        fake_collect_at(f->fake, i ? FAKE_EVERY_POINT : FAKE_NO_POINT);
        assert_ok(pull(f, NAME, NULL), &f->e);
        assert_ok(pull(f, "localhost:5000/other:2", NULL), &f->e);
        assert_int_equal(fake_live(f->fake).images, 5);
        assert_ok(image_remove(f->store, &background, i ? NAME : f->image.config_digest, &f->e), &f->e);
        struct fake_live l = fake_live(f->fake);
        assert_int_equal(l.images + l.blobs + l.layers + l.leases + l.ingests, 0);
        assert_int_equal(image_store_count(f->store), 0);
    }
    fake_collect_at(f->fake, FAKE_NO_POINT);
}

/* Any call of a removal fails: an error or success, never a store that differs from containerd; the repeat ends it. */
static void test_remove_faults(void **state)
{
    struct fixture *f = *state;
    static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_NOT_FOUND, ERR_INTERNAL};
    sample_serve(&f->image, &f->script, REPO, "1", true);
    start(f, 0);
    assert_ok(pull(f, NAME, NULL), &f->e);
    size_t mark = fake_calls(f->fake);
    assert_ok(image_remove(f->store, &background, NAME, &f->e), &f->e);
    size_t calls = fake_calls(f->fake) - mark;
    assert_true(calls >= 6);
    for (size_t c = 0; c < ARRAY_SIZE(codes); c++)
        for (size_t i = 0; i < 2 * calls; i++) {
            start(f, 0);
            assert_ok(pull(f, NAME, NULL), &f->e);
            fake_fail_call(f->fake, i / 2, i % 2 ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, codes[c]);
            int r = image_remove(f->store, &background, NAME, &f->e);
            fake_fail_off(f->fake);
            if (r < 0 && f->e.code != codes[c])
                fail_msg("call %zu: %s", i / 2, f->e.message);
            assert_ok(image_remove(f->store, &background, f->image.config_digest, &f->e), &f->e);
            /* "Not found" is believed, even if it is not so: the next event or start brings such a name back. */
            if (codes[c] == ERR_NOT_FOUND && i % 2 == 0)
                assert_ok(image_store_load(f->store, &background, NULL, &f->e), &f->e);
            assert_ok(image_remove(f->store, &background, f->image.config_digest, &f->e), &f->e);
            fake_collect(f->fake);
            struct fake_live l = fake_live(f->fake);
            if (l.images + l.blobs + l.layers != 0 || image_store_count(f->store) != 0)
                fail_msg("call %zu failing with %s (%s): %zu names, %zu blobs, %zu snapshots are left", i / 2, err_code_name(codes[c]),
                         i % 2 ? "after" : "before", l.images, l.blobs, l.layers);
        }
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_collections), T(test_failures_leave_nothing), T(test_lease_expires), T(test_remove), T(test_remove_faults),
    };
    return cmocka_run_group_tests_name("image/pull-gc", tests, NULL, NULL);
}
