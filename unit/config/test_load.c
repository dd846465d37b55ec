/* SPDX-License-Identifier: Apache-2.0 */
/* Files: the main one and its drop-ins, in order, and what is there in place of a file. */
#include "base/scratch.h"

#include "config/config.h"
#include "sweep.h"

static int load(struct config *c, const char *path, bool required, struct err *e)
{
    config_init(c);
    TRY(config_load(c, path, required, e));
    return config_finish(c, e);
}

static void make_drop_ins(void)
{
    assert_int_equal(mkdir(at("config.toml.d"), 0755), 0);
}

static void test_missing(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    assert_ok(load(&c, at("config.toml"), false, &e), &e);
    assert_null(c.runtime.root);
    config_done(&c);
    assert_fails(load(&c, at("config.toml"), true, &e), &e, ERR_NOT_FOUND, at("config.toml"));
    config_done(&c);
    make_drop_ins(); /* these count without the main file */
    put(at("config.toml.d/a.toml"), "root = '/d'");
    assert_ok(load(&c, at("config.toml"), false, &e), &e);
    assert_string_equal(c.runtime.root, "/d");
    config_done(&c);
    config_done(NULL);
}

static void test_order(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    make_drop_ins();
    put(at("config.toml"), "root = '/main'\nstate = '/main'\ncni.bin_dirs = ['/1', '/2']\n"
                           "[containerd.runtimes.kata]\nruntime_type = 'k'\nsnapshotter = 'main'\n[containerd.runtimes.kata.options]\nIoUid = 1\n");
    put(at("config.toml.d/20.toml"), "root = '/20'\n");
    put(at("config.toml.d/100.toml"), "root = '/100'\nsandbox_image = 'x:100'\n"); /* bytes, not numbers: before 20 */
    put(at("config.toml.d/a.toml"), "cni.bin_dirs = ['/3']\n[containerd.runtimes.kata]\nsnapshotter = ''\n[containerd.runtimes.kata.options]\nIoGid = 2\n");
    put(at("config.toml.d/z.conf"), "not = read");
    put(at("config.toml.d/.z.toml"), "not = read");
    assert_ok(load(&c, at("config.toml"), true, &e), &e);
    assert_string_equal(c.runtime.root, "/20");
    assert_string_equal(c.runtime.state, "/main");
    assert_string_equal(c.runtime.sandbox_image, "x:100");
    assert_int_equal(c.runtime.n_cni_bin_dirs, 1); /* lists are replaced */
    assert_string_equal(c.runtime.cni_bin_dirs[0], "/3");
    const struct cri_runtime_handler *h = &c.runtime.handlers[1]; /* tables are merged */
    assert_string_equal(h->runtime_type, "k");
    assert_null(h->snapshotter); /* an empty text takes a value back */
    assert_int_equal(h->io_uid, 1);
    assert_int_equal(h->io_gid, 2);
    config_done(&c);
}

/* The order is that of the names, whatever the one of the directory is: the second half of the alphabet is written first. */
static void test_sorted(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    char text[64];
    make_drop_ins();
    for (int last = 'c'; last <= 'z'; last++) {
        for (int i = 0; i <= last - 'a'; i++) {
            int name = 'a' + (i + (last - 'a') / 2) % (last - 'a' + 1);
            snprintf(text, sizeof text, "root = '/%c'\n", name);
            put(at("config.toml.d/%c.toml", name), text);
        }
        assert_ok(load(&c, at("config.toml"), false, &e), &e);
        snprintf(text, sizeof text, "/%c", last);
        assert_string_equal(c.runtime.root, text);
        config_done(&c);
    }
}

static void test_where(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    make_drop_ins();
    put(at("config.toml"), "root = '/r'\n[containerd]\ndefault_runtime_name = 'runc'\n");
    put(at("config.toml.d/b.toml"), "\n[containerd]\ndefault_runtime_name = 'crun'\n");
    assert_fails(load(&c, at("config.toml"), true, &e), &e, ERR_INVALID_ARGUMENT, "config.toml.d/b.toml: line 3: containerd.default_runtime_name: there is no");
    config_done(&c);
    put(at("config.toml"), "rot = '/r'\n");
    assert_fails(load(&c, at("config.toml"), true, &e), &e, ERR_INVALID_ARGUMENT, "(and 1 more)");
    assert_non_null(strstr(c.problems.v[0], "config.toml: line 1: rot: unknown key"));
    assert_non_null(strstr(c.problems.v[1], "b.toml: line 3"));
    config_done(&c);
}

