/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of state/gojson and message_dup: each kind of field, both ways, with exact texts; what is refused and
 * how it is named.
 */
#include "state/gojson.h"

#include <stdlib.h>

#include "cri/runtime_v1.pb-c.h"
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

static int try_read(const char *text, const ProtobufCMessageDescriptor *desc, ProtobufCMessage **ret,
                    struct err *e)
{
    struct jsonscan_value v;
    TRY(jsonscan_parse(view_of(text), &v, e));
    return gojson_read(v, desc, &arena, ret, e);
}

static void *read_as(const char *text, const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *m = NULL;
    struct err e = ERR_INIT;
    assert_ok(try_read(text, desc, &m, &e), &e);
    return m;
}

static const char *written(const void *m)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct jsonw w;
    struct err e = ERR_INIT;
    jsonw_init(&w, &out);
    gojson_write(&w, m);
    assert_ok(jsonw_finish(&w, &e), &e);
    return arena_strdup(&arena, out.p);
}

/* Reading and writing gives the text back; so does a copy, after the original's memory has been wiped. */
static void assert_round(const char *text, const ProtobufCMessageDescriptor *desc)
{
    struct arena first = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    ProtobufCMessage *m;
    char *own = mem_strdup(text);
    assert_ok(jsonscan_parse(view_of(own), &v, &e), &e);
    assert_ok(gojson_read(v, desc, &first, &m, &e), &e);
    memset(own, 'x', strlen(own)); /* nothing points into the text */
    mem_free(own);
    assert_string_equal(written(m), text);
    ProtobufCMessage *copy = message_dup(m, &arena);
    arena_done(&first);
    assert_string_equal(written(copy), text);
}

static void test_kinds(void **state)
{
    assert_round("{}", &runtime__v1__pod_sandbox_config__descriptor);
    assert_round("{\"metadata\":{},\"hostname\":\"h\"}", &runtime__v1__pod_sandbox_config__descriptor);
    assert_round("{\"value\":-9223372036854775808}", &runtime__v1__int64_value__descriptor);
    assert_round("{\"value\":18446744073709551615}", &runtime__v1__uint64_value__descriptor);
    assert_round("{\"value\":9007199254740993}", &runtime__v1__uint64_value__descriptor);
    assert_round("{\"name\":\"n\",\"attempt\":4294967295}", &runtime__v1__container_metadata__descriptor);
    assert_round("{\"container_port\":-2147483648,\"host_port\":2147483647}",
                 &runtime__v1__port_mapping__descriptor);
    assert_round("{\"protocol\":2,\"host_ip\":\"::1\"}", &runtime__v1__port_mapping__descriptor);
    assert_round("{\"protocol\":77}", &runtime__v1__port_mapping__descriptor); /* enums are open */
    assert_round("{\"stdout\":\"AAEC/w==\",\"exit_code\":-1}", &runtime__v1__exec_sync_response__descriptor);
    assert_round("{\"key\":\"A\",\"value\":\"b=\xe2\x82\xac\"}", &runtime__v1__key_value__descriptor);
    assert_round("{\"labels\":{\"\":\"x\",\"a\":\"\",\"b\":\"\\n\"}}",
                 &runtime__v1__pod_sandbox_config__descriptor);
    assert_round(
        "{\"command\":[\"\",\"b\"],\"envs\":[{},{\"key\":\"k\"}],\"CDI_devices\":[{\"name\":\"v/c=d\"}]}",
        &runtime__v1__container_config__descriptor);
    assert_round("{\"supplemental_groups\":[0,-1,5]}",
                 &runtime__v1__linux_container_security_context__descriptor);
    assert_round("{\"privileged\":true}", &runtime__v1__linux_container_security_context__descriptor);
    assert_round("{\"run_as_user\":{}}", &runtime__v1__linux_container_security_context__descriptor);
    assert_round("{\"windows\":{\"security_context\":{\"host_process\":true}}}",
                 &runtime__v1__container_config__descriptor);
}

