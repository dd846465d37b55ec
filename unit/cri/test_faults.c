/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault sweep: every call that a mutating RPC (and those of stats) makes to containerd fails in turn, with each kind of error, before and after it took effect. The RPC
 * answers with a legal code, leaves what was before, and works when asked again; in the end nothing is left.
 */
#include "support.h"

#include "fixture.h"

static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_NOT_FOUND, ERR_ALREADY_EXISTS, ERR_FAILED_PRECONDITION, ERR_DEADLINE_EXCEEDED, ERR_INTERNAL};
static const enum fake_fault faults[] = {FAKE_FAIL_BEFORE, FAKE_FAIL_AFTER, FAKE_FAIL_GARBLED};

static char pod[ID_LEN + 1], container[ID_LEN + 1];

struct subject {
    const char *name;
    void (*prepare)(struct fx *f);
    int (*call)(struct fx *f);
    bool creates;   /* all or nothing: a failure leaves the world as it was */
    size_t at_least; /* calls that it makes, so that the sweep is known to have swept */
};

/* "Not found" said of something that is there, to a call that takes it away, is believed: nothing more can be asked for than a legal answer. */
static bool is_lie(const char *victim, enum fake_fault fault, enum err_code code)
{
    static const char *const removals[] = {"Containers/Delete", "Snapshots/Remove", "Tasks/Delete", "Tasks/DeleteProcess", "Tasks/Kill", "Tasks/Get"};
    for (size_t i = 0; i < ARRAY_SIZE(removals); i++)
        if (fault == FAKE_FAIL_BEFORE && code == ERR_NOT_FOUND && strcmp(victim, removals[i]) == 0)
            return true;
    return false;
}

static void sweep_point(const struct subject *s, uint64_t k, enum fake_fault fault, enum err_code code, bool *ret_met)
{
    struct fx *f = fx_new(FX_INLINE);
    s->prepare(f);
    struct fx_world before = fx_look(f);
    size_t mark = fake_calls(f->fake);
    fake_fail_call(f->fake, k, fault, code);
    int r = s->call(f);
    fake_fail_off(f->fake);
    *ret_met = fake_calls(f->fake) - mark > k;
    const char *victim = *ret_met ? fake_call(f->fake, mark + k) : "none";
    struct fx_world after = fx_look(f);
    if (is_lie(victim, fault, code)) {
        fx_free(f);
        return;
    }
    if (r < 0 && !*ret_met)
        fail_msg("%s fails without a fault: %s", s->name, f->e.message);
    if (r < 0 && s->creates && !fx_same(&before, &after))
        fail_msg("%s: call %llu (%s) failing with %s (kind %d) is not undone; the error is %s", s->name, (unsigned long long)k, victim,
                 err_code_name(code), (int)fault, f->e.message);
    if (!fx_stores_valid(f))
        fail_msg("%s: call %llu (%s) failing with %s (kind %d)", s->name, (unsigned long long)k, victim, err_code_name(code), (int)fault);
    struct err first = f->e;
    if (s->call(f) < 0)
        fail_msg("%s: after call %llu (%s) failed with %s (kind %d: %s) the repeat fails: %s", s->name, (unsigned long long)k, victim, err_code_name(code),
                 (int)fault, first.message, f->e.message);
    fx_remove_all(f);
    if (!fx_nothing_left(f))
        fail_msg("%s: call %llu (%s) failing with %s (kind %d) leaves things behind", s->name, (unsigned long long)k, victim, err_code_name(code),
                 (int)fault);
    fx_free(f);
}

static void sweep_subject(const struct subject *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        for (size_t c = 0; c < (faults[i] == FAKE_FAIL_GARBLED ? 1 : ARRAY_SIZE(codes)); c++) {
            bool met = true;
            uint64_t k = 0;
            for (; met; k++)
                sweep_point(s, k, faults[i], codes[c], &met);
            assert_true(k > s->at_least);
        }
}

static void prepare_nothing(struct fx *f)
{
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
}

static int call_run(struct fx *f)
{
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    return fx_run(f, &p, pod);
}

static int call_create(struct fx *f)
{
    struct fx_pod p;
    struct fx_container c;
    fx_pod_init(f, &p, "web");
    fx_container_init(&c, pod, &p, "a");
    return fx_create(f, &c, container);
}

/* A start that fails ends the container for good; the repeat is a new container, as the kubelet does it. */
static int call_start(struct fx *f)
{
    struct fx_status s = fx_container_status(f, container);
    if (s.state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED) {
        assert_int_equal(s.exit_code, 128);
        assert_string_equal(s.reason, "StartError");
        assert_true(s.message[0] != '\0');
        assert_ok(fx_remove_container(f, container), &f->e);
        fx_must_create(f, pod, "web", "a", container);
    }
    if (s.state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING)
        return 0;
    return fx_start_container(f, container);
}

static int call_stop(struct fx *f)
{
    int r = fx_stop_container(f, container, 2);
    if (r == 0)
        assert_int_equal(fx_container_status(f, container).state, RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED);
    return r;
}

