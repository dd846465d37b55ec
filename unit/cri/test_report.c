/* SPDX-License-Identifier: Apache-2.0 */
/* Report: what the log says of pods, containers, calls; memory that is short does not stop it. */
#include "cri/report.h"
#include "serving.h"

/* The log's text since then. */
static const char *report(struct fx *f)
{
    size_t before = f->log_n;
    cri_report(&f->service, server, handlers);
    return f->log + before;
}

static void test_counts(void **state)
{
    struct fx *f = *state;
    const char *text = report(f);
    assert_says(text, "report: pods: 0 ready, 0 not ready, 0 in an unknown state");
    assert_says(text, "report: containers: 0 created, 0 running, 0 exited, 0 in an unknown state");
    assert_says(text, "report: calls in flight: 0, connections: 0, streams: 0");
    assert_says(text, "report: events: no subscription yet");
    char web[ID_LEN + 1], db[ID_LEN + 1], id[ID_LEN + 1];
    fx_must_run(f, "web", web);
    fx_must_run(f, "db", db);
    fx_must_create(f, web, "web", "a", id);
    fx_must_run_container(f, web, "web", "b", id);
    fx_must_run_container(f, db, "db", "c", id);
    assert_int_equal(fx_stop_pod(f, db), 0);
    atomic_store(&f->service.event_state.since, clock_mono());
    atomic_store(&f->service.event_state.follows, true);
    text = report(f);
    assert_says(text, "report: pods: 1 ready, 1 not ready, 0 in an unknown state");
    assert_says(text, "report: containers: 1 created, 1 running, 1 exited, 0 in an unknown state");
    assert_says(text, "report: images: 2; pulls under way: 0");
    assert_says(text, "report: events: subscribed for 0 ms");
    assert_says(text, "report: handlers: threads: 0, jobs under way: 0 (slow: 0), waiting: 0");
    assert_says(text, "report: logs: threads: ");
    assert_says(text, "report: memory: ");
}

static void test_no_memory(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_must_run(f, "web", id);
    mem_fail_at(0, true);
    const char *text = report(f);
    assert_true(mem_fail_off() > 0);
    assert_says(text, "report: pods and containers are not counted: ");
    assert_says(text, "report: memory: ");
    assert_says(report(f), "report: pods: 1 ready");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    fx_warm_up();
    return cmocka_run_group_tests_name("cri-report", tests, NULL, NULL);
}
