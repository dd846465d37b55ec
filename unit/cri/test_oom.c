/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation sweep: every allocation that a unary RPC makes fails in turn, once and for good from there on. The RPC succeeds or says that memory is
 * short; nothing stays allocated; stores and world are as before (when memory never comes back the rollback cannot reach containerd, so then it is
 * the next start that must find and remove what was left); the same call then succeeds. Where an RPC has many allocations a sample is taken: SWEEP_SEED
 * repeats one, SWEEP_AT a single point, SWEEP_FULL=1 tries all.
 */
#include "support.h"

#include <time.h>
#include <unistd.h>

#include "fixture.h"

enum { POINTS_MAX = 120 };

static char pod[ID_LEN + 1], container[ID_LEN + 1];
static uint64_t seed;

struct subject {
    const char *name;
    size_t method;
    void (*prepare)(struct fx *f);
    void (*call)(struct fx *f, struct fx_call *c); /* makes the request */
    bool creates;                                  /* all or nothing */
    bool partly;                                   /* a failure may leave it half done; the repeat finishes it */
    bool ends;                                     /* a failure ends the container (StartContainer): no repeat */
};

/* Returns the number of allocations that were asked for. */
static uint64_t sweep_point(const struct subject *s, uint64_t at, bool persistent)
{
    struct fx *f = fx_new(FX_INLINE);
    struct fx_call c, again;
    s->prepare(f);
    s->call(f, &c);
    struct fx_world before = fx_look(f);
    mem_fail_at(at, persistent);
    int r = fx_call_run(f, &c);
    uint64_t asked = mem_fail_off();
    struct err e = c.e;
    fx_call_done(&c);
    struct fx_world after = fx_look(f);
    char where[128];
    snprintf(where, sizeof where, "%s: allocation %llu%s of %llu", s->name, (unsigned long long)at, persistent ? "+" : "", (unsigned long long)asked);
    if (r < 0 && (r != -ERR_RESOURCE_EXHAUSTED || asked <= at))
        fail_msg("%s gives %s (%s)", where, err_code_name((enum err_code)-r), e.message);
    if (r < 0 && !s->partly && !persistent && (after.sandboxes != before.sandboxes || after.containers != before.containers))
        fail_msg("%s: the stores have changed", where);
    if (r < 0 && s->creates && !persistent && !fx_same(&before, &after))
        fail_msg("%s is not undone (%s)", where, e.message);
    if (!fx_stores_valid(f))
        fail_msg("%s", where);
    if (persistent && r < 0)
        fx_restart(f);
    if (r < 0 && !s->ends) {
        s->call(f, &again);
        int k = fx_call_run(f, &again);
        /* What could not be undone because memory never came back can look like a pod that has stopped; kubelet removes such. */
        if (k < 0 && !(persistent && s->creates && k == -ERR_ALREADY_EXISTS))
            fail_msg("%s (%s): the repeat fails: %s", where, e.message, again.e.message);
        fx_call_done(&again);
    }
    fx_remove_all(f);
    if (persistent)
        fake_collect(f->fake); /* the record is removed before the snapshot for this */
    if (!fx_nothing_left(f))
        fail_msg("%s (%s): things are left behind", where, e.message);
    fx_free(f); /* ends the program when an allocation is left */
    return asked;
}

static uint64_t random_below(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}

static void sweep_subject(const struct subject *s)
{
    const char *only = getenv("SWEEP_AT");
    uint64_t n = sweep_point(s, UINT64_MAX, false);
    assert_true(n > 0);
    print_message("%s: %llu allocations\n", s->name, (unsigned long long)n);
    for (int persistent = 0; persistent < 2; persistent++) {
        if (only) {
            sweep_point(s, strtoull(only, NULL, 10), persistent);
        } else if (n <= POINTS_MAX || getenv("SWEEP_FULL")) {
            for (uint64_t at = 0; at < n; at++)
                sweep_point(s, at, persistent);
        } else {
            for (uint64_t i = 0; i < POINTS_MAX; i++)
                sweep_point(s, random_below(n), persistent);
        }
    }
}

