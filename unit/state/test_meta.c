/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of state/meta: records of the plugin itself, exact texts, damaged records, failing allocations.
 */
#include "state/meta.h"

#include <jansson.h>

#include "golden.h"
#include "sweep.h"

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena, ARENA_BUDGET_DEFAULT);
    return 0;
}

static int teardown(void **state)
{
    arena_done(&arena);
    return 0;
}

/* Both texts are the same JSON but for the order of members. */
static void assert_same_json(const char *a, const char *b)
{
    json_t *x = json_loads(a, JSON_ALLOW_NUL, NULL), *y = json_loads(b, JSON_ALLOW_NUL, NULL);
    assert_non_null(x);
    assert_non_null(y);
    if (!json_equal(x, y))
        fail_msg("\n%s\nis not\n%s", a, b);
    json_decref(x);
    json_decref(y);
}

static struct sandbox_meta sandbox(const char *text)
{
    struct sandbox_meta m;
    struct err e = ERR_INIT;
    assert_ok(meta_sandbox_decode(view_of(text), &arena, &m, &e), &e);
    return m;
}

static struct container_meta container(const char *text)
{
    struct container_meta m;
    struct err e = ERR_INIT;
    assert_ok(meta_container_decode(view_of(text), &arena, &m, &e), &e);
    return m;
}

static const char *sandbox_text(const struct sandbox_meta *m)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct err e = ERR_INIT;
    assert_ok(meta_sandbox_encode(m, &out, &e), &e);
    return arena_strdup(&arena, out.p);
}

static const char *container_text(const struct container_meta *m)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct err e = ERR_INIT;
    assert_ok(meta_container_encode(m, &out, &e), &e);
    return arena_strdup(&arena, out.p);
}

/* jansson cannot hold 2^64-1: that limit is cut off for the comparison and looked at by itself. */
static const char *without_u64(const char *text)
{
    char *copy = arena_strdup(&arena, text), *at = strstr(copy, "18446744073709551615");
    assert_non_null(at);
    memcpy(at, "1                   ", 20);
    return copy;
}

static void test_golden_sandbox(void **state)
{
    struct sandbox_meta m = sandbox(GOLDEN_SANDBOX_FULL);
    assert_string_equal(m.id, "3a1c4b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819");
    assert_string_equal(m.name, "web_default_5f1e_0");
    assert_string_equal(m.netns_path, "/var/run/netns/cni-0f3e");
    assert_string_equal(m.ip, "10.88.0.5");
    assert_int_equal(m.additional_ips.n, 1);
    assert_string_equal(m.additional_ips.v[0], "fd00::5");
    assert_string_equal(m.runtime_handler, "runc");
    assert_string_equal(m.process_label, "system_u:system_r:container_t:s0:c1,c2");
    assert_true(view_starts(m.cni_result, VIEW_LIT("{\"Interfaces\":{\"eth0\":{")));
    assert_true(view_ends(m.cni_result, VIEW_LIT("\"DNS\":null,\"Routes\":null}")));
    assert_string_equal(m.config->metadata->name, "web");
    assert_int_equal(m.config->n_port_mappings, 3);
    assert_int_equal(m.config->port_mappings[1]->protocol, RUNTIME__V1__PROTOCOL__UDP);
    assert_int_equal(m.config->port_mappings[2]->container_port, 0);
    const Runtime__V1__LinuxSandboxSecurityContext *sc = m.config->linux->security_context;
    assert_int_equal(sc->run_as_user->value, 0); /* {}: there, and root */
    assert_true(sc->supplemental_groups[2] == INT64_MIN);
    const Runtime__V1__LinuxContainerResources *res = m.config->linux->resources;
    assert_true(res->memory_limit_in_bytes == INT64_MAX);
    assert_true(res->hugepage_limits[0]->limit == UINT64_MAX);
    assert_int_equal(m.config->n_labels, 4);
    assert_string_equal(m.config->labels[1]->value, "a<b>&c");
    assert_string_equal(m.config->labels[3]->key, "\xc3\xa9\xe2\x80\xa8");
    assert_string_equal(m.config->labels[3]->value, "\b\f\r\n\t\"\\");
    const char *text = sandbox_text(&m);
    assert_same_json(without_u64(text), without_u64(GOLDEN_SANDBOX_FULL));
    struct sandbox_meta again = sandbox(text);
    assert_string_equal(sandbox_text(&again), text);
}

