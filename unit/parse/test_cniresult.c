/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and errors of network plugins, in every version.
 */
#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "parse/cniresult.h"

static const char current[] =
    "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"cni0\",\"mac\":\"00:11\"},{\"name\":\"eth0\",\"sandbox\":\"/var/run/netns/x\",\"mtu\":1500}],"
    "\"ips\":[{\"address\":\"10.1.0.5/16\",\"gateway\":\"10.1.0.1\",\"interface\":1},{\"address\":\"FD00:0::5/64\"}],"
    "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.0.1\"},{\"dst\":\"::/0\"}],"
    "\"dns\":{\"nameservers\":[\"10.1.0.1\"],\"domain\":\"d\",\"search\":[\"s\"],\"options\":[\"ndots:5\"]}}";
static const char legacy[] = "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.1.0.5/16\",\"gateway\":\"10.1.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]},"
                             "\"ip6\":{\"ip\":\"fd00::5/64\",\"routes\":[{\"dst\":\"::/0\",\"gw\":\"fd00::1\"}]},\"dns\":{}}";

static void results(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_result r;
    struct err e = ERR_INIT;
    assert_ok(cni_result_parse(view_of(current), "0.4.0", &a, &r, &e), &e);
    assert_string_equal(r.cni_version, "1.0.0");
    assert_int_equal(r.n_interfaces, 2);
    assert_string_equal(r.interfaces[0].mac, "00:11");
    assert_string_equal(r.interfaces[0].sandbox, "");
    assert_string_equal(r.interfaces[1].sandbox, "/var/run/netns/x");
    assert_int_equal(r.interfaces[1].mtu, 1500);
    assert_int_equal(r.n_ips, 2);
    assert_string_equal(r.ips[0].address, "10.1.0.5");
    assert_int_equal(r.ips[0].prefix, 16);
    assert_false(r.ips[0].v6);
    assert_string_equal(r.ips[0].gateway, "10.1.0.1");
    assert_int_equal(r.ips[0].interface, 1);
    assert_string_equal(r.ips[1].address, "fd00::5");
    assert_true(r.ips[1].v6);
    assert_string_equal(r.ips[1].gateway, "");
    assert_int_equal(r.ips[1].interface, -1);
    assert_int_equal(r.n_routes, 2);
    assert_string_equal(r.routes[0].dst, "0.0.0.0/0");
    assert_string_equal(r.routes[1].dst, "::/0");
    assert_string_equal(r.routes[1].gateway, "");
    assert_string_equal(r.dns.nameservers.v[0], "10.1.0.1");
    assert_string_equal(r.dns.domain, "d");
    assert_string_equal(r.dns.options.v[0], "ndots:5");
}

static void legacy_results(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_result r;
    struct err e = ERR_INIT;
    assert_ok(cni_result_parse(view_of(legacy), "0.4.0", &a, &r, &e), &e);
    assert_int_equal(r.n_ips, 2);
    assert_string_equal(r.ips[0].address, "10.1.0.5");
    assert_int_equal(r.ips[0].interface, -1);
    assert_string_equal(r.ips[1].address, "fd00::5");
    assert_int_equal(r.n_routes, 2);
    assert_string_equal(r.routes[1].gateway, "fd00::1");
    assert_int_equal(r.n_interfaces, 0);
    assert_ok(cni_result_parse(VIEW_LIT("{\"ip6\":{\"ip\":\"::1/128\"}}"), "0.1.0", &a, &r, &e), &e);
    assert_string_equal(r.cni_version, "0.1.0");
    assert_int_equal(r.n_ips, 1);
    assert_true(r.ips[0].v6);
}

