/* SPDX-License-Identifier: Apache-2.0 */
/* Events: exits that are told, exits that are missed, the stream that breaks; what nobody fetched. */
#include "support.h"

#include "fixture.h"

#define RUNNING RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING
#define EXITED RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED

static char pod[ID_LEN + 1], container[ID_LEN + 1];
static const struct ctx background = CTX_BACKGROUND;

static int setup(void **state)
{
    struct fx *f = fx_new(FX_INLINE);
    fx_must_run(f, "web", pod);
    fx_must_run_container(f, pod, "web", "a", container);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
    fx_free(f);
    return 0;
}

/* The stream breaks, the container ends, nobody is told: the look at the tasks that follows a new subscription finds it. */
static void test_broken_stream(void **state)
{
    struct fx *f = *state;
    fx_events(f);
    fake_break_events(f->fake);
    fake_task_exit(f->fake, container, 4);
    fx_events(f); /* meets the end of the stream */
    assert_int_equal(fx_container_status(f, container).state, RUNNING);
    fx_events(f); /* subscribes again */
    assert_int_equal(fx_container_status(f, container).state, EXITED);
    assert_int_equal(fx_container_status(f, container).exit_code, 4);
}

/* The same exit told twice, of an exec, of somebody else: handled once or not at all. */
static void test_strange_exits(void **state)
{
    struct fx *f = *state;
    fx_events(f);
    fake_task_exit(f->fake, container, 4);
    size_t mark = fake_count(f->fake, "Tasks/Delete");
    fx_events(f);
    assert_int_equal(fake_count(f->fake, "Tasks/Delete") - mark, 1);
    int64_t at = fx_container_status(f, container).finished_at;
    cri_events_resync(&f->service, &background);
    assert_int_equal(fake_count(f->fake, "Tasks/Delete") - mark, 1);
    assert_int_equal(fx_container_status(f, container).finished_at, at);
    fake_task_oom(f->fake, "nobody");
    fake_task_oom(f->fake, pod);
    fx_events(f);
    assert_true(fx_stores_valid(f));
}

static void test_unreadable_event(void **state)
{
    struct fx *f = *state;
    struct ctrd_event event = {.topic = "/tasks/exit", .event = {.type_url = "containerd.events.TaskExit", .value = view_of("\xff\xff\xff")}};
    cri_event_handle(&f->service, &event);
    assert_non_null(strstr(f->log, "/tasks/exit"));
    assert_int_equal(fx_container_status(f, container).state, RUNNING);
}

/* The task of a container cannot be deleted: it has ended all the same, and its removal (the teardown's) takes the task along. */
static void test_delete_fails(void **state)
{
    struct fx *f = *state;
    fx_events(f);
    fake_fail_method(f->fake, "Tasks/Delete", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, NULL, 1);
    fake_task_exit(f->fake, container, 0);
    fx_events(f);
    assert_int_equal(fx_container_status(f, container).state, EXITED);
}

/* A shim that is just ending: the signal is sent again. */
static void test_shim_closes(void **state)
{
    struct fx *f = *state;
    fake_fail_method(f->fake, "Tasks/Kill", FAKE_FAIL_BEFORE, ERR_UNKNOWN, "ttrpc: closed: unknown", 1);
    assert_ok(fx_stop_container(f, container, 10), &f->e);
    assert_int_equal(fx_container_status(f, container).exit_code, 143);
}

/* A pod and a container that were made for clients who never came back go after ten minutes, and not before; whoever asks for one claims it. */
static void test_unclaimed(void **state)
{
    struct fx *f = *state;
    struct fx_pod p, q;
    struct fx_container c;
    char left[ID_LEN + 1], claimed[ID_LEN + 1], inner[ID_LEN + 1];
    f->abandoned = true;
    fx_pod_init(f, &p, "left");
    assert_ok(fx_run(f, &p, left), &f->e);
    fx_pod_init(f, &q, "claimed");
    assert_ok(fx_run(f, &q, claimed), &f->e);
    fx_pod_init(f, &p, "web");
    fx_container_init(&c, pod, &p, "inner");
    assert_ok(fx_create(f, &c, inner), &f->e);
    f->abandoned = false;
    clock_advance(10 * 60 * NSEC_PER_SEC - 1);
    cri_remove_unclaimed(&f->service, &background);
    assert_int_equal(store_count(&f->service.sandboxes), 3);
    assert_int_equal(store_count(&f->service.containers), 2);
    fx_pod_init(f, &q, "claimed");
    char again[ID_LEN + 1];
    assert_ok(fx_run(f, &q, again), &f->e);
    assert_string_equal(again, claimed);
    clock_advance(1);
    cri_remove_unclaimed(&f->service, &background);
    assert_int_equal(store_count(&f->service.sandboxes), 2);
    assert_int_equal(store_count(&f->service.containers), 1);
    assert_int_equal(fx_pod_state(f, left), -1);
    assert_int_not_equal(fx_pod_state(f, claimed), -1);
    clock_advance(20 * 60 * NSEC_PER_SEC);
    cri_remove_unclaimed(&f->service, &background);
    assert_int_equal(store_count(&f->service.sandboxes), 2);
}

/* An image that another client brings is known at once. */
static void test_image_event(void **state)
{
    struct fx *f = *state;
    fx_events(f);
    fx_image(f, "registry.example/new:1", "\"Cmd\":[\"/x\"]");
    fx_events(f);
    struct fx_pod p;
    struct fx_container c;
    fx_pod_init(f, &p, "web");
    fx_container_init(&c, pod, &p, "b");
    c.image.image = (char *)"registry.example/new:1";
    assert_ok(fx_create(f, &c, NULL), &f->e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_broken_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strange_exits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unreadable_event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shim_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unclaimed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_event, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/events", tests, NULL, NULL);
}