static void test_what_is_left_out(void **state)
{
    const ProtobufCMessageDescriptor *d = &runtime__v1__container_config__descriptor;
    assert_string_equal(written(read_as("{\"tty\":false,\"working_dir\":\"\",\"command\":[],\"labels\":{},"
                                        "\"log_path\":null,\"linux\":null}",
                                        d)),
                        "{}");
    assert_string_equal(written(read_as("{\"stdout\":\"\"}", &runtime__v1__exec_sync_response__descriptor)),
                        "{}");
    assert_string_equal(written(read_as("{\"unknown\":[{\"a\":1}],\"Tty\":true,\"tty\":true}", d)),
                        "{\"tty\":true}");
    assert_string_equal(written(read_as("{\"working_dir\":\"a\",\"working_dir\":\"b\"}", d)),
                        "{\"working_dir\":\"b\"}");
    assert_string_equal(written(read_as("{\"working_dir\":\"a\",\"working_dir\":null}", d)),
                        "{\"working_dir\":\"a\"}");
}

static void test_null_elements(void **state)
{
    assert_string_equal(written(read_as("{\"command\":[null,\"a\"],\"envs\":[null],\"labels\":{\"a\":null}}",
                                        &runtime__v1__container_config__descriptor)),
                        "{\"command\":[\"\",\"a\"],\"envs\":[{}],\"labels\":{\"a\":\"\"}}");
    assert_string_equal(written(read_as("{\"supplemental_groups\":[null]}",
                                        &runtime__v1__linux_container_security_context__descriptor)),
                        "{\"supplemental_groups\":[0]}");
}

/* Messages that were built by hand: NULL strings, a NULL element, map entries in any order and twice. */
static void test_built_by_hand(void **state)
{
    Runtime__V1__ContainerConfig c = RUNTIME__V1__CONTAINER_CONFIG__INIT;
    Runtime__V1__ContainerConfig__LabelsEntry l[3] = {RUNTIME__V1__CONTAINER_CONFIG__LABELS_ENTRY__INIT,
                                                      RUNTIME__V1__CONTAINER_CONFIG__LABELS_ENTRY__INIT,
                                                      RUNTIME__V1__CONTAINER_CONFIG__LABELS_ENTRY__INIT};
    Runtime__V1__ContainerConfig__LabelsEntry *labels[] = {&l[0], &l[1], &l[2]};
    Runtime__V1__KeyValue kv = RUNTIME__V1__KEY_VALUE__INIT;
    Runtime__V1__KeyValue *envs[] = {NULL, &kv};
    char key_b[] = "b", one[] = "1", two[] = "2";
    uint8_t bad[] = {'x', 0xff, 0xc3};
    l[0].key = l[2].key = key_b;
    l[0].value = one;
    l[2].value = two;
    l[1].key = l[1].value = NULL;
    kv.value = (ProtobufCBinaryData){sizeof bad, bad};
    c.working_dir = NULL;
    c.n_labels = 3;
    c.labels = labels;
    c.n_envs = 2;
    c.envs = envs;
    const char *want =
        "{\"envs\":[null,{\"value\":\"x\xef\xbf\xbd\xef\xbf\xbd\"}],\"labels\":{\"\":\"\",\"b\":\"2\"}}";
    assert_string_equal(written(&c), want);
    assert_string_equal(written(message_dup(&c.base, &arena)), want);
}

static void test_text_with_nul_byte(void **state)
{
    Runtime__V1__KeyValue *kv = read_as("{\"value\":\"a\\u0000b\"}", &runtime__v1__key_value__descriptor);
    assert_int_equal(kv->value.len, 3);
    assert_memory_equal(kv->value.data, "a\0b", 3);
    assert_string_equal(written(kv), "{\"value\":\"a\\u0000b\"}");
}

static void test_map_order(void **state)
{
    assert_string_equal(
        written(read_as(
            "{\"labels\":{\"b\":\"1\",\"a\":\"2\",\"B\":\"3\",\"b\":\"4\",\"\xc3\xa9\":\"5\",\"a.a\":\"6\"}}",
            &runtime__v1__pod_sandbox_config__descriptor)),
        "{\"labels\":{\"B\":\"3\",\"a\":\"2\",\"a.a\":\"6\",\"b\":\"4\",\"\xc3\xa9\":\"5\"}}");
}

