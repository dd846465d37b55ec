/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network configurations.
 */
#include <stdio.h>

#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "parse/cniconf.h"

static const char list[] = "{ \"cniVersion\": \"1.0.0\", \"name\": \"pods\", \"disableCheck\": true, \"plugins\": [\n"
                           "  { \"type\": \"bridge\", \"mtu\": 18446744073709551615, \"ipam\": {\"x\": 1.10} },\n"
                           "  {\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true,\"dns\":false,\"other\":null}}\n"
                           "] }";

static void lists(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_conf c;
    struct err e = ERR_INIT;
    assert_ok(cni_conf_parse(view_of(list), CNI_CONF_LIST, &a, &c, &e), &e);
    assert_string_equal(c.name, "pods");
    assert_string_equal(c.cni_version, "1.0.0");
    assert_true(c.disable_check);
    assert_false(c.disable_gc);
    assert_int_equal(c.n_plugins, 2);
    assert_string_equal(c.plugins[0].type, "bridge");
    assert_string_equal(c.plugins[0].raw, "{ \"type\": \"bridge\", \"mtu\": 18446744073709551615, \"ipam\": {\"x\": 1.10} }");
    assert_int_equal(c.plugins[0].capabilities.n, 0);
    assert_true(cni_plugin_has_capability(&c.plugins[1], "portMappings"));
    assert_false(cni_plugin_has_capability(&c.plugins[1], "dns"));
    assert_false(cni_plugin_has_capability(&c.plugins[1], "other"));
    assert_string_equal(c.raw, list);
}

static void singles(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_conf c;
    struct err e = ERR_INIT;
    static const char text[] = "{\"name\":\"n\",\"type\":\"bridge\"}";
    assert_ok(cni_conf_parse(view_of(text), CNI_CONF_SINGLE, &a, &c, &e), &e);
    assert_int_equal(c.n_plugins, 1);
    assert_string_equal(c.plugins[0].raw, text);
    assert_string_equal(c.cni_version, "0.1.0");
    assert_fails(cni_conf_parse(view_of(list), CNI_CONF_SINGLE, &a, &c, &e), &e, ERR_INVALID_ARGUMENT, ".conflist");
    assert_fails(cni_conf_parse(view_of(text), CNI_CONF_LIST, &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "belongs into a .conf file");
    assert_fails(cni_conf_parse(VIEW_LIT("{\"name\":\"n\"}"), CNI_CONF_SINGLE, &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "type is missing");
}

static void refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"null", "network configuration is null"},
        {"[]", "an array"},
        {"0", "a number"},
        {"\"\"", "a string"},
        {"{", "not valid JSON"},
        {"{}", "name is missing"},
        {"{\"name\":null}", "name is missing"},
        {"{\"name\":7}", "name is a number"},
        {"{\"name\":\"../x\"}", "not a network name"},
        {"{\"name\":\"a\",\"cniVersion\":1}", "cniVersion is a number"},
        {"{\"name\":\"a\",\"cniVersion\":\"1\"}", "cniVersion \"1\" is not a version"},
        {"{\"name\":\"a\",\"cniVersions\":[\"1.0.0\",\"x\"]}", "an entry of cniVersions \"x\""},
        {"{\"name\":\"a\",\"cniVersions\":\"1.0.0\"}", "cniVersions is a string"},
        {"{\"name\":\"a\",\"disableCheck\":\"maybe\"}", "disableCheck is neither true nor false"},
        {"{\"name\":\"a\",\"disableCheck\":\"trueeeeeeeeeeeee\"}", "disableCheck is neither true nor false"},
        {"{\"name\":\"a\",\"disableGC\":1}", "disableGC is a number"},
        {"{\"name\":\"a\"}", "plugins is missing or empty"},
        {"{\"name\":\"a\",\"plugins\":null}", "plugins is missing or empty"},
        {"{\"name\":\"a\",\"plugins\":[]}", "plugins is missing or empty"},
        {"{\"name\":\"a\",\"plugins\":{}}", "plugins is an object"},
        {"{\"name\":\"a\",\"plugins\":[null]}", "plugins[0]: it is null"},
        {"{\"name\":\"a\",\"plugins\":[{\"type\":\"x\"},{}]}", "plugins[1]: type is missing"},
        {"{\"name\":\"a\",\"plugins\":[{\"type\":7}]}", "plugins[0]: type is a number"},
        {"{\"name\":\"a\",\"plugins\":[{\"type\":\"../../bin/sh\"}]}", "not the name of an executable"},
        {"{\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"capabilities\":[]}]}", "capabilities is an array"},
        {"{\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"capabilities\":{\"a\":1}}]}", "capabilities is a number"},
        {"{\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"capabilities\":{\"\\u0000\":true}}]}", "capabilities contains a NUL"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct cni_conf c;
        struct err e = ERR_INIT;
        int r = cni_conf_parse(view_of(cases[i].text), CNI_CONF_LIST, &a, &c, &e);
        if (r != -ERR_INVALID_ARGUMENT || !strstr(e.message, cases[i].why))
            fail_msg("%s: %d %s", cases[i].text, r, e.message);
    }
}

