/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to stored specs: resources updated, an exec's process taken out; and the tree that carries them.
 */
#include "fixture.h"
#include "oci/tree.h"

static void resources(struct fixture *f, const char *current)
{
    buf_clear(&f->out);
    assert_ok(oci_linux_resources_json(&f->resources, &f->host, &f->policy, view_of(current), &f->notes, &f->a, &f->out, &f->e),
              &f->e);
}

#define assert_resources_fail(f, code, text)                                                                                     \
    assert_fails(oci_linux_resources_json(&(f)->resources, &(f)->host, &(f)->policy, VIEW_EMPTY, &(f)->notes, &(f)->a,           \
                                          &(f)->out, &(f)->e),                                                                   \
                 &(f)->e, code, text)

static void test_resources_nothing(void **state)
{
    struct fixture *f = *state;
    resources(f, NULL);
    assert_string_equal(f->out.p, "{}");
    resources(f, "{\"cpu\":{\"shares\":18446744073709551615},\"pids\":{\"limit\":1.5e3},\"devices\":[{\"allow\":false}]}");
    assert_string_equal(f->out.p,
                        "{\"cpu\":{\"shares\":18446744073709551615},\"pids\":{\"limit\":1.5e3},\"devices\":[{\"allow\":false}]}");
}

static void test_resources_merge(void **state)
{
    struct fixture *f = *state;
    f->resources.cpu_quota = -1;
    f->resources.cpuset_cpus = (char *)"0-1";
    f->resources.memory_limit_in_bytes = 1000;
    resources(f,
              "{\"cpu\":{\"shares\":5,\"quota\":7,\"burst\":1},\"memory\":{\"limit\":1,\"swap\":1,\"disableOOMKiller\":true}}");
    assert_string_equal(f->out.p, "{\"cpu\":{\"shares\":5,\"quota\":-1,\"burst\":1,\"cpus\":\"0-1\"},"
                                  "\"memory\":{\"limit\":1000,\"swap\":1000,\"disableOOMKiller\":true}}");
    f->resources.memory_swap_limit_in_bytes = 2000;
    resources(f, NULL);
    assert_string_equal(f->out.p, "{\"cpu\":{\"quota\":-1,\"cpus\":\"0-1\"},\"memory\":{\"limit\":1000,\"swap\":2000}}");
    f->host.swap_controller = false;
    resources(f, NULL);
    assert_string_equal(f->out.p, "{\"cpu\":{\"quota\":-1,\"cpus\":\"0-1\"},\"memory\":{\"limit\":1000}}");
    f->host.swap_controller = true;
    f->resources.memory_swap_limit_in_bytes = f->resources.memory_limit_in_bytes = -1;
    resources(f, NULL);
    assert_string_equal(f->out.p, "{\"cpu\":{\"quota\":-1,\"cpus\":\"0-1\"},\"memory\":{\"limit\":-1,\"swap\":-1}}");
}

static void test_resources_ranges(void **state)
{
    struct fixture *f = *state;
    f->resources.oom_score_adj = 1001;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.oom_score_adj is 1001, outside -1000 to 1000");
    f->resources.oom_score_adj = -1001;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.oom_score_adj is -1001");
    f->resources.oom_score_adj = -1000;
    resources(f, NULL);
    f->resources.oom_score_adj = 1000;
    resources(f, NULL);
    f->resources.cpu_period = -1;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.cpu_period is -1, below 0");
    f->resources.cpu_period = 0;
    f->resources.cpu_shares = INT64_MIN;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.cpu_shares is -9223372036854775808, below 0");
    f->resources.cpu_shares = 0;
    f->resources.memory_limit_in_bytes = -2;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.memory_limit_in_bytes is -2, below -1");
    f->resources.memory_limit_in_bytes = 10;
    f->resources.memory_swap_limit_in_bytes = 9;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "memory_swap_limit_in_bytes (9) counts memory and swap and is below");
    f->resources.memory_swap_limit_in_bytes = 10;
    resources(f, NULL);
    f->resources.memory_swap_limit_in_bytes = -2;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.memory_swap_limit_in_bytes is -2");
    f->resources.memory_swap_limit_in_bytes = 0;
    f->resources.cpuset_cpus = (char *)"0\n";
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.cpuset_cpus");
    f->resources.cpuset_cpus = (char *)"";
    f->resources.cpuset_mems = (char *)"\x7f";
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.cpuset_mems");
}