/* --- what to prepare, what to call ------------------------------------------------------------------------------------------------ */

static void prepare_nothing(struct fx *f)
{
}

/* The configuration is to be made from its template. */
static void prepare_no_network(struct fx *f)
{
    char path[160];
    snprintf(path, sizeof path, "%s/10-net.conflist", f->conf);
    unlink(path);
    FILE *t = fopen(f->template, "w");
    assert_non_null(t);
    fputs("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"bridge\",\"x\":\"{{.PodCIDR}}\"}]}", t);
    fclose(t);
}

static void prepare_pod(struct fx *f)
{
    fx_must_run(f, "web", pod);
}

static void prepare_created(struct fx *f)
{
    prepare_pod(f);
    fx_must_create(f, pod, "web", "a", container);
}

static void prepare_running(struct fx *f)
{
    prepare_pod(f);
    fx_must_run_container(f, pod, "web", "a", container);
    fake_script(f->fake, &(struct fake_script){.exec = true, .exits = true, .out = "output", .err_out = "more"});
}

/* With figures of everything. */
static void prepare_figures(struct fx *f)
{
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    p.config.linux = &p.linux_config;
    p.linux_config.cgroup_parent = (char *)"/pods/web";
    assert_ok(fx_run(f, &p, pod), &f->e);
    fx_must_run_container(f, pod, "web", "a", container);
    fx_figures(f, pod, "/pods/web");
    fx_figures(f, container, "/pods/web");
}

static void call_run(struct fx *f, struct fx_call *c)
{
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    fx_call_init(f, c, CRI_METHOD_RUN_POD_SANDBOX, &p.request);
}

static void call_create(struct fx *f, struct fx_call *c)
{
    struct fx_pod p;
    struct fx_container x;
    fx_pod_init(f, &p, "web");
    fx_container_init(&x, pod, &p, "a");
    fx_call_init(f, c, CRI_METHOD_CREATE_CONTAINER, &x.request);
}

