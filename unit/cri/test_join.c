/* SPDX-License-Identifier: Apache-2.0 */
/* Repeats of calls that are under way, on threads and real time: equal ones join, unequal ones are refused by name. */
#include "support.h"

#include <stdatomic.h>
#include <time.h>

#include "fixture.h"

enum { CALLERS = 8 };

static struct fx *fx;
static atomic_bool gate;      /* closed: calls of gate_method wait */
static const char *gate_method;
static atomic_size_t at_gate;

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void hold(struct fx *f, const char *method)
{
    if (!gate_method || strcmp(method, gate_method) != 0)
        return;
    atomic_fetch_add(&at_gate, 1);
    while (!atomic_load(&gate))
        nap();
}

static int setup(void **state)
{
    fx = fx_new(FX_THREADS);
    gate_method = NULL;
    atomic_store(&gate, false);
    atomic_store(&at_gate, 0);
    fx->on_call = hold;
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fx_remove_all(fx);
    assert_true(fx_nothing_left(fx));
    fx_free(fx);
    return 0;
}

struct caller {
    pthread_t thread;
    struct fx_call c;
};

static void *run(void *arg)
{
    struct caller *x = arg;
    fx_call_run(fx, &x->c);
    return NULL;
}

static void begin(struct caller *x, size_t method, const void *request)
{
    fx_call_init(fx, &x->c, method, request);
    assert_int_equal(pthread_create(&x->thread, NULL, run, x), 0);
}

static int end(struct caller *x)
{
    pthread_join(x->thread, NULL);
    return x->c.r;
}

static void wait_for_joiners(const char *name, size_t n)
{
    while (inflight_waiting(&fx->service.inflight, name) < n)
        nap();
}

static const char *pod_of(const struct caller *x)
{
    return ((const Runtime__V1__RunPodSandboxResponse *)x->c.response)->pod_sandbox_id;
}

static void test_equal_runs_join(void **state)
{
    struct caller x[CALLERS];
    struct fx_pod p, q;
    gate_method = "Tasks/Create";
    fx_pod_init(fx, &p, "web");
    for (size_t i = 0; i < CALLERS; i++)
        begin(&x[i], CRI_METHOD_RUN_POD_SANDBOX, &p.request);
    wait_for_joiners("web_default_uid-web_0", CALLERS - 1);
    fx_pod_init(fx, &q, "web");
    q.config.hostname = (char *)"other";
    assert_fails(fx_run(fx, &q, NULL), &fx->e, ERR_ALREADY_EXISTS, "\"web_default_uid-web_0\" is under way");
    atomic_store(&gate, true);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_ok(end(&x[i]), &x[i].c.e);
        assert_string_equal(pod_of(&x[i]), pod_of(&x[0]));
    }
    for (size_t i = 0; i < CALLERS; i++)
        fx_call_done(&x[i].c);
    assert_int_equal(fake_count(fx->fake, "Tasks/Create"), 1);
}

static void test_joiners_get_the_failure(void **state)
{
    struct caller x[3];
    struct fx_pod p;
    gate_method = "Tasks/Create";
    fx_pod_init(fx, &p, "web");
    fake_fail_method(fx->fake, "Tasks/Create", FAKE_FAIL_BEFORE, ERR_UNKNOWN, "no such runtime", 1);
    for (size_t i = 0; i < 3; i++)
        begin(&x[i], CRI_METHOD_RUN_POD_SANDBOX, &p.request);
    wait_for_joiners("web_default_uid-web_0", 2);
    atomic_store(&gate, true);
    for (size_t i = 0; i < 3; i++) {
        assert_fails(end(&x[i]), &x[i].c.e, ERR_UNKNOWN, "no such runtime");
        fx_call_done(&x[i].c);
    }
    assert_true(fx_nothing_left(fx));
    assert_ok(fx_run(fx, &p, NULL), &fx->e);
}

static void test_a_joiner_gives_up(void **state)
{
    struct caller x[2];
    struct fx_pod p;
    gate_method = "Tasks/Create";
    fx_pod_init(fx, &p, "web");
    begin(&x[0], CRI_METHOD_RUN_POD_SANDBOX, &p.request);
    while (atomic_load(&at_gate) == 0)
        nap();
    fx_call_init(fx, &x[1].c, CRI_METHOD_RUN_POD_SANDBOX, &p.request);
    x[1].c.call.ctx.deadline = clock_mono() + 20 * NSEC_PER_MSEC;
    assert_fails(fx_call_run(fx, &x[1].c), &x[1].c.e, ERR_DEADLINE_EXCEEDED, "web_default_uid-web_0");
    fx_call_done(&x[1].c);
    atomic_store(&gate, true);
    assert_ok(end(&x[0]), &x[0].c.e);
    fx_call_done(&x[0].c);
}

