/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's own configuration, versions 2 to 4: what is taken over, what is let pass, noted or refused, and imports. */
#include "base/scratch.h"

#include "config/config.h"
#include "sweep.h"

static int read_text(struct config *c, const char *text, struct err *e)
{
    config_init(c);
    TRY(config_read(c, "c.toml", view_of(text), e));
    return config_finish(c, e);
}

#define CRI "plugins.\"io.containerd.grpc.v1.cri\""
#define RUNTIME "plugins.'io.containerd.cri.v1.runtime'"
#define IMAGES "plugins.'io.containerd.cri.v1.images'"

static void check_common(const struct config *c)
{
    const struct cri_runtime_options *o = &c->runtime;
    assert_string_equal(o->root, "/ctd/io.containerd.grpc.v1.cri");
    assert_string_equal(o->state, "/run/ctd/io.containerd.grpc.v1.cri");
    assert_string_equal(o->containerd, "/run/ctd.sock");
    assert_null(o->listen);
    assert_string_equal(o->sandbox_image, "pause:1");
    assert_string_equal(o->snapshotter, "native");
    assert_int_equal(o->layers_at_once, 5);
    assert_string_equal(o->registry_config_path, "/certs");
    assert_string_equal(o->cni_conf_dir, "/net.d");
    assert_string_equal(o->cni_bin_dirs[0], "/cni");
    assert_string_equal(o->default_handler, "crun");
    assert_int_equal(o->n_handlers, 2);
    assert_string_equal(o->handlers[1].binary_name, "/usr/bin/crun");
    assert_true(o->handlers[1].systemd_cgroup);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO); /* containerd's own log is not ours */
    assert_int_equal(o->socket_gid, 0);
}

#define RUNTIMES(table, more)                                                                                                         \
    "[" table ".containerd]\n" more "default_runtime_name = 'crun'\n[" table ".containerd.runtimes.crun]\nruntime_type = 'io.containerd.runc.v2'\n" \
    "sandboxer = 'podsandbox'\nruntime_path = ''\n[" table ".containerd.runtimes.crun.options]\nBinaryName = '/usr/bin/crun'\nSystemdCgroup = true\n"
#define OWN_BUSINESS                                                                                                                    \
    "[debug]\nlevel = 'fatal'\naddress = ''\n[metrics]\naddress = ''\n[timeouts]\n'io.containerd.timeout.shim.load' = '5s'\n[proxy_plugins.stargz]\ntype = 'snapshot'\n" \
    "[plugins.'io.containerd.gc.v1.scheduler']\nmutation_threshold = 100\n"

static void test_versions(void **state)
{
    static const char *const texts[] = {
        "version = 2\nroot = '/ctd'\nstate = '/run/ctd'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\noom_score = -999\n"
        "[grpc]\naddress = '/run/ctd.sock'\ngid = 5\n"
        "[" CRI "]\nsandbox_image = 'pause:1'\nmax_concurrent_downloads = 5\nenable_selinux = false\nstream_server_address = '127.0.0.1'\n"
        "stream_server_port = '0'\n"
        "[" CRI ".cni]\nconf_dir = '/net.d'\nbin_dir = '/cni'\n"
        "[" CRI ".registry]\nconfig_path = '/certs'\n[" CRI ".registry.mirrors]\n[" CRI ".x509_key_pair_streaming]\ntls_cert_file = ''\n"
        "[" CRI ".containerd.untrusted_workload_runtime]\nruntime_type = ''\n[" CRI ".containerd.untrusted_workload_runtime.options]\n" RUNTIMES(CRI, "snapshotter = 'native'\n")
        OWN_BUSINESS,
        "version = 3\nroot = '/ctd'\nstate = '/run/ctd'\n[grpc]\naddress = '/run/ctd.sock'\n"
        "[" IMAGES "]\nsnapshotter = 'native'\nmax_concurrent_downloads = 5\nuse_local_image_pull = true\nstats_collect_period = 10\n"
        "[" IMAGES ".pinned_images]\nsandbox = 'pause:1'\n[" IMAGES ".registry]\nconfig_path = '/certs'\n[" IMAGES ".image_decryption]\nkey_model = 'node'\n"
        "[" RUNTIME "]\nenable_cdi = false\ncdi_spec_dirs = ['/etc/cdi']\nstats_collect_period = '1s'\ndrain_exec_sync_io_timeout = '0s'\n"
        "[" RUNTIME ".cni]\nbin_dir = '/cni'\nbin_dirs = ['/opt/cni/bin']\nconf_dir = '/net.d'\nuse_internal_loopback = true\n" RUNTIMES(RUNTIME, "")
        "[" CRI "]\ndisable_tcp_service = true\nstream_idle_timeout = '4h0m0s'\nenable_tls_streaming = false\n" OWN_BUSINESS,
        "version = 4\nroot = '/ctd'\nstate = '/run/ctd'\n[plugins.'io.containerd.server.v1.grpc']\naddress = '/run/ctd.sock'\ngid = 5\n"
        "[grpc]\naddress = '/older'\n"
        "[" IMAGES "]\nsnapshotter = 'native'\nmax_concurrent_downloads = 5\n[" IMAGES ".pinned_images]\nsandbox = 'pause:1'\n"
        "[" IMAGES ".registry]\nconfig_path = '/certs'\n[" RUNTIME ".cni]\nbin_dirs = ['/cni']\nconf_dir = '/net.d'\n" RUNTIMES(RUNTIME, "") OWN_BUSINESS,
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct config c;
        struct err e = ERR_INIT;
        assert_ok(read_text(&c, texts[i], &e), &e);
        check_common(&c);
        assert_int_equal(c.notes.n, 0);
        config_done(&c);
    }
}