static void test_huge_pages(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__HugepageLimit one, *many[65];
    runtime__v1__hugepage_limit__init(&one);
    one.page_size = (char *)"2MB";
    one.limit = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = &one;
    f->resources.hugepage_limits = many;
    f->resources.n_hugepage_limits = 64;
    resources(f, "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":1},{\"pageSize\":\"2MB\",\"limit\":2}]}");
    assert_string_equal(f->out.p, "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":1},"
                                  "{\"pageSize\":\"2MB\",\"limit\":18446744073709551615}]}");
    f->resources.n_hugepage_limits = 65;
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.hugepage_limits has 65 entries, at most 64");
    f->resources.n_hugepage_limits = 1;
    f->host.hugetlb_controller = false;
    resources(f, NULL);
    assert_string_equal(f->out.p, "{}");
    assert_int_equal(f->notes.warnings.n, 1);
    f->policy.hugetlb_must_exist = true;
    assert_resources_fail(f, ERR_FAILED_PRECONDITION, "no hugetlb cgroup controller");
    f->policy.disable_hugetlb = true;
    resources(f, NULL);
    assert_string_equal(f->out.p, "{}");
    static const char *const bad[] = {"", "../x", "2MB/..", "a\nb", ".", ".."};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        one.page_size = (char *)(uintptr_t)bad[i];
        assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.hugepage_limits[0].page_size");
    }
}

static void test_unified(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__LinuxContainerResources__UnifiedEntry one, *all[] = {&one};
    runtime__v1__linux_container_resources__unified_entry__init(&one);
    one.key = (char *)"memory.min";
    one.value = (char *)"1\n";
    f->resources.unified = all;
    f->resources.n_unified = 1;
    assert_resources_fail(f, ERR_FAILED_PRECONDITION, "linux.unified needs cgroup v2, this node has v1");
    f->host.cgroup_mode = OCI_CGROUP_V2;
    resources(f, "{\"unified\":{\"memory.high\":\"2\",\"memory.min\":\"3\"}}");
    assert_string_equal(f->out.p, "{\"unified\":{\"memory.high\":\"2\",\"memory.min\":\"1\\n\"}}");
    one.key = (char *)"../cgroup.procs";
    assert_resources_fail(f, ERR_INVALID_ARGUMENT, "linux.unified: \"../cgroup.procs\" is not the name of a cgroup file");
}

static void test_update_spec(void **state)
{
    struct fixture *f = *state;
    struct view res;
    f->resources.cpu_shares = 7;
    assert_ok(oci_spec_update_resources(
                  VIEW_LIT("{\"x\":1e400,\"linux\":{\"resources\":{\"pids\":{\"limit\":9223372036854775808}},\"y\":[]}}"),
                  &f->resources, &f->host, &f->policy, NULL, &f->a, &f->out, &res, &f->e),
              &f->e);
    assert_string_equal(f->out.p, "{\"x\":1e400,\"linux\":{\"resources\":{\"pids\":{\"limit\":9223372036854775808},"
                                  "\"cpu\":{\"shares\":7}},\"y\":[]}}");
    assert_view(res, "{\"pids\":{\"limit\":9223372036854775808},\"cpu\":{\"shares\":7}}");
    buf_clear(&f->out);
    assert_ok(oci_spec_update_resources(VIEW_LIT("{}"), &f->resources, &f->host, &f->policy, NULL, &f->a, &f->out, NULL, &f->e),
              &f->e);
    assert_string_equal(f->out.p, "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":7}}}}");
    static const char *const bad[] = {"", "null", "[]", "0", "\"\"", "{", "{}{}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_fails(
            oci_spec_update_resources(view_of(bad[i]), &f->resources, &f->host, &f->policy, NULL, &f->a, &f->out, NULL, &f->e),
            &f->e, ERR_DATA_LOSS, "the stored spec cannot be read");
    f->resources.cpu_shares = -7;
    assert_fails(
        oci_spec_update_resources(VIEW_LIT("{}"), &f->resources, &f->host, &f->policy, NULL, &f->a, &f->out, NULL, &f->e), &f->e,
        ERR_INVALID_ARGUMENT, "linux.cpu_shares");
}

static void exec_process(struct fixture *f, const char *spec, bool tty)
{
    struct oci_exec_input in = {.spec = view_of(spec), .argv = STRS((char *)"ls", (char *)"\"-l\""), .n_argv = 2, .tty = tty};
    buf_clear(&f->out);
    assert_ok(oci_exec_process(&in, &f->a, &f->out, &f->e), &f->e);
}

static void test_exec(void **state)
{
    struct fixture *f = *state;
    static const char spec[] =
        "{\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":1,\"width\":2},\"args\":[\"x\"],\"commandLine\":\"y\","
        "\"env\":[\"A=1\",\"TERM=dumb\"],\"rlimits\":[{\"hard\":18446744073709551615}],\"user\":{\"uid\":7},"
        "\"k\\u0065y\":\"\\u00e9\"}}";
    exec_process(f, spec, false);
    assert_string_equal(f->out.p, "{\"args\":[\"ls\",\"\\\"-l\\\"\"],\"env\":[\"A=1\",\"TERM=dumb\"],"
                                  "\"rlimits\":[{\"hard\":18446744073709551615}],\"user\":{\"uid\":7},\"key\":\"\xc3\xa9\"}");
    exec_process(f, spec, true);
    assert_non_null(strstr(f->out.p, "\"terminal\":true"));
    assert_non_null(strstr(f->out.p, "\"env\":[\"A=1\",\"TERM=xterm\"]"));
    exec_process(f, "{\"process\":{}}", true);
    assert_string_equal(f->out.p, "{\"args\":[\"ls\",\"\\\"-l\\\"\"],\"terminal\":true,\"env\":[\"TERM=xterm\"]}");
}

