/* SPDX-License-Identifier: Apache-2.0 */
/* RemoveImage, and what the image RPCs say before, between and after: names, ids, containers of an image that is gone. */
#include "support.h"

#include "fixture.h"
#include "image/http.h"

static int setup(void **state)
{
    *state = fx_new(FX_INLINE);
    return 0;
}

static int teardown(void **state)
{
    fx_free(*state);
    return 0;
}

static int call_image(struct fx *f, size_t method, const char *image)
{
    Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
    Runtime__V1__RemoveImageRequest q = RUNTIME__V1__REMOVE_IMAGE_REQUEST__INIT;
    spec.image = (char *)image;
    q.image = image ? &spec : NULL;
    return fx_rpc(f, method, &q);
}

static int remove_image(struct fx *f, const char *image)
{
    return call_image(f, CRI_METHOD_REMOVE_IMAGE, image);
}

/* The image's id, "" when it is not known. */
static const char *status(struct fx *f, const char *image, char id[80])
{
    Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
    Runtime__V1__ImageStatusRequest q = RUNTIME__V1__IMAGE_STATUS_REQUEST__INIT;
    struct fx_call c;
    spec.image = (char *)image;
    q.image = &spec;
    fx_call_init(f, &c, CRI_METHOD_IMAGE_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ImageStatusResponse *r = (const Runtime__V1__ImageStatusResponse *)c.response;
    snprintf(id, 80, "%s", r->image ? r->image->id : "");
    fx_call_done(&c);
    return id;
}

static size_t count(struct fx *f)
{
    Runtime__V1__ListImagesRequest q = RUNTIME__V1__LIST_IMAGES_REQUEST__INIT;
    struct fx_call c;
    fx_call_init(f, &c, CRI_METHOD_LIST_IMAGES, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    size_t n = ((const Runtime__V1__ListImagesResponse *)c.response)->n_images;
    fx_call_done(&c);
    return n;
}

static void test_remove(void **state)
{
    struct fx *f = *state;
    char id[80], other[80];
    assert_fails(remove_image(f, NULL), &f->e, ERR_INVALID_ARGUMENT, "image is missing");
    assert_fails(remove_image(f, ""), &f->e, ERR_INVALID_ARGUMENT, "image is missing");
    assert_fails(remove_image(f, "UPPER:::"), &f->e, ERR_INVALID_ARGUMENT, "remove image \"UPPER:::\"");
    assert_ok(remove_image(f, "registry.example/none:1"), &f->e);
    assert_ok(remove_image(f, "sha256:0000000000000000000000000000000000000000000000000000000000000000"), &f->e);
    status(f, FX_IMAGE, id);
    struct fake_live before = fake_live(f->fake);
    /* By each of its names; every time all of it goes. */
    for (int how = 0; how < 4; how++) {
        char name[80];
        snprintf(name, sizeof name, "%s", how == 0 ? FX_IMAGE : id);
        if (how == 2)
            name[7 + 12] = '\0'; /* the beginning of an id */
        assert_ok(remove_image(f, how == 3 ? id + 7 : name), &f->e);
        assert_string_equal(status(f, FX_IMAGE, other), "");
        assert_string_equal(status(f, id, other), "");
        assert_int_equal(count(f), 1);
        struct fake_live l = fake_live(f->fake);
        assert_int_equal(l.images, before.images - 2);
        assert_int_equal(l.blobs, before.blobs - 3);
        assert_int_equal(l.layers, before.layers - 1);
        assert_ok(remove_image(f, name), &f->e); /* again */
        fx_image(f, FX_IMAGE, "\"User\":\"app\",\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"/bin/sh\"]");
        fx_restart(f);
        assert_string_equal(status(f, FX_IMAGE, other), id);
    }
}

/* An image whose containers run may be removed: they go on, and so do their snapshots and what these stand on. */
static void test_in_use(void **state)
{
    struct fx *f = *state;
    char pod[ID_LEN + 1], container[ID_LEN + 1], id[80];
    fx_must_run(f, "web", pod);
    fx_must_run_container(f, pod, "web", "a", container);
    struct fake_live before = fake_live(f->fake);
    assert_ok(remove_image(f, FX_IMAGE), &f->e);
    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.blobs, before.blobs - 3);
    assert_int_equal(l.layers, before.layers);
    assert_int_equal(l.snapshots, before.snapshots);
    assert_int_equal(fx_container_status(f, container).state, RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING);
    fx_restart(f);
    assert_int_equal(fx_container_status(f, container).state, RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING);
    struct fx_pod p;
    struct fx_container c;
    char second[ID_LEN + 1];
    fx_pod_init(f, &p, "web");
    fx_container_init(&c, pod, &p, "b");
    assert_true(fx_create(f, &c, second) < 0); /* a new one needs the image */
    assert_ok(fx_remove_container(f, container), &f->e);
    fake_collect(f->fake);
    assert_int_equal(fake_live(f->fake).layers, before.layers - 1);
    assert_string_equal(status(f, FX_IMAGE, id), "");
}

/* The pause image is pinned for the kubelet, but who asks for its removal gets it; its record is then made anew by the next pull. */
static void test_pinned(void **state)
{
    struct fx *f = *state;
    char id[80];
    assert_ok(remove_image(f, FX_PAUSE), &f->e);
    assert_string_equal(status(f, FX_PAUSE, id), "");
}

/* CVE-2026-53488: labels of an image that containerd or a CRI runtime act on must not reach a container's or pod's record. */
static void test_reserved_labels(void **state)
{
    struct fx *f = *state;
    static const char config[] = "\"Cmd\":[\"/bin/sh\"],\"Labels\":{\"containerd.io/gc.ref.content.x\":\"sha256:1\",\"containerd.io/\":\"x\","
                                 "\"io.cri-containerd\":\"x\",\"io.cri-containerd.kind\":\"sandbox\",\"io.cri-containerd.image\":\"managed\","
                                 "\"containerd.i\":\"kept\",\"io.cri-container\":\"kept\",\"org.example\":\"kept\"}";
    const struct ctx ctx = CTX_BACKGROUND;
    const struct ctrd ctrd = fake_ctrd(f->fake);
    char pod[ID_LEN + 1], container[ID_LEN + 1];
    struct fx_pod p;
    struct fx_container c;
    fx_image(f, "registry.example/labelled:1", config);
    fx_restart(f);
    f->service.config.sandbox_image = "registry.example/labelled:1";
    fx_pod_init(f, &p, "web");
    assert_ok(fx_run(f, &p, pod), &f->e);
    fx_container_init(&c, pod, &p, "a");
    c.image.image = (char *)"registry.example/labelled:1";
    assert_ok(fx_create(f, &c, container), &f->e);
    for (int i = 0; i < 2; i++) {
        struct arena a = ARENA_INIT(1 << 20);
        struct ctrd_container record;
        assert_ok(ctrd_container_get(&ctrd, &ctx, i ? container : pod, &a, &record, &f->e), &f->e);
        for (size_t k = 0; k < record.labels.n; k++) {
            const char *key = record.labels.v[k].key;
            if (strncmp(key, "containerd.io/", 14) == 0 || (strncmp(key, "io.cri-containerd", 17) == 0 && strcmp(key, "io.cri-containerd.kind") != 0))
                fail_msg("label \"%s\" of the image reached the record", key);
        }
        assert_string_equal(kvlist_get(&record.labels, "io.cri-containerd.kind"), i ? "container" : "sandbox");
        assert_string_equal(kvlist_get(&record.labels, "containerd.i"), "kept");
        assert_string_equal(kvlist_get(&record.labels, "io.cri-container"), "kept");
        assert_string_equal(kvlist_get(&record.labels, "org.example"), "kept");
        arena_done(&a);
    }
}

/* A registry that does what *user says: the code of a failed connection, or a status. */
static int exchange(void *user, const struct ctx *ctx, const struct http_request *request, struct arena *a, const struct http_sink *sink, struct err *e)
{
    const int *answer = user;
    if (answer[0] < 0)
        return err_raise(e, (enum err_code)-answer[0], "scripted failure");
    const struct http_response r = {.status = answer[0], .content_length = 0};
    return sink->head(sink->user, &r, e);
}

static const struct http_ops registry = {.exchange = exchange};

/* Where the registry cannot be reached pods start with the daemon's own program; where it refuses, they do not. */
static void test_unreachable(void **state)
{
    struct fx *f = *state;
    static const struct {
        int answer;
        enum err_code code; /* ERR_OK: the pod starts */
    } cases[] = {
        {-ERR_UNAVAILABLE, ERR_OK}, {-ERR_DEADLINE_EXCEEDED, ERR_OK},   {503, ERR_OK},
        {404, ERR_NOT_FOUND},       {403, ERR_PERMISSION_DENIED},       {429, ERR_RESOURCE_EXHAUSTED},
        {418, ERR_UNKNOWN},         {-ERR_FAILED_PRECONDITION, ERR_FAILED_PRECONDITION},
    };
    static int answer;
    f->http = &registry;
    f->http_user = &answer;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fx_pod p;
        char id[ID_LEN + 1];
        answer = cases[i].answer;
        fx_restart(f);
        f->service.config.sandbox_image = "registry.example/other/pause:2";
        fx_pod_init(f, &p, "web");
        f->log_n = 0;
        f->log[0] = '\0';
        int r = fx_run(f, &p, id);
        if (r != -(int)cases[i].code)
            fail_msg("answer %d: %d, %s", cases[i].answer, r, f->e.message);
        if (r < 0) {
            assert_non_null(strstr(f->e.message, "sandbox image \"registry.example/other/pause:2\""));
        } else {
            const char *told = strstr(f->log, IMAGE_BUILTIN_PAUSE);
            assert_non_null(told);
            /* The next pod asks no registry, and says nothing. */
            char second[ID_LEN + 1];
            answer = 404;
            fx_must_run(f, "second", second);
            assert_null(strstr(told + 1, IMAGE_BUILTIN_PAUSE));
            /* A minute later it is asked again. */
            clock_advance(CRI_PAUSE_RETRY);
            fx_pod_init(f, &p, "third");
            assert_fails(fx_run(f, &p, id), &f->e, ERR_NOT_FOUND, "registry.example/other/pause:2");
        }
        fx_remove_all(f);
        assert_true(fx_nothing_left(f));
        assert_ok(remove_image(f, IMAGE_BUILTIN_PAUSE), &f->e);
    }
}

