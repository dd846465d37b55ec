/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: what is counted and timed, and its text; addresses of the monitor. */
#include "cri/monitor.h"
#include "serving.h"

static void ended(struct fx *f, const char *path, uint64_t ns, int r)
{
    struct rpc_method method = {.path = path};
    struct rpc_call call = {.method = &method, .began = clock_mono() - ns};
    cri_metrics_call(&f->service.metrics, &call, r);
}

static void test_calls(void **state)
{
    struct fx *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    ended(f, "/runtime.v1.RuntimeService/RemovePodSandbox", 5 * NSEC_PER_MSEC, 0);
    ended(f, "/runtime.v1alpha2.RuntimeService/RemovePodSandbox", 5 * NSEC_PER_MSEC + 1, 0);
    ended(f, "/runtime.v1.RuntimeService/RemovePodSandbox", 11 * NSEC_PER_SEC, -ERR_UNAVAILABLE);
    ended(f, "/runtime.v1.RuntimeService/StopContainer", 10 * NSEC_PER_SEC + 1, 0);
    ended(f, "/runtime.v1.RuntimeService/Nothing", 1, 0);
    ended(f, "/runtime.v1.RuntimeService/Version", 1, -ERR_CODE_MAX - 1);
    assert_ok(cri_metrics_write(&f->service, server, handlers, &text, &e), &e);
    assert_says(text.p, "\ncri_containerd_rpcs_total{method=\"RemovePodSandbox\",code=\"OK\"} 2\n");
    assert_says(text.p, "\ncri_containerd_rpcs_total{method=\"RemovePodSandbox\",code=\"UNAVAILABLE\"} 1\n");
    assert_says(text.p, "\ncri_containerd_rpc_seconds_bucket{method=\"RemovePodSandbox\",le=\"0.005\"} 1\n");
    assert_says(text.p, "\ncri_containerd_rpc_seconds_bucket{method=\"RemovePodSandbox\",le=\"0.010\"} 2\n");
    assert_says(text.p, "\ncri_containerd_rpc_seconds_bucket{method=\"RemovePodSandbox\",le=\"10.000\"} 2\n");
    assert_says(text.p, "\ncri_containerd_rpc_seconds_bucket{method=\"RemovePodSandbox\",le=\"+Inf\"} 3\n");
    assert_says(text.p, "\ncri_containerd_rpc_seconds_sum{method=\"RemovePodSandbox\"} 11.010000001\n");
    assert_says(text.p, "\ncri_containerd_rpc_seconds_count{method=\"RemovePodSandbox\"} 3\n");
    assert_says(text.p, "\ncontainerd_cri_sandbox_remove_seconds_count 2\n"); /* successes only */
    assert_says(text.p, "\ncontainerd_cri_container_stop_seconds_bucket{le=\"10.000\"} 0\n");
    assert_says(text.p, "\ncontainerd_cri_container_stop_seconds_bucket{le=\"+Inf\"} 1\n");
    assert_null(strstr(text.p, "method=\"Version\""));
    assert_null(strstr(text.p, "method=\"Nothing\""));
}

static void test_gauges(void **state)
{
    struct fx *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    char pod[ID_LEN + 1], id[ID_LEN + 1];
    fx_must_run(f, "web", pod);
    fx_must_create(f, pod, "web", "a", id);
    assert_int_equal(fx_stop_pod(f, pod), 0);
    assert_ok(cri_metrics_write(&f->service, server, handlers, &text, &e), &e);
    assert_says(text.p, "\ncri_containerd_pods{state=\"ready\"} 0\n");
    assert_says(text.p, "\ncri_containerd_pods{state=\"notready\"} 1\n");
    assert_says(text.p, "\ncri_containerd_containers{state=\"running\"} 0\n");
    assert_says(text.p, "\ncri_containerd_containers{state=\"created\"} 1\n");
    assert_says(text.p, "\ncri_containerd_images 2\n");
    assert_says(text.p, "\ncri_containerd_event_stream_up 0\n");
    assert_says(text.p, "\ncontainerd_cri_sandbox_create_network_seconds_count 1\n");
    assert_says(text.p, "\ncontainerd_cri_sandbox_delete_network_seconds_count 1\n");
    assert_says(text.p, "\ncontainerd_cri_sandbox_runtime_create_seconds_count 1\n");
    assert_says(text.p, "\nprocess_open_fds ");
    assert_says(text.p, "\nprocess_resident_memory_bytes ");
    assert_says(text.p, "\nprocess_cpu_seconds_total ");
}

static void test_no_room(void **state)
{
    struct fx *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1000);
    assert_int_equal(cri_metrics_write(&f->service, server, handlers, &text, &e), -ERR_RESOURCE_EXHAUSTED);
    mem_fail_at(0, true);
    int r = cri_metrics_write(&f->service, server, handlers, &text, &e);
    mem_fail_off();
    assert_int_equal(r, -ERR_RESOURCE_EXHAUSTED);
}

static void test_addresses(void **state)
{
    struct fx *f = *state;
    static const char *const good[] = {"127.0.0.1:1", "0.0.0.0:65535", "[::1]:9100", "[fe80::1]:80"};
    static const char *const bad[] = {"",          ":9100",     "127.0.0.1",  "127.0.0.1:",      "127.0.0.1:0", "127.0.0.1:65536", "localhost:80", "::1:80",
                                      "[127.0.0.1]:80", "[::1]", "[]:80", "127.0.0.1:+80", "127.0.0.1 :80", "[::1:80", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:1"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(cri_monitor_address_ok(good[i]));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct cri_monitor *m;
        struct err e = ERR_INIT;
        assert_false(cri_monitor_address_ok(bad[i]));
        assert_fails(cri_monitor_new(loop, bad[i], &f->service, server, handlers, &m, &e), &e, ERR_INVALID_ARGUMENT, bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gauges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
    };
    fx_warm_up();
    return cmocka_run_group_tests_name("cri-metrics", tests, NULL, NULL);
}