static void every_version(void **state)
{
    for (const char *const *v = (const char *const[]){"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL}; *v; v++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct cni_result r;
        struct err e = ERR_INIT;
        assert_ok(cni_result_parse(VIEW_LIT("{}"), *v, &a, &r, &e), &e);
        assert_string_equal(r.cni_version, *v);
        assert_int_equal(r.n_ips + r.n_interfaces + r.n_routes, 0);
    }
}

#define IPS(x) "{\"ips\":[" x "]}"

static void refused(void **state)
{
    static const struct {
        const char *version, *text, *why;
    } cases[] = {
        {"1.0.0", "null", "result of the plugin is null"},
        {"1.0.0", "[]", "an array"},
        {"1.0.0", "0", "a number"},
        {"1.0.0", "\"\"", "a string"},
        {"1.0.0", "", "ends too early"},
        {"9.0.0", "{}", "cniVersion \"9.0.0\" of the result is not known"},
        {"1.0.0", "{\"cniVersion\":1}", "cniVersion is a number"},
        {"1.0.0", "{\"interfaces\":{}}", "interfaces is an object"},
        {"1.0.0", "{\"ips\":{}}", "ips is an object"},
        {"1.0.0", "{\"routes\":{}}", "routes is an object"},
        {"1.0.0", "{\"interfaces\":[null]}", "interfaces[0]: it is null"},
        {"1.0.0", "{\"interfaces\":[{\"name\":1}]}", "interfaces[0]: name is a number"},
        {"1.0.0", "{\"interfaces\":[{\"mac\":1}]}", "mac is a number"},
        {"1.0.0", "{\"interfaces\":[{\"sandbox\":1}]}", "sandbox is a number"},
        {"1.0.0", "{\"interfaces\":[{\"mtu\":-1}]}", "mtu is -1"},
        {"1.0.0", IPS("7"), "ips[0]: it is a number"},
        {"1.0.0", IPS("{}"), "ips[0]: address is missing"},
        {"1.0.0", IPS("{\"address\":7}"), "address is a number"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1\"}"), "not an address with a prefix length"},
        {"1.0.0", IPS("{\"address\":\"/8\"}"), "not an address with a prefix length"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.256/8\"}"), "not an address"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.01/8\"}"), "not an address"},
        {"1.0.0", IPS("{\"address\":\"fe80::1%eth0/64\"}"), "not an address"},
        {"1.0.0", IPS("{\"address\":\"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8\"}"), "not an address"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/33\"}"), "bad prefix length"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/\"}"), "bad prefix length"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/-1\"}"), "bad prefix length"},
        {"1.0.0", IPS("{\"address\":\"::1/129\"}"), "bad prefix length"},
        {"1.0.0", IPS("{\"address\":\"::ffff:10.0.0.1/95\"}"), "bad prefix length"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/8\",\"gateway\":\"x\"}"), "gateway \"x\" is not an address"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/8\",\"gateway\":7}"), "gateway is a number"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/8\",\"interface\":0}"), "interface is 0, but there are 0 interfaces"},
        {"1.0.0", IPS("{\"address\":\"10.0.0.1/8\",\"interface\":-1}"), "interface is -1"},
        {"1.0.0", "{\"routes\":[[]]}", "routes[0]: it is an array"},
        {"1.0.0", "{\"routes\":[{}]}", "dst is missing"},
        {"1.0.0", "{\"routes\":[{\"dst\":\"::/0\",\"gw\":\"x\"}]}", "gw \"x\""},
        {"1.0.0", "{\"dns\":[]}", "dns is an array"},
        {"1.0.0", "{\"dns\":{\"nameservers\":7}}", "dns.nameservers is a number"},
        {"1.0.0", "{\"dns\":{\"search\":7}}", "dns.search is a number"},
        {"1.0.0", "{\"dns\":{\"options\":7}}", "dns.options is a number"},
        {"1.0.0", "{\"dns\":{\"domain\":7}}", "dns.domain is a number"},
        {"0.2.0", "{\"ip4\":[]}", "ip4 is an array"},
        {"0.2.0", "{\"ip6\":7}", "ip6 is a number"},
        {"0.2.0", "{\"ip4\":{}}", "ip4.ip is missing"},
        {"0.2.0", "{\"ip6\":{}}", "ip6.ip is missing"},
        {"0.2.0", "{\"ip4\":{\"ip\":\"::1/64\"}}", "ip4.ip is an address of the other family"},
        {"0.2.0", "{\"ip6\":{\"ip\":\"10.0.0.1/8\"}}", "ip6.ip is an address of the other family"},
        {"0.2.0", "{\"ip4\":{\"ip\":\"10.0.0.1/8\",\"gateway\":\"x\"}}", "ip4.gateway \"x\""},
        {"0.2.0", "{\"ip6\":{\"ip\":\"::1/8\",\"gateway\":\"x\"}}", "ip6.gateway \"x\""},
        {"0.2.0", "{\"ip4\":{\"ip\":\"10.0.0.1/8\",\"routes\":[1]}}", "ip4.routes: it is a number"},
        {"0.2.0", "{\"ip6\":{\"ip\":\"::1/8\",\"routes\":[1]}}", "ip6.routes: it is a number"},
        {"0.2.0", "{\"ip4\":{\"routes\":{}}}", "ip4.routes is an object"},
        {"0.2.0", "{\"ip6\":{\"routes\":{}}}", "ip6.routes is an object"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct cni_result r;
        struct err e = ERR_INIT;
        int code = cni_result_parse(view_of(cases[i].text), cases[i].version, &a, &r, &e);
        if (code != -ERR_INVALID_ARGUMENT || !strstr(e.message, cases[i].why))
            fail_msg("%s: %d %s", cases[i].text, code, e.message);
    }
}