static void test_refused(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "is an array, not an object"},
        {"null", "is null, not an object"},
        {"{\"working_dir\":1}", "working_dir is a number, not a string"},
        {"{\"working_dir\":\"a\\u0000\"}", "working_dir contains U+0000"},
        {"{\"tty\":1}", "tty is a number, not true or false"},
        {"{\"tty\":\"true\"}", "tty is a string, not true or false"},
        {"{\"command\":\"a\"}", "command is a string, not an array"},
        {"{\"command\":[\"a\",7]}", "command[1] is a number, not a string"},
        {"{\"labels\":[]}", "labels is an array, not an object"},
        {"{\"labels\":{\"a\":1}}", "labels.\"a\" is a number, not a string"},
        {"{\"labels\":{\"\\u0000\":\"\"}}", "contains U+0000"},
        {"{\"metadata\":{\"attempt\":-1}}", "metadata.attempt is not an integer of its field's range"},
        {"{\"metadata\":{\"attempt\":4294967296}}", "metadata.attempt is not"},
        {"{\"metadata\":{\"attempt\":1e0}}", "metadata.attempt is not"},
        {"{\"metadata\":{\"attempt\":\"1\"}}", "metadata.attempt is a string, not a number"},
        {"{\"metadata\":[]}", "metadata is an array, not an object"},
        {"{\"envs\":[{\"value\":[]}]}", "envs[0].value is an array, not a string"},
        {"{\"mounts\":[{},{\"propagation\":2147483648}]}", "mounts[1].propagation is not"},
        {"{\"mounts\":[{\"propagation\":\"x\"}]}", "mounts[0].propagation is a string, not a number"},
        {"{\"linux\":{\"resources\":{\"cpu_quota\":9223372036854775808}}}",
         "linux.resources.cpu_quota is not"},
        {"{\"linux\":{\"resources\":{\"cpu_quota\":1.0}}}", "linux.resources.cpu_quota is not"},
        {"{\"linux\":{\"resources\":{\"hugepage_limits\":[{\"limit\":18446744073709551616}]}}}",
         "hugepage_limits[0].limit is not"},
        {"{\"linux\":{\"resources\":{\"hugepage_limits\":[{\"limit\":true}]}}}",
         "hugepage_limits[0].limit is a boolean, not a number"},
    };
    struct err e = ERR_INIT;
    ProtobufCMessage *m = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_fails(try_read(cases[i][0], &runtime__v1__container_config__descriptor, &m, &e), &e,
                     ERR_INVALID_ARGUMENT, cases[i][1]);
    const ProtobufCMessageDescriptor *exec = &runtime__v1__exec_sync_response__descriptor;
    assert_fails(try_read("{\"stdout\":\"A\"}", exec, &m, &e), &e, ERR_INVALID_ARGUMENT,
                 "stdout is not base64");
    assert_fails(try_read("{\"stdout\":\"%%%%\"}", exec, &m, &e), &e, ERR_INVALID_ARGUMENT,
                 "stdout is not base64");
    assert_null(m);
}

/* A path longer than a message is cut, and the member's own name comes last, so the map's key is what is
 * seen. */
static void test_long_path(void **state)
{
    struct err e = ERR_INIT;
    ProtobufCMessage *m = NULL;
    for (int n = 380; n <= 420; n++) {
        char *text = arena_printf(&arena, "{\"labels\":{\"%0*d\":1}}", n, 0);
        assert_fails(try_read(text, &runtime__v1__pod_sandbox_config__descriptor, &m, &e), &e,
                     ERR_INVALID_ARGUMENT, "labels.\"000");
        assert_non_null(strstr(e.message, " is a number, not a string"));
    }
}

