/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateContainerResources: the stored spec, the status and its file, the task; what is refused; what is taken back when a step fails.
 */
#include "support.h"

#include "base/fs.h"
#include "fixture.h"

#define LCR(name) Runtime__V1__LinuxContainerResources name = RUNTIME__V1__LINUX_CONTAINER_RESOURCES__INIT

static const struct ctx background = CTX_BACKGROUND;
static char pod[ID_LEN + 1], container[ID_LEN + 1];

/* A container with 1024 shares and 64 MiB. */
static void create(struct fx *f)
{
    struct fx_pod p;
    struct fx_container c;
    fx_pod_init(f, &p, "web");
    fx_container_init(&c, pod, &p, "a");
    c.config.linux = &c.linux_config;
    c.linux_config.resources = &c.resources;
    c.resources.cpu_shares = 1024;
    c.resources.memory_limit_in_bytes = 64 << 20;
    c.resources.oom_score_adj = 500;
    assert_ok(fx_create(f, &c, container), &f->e);
}

static int setup(void **state)
{
    struct fx *f = fx_new(FX_INLINE);
    fx_must_run(f, "web", pod);
    create(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fx_free(*state);
    return 0;
}

static int update(struct fx *f, const char *id, Runtime__V1__LinuxContainerResources *r)
{
    Runtime__V1__UpdateContainerResourcesRequest q = RUNTIME__V1__UPDATE_CONTAINER_RESOURCES_REQUEST__INIT;
    Runtime__V1__UpdateContainerResourcesRequest__AnnotationsEntry entry = RUNTIME__V1__UPDATE_CONTAINER_RESOURCES_REQUEST__ANNOTATIONS_ENTRY__INIT,
                                                                   *annotations[] = {&entry};
    entry.key = (char *)"example.com/k";
    entry.value = (char *)"v";
    q.annotations = annotations;
    q.n_annotations = 1;
    q.container_id = (char *)id;
    q.linux = r;
    return fx_rpc(f, CRI_METHOD_UPDATE_CONTAINER_RESOURCES, &q);
}

static bool spec_has(struct fx *f, const char *part)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_container record;
    assert_ok(ctrd_container_get(&f->service.ctrd, &background, container, &a, &record, &f->e), &f->e);
    char *text = arena_view(&a, record.spec.value);
    assert_non_null(text);
    assert_string_equal(record.spec.type_url, "types.containerd.io/opencontainers/runtime-spec/1/Spec");
    return strstr(text, part) != NULL;
}

