/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small text formats: log lines, mountinfo, control group files, counters of interfaces, cpu lists.
 */
#include "support.h"

#include "parse/cgroupfile.h"
#include "parse/cpuset.h"
#include "parse/logline.h"
#include "parse/mountinfo.h"
#include "parse/netdev.h"

static void log_heads(void **state)
{
    char out[LOGLINE_HEAD_MAX];
    static const char stamp[] = "2026-11-23T21:08:19.000000001+05:30";
    size_t n = logline_head(out, view_of(stamp), LOGLINE_STDERR, true);
    assert_int_equal(n, LOGLINE_HEAD_MAX);
    assert_memory_equal(out, "2026-11-23T21:08:19.000000001+05:30 stderr P ", n);
    n = logline_head(out, VIEW_LIT("2026-11-23T21:08:19.000000001Z"), LOGLINE_STDOUT, false);
    assert_view(view_make(out, n), "2026-11-23T21:08:19.000000001Z stdout F ");
    assert_int_equal(logline_head(out, VIEW_LIT("2026-11-23T21:08:19.000000001+05:300"), LOGLINE_STDOUT, false), 0);
    assert_int_equal(logline_head(out, VIEW_EMPTY, LOGLINE_STDOUT, false), 10);
}

static void log_lines(void **state)
{
    struct logline l;
    assert_true(logline_parse(VIEW_LIT("2026-11-23T21:08:19.5Z stdout F hello  world "), &l));
    assert_view(l.time, "2026-11-23T21:08:19.5Z");
    assert_int_equal(l.stream, LOGLINE_STDOUT);
    assert_false(l.partial);
    assert_view(l.content, "hello  world ");
    assert_true(logline_parse(VIEW_LIT("2026-11-23T21:08:19-11:00 stderr P:x:y "), &l));
    assert_int_equal(l.stream, LOGLINE_STDERR);
    assert_true(l.partial);
    assert_view(l.content, "");
    static const char *const bad[] = {
        "", "2026-11-23T21:08:19Z", "2026-11-23T21:08:19Z stdout", "2026-11-23T21:08:19Z stdout F", "2026-11-23T21:08:19Z stdin F x",
        "2026-11-23T21:08:19Z stdout X x", "2026-11-23T21:08:19Z stdout FP x", "2026-11-23T21:08:19Z  stdout F x", "x stdout F x", "2026-11-23T21:08:19Z stdout  x",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (logline_parse(view_of(bad[i]), &l))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void log_times(void **state)
{
    static const char *const good[] = {"2026-01-31T23:59:59Z", "0000-12-01T00:00:00.1Z", "9999-01-01T00:00:00.123456789+23:59", "2026-01-01T00:00:00-00:00"};
    static const char *const bad[] = {
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60", "2026-01-01T00:00:00+0000", "2026-01-01T00:00:00+00:0", "2026-01-01T00:00:00*00:00",
        "2026-01-01T00:00:00+00:000", "2026-01-01T00:00:00+0x:00", "2026-01-01T00:00:00+0/:00", "2026-01-01T00:00:00+00x00", "2026-01-01T00:00:00.5", "202-01-01T00:00:00Z", "", "2026-01-01T0a:00:00Z", "2026-01-01T00:0/:00Z"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        if (!logline_time_valid(view_of(good[i])))
            fail_msg("\"%s\" was refused", good[i]);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (logline_time_valid(view_of(bad[i])))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void mounts(void **state)
{
    struct mountinfo m;
    char out[64];
    assert_true(mountinfo_parse(VIEW_LIT("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:22 propagate_from:2 other unbindable new:x - ext3 /dev/root rw,errors=continue"), &m));
    assert_int_equal(m.id, 36);
    assert_int_equal(m.parent, 35);
    assert_int_equal(m.major, 98);
    assert_int_equal(m.minor, 0);
    assert_view(m.root, "/mnt1");
    assert_view(view_make(out, mountinfo_unescape(m.mount_point, out)), "/mnt 2");
    assert_true(mountinfo_has_option(m.options, "noatime"));
    assert_false(mountinfo_has_option(m.options, "noati"));
    assert_false(mountinfo_has_option(VIEW_LIT("rw,,ro"), ""));
    assert_int_equal(m.master, 1);
    assert_int_equal(m.shared, 22);
    assert_int_equal(m.propagate_from, 2);
    assert_true(m.unbindable);
    assert_view(m.fstype, "ext3");
    assert_view(m.source, "/dev/root");
    assert_view(m.super_options, "rw,errors=continue");
    assert_true(mountinfo_parse(VIEW_LIT("1 2 0:3 / / rw - tmpfs  rw"), &m));
    assert_view(m.source, "");
    assert_false(m.unbindable);
    static const char *const bad[] = {
        "", "x 35 98:0 / / rw - a b c", "36", "36 x 98:0 / / rw - a b c", "36 35", "36 35 98 / / rw - a b c", "36 35 x:0 / / rw - a b c", "36 35 98:x / / rw - a b c",
        "36 35 98:0", "36 35 98:0 /", "36 35 98:0 / /", "36 35 98:0 / / rw", "36 35 98:0  / rw - a b c", "36 35 98:0 /  rw - a b c", "36 35 98:0 / x rw - a b c",
        "36 35 98:0 / / rw shared:x - a b c", "36 35 98:0 / / rw shared - a b c", "36 35 98:0 / / rw master: - a b c", "36 35 98:0 / / rw -", "36 35 98:0 / / rw - a",
        "36 35 98:0 / / rw - a b", "36 35 98:0 / / rw -  b c", "4294967296 35 98:0 / / rw - a b c", "36 35 98:0 / / rw propagate_from:y - a b c", "36 35 98:0 / / rw unbindable",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (mountinfo_parse(view_of(bad[i]), &m))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void mount_escapes(void **state)
{
    char out[64];
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"a\\011b\\134c\\012", "a\tb\\c\n"}, {"\\377", "\xff"}, {"\\400", "\\400"}, {"\\08", "\\08"}, {"\\04", "\\04"}, {"\\", "\\"}, {"\\\\040", "\\ "}, {"\\128", "\\128"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_view(view_make(out, mountinfo_unescape(view_of(cases[i].in), out)), cases[i].want);
}

static void mount_of_a_path(void **state)
{
    static const char file[] = "1 0 0:1 / / rw - ext4 root rw\n2 1 0:2 / /var rw - tmpfs a rw\nbroken\n3 1 0:3 / /var/lib\\040x rw - tmpfs b rw\n"
                               "4 1 0:4 / /var rw - tmpfs over rw\n5 1 0:5 / /v rw - tmpfs c rw";
    struct mountinfo m;
    static const struct {
        const char *path;
        unsigned id;
    } cases[] = {{"/", 1}, {"/var", 4}, {"/var/x", 4}, {"/var/lib x/y", 3}, {"/var/lib", 4}, {"/various", 1}, {"/v", 5}, {"/va", 1}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(mountinfo_find(view_of(file), view_of(cases[i].path), &m));
        if (m.id != cases[i].id)
            fail_msg("%s is on %u", cases[i].path, m.id);
    }
    assert_false(mountinfo_find(VIEW_LIT("5 1 0:5 / /v rw - tmpfs c rw"), VIEW_LIT("/x"), &m));
    assert_false(mountinfo_find(VIEW_EMPTY, VIEW_LIT("/x"), &m));
}

static void cgroups(void **state)
{
    struct cgroup_line l;
    struct view path;
    static const char file[] = "12:cpu,cpuacct:/kube/a\nbroken\n5:memory:/m:x\n1:name=systemd:/s\n0::/unified\n";
    assert_true(cgroup_line_parse(VIEW_LIT("12:cpu,cpuacct:/kube/a"), &l));
    assert_int_equal(l.hierarchy, 12);
    assert_view(l.controllers, "cpu,cpuacct");
    assert_view(l.path, "/kube/a");
    for (const char *const *bad = (const char *const[]){"", "1", "1:", "1:cpu", "1:cpu:", "1:cpu:x", "x:cpu:/", ":cpu:/", "4294967296:cpu:/", NULL}; *bad; bad++)
        assert_false(cgroup_line_parse(view_of(*bad), &l));
    assert_true(cgroup_find(view_of(file), VIEW_LIT("cpuacct"), &path));
    assert_view(path, "/kube/a");
    assert_true(cgroup_find(view_of(file), VIEW_LIT("memory"), &path));
    assert_view(path, "/m:x");
    assert_true(cgroup_find(view_of(file), VIEW_EMPTY, &path));
    assert_view(path, "/unified");
    assert_false(cgroup_find(view_of(file), VIEW_LIT("pids"), &path));
    assert_false(cgroup_find(VIEW_LIT("0:cpu:/x\n1::/y"), VIEW_EMPTY, &path));
}

static void cgroup_values(void **state)
{
    uint64_t v = 7;
    static const char file[] = "anon 12\nfile max\nbad x\nalone\nanon 99\n";
    assert_true(cgroup_flat_value(view_of(file), VIEW_LIT("anon"), &v));
    assert_int_equal(v, 12);
    assert_true(cgroup_flat_value(view_of(file), VIEW_LIT("file"), &v));
    assert_true(v == UINT64_MAX);
    v = 7;
    assert_false(cgroup_flat_value(view_of(file), VIEW_LIT("bad"), &v));
    assert_false(cgroup_flat_value(view_of(file), VIEW_LIT("alone"), &v));
    assert_false(cgroup_flat_value(view_of(file), VIEW_LIT("none"), &v));
    assert_false(cgroup_single_value(VIEW_LIT("18446744073709551616\n"), &v));
    assert_int_equal(v, 7);
    assert_true(cgroup_single_value(VIEW_LIT("18446744073709551615\n"), &v));
    assert_true(v == UINT64_MAX);
}

static void cgroup_paths(void **state)
{
    static const struct {
        const char *path, *id, *own, *parent; /* own NULL: refused */
    } cases[] = {
        {"/kube/pod1/abc", "abc", "/kube/pod1/abc", "/kube/pod1"},
        {"/kube.slice/cri-containerd-abc.scope", "abc", "/kube.slice/cri-containerd-abc.scope", "/kube.slice"},
        {"/kube/abc/init.scope", "abc", "/kube/abc", "/kube"},
        {"/abc/abc", "abc", "/abc", "/"},
        {"/abc", "abc", "/abc", "/"},
        {"//abc", "abc", "//abc", "/"},
        {"/ab/c", "abc", NULL, NULL},
        {"/ab/c", "b/c", NULL, NULL},
        {"/", "abc", NULL, NULL},
        {"", "abc", NULL, NULL},
        {"abc", "abc", NULL, NULL},
        {"/abc", "", NULL, NULL},
        {"/ab", "abc", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct view own = VIEW_EMPTY, parent = VIEW_EMPTY;
        if (cgroup_path_cut(view_of(cases[i].path), view_of(cases[i].id), &own, &parent) != (cases[i].own != NULL))
            fail_msg("\"%s\" in \"%s\"", cases[i].id, cases[i].path);
        assert_view(own, cases[i].own ? cases[i].own : "");
        assert_view(parent, cases[i].parent ? cases[i].parent : "");
    }
}

static void pressure(void **state)
{
    struct cgroup_pressure p;
    assert_true(cgroup_pressure_parse(VIEW_LIT("some avg10=0.05 avg60=1.25 avg300=100.00 total=123456\nfull avg10=0.00 avg60=0.10 avg300=99.99 total=42\n"), &p));
    assert_true(p.some.there && p.full.there);
    assert_true(p.some.avg10 == 0.05 && p.some.avg60 == 1.25 && p.some.avg300 == 100);
    assert_int_equal(p.some.total, 123456000);
    assert_true(p.full.avg10 == 0 && p.full.avg60 == 0.1 && p.full.avg300 == 99.99);
    assert_int_equal(p.full.total, 42000);
    assert_true(cgroup_pressure_parse(VIEW_LIT("new line\nsome avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709551"), &p));
    assert_true(p.some.there && !p.full.there);
    assert_true(p.some.total == UINT64_C(18446744073709551000));
    static const char *const bad[] = {
        "", "\n", "other avg10=0.00 avg60=0.00 avg300=0.00 total=0", "some", "some avg10=0.00", "some avg10=0.00 avg60=0.00 avg300=0.00", "some avg10=0.00 avg60=0.00 avg300=0.00 ",
        "some avg60=0.00 avg10=0.00 avg300=0.00 total=0", "some avg10=0 avg60=0.00 avg300=0.00 total=0", "some avg10=0.0 avg60=0.00 avg300=0.00 total=0",
        "some avg10=0.000 avg60=0.00 avg300=0.00 total=0", "some avg10=x.00 avg60=0.00 avg300=0.00 total=0", "some avg10=0.xx avg60=0.00 avg300=0.00 total=0",
        "some avg10 avg60=0.00 avg300=0.00 total=0", "some avg10=0.00 avg60=0.00 avg300=0.00 sum=0", "some avg10=0.00 avg60=0.00 avg300=0.00 total=-1",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709552", "some avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709551616",
        "some avg10=4294967296.00 avg60=0.00 avg300=0.00 total=0", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull x",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (cgroup_pressure_parse(view_of(bad[i]), &p))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void interfaces(void **state)
{
    static const char file[] = "Inter-|   Receive                                                |  Transmit\n"
                               " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
                               "    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n"
                               "  eth0:1 2 3 4 5 6 7 8 18446744073709551615 10 11 12 13 14 15 16\n"
                               "abcdefghijklmno: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
    struct view rest = view_of(file);
    struct netdev d;
    assert_true(netdev_next(&rest, &d));
    assert_view(d.name, "lo");
    assert_int_equal(d.rx_bytes, 3193);
    assert_true(netdev_next(&rest, &d));
    assert_view(d.name, "eth0");
    assert_int_equal(d.rx_bytes, 1);
    assert_int_equal(d.rx_errors, 3);
    assert_true(d.tx_bytes == UINT64_MAX);
    assert_int_equal(d.tx_errors, 11);
    assert_true(netdev_next(&rest, &d));
    assert_view(d.name, "abcdefghijklmno");
    assert_false(netdev_next(&rest, &d));
#define REST " 2 3 4 5 6 7 8 9 10 11 12 13 14 15"
    static const char *const bad[] = {
        "", "eth0", "eth0:", "eth0: 1" REST, "eth0: 1" REST " 16 17", "eth0: x" REST " 16", "eth0: -1" REST " 16", "eth0: 18446744073709551616" REST " 16",
        ": 1" REST " 16", " : 1" REST " 16", "abcdefghijklmnop: 1" REST " 16", "a/b: 1" REST " 16", "a b: 1" REST " 16", "a\vb: 1" REST " 16", "eth0: 1" REST " 16x",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        rest = view_of(bad[i]);
        if (netdev_next(&rest, &d))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    rest = view_make("a\0: 1" REST " 16", sizeof("a\0: 1" REST " 16") - 1);
    assert_false(netdev_next(&rest, &d));
}

static void cpu_lists(void **state)
{
    uint64_t n = 0;
    struct err e = ERR_INIT;
    static const struct {
        const char *text;
        unsigned count;
    } good[] = {{"", 0}, {" \n", 0}, {"0", 1}, {"0-3,7\n", 5}, {"7,0-3", 5}, {"1,1", 2}, {"8191", 1}, {"0-8191", 8192}};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_ok(cpuset_check(view_of(good[i].text), &n, &e), &e);
        assert_int_equal(n, good[i].count);
    }
    static const char *const bad[] = {",", "0,", ",0", "0,,1", "3-0", "-1", "1-", "a", "0-3-5", "8192", "0-8192", "0x1", "1;2"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (cpuset_check(view_of(bad[i]), &n, &e) != -ERR_INVALID_ARGUMENT)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_fails(cpuset_check(VIEW_LIT("5-3"), &n, &e), &e, ERR_INVALID_ARGUMENT, "\"5-3\" is not a range of cpus or nodes: it runs backwards");
    assert_fails(cpuset_check(VIEW_LIT("9999"), &n, &e), &e, ERR_INVALID_ARGUMENT, "too large");
    assert_true(cpuset_has(VIEW_LIT("0-3,7"), 2));
    assert_true(cpuset_has(VIEW_LIT("0-3,7"), 7));
    assert_false(cpuset_has(VIEW_LIT("0-3,7"), 4));
    assert_false(cpuset_has(VIEW_LIT("1-3"), 0));
    assert_false(cpuset_has(VIEW_LIT("0-3,x"), 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_heads),       cmocka_unit_test(log_lines), cmocka_unit_test(log_times),     cmocka_unit_test(mounts),    cmocka_unit_test(mount_escapes),
        cmocka_unit_test(mount_of_a_path), cmocka_unit_test(cgroups),   cmocka_unit_test(cgroup_values), cmocka_unit_test(cpu_lists),
        cmocka_unit_test(cgroup_paths),    cmocka_unit_test(pressure),  cmocka_unit_test(interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