static void chosen_versions(void **state)
{
    static const struct {
        const char *members, *want;
    } cases[] = {
        {"", "0.1.0"},
        {"\"cniVersion\":\"\",", "0.1.0"},
        {"\"cniVersion\":\"0.4.0\",", "0.4.0"},
        {"\"cniVersion\":\"9.0.0\",", "9.0.0"},
        {"\"cniVersions\":[\"0.3.1\",\"1.0.0\",\"0.4.0\"],", "1.0.0"},
        {"\"cniVersions\":[\"1.1.0\",\"1.2.0\"],", "1.1.0"},
        {"\"cniVersions\":[\"1.2.0\"],", "0.1.0"},
        {"\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"0.3.1\"],", "0.4.0"},
        {"\"cniVersion\":\"9.0.0\",\"cniVersions\":[\"0.3.1\"],", "0.3.1"},
        {"\"cniVersion\":\"0.4.0\",\"cniVersions\":[],", "0.4.0"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct cni_conf c;
        struct err e = ERR_INIT;
        char text[256];
        snprintf(text, sizeof text, "{%s\"disableCheck\":\"TRUE\",\"disableGC\":\"false\",\"name\":\"a\",\"type\":\"b\"}", cases[i].members);
        assert_ok(cni_conf_parse(view_of(text), CNI_CONF_SINGLE, &a, &c, &e), &e);
        assert_string_equal(c.cni_version, cases[i].want);
        assert_true(c.disable_check);
        assert_false(c.disable_gc);
    }
}

static void names(void **state)
{
    char text[CNI_NAME_MAX + 1];
    memset(text, 'a', sizeof text);
    assert_true(cni_name_valid(view_make(text, CNI_NAME_MAX)));
    assert_false(cni_name_valid(view_make(text, CNI_NAME_MAX + 1)));
    assert_true(cni_name_valid(VIEW_LIT("A9_.-z")));
    assert_false(cni_name_valid(VIEW_EMPTY));
    assert_false(cni_name_valid(VIEW_LIT("-a")));
    assert_false(cni_name_valid(VIEW_LIT(".a")));
    assert_false(cni_name_valid(VIEW_LIT("_a")));
    assert_false(cni_name_valid(VIEW_LIT("a b")));
    assert_false(cni_name_valid(VIEW_LIT("a{")));
    assert_false(cni_name_valid(VIEW_LIT("[a")));
    assert_false(cni_name_valid(VIEW_LIT("@a")));
    assert_false(cni_name_valid(VIEW_LIT("a/b")));

    assert_true(cni_type_valid(view_make(text, CNI_NAME_MAX)));
    assert_false(cni_type_valid(view_make(text, CNI_NAME_MAX + 1)));
    assert_false(cni_type_valid(VIEW_EMPTY));
    assert_false(cni_type_valid(VIEW_LIT(".")));
    assert_false(cni_type_valid(VIEW_LIT("..")));
    assert_false(cni_type_valid(VIEW_LIT("a/b")));
    assert_false(cni_type_valid(VIEW_LIT("a\0b")));
    assert_true(cni_type_valid(VIEW_LIT("host-local.1")));

    assert_true(cni_ifname_valid(view_make(text, CNI_IFNAME_MAX)));
    assert_false(cni_ifname_valid(view_make(text, CNI_IFNAME_MAX + 1)));
    for (const char *const *bad = (const char *const[]){"", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\177", NULL}; *bad; bad++)
        assert_false(cni_ifname_valid(view_of(*bad)));
}

static void versions(void **state)
{
    assert_true(cni_version_valid(VIEW_LIT("0.0.0")));
    for (const char *const *bad = (const char *const[]){"", "1", "1.0", "1.0.0.0", "1.0.x", "1..0", "v1.0.0", "1.0.4294967296", NULL}; *bad; bad++)
        assert_false(cni_version_valid(view_of(*bad)));
    assert_true(cni_version_compare(VIEW_LIT("0.4.0"), VIEW_LIT("1.0.0")) < 0);
    assert_true(cni_version_compare(VIEW_LIT("0.10.0"), VIEW_LIT("0.9.0")) > 0);
    assert_true(cni_version_compare(VIEW_LIT("0.3.1"), VIEW_LIT("0.3.0")) > 0);
    assert_int_equal(cni_version_compare(VIEW_LIT("1.1.0"), VIEW_LIT("1.1.0")), 0);
    assert_true(cni_version_compare(VIEW_LIT("x"), VIEW_LIT("0.0.0")) < 0);
    assert_true(cni_version_compare(VIEW_LIT("0.0.0"), VIEW_LIT("x")) > 0);
    assert_int_equal(cni_version_compare(VIEW_LIT("x"), VIEW_LIT("y")), 0);
}

static void forms(void **state)
{
    assert_int_equal(cni_conf_form_of(VIEW_LIT("10-a.conflist")), CNI_CONF_LIST);
    assert_int_equal(cni_conf_form_of(VIEW_LIT("a.b.conf")), CNI_CONF_SINGLE);
    assert_int_equal(cni_conf_form_of(VIEW_LIT("a.json")), CNI_CONF_SINGLE);
    assert_int_equal(cni_conf_form_of(VIEW_LIT("a.conf.bak")), CNI_CONF_NONE);
    assert_int_equal(cni_conf_form_of(VIEW_LIT("conf")), CNI_CONF_NONE);
    assert_int_equal(cni_conf_form_of(VIEW_EMPTY), CNI_CONF_NONE);
}

static int decode_in(struct arena *a, struct err *e)
{
    struct cni_conf c;
    TRY(cni_conf_parse(VIEW_LIT("{\"name\":\"a\",\"type\":\"b\",\"cniVersions\":[\"1.0.0\"]}"), CNI_CONF_SINGLE, a, &c, e));
    return cni_conf_parse(view_of(list), CNI_CONF_LIST, a, &c, e);
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return decode_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("network configuration", decode, NULL) > 0);
    budget_sweep("network configuration", decode_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists), cmocka_unit_test(singles),  cmocka_unit_test(refused), cmocka_unit_test(chosen_versions),
        cmocka_unit_test(names), cmocka_unit_test(versions), cmocka_unit_test(forms),   cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
