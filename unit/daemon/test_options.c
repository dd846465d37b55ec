/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#include "support.h"

#include <stdio.h>

#include "daemon/options.h"

/* getopt may reorder argv and options_parse cuts lists in place, so each parse has an argv of its own. */
static int parse(struct options *o, struct err *e, const char *text, char words[24][128])
{
    char *argv[25];
    int argc = 0;
    struct view rest = view_of(text), word;
    while (rest.n > 0) {
        view_cut(rest, ' ', &word, &rest);
        snprintf(words[argc], 128, "%.*s", VIEW_ARG(word));
        argv[argc] = words[argc];
        argc++;
    }
    argv[argc] = NULL;
    return options_parse(argc, argv, o, e);
}

static char words[24][128];

static void test_defaults(void **state)
{
    struct options o;
    struct err e = ERR_INIT;
    assert_ok(parse(&o, &e, "cri-containerd", words), &e);
    assert_int_equal(o.log_level, LOG_LEVEL_INFO);
    assert_null(o.runtime.listen);
    assert_int_equal(o.runtime.n_cni_bin_dirs, 0);
    assert_int_equal(o.runtime.socket_gid, 0);
    assert_false(o.help || o.version || o.runtime.systemd_cgroup);
}

static void test_all(void **state)
{
    struct options o;
    struct err e = ERR_INIT;
    assert_ok(parse(&o, &e,
                    "cri-containerd --listen /a --containerd=/b --root /c --state /d --snapshotter native --runtime-binary crun --sandbox-image p:1 "
                    "--cni-conf-dir /e --cni-bin-dir /f:/g::/h --cni-bin-dir=/i --systemd-cgroup", words), &e);
    assert_string_equal(o.runtime.listen, "/a");
    assert_string_equal(o.runtime.containerd, "/b");
    assert_string_equal(o.runtime.root, "/c");
    assert_string_equal(o.runtime.state, "/d");
    assert_string_equal(o.runtime.snapshotter, "native");
    assert_string_equal(o.runtime.runtime_binary, "crun");
    assert_string_equal(o.runtime.sandbox_image, "p:1");
    assert_string_equal(o.runtime.cni_conf_dir, "/e");
    assert_int_equal(o.runtime.n_cni_bin_dirs, 4);
    assert_string_equal(o.runtime.cni_bin_dirs[0], "/f");
    assert_string_equal(o.runtime.cni_bin_dirs[2], "/h");
    assert_string_equal(o.runtime.cni_bin_dirs[3], "/i");
    assert_true(o.runtime.systemd_cgroup);
    assert_ok(parse(&o, &e, "cri-containerd --cni-cache-dir /j --netns-dir /k --registry-ca /l --socket-group 7 --log-level debug --log-format json --version --help", words), &e);
    assert_int_equal(o.log_target, LOG_TARGET_JSON);
    assert_string_equal(o.runtime.cni_cache_dir, "/j");
    assert_string_equal(o.runtime.netns_dir, "/k");
    assert_string_equal(o.runtime.registry_ca, "/l");
    assert_int_equal(o.runtime.socket_gid, 7);
    assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
    assert_true(o.version && o.help);
    assert_ok(parse(&o, &e, "cri-containerd --socket-group root", words), &e);
    assert_int_equal(o.runtime.socket_gid, 0);
}

static void test_bad(void **state)
{
    static const char *const cases[][2] = {
        {"x --nothing", "--nothing"},
        {"x --listen", "--listen"},
        {"x --listen relative", "not absolute"},
        {"x --root relative", "--root relative"},
        {"x --log-level loud", "--log-level loud"},
        {"x --log-format xml", "--log-format xml: expected text, json, journal or auto"},
        {"x --socket-group no-such-group-here", "no such group"},
        {"x --socket-group 4294967295", "no such group"},
        {"x word", "unexpected argument word"},
        {"x --systemd-cgroup=yes", "--systemd-cgroup"},
        {"x --cni-bin-dir /1:/2:/3:/4:/5:/6:/7:/8:/9:/10:/11:/12:/13:/14:/15:/16:/17", "more than 16"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options o;
        struct err e = ERR_INIT;
        assert_fails(parse(&o, &e, cases[i][0], words), &e, ERR_INVALID_ARGUMENT, cases[i][1]);
    }
    struct options o;
    struct err e = ERR_INIT;
    assert_ok(parse(&o, &e, "x --cni-bin-dir /1:/2:/3:/4:/5:/6:/7:/8:/9:/10:/11:/12:/13:/14:/15:/16", words), &e);
    assert_int_equal(o.runtime.n_cni_bin_dirs, 16);
}

/* Every option that is read is told of. */
static void test_help(void **state)
{
    static const char *const names[] = {"--listen", "--containerd", "--root", "--state", "--snapshotter", "--runtime-binary", "--sandbox-image",
                                        "--cni-conf-dir", "--cni-bin-dir", "--cni-cache-dir", "--netns-dir", "--registry-ca", "--systemd-cgroup",
                                        "--socket-group", "--log-level", "--log-format", "--version", "--help"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_non_null(strstr(options_help, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_all), cmocka_unit_test(test_bad), cmocka_unit_test(test_help)};
    return cmocka_run_group_tests_name("daemon/options", tests, NULL, NULL);
}