static void test_equal_creates_join(void **state)
{
    struct caller x[CALLERS];
    struct fx_pod p;
    struct fx_container c;
    char pod[ID_LEN + 1];
    fx_must_run(fx, "web", pod);
    fx_pod_init(fx, &p, "web");
    fx_container_init(&c, pod, &p, "a");
    gate_method = "Containers/Create";
    size_t before = fake_count(fx->fake, "Containers/Create");
    for (size_t i = 0; i < CALLERS; i++)
        begin(&x[i], CRI_METHOD_CREATE_CONTAINER, &c.request);
    wait_for_joiners("a_web_default_uid-web_0", CALLERS - 1);
    atomic_store(&gate, true);
    for (size_t i = 0; i < CALLERS; i++)
        assert_ok(end(&x[i]), &x[i].c.e);
    for (size_t i = 0; i < CALLERS; i++)
        fx_call_done(&x[i].c);
    assert_int_equal(fake_count(fx->fake, "Containers/Create") - before, 1);
}

/* Stops, removes and starts of one container, all at once: each ends, and the container is gone. */
static void test_everything_at_once(void **state)
{
    static const size_t methods[] = {CRI_METHOD_START_CONTAINER, CRI_METHOD_STOP_CONTAINER, CRI_METHOD_REMOVE_CONTAINER, CRI_METHOD_CONTAINER_STATUS};
    char pod[ID_LEN + 1];
    fx_must_run(fx, "web", pod);
    for (int round = 0; round < 20; round++) {
        struct caller x[CALLERS];
        char id[ID_LEN + 1];
        fx_must_create(fx, pod, "web", "a", id);
        for (size_t i = 0; i < CALLERS; i++) {
            Runtime__V1__StartContainerRequest start = RUNTIME__V1__START_CONTAINER_REQUEST__INIT;
            Runtime__V1__StopContainerRequest stop = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;
            Runtime__V1__RemoveContainerRequest remove = RUNTIME__V1__REMOVE_CONTAINER_REQUEST__INIT;
            Runtime__V1__ContainerStatusRequest status = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
            const void *requests[] = {&start, &stop, &remove, &status};
            start.container_id = stop.container_id = remove.container_id = status.container_id = id;
            size_t k = (i + (size_t)round) % 4;
            begin(&x[i], methods[k], requests[k]);
        }
        for (size_t i = 0; i < CALLERS; i++) {
            int r = end(&x[i]);
            if (r < 0 && r != -ERR_NOT_FOUND && r != -ERR_FAILED_PRECONDITION)
                fail_msg("%s: %s", x[i].c.call.method->path, x[i].c.e.message);
            fx_call_done(&x[i].c);
        }
        assert_ok(fx_remove_container(fx, id), &fx->e);
    }
}

/* Pods that come and go on eight threads, with the event thread beside them. */
static void *live_a_life(void *arg)
{
    struct caller *x = arg;
    char name[32], pod[ID_LEN + 1];
    Runtime__V1__StopPodSandboxRequest stop = RUNTIME__V1__STOP_POD_SANDBOX_REQUEST__INIT;
    Runtime__V1__RemovePodSandboxRequest remove = RUNTIME__V1__REMOVE_POD_SANDBOX_REQUEST__INIT;
    for (int i = 0; i < 5; i++) {
        struct fx_pod p;
        snprintf(name, sizeof name, "p%d-%p", i, arg);
        fx_pod_init(fx, &p, name);
        fx_call_init(fx, &x->c, CRI_METHOD_RUN_POD_SANDBOX, &p.request);
        if (fx_call_run(fx, &x->c) < 0)
            return x;
        snprintf(pod, sizeof pod, "%s", pod_of(x));
        fx_call_done(&x->c);
        if (i % 2)
            fake_task_exit(fx->fake, pod, 1);
        stop.pod_sandbox_id = remove.pod_sandbox_id = pod;
        fx_call_init(fx, &x->c, CRI_METHOD_STOP_POD_SANDBOX, &stop);
        if (fx_call_run(fx, &x->c) < 0)
            return x;
        fx_call_done(&x->c);
        fx_call_init(fx, &x->c, CRI_METHOD_REMOVE_POD_SANDBOX, &remove);
        if (fx_call_run(fx, &x->c) < 0)
            return x;
        fx_call_done(&x->c);
    }
    return NULL;
}

static void test_many_pods(void **state)
{
    struct caller x[CALLERS];
    struct cri_events *events = NULL;
    assert_ok(cri_events_start(&fx->service, &events, &fx->e), &fx->e);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&x[i].thread, NULL, live_a_life, &x[i]), 0);
    for (size_t i = 0; i < CALLERS; i++) {
        void *failed;
        pthread_join(x[i].thread, &failed);
        if (failed)
            fail_msg("%s: %s", x[i].c.call.method->path, x[i].c.e.message);
    }
    cri_events_stop(events);
    executor_drain(fx->service.background);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_runs_join, setup, teardown),
        cmocka_unit_test_setup_teardown(test_joiners_get_the_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_joiner_gives_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_creates_join, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_pods, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/join", tests, NULL, NULL);
}
