/* SPDX-License-Identifier: Apache-2.0 */
/* Each check of the doctor, healthy and broken; the forms of the report. */
#include "fixture.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void test_healthy(void **state)
{
    static const char *const ids[] = {
        "containerd-reachable", "containerd-version", "containerd-cri-plugin", "containerd-plugins", "containerd-snapshotter", "runtime-shim", "runtime-binary",
        "runtime-features", "cgroup-mode", "cgroup-controllers", "cgroup-driver", "cni-config", "cni-plugin", "cni-status", "net-ip-forward", "net-bridge-netfilter",
        "kernel-overlay", "kernel-seccomp", "kernel-user-namespaces", "kernel-openat2", "kernel-pidfd", "kernel-fsopen", "kernel-open-tree", "kernel-idmapped-mounts",
        "process-capabilities", "disk-space", "disk-inodes", "registry-hosts", "sandbox-image", "daemon-lock", "daemon-socket", "leftovers"};
    struct world *w = *state;
    assert_int_equal(look(w), 0);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        assert_found(w, ids[i], OK, NULL);
    for (size_t i = 0; i < w->d.n; i++)
        if (w->d.findings[i].level != OK)
            fail_with(w, "only ok", w->d.findings[i].id);
    assert_int_equal(w->d.count[OK], w->d.n);
    assert_false(w->d.thread_left);
    assert_found(w, "runtime-features", OK, "recursive read-only mounts yes, idmapped mounts no");
    assert_found(w, "cni-plugin", OK, "/cni/host-local");
    /* it has asked, and changed nothing */
    for (size_t i = 0; i < fake_calls(w->fake); i++)
        assert_false(strstr(fake_call(w->fake, i), "Create") || strstr(fake_call(w->fake, i), "Prepare") || strstr(fake_call(w->fake, i), "Delete"));
    assert_int_equal(fake_left_behind(w->fake), 0);
}

static void test_containerd(void **state)
{
    struct world *w = *state;
    fake_fail_method(w->fake, "Version/Version", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "refused", 0);
    assert_int_equal(look(w), 1);
    assert_found(w, "containerd-reachable", ERROR, "containerd at /run/c.sock");
    assert_null(find(w, "leftovers", OK, NULL));
    assert_found(w, "cni-config", OK, NULL); /* the rest is looked at */
    fake_fail_off(w->fake);
    fake_set_version(w->fake, "v1.4.13");
    assert_int_equal(look(w), 0);
    assert_found(w, "containerd-version", WARNING, "1.4.13");
    fake_set_version(w->fake, "v2.1.4-k3s2");
    look(w);
    assert_found(w, "containerd-version", OK, "2.1.4");
    fake_set_version(w->fake, "3.0.0");
    look(w);
    assert_found(w, "containerd-version", NOTE, "newer");
    fake_set_version(w->fake, "unknown");
    look(w);
    assert_found(w, "containerd-version", NOTE, "\"unknown\"");
    fake_set_version(w->fake, "1.7.2");
    w->options.snapshotter = "stargz";
    assert_int_equal(look(w), 1);
    assert_found(w, "containerd-snapshotter", ERROR, "no snapshotter \"stargz\"");
    w->options.snapshotter = "zfs";
    assert_int_equal(look(w), 1);
    assert_found(w, "containerd-snapshotter", ERROR, "does not work");
    w->options.snapshotter = NULL;
    fake_add_plugin(w->fake, "io.containerd.differ.v1", "erofs", "skip plugin"); /* of no matter */
    assert_int_equal(look(w), 0);
    fake_add_plugin(w->fake, "io.containerd.metadata.v1", "bolt", "database is broken");
    fake_add_plugin(w->fake, "io.containerd.grpc.v1", "cri", NULL);
    assert_int_equal(look(w), 1);
    assert_found(w, "containerd-plugins", ERROR, "io.containerd.metadata.v1.bolt does not work: database is broken");
    assert_found(w, "containerd-cri-plugin", ERROR, "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]");
}