static void addresses(void **state)
{
    char out[CNI_IP_TEXT_MAX];
    bool v6 = true;
    assert_true(cni_ip_canonical(VIEW_LIT("::ffff:10.0.0.1"), out, &v6));
    assert_string_equal(out, "10.0.0.1");
    assert_false(v6);
    assert_true(cni_ip_canonical(VIEW_LIT("2001:DB8:0:0::1"), out, &v6));
    assert_string_equal(out, "2001:db8::1");
    assert_true(v6);
    assert_false(cni_ip_canonical(VIEW_EMPTY, out, &v6));
    assert_false(cni_ip_canonical(VIEW_LIT("10.0.0.1\0"), out, &v6));
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_result r;
    struct err e = ERR_INIT;
    assert_ok(cni_result_parse(VIEW_LIT(IPS("{\"address\":\"::ffff:10.0.0.1/104\",\"gateway\":\"\"}")), "1.0.0", &a, &r, &e), &e);
    assert_string_equal(r.ips[0].address, "10.0.0.1");
    assert_int_equal(r.ips[0].prefix, 8);
}

static void errors(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_error c;
    struct err e = ERR_INIT;
    assert_ok(cni_error_parse(VIEW_LIT("{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"later\",\"details\":\"d\"}"), &a, &c, &e), &e);
    assert_int_equal(c.code, CNI_ERROR_TRY_AGAIN);
    assert_string_equal(c.msg, "later");
    assert_string_equal(c.details, "d");
    assert_string_equal(c.cni_version, "1.0.0");
    assert_ok(cni_error_parse(VIEW_LIT("{\"code\":4294967295}"), &a, &c, &e), &e);
    assert_string_equal(c.msg, "");
    assert_fails(cni_error_parse(VIEW_LIT("{\"code\":4294967296}"), &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "code is 4294967296");
    assert_fails(cni_error_parse(VIEW_LIT("{}"), &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "code is missing");
    assert_fails(cni_error_parse(VIEW_LIT("null"), &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "null");
    assert_fails(cni_error_parse(VIEW_LIT("{\"code\":1,\"msg\":1}"), &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "msg is a number");
    assert_fails(cni_error_parse(VIEW_LIT("{\"code\":1,\"details\":1}"), &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "details is a number");
    assert_fails(cni_error_parse(VIEW_LIT("{\"code\":1,\"cniVersion\":1}"), &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "cniVersion is a number");
}

static int decode_in(struct arena *a, struct err *e)
{
    struct cni_result r;
    struct cni_error c;
    TRY(cni_result_parse(VIEW_LIT("{}"), "1.0.0", a, &r, e));
    TRY(cni_result_parse(view_of(current), "1.0.0", a, &r, e));
    TRY(cni_result_parse(view_of(legacy), "1.0.0", a, &r, e));
    return cni_error_parse(VIEW_LIT("{\"code\":1,\"msg\":\"m\"}"), a, &c, e);
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return decode_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("network result", decode, NULL) > 0);
    budget_sweep("network result", decode_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),   cmocka_unit_test(legacy_results), cmocka_unit_test(every_version), cmocka_unit_test(refused),
        cmocka_unit_test(addresses), cmocka_unit_test(errors),         cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
