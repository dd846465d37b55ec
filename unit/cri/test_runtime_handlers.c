/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime handlers: how they are made from options, which one a pod gets, and what of it reaches containerd.
 */
#include <unistd.h>

#include "support.h"
#include "sweep.h"

#include "base/fs.h"
#include "fixture.h"

static char base_spec[96];
static const char *const pod_patterns[] = {"example.com/*"}, *const container_patterns[] = {"c.example.com/*"};

static const struct cri_runtime_handler three[] = {
    {.name = "runc", .systemd_cgroup = true},
    {.name = "crun",
     .runtime_type = "io.containerd.runc.v2",
     .binary_name = "/usr/bin/crun",
     .root = "/run/crun-root",
     .no_new_keyring = true,
     .io_uid = 5,
     .io_gid = 6,
     .pod_annotations = pod_patterns,
     .n_pod_annotations = 1,
     .container_annotations = container_patterns,
     .n_container_annotations = 1},
    {.name = "based", .base_runtime_spec = base_spec, .privileged_without_host_devices = true},
};

static const struct cri_runtime_options options = {.handlers = three, .n_handlers = ARRAY_SIZE(three), .no_unprivileged_icmp = true};

static int setup_file(void **state)
{
    snprintf(base_spec, sizeof base_spec, "/tmp/test-handlers-%d.json", (int)getpid());
    return fs_write_file(base_spec, VIEW_LIT("{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":7,\"soft\":7}]}}"), 0600, NULL);
}

static int teardown_file(void **state)
{
    return unlink(base_spec);
}

static void test_default_options(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct runtime_handlers h;
    const struct runtime_handler *one;
    Runtime__V1__PodSandboxConfig pod = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
    const struct cri_runtime_options none = {.runtime_binary = "crun", .systemd_cgroup = true};
    assert_ok(runtime_handlers_make(&none, "overlayfs", &a, &h, &e), &e);
    assert_int_equal(h.n, 1);
    assert_string_equal(h.v[0].name, "runc");
    assert_string_equal(h.v[0].type, "io.containerd.runc.v2");
    assert_string_equal(h.v[0].snapshotter, "overlayfs");
    assert_string_equal(h.v[0].runc.binary_name, "crun");
    assert_true(h.v[0].runc.systemd_cgroup);
    assert_true(h.v[0].policy.unprivileged_ports && h.v[0].policy.unprivileged_icmp);
    assert_ok(runtime_handler_of_pod(&h, &pod, "", &one, &e), &e);
    assert_ptr_equal(one, &h.v[0]);
    assert_ok(runtime_handler_of_pod(&h, &pod, "runc", &one, &e), &e);
    assert_fails(runtime_handler_of_pod(&h, &pod, "kata", &one, &e), &e, ERR_INVALID_ARGUMENT, "runtime_handler \"kata\" is not configured; there are: runc");
}

static void test_several(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct runtime_handlers h;
    const struct runtime_handler *one;
    Runtime__V1__PodSandboxConfig pod = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
    assert_ok(runtime_handlers_make(&options, "native", &a, &h, &e), &e);
    assert_ok(runtime_handler_of_pod(&h, &pod, "", &one, &e), &e);
    assert_string_equal(one->name, "runc");
    assert_ok(runtime_handler_of_pod(&h, &pod, "crun", &one, &e), &e);
    assert_string_equal(one->runc.root, "/run/crun-root");
    assert_int_equal(one->runc.io_gid, 6);
    assert_string_equal(one->policy.pod_annotations.v[0], "example.com/*");
    assert_string_equal(one->policy.container_annotations.v[0], "c.example.com/*");
    assert_false(one->policy.unprivileged_icmp);
    assert_ok(runtime_handler_of_pod(&h, &pod, "based", &one, &e), &e);
    assert_true(one->policy.privileged_without_host_devices);
    assert_true(view_starts(one->policy.base_spec, VIEW_LIT("{\"process\"")));
    assert_fails(runtime_handler_of_pod(&h, &pod, "kata", &one, &e), &e, ERR_INVALID_ARGUMENT, "there are: based, crun, runc");
}

