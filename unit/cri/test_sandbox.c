/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: run, stop, remove, status, list; order of calls, bad input, what is left. */
#include "support.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "fixture.h"

static int setup(void **state)
{
    *state = fx_new(FX_INLINE);
    return 0;
}

static int teardown(void **state)
{
    fx_free(*state);
    return 0;
}

static void test_life(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    size_t mark = fake_calls(f->fake);
    assert_ok(fx_run(f, &p, id), &f->e);
    assert_int_equal(strlen(id), ID_LEN);
    /* The record is durable before anything is made; address and result are stored before the process runs. */
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Create", "Snapshots/Prepare", "Tasks/Create", "Containers/Get",
                                                            "Containers/Update", "Tasks/Start", NULL}));
    assert_int_equal(fx_pod_state(f, id), RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY);
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", id, "hosts")));
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", id, "hostname")));
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", id, "resolv.conf")));
    struct fx_world w = fx_look(f);
    assert_int_equal(w.mounts, 1);
    assert_int_equal(w.live.tasks, 1);
    assert_true(fx_stores_valid(f));

    mark = fake_calls(f->fake);
    assert_ok(fx_stop_pod(f, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Tasks/Kill", "Tasks/Get", "Tasks/Delete", NULL}));
    assert_int_equal(fx_pod_state(f, id), RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY);
    w = fx_look(f);
    assert_int_equal(w.mounts, 0);
    assert_int_equal(w.live.tasks, 0);
    mark = fake_calls(f->fake);
    assert_ok(fx_stop_pod(f, id), &f->e); /* again: nothing is done twice */
    assert_true(fx_calls_are(f, mark, (const char *const[]){NULL}));

    mark = fake_calls(f->fake);
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Delete", "Snapshots/Remove", NULL}));
    assert_int_equal(fx_pod_state(f, id), -1);
    assert_true(fx_nothing_left(f));
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_ok(fx_stop_pod(f, id), &f->e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/sandbox", tests, NULL, NULL);
}
