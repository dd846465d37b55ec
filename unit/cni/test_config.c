/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration directory: which files count, what is said of bad ones, reloading; STATUS; the configuration as JSON.
 */
#include <pthread.h>

#include "cni/internal.h"

#include "base/fs.h"
#include "fake_plugins.h"
#include "parse/jsonscan.h"
#include "sweep.h"

#define NET(name, type) "{\"cniVersion\":\"1.0.0\",\"name\":\"" name "\",\"plugins\":[{\"type\":\"" type "\"}]}"

static int start(void **state)
{
    static struct fake f;
    fake_start(&f);
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    fake_stop(*state);
    return 0;
}

/* Names of the configured networks, "a=eth0 b=eth1"; "" when there are none. */
static const char *networks(struct cni *c)
{
    static char text[512];
    struct cni_networks *n;
    struct err e = ERR_INIT;
    assert_ok(cni_networks_get(c, &n, &e), &e);
    text[0] = '\0';
    for (size_t i = 0; i < n->n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s=%s", i ? " " : "", n->v[i].conf.name, n->v[i].ifname);
    }
    cni_networks_unref(c, n);
    return text;
}

static void remove_file(struct fake *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", f->conf, name);
    assert_int_equal(unlink(path), 0);
}

static void test_order_and_reload(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1), *all = fake_cni(f, 0);
    struct err e = ERR_INIT;

    assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "cni plugin not initialized: no network configuration in ");
    fake_file(f->conf, "README", "x");
    fake_file(f->conf, "20-b.conflist", NET("b", "bridge"));
    assert_ok(cni_ready(c, &e), &e);
    assert_string_equal(networks(c), "b=eth0");
    fake_file(f->conf, "10-a.json", "{\"cniVersion\":\"0.3.1\",\"name\":\"a\",\"type\":\"ptp\"}");
    fake_file(f->conf, "30-c.conf", "{\"name\":\"c\",\"type\":\"ptp\"}");
    assert_string_equal(networks(c), "a=eth0");
    assert_string_equal(networks(all), "a=eth0 b=eth1 c=eth2");
    remove_file(f, "10-a.json");
    assert_string_equal(networks(c), "b=eth0");
    /* Rewritten in place, same length. */
    fake_file(f->conf, "20-b.conflist", NET("d", "bridge"));
    assert_string_equal(networks(c), "d=eth0");
    assert_ok(fs_remove_all(f->conf, &e), &e);
    assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "does not exist");
    assert_int_equal(mkdir(f->conf, 0755), 0);
    assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "no network configuration in ");
    fake_file(f->conf, "20-b.conflist", NET("again", "bridge"));
    assert_ok(cni_ready(c, &e), &e);
    assert_string_equal(networks(c), "again=eth0");
}

/* How many networks of the directory a pod gets: at most so many; all, up to a limit at which pods would get another set than meant. */
static void test_max_conf_num(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *two = fake_cni(f, 2), *all = fake_cni(f, 0), *many = fake_cni(f, 1000);
    struct err e = ERR_INIT;
    char name[32], text[128];

    for (int i = 0; i < CNI_NETWORKS_MAX; i++) {
        snprintf(name, sizeof(name), "%02d.conflist", i);
        snprintf(text, sizeof(text), NET("n%d", "bridge"), i);
        fake_file(f->conf, name, text);
        if (i == 0)
            assert_string_equal(networks(two), "n0=eth0");
        if (i == CNI_NETWORKS_MAX - 2)
            assert_non_null(strstr(networks(all), " n30=eth30"));
    }
    assert_string_equal(networks(two), "n0=eth0 n1=eth1");
    assert_non_null(strstr(networks(all), " n31=eth31"));
    assert_string_equal(networks(many), networks(all));
    fake_file(f->conf, "99.conflist", NET("last", "bridge"));
    assert_string_equal(networks(two), "n0=eth0 n1=eth1");
    assert_fails(cni_ready(all, &e), &e, ERR_FAILED_PRECONDITION, "holds more than 32 networks");
    assert_fails(cni_ready(many, &e), &e, ERR_FAILED_PRECONDITION, "holds more than 32 networks");
}