static void assert_refused(const struct cri_runtime_handler *v, size_t n, const char *default_handler, enum err_code code, const char *message)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct runtime_handlers h;
    const struct cri_runtime_options o = {.handlers = v, .n_handlers = n, .default_handler = default_handler};
    assert_fails(runtime_handlers_make(&o, "overlayfs", &a, &h, &e), &e, code, message);
}

static void test_bad_options(void **state)
{
    struct err e = ERR_INIT;
    const struct cri_runtime_handler twice[] = {{.name = "a"}, {.name = "b"}, {.name = "a"}}, unnamed = {.name = ""}, null = {.name = NULL},
                                     control = {.name = "a\nb"}, negative = {.name = "a", .cni_max_conf_num = -1},
                                     missing = {.name = "a", .base_runtime_spec = "/no/such/file"}, bad = {.name = "a", .base_runtime_spec = base_spec};
    static struct cri_runtime_handler many[RUNTIME_HANDLERS_MAX + 1];
    static char names[RUNTIME_HANDLERS_MAX + 1][8];
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        snprintf(names[i], sizeof names[i], "h%zu", i);
        many[i].name = names[i];
    }
    assert_refused(twice, 3, "b", ERR_INVALID_ARGUMENT, "runtime handler \"a\" is configured twice");
    assert_refused(twice, 2, "", ERR_INVALID_ARGUMENT, "none of the runtime handlers (a, b) is said to be the default");
    assert_refused(twice, 2, "c", ERR_INVALID_ARGUMENT, "the default runtime handler \"c\" is none of those configured: a, b");
    assert_refused(&unnamed, 1, "", ERR_INVALID_ARGUMENT, "runtime handler \"\"");
    assert_refused(&null, 1, "", ERR_INVALID_ARGUMENT, "runtime handler \"\"");
    assert_refused(&control, 1, "", ERR_INVALID_ARGUMENT, "control character");
    assert_refused(&negative, 1, "", ERR_INVALID_ARGUMENT, "cni_max_conf_num -1 is negative");
    assert_refused(&missing, 1, "", ERR_NOT_FOUND, "runtime handler \"a\": base_runtime_spec /no/such/file");
    assert_refused(many, RUNTIME_HANDLERS_MAX + 1, "h1", ERR_INVALID_ARGUMENT, "257 runtime handlers, at most 256");
    assert_refused(many, RUNTIME_HANDLERS_MAX, "none", ERR_INVALID_ARGUMENT, "..."); /* the list of names is cut */
    static const char *const texts[] = {"", "[]", "null", "{\"process\":", "\"x\"", "0"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_ok(fs_write_file(base_spec, view_of(texts[i]), 0600, &e), &e);
        assert_refused(&bad, 1, "", ERR_INVALID_ARGUMENT, base_spec);
    }
    assert_int_equal(truncate(base_spec, RUNTIME_BASE_SPEC_MAX + 1), 0);
    assert_refused(&bad, 1, "", ERR_OUT_OF_RANGE, base_spec);
    setup_file(NULL);
}

