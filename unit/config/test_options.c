/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#include "support.h"

#include <stdio.h>

#include "config/options.h"

struct parsed {
    struct options options;
    struct config config;
};

/* getopt may reorder argv and options_apply cuts lists in place, so each parse has an argv of its own. `file` is what the configuration file says. To be
 * freed with config_done. */
static int parse_over(struct parsed *o, struct err *e, const char *file, const char *text, char words[24][128])
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
    config_init(&o->config);
    TRY(options_parse(argc, argv, &o->options, e));
    TRY(config_read(&o->config, "f", view_of(file), e));
    TRY(options_apply(argc, argv, &o->config, e));
    return config_finish(&o->config, e);
}

static int parse(struct parsed *o, struct err *e, const char *text, char words[24][128])
{
    return parse_over(o, e, "", text, words);
}

static char words[24][128];

static void test_defaults(void **state)
{
    struct parsed o;
    struct err e = ERR_INIT;
    assert_ok(parse(&o, &e, "cri-containerd", words), &e);
    assert_int_equal(o.config.log_level, LOG_LEVEL_INFO);
    assert_null(o.config.runtime.listen);
    assert_int_equal(o.config.runtime.n_cni_bin_dirs, 0);
    assert_int_equal(o.config.runtime.socket_gid, 0);
    assert_false(o.options.help || o.options.version || o.config.runtime.handlers[0].systemd_cgroup);
    assert_null(o.options.config);
    config_done(&o.config);
}

static void test_all(void **state)
{
    struct parsed o;
    struct err e = ERR_INIT;
    assert_ok(parse(&o, &e,
                    "cri-containerd --listen /a --containerd=/b --root /c --state /d --snapshotter native --runtime-binary crun --sandbox-image p:1 "
                    "--cni-conf-dir /e --cni-bin-dir /f:/g::/h --cni-bin-dir=/i --systemd-cgroup", words), &e);
    assert_string_equal(o.config.runtime.listen, "/a");
    assert_string_equal(o.config.runtime.containerd, "/b");
    assert_string_equal(o.config.runtime.root, "/c");
    assert_string_equal(o.config.runtime.state, "/d");
    assert_string_equal(o.config.runtime.snapshotter, "native");
    assert_string_equal(o.config.runtime.sandbox_image, "p:1");
    assert_string_equal(o.config.runtime.cni_conf_dir, "/e");
    assert_int_equal(o.config.runtime.n_cni_bin_dirs, 4);
    assert_string_equal(o.config.runtime.cni_bin_dirs[0], "/f");
    assert_string_equal(o.config.runtime.cni_bin_dirs[2], "/h");
    assert_string_equal(o.config.runtime.cni_bin_dirs[3], "/i");
    assert_true(o.config.runtime.handlers[0].systemd_cgroup);
    assert_string_equal(o.config.runtime.handlers[0].binary_name, "crun");
    config_done(&o.config);
    assert_ok(parse(&o, &e, "cri-containerd --cni-cache-dir /j --netns-dir /k --registry-ca /l --socket-group 7 --log-level debug --log-format json --version --help --config c.toml", words), &e);
    assert_string_equal(o.options.config, "c.toml");
    assert_int_equal(o.config.log_target, LOG_TARGET_JSON);
    assert_string_equal(o.config.runtime.cni_cache_dir, "/j");
    assert_string_equal(o.config.runtime.netns_dir, "/k");
    assert_string_equal(o.config.runtime.registry_ca, "/l");
    assert_int_equal(o.config.runtime.socket_gid, 7);
    assert_int_equal(o.config.log_level, LOG_LEVEL_DEBUG);
    assert_true(o.options.version && o.options.help);
    config_done(&o.config);
    assert_ok(parse(&o, &e, "cri-containerd --socket-group root", words), &e);
    assert_int_equal(o.config.runtime.socket_gid, 0);
    config_done(&o.config);
}

