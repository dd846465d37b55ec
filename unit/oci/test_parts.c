/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smaller parts: capabilities, paths, the pod's files.
 */
#include "fixture.h"

static void test_cap_table(void **state)
{
    (void)state;
    unsigned n;
    assert_string_equal(oci_cap_name(0), "CAP_CHOWN");
    assert_string_equal(oci_cap_name(21), "CAP_SYS_ADMIN");
    assert_string_equal(oci_cap_name(37), "CAP_AUDIT_READ");
    assert_string_equal(oci_cap_name(40), "CAP_CHECKPOINT_RESTORE");
    assert_null(oci_cap_name(41));
    for (unsigned i = 0; i < OCI_CAP_COUNT; i++) {
        assert_true(oci_cap_number(view_of(oci_cap_name(i)), &n));
        assert_int_equal(n, i);
        assert_true(oci_cap_number(view_of(oci_cap_name(i) + 4), &n));
        assert_int_equal(n, i);
    }
    assert_true(oci_cap_number(VIEW_LIT("sys_Ptrace"), &n));
    assert_int_equal(n, 19);
    assert_true(oci_cap_number(VIEW_LIT("cap_mac_admin"), &n));
    assert_int_equal(n, 33);
    assert_false(oci_cap_number(VIEW_LIT(""), &n));
    assert_false(oci_cap_number(VIEW_LIT("CAP_"), &n));
    assert_false(oci_cap_number(VIEW_LIT("CAP_CAP_CHOWN"), &n));
    assert_false(oci_cap_number(VIEW_LIT("CHOW"), &n));
    assert_false(oci_cap_number(VIEW_LIT("CHOWNS"), &n));
    assert_int_equal(__builtin_popcountll(oci_caps_default()), 14);
    assert_false(oci_caps_default() & (UINT64_C(1) << 21));
}

#define BIT(n) (UINT64_C(1) << (n))

static void test_cap_lists(void **state)
{
    struct fixture *f = *state;
    struct oci_caps c;
    uint64_t start = BIT(0) | BIT(5), have = OCI_CAPS_ALL & ~BIT(24);
    assert_ok(oci_caps_apply(NULL, start, have, &c, &f->e), &f->e);
    assert_true(c.effective == start && !c.inheritable && !c.ambient);
    f->caps.add_capabilities = STRS((char *)"all");
    f->caps.n_add_capabilities = 1;
    assert_ok(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e);
    assert_true(c.effective == have);
    f->caps.drop_capabilities = STRS((char *)"kill", (char *)"ALL");
    f->caps.n_drop_capabilities = 1;
    assert_ok(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e);
    assert_true(c.effective == (have & ~BIT(5)));
    f->caps.n_drop_capabilities = 2;
    f->caps.add_capabilities = STRS((char *)"ALL", (char *)"SYS_TIME", (char *)"KILL");
    f->caps.n_add_capabilities = 3;
    assert_ok(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e);
    assert_true(c.effective == BIT(25)); /* ALL dropped, SYS_TIME added by name, KILL dropped by name */

    f->caps.add_ambient_capabilities = STRS((char *)"NET_RAW", (char *)"KILL");
    f->caps.n_add_ambient_capabilities = 2;
    assert_ok(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e);
    assert_true(c.ambient == BIT(13) && c.inheritable == BIT(13) && c.effective == (BIT(25) | BIT(13)));
    f->caps.add_ambient_capabilities = STRS((char *)"ALL");
    f->caps.n_add_ambient_capabilities = 1;
    assert_ok(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e);
    assert_true(c.ambient == (have & ~BIT(5)) && c.effective == c.ambient); /* KILL was dropped by name */
    f->caps.add_ambient_capabilities = STRS((char *)"SYS_RESOURCE");
    f->caps.n_add_ambient_capabilities = 1;
    assert_fails(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e, ERR_INVALID_ARGUMENT, "cannot give CAP_SYS_RESOURCE");
    f->caps.add_ambient_capabilities = STRS((char *)"");
    assert_fails(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e, ERR_INVALID_ARGUMENT,
                 "add_ambient_capabilities[0]: there is no capability \"\"");
    f->caps.add_capabilities = STRS((char *)"CAP_ALL");
    f->caps.n_add_capabilities = 1;
    assert_fails(oci_caps_apply(&f->caps, start, have, &c, &f->e), &f->e, ERR_INVALID_ARGUMENT, "add_capabilities[0]");
}