static int call_remove(struct fx *f)
{
    int r = fx_remove_container(f, container);
    if (r == 0)
        assert_int_equal(fx_container_status(f, container).state, -1);
    return r;
}

static int call_stop_pod(struct fx *f)
{
    int r = fx_stop_pod(f, pod);
    if (r == 0)
        assert_int_equal(fx_pod_state(f, pod), RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY);
    return r;
}

static int call_remove_pod(struct fx *f)
{
    int r = fx_remove_pod(f, pod);
    if (r == 0)
        assert_int_equal(fx_pod_state(f, pod), -1);
    return r;
}

static int call_exec(struct fx *f)
{
    static char *const cmd[] = {(char *)"probe"};
    Runtime__V1__ExecSyncRequest q = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
    q.container_id = container;
    q.cmd = (char **)cmd;
    q.n_cmd = 1;
    q.timeout = 5;
    return fx_rpc(f, CRI_METHOD_EXEC_SYNC, &q);
}

static int call_update(struct fx *f)
{
    Runtime__V1__UpdateContainerResourcesRequest q = RUNTIME__V1__UPDATE_CONTAINER_RESOURCES_REQUEST__INIT;
    Runtime__V1__LinuxContainerResources r = RUNTIME__V1__LINUX_CONTAINER_RESOURCES__INIT;
    r.cpu_shares = 512;
    q.container_id = container;
    q.linux = &r;
    return fx_rpc(f, CRI_METHOD_UPDATE_CONTAINER_RESOURCES, &q);
}

static int call_stats(struct fx *f)
{
    Runtime__V1__ContainerStatsRequest q = RUNTIME__V1__CONTAINER_STATS_REQUEST__INIT;
    q.container_id = container;
    return fx_rpc(f, CRI_METHOD_CONTAINER_STATS, &q);
}

static int call_stats_list(struct fx *f)
{
    Runtime__V1__ListContainerStatsRequest q = RUNTIME__V1__LIST_CONTAINER_STATS_REQUEST__INIT;
    return fx_rpc(f, CRI_METHOD_LIST_CONTAINER_STATS, &q);
}

static int call_pod_stats(struct fx *f)
{
    Runtime__V1__PodSandboxStatsRequest q = RUNTIME__V1__POD_SANDBOX_STATS_REQUEST__INIT;
    q.pod_sandbox_id = pod;
    return fx_rpc(f, CRI_METHOD_POD_SANDBOX_STATS, &q);
}

static int call_pod_stats_list(struct fx *f)
{
    Runtime__V1__ListPodSandboxStatsRequest q = RUNTIME__V1__LIST_POD_SANDBOX_STATS_REQUEST__INIT;
    return fx_rpc(f, CRI_METHOD_LIST_POD_SANDBOX_STATS, &q);
}

static void prepare_figures(struct fx *f)
{
    prepare_running(f);
    fx_figures(f, pod, "/pods");
    fx_figures(f, container, "/pods");
}

static const struct subject subjects[] = {
    {"RunPodSandbox", prepare_nothing, call_run, true, 6},
    {"CreateContainer", prepare_pod, call_create, true, 4},
    {"StartContainer", prepare_created, call_start, false, 3},
    {"StopContainer", prepare_running, call_stop, false, 3},
    {"RemoveContainer of a created one", prepare_created, call_remove, false, 2},
    {"RemoveContainer of a running one", prepare_running, call_remove, false, 5},
    {"StopPodSandbox", prepare_running, call_stop_pod, false, 6},
    {"RemovePodSandbox", prepare_running, call_remove_pod, false, 10},
    {"ExecSync", prepare_running, call_exec, true, 5},
    {"UpdateContainerResources", prepare_running, call_update, true, 3},
    {"ContainerStats", prepare_figures, call_stats, true, 1},
    {"ListContainerStats", prepare_figures, call_stats_list, true, 1},
    {"PodSandboxStats", prepare_figures, call_pod_stats, true, 1},
    {"ListPodSandboxStats", prepare_figures, call_pod_stats_list, true, 1},
};

#define SUBJECT(i) \
    static void test_##i(void **state) { sweep_subject(&subjects[i]); }
SUBJECT(0)
SUBJECT(1)
SUBJECT(2)
SUBJECT(3)
SUBJECT(4)
SUBJECT(5)
SUBJECT(6)
SUBJECT(7)
SUBJECT(8)
SUBJECT(9)
SUBJECT(10)
SUBJECT(11)
SUBJECT(12)
SUBJECT(13)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_0), cmocka_unit_test(test_1), cmocka_unit_test(test_2), cmocka_unit_test(test_3), cmocka_unit_test(test_4),
        cmocka_unit_test(test_5), cmocka_unit_test(test_6), cmocka_unit_test(test_7), cmocka_unit_test(test_8), cmocka_unit_test(test_9),
        cmocka_unit_test(test_10), cmocka_unit_test(test_11), cmocka_unit_test(test_12), cmocka_unit_test(test_13),
    };
    return cmocka_run_group_tests_name("cri/faults", tests, NULL, NULL);
}
