/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, and single values: types, ranges, texts; what is told about unknown keys; dumps. */
#include "support.h"

#include <stdio.h>

#include "config/key.h"
#include "sweep.h"

static int read_text(struct config *c, const char *text, struct err *e)
{
    config_init(c);
    TRY(config_read(c, "f.toml", view_of(text), e));
    return config_finish(c, e);
}

/* One document: what it must say about it. NULL: nothing is wrong. */
static void expect(const char *text, const char *problem)
{
    struct config c;
    struct err e = ERR_INIT;
    int r = read_text(&c, text, &e);
    if (!problem && r < 0)
        fail_msg("%s\n%s", text, e.message);
    if (problem && (r != -ERR_INVALID_ARGUMENT || !strstr(e.message, problem)))
        fail_msg("%s\n\"%s\" lacks \"%s\"", text, e.message, problem);
    config_done(&c);
}

static void test_table(void **state)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        assert_non_null(k->help);
        assert_true(k->help[strlen(k->help) - 1] == '.');
        assert_int_equal(k->in_handler, strncmp(k->path, "containerd.runtimes.*.", 22) == 0);
        assert_int_equal(k->kind == CONFIG_ENUM, k->names != NULL);
        assert_int_equal(k->kind == CONFIG_LIST, k->at_n != 0);
        if (k->kind == CONFIG_INT || k->kind == CONFIG_DURATION)
            assert_true(k->max > k->min && (k->size == 4 || k->size == 8));
        else
            assert_int_equal(k->size, k->kind == CONFIG_BOOL || k->kind == CONFIG_NOT ? sizeof(bool) : k->kind == CONFIG_ENUM ? 4 : sizeof(void *));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(k->path, config_keys[j].path);
            assert_true(k->at != config_keys[j].at || k->in_handler != config_keys[j].in_handler);
        }
        size_t parts = 1;
        for (const char *p = k->path; *p; p++)
            parts += *p == '.';
        assert_true(parts <= CONFIG_PATH_PARTS_MAX);
    }
}

/* Keys of one table stand together: a dump must not open a table twice. */
static void test_grouped(void **state)
{
    char last[128] = "", table[128];
    for (size_t i = 0; i < config_n_keys; i++) {
        const char *dot = strrchr(config_keys[i].path, '.');
        snprintf(table, sizeof table, "%.*s", dot ? (int)(dot - config_keys[i].path) : 0, config_keys[i].path);
        for (size_t j = 0; strcmp(table, last) != 0 && j < i; j++) {
            size_t n = strlen(table);
            const char *other = config_keys[j].path;
            assert_false(strrchr(other, '.') && (size_t)(strrchr(other, '.') - other) == n && strncmp(other, table, n) == 0);
        }
        snprintf(last, sizeof last, "%s", table);
    }
}