/* Shares and memory limit as ContainerStatus tells them, and as the status file keeps them. */
static void assert_told(struct fx *f, int64_t shares, int64_t memory)
{
    Runtime__V1__ContainerStatusRequest q = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
    struct fx_call c;
    q.container_id = container;
    fx_call_init(f, &c, CRI_METHOD_CONTAINER_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ContainerResources *r = ((const Runtime__V1__ContainerStatusResponse *)c.response)->status->resources;
    assert_int_equal(r->linux->cpu_shares, shares);
    assert_int_equal(r->linux->memory_limit_in_bytes, memory);
    assert_int_equal(r->linux->oom_score_adj, 500);
    fx_call_done(&c);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct container_status status;
    Runtime__V1__ContainerResources *saved = NULL;
    char *dir = fx_path(f, f->root, "containers", container, NULL);
    assert_ok(container_status_load(dir, &status, &a, &saved, &f->e), &f->e);
    assert_int_equal(saved->linux->cpu_shares, shares);
    assert_int_equal(saved->linux->memory_limit_in_bytes, memory);
}

static void test_created(void **state)
{
    struct fx *f = *state;
    LCR(r);
    r.cpu_shares = 512;
    r.cpu_quota = 5000;
    r.cpu_period = 10000;
    r.oom_score_adj = 7;
    size_t mark = fake_calls(f->fake);
    assert_ok(update(f, container, &r), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Get", "Containers/Update", NULL}));
    assert_true(spec_has(f, "\"shares\":512") && spec_has(f, "\"quota\":5000") && spec_has(f, "\"period\":10000"));
    assert_true(spec_has(f, "\"limit\":67108864")); /* what was not named stays */
    assert_true(spec_has(f, "\"oomScoreAdj\":500"));
    assert_told(f, 512, 64 << 20);
    assert_ok(fx_start_container(f, container), &f->e);
    assert_told(f, 512, 64 << 20);
}

static void test_running(void **state)
{
    struct fx *f = *state;
    LCR(r);
    assert_ok(fx_start_container(f, container), &f->e);
    r.memory_limit_in_bytes = 128 << 20;
    size_t mark = fake_calls(f->fake);
    assert_ok(update(f, container, &r), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Get", "Containers/Update", "Tasks/Update", NULL}));
    /* The task gets all of it, as runc sets what it is not told to no limit. */
    const char *told = fake_task_resources(f->fake, container);
    assert_non_null(strstr(told, "\"shares\":1024"));
    assert_non_null(strstr(told, "\"limit\":134217728"));
    assert_true(spec_has(f, "\"limit\":134217728"));
    assert_told(f, 1024, 128 << 20);
    fx_restart(f);
    assert_told(f, 1024, 128 << 20);
}

static void test_ended(void **state)
{
    struct fx *f = *state;
    LCR(r);
    assert_ok(fx_start_container(f, container), &f->e);
    assert_ok(fx_stop_container(f, container, 1), &f->e);
    r.cpu_shares = 2;
    size_t mark = fake_calls(f->fake);
    assert_ok(update(f, container, &r), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Get", "Containers/Update", NULL}));
    assert_told(f, 2, 64 << 20);
}

/* The process ends while its resources are being updated: there is nothing left to limit, and that is no failure. */
static void end_task(struct fx *f, const char *method)
{
    if (strcmp(method, "Tasks/Update") == 0)
        fake_task_exit(f->fake, container, 0);
}

static void test_ends_meanwhile(void **state)
{
    struct fx *f = *state;
    LCR(r);
    assert_ok(fx_start_container(f, container), &f->e);
    r.cpu_shares = 4;
    f->on_call = end_task;
    assert_ok(update(f, container, &r), &f->e);
    f->on_call = NULL;
    assert_true(spec_has(f, "\"shares\":4"));
    assert_told(f, 4, 64 << 20);
}

static void test_task_refuses(void **state)
{
    struct fx *f = *state;
    LCR(r);
    assert_ok(fx_start_container(f, container), &f->e);
    r.memory_limit_in_bytes = 4 << 20;
    r.cpu_shares = 4;
    fake_fail_method(f->fake, "Tasks/Update", FAKE_FAIL_BEFORE, ERR_UNKNOWN, "memory.limit_in_bytes: device or resource busy", 1);
    assert_fails(update(f, container, &r), &f->e, ERR_UNKNOWN, "device or resource busy");
    assert_non_null(strstr(f->e.message, container));
    assert_true(spec_has(f, "\"shares\":1024") && spec_has(f, "\"limit\":67108864"));
    assert_told(f, 1024, 64 << 20);
    fx_restart(f);
    assert_told(f, 1024, 64 << 20);
}

/* The status file cannot be written: neither spec nor status changes. */
static void test_disk_fails(void **state)
{
    struct fx *f = *state;
    LCR(r);
    struct err e = ERR_INIT;
    char *status = fx_path(f, f->root, "containers", container, "status");
    assert_ok(fx_start_container(f, container), &f->e);
    assert_int_equal(remove(status), 0);
    assert_ok(fs_mkdir_all(status, 0700, &e), &e);
    r.cpu_shares = 4;
    assert_true(update(f, container, &r) < 0);
    assert_non_null(strstr(f->e.message, "status"));
    assert_true(spec_has(f, "\"shares\":1024"));
    assert_null(fake_task_resources(f->fake, container));
    assert_ok(fs_remove_all(status, &e), &e);
    assert_ok(update(f, container, &r), &f->e);
    assert_told(f, 4, 64 << 20);
}

static void test_lists(void **state)
{
    struct fx *f = *state;
    LCR(r);
    Runtime__V1__HugepageLimit two = RUNTIME__V1__HUGEPAGE_LIMIT__INIT, gig = RUNTIME__V1__HUGEPAGE_LIMIT__INIT, *pages[] = {&two, &gig};
    Runtime__V1__LinuxContainerResources__UnifiedEntry high = RUNTIME__V1__LINUX_CONTAINER_RESOURCES__UNIFIED_ENTRY__INIT, *unified[] = {&high};
    f->service.host.hugetlb_controller = true;
    f->service.host.cgroup_mode = OCI_CGROUP_V2;
    two.page_size = (char *)"2MB";
    two.limit = 1;
    gig.page_size = (char *)"1GB";
    gig.limit = 2;
    high.key = (char *)"memory.high";
    high.value = (char *)"100";
    r.hugepage_limits = pages;
    r.n_hugepage_limits = 2;
    r.unified = unified;
    r.n_unified = 1;
    r.cpuset_cpus = (char *)"0";
    r.cpuset_mems = (char *)"0";
    assert_ok(update(f, container, &r), &f->e);
    two.limit = 3;
    high.value = (char *)"200";
    r.n_hugepage_limits = 1;
    assert_ok(update(f, container, &r), &f->e);
    assert_true(spec_has(f, "{\"pageSize\":\"2MB\",\"limit\":3}") && spec_has(f, "{\"pageSize\":\"1GB\",\"limit\":2}"));
    Runtime__V1__ContainerStatusRequest q = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
    struct fx_call c;
    q.container_id = container;
    fx_call_init(f, &c, CRI_METHOD_CONTAINER_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__LinuxContainerResources *got = ((const Runtime__V1__ContainerStatusResponse *)c.response)->status->resources->linux;
    assert_int_equal(got->n_hugepage_limits, 2);
    assert_int_equal(got->hugepage_limits[0]->limit, 3);
    assert_int_equal(got->hugepage_limits[1]->limit, 2);
    assert_int_equal(got->n_unified, 1);
    assert_string_equal(got->unified[0]->value, "200");
    assert_string_equal(got->cpuset_cpus, "0");
    fx_call_done(&c);
}

static void test_bad_requests(void **state)
{
    struct fx *f = *state;
    LCR(r);
    assert_fails(update(f, "nosuch", &r), &f->e, ERR_NOT_FOUND, "nosuch");
    assert_fails(update(f, "", &r), &f->e, ERR_INVALID_ARGUMENT, "");
    assert_fails(update(f, container, NULL), &f->e, ERR_INVALID_ARGUMENT, "linux is missing");
    size_t mark = fake_calls(f->fake);
    r.cpu_shares = -1;
    assert_fails(update(f, container, &r), &f->e, ERR_INVALID_ARGUMENT, "linux.cpu_shares is -1");
    r.cpu_shares = 0;
    r.cpuset_cpus = (char *)"0\n1";
    assert_fails(update(f, container, &r), &f->e, ERR_INVALID_ARGUMENT, "linux.cpuset_cpus");
    r.cpuset_cpus = (char *)"";
    r.memory_limit_in_bytes = -2;
    assert_fails(update(f, container, &r), &f->e, ERR_INVALID_ARGUMENT, "linux.memory_limit_in_bytes is -2");
    r.memory_limit_in_bytes = 0;
    r.oom_score_adj = 1001;
    assert_fails(update(f, container, &r), &f->e, ERR_INVALID_ARGUMENT, "linux.oom_score_adj is 1001");
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Get", "Containers/Get", "Containers/Get", "Containers/Get", NULL}));
    assert_told(f, 1024, 64 << 20);
}

/* Also without limits at first, and for a container whose handler is configured no longer. */
static void test_without_resources(void **state)
{
    struct fx *f = *state;
    LCR(r);
    char other[ID_LEN + 1];
    fx_must_create(f, pod, "web", "b", other);
    r.cpu_shares = 8;
    assert_ok(update(f, other, &r), &f->e);
    static const struct cri_runtime_handler renamed = {.name = "other"};
    f->options = (struct cri_runtime_options){.handlers = &renamed, .n_handlers = 1};
    fx_restart(f);
    r.cpu_shares = 9;
    assert_ok(update(f, other, &r), &f->e);
    assert_ok(update(f, container, &r), &f->e);
    assert_told(f, 9, 64 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_created, setup, teardown),
        cmocka_unit_test_setup_teardown(test_running, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ends_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_task_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_resources, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/update", tests, NULL, NULL);
}