/* Who names the built-in image as the sandbox image gets it without a registry; removed, it is made anew for the next pod. */
static void test_builtin_chosen(void **state)
{
    struct fx *f = *state;
    char id[80], other[80];
    f->http = &registry;
    fx_restart(f);
    f->service.config.sandbox_image = IMAGE_BUILTIN_PAUSE;
    for (int i = 0; i < 2; i++) {
        char pod[ID_LEN + 1];
        fx_must_run(f, "web", pod);
        status(f, IMAGE_BUILTIN_PAUSE, i ? other : id);
        assert_ok(remove_image(f, IMAGE_BUILTIN_PAUSE), &f->e);
        fx_remove_all(f);
    }
    assert_string_equal(id, other);
    fake_fail_method(f->fake, "Content/Write", FAKE_FAIL_BEFORE, ERR_INTERNAL, "disk full", 1);
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    assert_fails(fx_run(f, &p, NULL), &f->e, ERR_INTERNAL, "disk full");
    assert_true(fx_nothing_left(f));
}

/* Any call of it fails: a legal code, store and containerd agree, and the repeat removes the image. */
static void test_faults(void **state)
{
    struct fx *f = *state;
    char id[80];
    static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_INTERNAL, ERR_DEADLINE_EXCEEDED};
    for (uint64_t k = 0;; k++) {
        size_t mark = fake_calls(f->fake);
        fake_fail_call(f->fake, k, k % 2 ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, codes[k % ARRAY_SIZE(codes)]);
        int r = remove_image(f, FX_IMAGE);
        fake_fail_off(f->fake);
        bool met = fake_calls(f->fake) - mark > k;
        if (r < 0 && (!met || f->e.code != codes[k % ARRAY_SIZE(codes)]))
            fail_msg("call %llu: %s", (unsigned long long)k, f->e.message);
        assert_ok(remove_image(f, FX_IMAGE), &f->e);
        assert_string_equal(status(f, FX_IMAGE, id), "");
        if (!met)
            break;
        fx_image(f, FX_IMAGE, "\"User\":\"app\",\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"/bin/sh\"]");
        fx_restart(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pinned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unreachable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserved_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_builtin_chosen, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/image", tests, NULL, NULL);
}