/* An unchanged, settled directory is not read again: the very same snapshot comes back. */
static void test_snapshot(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct cni_networks *one, *two, *three;
    struct err e = ERR_INIT;

    fake_file(f->conf, "10.conflist", NET("a", "bridge"));
    clock_virtual(0, clock_real() + INT64_C(60000000000)); /* a minute later */
    assert_ok(cni_networks_get(c, &one, &e), &e);
    assert_ok(cni_networks_get(c, &two, &e), &e);
    assert_ptr_equal(one, two);
    fake_file(f->conf, "10.conflist", NET("longer", "bridge"));
    assert_ok(cni_networks_get(c, &three, &e), &e);
    assert_ptr_not_equal(one, three);
    assert_string_equal(one->v[0].conf.name, "a"); /* the old one lives until its last user is gone */
    cni_networks_unref(c, one);
    assert_string_equal(two->v[0].conf.name, "a");
    cni_networks_unref(c, two);
    cni_networks_unref(c, three);
    cni_networks_unref(c, NULL);
    clock_virtual_off();
}

static void test_bad_files(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1), *all = fake_cni(f, 0);
    struct err e = ERR_INIT;
    char path[256];

    fake_file(f->conf, "50-good.conflist", NET("good", "bridge"));
    /* A broken file that comes first is named and not passed over. */
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"name\":\"x\"}",
                                      "{\"name\":\"x\",\"plugins\":[]}",
                                      "{\"name\":\"../x\",\"plugins\":[{\"type\":\"bridge\"}]}",
                                      "{\"name\":\"x\",\"plugins\":[{\"type\":\"../bridge\"}]}",
                                      "{\"name\":\"x\",\"type\":\"bridge\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        fake_file(f->conf, "10-bad.conflist", bad[i]);
        assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "/10-bad.conflist: ");
        assert_int_equal(strncmp(e.message, "cni plugin not initialized: ", 28), 0);
    }
    remove_file(f, "10-bad.conflist");
    /* Behind the one that is used nothing is read. */
    fake_file(f->conf, "90-bad.conflist", "{");
    assert_ok(cni_ready(c, &e), &e);
    assert_fails(cni_ready(all, &e), &e, ERR_FAILED_PRECONDITION, "/90-bad.conflist: ");
    fake_file(f->conf, "90-bad.conflist", NET("good", "bridge"));
    assert_fails(cni_ready(all, &e), &e, ERR_FAILED_PRECONDITION, "same name \"good\"");
    /* What is no regular file must not hang the daemon. */
    snprintf(path, sizeof(path), "%s/00-pipe.conf", f->conf);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "is not a regular file");
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/00-dir.conf", f->conf);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_ok(cni_ready(c, &e), &e);
    snprintf(path, sizeof(path), "%s/00-dangling.conf", f->conf);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "00-dangling.conf");
}

static void test_file_size(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct err e = ERR_INIT;
    char *text = malloc(CNI_CONF_BYTES_MAX + 2);

    for (int over = -1; over <= 1; over++) {
        size_t n = (size_t)(CNI_CONF_BYTES_MAX + over);
        memset(text, ' ', n);
        memcpy(text, NET("a", "bridge"), strlen(NET("a", "bridge")));
        text[n] = '\0';
        fake_file(f->conf, "10.conflist", text);
        if (over <= 0)
            assert_ok(cni_ready(c, &e), &e);
        else
            assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "larger than 1048576 bytes");
    }
    free(text);
}