static void test_runtimes(void **state)
{
    struct world *w = *state;
    w->options.runtime_binary = "no-such-runc";
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-binary", ERROR, "no-such-runc is not in the search path");
    w->options.runtime_binary = in(w, "/bin/none");
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-binary", ERROR, "/bin/none does not exist");
    put(w, "/bin/plain", "", 0644);
    w->options.runtime_binary = in(w, "/bin/plain");
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-binary", ERROR, "/bin/plain cannot be executed");
    w->options.runtime_binary = NULL;
    w->status = 3;
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-binary", ERROR, "does not run: it was ended by status 3: out of order");
    w->status = 0;
    w->fails = ERR_DEADLINE_EXCEEDED;
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-binary", ERROR, "does not run: ");
    w->fails = ERR_OK;
    gone(w, "/bin/containerd-shim-runc-v2");
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-shim", ERROR, "containerd-shim-runc-v2");
    const struct cri_runtime_handler handlers[] = {{.name = "runc"}, {.name = "kata", .runtime_type = "io.containerd.kata.v2"}, {.name = "path", .runtime_type = "/bin/sh"}};
    w->options.handlers = handlers;
    w->options.n_handlers = 3;
    look(w);
    assert_found(w, "runtime-shim", ERROR, "runtime handler \"kata\": the shim containerd-shim-kata-v2");
    assert_found(w, "runtime-shim", OK, "runtime handler \"path\": /bin/sh");
    assert_null(find(w, "runtime-binary", ERROR, "kata"));
    w->options.default_handler = "none";
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-handlers", ERROR, "\"none\"");
}

static void test_features(void **state)
{
    struct world *w = *state;
    w->features = "{\"linux\":{\"cgroup\":{\"v1\":true,\"v2\":false,\"systemd\":false},\"seccomp\":{\"enabled\":false}}}";
    w->options.systemd_cgroup = true;
    assert_int_equal(look(w), 1);
    assert_found(w, "runtime-features", ERROR, "knows no cgroup v2");
    assert_found(w, "runtime-features", ERROR, "cannot ask systemd");
    assert_found(w, "runtime-features", WARNING, "without seccomp");
    w->options.systemd_cgroup = false;
    w->features = "{}"; /* tells nothing */
    assert_int_equal(look(w), 0);
    assert_found(w, "runtime-features", OK, NULL);
    w->features = NULL;
    assert_int_equal(look(w), 0);
    assert_found(w, "runtime-features", NOTE, "out of order");
    w->features = "[]";
    look(w);
    assert_found(w, "runtime-features", NOTE, "features");
    w->features = "{\"linux\":{\"cgroup\":{\"v2\":1}}}";
    look(w);
    assert_found(w, "runtime-features", NOTE, "linux.cgroup.v2");
    struct doctor_features f;
    struct err e = ERR_INIT;
    assert_ok(doctor_features_parse(VIEW_LIT("{\"linux\":{\"mountExtensions\":{\"idmap\":{\"enabled\":true}}}}"), &f, &e), &e);
    assert_true(f.idmap && !f.has_cgroup && !f.has_seccomp && !f.rro);
}

