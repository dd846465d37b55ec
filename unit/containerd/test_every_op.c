/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each operation of the client over the fake: it works, every failing allocation is survived, every failure arrives with its code
 * and names its object, and nothing stays allocated.
 */
#include "every_op.h"
#include "sweep.h"

static int setup(void **state)
{
    static struct scene s;
    scene_init(&s);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    scene_done(*state);
    return 0;
}

static void each_succeeds(void **state)
{
    struct scene *s = *state;
    size_t live = mem_live();
    for (size_t i = 0; i < n_every_op; i++) {
        struct every_op op = every_op_at(i);
        struct err e = ERR_INIT;
        if (scene_run(s, &op, &e) < 0)
            fail_msg("%s: %s", op.name, e.message);
        assert_int_equal(mem_live(), live);
    }
}

struct swept {
    struct scene *s;
    struct every_op op;
};

static int swept_run(void *arg, struct err *e)
{
    struct swept *w = arg;
    return scene_run(w->s, &w->op, e);
}

static void each_survives_failing_allocations(void **state)
{
    for (size_t i = 0; i < n_every_op; i++) {
        struct swept w = {.s = *state, .op = every_op_at(i)};
        if (sweep(w.op.name, swept_run, &w) == 0)
            fail_msg("%s allocates nothing: the sweep saw nothing", w.op.name);
    }
}

/* The few codes that an operation takes for success; snapshot_usages takes all that say something of one snapshot for "not known". */
static bool is_answer(const char *op, enum err_code code)
{
    bool of_all = code == ERR_UNAVAILABLE || code == ERR_DEADLINE_EXCEEDED || code == ERR_CANCELLED || code == ERR_RESOURCE_EXHAUSTED;
    return (!of_all && strcmp(op, "snapshot_usages") == 0) || (code == ERR_UNIMPLEMENTED && strcmp(op, "container_list") == 0) ||
           (code == ERR_ALREADY_EXISTS && strcmp(op, "namespace_ensure") == 0);
}

static void check_failure(struct scene *s, const struct every_op *op, enum fake_fault fault, enum err_code code)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct err e = ERR_INIT;
    scene_set(s);
    fake_fail_call(s->f, 0, fault, code);
    size_t live = mem_live();
    int r = op->run(s, &a, &e);
    arena_done(&a);
    fake_fail_off(s->f);
    if (mem_live() != live)
        fail_msg("%s failing with %s leaves memory", op->name, err_code_name(code));
    if (is_answer(op->name, code)) {
        assert_true(r >= 0);
        return;
    }
    /* A subscription is opened without waiting for an answer. */
    if (strcmp(op->name, "events_open") == 0 && r == 0)
        return;
    if (r != -(int)code || !strstr(e.message, op->object) || (fault != FAKE_FAIL_GARBLED && !strstr(e.message, "injected")))
        fail_msg("%s: expected %s naming %s, got %d: %s", op->name, err_code_name(code), op->object, r, e.message);
    if (e.code != code)
        fail_msg("%s: returned %d, recorded %d", op->name, -r, e.code);
}

static void each_passes_failures_on(void **state)
{
    for (size_t i = 0; i < n_every_op; i++) {
        struct every_op op = every_op_at(i);
        for (int code = 1; code <= ERR_CODE_MAX; code++) {
            check_failure(*state, &op, FAKE_FAIL_BEFORE, (enum err_code)code);
            if (code != ERR_UNIMPLEMENTED) /* an answer that is lost and names the method unknown does not exist */
                check_failure(*state, &op, FAKE_FAIL_AFTER, (enum err_code)code);
        }
        check_failure(*state, &op, FAKE_FAIL_GARBLED, ERR_INTERNAL);
    }
}

static void each_obeys_ctx(void **state)
{
    struct scene *s = *state;
    struct cancel cancel = CANCEL_INIT;
    for (size_t i = 0; i < n_every_op; i++) {
        struct every_op op = every_op_at(i);
        struct err e = ERR_INIT;
        struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        scene_set(s);
        size_t calls = fake_calls(s->f);
        s->ctx.deadline = clock_mono();
        assert_int_equal(op.run(s, &a, &e), -ERR_DEADLINE_EXCEEDED);
        s->ctx = (struct ctx){.deadline = CLOCK_NEVER, .cancel = &cancel};
        atomic_store(&cancel.set, true);
        assert_int_equal(op.run(s, &a, &e), -ERR_CANCELLED);
        atomic_store(&cancel.set, false);
        s->ctx = (struct ctx)CTX_BACKGROUND;
        assert_int_equal(fake_calls(s->f), calls);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_succeeds, setup, teardown),
        cmocka_unit_test_setup_teardown(each_survives_failing_allocations, setup, teardown),
        cmocka_unit_test_setup_teardown(each_passes_failures_on, setup, teardown),
        cmocka_unit_test_setup_teardown(each_obeys_ctx, setup, teardown),
    };
    return cmocka_run_group_tests_name("containerd-every-op", tests, NULL, NULL);
}