static void test_path_clean(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"", "."},
        {"/", "/"},
        {"//", "/"},
        {".", "."},
        {"/.", "/"},
        {"/..", "/"},
        {"/../..", "/"},
        {"/a/", "/a"},
        {"/a//b", "/a/b"},
        {"/a/./b/.", "/a/b"},
        {"/a/../b", "/b"},
        {"/a/b/../../c", "/c"},
        {"a/..", "."},
        {"..", ".."},
        {"../a", "../a"},
        {"a/../../b", "../b"},
        {"a/b/..", "a"},
        {"/...", "/..."},
        {"/..a/b", "/..a/b"},
        {"../../..", "../../.."},
        {"/a/..b/../c", "/a/c"},
        {"a", "a"},
        {"./a", "a"},
        {"../a/..", ".."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *clean = oci_path_clean(cases[i][0], &f->a);
        assert_non_null(clean);
        assert_string_equal(clean, cases[i][1]);
    }
}

static void test_cgroup_path(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"/", "/id"},
        {"/kubepods/pod1/", "/kubepods/pod1/id"},
        {"//a//b", "/a/b/id"},
        {"rel", "rel/id"},
        {"/kubepods.slice/kubepods-pod1.slice", "kubepods-pod1.slice:cri-containerd:id"},
        {"system.slice", "system.slice:cri-containerd:id"},
        {"/a.slice/b", "/a.slice/b/id"},
        {".slice", ".slice:cri-containerd:id"},
    };
    char *path;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_ok(oci_cgroup_path(cases[i][0], "id", &f->a, &path, &f->e), &f->e);
        assert_string_equal(path, cases[i][1]);
    }
    assert_fails(oci_cgroup_path("", "id", &f->a, &path, &f->e), &f->e, ERR_INVALID_ARGUMENT,
                 "config.linux.cgroup_parent is empty");
    assert_fails(oci_cgroup_path(NULL, "id", &f->a, &path, &f->e), &f->e, ERR_INVALID_ARGUMENT, "is empty");
    assert_fails(oci_cgroup_path("../x", "id", &f->a, &path, &f->e), &f->e, ERR_INVALID_ARGUMENT, "has a \"..\" element");
    assert_fails(oci_cgroup_path("/a/..", "id", &f->a, &path, &f->e), &f->e, ERR_INVALID_ARGUMENT, "has a \"..\" element");
}

static void test_namespace_path(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum oci_namespace ns;
        const char *path, *type;
    } cases[] = {
        {OCI_NS_NETWORK, "/proc/4294967295/ns/net", "network"}, {OCI_NS_IPC, "/proc/4294967295/ns/ipc", "ipc"},
        {OCI_NS_UTS, "/proc/4294967295/ns/uts", "uts"},         {OCI_NS_PID, "/proc/4294967295/ns/pid", "pid"},
        {OCI_NS_USER, "/proc/4294967295/ns/user", "user"},      {OCI_NS_CGROUP, "/proc/4294967295/ns/cgroup", "cgroup"},
        {OCI_NS_MOUNT, "/proc/4294967295/ns/mnt", "mount"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(oci_namespace_path(cases[i].ns, UINT32_MAX, &f->a), cases[i].path);
        assert_string_equal(oci_namespace_type(cases[i].ns), cases[i].type);
    }
}