static void test_cgroups(void **state)
{
    struct world *w = *state;
    folder(w, "/run/systemd/system");
    assert_int_equal(look(w), 0);
    assert_found(w, "cgroup-driver", WARNING, "beside systemd");
    w->options.systemd_cgroup = true;
    look(w);
    assert_found(w, "cgroup-driver", OK, "systemd");
    gone(w, "/run");
    assert_int_equal(look(w), 1);
    assert_found(w, "cgroup-driver", ERROR, "is not this node's init");
    w->options.systemd_cgroup = false;
    assert_null(find(w, "cgroup-driver-kubelet", OK, NULL)); /* no kubelet */
    put(w, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\ncgroupDriver: \"systemd\" # x\n", 0644);
    assert_int_equal(look(w), 0);
    assert_found(w, "cgroup-driver-kubelet", WARNING, "the kubelet's cgroup driver is systemd");
    put(w, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n", 0644);
    look(w);
    assert_found(w, "cgroup-driver-kubelet", OK, "cgroupfs");
    put(w, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n", 0644);
    assert_int_equal(look(w), 1);
    assert_found(w, "cgroup-controllers", ERROR, "controller pids");
    assert_found(w, "cgroup-controllers", NOTE, "controller hugetlb");
    gone(w, "/sys/fs/cgroup/cgroup.controllers");
    assert_int_equal(look(w), 1);
    assert_found(w, "cgroup-controllers", ERROR, "cannot be read");
    w->host.cgroup_mode = OCI_CGROUP_V1;
    put(w, "/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t2\t1\ncpuset\t1\t2\t1\nmemory\t0\t2\t0\npids\t1\t2\t1\nblkio\t1\t1\t1\nhugetlb\t1\t1\t1\n", 0644);
    assert_int_equal(look(w), 1);
    assert_found(w, "cgroup-mode", NOTE, "cgroup v1");
    assert_found(w, "cgroup-controllers", ERROR, "controller memory");
    assert_null(find(w, "cgroup-controllers", ERROR, "controller cpu "));
}

static void test_network(void **state)
{
    struct world *w = *state;
    put(w, "/proc/sys/net/ipv4/ip_forward", "0\n", 0644);
    gone(w, "/proc/sys/net/bridge");
    assert_int_equal(look(w), 0);
    assert_found(w, "net-ip-forward", WARNING, "is 0");
    assert_found(w, "net-bridge-netfilter", NOTE, "does not exist");
    chmod(in(w, "/cni/bridge"), 0644);
    gone(w, "/cni/host-local");
    assert_int_equal(look(w), 1);
    assert_found(w, "cni-plugin", ERROR, "/cni/bridge cannot be executed");
    assert_found(w, "cni-plugin", ERROR, "the plugin \"host-local\" is in none of the plugin directories (");
    assert_found(w, "cni-plugin", OK, "/cni/portmap");
    assert_null(find(w, "cni-status", OK, NULL));
    put(w, "/net.d/10-x.conflist", "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"no\"},{\"type\":\"no\"}]}", 0644);
    put(w, "/cni/no", "#!/bin/sh\necho '{\"code\":50,\"msg\":\"no addresses\"}'\nexit 1\n", 0755);
    assert_int_equal(look(w), 1);
    assert_found(w, "cni-status", ERROR, "no addresses");
    put(w, "/net.d/10-x.conflist", "{", 0644);
    assert_int_equal(look(w), 1);
    assert_found(w, "cni-config", ERROR, "10-x.conflist");
    gone(w, "/net.d");
    assert_int_equal(look(w), 1);
    assert_found(w, "cni-config", ERROR, "/net.d");
    w->options.ip_pref = "ipv5";
    assert_int_equal(look(w), 1);
    assert_found(w, "cni-config", ERROR, "ipv5");
    w->options.ip_pref = NULL;
    const struct cri_runtime_handler handlers[] = {{.name = "runc"}, {.name = "own", .cni_conf_dir = in(w, "/own.d")}};
    put(w, "/own.d/1.conflist", CONFLIST, 0644);
    w->options.handlers = handlers;
    w->options.n_handlers = 2;
    look(w);
    assert_found(w, "cni-config", OK, "/own.d");
}

static void test_kernel(void **state)
{
    struct world *w = *state;
    w->host = (struct oci_host){.cgroup_mode = OCI_CGROUP_V2, .kernel_major = 4, .kernel_minor = 19, .in_user_ns = true, .capabilities = 1};
    no_calls_ = true;
    put(w, "/proc/filesystems", "nodev\tproc\n", 0644);
    put(w, "/proc/sys/user/max_user_namespaces", "0\n", 0644);
    assert_int_equal(look(w), 1);
    assert_found(w, "kernel-overlay", WARNING, "modprobe");
    assert_found(w, "kernel-seccomp", WARNING, NULL);
    assert_found(w, "kernel-user-namespaces", NOTE, "switched off");
    assert_found(w, "kernel-openat2", ERROR, "this kernel (4.19)");
    assert_found(w, "kernel-openat2", ERROR, "Linux 5.6 and later");
    assert_found(w, "kernel-pidfd", ERROR, NULL);
    assert_found(w, "kernel-fsopen", NOTE, NULL);
    assert_found(w, "kernel-open-tree", NOTE, NULL);
    assert_found(w, "kernel-idmapped-mounts", NOTE, NULL);
    assert_found(w, "process-capabilities", ERROR, "lacks CAP_SYS_ADMIN, CAP_NET_ADMIN, ");
    assert_found(w, "process-capabilities", NOTE, "CAP_SYS_RESOURCE");
    assert_found(w, "process-user-namespace", NOTE, NULL);
    gone(w, "/proc/sys/user");
    w->options.snapshotter = "native";
    look(w);
    assert_found(w, "kernel-user-namespaces", NOTE, "has no user namespaces");
    assert_found(w, "kernel-overlay", NOTE, NULL);
}

static int no_space(const char *path, struct statvfs *ret)
{
    errno = EIO;
    return -1;
}

static void test_disk(void **state)
{
    struct world *w = *state;
    w->options.root = in(w, "/not/yet/there");
    assert_int_equal(look(w), 0);
    assert_found(w, "disk-space", OK, "/not/yet/there: 2048 MiB of 4096 MiB");
    assert_false(fs_exists(in(w, "/not")));
    space_.f_bavail = (1 << 20) / 100 * 10 - 1;
    space_.f_favail = 49999;
    assert_int_equal(look(w), 0);
    assert_found(w, "disk-space", WARNING, "below 10%");
    assert_found(w, "disk-inodes", WARNING, "below 5%");
    space_.f_bavail++;
    space_.f_favail++;
    look(w);
    assert_found(w, "disk-space", OK, NULL);
    assert_found(w, "disk-inodes", OK, NULL);
    space_.f_bavail = 4096;
    space_.f_favail = 256;
    assert_int_equal(look(w), 0);
    assert_found(w, "disk-space", WARNING, NULL);
    assert_found(w, "disk-inodes", WARNING, NULL);
    space_.f_bavail = 4096 - 1;
    space_.f_favail = 255;
    assert_int_equal(look(w), 1);
    assert_found(w, "disk-space", ERROR, "not enough");
    assert_found(w, "disk-inodes", ERROR, "not enough");
    space_.f_files = 0; /* btrfs */
    look(w);
    assert_null(find(w, "disk-inodes", ERROR, NULL));
    space_.f_flag = ST_RDONLY;
    assert_int_equal(look(w), 1);
    assert_found(w, "disk-read-only", ERROR, "root directory");
    assert_found(w, "disk-read-only", ERROR, "containerd's snapshots in /var/lib/containerd/");
    w->view.space = no_space;
    assert_int_equal(look(w), 1);
    assert_found(w, "disk-directory", ERROR, "Input/output error");
    put(w, "/file", "", 0644);
    w->options.root = in(w, "/file/root");
    look(w);
    assert_found(w, "disk-directory", ERROR, "/file is no directory");
}

static int hang_pipe_[2];

static int hang(const char *path, struct statvfs *ret)
{
    char c;
    return (int)read(hang_pipe_[0], &c, 1);
}

/* A file system that does not answer: told, and nothing more is asked of it. */
static void test_hung_disk(void **state)
{
    struct world *w = *state;
    assert_int_equal(pipe(hang_pipe_), 0);
    w->view.space = hang;
    w->view.patience = 0;
    assert_int_equal(look(w), 1);
    assert_found(w, "disk-hangs", ERROR, "root directory");
    assert_found(w, "leftovers", NOTE, "does not answer");
    assert_null(find(w, "daemon-lock", OK, NULL));
    assert_true(w->d.thread_left);
    close(hang_pipe_[1]); /* it goes on, and ends by itself */
}

static void test_images(void **state)
{
    struct world *w = *state;
    put(w, "/certs.d/good.example/hosts.toml", "server = \"https://good.example\"\n", 0644);
    assert_int_equal(look(w), 0);
    assert_found(w, "registry-hosts", OK, "1 registries");
    assert_found(w, "sandbox-image", OK, IMAGE " can be pulled");
    put(w, "/certs.d/bad.example:5000/hosts.toml", "server = 5\n", 0644);
    put(w, "/certs.d/lost.example/hosts.toml", "server = \"https://lost.example\"\nca = \"none.pem\"\nclient = [[\"c.pem\", \"k.pem\"]]\n", 0644);
    w->options.registry_ca = in(w, "/ca.pem");
    assert_int_equal(look(w), 1);
    assert_found(w, "registry-hosts", ERROR, "/certs.d/bad.example:5000/hosts.toml: line 1");
    assert_found(w, "registry-hosts", ERROR, "lost.example/none.pem");
    assert_found(w, "registry-hosts", ERROR, "lost.example/c.pem");
    assert_found(w, "registry-hosts", ERROR, "lost.example/k.pem");
    assert_found(w, "registry-ca", ERROR, "/ca.pem");
    put(w, "/ca.pem", "", 0644);
    put(w, "/plain", "", 0644);
    w->options.registry_config_path = in(w, "/plain:/nowhere::");
    assert_int_equal(look(w), 1);
    assert_found(w, "registry-hosts", ERROR, "/plain cannot be read");
    assert_found(w, "registry-ca", OK, "/ca.pem");
    w->options.registry_config_path = "";
    assert_int_equal(look(w), 0);
    w->registry = 0;
    assert_int_equal(look(w), 0);
    assert_found(w, "sandbox-image", NOTE, "no route");
    w->registry = 404;
    assert_int_equal(look(w), 1);
    assert_found(w, "sandbox-image", ERROR, IMAGE);
    struct ctrd_image image = {.name = IMAGE, .target = {.media_type = "x", .digest = "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", .size = 1}};
    static const struct ctx background = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    assert_ok(ctrd_image_create(&w->ctrd, &background, &image, &e), &e);
    assert_int_equal(look(w), 0);
    assert_found(w, "sandbox-image", OK, "is in containerd");
    w->options.sandbox_image = "UPPER";
    assert_int_equal(look(w), 1);
    assert_found(w, "sandbox-image", ERROR, "UPPER");
    w->options.sandbox_image = "cri-containerd.local/pause:builtin";
    assert_int_equal(look(w), 0);
    assert_found(w, "sandbox-image", OK, "built in");
}

static int serve_at(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* Two others hold locks of their own: one is no flock, one is on another file. */
static void hold_lock(struct world *w, int pid)
{
    struct stat st;
    char line[256];
    put(w, "/state/cri-containerd.lock", "", 0600);
    assert_int_equal(stat(in(w, "/state/cri-containerd.lock"), &st), 0);
    snprintf(line, sizeof line, "1: POSIX  ADVISORY  WRITE 7 00:01:2 0 EOF\n2: FLOCK  ADVISORY  WRITE 8 %02x:%02x:1 0 EOF\n3: FLOCK  ADVISORY  WRITE %d %02x:%02x:%llu 0 EOF\n",
             major(st.st_dev), minor(st.st_dev), pid, major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
    put(w, "/proc/locks", line, 0644);
}

static void test_daemon(void **state)
{
    struct world *w = *state;
    struct err e = ERR_INIT;
    put(w, "/state/cri-containerd.lock", "", 0600); /* left, and held by nobody */
    put(w, "/cri.sock", "", 0600);
    look(w);
    assert_found(w, "daemon-lock", OK, "no daemon");
    assert_found(w, "daemon-socket", NOTE, "was left");
    gone(w, "/cri.sock");
    hold_lock(w, 4711);
    assert_int_equal(look(w), 0);
    assert_found(w, "daemon-lock", OK, "process 4711");
    assert_found(w, "daemon-socket", NOTE, "does not serve");
    int fd = serve_at(in(w, "/cri.sock"));
    look(w);
    assert_found(w, "daemon-socket", WARNING, "(?), which is not the daemon");
    hold_lock(w, getpid());
    look(w);
    assert_found(w, "daemon-socket", OK, "the daemon serves");
    close(fd);
    put(w, "/proc/101/comm", "cri-containerd\n", 0644);
    put(w, "/proc/101/cmdline", "cri-containerd", 0644);
    put(w, "/proc/102/comm", "cri-containerd\n", 0644);
    assert_ok(fs_write_file(in(w, "/proc/102/cmdline"), VIEW_LIT("cri-containerd\0doctor\0--json"), 0644, &e), &e);
    put(w, "/proc/103/comm", "containerd\n", 0644);
    look(w);
    assert_null(find(w, "daemon-second", WARNING, NULL));
    put(w, "/proc/104/comm", "cri-containerd\n", 0644);
    put(w, "/proc/104/cmdline", "cri-containerd", 0644);
    look(w);
    assert_found(w, "daemon-second", WARNING, "104");
}

static void test_report(void **state)
{
    struct doctor d;
    struct world *w = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(DOCTOR_OUTPUT_MAX), json = BUF_INIT(DOCTOR_OUTPUT_MAX);
    doctor_init(&d, &w->options, &w->view);
    doctor_add(&d, OK, "first", NULL, "all %s", "well");
    doctor_add(&d, WARNING, "second", "do\tthis", "a \"thing\"\nwith \033[1m");
    assert_int_equal(doctor_status(&d), 0);
    assert_ok(doctor_text(&d, &text, &e), &e);
    assert_string_equal(text.p, "ok       first                       all well\n"
                                "warning  second                      a \"thing\"?with ?[1m\n"
                                "                                     -> do?this\n"
                                "ok: 1, note: 0, warning: 1, error: 0\n");
    assert_ok(doctor_json(&d, &json, &e), &e);
    assert_string_equal(json.p, "{\"version\":\"" PROJECT_VERSION "\",\"healthy\":true,\"findings\":["
                                "{\"id\":\"first\",\"level\":\"ok\",\"found\":\"all well\",\"advice\":\"\"},"
                                "{\"id\":\"second\",\"level\":\"warning\",\"found\":\"a \\\"thing\\\"\\nwith \\u001b[1m\",\"advice\":\"do\\tthis\"}],"
                                "\"counts\":{\"ok\":1,\"note\":0,\"warning\":1,\"error\":0}}\n");
    for (size_t i = 2; i < DOCTOR_FINDINGS_MAX; i++)
        doctor_add(&d, NOTE, "more", NULL, "%zu", i);
    assert_int_equal(d.n, DOCTOR_FINDINGS_MAX);
    buf_clear(&text);
    assert_ok(doctor_text(&d, &text, &e), &e);
    assert_null(strstr(text.p, "and 1 more"));
    doctor_add(&d, ERROR, "last", "x", "one too many"); /* not kept, and counts */
    assert_int_equal(d.n, DOCTOR_FINDINGS_MAX);
    assert_int_equal(doctor_status(&d), 1);
    buf_clear(&text);
    assert_ok(doctor_text(&d, &text, &e), &e);
    assert_non_null(strstr(text.p, "and 1 more\n"));
    doctor_done(&d);
}

static size_t whole_findings_; /* that a run must have; 0: not known */

static int whole(void *arg, struct err *e)
{
    struct world *w = arg;
    struct doctor d;
    _cleanup_buf_ struct buf text = BUF_INIT(DOCTOR_OUTPUT_MAX), json = BUF_INIT(DOCTOR_OUTPUT_MAX);
    doctor_init(&d, &w->options, &w->view);
    int r = doctor_run(&d, e);
    if (r == 0)
        r = doctor_text(&d, &text, e);
    if (r == 0)
        r = doctor_json(&d, &json, e);
    if (r == 0 && whole_findings_ > 0 && d.n != whole_findings_)
        r = err_raise(e, ERR_INTERNAL, "%zu findings in place of %zu, and no word of memory", d.n, whole_findings_);
    doctor_done(&d);
    return r;
}

/* Healthy, and with much that is wrong. */
static void test_memory(void **state)
{
    struct world *w = *state;
    look(w);
    whole_findings_ = w->d.n;
    assert_true(sweep("healthy", whole, w) > 50);
    put(w, "/certs.d/bad.example/hosts.toml", "server = 5\n", 0644);
    gone(w, "/cni/bridge");
    gone(w, "/bin/runc");
    folder(w, "/state/sandboxes/abababababababababababababababababababababababababababababababab");
    put(w, "/netns/cni-00000000-0000-0000-0000-000000000000", "", 0644);
    put(w, "/proc/101/comm", "cri-containerd\n", 0644);
    put(w, "/proc/101/cmdline", "cri-containerd", 0644);
    put(w, "/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n", 0644);
    w->registry = 404;
    look(w);
    whole_findings_ = w->d.n;
    assert_true(sweep("broken", whole, w) > 50);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {T(test_healthy), T(test_containerd), T(test_runtimes), T(test_features), T(test_cgroups), T(test_network), T(test_kernel),
                                       T(test_disk),    T(test_hung_disk),  T(test_images),     T(test_daemon),   T(test_report),   T(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
