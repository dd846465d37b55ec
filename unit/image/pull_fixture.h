/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of whole pulls share: a scripted registry on one side, the fake containerd on the other.
 */
#ifndef CRI_UNIT_IMAGE_PULL_FIXTURE_H
#define CRI_UNIT_IMAGE_PULL_FIXTURE_H

#include "support.h"

#include <stdlib.h>

#include "fake.h"
#include "image/pull.h"
#include "script.h"

#define REPO "http://localhost:5000/v2/team/app"
#define NAME "localhost:5000/team/app:1"

struct fixture {
    struct script script;
    struct sample image;
    struct fake *fake;
    struct ctrd ctrd;
    struct image_store *store;
    struct image_service *service;
    struct err e;
};

static inline void make_service(struct fixture *f, bool inline_only, const struct http_ops *http, void *http_user)
{
    const struct image_store_options so = {.ctrd = f->ctrd, .snapshotter = "overlayfs"};
    const struct image_service_options o = {
        .ctrd = f->ctrd, .snapshotter = "overlayfs", .inline_only = inline_only, .http = http, .http_user = http_user};
    struct image_service_options with_store = o;
    image_service_free(f->service);
    image_store_free(f->store);
    assert_ok(image_store_new(&so, &f->store, &f->e), &f->e);
    with_store.store = f->store;
    assert_ok(image_service_new(&with_store, &f->service, &f->e), &f->e);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    script_init(&f->script);
    sample_init(&f->image, 3, "pull");
    f->fake = fake_new();
    f->ctrd = fake_ctrd(f->fake);
    make_service(f, true, &script_http_ops, &f->script);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    image_service_free(f->service);
    image_store_free(f->store);
    fake_free(f->fake);
    sample_done(&f->image);
    script_done(&f->script);
    free(f);
    return 0;
}

static inline int pull(struct fixture *f, const char *reference, struct image **ret)
{
    const struct ctx ctx = CTX_BACKGROUND;
    struct image_pulled p = {0};
    int r = image_pull(f->service, &ctx, reference, NULL, NULL, &p, &f->e);
    if (r == 0 && ret)
        *ret = p.image;
    else
        image_unref(p.image);
    return r;
}

/* Nothing but what the collector takes: no record, no lease, no open snapshot. */
static inline void assert_nothing_left(struct fixture *f)
{
    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.images, 0);
    assert_int_equal(l.leases, 0);
    assert_int_equal(l.snapshots, 0);
    assert_int_equal(image_store_count(f->store), 0);
}

static inline void serve_bad_layer(struct fixture *f, size_t i, struct view body)
{
    static char url[200];
    strcpy(url, REPO "/blobs/");
    strcat(url, f->image.layer_digests[i]);
    script_add(&f->script, (struct script_answer){.url = url, .status = 200, .body = body});
    sample_serve(&f->image, &f->script, REPO, "1", false);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