static void test_netns(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    put(at("config.toml"), "state = '/s'\nnetns_mounts_under_state_dir = true\n");
    assert_ok(load(&c, at("config.toml"), true, &e), &e);
    assert_string_equal(c.runtime.netns_dir, "/s/netns");
    config_done(&c);
    put(at("config.toml"), "netns_mounts_under_state_dir = true\n");
    assert_ok(load(&c, at("config.toml"), true, &e), &e);
    assert_string_equal(c.runtime.netns_dir, CRI_DEFAULT_STATE "/netns");
    config_done(&c);
    put(at("config.toml"), "netns_mounts_under_state_dir = true\ncni.netns_dir = '/n'\n");
    assert_ok(load(&c, at("config.toml"), true, &e), &e);
    assert_string_equal(c.runtime.netns_dir, "/n");
    config_done(&c);
}

static void test_no_files(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    assert_fails(load(&c, scratch_dir, false, &e), &e, ERR_FAILED_PRECONDITION, "not a regular file");
    config_done(&c);
    make_drop_ins();
    assert_int_equal(mkfifo(at("config.toml.d/f.toml"), 0600), 0); /* does not wait for a writer */
    assert_fails(load(&c, at("config.toml"), false, &e), &e, ERR_FAILED_PRECONDITION, "f.toml is not a regular file");
    config_done(&c);
    assert_int_equal(unlink(at("config.toml.d/f.toml")), 0);
    assert_int_equal(rmdir(at("config.toml.d")), 0);
    put(at("config.toml.d"), "");
    assert_fails(load(&c, at("config.toml"), false, &e), &e, ERR_FAILED_PRECONDITION, "config.toml.d");
    config_done(&c);
}

static void test_limits(void **state)
{
    static char text[CONFIG_FILE_MAX + 2];
    struct config c;
    struct err e = ERR_INIT;
    for (size_t n = CONFIG_FILE_MAX - 1; n <= CONFIG_FILE_MAX + 1; n++) {
        memset(text, '\n', n);
        text[n] = '\0';
        put(at("config.toml"), text);
        int r = load(&c, at("config.toml"), true, &e);
        assert_int_equal(r, n <= CONFIG_FILE_MAX ? 0 : -ERR_OUT_OF_RANGE);
        config_done(&c);
    }
    put(at("config.toml"), "");
    make_drop_ins();
    for (int i = 1; i <= CONFIG_DROP_INS_MAX + 1; i++) {
        put(at("config.toml.d/%d.toml", i), "");
        int r = load(&c, at("config.toml"), true, &e);
        assert_int_equal(r, i <= CONFIG_DROP_INS_MAX ? 0 : -ERR_OUT_OF_RANGE);
        config_done(&c);
    }
}

static int load_once(void *arg, struct err *e)
{
    struct config c;
    int r = load(&c, arg, true, e);
    config_done(&c);
    return r;
}

static void test_memory_and_descriptors(void **state)
{
    make_drop_ins();
    put(at("config.toml"), "root = '/r'\n");
    put(at("config.toml.d/a.toml"), "state = '/s'\n");
    put(at("config.toml.d/b.toml"), "netns_mounts_under_state_dir = true\n");
    assert_true(sweep("load", load_once, at("config.toml")) > 20);
    assert_int_equal(descriptor_sweep(load_once, at("config.toml")), 1);
}

#define FILES_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(test_missing), FILES_TEST(test_order), FILES_TEST(test_sorted), FILES_TEST(test_where), FILES_TEST(test_netns), FILES_TEST(test_no_files), FILES_TEST(test_limits),
        FILES_TEST(test_memory_and_descriptors),
    };
    return cmocka_run_group_tests_name("config/load", tests, NULL, NULL);
}