static void test_golden_container(void **state)
{
    struct container_meta m = container(GOLDEN_CONTAINER_FULL);
    assert_string_equal(m.id, "b4d0");
    assert_string_equal(m.name, "app_web_default_5f1e_1");
    assert_string_equal(m.sandbox_id, "3a1c4b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819");
    assert_string_equal(m.image_ref, "sha256:aa");
    assert_string_equal(m.log_path, "/var/log/pods/default_web_5f1e/app/1.log");
    assert_string_equal(m.stop_signal, "SIGTERM");
    assert_string_equal(m.process_label, "");
    assert_int_equal(m.config->n_envs, 2);
    assert_memory_equal(m.config->envs[0]->value.data, "b=c", 3);
    assert_int_equal(m.config->envs[1]->value.len, 0);
    assert_string_equal(m.config->args[0], "");
    assert_true(m.config->tty);
    assert_int_equal(m.config->linux->resources->oom_score_adj, -998);
    assert_same_json(container_text(&m), GOLDEN_CONTAINER_FULL);
}

/* What the plugin writes for next to nothing, letter by letter: no member is left out. */
static void test_golden_empty(void **state)
{
    struct sandbox_meta s = {.id = "a"};
    struct container_meta c = {.id = "a"};
    assert_string_equal(sandbox_text(&s), GOLDEN_SANDBOX_EMPTY);
    assert_string_equal(container_text(&c), GOLDEN_CONTAINER_EMPTY);
    s = sandbox(GOLDEN_SANDBOX_EMPTY);
    assert_string_equal(s.name, "");
    assert_string_equal(s.netns_path, "");
    assert_int_equal(s.additional_ips.n, 0);
    assert_int_equal(s.cni_result.n, 0);
    assert_non_null(s.config); /* so that nobody needs to ask */
    assert_null(s.config->metadata);
    assert_non_null(container(GOLDEN_CONTAINER_EMPTY).config);
    assert_non_null(container("{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\"}}").config);
}

static void test_newer_members_are_ignored(void **state)
{
    struct container_meta m =
        container("{\"New\":[{}],\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"ImageRef\":\"sha256:1\","
                  "\"ImageDigest\":\"sha256:2\",\"ImageName\":\"docker.io/"
                  "x:1\",\"Config\":{\"newer\":1,\"tty\":true}}}");
    assert_string_equal(m.image_ref, "sha256:1");
    assert_true(m.config->tty);
    assert_null(strstr(container_text(&m), "newer"));
}

struct damaged {
    const char *text, *message;
};

static void test_damaged(void **state)
{
    static const struct damaged both[] = {
        {"", "record"},
        {"{\"Version\":\"v1\"", "record"},
        {"[]", "it is an array, not an object"},
        {"{}", "Version is absent, not a string"},
        {"{\"Version\":1,\"Metadata\":{\"ID\":\"a\"}}", "Version is a number"},
        {"{\"Version\":\"v2\",\"Metadata\":{\"ID\":\"a\"}}", "Version is \"v2\", not \"v1\""},
        {"{\"Version\":\"v1\"}", "Metadata is absent, not an object"},
        {"{\"Version\":\"v1\",\"Metadata\":null}", "Metadata is null"},
        {"{\"Version\":\"v1\",\"Metadata\":{}}", "ID is missing"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"\"}}", "ID is missing"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":7}}", "ID is a number, not a string"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"../a\"}}", "ID \"../a\" is not an identifier"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a..b\"}}", "is not an identifier"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a.\"}}", "is not an identifier"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"-a\"}}", "is not an identifier"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a/b\"}}", "is not an identifier"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"Name\":[]}}", "Name is an array"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"Name\":\"\\u0000\"}}", "Name contains"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"Config\":[]}}",
         "Config: is an array, not an object"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"Config\":{\"metadata\":{\"attempt\":-1}}}}",
         "Config: metadata.attempt is not"},
    };
    static const struct damaged sandboxes[] = {
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"AdditionalIPs\":\"x\"}}",
         "AdditionalIPs is a string"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"AdditionalIPs\":[1]}}",
         "AdditionalIPs is a number"},
        {"{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"CNIResult\":\"x\"}}", "CNIResult is a string"},
    };
    struct sandbox_meta s = {.id = "untouched"};
    struct container_meta c = {.id = "untouched"};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        struct view text = view_of(both[i].text);
        assert_fails(meta_sandbox_decode(text, &arena, &s, &e), &e, ERR_INVALID_ARGUMENT, both[i].message);
        assert_non_null(strstr(e.message, "sandbox record: "));
        assert_fails(meta_container_decode(text, &arena, &c, &e), &e, ERR_INVALID_ARGUMENT, both[i].message);
        assert_non_null(strstr(e.message, "container record: "));
    }
    for (size_t i = 0; i < ARRAY_SIZE(sandboxes); i++)
        assert_fails(meta_sandbox_decode(view_of(sandboxes[i].text), &arena, &s, &e), &e,
                     ERR_INVALID_ARGUMENT, sandboxes[i].message);
    assert_string_equal(s.id, "untouched");
    assert_string_equal(c.id, "untouched");
}