#define CALL_ID(function, METHOD, Type, TYPE, member, id)                  \
    static void function(struct fx *f, struct fx_call *c)                  \
    {                                                                      \
        Runtime__V1__##Type##Request q = RUNTIME__V1__##TYPE##_REQUEST__INIT; \
        q.member = id;                                                     \
        fx_call_init(f, c, CRI_METHOD_##METHOD, &q);                       \
    }
CALL_ID(call_start, START_CONTAINER, StartContainer, START_CONTAINER, container_id, container)
CALL_ID(call_remove, REMOVE_CONTAINER, RemoveContainer, REMOVE_CONTAINER, container_id, container)
CALL_ID(call_stop_pod, STOP_POD_SANDBOX, StopPodSandbox, STOP_POD_SANDBOX, pod_sandbox_id, pod)
CALL_ID(call_remove_pod, REMOVE_POD_SANDBOX, RemovePodSandbox, REMOVE_POD_SANDBOX, pod_sandbox_id, pod)
CALL_ID(call_stop, STOP_CONTAINER, StopContainer, STOP_CONTAINER, container_id, container)
CALL_ID(call_version, VERSION, Version, VERSION, version, (char *)"")
CALL_ID(call_status, STATUS, Status, STATUS, verbose, true)
CALL_ID(call_pod_list, LIST_POD_SANDBOX, ListPodSandbox, LIST_POD_SANDBOX, filter, NULL)
CALL_ID(call_list, LIST_CONTAINERS, ListContainers, LIST_CONTAINERS, filter, NULL)
CALL_ID(call_stats, CONTAINER_STATS, ContainerStats, CONTAINER_STATS, container_id, container)
CALL_ID(call_stats_list, LIST_CONTAINER_STATS, ListContainerStats, LIST_CONTAINER_STATS, filter, NULL)
CALL_ID(call_pod_stats, POD_SANDBOX_STATS, PodSandboxStats, POD_SANDBOX_STATS, pod_sandbox_id, pod)
CALL_ID(call_pod_stats_list, LIST_POD_SANDBOX_STATS, ListPodSandboxStats, LIST_POD_SANDBOX_STATS, filter, NULL)
CALL_ID(call_images, LIST_IMAGES, ListImages, LIST_IMAGES, filter, NULL)

static void call_runtime_config(struct fx *f, struct fx_call *c)
{
    Runtime__V1__RuntimeConfigRequest q = RUNTIME__V1__RUNTIME_CONFIG_REQUEST__INIT;
    fx_call_init(f, c, CRI_METHOD_RUNTIME_CONFIG, &q);
}

static void call_update_runtime_config(struct fx *f, struct fx_call *c)
{
    Runtime__V1__UpdateRuntimeConfigRequest q = RUNTIME__V1__UPDATE_RUNTIME_CONFIG_REQUEST__INIT;
    Runtime__V1__RuntimeConfig config = RUNTIME__V1__RUNTIME_CONFIG__INIT;
    Runtime__V1__NetworkConfig network = RUNTIME__V1__NETWORK_CONFIG__INIT;
    network.pod_cidr = (char *)"10.1.0.0/16,fd00::/64";
    config.network_config = &network;
    q.runtime_config = &config;
    fx_call_init(f, c, CRI_METHOD_UPDATE_RUNTIME_CONFIG, &q);
}

static void call_pod_status(struct fx *f, struct fx_call *c)
{
    Runtime__V1__PodSandboxStatusRequest q = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;
    q.pod_sandbox_id = pod;
    q.verbose = true;
    fx_call_init(f, c, CRI_METHOD_POD_SANDBOX_STATUS, &q);
}

static void call_container_status(struct fx *f, struct fx_call *c)
{
    Runtime__V1__ContainerStatusRequest q = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
    q.container_id = container;
    q.verbose = true;
    fx_call_init(f, c, CRI_METHOD_CONTAINER_STATUS, &q);
}

static void call_exec(struct fx *f, struct fx_call *c)
{
    static char *const cmd[] = {(char *)"probe"};
    Runtime__V1__ExecSyncRequest q = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
    q.container_id = container;
    q.cmd = (char **)cmd;
    q.n_cmd = 1;
    q.timeout = 5;
    fx_call_init(f, c, CRI_METHOD_EXEC_SYNC, &q);
}

static void call_reopen(struct fx *f, struct fx_call *c)
{
    Runtime__V1__ReopenContainerLogRequest q = RUNTIME__V1__REOPEN_CONTAINER_LOG_REQUEST__INIT;
    q.container_id = container;
    fx_call_init(f, c, CRI_METHOD_REOPEN_CONTAINER_LOG, &q);
}

static void call_update(struct fx *f, struct fx_call *c)
{
    Runtime__V1__UpdateContainerResourcesRequest q = RUNTIME__V1__UPDATE_CONTAINER_RESOURCES_REQUEST__INIT;
    Runtime__V1__LinuxContainerResources r = RUNTIME__V1__LINUX_CONTAINER_RESOURCES__INIT;
    r.cpu_shares = 512;
    q.container_id = container;
    q.linux = &r;
    fx_call_init(f, c, CRI_METHOD_UPDATE_CONTAINER_RESOURCES, &q);
}

static void call_image_status(struct fx *f, struct fx_call *c)
{
    Runtime__V1__ImageStatusRequest q = RUNTIME__V1__IMAGE_STATUS_REQUEST__INIT;
    Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
    spec.image = (char *)FX_IMAGE;
    q.image = &spec;
    q.verbose = true;
    fx_call_init(f, c, CRI_METHOD_IMAGE_STATUS, &q);
}

static void call_remove_image(struct fx *f, struct fx_call *c)
{
    Runtime__V1__RemoveImageRequest q = RUNTIME__V1__REMOVE_IMAGE_REQUEST__INIT;
    Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
    spec.image = (char *)FX_IMAGE;
    q.image = &spec;
    fx_call_init(f, c, CRI_METHOD_REMOVE_IMAGE, &q);
}

static const struct subject subjects[] = {
    {"RunPodSandbox", CRI_METHOD_RUN_POD_SANDBOX, prepare_nothing, call_run, .creates = true},
    {"CreateContainer", CRI_METHOD_CREATE_CONTAINER, prepare_pod, call_create, .creates = true},
    {"StartContainer", CRI_METHOD_START_CONTAINER, prepare_created, call_start, .ends = true},
    {"StopContainer", CRI_METHOD_STOP_CONTAINER, prepare_running, call_stop, .creates = false},
    {"RemoveContainer", CRI_METHOD_REMOVE_CONTAINER, prepare_running, call_remove, .partly = false},
    {"StopPodSandbox", CRI_METHOD_STOP_POD_SANDBOX, prepare_running, call_stop_pod, .creates = false},
    {"RemovePodSandbox", CRI_METHOD_REMOVE_POD_SANDBOX, prepare_running, call_remove_pod, .partly = true},
    {"ExecSync", CRI_METHOD_EXEC_SYNC, prepare_running, call_exec, .creates = true},
    {"UpdateContainerResources", CRI_METHOD_UPDATE_CONTAINER_RESOURCES, prepare_running, call_update, .creates = true},
    {"ReopenContainerLog", CRI_METHOD_REOPEN_CONTAINER_LOG, prepare_running, call_reopen, .creates = true},
    {"Version", CRI_METHOD_VERSION, prepare_nothing, call_version, .creates = true},
    {"Status", CRI_METHOD_STATUS, prepare_nothing, call_status, .creates = true},
    {"RuntimeConfig", CRI_METHOD_RUNTIME_CONFIG, prepare_nothing, call_runtime_config, .creates = true},
    {"UpdateRuntimeConfig", CRI_METHOD_UPDATE_RUNTIME_CONFIG, prepare_no_network, call_update_runtime_config, .creates = true},
    {"PodSandboxStatus", CRI_METHOD_POD_SANDBOX_STATUS, prepare_running, call_pod_status, .creates = true},
    {"ListPodSandbox", CRI_METHOD_LIST_POD_SANDBOX, prepare_running, call_pod_list, .creates = true},
    {"ContainerStatus", CRI_METHOD_CONTAINER_STATUS, prepare_running, call_container_status, .creates = true},
    {"ListContainers", CRI_METHOD_LIST_CONTAINERS, prepare_running, call_list, .creates = true},
    {"ContainerStats", CRI_METHOD_CONTAINER_STATS, prepare_figures, call_stats, .creates = true},
    {"ListContainerStats", CRI_METHOD_LIST_CONTAINER_STATS, prepare_figures, call_stats_list, .creates = true},
    {"PodSandboxStats", CRI_METHOD_POD_SANDBOX_STATS, prepare_figures, call_pod_stats, .creates = true},
    {"ListPodSandboxStats", CRI_METHOD_LIST_POD_SANDBOX_STATS, prepare_figures, call_pod_stats_list, .creates = true},
    {"ListImages", CRI_METHOD_LIST_IMAGES, prepare_nothing, call_images, .creates = true},
    {"ImageStatus", CRI_METHOD_IMAGE_STATUS, prepare_nothing, call_image_status, .creates = true},
    {"RemoveImage", CRI_METHOD_REMOVE_IMAGE, prepare_nothing, call_remove_image, .partly = true},
};

static void test_sweeps(void **state)
{
    const char *s = getenv("SWEEP_SEED"), *only = getenv("SWEEP_ONLY");
    seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);
    print_message("SWEEP_SEED=%llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
        if (!only || strcmp(only, subjects[i].name) == 0)
            sweep_subject(&subjects[i]);
}

int main(void)
{
    mem_install_hooks();
    fx_warm_up();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sweeps)};
    return cmocka_run_group_tests_name("cri/oom", tests, NULL, NULL);
}
