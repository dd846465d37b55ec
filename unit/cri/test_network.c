/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's network as the RPCs see it: the node's address ranges (UpdateRuntimeConfig). */
#include "support.h"

#include <sched.h>
#include <unistd.h>

#include "base/fs.h"
#include "cri/networks.h"
#include "cri/pod_cidr.h"
#include "fixture.h"

static char pod[ID_LEN + 1];

static int setup(void **state)
{
    *state = fx_new(FX_INLINE);
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    assert_false(f->log_control);
    fx_free(f);
    return 0;
}

static char *path_in(const char *dir, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int update(struct fx *f, const char *cidr)
{
    Runtime__V1__UpdateRuntimeConfigRequest q = RUNTIME__V1__UPDATE_RUNTIME_CONFIG_REQUEST__INIT;
    Runtime__V1__RuntimeConfig config = RUNTIME__V1__RUNTIME_CONFIG__INIT;
    Runtime__V1__NetworkConfig network = RUNTIME__V1__NETWORK_CONFIG__INIT;
    network.pod_cidr = (char *)cidr;
    config.network_config = &network;
    q.runtime_config = &config;
    return fx_rpc(f, CRI_METHOD_UPDATE_RUNTIME_CONFIG, &q);
}

/* What the record of the pod's attachment says; it holds what the plugins were given. */
static bool recorded(struct fx *f, const char *text)
{
    char name[128];
    _cleanup_buf_ struct buf record = BUF_INIT(1 << 20);
    snprintf(name, sizeof name, "results/net-%s-eth0", pod);
    assert_ok(fs_read_file(path_in(f->cache, name), &record, &f->e), &f->e);
    return strstr(record.p, text) != NULL;
}

/* The ranges reach the plugins of pods that are made from then on, and of those after a restart. */
static void test_ip_ranges(void **state)
{
    struct fx *f = *state;
    fx_must_run(f, "before", pod);
    assert_false(recorded(f, "ipRanges"));
    assert_ok(update(f, "10.1.0.0/16, fd00:1::/64"), &f->e);
    fx_must_run(f, "after", pod);
    assert_true(recorded(f, "\"ipRanges\":[[{\"subnet\":\"10.1.0.0/16\"}],[{\"subnet\":\"fd00:1::/64\"}]]"));
    fx_restart(f);
    cri_pod_cidr_restore(&f->service);
    fx_must_run(f, "later", pod);
    assert_true(recorded(f, "\"ipRanges\":[[{\"subnet\":\"10.1.0.0/16\"}],[{\"subnet\":\"fd00:1::/64\"}]]"));
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* Nothing, and nothing in it: the kubelet asks so before it knows. */
static void test_empty(void **state)
{
    struct fx *f = *state;
    Runtime__V1__UpdateRuntimeConfigRequest q = RUNTIME__V1__UPDATE_RUNTIME_CONFIG_REQUEST__INIT;
    Runtime__V1__RuntimeConfig config = RUNTIME__V1__RUNTIME_CONFIG__INIT;
    assert_ok(fx_rpc(f, CRI_METHOD_UPDATE_RUNTIME_CONFIG, &q), &f->e);
    q.runtime_config = &config;
    assert_ok(fx_rpc(f, CRI_METHOD_UPDATE_RUNTIME_CONFIG, &q), &f->e);
    assert_ok(update(f, "10.1.0.0/16"), &f->e);
    assert_ok(update(f, ""), &f->e);
    fx_must_run(f, "a", pod);
    assert_true(recorded(f, "\"ipRanges\":[[{\"subnet\":\"10.1.0.0/16\"}]]")); /* "" takes nothing back */
}

static void test_bad(void **state)
{
    struct fx *f = *state;
    static char longest[(16 << 10) + 2];
    assert_fails(update(f, "10.1.0.0"), &f->e, ERR_INVALID_ARGUMENT, "runtime_config.network_config: pod CIDR \"10.1.0.0\" is not an address range");
    assert_fails(update(f, "10.1.0.0/16,10.2.0.0/33"), &f->e, ERR_INVALID_ARGUMENT, "\"10.2.0.0/33\"");
    memset(longest, '1', sizeof longest - 1);
    assert_fails(update(f, longest), &f->e, ERR_INVALID_ARGUMENT, "pod_cidr is longer than 16384 bytes");
    longest[sizeof longest - 2] = '\0';
    assert_fails(update(f, longest), &f->e, ERR_INVALID_ARGUMENT, "pod CIDR \"1111");
    assert_false(fx_exists(path_in(f->root, "pod-cidr")));
    fx_must_run(f, "a", pod);
    assert_false(recorded(f, "ipRanges"));
}

/* A node whose configuration is made from a template: written once, nobody's file is replaced. */
static void test_template(void **state)
{
    struct fx *f = *state;
    char made[256];
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    snprintf(made, sizeof made, "%s", path_in(f->conf, "10-containerd-net.conflist"));
    assert_ok(fs_write_file(f->template, VIEW_LIT("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"bridge\",\"x\":\"{{.PodCIDR}}\"}]}"),
                            0644, &f->e),
              &f->e);
    assert_ok(update(f, "10.1.0.0/16"), &f->e);
    assert_false(fx_exists(made));
    assert_int_equal(unlink(path_in(f->conf, "10-net.conflist")), 0);
    assert_ok(update(f, "10.1.0.0/16"), &f->e);
    assert_ok(fs_read_file(made, &text, &f->e), &f->e);
    assert_non_null(strstr(text.p, "\"x\":\"10.1.0.0/16\""));
    fx_must_run(f, "a", pod);
    assert_ok(update(f, "10.9.0.0/16"), &f->e);
    buf_clear(&text);
    assert_ok(fs_read_file(made, &text, &f->e), &f->e);
    assert_non_null(strstr(text.p, "10.1.0.0/16"));
    /* A template that is none: named, and the node stays without. */
    assert_int_equal(unlink(made), 0);
    assert_ok(fs_write_file(f->template, VIEW_LIT("{{.Nonsense}}"), 0644, &f->e), &f->e);
    assert_fails(update(f, "10.1.0.0/16"), &f->e, ERR_INVALID_ARGUMENT, "runtime_config.network_config: template ");
    assert_false(fx_exists(made));
}

/* What was kept and cannot be used is said once; the service starts all the same. */
static void test_restore_bad(void **state)
{
    struct fx *f = *state;
    cri_pod_cidr_restore(&f->service);
    assert_ok(fs_write_file(path_in(f->root, "pod-cidr"), VIEW_LIT("nonsense"), 0600, &f->e), &f->e);
    cri_pod_cidr_restore(&f->service);
    assert_non_null(strstr(f->log, "the pod CIDR that was told before the restart is not used: pod CIDR \"nonsense\""));
}

/* The limits of a port mapping, one below, at and above each. */
static void test_ports(void **state)
{
    struct fx *f = *state;
    static const struct {
        int32_t host_port, container_port;
        int protocol;
        const char *host_ip, *why; /* NULL: it is good */
    } table[] = {
        {0, 0, 0, "", NULL},
        {65535, 65535, 2, "127.0.0.1", NULL},
        {80, 80, 1, "::", NULL},
        {80, 80, 0, "fe80::1", NULL},
        {65536, 80, 0, "", "port 65536 or 80 is outside 0 to 65535"},
        {80, 65536, 0, "", "port 80 or 65536"},
        {-1, 80, 0, "", "port -1 or 80"},
        {80, -1, 0, "", "port 80 or -1"},
        {80, 80, 3, "", "protocol is 3, which is none"},
        {80, 80, -1, "", "protocol is -1, which is none"},
        {80, 80, 0, "localhost", "host_ip \"localhost\" is not an address"},
        {80, 80, 0, "10.0.0.1/8", "host_ip \"10.0.0.1/8\""},
        {80, 80, 0, " 10.0.0.1", "host_ip \" 10.0.0.1\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct fx_pod p;
        Runtime__V1__PortMapping good = RUNTIME__V1__PORT_MAPPING__INIT, port = RUNTIME__V1__PORT_MAPPING__INIT, *ports[] = {&good, &port};
        port.host_port = table[i].host_port;
        port.container_port = table[i].container_port;
        port.protocol = (Runtime__V1__Protocol)table[i].protocol;
        port.host_ip = (char *)table[i].host_ip;
        fx_pod_init(f, &p, "a");
        p.config.port_mappings = ports;
        p.config.n_port_mappings = 2;
        if (table[i].why) {
            assert_fails(fx_run(f, &p, pod), &f->e, ERR_INVALID_ARGUMENT, table[i].why);
            assert_non_null(strstr(f->e.message, "config.port_mappings[1]"));
        } else {
            assert_ok(fx_run(f, &p, pod), &f->e);
        }
        fx_remove_all(f);
    }
    assert_true(fx_nothing_left(f));
}

static size_t times_logged(const struct fx *f, const char *text)
{
    size_t n = 0;
    for (const char *p = f->log; (p = strstr(p, text)) != NULL; p++)
        n++;
    return n;
}

/* A dead pod's network that cannot be removed is tried again and again, and told of once. */
static void test_collection_is_quiet(void **state)
{
    struct fx *f = *state;
    static const struct ctx background = CTX_BACKGROUND;
    f->fails[FX_CNI_ADD] = f->fails[FX_CNI_DEL] = ERR_UNKNOWN;
    struct fx_pod p;
    fx_pod_init(f, &p, "a");
    assert_fails(fx_run(f, &p, pod), &f->e, ERR_UNKNOWN, "scripted plugin failure");
    for (int i = 0; i < 3; i++)
        cri_collect_networks(&f->service, &background);
    assert_int_equal(times_logged(f, "networks of pods that are gone are not all removed"), 1);
    f->fails[FX_CNI_DEL] = ERR_OK;
    cri_collect_networks(&f->service, &background);
    assert_true(fx_nothing_left(f));
}

/* The "info" of PodSandboxStatus names this text. */
static bool status_says(struct fx *f, const char *text)
{
    Runtime__V1__PodSandboxStatusRequest q = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;
    struct fx_call c;
    q.pod_sandbox_id = pod;
    q.verbose = true;
    fx_call_init(f, &c, CRI_METHOD_POD_SANDBOX_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    bool says = strstr(((Runtime__V1__PodSandboxStatusResponse *)c.response)->info[0]->value, text) != NULL;
    fx_call_done(&c);
    return says;
}

/* After a restart the plugins are asked about the pods that run, and about no other. */
static void test_check(void **state)
{
    struct fx *f = *state;
    char stopped[ID_LEN + 1];
    fx_must_run(f, "stopped", stopped);
    assert_ok(fx_stop_pod(f, stopped), &f->e);
    fx_must_run(f, "web", pod);
    fx_restart(f);
    f->n_host_calls = 0;
    networks_check_start(&f->service);
    assert_int_equal(f->n_host_calls, 1);
    assert_string_equal(f->host_calls[0], "CHECK");
    assert_false(status_says(f, "networkProblem"));
    f->fails[FX_CNI_CHECK] = ERR_UNKNOWN;
    for (int i = 0; i < 2; i++)
        networks_check_start(&f->service);
    assert_true(status_says(f, "\"networkProblem\":\"network \\\"net\\\": plugin \\\"bridge\\\" (CHECK) failed: scripted plugin failure"));
    assert_int_equal(times_logged(f, "its network is not as it was made"), 2);
    cancel_fire(&f->service.stopping); /* a daemon that stops asks no more */
    f->n_host_calls = 0;
    networks_check_start(&f->service);
    assert_int_equal(f->n_host_calls, 0);
}

/* Without memory a pod may pass unchecked; nothing else comes of it. */
static void test_check_sweep(void **state)
{
    struct fx *f = *state;
    static const struct ctx background = CTX_BACKGROUND;
    uint64_t at = 0;
    fx_must_run(f, "web", pod);
    f->fails[FX_CNI_CHECK] = ERR_UNKNOWN;
    do {
        mem_fail_at(at++, false);
        networks_check(&f->service, &background);
    } while (mem_fail_off() >= at);
    assert_true(at > 20);
    assert_true(status_says(f, "scripted plugin failure"));
}

/* Which network a handler's pods get. */
static void test_handlers(void **state)
{
    struct fx *f = *state;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    static const struct cri_runtime_handler handlers[] = {
        {.name = "runc"}, {.name = "kata", .cni_conf_dir = "/kata/net.d", .cni_max_conf_num = 3}, {.name = "untrusted", .cni_conf_dir = "/untrusted"}};
    struct cri_runtime_options o = {.handlers = handlers, .n_handlers = 3, .cni_conf_dir = "/net.d", .cni_cache_dir = f->cache, .cni_max_conf_num = -1};
    struct cri_service s = {0};
    struct fx_pod p;
    Runtime__V1__PodSandboxConfig__AnnotationsEntry annotation = RUNTIME__V1__POD_SANDBOX_CONFIG__ANNOTATIONS_ENTRY__INIT, *annotations[] = {&annotation};
    annotation.key = (char *)RUNTIME_UNTRUSTED_ANNOTATION;
    annotation.value = (char *)"true";
    fx_pod_init(f, &p, "a");
    assert_ok(runtime_handlers_make(&o, "overlayfs", &a, &s.handlers, &f->e), &f->e);
    assert_ok(networks_make(&o, &a, &s, &f->e), &f->e);
    assert_ptr_equal(network_of_pod(&s, &p.config, ""), s.cni);
    assert_ptr_equal(network_of_pod(&s, &p.config, "runc"), s.cni);
    assert_ptr_equal(network_of_pod(&s, &p.config, "gone"), s.cni);
    struct cni *kata = network_of_pod(&s, &p.config, "kata");
    assert_ptr_not_equal(kata, s.cni);
    assert_fails(cni_ready(kata, &f->e), &f->e, ERR_FAILED_PRECONDITION, "/kata/net.d");
    assert_fails(cni_ready(s.cni, &f->e), &f->e, ERR_FAILED_PRECONDITION, "/net.d");
    p.config.annotations = annotations;
    p.config.n_annotations = 1;
    assert_fails(cni_ready(network_of_pod(&s, &p.config, ""), &f->e), &f->e, ERR_FAILED_PRECONDITION, "/untrusted");
    networks_free(&s);
    o.ip_pref = "ipv5";
    assert_fails(networks_make(&o, &a, &s, &f->e), &f->e, ERR_INVALID_ARGUMENT, "ip_pref \"ipv5\": expected ipv4, ipv6 or cni");
    networks_free(&s);
}

static int setup_threads(void **state)
{
    *state = fx_new(FX_THREADS);
    return 0;
}

static bool was_called(struct fx *f, const char *command)
{
    bool was = false;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_host_calls; i++)
        was = was || strcmp(f->host_calls[i], command) == 0;
    pthread_mutex_unlock(&f->lock);
    return was;
}

/* Tasks/Create is not answered before the plugin runs. */
static void await_add(struct fx *f, const char *method)
{
    while (strcmp(method, "Tasks/Create") == 0 && !was_called(f, "ADD"))
        sched_yield();
}

/* A pod that cannot be made waits for no plugin: the ADD that still runs is stopped, and undone. */
static void test_add_is_cancelled(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    f->plugin_hangs = true;
    f->on_call = await_add;
    fake_fail_method(f->fake, "Tasks/Create", FAKE_FAIL_BEFORE, ERR_UNKNOWN, "no such runtime", 0);
    fx_pod_init(f, &p, "a");
    assert_fails(fx_run(f, &p, pod), &f->e, ERR_UNKNOWN, "no such runtime");
    assert_string_equal(f->host_calls[f->n_host_calls - 1], "unmount");
    assert_true(was_called(f, "DEL"));
    assert_true(fx_nothing_left(f));
}

static void *stop_service(void *arg)
{
    struct fx *f = arg;
    while (fake_count(f->fake, "Tasks/Create") == 0)
        sched_yield();
    await_add(f, "Tasks/Create");
    cancel_fire(&f->service.stopping);
    return NULL;
}

/* Nor does a daemon that is to stop. */
static void test_add_ends_with_the_daemon(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    pthread_t thread;
    f->plugin_hangs = true;
    fx_pod_init(f, &p, "a");
    assert_int_equal(pthread_create(&thread, NULL, stop_service, f), 0);
    assert_fails(fx_run(f, &p, pod), &f->e, ERR_CANCELLED, "cancelled");
    pthread_join(thread, NULL);
    assert_true(fx_nothing_left(f));
}

struct checking {
    struct fx *f;
    struct cancel cancel;
};

static void *check_networks(void *arg)
{
    struct checking *c = arg;
    struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &c->cancel};
    networks_check(&c->f->service, &ctx);
    return NULL;
}

/* A pod whose network is being checked is not torn down beside it: plugins are run for one thing at a time. */
static void test_stop_waits_for_check(void **state)
{
    struct fx *f = *state;
    struct checking c = {.f = f, .cancel = CANCEL_INIT};
    pthread_t thread;
    struct fx_call call;
    Runtime__V1__StopPodSandboxRequest q = RUNTIME__V1__STOP_POD_SANDBOX_REQUEST__INIT;
    fx_must_run(f, "a", pod);
    assert_ok(cancel_init(&c.cancel, &f->e), &f->e);
    f->plugin_hangs = true;
    assert_int_equal(pthread_create(&thread, NULL, check_networks, &c), 0);
    while (!was_called(f, "CHECK"))
        sched_yield();
    q.pod_sandbox_id = pod;
    fx_call_init(f, &call, CRI_METHOD_STOP_POD_SANDBOX, &q);
    call.call.ctx.deadline = clock_deadline(20 * NSEC_PER_MSEC);
    assert_fails(fx_call_run(f, &call), &call.e, ERR_DEADLINE_EXCEEDED, "wait for the check of its network");
    fx_call_done(&call);
    assert_false(was_called(f, "DEL"));
    cancel_fire(&c.cancel);
    pthread_join(thread, NULL);
    cancel_done(&c.cancel);
    assert_ok(fx_stop_pod(f, pod), &f->e);
    assert_true(was_called(f, "DEL"));
}

int main(void)
{
    mem_install_hooks();
    fx_warm_up();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ip_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_template, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restore_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collection_is_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handlers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_waits_for_check, setup_threads, teardown),
        cmocka_unit_test_setup_teardown(test_add_is_cancelled, setup_threads, teardown),
        cmocka_unit_test_setup_teardown(test_add_ends_with_the_daemon, setup_threads, teardown),
    };
    return cmocka_run_group_tests_name("cri/network", tests, NULL, NULL);
}
