/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd, the shim and the OCI runtimes answer, and what it means; and errors that name their object.
 */
#include "every_op.h"
#include "support.h"

struct answer {
    enum err_code code;
    const char *message;
    bool not_found, finished;
};

/* Texts as containerd 1.6, 1.7 and 2.x, their shims, runc and crun write them. */
static const struct answer answers[] = {
    {ERR_NOT_FOUND, "container \"x\" in namespace \"k8s.io\": not found", true, false},
    {ERR_NOT_FOUND, "task x not found", true, false},
    {ERR_NOT_FOUND, "process already finished: not found", true, true},
    {ERR_NOT_FOUND, "os: process already finished", true, true},
    {ERR_NOT_FOUND, "no such container: not found", true, false},
    {ERR_NOT_FOUND, "cannot kill a deleted process: not found", true, true},
    {ERR_NOT_FOUND, "process does not exist e: not found", true, false},
    {ERR_UNKNOWN, "container does not exist", true, false},
    {ERR_UNKNOWN, "unknown error after kill: runc did not terminate successfully: exit status 1: container does not exist", true,
     false},
    {ERR_UNKNOWN, "runc did not terminate successfully: exit status 1: os: process already finished", false, true},
    {ERR_UNKNOWN, "unknown error after kill: exit status 1: container not running: unknown", false, true},
    {ERR_UNKNOWN, "crun: kill container: No such process: unknown", false, true},
    {ERR_UNKNOWN, "error killing container: container is not running", false, true},
    {ERR_INTERNAL, "kill: NO SUCH PROCESS", false, true},
    {ERR_UNKNOWN, "ttrpc: something: not found", true, false},
    {ERR_UNKNOWN, "exec: \"foo\": executable file not found in $PATH: unknown", false, false},
    {ERR_UNKNOWN, "file not found by a program", false, false},
    {ERR_INTERNAL, "no such container", true, false},
    {ERR_FAILED_PRECONDITION, "lease: not found", false, false},
    {ERR_UNAVAILABLE, "no such container", false, false},
    {ERR_CANCELLED, "waiting for: process already finished", false, false},
    {ERR_DEADLINE_EXCEEDED, "no such process", false, false},
    {ERR_RESOURCE_EXHAUSTED, "no such process", false, false},
    {ERR_UNKNOWN, "", false, false},
    {ERR_UNKNOWN, "cannot delete a running process: unknown", false, false},
};

static void answers_are_understood(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct err e = ERR_INIT;
        int r = err_raise(&e, answers[i].code, "%s", answers[i].message);
        if (ctrd_is_not_found(r, &e) != answers[i].not_found)
            fail_msg("not found: %s %s", err_code_name(answers[i].code), answers[i].message);
        if (ctrd_is_process_finished(r, &e) != answers[i].finished)
            fail_msg("finished: %s %s", err_code_name(answers[i].code), answers[i].message);
        /* Wrapping, as every operation does it, changes nothing. */
        r = err_wrap(&e, r, "task \"%s\"", "x");
        assert_int_equal(ctrd_is_not_found(r, &e), answers[i].not_found);
        assert_int_equal(ctrd_is_process_finished(r, &e), answers[i].finished);
    }
}

static void a_code_alone_is_enough_or_not(void **state)
{
    assert_true(ctrd_is_not_found(-ERR_NOT_FOUND, NULL));
    assert_false(ctrd_is_not_found(-ERR_UNKNOWN, NULL));
    assert_false(ctrd_is_not_found(0, NULL));
    assert_false(ctrd_is_process_finished(-ERR_NOT_FOUND, NULL));
    struct err e = ERR_INIT;
    err_raise(&e, ERR_UNKNOWN, "no such process");
    assert_false(ctrd_is_process_finished(0, &e));
    assert_false(ctrd_is_process_finished(1, &e));
}

static void the_longest_text_is_read(void **state)
{
    struct err e = ERR_INIT;
    char text[ERR_MESSAGE_MAX];
    memset(text, 'x', sizeof(text));
    memcpy(text + sizeof(text) - 16, "No Such Process", 16);
    int r = err_raise(&e, ERR_UNKNOWN, "%s", text);
    assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
    assert_true(ctrd_is_process_finished(r, &e));
}

static void errors_name_their_object(void **state)
{
    struct scene s;
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_process p;
    struct ctrd_exit x;
    scene_init(&s);
    scene_set(&s);
    assert_fails(ctrd_task_get(&s.c, &s.ctx, "absent", NULL, &a, &p, &e), &e, ERR_NOT_FOUND,
                 "task \"absent\": container \"absent\" in namespace \"k8s.io\": not found");
    assert_fails(ctrd_task_delete_process(&s.c, &s.ctx, "c", "no", &x, &e), &e, ERR_NOT_FOUND,
                 "task \"c\" exec \"no\": process does not exist no: not found");
    assert_fails(ctrd_task_kill(&s.c, &s.ctx, "dead", "", 9, false, &e), &e, ERR_NOT_FOUND,
                 "task \"dead\": process already finished: not found");
    assert_true(ctrd_is_process_finished(-ERR_NOT_FOUND, &e));
    arena_done(&a);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_understood),
        cmocka_unit_test(a_code_alone_is_enough_or_not),
        cmocka_unit_test(the_longest_text_is_read),
        cmocka_unit_test(errors_name_their_object),
    };
    return cmocka_run_group_tests_name("containerd-errors", tests, NULL, NULL);
}