/* An annotation picks the handler, and does not go together with the host's namespaces. */
static void test_untrusted(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct runtime_handlers h;
    const struct runtime_handler *one;
    const struct cri_runtime_handler two[] = {{.name = "runc"}, {.name = "untrusted", .binary_name = "kata"}};
    const struct cri_runtime_options with = {.handlers = two, .n_handlers = 2}, without = {.n_handlers = 0};
    Runtime__V1__PodSandboxConfig pod = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
    Runtime__V1__PodSandboxConfig__AnnotationsEntry entry = RUNTIME__V1__POD_SANDBOX_CONFIG__ANNOTATIONS_ENTRY__INIT, *entries[] = {&entry};
    Runtime__V1__LinuxPodSandboxConfig linux_config = RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__INIT;
    Runtime__V1__LinuxSandboxSecurityContext sc = RUNTIME__V1__LINUX_SANDBOX_SECURITY_CONTEXT__INIT;
    Runtime__V1__NamespaceOption ns = RUNTIME__V1__NAMESPACE_OPTION__INIT;
    entry.key = (char *)RUNTIME_UNTRUSTED_ANNOTATION;
    entry.value = (char *)"true";
    pod.annotations = entries;
    pod.n_annotations = 1;
    pod.linux = &linux_config;
    linux_config.security_context = &sc;
    sc.namespace_options = &ns;
    assert_ok(runtime_handlers_make(&with, "overlayfs", &a, &h, &e), &e);
    assert_ok(runtime_handler_of_pod(&h, &pod, "", &one, &e), &e);
    assert_string_equal(one->runc.binary_name, "kata");
    assert_ok(runtime_handler_of_pod(&h, &pod, "untrusted", &one, &e), &e);
    assert_fails(runtime_handler_of_pod(&h, &pod, "runc", &one, &e), &e, ERR_INVALID_ARGUMENT, "does not go together");
    ns.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    assert_fails(runtime_handler_of_pod(&h, &pod, "", &one, &e), &e, ERR_INVALID_ARGUMENT, "cannot have namespaces of the host");
    entry.value = (char *)"false";
    assert_ok(runtime_handler_of_pod(&h, &pod, "", &one, &e), &e);
    assert_string_equal(one->name, "runc");
    entry.value = (char *)"true";
    ns.ipc = RUNTIME__V1__NAMESPACE_MODE__POD;
    assert_ok(runtime_handlers_make(&without, "overlayfs", &a, &h, &e), &e);
    assert_fails(runtime_handler_of_pod(&h, &pod, "", &one, &e), &e, ERR_INVALID_ARGUMENT, "runtime_handler \"untrusted\" is not configured");
}

/* Shims other than runc's have options of their own, and would not know these. */
static void test_shim_options(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct ctrd_any any = {.type_url = "old"};
    struct runtime_handler h = {.type = "io.containerd.kata.v2", .runc = {.binary_name = "kata-runtime"}};
    assert_ok(runtime_handler_options(&h, &a, &any, &e), &e);
    assert_null(any.type_url);
    assert_int_equal(any.value.n, 0);
    static const char *const runc[] = {"io.containerd.runc.v1", "io.containerd.runc.v2"};
    for (size_t i = 0; i < ARRAY_SIZE(runc); i++) {
        struct ctrd_runc_options o;
        h.type = runc[i];
        assert_ok(runtime_handler_options(&h, &a, &any, &e), &e);
        assert_ok(ctrd_runc_options_unpack(&any, &a, &o, &e), &e);
        assert_string_equal(o.binary_name, "kata-runtime");
    }
}

static int make(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct runtime_handlers h;
    return runtime_handlers_make(arg, "overlayfs", &a, &h, e);
}

static void test_memory_short(void **state)
{
    struct cri_runtime_options o = options;
    assert_true(sweep("runtime_handlers_make", make, &o) > 0);
}

/* --- in the service --- */