static void test_id_limit(void **state)
{
    struct err e = ERR_INIT;
    struct container_meta m;
    for (int n = 75; n <= 77; n++) {
        char *text = arena_printf(&arena, "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"%0*d\"}}", n, 0);
        int r = meta_container_decode(view_of(text), &arena, &m, &e);
        assert_int_equal(r, n <= 76 ? 0 : -ERR_INVALID_ARGUMENT);
    }
    assert_string_equal(container("{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"A-9_z.0\"}}").id, "A-9_z.0");
}

static void test_null_in_list(void **state)
{
    struct sandbox_meta m = sandbox("{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"AdditionalIPs\":[\"1\","
                                    "null],\"CNIResult\": { } }}");
    assert_int_equal(m.additional_ips.n, 2);
    assert_string_equal(m.additional_ips.v[1], "");
    assert_view(m.cni_result, "{ }");
}

static void test_encode_refuses(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 16);
    struct err e = ERR_INIT;
    struct sandbox_meta m = {.id = "a", .cni_result = VIEW_LIT("{\"a\":}")};
    assert_fails(meta_sandbox_encode(&m, &out, &e), &e, ERR_INVALID_ARGUMENT, "sandbox record: CNIResult: ");
    m.cni_result = VIEW_LIT("[]");
    assert_fails(meta_sandbox_encode(&m, &out, &e), &e, ERR_INVALID_ARGUMENT, "CNIResult is an array");
    m.cni_result = VIEW_EMPTY;
    size_t n = strlen(sandbox_text(&m));
    for (size_t max = n - 1; max <= n + 1; max++) {
        _cleanup_buf_ struct buf exact = BUF_INIT(max);
        int r = meta_sandbox_encode(&m, &exact, &e);
        assert_int_equal(r, max < n ? -ERR_RESOURCE_EXHAUSTED : 0);
    }
}

static void test_names(void **state)
{
    Runtime__V1__PodSandboxMetadata p = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
    Runtime__V1__ContainerMetadata c = RUNTIME__V1__CONTAINER_METADATA__INIT;
    assert_string_equal(meta_sandbox_name(&arena, &p), "___0");
    p.name = (char *)(uintptr_t) "web";
    p.namespace_ = (char *)(uintptr_t) "default";
    p.uid = (char *)(uintptr_t) "5f1e";
    p.attempt = 4294967295u;
    c.name = (char *)(uintptr_t) "app";
    c.attempt = 7;
    assert_string_equal(meta_sandbox_name(&arena, &p), "web_default_5f1e_4294967295");
    assert_string_equal(meta_container_name(&arena, &c, &p), "app_web_default_5f1e_7");
    c.name = p.name = NULL;
    assert_string_equal(meta_container_name(&arena, &c, &p), "__default_5f1e_7");
    struct arena small = ARENA_INIT(4);
    assert_null(meta_sandbox_name(&small, &p));
    assert_null(meta_container_name(&small, &c, &p));
    arena_done(&small);
}

static int there_and_back(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct sandbox_meta s;
    struct container_meta c;
    TRY(meta_sandbox_decode(view_of(GOLDEN_SANDBOX_FULL), &a, &s, e));
    TRY(meta_sandbox_encode(&s, &out, e));
    TRY(meta_container_decode(view_of(GOLDEN_CONTAINER_FULL), &a, &c, e));
    return meta_container_encode(&c, &out, e);
}

static void test_sweep(void **state)
{
    assert_true(sweep("records", there_and_back, NULL) > 10);
}

/* Every place where the arena can run out, which a sweep of its few chunks does not reach. */
static void test_budgets(void **state)
{
    struct err e = ERR_INIT;
    size_t refused = 0;
    for (size_t budget = 0; budget < 20000; budget += 8) {
        _cleanup_arena_ struct arena a = ARENA_INIT(budget);
        struct sandbox_meta s;
        int r = meta_sandbox_decode(view_of(GOLDEN_SANDBOX_FULL), &a, &s, &e);
        assert_true(r == 0 || r == -ERR_RESOURCE_EXHAUSTED);
        refused += r < 0;
        struct container_meta c;
        r = meta_container_decode(view_of(GOLDEN_CONTAINER_FULL), &a, &c, &e);
        assert_true(r == 0 || r == -ERR_RESOURCE_EXHAUSTED);
    }
    assert_true(refused > 100 && refused < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_sandbox), cmocka_unit_test(test_golden_container),
        cmocka_unit_test(test_golden_empty),   cmocka_unit_test(test_newer_members_are_ignored),
        cmocka_unit_test(test_damaged),        cmocka_unit_test(test_id_limit),
        cmocka_unit_test(test_null_in_list),   cmocka_unit_test(test_encode_refuses),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_budgets),
    };
    return cmocka_run_group_tests_name("meta", tests, setup, teardown);
}