static void test_floating_point(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 10);
    Runtime__V1__PsiData p = RUNTIME__V1__PSI_DATA__INIT;
    struct jsonw w;
    struct err e = ERR_INIT;
    ProtobufCMessage *m = NULL;
    jsonw_init(&w, &out);
    gojson_write(&w, &p.base);
    assert_int_equal(jsonw_finish(&w, &e), -ERR_INTERNAL);
    assert_fails(try_read("{\"Avg10\":1.5}", p.base.descriptor, &m, &e), &e, ERR_INTERNAL,
                 "runtime.v1.PsiData.Avg10");
    p.avg60 = 2.5; /* copies have no trouble with it */
    const Runtime__V1__PsiData *copy = (Runtime__V1__PsiData *)message_dup(&p.base, &arena);
    assert_true(copy->avg60 == 2.5);
}

static void test_dup_drops_unknown_fields(void **state)
{
    static const uint8_t wire[] = {0x0a, 1, 'x', 0x98, 0x06, 1};
    Runtime__V1__ContainerMetadata *m = runtime__v1__container_metadata__unpack(NULL, sizeof wire, wire);
    assert_non_null(m);
    assert_int_equal(m->base.n_unknown_fields, 1);
    const Runtime__V1__ContainerMetadata *copy =
        (Runtime__V1__ContainerMetadata *)message_dup(&m->base, &arena);
    runtime__v1__container_metadata__free_unpacked(m, NULL);
    assert_string_equal(copy->name, "x");
    assert_int_equal(copy->base.n_unknown_fields, 0);
    assert_null(copy->base.unknown_fields);
}

#define RICH                                                                                                 \
    "{\"stdin\":true,\"command\":[\"a\",\"b\"],\"envs\":[{\"key\":\"A\",\"value\":\"1\"}"                    \
    "],\"labels\":{"                                                                                         \
    "\"k\":\"v\",\"l\":\"w\"},"                                                                              \
    "\"linux\":{\"resources\":{\"hugepage_limits\":[{\"page_size\":\"2MB\",\"limit\":3}],\"unified\":{"      \
    "\"x\":\"y\"}}},\"devices\":[null]}"

static void test_budgets(void **state)
{
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    size_t refused = 0, copies = 0;
    assert_ok(jsonscan_parse(VIEW_LIT(RICH), &v, &e), &e);
    const ProtobufCMessage *whole = read_as(RICH, &runtime__v1__container_config__descriptor);
    const char *whole_text = written(whole);
    for (size_t budget = 0; budget < 8192; budget++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(budget), b = ARENA_INIT(budget);
        ProtobufCMessage *m = NULL;
        int r = gojson_read(v, &runtime__v1__container_config__descriptor, &a, &m, &e);
        assert_true(r == 0 || r == -ERR_RESOURCE_EXHAUSTED);
        refused += r < 0;
        if (r == 0)
            assert_string_equal(written(m), whole_text);
        copies += message_dup(whole, &b) != NULL;
    }
    assert_true(refused > 500 && refused < 8000);
    assert_true(copies > 500 && copies < 8000);
}

static int there_and_back(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct jsonscan_value v;
    struct jsonw w;
    ProtobufCMessage *m;
    TRY(jsonscan_parse(VIEW_LIT(RICH), &v, e));
    TRY(gojson_read(v, &runtime__v1__container_config__descriptor, &a, &m, e));
    m = message_dup(m, &a);
    if (!m)
        return err_oom(e);
    jsonw_init(&w, &out);
    jsonw_array(&w);
    gojson_write(&w, m);
    TRY(jsonscan_parse(VIEW_LIT("{\"stdout\":\"AAEC\"}"), &v, e));
    TRY(gojson_read(v, &runtime__v1__exec_sync_response__descriptor, &a, &m, e));
    gojson_write(&w, m);
    jsonw_array_end(&w);
    return jsonw_finish(&w, e);
}

static void test_sweep(void **state)
{
    assert_true(sweep("gojson", there_and_back, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_null_elements),
        cmocka_unit_test(test_built_by_hand),
        cmocka_unit_test(test_text_with_nul_byte),
        cmocka_unit_test(test_map_order),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_floating_point),
        cmocka_unit_test(test_dup_drops_unknown_fields),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests_name("gojson", tests, setup, teardown);
}