static int setup(void **state)
{
    struct fx *f = fx_new(FX_INLINE);
    f->options = options;
    fx_restart(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fx_free(*state);
    return 0;
}

/* A record of containerd names the handler's shim, options and snapshotter. */
static void assert_record(struct fx *f, const char *id, const char *binary, bool systemd)
{
    static const struct ctx ctx = CTX_BACKGROUND;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_container record;
    struct ctrd_runc_options o;
    struct err e = ERR_INIT;
    assert_ok(ctrd_container_get(&f->service.ctrd, &ctx, id, &a, &record, &e), &e);
    assert_string_equal(record.runtime_name, "io.containerd.runc.v2");
    assert_string_equal(record.snapshotter, "overlayfs");
    assert_ok(ctrd_runc_options_unpack(&record.runtime_options, &a, &o, &e), &e);
    assert_string_equal(o.binary_name, binary);
    assert_int_equal(o.systemd_cgroup, systemd);
}

static void test_records(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    char pod[ID_LEN + 1], container[ID_LEN + 1];
    static const struct {
        const char *handler, *binary;
        bool systemd;
    } rows[] = {{"", "", true}, {"runc", "", true}, {"crun", "/usr/bin/crun", false}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fx_pod_init(f, &p, "web");
        p.request.runtime_handler = (char *)rows[i].handler;
        assert_ok(fx_run(f, &p, pod), &f->e);
        fx_must_run_container(f, pod, "web", "a", container);
        assert_record(f, pod, rows[i].binary, rows[i].systemd);
        assert_record(f, container, rows[i].binary, rows[i].systemd);
        fx_remove_all(f);
    }
    fx_pod_init(f, &p, "web");
    p.request.runtime_handler = (char *)"kata";
    assert_fails(fx_run(f, &p, pod), &f->e, ERR_INVALID_ARGUMENT, "there are: based, crun, runc");
    assert_true(fx_nothing_left(f));
}

static void test_status(void **state)
{
    struct fx *f = *state;
    static const char *const names[] = {"", "based", "crun", "runc"};
    Runtime__V1__StatusRequest q = RUNTIME__V1__STATUS_REQUEST__INIT;
    Runtime__V1__RuntimeConfigRequest config_request = RUNTIME__V1__RUNTIME_CONFIG_REQUEST__INIT;
    struct fx_call c;
    q.verbose = true;
    fx_call_init(f, &c, CRI_METHOD_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__StatusResponse *r = (const Runtime__V1__StatusResponse *)c.response;
    assert_int_equal(r->n_runtime_handlers, ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_string_equal(r->runtime_handlers[i]->name, names[i]);
    assert_non_null(strstr(r->info[0]->value, "\"binaryName\":\"/usr/bin/crun\""));
    fx_call_done(&c);
    fx_call_init(f, &c, CRI_METHOD_RUNTIME_CONFIG, &config_request);
    assert_ok(fx_call_run(f, &c), &c.e);
    assert_int_equal(((const Runtime__V1__RuntimeConfigResponse *)c.response)->linux->cgroup_driver, RUNTIME__V1__CGROUP_DRIVER__SYSTEMD);
    fx_call_done(&c);
}

/* A pod whose handler is no longer configured can still be seen, stopped and removed; nothing new is made or started in it. */
static void test_handler_gone(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char pod[ID_LEN + 1], running[ID_LEN + 1], created[ID_LEN + 1], none[ID_LEN + 1];
    fx_pod_init(f, &p, "web");
    p.request.runtime_handler = (char *)"crun";
    assert_ok(fx_run(f, &p, pod), &f->e);
    fx_must_run_container(f, pod, "web", "a", running);
    fx_must_create(f, pod, "web", "b", created);
    f->options = (struct cri_runtime_options){.n_handlers = 0};
    fx_restart(f);
    fx_container_init(&c, pod, &p, "c");
    assert_fails(fx_create(f, &c, none), &f->e, ERR_INVALID_ARGUMENT, "\"crun\" is not configured; there are: runc");
    assert_fails(fx_start_container(f, created), &f->e, ERR_INVALID_ARGUMENT, "\"crun\" is not configured");
    assert_int_equal(fx_container_status(f, created).state, RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED);
    assert_ok(fx_stop_container(f, running, 1), &f->e);
    assert_ok(fx_remove_container(f, running), &f->e);
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_options),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_untrusted),
        cmocka_unit_test(test_shim_options),
        cmocka_unit_test(test_memory_short),
        cmocka_unit_test_setup_teardown(test_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handler_gone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_file, teardown_file);
}
