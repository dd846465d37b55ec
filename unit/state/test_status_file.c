/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of state/status_file: states, the exact text, damaged files, the file itself, failing allocations.
 */
#include "state/status_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "sweep.h"

static struct arena arena;
static char dir[] = "/tmp/status-XXXXXX";

static int setup(void **state)
{
    arena_init(&arena, ARENA_BUDGET_DEFAULT);
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct err e = ERR_INIT;
    arena_done(&arena);
    return fs_remove_all(dir, &e);
}

static void test_states(void **state)
{
    struct container_status s = {0};
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN);
    s.created_at = 1;
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED);
    s.started_at = 2;
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING);
    s.finished_at = 3;
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED);
    s.started_at = 0; /* it failed to start */
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED);
    s.unknown = true;
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN);
}

static void test_names(void **state)
{
    assert_string_equal(container_state_name(0), "CONTAINER_CREATED");
    assert_string_equal(container_state_name(1), "CONTAINER_RUNNING");
    assert_string_equal(container_state_name(2), "CONTAINER_EXITED");
    assert_string_equal(container_state_name(3), "CONTAINER_UNKNOWN");
    assert_string_equal(container_state_name(4), "CONTAINER_UNKNOWN");
    assert_string_equal(container_state_name(-1), "CONTAINER_UNKNOWN");
}

#define FULL                                                                                                 \
    "{\"Version\":\"v1\",\"Pid\":4294967295,\"CreatedAt\":1700000000000000001,\"StartedAt\":"                \
    "9223372036854775807,"                                                                                   \
    "\"FinishedAt\":-1,\"ExitCode\":-2147483648,\"Reason\":\"OOMKilled\",\"Message\":\"a\\n\\\"b\\\"\","     \
    "\"Resources\":{\"linux\":{\"cpu_shares\":2,\"unified\":{\"memory.high\":\"max\"}}}}"
#define EMPTY                                                                                                \
    "{\"Version\":\"v1\",\"Pid\":0,\"CreatedAt\":0,\"StartedAt\":0,\"FinishedAt\":0,\"ExitCode\":0,"         \
    "\"Reason\":\"\","                                                                                       \
    "\"Message\":\"\",\"Resources\":null}"

static int decode(const char *text, struct container_status *s, Runtime__V1__ContainerResources **resources,
                  struct err *e)
{
    return container_status_decode(view_of(text), s, &arena, resources, e);
}

static void assert_text(const char *text)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 16);
    struct container_status s;
    Runtime__V1__ContainerResources *resources;
    struct err e = ERR_INIT;
    assert_ok(decode(text, &s, &resources, &e), &e);
    assert_ok(container_status_encode(&s, resources, &out, &e), &e);
    assert_string_equal(out.p, text);
}

static void test_texts(void **state)
{
    struct container_status s;
    Runtime__V1__ContainerResources *resources;
    struct err e = ERR_INIT;
    assert_text(FULL);
    assert_text(EMPTY);
    assert_ok(decode(FULL, &s, &resources, &e), &e);
    assert_true(s.pid == UINT32_MAX && s.created_at == 1700000000000000001 && s.started_at == INT64_MAX &&
                s.finished_at == -1);
    assert_int_equal(s.exit_code, INT32_MIN);
    assert_string_equal(s.reason, "OOMKilled");
    assert_string_equal(s.message, "a\n\"b\"");
    assert_false(s.unknown);
    assert_int_equal(resources->linux->cpu_shares, 2);
    /* 1.6 does not know Resources; later versions may know more */
    assert_ok(decode("{\"Version\":\"v1\",\"CreatedAt\":5,\"Newer\":{}}", &s, &resources, &e), &e);
    assert_int_equal(container_status_state(&s), RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED);
    assert_null(resources);
}

static void test_long_texts_are_cut(void **state)
{
    struct container_status s;
    Runtime__V1__ContainerResources *resources;
    struct err e = ERR_INIT;
    for (int n = STATUS_TEXT_MAX - 2; n <= STATUS_TEXT_MAX; n++) {
        char *text = arena_printf(&arena, "{\"Version\":\"v1\",\"Message\":\"%0*d\"}", n, 0);
        assert_ok(decode(text, &s, &resources, &e), &e);
        assert_int_equal(strlen(s.message), MIN_OF(n, STATUS_TEXT_MAX - 1));
    }
    for (int n = 60; n <= 63; n++) { /* a character of three bytes is there as a whole or not at all */
        char *text = arena_printf(&arena, "{\"Version\":\"v1\",\"Reason\":\"%0*d\xe2\x82\xac\"}", n, 0);
        assert_ok(decode(text, &s, &resources, &e), &e);
        assert_int_equal(strlen(s.reason), n == 60 ? 63 : n);
    }
}

