/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mocks themselves: that they record, answer as told, and that a call nobody spoke of is noticed.
 */
#include "mock_ctrd.h"
#include "support.h"

static const struct ctx ctx = CTX_BACKGROUND;

static int my_kill(void *user, const struct ctx *c, const char *id, const char *exec_id, uint32_t signal, bool all, struct err *e)
{
    *(uint32_t *)user = signal;
    return 0;
}

static void records_and_answers(void **state)
{
    struct mock_ctrd *m = mock_ctrd_new();
    struct ctrd c = mock_ctrd(m);
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(4096);
    uint32_t seen = 0, pid = 7;
    m->fn.task_kill = my_kill;
    m->user = &seen;
    mock_ctrd_ok(m, MOCK_task_start);
    mock_ctrd_ok(m, MOCK_container_create);
    mock_ctrd_ok(m, MOCK_snapshot_prepare);
    mock_ctrd_ok(m, MOCK_writer_write);
    mock_ctrd_fail(m, MOCK_container_delete, ERR_NOT_FOUND, "no container \"x\"");
    struct ctrd_mounts mounts = {.n = 9};
    assert_ok(ctrd_task_kill(&c, &ctx, "id", "exec", 15, true, &e), &e);
    assert_int_equal(seen, 15);
    assert_ok(ctrd_task_start(&c, &ctx, "id", NULL, &pid, &e), &e);
    assert_int_equal(pid, 0);
    assert_ok(ctrd_container_create(&c, &ctx, &(struct ctrd_container){.id = "abc"}, &e), &e);
    assert_ok(ctrd_snapshot_prepare(&c, &ctx, "overlayfs", "key", "parent", NULL, &a, &mounts, &e), &e);
    assert_int_equal(mounts.n, 0);
    assert_ok(ctrd_writer_write(&c, &ctx, NULL, VIEW_LIT("data"), &e), &e);
    assert_fails(ctrd_container_delete(&c, &ctx, "x", &e), &e, ERR_NOT_FOUND, "no container");
    assert_true(mock_ctrd_calls_are(m, (const char *const[]){"task_kill id exec", "task_start id -", "container_create abc",
                                                             "snapshot_prepare overlayfs key parent", "writer_write",
                                                             "container_delete x", NULL}));
    arena_done(&a);
    mock_ctrd_free(m);
}

static void unexpected_call_is_noticed(void **state)
{
    struct mock_ctrd *m = mock_ctrd_new();
    struct ctrd c = mock_ctrd(m);
    struct err e = ERR_INIT;
    assert_fails(ctrd_image_delete(&c, &ctx, "x", false, &e), &e, ERR_UNIMPLEMENTED, "image_delete");
    assert_true(m->unexpected);
    m->unexpected = false;
    mock_ctrd_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_answers),
        cmocka_unit_test(unexpected_call_is_noticed),
    };
    return cmocka_run_group_tests_name("containerd-mock", tests, NULL, NULL);
}
