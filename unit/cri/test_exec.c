/* SPDX-License-Identifier: Apache-2.0 */
/* ExecSync: output, exit codes, time limits, what is left of a process. */
#include "support.h"

#include "fixture.h"

static char pod[ID_LEN + 1], container[ID_LEN + 1];

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

static char *const cmd[] = {(char *)"probe", (char *)"-v"};

static void init(struct fx *f, struct fx_call *c, int64_t timeout)
{
    Runtime__V1__ExecSyncRequest q = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
    q.container_id = container;
    q.cmd = (char **)cmd;
    q.n_cmd = 2;
    q.timeout = timeout;
    fx_call_init(f, c, CRI_METHOD_EXEC_SYNC, &q);
}

static void test_output(void **state)
{
    struct fx *f = *state;
    struct fx_call c;
    struct fx_world before = fx_look(f);
    fake_script(f->fake, &(struct fake_script){.exec = true, .match = "probe", .exits = true, .status = 3, .out = "out text", .err_out = "err text"});
    init(f, &c, 0);
    size_t mark = fake_calls(f->fake);
    assert_ok(fx_call_run(f, &c), &c.e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Get", "Tasks/Exec", "Tasks/Start", "Tasks/Wait", "Tasks/DeleteProcess", NULL}));
    const Runtime__V1__ExecSyncResponse *r = (const Runtime__V1__ExecSyncResponse *)c.response;
    assert_int_equal(r->exit_code, 3);
    assert_int_equal(r->stdout.len, 8);
    assert_memory_equal(r->stdout.data, "out text", 8);
    assert_int_equal(r->stderr.len, 8);
    assert_memory_equal(r->stderr.data, "err text", 8);
    fx_call_done(&c);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
}

/* At the limit the process is killed, and the answer tells a slow probe from a failing one. */
static void test_timeout(void **state)
{
    struct fx *f = *state;
    struct fx_call c;
    struct fx_world before = fx_look(f);
    fake_script(f->fake, &(struct fake_script){.exec = true, .match = "probe", .runs = true});
    init(f, &c, 5);
    uint64_t began = clock_mono();
    assert_fails(fx_call_run(f, &c), &c.e, ERR_DEADLINE_EXCEEDED, "timeout 5s exceeded");
    assert_true(clock_mono() - began >= 5 * NSEC_PER_SEC);
    fx_call_done(&c);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
    /* the client's own deadline */
    init(f, &c, 100);
    c.call.ctx.deadline = clock_mono() + NSEC_PER_SEC;
    assert_fails(fx_call_run(f, &c), &c.e, ERR_DEADLINE_EXCEEDED, "");
    assert_null(strstr(c.e.message, "timeout 100s"));
    fx_call_done(&c);
    after = fx_look(f);
    assert_true(fx_same(&before, &after));
}

static void test_just_in_time(void **state)
{
    struct fx *f = *state;
    struct fx_call c;
    fake_script(f->fake, &(struct fake_script){.exec = true, .match = "probe", .exits = true, .after = 4 * NSEC_PER_SEC});
    init(f, &c, 5);
    assert_ok(fx_call_run(f, &c), &c.e);
    fx_call_done(&c);
}

static void test_failures(void **state)
{
    struct fx *f = *state;
    struct fx_call c;
    struct fx_world before = fx_look(f);
    fake_script(f->fake, &(struct fake_script){.exec = true, .match = "probe", .create_fails = ERR_UNKNOWN, .message = "no such file"});
    init(f, &c, 0);
    assert_fails(fx_call_run(f, &c), &c.e, ERR_UNKNOWN, "no such file");
    fx_call_done(&c);
    fake_script(f->fake, &(struct fake_script){.exec = true, .match = "probe", .start_fails = ERR_UNKNOWN, .message = "executable not found"});
    init(f, &c, 0);
    assert_fails(fx_call_run(f, &c), &c.e, ERR_UNKNOWN, "executable not found");
    fx_call_done(&c);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
}

static void test_bad_requests(void **state)
{
    struct fx *f = *state;
    Runtime__V1__ExecSyncRequest q = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
    q.container_id = container;
    assert_fails(fx_rpc(f, CRI_METHOD_EXEC_SYNC, &q), &f->e, ERR_INVALID_ARGUMENT, "cmd is empty");
    q.cmd = (char **)cmd;
    q.n_cmd = 2;
    q.timeout = -1;
    assert_fails(fx_rpc(f, CRI_METHOD_EXEC_SYNC, &q), &f->e, ERR_INVALID_ARGUMENT, "timeout -1 is negative");
    q.timeout = 0;
    q.container_id = (char *)"abcdef";
    assert_fails(fx_rpc(f, CRI_METHOD_EXEC_SYNC, &q), &f->e, ERR_NOT_FOUND, "abcdef");
    char created[ID_LEN + 1];
    fx_must_create(f, pod, "web", "b", created);
    q.container_id = created;
    assert_fails(fx_rpc(f, CRI_METHOD_EXEC_SYNC, &q), &f->e, ERR_FAILED_PRECONDITION, "CONTAINER_CREATED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_output, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_just_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/exec", tests, NULL, NULL);
}
