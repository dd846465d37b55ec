/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the service as a whole: Version, Status, RuntimeConfig, images, the routing table, one owner. */
#include "support.h"

#include "base/fs.h"
#include "cri/owner.h"
#include "fixture.h"
#include "mock_ctrd.h"

static const struct ctx background = CTX_BACKGROUND;

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

static const struct rpc_method *method(struct fx *f, const char *path)
{
    for (size_t i = 0; i < f->n_methods; i++)
        if (strcmp(f->methods[i].path, path) == 0)
            return &f->methods[i];
    return NULL;
}

static void test_version(void **state)
{
    struct fx *f = *state;
    Runtime__V1__VersionRequest q = RUNTIME__V1__VERSION_REQUEST__INIT;
    static const char *const names[][2] = {{"/runtime.v1.RuntimeService/Version", "v1"}, {"/runtime.v1alpha2.RuntimeService/Version", "v1alpha2"}};
    fake_set_version(f->fake, "1.7.24~ds1"); /* it was upgraded beside the daemon */
    for (size_t i = 0; i < 3; i++) {
        struct fx_call c;
        if (i == 2)
            fake_fail_method(f->fake, "Version/Version", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "connection refused", 1);
        fx_call_init(f, &c, CRI_METHOD_VERSION, &q);
        c.call.method = method(f, names[i % 2][0]);
        assert_non_null(c.call.method);
        assert_ok(fx_call_run(f, &c), &c.e);
        const Runtime__V1__VersionResponse *r = (const Runtime__V1__VersionResponse *)c.response;
        assert_string_equal(r->version, "0.1.0");
        assert_string_equal(r->runtime_name, "containerd");
        assert_string_equal(r->runtime_version, i == 2 ? "1.6.20" : "1.7.24~ds1");
        assert_string_equal(r->runtime_api_version, names[i % 2][1]);
        fx_call_done(&c);
    }
}

/* Every method of the CRI is routed; what is not served says so by name. */
static void test_routing(void **state)
{
    struct fx *f = *state;
    size_t unserved = 0;
    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        const struct rpc_method *m = method(f, cri_methods[i].path);
        assert_non_null(m);
        assert_ptr_equal(m->request, cri_methods[i].request);
        assert_int_equal((m->unary != NULL) + (m->stream != NULL) + (m->duplex != NULL), 1);
        struct rpc_call call = {.method = m};
        struct err e = ERR_INIT;
        if (m->stream && m->stream(&f->service, &call, NULL, NULL, &e) == -ERR_UNIMPLEMENTED) {
            assert_non_null(strstr(e.message, m->path));
            unserved++;
        }
    }
    (void)unserved;
}