/* What asks for what is not served: refused, or noted. */
static void test_asked(void **state)
{
    static const struct {
        const char *text, *problem, *note;
    } cases[] = {
        {"version = 1\n", "line 1: version: versions 2, 3 and 4", NULL},
        {"version = 5\n", "line 1: version: versions 2, 3 and 4", NULL},
        {"version = '2'\n", "line 1: version: versions 2, 3 and 4", NULL},
        {"[plugins.cri]\nsandbox_image = 'x'\n", "line 1: plugins.cri: this is version 1", NULL},
        {"version = 2\n[" CRI "]\nenable_selinux = true\n", "line 3: enable_selinux: it is not supported: SELinux", NULL},
        {"version = 2\n[" CRI "]\nsandbox_imag = 'x'\n", "line 3: sandbox_imag: unknown key; did you mean sandbox_image?", NULL},
        {"version = 2\n[" CRI ".registry.mirrors.'docker.io']\nendpoint = ['https://m']\n", "line 2: registry.mirrors: it is not supported", NULL},
        {"version = 2\n[" CRI ".containerd.default_runtime]\nruntime_type = 'io.containerd.runc.v1'\n", "containerd.default_runtime: it is not", NULL},
        {"version = 2\n[" CRI ".containerd.runtimes.kata]\nruntime_type = 'k'\nruntime_path = '/x'\n", "line 4: containerd.runtimes.kata.runtime_path: ", NULL},
        {"version = 3\n[" RUNTIME ".containerd.runtimes.w]\nruntime_type = 'k'\nsandboxer = 'shim'\n", "containerd.runtimes.w.sandboxer: ", NULL},
        {"version = 3\n[" IMAGES ".runtime_platforms.w]\nsnapshotter = 'x'\n", "runtime_platforms: it is not supported", NULL},
        {"version = 2\n[" CRI "]\nstream_server_address = '0.0.0.0'\n", NULL, "line 3: stream_server_address: it has no effect"},
        {"version = 3\n[" RUNTIME "]\nenable_cdi = true\n", NULL, "enable_cdi: it has no effect: devices by CDI"},
        {"version = 3\n[" IMAGES "]\ndiscard_unpacked_layers = true\n", NULL, "containerd.discard_unpacked_layers: it has no effect"},
        {"version = 3\n[" IMAGES "]\ndisable_snapshot_annotations = false\n", NULL, "containerd.disable_snapshot_annotations: it has no effect"},
        {"version = 3\n[" IMAGES "]\ndisable_snapshot_annotations = true\n", NULL, NULL},
        {"version = 3\n[" IMAGES ".pinned_images]\nother = 'x:1'\n", NULL, "pinned_images.other: it has no effect"},
        {"version = 2\n[" CRI ".x509_key_pair_streaming]\ntls_key_file = '/k'\n", NULL, "x509_key_pair_streaming: it has no effect"},
        /* the same in a file of this daemon's own */
        {"enable_selinux = true\n", "line 1: enable_selinux: it is not supported", NULL},
        {"enable_selinux = false\nstream_server_port = '10010'\n", NULL, "line 2: stream_server_port: it has no effect"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct config c;
        struct err e = ERR_INIT;
        int r = read_text(&c, cases[i].text, &e);
        if ((r < 0) != (cases[i].problem != NULL) || (r < 0 && !strstr(e.message, cases[i].problem)))
            fail_msg("%s\n%d: %s", cases[i].text, r, e.message);
        if ((c.notes.n > 0) != (cases[i].note != NULL) || (c.notes.n && !strstr(c.notes.v[0], cases[i].note)))
            fail_msg("%s\n%s", cases[i].text, c.notes.n ? c.notes.v[0] : "no note");
        config_done(&c);
    }
}

/* No value of a table with credentials gets into a message. */
static void test_secrets(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    assert_int_equal(read_text(&c, "version = 2\n[" CRI ".registry.configs.'r.io'.auth]\npassword = 'hunter2'\n[" CRI ".registry.auths.'r.io']\nauth = 'hunter2'\n", &e),
                     -ERR_INVALID_ARGUMENT);
    assert_int_equal(c.n_problems, 2);
    for (size_t i = 0; i < c.problems.n; i++)
        assert_null(strstr(c.problems.v[i], "hunter2"));
    config_done(&c);
}

static int load(struct config *c, const char *path, struct err *e)
{
    config_init(c);
    TRY(config_load(c, path, true, e));
    return config_finish(c, e);
}

static void test_imports(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    put(at("config.toml"), "version = 2\nimports = ['conf.d/*.toml', 'one.toml', 'none/*.toml']\n[" CRI "]\nsandbox_image = 'main:1'\nmax_concurrent_downloads = 1\n");
    assert_int_equal(mkdir(at("conf.d"), 0755), 0);
    put(at("conf.d/a.toml"), "version = 3\n[" IMAGES "]\nmax_concurrent_downloads = 2\n[" IMAGES ".pinned_images]\nsandbox = 'a:1'\n");
    put(at("conf.d/b.toml"), "[grpc]\naddress = '/ctd'\n[debug]\nlevel = 'debug'\n"); /* containerd's layout, though nothing in it says so */
    put(at("one.toml"), "version = 2\nimports = ['config.toml', 'one.toml', 'conf.d/a.toml']\n[" CRI "]\nsandbox_image = 'one:1'\n"); /* each once */
    assert_int_equal(mkdir(at("config.toml.d"), 0755), 0);
    put(at("config.toml.d/x.toml"), "ignore_image_defined_volumes = true\n");
    assert_ok(load(&c, at("config.toml"), &e), &e);
    assert_string_equal(c.runtime.sandbox_image, "one:1");
    assert_int_equal(c.runtime.layers_at_once, 2);
    assert_string_equal(c.runtime.containerd, "/ctd");
    assert_null(c.runtime.listen);
    assert_int_equal(c.log_level, LOG_LEVEL_INFO);
    assert_true(c.runtime.ignore_image_defined_volumes);
    config_done(&c);
    put(at("one.toml"), "version = 2\nimports = ['missing.toml']\n");
    assert_fails(load(&c, at("config.toml"), &e), &e, ERR_NOT_FOUND, "missing.toml");
    config_done(&c);
}

static void test_import_limit(void **state)
{
    struct config c;
    struct err e = ERR_INIT;
    put(at("config.toml"), "version = 2\nimports = ['i/*.toml']\n");
    assert_int_equal(mkdir(at("i"), 0755), 0);
    for (int i = 1; i <= CONFIG_DROP_INS_MAX + 1; i++) {
        put(at("i/%d.toml", i), "");
        int r = load(&c, at("config.toml"), &e);
        assert_int_equal(r, i <= CONFIG_DROP_INS_MAX ? 0 : -ERR_OUT_OF_RANGE);
        config_done(&c);
    }
}

static int load_once(void *arg, struct err *e)
{
    struct config c;
    int r = load(&c, arg, e);
    config_done(&c);
    return r;
}

static void test_memory(void **state)
{
    put(at("config.toml"), "version = 2\nroot = '/r'\nimports = ['one.toml']\n[" CRI "]\nsandbox_image = 'main:1'\nstream_server_port = '5'\n");
    put(at("one.toml"), "version = 3\n[" IMAGES ".pinned_images]\nsandbox = 'a:1'\nother = 'b'\n");
    assert_true(sweep("load", load_once, at("config.toml")) > 20);
    assert_int_equal(descriptor_sweep(load_once, at("config.toml")), 1);
}

/* What a running daemon is told about a changed configuration. */
static void test_changes(void **state)
{
    static const char before[] = "sandbox_image = 'a:1'\ndebug.level = 'info'\n[containerd.runtimes.k]\nruntime_type = 'k'\n[containerd.runtimes.gone]\nruntime_type = 'g'\n";
    static const char after[] = "sandbox_image = 'b:1'\ndebug.level = 'debug'\ncni.bin_dir = '/x'\n[containerd.runtimes.new]\nruntime_type = 'n'\n"
                                "[containerd.runtimes.k]\nruntime_type = 'k'\nsnapshotter = 's'\n";
    struct config old, now;
    struct err e = ERR_INIT;
    struct strlist changed = {0};
    assert_ok(read_text(&old, before, &e), &e);
    assert_ok(read_text(&now, before, &e), &e);
    assert_ok(config_changes(&old, &now, &scratch_arena, &changed, &e), &e);
    assert_int_equal(changed.n, 0);
    config_done(&now);
    assert_ok(read_text(&now, after, &e), &e);
    assert_ok(config_changes(&old, &now, &scratch_arena, &changed, &e), &e);
    assert_int_equal(changed.n, 5);
    for (const char *const *want = (const char *const[]){"sandbox_image", "cni.bin_dirs", "containerd.runtimes.k.snapshotter", "containerd.runtimes.gone",
                                                         "containerd.runtimes.new", NULL};
         *want; want++)
        assert_true(strlist_has(&changed, *want));
    config_done(&now);
    config_done(&old);
}

#define FILES_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions), cmocka_unit_test(test_asked), cmocka_unit_test(test_secrets), FILES_TEST(test_imports),
        FILES_TEST(test_import_limit),   FILES_TEST(test_memory),      FILES_TEST(test_changes),
    };
    return cmocka_run_group_tests_name("config/containerd", tests, NULL, NULL);
}