static void test_values(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    assert_ok(read_text(&c,
                        "root = '/r'\nstate = \"/s\"\nsandbox_image = 'a/b:1'\nenable_unprivileged_ports = false\ndisable_proc_mount = true\n"
                        "tolerate_missing_hugetlb_controller = false\nunset_seccomp_profile = 'localhost//p'\n"
                        "[debug]\nlevel = 'warn'\n[grpc]\naddress = '/l'\ngid = 4294967294\n"
                        "[containerd]\naddress = '/c'\nsnapshotter = 'native'\ndefault_runtime_name = 'kata'\n"
                        "[containerd.runtimes.kata]\nruntime_type = 'io.containerd.kata.v2'\npod_annotations = ['a.*', 'b']\ncni_conf_dir = '/k'\n"
                        "cni_max_conf_num = 3\n[containerd.runtimes.runc.options]\nSystemdCgroup = true\nBinaryName = 'crun'\nIoUid = 7\n"
                        "[cni]\nbin_dirs = ['/1', '/2']\nconf_dir = '/n'\n", &e), &e);
    struct cri_runtime_options *o = &c.runtime;
    assert_string_equal(o->root, "/r");
    assert_string_equal(o->state, "/s");
    assert_string_equal(o->sandbox_image, "a/b:1");
    assert_true(o->no_unprivileged_ports);
    assert_false(o->no_unprivileged_icmp);
    assert_true(o->disable_proc_mount);
    assert_true(o->hugetlb_must_exist);
    assert_string_equal(o->unset_seccomp_profile, "localhost//p");
    assert_int_equal(c.log_level, LOG_LEVEL_WARNING);
    assert_string_equal(o->listen, "/l");
    assert_int_equal(o->socket_gid, 4294967294u);
    assert_string_equal(o->containerd, "/c");
    assert_string_equal(o->snapshotter, "native");
    assert_string_equal(o->default_handler, "kata");
    assert_int_equal(o->n_handlers, 2);
    assert_string_equal(o->handlers[0].name, "runc");
    assert_string_equal(o->handlers[0].runtime_type, CRI_DEFAULT_RUNTIME_TYPE);
    assert_true(o->handlers[0].systemd_cgroup);
    assert_string_equal(o->handlers[0].binary_name, "crun");
    assert_int_equal(o->handlers[0].io_uid, 7);
    assert_string_equal(o->handlers[1].name, "kata");
    assert_string_equal(o->handlers[1].runtime_type, "io.containerd.kata.v2");
    assert_int_equal(o->handlers[1].n_pod_annotations, 2);
    assert_string_equal(o->handlers[1].pod_annotations[1], "b");
    assert_string_equal(o->handlers[1].cni_conf_dir, "/k");
    assert_int_equal(o->handlers[1].cni_max_conf_num, 3);
    assert_ptr_equal(config_default_handler(&c), &o->handlers[1]);
    assert_int_equal(o->n_cni_bin_dirs, 2);
    assert_string_equal(o->cni_bin_dirs[1], "/2");
    assert_string_equal(o->cni_conf_dir, "/n");
    config_done(&c);
}

/* Numbers of which 0 says something, while 0 in the member stands for the default. */
static void test_zero(void **state)
{
    static const struct {
        const char *text;
        int64_t line_max, timeout;
        int conf_num;
        const char *dumped[3];
    } cases[] = {
        {"", 0, 0, 0, {"max_container_log_line_size = 16384\n", "image_pull_progress_timeout = \"5m\"\n", "max_conf_num = 1\n"}},
        {"max_container_log_line_size = 0\nimage_pull_progress_timeout = '0s'\ncni.max_conf_num = 0", -1, INT64_MAX, -1,
         {"max_container_log_line_size = 0\n", "image_pull_progress_timeout = \"0s\"\n", "max_conf_num = 0\n"}},
        {"max_container_log_line_size = -1\nimage_pull_progress_timeout = '1m30s'\ncni.max_conf_num = 2", -1, INT64_C(90000000000), 2,
         {"max_container_log_line_size = 0\n", "image_pull_progress_timeout = \"1m30s\"\n", "max_conf_num = 2\n"}},
        {"max_container_log_line_size = 4096\nimage_pull_progress_timeout = ''", 4096, 0, 0,
         {"max_container_log_line_size = 4096\n", "image_pull_progress_timeout = \"5m\"\n", "max_conf_num = 1\n"}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct config c;
        struct err e = ERR_INIT;
        _cleanup_buf_ struct buf out = BUF_INIT(CONFIG_DUMP_MAX);
        assert_ok(read_text(&c, cases[i].text, &e), &e);
        assert_int_equal(c.runtime.log_line_max, cases[i].line_max);
        assert_int_equal(c.runtime.pull_progress_timeout, cases[i].timeout);
        assert_int_equal(c.runtime.cni_max_conf_num, cases[i].conf_num);
        assert_ok(config_dump(&c, CONFIG_DUMP_ALL, &out, &e), &e);
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].dumped); j++)
            if (!strstr(out.p, cases[i].dumped[j]))
                fail_msg("the dump of \"%s\" lacks %s", cases[i].text, cases[i].dumped[j]);
        config_done(&c);
    }
}