/* The commands; options may stand anywhere. */
static void test_commands(void **state)
{
    static const struct {
        const char *text;
        enum verb verb;
        const char *config;
    } cases[] = {
        {"x config default", VERB_DEFAULT, NULL},       {"x config check", VERB_CHECK, NULL},
        {"x doctor", VERB_DOCTOR, NULL},                {"x --config /b doctor --root /r --json", VERB_DOCTOR, "/b"},
        {"x config dump /a --root /r", VERB_DUMP, "/a"}, {"x --root /r config migrate --config /b", VERB_MIGRATE, "/b"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct parsed o;
        struct err e = ERR_INIT;
        assert_ok(parse(&o, &e, cases[i].text, words), &e);
        assert_int_equal(o.options.verb, cases[i].verb);
        assert_int_equal(o.options.json, strstr(cases[i].text, "--json") != NULL);
        if (cases[i].config)
            assert_string_equal(o.options.config, cases[i].config);
        else
            assert_null(o.options.config);
        if (strstr(cases[i].text, "--root"))
            assert_string_equal(o.config.runtime.root, "/r");
        config_done(&o.config);
    }
}

/* The command line counts more than the file. */
static void test_over_file(void **state)
{
    struct parsed o;
    struct err e = ERR_INIT;
    static const char file[] = "root = '/file'\nstate = '/file'\ncni.bin_dirs = ['/file']\ndebug.level = 'error'\n[containerd]\ndefault_runtime_name = 'k'\n"
                               "[containerd.runtimes.k]\nruntime_type = 'x'\n";
    assert_ok(parse_over(&o, &e, file, "x --root /line --cni-bin-dir /a --cni-bin-dir /b --log-level debug --runtime-binary crun", words), &e);
    assert_string_equal(o.config.runtime.root, "/line");
    assert_string_equal(o.config.runtime.state, "/file");
    assert_int_equal(o.config.runtime.n_cni_bin_dirs, 2);
    assert_string_equal(o.config.runtime.cni_bin_dirs[1], "/b");
    assert_int_equal(o.config.log_level, LOG_LEVEL_DEBUG);
    assert_null(o.config.runtime.handlers[0].binary_name);
    assert_string_equal(o.config.runtime.handlers[1].binary_name, "crun"); /* of the one that is the default */
    config_done(&o.config);
    assert_ok(parse_over(&o, &e, "cni.bin_dir = '/file'", "x --cni-bin-dir /a", words), &e);
    assert_int_equal(o.config.runtime.n_cni_bin_dirs, 1);
    assert_string_equal(o.config.runtime.cni_bin_dirs[0], "/a");
    config_done(&o.config);
    assert_ok(parse_over(&o, &e, "netns_mounts_under_state_dir = true", "x --state /s", words), &e);
    assert_string_equal(o.config.runtime.netns_dir, "/s/netns");
    config_done(&o.config);
}

static void test_bad(void **state)
{
    static const char *const cases[][2] = {
        {"x --nothing", "--nothing"},
        {"x --listen", "--listen"},
        {"x --listen relative", "--listen: \"relative\": expected an absolute path"},
        {"x --root relative", "--root: \"relative\": expected an absolute path"},
        {"x --log-level loud", "--log-level: \"loud\": expected one of error, warning"},
        {"x --log-format xml", "--log-format: \"xml\": expected one of auto, text, json, journal"},
        {"x --socket-group no-such-group-here", "no such group"},
        {"x --socket-group 4294967295", "no such group"},
        {"x --root=", "--root: the value is empty"},
        {"x --sandbox-image A", "--sandbox-image: \"A\": expected an image reference"},
        {"x doctor now", "doctor: unexpected argument now"},
        {"x --json", "option --json goes with doctor only"},
        {"x config check --json", "option --json goes with doctor only"},
        {"x config", "config : expected default, check, dump or migrate"},
        {"x config show", "config show: expected default, check"},
        {"x config check a b", "config check: more than one file"},
        {"x config check a --config b", "config check: more than one file"},
        {"x word", "unexpected argument word"},
        {"x --systemd-cgroup=yes", "--systemd-cgroup"},
        {"x --cni-bin-dir /1:/2:/3:/4:/5:/6:/7:/8:/9:/10:/11:/12:/13:/14:/15:/16:/17", "more than 16"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct parsed o;
        struct err e = ERR_INIT;
        assert_fails(parse(&o, &e, cases[i][0], words), &e, ERR_INVALID_ARGUMENT, cases[i][1]);
        config_done(&o.config);
    }
    struct parsed o;
    struct err e = ERR_INIT;
    assert_ok(parse(&o, &e, "x --cni-bin-dir /1:/2:/3:/4:/5:/6:/7:/8:/9:/10:/11:/12:/13:/14:/15:/16", words), &e);
    assert_int_equal(o.config.runtime.n_cni_bin_dirs, 16);
    config_done(&o.config);
}

/* Every option that is read is told of. */
static void test_help(void **state)
{
    static const char *const names[] = {"--config", "--listen", "--containerd", "--root", "--state", "--snapshotter", "--runtime-binary", "--sandbox-image",
                                        "--cni-conf-dir", "--cni-bin-dir", "--cni-cache-dir", "--netns-dir", "--registry-ca", "--systemd-cgroup",
                                        "--socket-group", "--log-level", "--log-format", "--version", "--help"};
    _cleanup_buf_ struct buf text = BUF_INIT(64 << 10);
    assert_int_equal(options_help(&text), 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_non_null(strstr(text.p, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_all), cmocka_unit_test(test_over_file), cmocka_unit_test(test_commands),
                                       cmocka_unit_test(test_bad), cmocka_unit_test(test_help)};
    return cmocka_run_group_tests_name("config/options", tests, NULL, NULL);
}