static void test_damaged(void **state)
{
    static const char *const cases[][2] = {
        {"", "container status: "},
        {"{", "container status: "},
        {"null", "it is null, not an object"},
        {"{}", "Version is absent"},
        {"{\"Version\":\"v2\"}", "Version is \"v2\", not \"v1\""},
        {"{\"Version\":{}}", "Version is {}"},
        {"{\"Version\":\"v1\",\"Pid\":-1}", "Pid is -1"},
        {"{\"Version\":\"v1\",\"Pid\":4294967296}", "Pid is 4294967296"},
        {"{\"Version\":\"v1\",\"CreatedAt\":\"1\"}", "CreatedAt is a string"},
        {"{\"Version\":\"v1\",\"StartedAt\":1.5}", "StartedAt is 1.5"},
        {"{\"Version\":\"v1\",\"FinishedAt\":9223372036854775808}", "FinishedAt is"},
        {"{\"Version\":\"v1\",\"ExitCode\":2147483648}", "ExitCode is"},
        {"{\"Version\":\"v1\",\"Reason\":1}", "Reason is a number"},
        {"{\"Version\":\"v1\",\"Message\":\"\\u0000\"}", "Message contains"},
        {"{\"Version\":\"v1\",\"Resources\":[]}", "Resources: is an array"},
        {"{\"Version\":\"v1\",\"Resources\":{\"linux\":{\"cpu_quota\":\"x\"}}}",
         "Resources: linux.cpu_quota is a string, not a number"},
    };
    struct container_status s = {.pid = 77};
    Runtime__V1__ContainerResources *resources = NULL;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_fails(decode(cases[i][0], &s, &resources, &e), &e, ERR_INVALID_ARGUMENT, cases[i][1]);
    assert_int_equal(s.pid, 77);
}

static void test_file(void **state)
{
    struct container_status s = {.pid = 5, .created_at = 1}, back;
    Runtime__V1__ContainerResources *resources, r = RUNTIME__V1__CONTAINER_RESOURCES__INIT;
    struct err e = ERR_INIT;
    struct stat st;
    char *path = fs_join(&arena, dir, "status");
    assert_fails(container_status_load(dir, &back, &arena, &resources, &e), &e, ERR_NOT_FOUND, path);
    assert_ok(container_status_store(dir, &s, &r, &e), &e);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_ok(container_status_load(dir, &back, &arena, &resources, &e), &e);
    assert_int_equal(back.pid, 5);
    assert_non_null(resources);
    assert_ok(container_status_store(dir, &s, NULL, &e), &e);
    assert_ok(container_status_load(dir, &back, &arena, &resources, &e), &e);
    assert_null(resources);
    assert_ok(fs_write_file(path, VIEW_LIT("{\"Version\":\"v1\",\"Pi"), 0600, &e), &e);
    assert_fails(container_status_load(dir, &back, &arena, &resources, &e), &e, ERR_INVALID_ARGUMENT, path);
    assert_fails(container_status_store("/nonexistent/dir", &s, NULL, &e), &e, ERR_NOT_FOUND,
                 "/nonexistent/dir");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_fails(container_status_load(dir, &back, &arena, &resources, &e), &e, ERR_FAILED_PRECONDITION,
                 path);
    assert_int_equal(rmdir(path), 0);
}

static void test_file_limit(void **state)
{
    struct container_status back;
    Runtime__V1__ContainerResources *resources;
    struct err e = ERR_INIT;
    char *path = fs_join(&arena, dir, "status");
    for (size_t n = (1 << 20) - 1; n <= (1 << 20) + 1; n++) {
        char *text = arena_alloc(&arena, n);
        memset(text, ' ', n);
        memcpy(text, EMPTY, sizeof EMPTY - 1);
        assert_ok(fs_write_file(path, view_make(text, n), 0600, &e), &e);
        int r = container_status_load(dir, &back, &arena, &resources, &e);
        assert_int_equal(r, n <= 1 << 20 ? 0 : -ERR_INVALID_ARGUMENT);
    }
    assert_non_null(strstr(e.message, "larger than 1048576 bytes"));
    assert_int_equal(unlink(path), 0);
}

static int there_and_back(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct container_status s;
    Runtime__V1__ContainerResources *resources;
    TRY(container_status_decode(VIEW_LIT(FULL), &s, &a, &resources, e));
    TRY(container_status_store(dir, &s, resources, e));
    return container_status_load(dir, &s, &a, &resources, e);
}

static void test_sweep(void **state)
{
    assert_true(sweep("status", there_and_back, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_texts),      cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_limit), cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests_name("status_file", tests, setup, teardown);
}