static void test_exec_of_own_spec(void **state)
{
    struct fixture *f = *state;
    fixture_container(f);
    char *spec = arena_view(&f->a, buf_view(&f->out));
    exec_process(f, spec, false);
    json_t *process = json_loadb(f->out.p, f->out.n, 0, NULL), *own = json_incref(fixture_at(f, "process"));
    json_object_del(process, "args");
    json_object_del(own, "args");
    assert_true(json_equal(process, own)); /* nothing but the command is another */
    json_decref(process);
    json_decref(own);
}

static void test_exec_bad(void **state)
{
    struct fixture *f = *state;
    struct oci_exec_input in = {.spec = VIEW_LIT("{\"process\":{}}")};
    assert_fails(oci_exec_process(&in, &f->a, &f->out, &f->e), &f->e, ERR_INVALID_ARGUMENT, "cmd is empty");
    in.argv = STRS((char *)"");
    in.n_argv = 1;
    assert_fails(oci_exec_process(&in, &f->a, &f->out, &f->e), &f->e, ERR_INVALID_ARGUMENT, "cmd is empty");
    in.argv = STRS((char *)"ls");
    static const char *const bad[] = {"", "{}", "{\"process\":null}", "{\"process\":[]}", "null", "{\"process\":{}"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        in.spec = view_of(bad[i]);
        assert_fails(oci_exec_process(&in, &f->a, &f->out, &f->e), &f->e, ERR_DATA_LOSS, "the stored spec");
    }
    assert_int_equal(f->out.n, 0);
}

/* Deeper than anything looks: such parts stay text, up to the scanner's own limit. */
static void test_depth(void **state)
{
    struct fixture *f = *state;
    enum { DEEP = 250 };
    char text[2 * DEEP + 64], want[2 * DEEP + 64], nest[2 * DEEP + 1];
    memset(nest, '[', DEEP);
    memset(nest + DEEP, ']', DEEP);
    nest[2 * DEEP] = '\0';
    snprintf(text, sizeof(text), "{\"process\":{\"x\":%s}}", nest);
    exec_process(f, text, false);
    snprintf(want, sizeof(want), "{\"x\":%s,\"args\":[\"ls\",\"\\\"-l\\\"\"]}", nest);
    assert_string_equal(f->out.p, want);
}

/* An object's members are found, replaced and removed alike with and without the index. */
static void test_tree_members(void **state)
{
    struct fixture *f = *state;
    struct tree_mem m = {.a = &f->a};
    for (size_t n = 1; n <= 100; n++) {
        struct tree *o = tree_object(&m);
        for (size_t i = 0; i < n; i++)
            tree_set_u64(&m, o, arena_printf(&f->a, "key%zu", i), i);
        for (size_t i = 0; i < n; i += 2)
            tree_set_str(&m, o, arena_printf(&f->a, "key%zu", i), "again");
        assert_int_equal(o->n, n);
        for (size_t i = 1; i < n; i += 2)
            assert_true(tree_remove(o, arena_printf(&f->a, "key%zu", i)));
        assert_false(tree_remove(o, "key1"));
        assert_int_equal(o->n, (n + 1) / 2);
        for (size_t i = 0; i < n; i++) {
            struct tree *t = tree_get(o, arena_printf(&f->a, "key%zu", i));
            assert_true(i % 2 ? t == NULL : tree_is_str(t, "again"));
        }
        assert_null(tree_get(o, "key"));
        assert_ok(tree_ok(&m, &f->e), &f->e);
    }
    assert_null(tree_get(tree_array(&m), "x"));
    assert_null(tree_get(NULL, "x"));
}

static void test_tree_duplicate_members(void **state)
{
    struct fixture *f = *state;
    exec_process(f, "{\"process\":{\"a\":1},\"process\":{\"b\":1,\"b\":2}}", false); /* the last one counts, as in Go */
    assert_string_equal(f->out.p, "{\"b\":2,\"args\":[\"ls\",\"\\\"-l\\\"\"]}");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_resources_nothing),
        T(test_resources_merge),
        T(test_resources_ranges),
        T(test_huge_pages),
        T(test_unified),
        T(test_update_spec),
        T(test_exec),
        T(test_exec_of_own_spec),
        T(test_exec_bad),
        T(test_depth),
        T(test_tree_members),
        T(test_tree_duplicate_members),
    };
    return cmocka_run_group_tests_name("oci/stored", tests, NULL, NULL);
}
