/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor: inline runs, the limits of the pool, the class limit, and a storm of jobs from many threads.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "loop/executor.h"

static int teardown(void **state)
{
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static void test_inline(void **state)
{
    struct err e = ERR_INIT;
    struct executor *x;
    bool ran = false;
    assert_ok(executor_new_inline(&x, &e), &e);
    assert_true(executor_is_inline(x));
    assert_ok(executor_submit(x, EXEC_SLOW, set_true, &ran, &e), &e);
    assert_true(ran);
    executor_drain(x);
    executor_free(x);
}

static void test_limits_are_checked(void **state)
{
    struct err e = ERR_INIT;
    struct executor *x;
    struct executor_limits bad[] = {{0, 1, 1, 0}, {4, 4, 1, 0}, {4, 0, 1, 0}, {4, 2, 0, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_fails(executor_new_pool(&bad[i], &x, &e), &e, ERR_INVALID_ARGUMENT, "executor");
    executor_free(NULL);
}

/* A job that waits until the gate opens. */
struct gate {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    bool open;
    int inside, inside_max, done;
};

static void gate_init(struct gate *g)
{
    *g = (struct gate){.open = false};
    pthread_mutex_init(&g->mu, NULL);
    pthread_cond_init(&g->cond, NULL);
}

static void pass_gate(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->mu);
    g->inside++;
    g->inside_max = MAX_OF(g->inside, g->inside_max);
    pthread_cond_broadcast(&g->cond);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->mu);
    g->inside--;
    g->done++;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mu);
}

static void await_inside(struct gate *g, int n)
{
    pthread_mutex_lock(&g->mu);
    while (g->inside < n)
        pthread_cond_wait(&g->cond, &g->mu);
    pthread_mutex_unlock(&g->mu);
}

static void open_gate(struct gate *g)
{
    pthread_mutex_lock(&g->mu);
    g->open = true;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mu);
}

static void test_slow_jobs_leave_room(void **state)
{
    struct err e = ERR_INIT;
    struct executor *x;
    struct executor_limits limits = {.threads_max = 4, .slow_max = 3, .queue_max = 5, .stack_size = 128 << 10};
    assert_ok(executor_new_pool(&limits, &x, &e), &e);
    assert_false(executor_is_inline(x));
    struct gate slow, fast;
    gate_init(&slow);
    gate_init(&fast);
    /* Three run, five wait, the ninth finds the queue full. */
    for (int i = 0; i < 3; i++)
        assert_ok(executor_submit(x, EXEC_SLOW, pass_gate, &slow, &e), &e);
    await_inside(&slow, 3);
    for (int i = 0; i < 5; i++)
        assert_ok(executor_submit(x, EXEC_SLOW, pass_gate, &slow, &e), &e);
    assert_fails(executor_submit(x, EXEC_SLOW, pass_gate, &slow, &e), &e, ERR_RESOURCE_EXHAUSTED, "too many slow calls");
    /* A fast one still runs, and its class has a queue of its own. */
    assert_ok(executor_submit(x, EXEC_FAST, pass_gate, &fast, &e), &e);
    await_inside(&fast, 1);
    for (int i = 0; i < 5; i++)
        assert_ok(executor_submit(x, EXEC_FAST, pass_gate, &fast, &e), &e);
    assert_fails(executor_submit(x, EXEC_FAST, pass_gate, &fast, &e), &e, ERR_RESOURCE_EXHAUSTED, "too many fast calls");
    open_gate(&fast);
    open_gate(&slow);
    executor_drain(x);
    assert_int_equal(slow.done, 8);
    assert_int_equal(slow.inside_max, 3);
    assert_int_equal(fast.done, 6);
    executor_free(x);
}

enum { THREADS = 6, JOBS = 3000 };

struct storm {
    struct executor *x;
    atomic_int ran, resubmitted;
};

static void one_job(void *arg)
{
    struct storm *s = arg;
    int n = atomic_fetch_add(&s->ran, 1);
    if (n % 10 == 0) { /* jobs may submit jobs */
        struct err e = ERR_INIT;
        if (executor_submit(s->x, n % 20 ? EXEC_FAST : EXEC_SLOW, one_job, s, &e) == 0)
            atomic_fetch_add(&s->resubmitted, 1);
    }
}

static void *submitter(void *arg)
{
    struct storm *s = arg;
    int accepted = 0;
    for (int i = 0; i < JOBS; i++) {
        struct err e = ERR_INIT;
        int r = executor_submit(s->x, i % 3 ? EXEC_FAST : EXEC_SLOW, one_job, s, &e);
        if (r == 0)
            accepted++;
        else if (r != -ERR_RESOURCE_EXHAUSTED)
            return (void *)(intptr_t)-1;
    }
    return (void *)(intptr_t)accepted;
}

static void test_storm(void **state)
{
    struct err e = ERR_INIT;
    struct storm s = {.ran = 0};
    struct executor_limits limits = {.threads_max = 8, .slow_max = 5, .queue_max = 50, .stack_size = 128 << 10};
    assert_ok(executor_new_pool(&limits, &s.x, &e), &e);
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, submitter, &s), 0);
    int accepted = 0;
    for (int i = 0; i < THREADS; i++) {
        void *n;
        pthread_join(t[i], &n);
        assert_true((intptr_t)n >= 0);
        accepted += (int)(intptr_t)n;
    }
    executor_drain(s.x);
    assert_int_equal(atomic_load(&s.ran), accepted + atomic_load(&s.resubmitted));
    executor_free(s.x);
}

static void test_no_memory(void **state)
{
    struct err e = ERR_INIT;
    struct executor *x;
    struct executor_limits limits = {.threads_max = 2, .slow_max = 1, .queue_max = 2, .stack_size = 128 << 10};
    bool ran = false;
    mem_fail_at(0, true);
    int r = executor_new_pool(&limits, &x, &e);
    mem_fail_off();
    assert_int_equal(r, -ERR_RESOURCE_EXHAUSTED);
    assert_ok(executor_new_pool(&limits, &x, &e), &e);
    for (uint64_t at = 0; at < 2; at++) { /* the job, then the thread */
        mem_fail_at(at, true);
        r = executor_submit(x, EXEC_FAST, set_true, &ran, &e);
        mem_fail_off();
        assert_int_equal(r, -ERR_RESOURCE_EXHAUSTED);
    }
    executor_drain(x);
    assert_false(ran);
    assert_ok(executor_submit(x, EXEC_FAST, set_true, &ran, &e), &e);
    executor_free(x); /* drains */
    assert_true(ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_inline, teardown),
        cmocka_unit_test_teardown(test_limits_are_checked, teardown),
        cmocka_unit_test_teardown(test_slow_jobs_leave_room, teardown),
        cmocka_unit_test_teardown(test_storm, teardown),
        cmocka_unit_test_teardown(test_no_memory, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