static void status(struct fx *f, bool runtime, bool network, const char *why)
{
    Runtime__V1__StatusRequest q = RUNTIME__V1__STATUS_REQUEST__INIT;
    struct fx_call c;
    q.verbose = true;
    fx_call_init(f, &c, CRI_METHOD_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__StatusResponse *r = (const Runtime__V1__StatusResponse *)c.response;
    assert_int_equal(r->status->n_conditions, 2);
    assert_string_equal(r->status->conditions[0]->type, "RuntimeReady");
    assert_int_equal(r->status->conditions[0]->status, runtime);
    assert_string_equal(r->status->conditions[1]->type, "NetworkReady");
    assert_int_equal(r->status->conditions[1]->status, network);
    if (!runtime)
        assert_non_null(strstr(r->status->conditions[0]->message, why));
    if (!network)
        assert_non_null(strstr(r->status->conditions[1]->message, why));
    assert_int_equal(r->n_info, 1);
    assert_non_null(strstr(r->info[0]->value, "\"snapshotter\":\"overlayfs\""));
    assert_non_null(strstr(r->info[0]->value, runtime ? "\"containerdVersion\":\"1.6.20~ds1\"" : "\"containerdVersion\":\"1.6.20\""));
    fx_call_done(&c);
}

static void test_status(void **state)
{
    struct fx *f = *state;
    status(f, true, true, NULL);
    fake_fail_method(f->fake, "Version/Version", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "connection refused", 1);
    status(f, false, true, "connection refused");
    struct err e = ERR_INIT;
    assert_ok(fs_remove_all(f->conf, &e), &e);
    status(f, true, false, "cni plugin not initialized");
}

static void test_images(void **state)
{
    struct fx *f = *state;
    struct fx_call c;
    Runtime__V1__ListImagesRequest list = RUNTIME__V1__LIST_IMAGES_REQUEST__INIT;
    fx_call_init(f, &c, CRI_METHOD_LIST_IMAGES, &list);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ListImagesResponse *all = (const Runtime__V1__ListImagesResponse *)c.response;
    assert_int_equal(all->n_images, 2);
    for (size_t i = 0; i < 2; i++) {
        bool pause = strcmp(all->images[i]->repo_tags[0], FX_PAUSE) == 0;
        assert_int_equal(all->images[i]->pinned, pause);
        assert_true(all->images[i]->size > 0);
        assert_memory_equal(all->images[i]->id, "sha256:", 7);
    }
    fx_call_done(&c);

    Runtime__V1__ImageStatusRequest q = RUNTIME__V1__IMAGE_STATUS_REQUEST__INIT;
    Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
    assert_fails(fx_rpc(f, CRI_METHOD_IMAGE_STATUS, &q), &f->e, ERR_INVALID_ARGUMENT, "image is missing");
    q.image = &spec;
    assert_fails(fx_rpc(f, CRI_METHOD_IMAGE_STATUS, &q), &f->e, ERR_INVALID_ARGUMENT, "image is missing");
    spec.image = (char *)FX_IMAGE;
    fx_call_init(f, &c, CRI_METHOD_IMAGE_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ImageStatusResponse *r = (const Runtime__V1__ImageStatusResponse *)c.response;
    assert_non_null(r->image);
    assert_string_equal(r->image->username, "app");
    fx_call_done(&c);
    spec.image = (char *)"registry.example/none:1"; /* not there is an answer */
    fx_call_init(f, &c, CRI_METHOD_IMAGE_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    assert_null(((const Runtime__V1__ImageStatusResponse *)c.response)->image);
    fx_call_done(&c);
    spec.image = (char *)"UPPER/CASE:::";
    assert_fails(fx_rpc(f, CRI_METHOD_IMAGE_STATUS, &q), &f->e, ERR_INVALID_ARGUMENT, "UPPER");
    Runtime__V1__PullImageRequest pull = RUNTIME__V1__PULL_IMAGE_REQUEST__INIT;
    assert_fails(fx_rpc(f, CRI_METHOD_PULL_IMAGE, &pull), &f->e, ERR_INVALID_ARGUMENT, "image is missing");
    pull.image = &spec;
    assert_fails(fx_rpc(f, CRI_METHOD_PULL_IMAGE, &pull), &f->e, ERR_INVALID_ARGUMENT, "pull image \"UPPER/CASE:::\"");
}

/* Each snapshotter in use once, the default first; one that a handler names and containerd lacks is none. */
static void test_file_systems(void **state)
{
    struct fx *f = *state;
    static struct kv list[] = {{(char *)"native", (char *)"/n"}, {(char *)"overlayfs", (char *)"/o"}};
    static const struct runtime_handler handlers[] = {{.snapshotter = "native"}, {.snapshotter = "overlayfs"}, {.snapshotter = "zfs"}, {.snapshotter = "native"}};
    static const char *const want[] = {"/o", "/n"};
    struct runtime_handlers before = f->service.handlers;
    Runtime__V1__ImageFsInfoRequest q = RUNTIME__V1__IMAGE_FS_INFO_REQUEST__INIT;
    struct fx_call c;
    f->service.snapshotter_roots = (struct kvlist){.v = list, .n = 2, .cap = 2};
    f->service.handlers.v = handlers;
    f->service.handlers.n = ARRAY_SIZE(handlers);
    fx_call_init(f, &c, CRI_METHOD_IMAGE_FS_INFO, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ImageFsInfoResponse *r = (const Runtime__V1__ImageFsInfoResponse *)c.response;
    assert_int_equal(r->n_image_filesystems, 2);
    assert_int_equal(r->n_container_filesystems, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(r->image_filesystems[i]->fs_id->mountpoint, want[i]);
        assert_string_equal(r->container_filesystems[i]->fs_id->mountpoint, want[i]);
        assert_int_equal(r->image_filesystems[i]->used_bytes->value, i ? 0 : 2 * 4096); /* the layers of two images */
        assert_int_equal(r->image_filesystems[i]->inodes_used->value, i ? 0 : 2);
        assert_int_equal(r->image_filesystems[i]->timestamp, clock_real());
    }
    fx_call_done(&c);
    f->service.handlers = before;
}

/* --- one owner ------------------------------------------------------------------------------------------------------------------- */

static int check_owner(struct fake *fake, const char *snapshotter, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctrd c = fake_ctrd(fake);
    const char *version = NULL;
    struct kvlist roots = {0};
    int r = cri_check_owner(&c, &background, "/run/c.sock", snapshotter, &a, &version, &roots, e);
    if (r == 0) {
        assert_non_null(version);
        assert_string_equal(kvlist_get(&roots, "overlayfs"), "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs");
        assert_string_equal(kvlist_get(&roots, "native"), "/var/lib/containerd/io.containerd.snapshotter.v1.native");
        assert_null(kvlist_get(&roots, "zfs")); /* does not work */
    }
    return r;
}

static void test_owner(void **state)
{
    struct err e = ERR_INIT;
    struct fake *fake = fake_new();
    assert_ok(check_owner(fake, "overlayfs", &e), &e);
    assert_fails(check_owner(fake, "nothing", &e), &e, ERR_FAILED_PRECONDITION, "has no snapshotter \"nothing\"");
    assert_fails(check_owner(fake, "zfs", &e), &e, ERR_FAILED_PRECONDITION, "snapshotter zfs");
    fake_add_plugin(fake, "io.containerd.grpc.v1", "cri", "it did not load");
    assert_ok(check_owner(fake, "overlayfs", &e), &e); /* a plugin that did not load owns nothing */
    fake_add_plugin(fake, "io.containerd.grpc.v1", "cri", NULL);
    assert_fails(check_owner(fake, "overlayfs", &e), &e, ERR_FAILED_PRECONDITION, "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]");
    assert_null(strstr(e.message, "io.containerd.cri.v1"));
    fake_free(fake);
    fake = fake_new();
    fake_set_version(fake, "v2.1.4");
    fake_add_plugin(fake, "io.containerd.cri.v1", "runtime", NULL);
    assert_fails(check_owner(fake, "overlayfs", &e), &e, ERR_FAILED_PRECONDITION, "io.containerd.cri.v1.images");
    assert_non_null(strstr(e.message, "io.containerd.podsandbox.controller.v1.podsandbox"));
    fake_fail_method(fake, "Introspection/Plugins", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, NULL, 1);
    assert_fails(check_owner(fake, "overlayfs", &e), &e, ERR_UNAVAILABLE, "containerd at /run/c.sock");
    fake_free(fake);
}

/* --- on mocks of single operations (seam A) --------------------------------------------------------------------------------------- */

/* The errors of containerd reach the client with code and text, and what each handler asks for is exactly this. */
static void test_mocks(void **state)
{
    struct fx *f = *state;
    char pod[ID_LEN + 1], want[4][MOCK_TEXT_MAX];
    fx_must_run(f, "web", pod);
    struct ctrd real = f->service.ctrd;
    struct mock_ctrd *m = mock_ctrd_new();
    f->service.ctrd = mock_ctrd(m);
    mock_ctrd_fail(m, MOCK_task_kill, ERR_PERMISSION_DENIED, "kill is not permitted");
    assert_fails(fx_stop_pod(f, pod), &f->e, ERR_PERMISSION_DENIED, "kill is not permitted");
    snprintf(want[0], sizeof want[0], "task_kill %s -", pod);
    assert_true(mock_ctrd_calls_are(m, (const char *const[]){want[0], NULL}));
    mock_ctrd_free(m);

    /* containerd says that the task is gone: stopped. */
    m = mock_ctrd_new();
    f->service.ctrd = mock_ctrd(m);
    mock_ctrd_fail(m, MOCK_task_kill, ERR_NOT_FOUND, "process already finished: not found");
    mock_ctrd_fail(m, MOCK_task_get, ERR_NOT_FOUND, "no running task found: not found");
    mock_ctrd_fail(m, MOCK_task_delete, ERR_NOT_FOUND, "no running task found: not found");
    assert_ok(fx_stop_pod(f, pod), &f->e);
    snprintf(want[1], sizeof want[1], "task_get %s -", pod);
    snprintf(want[2], sizeof want[2], "task_delete %s", pod);
    assert_true(mock_ctrd_calls_are(m, (const char *const[]){want[0], want[1], want[2], NULL}));
    mock_ctrd_free(m);

    /* Neither record nor snapshot is there any more: removed. The record goes before the snapshot. */
    m = mock_ctrd_new();
    f->service.ctrd = mock_ctrd(m);
    mock_ctrd_fail(m, MOCK_container_delete, ERR_NOT_FOUND, "not found");
    mock_ctrd_fail(m, MOCK_snapshot_remove, ERR_NOT_FOUND, "not found");
    assert_ok(fx_remove_pod(f, pod), &f->e);
    snprintf(want[0], sizeof want[0], "container_delete %s", pod);
    snprintf(want[1], sizeof want[1], "snapshot_remove overlayfs %s", pod);
    assert_true(mock_ctrd_calls_are(m, (const char *const[]){want[0], want[1], NULL}));
    mock_ctrd_free(m);
    f->service.ctrd = real;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_routing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_systems, setup, teardown),
        cmocka_unit_test(test_owner),
        cmocka_unit_test_setup_teardown(test_mocks, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/service", tests, NULL, NULL);
}