static void test_defaults(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    assert_ok(read_text(&c, "# nothing\n", &e), &e);
    assert_null(c.runtime.root);
    assert_int_equal(c.log_level, LOG_LEVEL_INFO);
    assert_int_equal(c.runtime.n_handlers, 1);
    assert_string_equal(config_default_handler(&c)->name, "runc");
    assert_int_equal(c.runtime.n_cni_bin_dirs, 0);
    config_done(&c);
    expect("root = ''\nsnapshotter = ''\n", "snapshotter");
    expect("root = ''\n[containerd]\nsnapshotter = ''\ndefault_runtime_name = ''\n", NULL);
}

static void test_bad(void **state)
{
    static const char *const cases[][2] = {
        {"root = 5", "f.toml: line 1: root: the value is an integer, expected a string"},
        {"root = 'x'", "f.toml: line 1: root: \"x\": expected an absolute path"},
        {"\nroot = \"/a\\u0001b\"", "line 2: root: the text has a control character"},
        {"root = \"/a\\u007fb\"", "control character"},
        {"sandbox_image = 'A'", "sandbox_image: \"A\": expected an image reference"},
        {"disable_proc_mount = 1", "expected a boolean"},
        {"enable_unprivileged_ports = 'yes'", "expected a boolean"},
        {"unset_seccomp_profile = 'localhost/rel'", "expected unconfined, runtime/default or localhost//PATH"},
        {"grpc.gid = -1", "line 1: grpc.gid: -1 is out of range: expected 0 to 4294967294"},
        {"grpc.gid = 4294967295", "4294967295 is out of range"},
        {"grpc.gid = 1.0", "expected an integer"},
        {"grpc = 1", "grpc: the value is an integer, expected a table"},
        {"grpc = []", "expected a table"},
        {"debug.level = 'loud'", "\"loud\": expected one of error, warning, warn, info, debug, trace"},
        {"debug.level = ''", "\"\": expected one of"},
        {"containerd.snapshotter = 'a/b'", "a name of at most 76"},
        {"containerd.snapshotter = '.a'", "a name of at most 76"},
        {"containerd.snapshotter = 'a..b'", "a name of at most 76"},
        {"containerd.snapshotter = 'a-'", "a name of at most 76"},
        {"cni.ip_pref = 'v4'", "cni.ip_pref: \"v4\": expected one of ipv4, ipv6, cni"},
        {"cni.max_conf_num = -1", "-1 is out of range: expected 0 to 1024"},
        {"max_concurrent_downloads = 0", "0 is out of range: expected 1 to 16"},
        {"image_pull_progress_timeout = '-1s'", "expected a duration like 5m0s"},
        {"image_pull_progress_timeout = '24h1ns'", "expected a duration of at most 24h"},
        {"image_pull_progress_timeout = 5", "expected a string"},
        {"cni.bin_dirs = '/x'", "expected an array"},
        {"cni.bin_dirs = ['/x', 'y']", "cni.bin_dirs: entry 2: \"y\": expected an absolute path"},
        {"cni.bin_dirs = ['/x', 5]", "entry 2 is an integer, expected a string"},
        {"cni.bin_dirs = ['']", "entry 1 is empty"},
        {"cni.bin_dirs = ['/x']\ncni.bin_dir = '/y'", "line 2: cni.bin_dir: cni.bin_dirs is set, too"},
        {"[containerd.runtimes.kata]", "line 1: containerd.runtimes.kata: runtime_type is missing"},
        {"[containerd.runtimes.'a b']", "line 1: containerd.runtimes.\"a b\": the name of a runtime handler"},
        {"[containerd.runtimes.'']", "the name of a runtime handler"},
        {"containerd.runtimes = 5", "containerd.runtimes: the value is an integer, expected a table"},
        {"containerd.runtimes.runc = 5", "containerd.runtimes.runc: the value is an integer, expected a table"},
        {"[containerd.runtimes.runc]\nprivileged_without_host_devices_all_devices_allowed = true", "line 2: containerd.runtimes.runc: "},
        {"containerd.default_runtime_name = 'kata'", "line 1: containerd.default_runtime_name: there is no such runtime handler"},
        {"root == 5", "f.toml: line 1"},
        {"a = 1\na = 2", "f.toml: line 2"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect(cases[i][0], cases[i][1]);
    expect("containerd.snapshotter = 'a.b-c_1'", NULL);
    expect("grpc.gid = 0\nunset_seccomp_profile = 'unconfined'\n", NULL);
    expect("cni.bin_dir = '/y'\nimage_pull_progress_timeout = '24h'", NULL);
}

static void test_unknown(void **state)
{
    static const char *const cases[][2] = {
        {"sandbox_imag = 1", "line 1: sandbox_imag: unknown key; did you mean sandbox_image?"},
        {"snapshotter = 'a'", "snapshotter: unknown key; did you mean containerd.snapshotter?"},
        {"[registri]\nx = 1", "line 1: registri: unknown key; did you mean registry?"},
        {"cni.conf_di = 1", "did you mean cni.conf_dir?"},
        {"containerd.runtimes.x.runtimetype = 1", "did you mean containerd.runtimes.x.runtime_type?"},
        {"containerd.runtimes.runc.option.SystemdCgroup = true", "containerd.runtimes.runc.option: unknown key; did you mean containerd.runtimes.runc.options?"},
        {"SystemdCgroup = true", "did you mean containerd.runtimes.NAME.options.SystemdCgroup?"},
        {"\"two words\" = 1", "line 1: \"two words\": unknown key"},
        {"\"line\\nend\" = 1", "\"line end\": unknown key"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect(cases[i][0], cases[i][1]);
    struct config c;
    struct err e = ERR_INIT;
    assert_int_equal(read_text(&c, "qqqqqqqqqqqqqqqqqqqqqqq = 1", &e), -ERR_INVALID_ARGUMENT);
    assert_null(strstr(e.message, "did you mean")); /* nothing is near */
    config_done(&c);
    char long_key[300];
    snprintf(long_key, sizeof long_key, "%0280d = 1", 1);
    expect(long_key, "unknown key");
}

/* All that is wrong is told, up to the maximum; the rest is counted. */
static void test_many(void **state)
{
    for (size_t n = CONFIG_PROBLEMS_MAX - 1; n <= CONFIG_PROBLEMS_MAX + 1; n++) {
        char text[4096], more[64];
        struct config c;
        struct err e = ERR_INIT;
        size_t at = 0;
        for (size_t i = 0; i < n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "x%zu = 1\n", i);
        snprintf(more, sizeof more, "line 1: x0: unknown key (and %zu more)", n - 1);
        assert_fails(read_text(&c, text, &e), &e, ERR_INVALID_ARGUMENT, more);
        assert_int_equal(c.n_problems, n);
        assert_int_equal(c.problems.n, MIN_OF(n, (size_t)CONFIG_PROBLEMS_MAX));
        config_done(&c);
    }
}

/* Lengths and numbers of things at their limits. */
static void test_limits(void **state)
{
    static char text[2 * CONFIG_STRING_MAX];
    for (int n = CONFIG_STRING_MAX - 1; n <= CONFIG_STRING_MAX + 1; n++) {
        snprintf(text, sizeof text, "root = '/%0*d'", n - 1, 0);
        expect(text, n <= CONFIG_STRING_MAX ? NULL : "root: 4096 bytes are more than 4095");
    }
    for (int n = 106; n <= 108; n++) {
        snprintf(text, sizeof text, "grpc.address = '/%0*d'", n - 1, 0);
        expect(text, n <= 107 ? NULL : "at most 107 bytes");
    }
    for (int n = 75; n <= 77; n++) {
        snprintf(text, sizeof text, "containerd.snapshotter = '%0*d'", n, 0);
        expect(text, n <= 76 ? NULL : "at most 76");
    }
    for (int n = CONFIG_HANDLERS_MAX - 1; n <= CONFIG_HANDLERS_MAX + 1; n++) { /* runc is there already */
        size_t at = 0;
        for (int i = 1; i < n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "containerd.runtimes.h%d.runtime_type = 'x'\n", i);
        expect(text, n <= CONFIG_HANDLERS_MAX ? NULL : "line 32: containerd.runtimes.h32: there are too many runtime handlers");
    }
    for (int n = CONFIG_LIST_MAX - 1; n <= CONFIG_LIST_MAX + 1; n++) {
        size_t at = (size_t)snprintf(text, sizeof text, "containerd.runtimes.runc.pod_annotations = [");
        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "'a',");
        snprintf(text + at, sizeof text - at, "]");
        expect(text, n <= CONFIG_LIST_MAX ? NULL : "65 entries are more than 64");
    }
    for (int n = 15; n <= 17; n++) {
        size_t at = (size_t)snprintf(text, sizeof text, "cni.bin_dirs = [");
        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "'/a',");
        snprintf(text + at, sizeof text - at, "]");
        expect(text, n <= 16 ? NULL : "17 entries are more than 16");
    }
}

/* A dump read again is the same dump, and says the defaults. */
static void check_dump(const char *text)
{
    struct config c;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf one = BUF_INIT(CONFIG_DUMP_MAX), two = BUF_INIT(CONFIG_DUMP_MAX);
    assert_ok(read_text(&c, text, &e), &e);
    assert_ok(config_dump(&c, CONFIG_DUMP_EXPLAINED, &one, &e), &e);
    config_done(&c);
    assert_ok(read_text(&c, one.p, &e), &e);
    assert_ok(config_dump(&c, CONFIG_DUMP_EXPLAINED, &two, &e), &e);
    config_done(&c);
    assert_string_equal(one.p, two.p);
}

static void test_dump(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(CONFIG_DUMP_MAX);
    check_dump("");
    check_dump("root = '/a \"b\" \\c'\ncni.bin_dir = '/x'\nnetns_mounts_under_state_dir = true\n[containerd.runtimes.'k.v2']\nruntime_type = 'k'\n");
    assert_ok(read_text(&c, "", &e), &e);
    assert_ok(config_dump(&c, CONFIG_DUMP_ALL, &out, &e), &e);
    config_done(&c);
    for (const char *const *line = (const char *const[]){"root = \"" CRI_DEFAULT_ROOT "\"\n", "enable_unprivileged_ports = true\n", "\n[debug]\nlevel = \"info\"\n",
                                                         "\n[containerd.runtimes.\"runc\"]\nruntime_type = \"io.containerd.runc.v2\"\n",
                                                         "\n[containerd.runtimes.\"runc\".options]\n", "bin_dirs = [\"/opt/cni/bin\"]\n", NULL};
         *line; line++)
        if (!strstr(out.p, *line))
            fail_msg("the dump lacks %s:\n%s", *line, out.p);
    assert_null(strchr(out.p, '#'));
    assert_null(strstr(out.p, "bin_dir =")); /* said by bin_dirs */
}

static int read_and_dump(void *arg, struct err *e)
{
    struct config c;
    _cleanup_buf_ struct buf out = BUF_INIT(CONFIG_DUMP_MAX);
    int r = read_text(&c, arg, e);
    if (r == 0)
        r = config_dump(&c, CONFIG_DUMP_EXPLAINED, &out, e);
    config_done(&c);
    return r == -ERR_INVALID_ARGUMENT ? 0 : r;
}

static void test_memory(void **state)
{
    static char good[] = "root = '/r'\nnetns_mounts_under_state_dir = true\ncni.bin_dirs = ['/a', '/b']\n[containerd.runtimes.kata]\nruntime_type = 'k'\n";
    static char bad[] = "root = 5\nrot = 1\ncni = 1\n[containerd.runtimes.'?']\n[containerd.runtimes.kata]\n";
    static char no_toml[] = "root = \n";
    assert_true(sweep("read and dump", read_and_dump, good) > 20);
    assert_true(sweep("problems", read_and_dump, bad) > 10);
    assert_true(sweep("no TOML", read_and_dump, no_toml) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),   cmocka_unit_test(test_grouped), cmocka_unit_test(test_values),    cmocka_unit_test(test_zero), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad),     cmocka_unit_test(test_unknown), cmocka_unit_test(test_many),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_dump),  cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("config/keys", tests, NULL, NULL);
}