/* A plugin that is not installed: named; what ran before it is undone, and it is not asked to undo anything. */
static void test_missing_plugin(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = {.id = FAKE_ID, .netns = "/n"};
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    fake_file(f->conf, "10.conflist",
              "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bridge\"},{\"type\":\"gone\"}]}");
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_FAILED_PRECONDITION,
                 "network \"n\": plugin \"gone\" is in none of the plugin directories");
    assert_null(strstr(e.message, "undoing"));
    assert_string_equal(fake_calls(f), "bridge ADD,bridge DEL");
    assert_null(strstr(f->calls[1].input, "prevResult"));
    assert_int_equal(fake_records(f), 0);
}

/* CNI 1.1: plugins in files of their own, <conf_dir>/<network>/<x>.conf. */
static void test_plugin_files(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = {.id = FAKE_ID, .netns = "/n"};
    struct cni_pod_result r;
    struct err e = ERR_INIT;
    char sub[128];

    snprintf(sub, sizeof(sub), "%s/podnet", f->conf);
    assert_int_equal(mkdir(sub, 0755), 0);
    fake_file(sub, "20-x.conf", "{\"type\":\"bandwidth\"}");
    fake_file(sub, "10-x.conf", "{\"type\":\"portmap\"}");
    fake_file(sub, "30-x.conflist", "{");
    fake_file(f->conf, "10.conflist", NET("podnet", "bridge"));
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(fake_calls(f), "bridge ADD,portmap ADD,bandwidth ADD");
    /* The record holds all of them. */
    assert_ok(fs_remove_all(f->conf, &e), &e);
    fake_forget(f);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_string_equal(fake_calls(f), "bandwidth DEL,portmap DEL,bridge DEL");

    assert_int_equal(mkdir(f->conf, 0755), 0);
    assert_int_equal(mkdir(sub, 0755), 0);
    fake_file(sub, "10-x.conf", "{\"type\":\"portmap\"}");
    fake_file(f->conf, "10.conflist", "{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\"}");
    fake_forget(f);
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(fake_calls(f), "portmap ADD");
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    fake_file(f->conf, "10.conflist",
              "{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"loadOnlyInlinedPlugins\":true,\"plugins\":[{\"type\":\"ptp\"}]}");
    fake_forget(f);
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(fake_calls(f), "ptp ADD");
    fake_file(f->conf, "10.conflist", NET("podnet", "bridge"));
    fake_file(sub, "10-x.conf", "{\"type\":");
    assert_fails(cni_ready(c, &e), &e, ERR_FAILED_PRECONDITION, "podnet/10-x.conf");
}

