/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls at the edges: an image that is removed at once, a configuration of the largest size. */
#include "pull_fixture.h"

#include <stdio.h>

#include "parse/ociimage.h"

/* Another client that removes the image between its last record and the look at it. */
static struct fixture *racing;
static struct ctrd_ops racing_ops;

static int racing_image_get(void *user, const struct ctx *ctx, const char *name, struct arena *a, struct ctrd_image *ret, struct err *e)
{
    const struct ctx background = CTX_BACKGROUND;
    struct arena own = ARENA_INIT(1 << 20);
    struct ctrd_images all;
    struct err ignored = ERR_INIT;
    assert_ok(ctrd_image_list(&racing->ctrd, &background, NULL, &own, &all, &ignored), &ignored);
    for (size_t i = 0; i < all.n; i++)
        assert_ok(ctrd_image_delete(&racing->ctrd, &background, all.v[i].name, true, &ignored), &ignored);
    arena_done(&own);
    return racing->ctrd.ops->image_get(user, ctx, name, a, ret, e);
}

static void test_removed_at_once(void **state)
{
    struct fixture *f = racing = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    struct ctrd real = f->ctrd;
    struct image *img = NULL;
    racing_ops = *real.ops;
    racing_ops.image_get = racing_image_get;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    f->ctrd.ops = &racing_ops;
    make_service(f, true, &script_http_ops, &f->script);
    f->ctrd = real;
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_NOT_FOUND, "was removed right after it was made");
    assert_nothing_left(f);
    assert_fails(image_ensure(f->service, &ctx, NAME, NULL, &img, &f->e), &f->e, ERR_NOT_FOUND, "was removed right after it was made");
    assert_nothing_left(f);
    fake_collect(f->fake);
    assert_int_equal(fake_live(f->fake).blobs, 0);
}

/* CVE-2023-25153: a configuration of the largest size, and of one byte more or less; of the larger one not a byte is fetched. The store reads it back
 * from containerd under the same limit. */
static void test_config_limit(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    char *text = malloc(OCI_CONFIG_BYTES_MAX + 1);
    f->script.chunk = 1 << 20;
    sample_serve(&f->image, &f->script, REPO, NULL, false);
    for (int over = -1; over <= 1; over++) {
        size_t n = (size_t)(OCI_CONFIG_BYTES_MAX + over), used = strlen(f->image.config);
        static char urls[3][2][200], manifests[3][2048];
        char digest[FAKE_DIGEST_MAX], name[64], *url = urls[over + 1][1], *manifest = manifests[over + 1];
        memset(text, ' ', n);
        memcpy(text, f->image.config, used);
        fake_reset(f->fake);
        fake_add_blob(f->fake, text, n, digest); /* for its digest */
        fake_reset(f->fake);
        int at = snprintf(manifest, sizeof(manifests[0]), "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
                          "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[", digest, n);
        for (size_t i = 0; i < f->image.n_layers; i++)
            at += snprintf(manifest + at, sizeof(manifests[0]) - (size_t)at,
                           "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}", i ? "," : "",
                           f->image.layer_digests[i], strlen(f->image.layers[i]));
        snprintf(manifest + at, sizeof(manifests[0]) - (size_t)at, "]}");
        snprintf(urls[over + 1][0], sizeof(urls[0][0]), REPO "/manifests/size%d", over + 1);
        snprintf(url, sizeof(urls[0][0]), REPO "/blobs/%s", digest);
        snprintf(name, sizeof(name), "localhost:5000/team/app:size%d", over + 1);
        script_add(&f->script, (struct script_answer){.url = urls[over + 1][0], .status = 200, .body = view_of(manifest)});
        script_add(&f->script, (struct script_answer){.url = url, .status = 200, .body = view_make(text, n)});
        make_service(f, true, &script_http_ops, &f->script);
        if (over > 0) {
            assert_fails(pull(f, name, NULL), &f->e, ERR_RESOURCE_EXHAUSTED, "the image configuration has 20971521 bytes");
            assert_int_equal(script_count(&f->script, url), 0);
            assert_nothing_left(f);
        } else {
            size_t skipped = 9;
            assert_ok(pull(f, name, NULL), &f->e);
            make_service(f, true, &script_http_ops, &f->script);
            assert_ok(image_store_load(f->store, &ctx, &skipped, &f->e), &f->e);
            assert_int_equal(skipped, 0);
        }
    }
    script_done(&f->script);
    free(text);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {T(test_removed_at_once), T(test_config_limit)};
    return cmocka_run_group_tests_name("image/pull-edges", tests, NULL, NULL);
}