static void test_resolv_conf(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__DNSConfig dns;
    char *text, *many[OCI_DNS_SEARCHES_MAX + 1];
    runtime__v1__dnsconfig__init(&dns);
    assert_ok(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e);
    assert_string_equal(text, "");
    dns.servers = STRS((char *)"10.96.0.10", (char *)"fd00::a");
    dns.n_servers = 2;
    dns.searches = STRS((char *)"default.svc.cluster.local", (char *)"svc.cluster.local");
    dns.n_searches = 2;
    dns.options = STRS((char *)"ndots:5", (char *)"edns0");
    dns.n_options = 2;
    assert_ok(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e);
    assert_string_equal(text, "search default.svc.cluster.local svc.cluster.local\n"
                              "nameserver 10.96.0.10\nnameserver fd00::a\noptions ndots:5 edns0\n");

    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = (char *)"example.org";
    dns.searches = many;
    dns.n_searches = OCI_DNS_SEARCHES_MAX;
    assert_ok(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e);
    dns.n_searches++;
    assert_fails(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT,
                 "searches has 33 domains, at most 32");
    dns.n_searches = OCI_DNS_SEARCHES_CLASSIC;
    assert_ok(oci_resolv_conf(&dns, OCI_DNS_SEARCHES_CLASSIC, &f->a, &text, &f->e), &f->e);
    dns.n_searches++;
    assert_fails(oci_resolv_conf(&dns, OCI_DNS_SEARCHES_CLASSIC, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "at most 6");
    dns.n_searches = 1;

    /* One entry must not become two lines. */
    dns.servers[1] = (char *)"1.1.1.1\nnameserver 6.6.6.6";
    assert_fails(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "config.dns_config.servers[1]");
    dns.servers[1] = (char *)"";
    assert_fails(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT,
                 "config.dns_config.servers[1] is empty");
    dns.n_servers = 1;
    dns.options[0] = (char *)"a\tb";
    assert_fails(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "config.dns_config.options[0]");
}

static void test_resolv_conf_size(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__DNSConfig dns;
    char *text, *server = arena_alloc(&f->a, 70000);
    runtime__v1__dnsconfig__init(&dns);
    assert_non_null(server);
    size_t fits = 64 * 1024 - sizeof("nameserver \n");
    memset(server, '1', fits);
    dns.servers = &server;
    dns.n_servers = 1;
    assert_ok(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e);
    server[fits] = '1';
    assert_fails(oci_resolv_conf(&dns, 0, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "more than 65536 bytes");
}

static void test_hostname_file(void **state)
{
    struct fixture *f = *state;
    char *text, name[66];
    assert_ok(oci_hostname_file("web-0", "node", &f->a, &text, &f->e), &f->e);
    assert_string_equal(text, "web-0\n");
    assert_ok(oci_hostname_file("", "node", &f->a, &text, &f->e), &f->e);
    assert_string_equal(text, "node\n");
    assert_ok(oci_hostname_file(NULL, NULL, &f->a, &text, &f->e), &f->e);
    assert_string_equal(text, "\n");
    memset(name, 'x', sizeof(name));
    name[64] = '\0';
    assert_ok(oci_hostname_file(name, NULL, &f->a, &text, &f->e), &f->e);
    name[64] = 'x';
    name[65] = '\0';
    assert_fails(oci_hostname_file(name, NULL, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "longer than 64 bytes");
    assert_fails(oci_hostname_file("a b", NULL, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT,
                 "a control character, a blank or a slash");
    assert_fails(oci_hostname_file("a/b", NULL, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "a slash");
    assert_fails(oci_hostname_file("a\nb", NULL, &f->a, &text, &f->e), &f->e, ERR_INVALID_ARGUMENT, "config.hostname");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap_table), T(test_cap_lists),   T(test_path_clean),       T(test_cgroup_path),
        T(test_namespace_path),           T(test_resolv_conf), T(test_resolv_conf_size), T(test_hostname_file),
    };
    return cmocka_run_group_tests_name("oci/parts", tests, NULL, NULL);
}