/* A file with a single plugin becomes a list in the record. */
static void test_single(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = {.id = FAKE_ID, .netns = "/n"};
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    fake_file(f->conf, "10.conf", "\n {\"cniVersion\":\"0.4.0\",\"name\":\"one\",\"type\":\"ptp\",\"x\":1} \n");
    fake_say(f, "ptp", "ADD", 0, "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":\"10.0.0.2/8\"}]}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(r.ip, "10.0.0.2");
    remove_file(f, "10.conf");
    fake_forget(f);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_string_equal(fake_calls(f), "ptp DEL");
    assert_int_equal(
        strncmp(f->calls[0].input, "{\"cniVersion\":\"0.4.0\",\"name\":\"one\",\"type\":\"ptp\",\"x\":1,\"prevResult\":", 60), 0);
}

static void test_status(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;

    assert_fails(cni_status(c, &ctx, &e), &e, ERR_FAILED_PRECONDITION, "cni plugin not initialized");
    fake_file(f->conf, "10.conflist", NET("a", "bridge"));
    assert_ok(cni_status(c, &ctx, &e), &e);
    assert_int_equal(f->n_calls, 0); /* STATUS is unknown before 1.1.0 */
    fake_file(f->conf, "10.conflist",
              "{\"cniVersion\":\"1.1.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"bridge\"},{\"type\":\"portmap\"}]}");
    assert_ok(cni_status(c, &ctx, &e), &e);
    assert_string_equal(fake_calls(f), "bridge STATUS,portmap STATUS");
    assert_string_equal(f->calls[0].input, "{\"cniVersion\":\"1.1.0\",\"name\":\"a\",\"type\":\"bridge\"}");
    assert_non_null(strstr(f->calls[0].env, "\nCNI_CONTAINERID=\n"));
    fake_say(f, "portmap", "STATUS", 1, "{\"code\":50,\"msg\":\"daemon is starting\"}");
    assert_fails(cni_status(c, &ctx, &e), &e, ERR_UNAVAILABLE,
                 "network \"a\": plugin \"portmap\" (STATUS) failed: daemon is starting");
    f->script[0].out = "{\"code\":999,\"msg\":\"odd\"}";
    assert_fails(cni_status(c, &ctx, &e), &e, ERR_UNAVAILABLE, "odd");
}

static void test_config_json(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    struct jsonw w;

    fake_file(f->conf, "10.conflist", NET("a", "bridge"));
    jsonw_init(&w, &text);
    assert_ok(cni_write_config_json(c, &w, &e), &e);
    assert_ok(jsonw_finish(&w, &e), &e);
    assert_ok(jsonscan_parse(buf_view(&text), &v, &e), &e);
    assert_non_null(strstr(
        text.p, "\"PluginMaxConfNum\":1,\"Prefix\":\"eth\",\"Networks\":[{\"Config\":{\"Name\":\"a\",\"CNIVersion\":\"1.0.0\","
                "\"Plugins\":[{\"Network\":{\"type\":\"bridge\"},\"Source\":\"{\\\"type\\\":\\\"bridge\\\"}\"}]"));
    assert_non_null(strstr(text.p, "\"IFName\":\"eth0\"}]}"));
}

static int sweep_ready(void *arg, struct err *e)
{
    struct fake *f = arg;
    const char *const bins[] = {f->bin};
    struct cni_options o = {.conf_dir = f->conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = f->cache};
    _cleanup_cni_ struct cni *c = NULL;
    TRY(cni_new(&o, &c, e));
    return cni_ready(c, e);
}

static void test_sweep(void **state)
{
    struct fake *f = *state;
    char sub[128];
    fake_file(f->conf, "10.conflist", NET("podnet", "bridge"));
    fake_file(f->conf, "20.conf", "{\"name\":\"c\",\"type\":\"ptp\"}");
    snprintf(sub, sizeof(sub), "%s/podnet", f->conf);
    assert_int_equal(mkdir(sub, 0755), 0);
    fake_file(sub, "10-x.conf", "{\"type\":\"portmap\"}");
    assert_true(sweep("loading the configuration", sweep_ready, f) > 20);
}

static void *ask_often(void *arg)
{
    struct err e = ERR_INIT;
    for (int i = 0; i < 300; i++)
        (void)cni_ready(arg, &e);
    return NULL;
}

static void test_threads(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    pthread_t t[4];
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask_often, c), 0);
    for (int i = 0; i < 50; i++)
        fake_file(f->conf, "10.conflist", i % 2 ? NET("a", "bridge") : NET("bb", "ptp"));
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_ok(cni_ready(c, &e), &e);
    assert_string_equal(networks(c), "a=eth0");
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_and_reload, start, stop),
        cmocka_unit_test_setup_teardown(test_max_conf_num, start, stop),
        cmocka_unit_test_setup_teardown(test_snapshot, start, stop),
        cmocka_unit_test_setup_teardown(test_bad_files, start, stop),
        cmocka_unit_test_setup_teardown(test_file_size, start, stop),
        cmocka_unit_test_setup_teardown(test_missing_plugin, start, stop),
        cmocka_unit_test_setup_teardown(test_plugin_files, start, stop),
        cmocka_unit_test_setup_teardown(test_single, start, stop),
        cmocka_unit_test_setup_teardown(test_status, start, stop),
        cmocka_unit_test_setup_teardown(test_config_json, start, stop),
        cmocka_unit_test_setup_teardown(test_sweep, start, stop),
        cmocka_unit_test_setup_teardown(test_threads, start, stop),
    };
    return cmocka_run_group_tests_name("cni/config", tests, NULL, NULL);
}
