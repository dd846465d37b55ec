/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinned network namespaces, and a pod on Debian's own bridge, host-local and portmap plugins. Needs root: the program puts
 * itself into mount and network namespaces of its own, so that nothing of the machine is touched. Without root, or without the
 * plugins, the tests say so and are skipped.
 */
#include "cni/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "fake_plugins.h"
#include "sweep.h"

#define PLUGIN_DIR "/usr/lib/cni"

static const char *no_namespaces; /* why namespaces cannot be made, NULL when they can */
static char dir[64];

/* Moves this program into namespaces of its own, with a temporary directory and an empty /run. */
static void isolate(void)
{
    static char why[160];
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0) {
        snprintf(why, sizeof(why), "namespaces cannot be made here: %s", strerror(errno));
        no_namespaces = why;
    }
    snprintf(dir, sizeof(dir), "/tmp/cni-netns-XXXXXX");
    if (!mkdtemp(dir))
        no_namespaces = "no temporary directory";
}

static void need_namespaces(void)
{
    if (no_namespaces) {
        print_message("skipped: %s\n", no_namespaces);
        skip();
    }
}

static void test_path(void **state)
{
    struct err e = ERR_INIT;
    _cleanup_free_ char *a = NULL, *b = NULL;

    assert_ok(netns_path_new("/var/run/netns", &a, &e), &e);
    assert_ok(netns_path_new("/var/run/netns", &b, &e), &e);
    assert_int_equal(strlen(a), strlen("/var/run/netns/cni-") + 36);
    assert_string_not_equal(a, b);
    const char *hex = a + strlen("/var/run/netns/cni-");
    for (size_t i = 0; i < 36; i++)
        assert_true(i == 8 || i == 13 || i == 18 || i == 23 ? hex[i] == '-' : strchr("0123456789abcdef", hex[i]) != NULL);
    assert_fails(netns_path_new("netns", &a, &e), &e, ERR_INVALID_ARGUMENT, "\"netns\"");
}

static int sweep_path(void *arg, struct err *e)
{
    _cleanup_free_ char *path = NULL;
    return netns_path_new("/var/run/netns", &path, e);
}

static void test_path_sweep(void **state)
{
    assert_int_equal(sweep("netns path", sweep_path, NULL), 2);
}

static int flags_of(const char *name)
{
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq req = {0};
    snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
    return fd < 0 || ioctl(fd, SIOCGIFFLAGS, &req) < 0 ? -1 : req.ifr_flags;
}

static int lo_is_up(void *arg, struct err *e)
{
    *(bool *)arg = (flags_of("lo") & IFF_UP) != 0;
    return 0;
}

static void test_create_remove(void **state)
{
    struct err e = ERR_INIT;
    _cleanup_free_ char *path = NULL;
    char below[96];
    bool up = false, ipv6 = false;

    need_namespaces();
    snprintf(below, sizeof(below), "%s/a/netns", dir);
    assert_ok(netns_path_new(below, &path, &e), &e);
    assert_false(netns_is_mounted(path));
    assert_fails(netns_loopback_up(path, &ipv6, &e), &e, ERR_NOT_FOUND, path);
    assert_int_equal(flags_of("lo") & IFF_UP, 0);
    assert_ok(netns_create(path, &e), &e);
    assert_true(netns_is_mounted(path));
    struct stat st;
    assert_int_equal(stat(below, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    /* This thread is where it was; inside, lo is up. */
    assert_int_equal(flags_of("lo") & IFF_UP, 0);
    assert_ok(netns_run(path, lo_is_up, &up, &e), &e);
    assert_true(up);
    assert_ok(netns_loopback_up(path, &ipv6, &e), &e);
    assert_int_equal(flags_of("lo") & IFF_UP, 0);
    assert_fails(netns_create(path, &e), &e, ERR_ALREADY_EXISTS, path);
    assert_true(netns_is_mounted(path));
    assert_ok(netns_remove(path, &e), &e);
    assert_false(netns_is_mounted(path));
    assert_false(fs_exists(path));
    assert_ok(netns_remove(path, &e), &e);
    assert_ok(netns_remove("", &e), &e);
    assert_ok(netns_remove(NULL, &e), &e);
}

static void test_remove_odd(void **state)
{
    struct err e = ERR_INIT;
    char path[128];

    need_namespaces();
    snprintf(path, sizeof(path), "%s/odd", dir);
    /* The file without a mount: a daemon died between the two. */
    assert_ok(fs_write_file(path, VIEW_EMPTY, 0444, &e), &e);
    assert_false(netns_is_mounted(path));
    assert_ok(netns_remove(path, &e), &e);
    assert_false(fs_exists(path));
    /* Mounted twice. */
    assert_ok(netns_create(path, &e), &e);
    assert_int_equal(mount(path, path, NULL, MS_BIND, NULL), 0);
    assert_ok(netns_remove(path, &e), &e);
    assert_false(fs_exists(path));
    /* What cannot be ours is left alone: a file with contents, a directory, a link. */
    assert_ok(fs_write_file(path, VIEW_LIT("precious"), 0644, &e), &e);
    assert_fails(netns_remove(path, &e), &e, ERR_FAILED_PRECONDITION, "left alone");
    assert_true(fs_exists(path));
    assert_fails(netns_remove(dir, &e), &e, ERR_FAILED_PRECONDITION, "left alone");
    /* A namespace of another kind is none of these. */
    assert_false(netns_is_mounted("/proc/self/ns/mnt"));
    assert_true(netns_is_mounted("/proc/self/ns/net"));
    assert_false(netns_is_mounted("/dev/null"));
}

static void test_bind(void **state)
{
    struct err e = ERR_INIT;
    char path[128], other[128];
    bool up = false;

    need_namespaces();
    snprintf(path, sizeof(path), "%s/one", dir);
    snprintf(other, sizeof(other), "%s/two", dir);
    assert_fails(netns_bind(other, path, &e), &e, ERR_NOT_FOUND, path);
    assert_false(fs_exists(other));
    assert_ok(netns_create(path, &e), &e);
    assert_ok(netns_bind(other, path, &e), &e);
    assert_ok(netns_remove(path, &e), &e);
    assert_true(netns_is_mounted(other)); /* the namespace lives on */
    assert_ok(netns_run(other, lo_is_up, &up, &e), &e);
    assert_true(up);
    assert_ok(netns_remove(other, &e), &e);
}

/* --- the real plugins --- */

struct seen {
    char address[64];
    bool up;
};

static int see_eth0(void *arg, struct err *e)
{
    struct seen *s = arg;
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq req = {0};
    memcpy(req.ifr_name, "eth0", 5);
    s->up = (flags_of("eth0") & IFF_UP) != 0;
    if (fd >= 0 && ioctl(fd, SIOCGIFADDR, &req) == 0)
        inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&req.ifr_addr)->sin_addr, s->address, sizeof(s->address));
    return 0;
}

/* Runs a command and returns how many lines it printed. */
static size_t lines_of(const char *format, ...) _printf_(1, 2);
static size_t lines_of(const char *format, ...)
{
    char command[512];
    size_t n = 0;
    va_list ap;
    va_start(ap, format);
    vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    for (int ch; (ch = fgetc(p)) != EOF;)
        n += ch == '\n';
    pclose(p);
    return n;
}

static size_t interfaces(void)
{
    struct if_nameindex *list = if_nameindex();
    size_t n = 0;
    assert_non_null(list);
    while (list[n].if_index != 0)
        n++;
    if_freenameindex(list);
    return n;
}

static void write_conf(const char *conf, bool portmap, bool masquerade, bool dual)
{
    char text[2048];
    snprintf(
        text, sizeof(text),
        "{\"cniVersion\":\"1.0.0\",\"name\":\"unitnet\",\"plugins\":[{\"type\":\"bridge\",\"bridge\":\"cniunit0\",\"isGateway\":"
        "true,"
        "\"ipMasq\":%s,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"%s/ipam\",\"ranges\":[[{\"subnet\":\"10.199.0.0/24\"}]%s],"
        "\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}%s]}",
        masquerade ? "true" : "false", dir, dual ? ",[{\"subnet\":\"fd00:199::/64\"}]" : "",
        portmap ? ",{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}" : "");
    fake_file(conf, "10-unit.conflist", text);
}

static void test_real_bridge(void **state)
{
    const char *const bins[] = {PLUGIN_DIR};
    static const struct cni_port_mapping ports[] = {{.host_port = 18080, .container_port = 80, .protocol = "TCP"}};
    char conf[96], cache[96], pins[96];
    struct err e = ERR_INIT;

    need_namespaces();
    if (access(PLUGIN_DIR "/bridge", X_OK) < 0 || access(PLUGIN_DIR "/host-local", X_OK) < 0) {
        print_message("skipped: the CNI plugins are not installed in " PLUGIN_DIR " (package containernetworking-plugins)\n");
        skip();
    }
    bool portmap = access("/usr/sbin/iptables", X_OK) == 0 && access(PLUGIN_DIR "/portmap", X_OK) == 0;
    if (!portmap)
        print_message("without iptables: the portmap plugin is left out\n");
    snprintf(conf, sizeof(conf), "%s/net.d", dir);
    snprintf(cache, sizeof(cache), "%s/cache", dir);
    snprintf(pins, sizeof(pins), "%s/pins", dir);
    assert_ok(fs_mkdir_all(conf, 0755, &e), &e);

    struct cni_options o = {.conf_dir = conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = cache};
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_free_ char *path = NULL;
    struct ctx background = CTX_BACKGROUND, ctx = ctx_with_timeout(&background, 60 * NSEC_PER_SEC);
    struct cni_pod_result r;
    struct seen seen = {0};

    assert_ok(cni_new(&o, &c, &e), &e);
    write_conf(conf, portmap, portmap, false);
    assert_ok(cni_status(c, &ctx, &e), &e);
    for (int round = 0; round < 3; round++) {
        bool dual = round > 0;
        assert_ok(fs_mkdir_all(conf, 0755, &e), &e); /* the last round had removed it */
        /* The bridge plugin forgets its masquerading rules when the namespace is gone before DEL: without them in that round. */
        write_conf(conf, portmap, portmap && round < 2, dual);
        mem_free(TAKE_PTR(path));
        assert_ok(netns_path_new(pins, &path, &e), &e);
        assert_ok(netns_create(path, &e), &e);
        struct cni_pod pod = {
            .id = FAKE_ID, .netns = path, .name = "web", .namespace_ = "prod", .uid = "u", .ports = ports, .n_ports = dual};
        assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
        assert_ok(netns_run(path, see_eth0, &seen, &e), &e);
        assert_true(seen.up);
        assert_string_equal(seen.address, r.ip);
        assert_int_equal(r.additional_ips.n, dual);
        if (dual)
            assert_int_equal(strncmp(r.additional_ips.v[0], "fd00:199::", 10), 0);
        else /* not with ports: portmap 1.1.1 looks for its IPv4 rules among the IPv6 ones, too */
            assert_ok(cni_check(c, &ctx, &pod, &e), &e);
        assert_int_equal(interfaces(), 3); /* lo, the bridge, the pod's veth */
        assert_int_equal(lines_of("find %s/ipam -name '10.199.*'", dir), 1);
        if (portmap && dual)
            assert_true(lines_of("iptables-save -t nat | grep 'dport 18080'") > 0);
        if (round > 0)
            assert_ok(fs_remove_all(conf, &e), &e);
        if (round == 2)
            assert_ok(netns_remove(path, &e), &e);
        assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
        assert_ok(netns_remove(path, &e), &e);
        assert_int_equal(interfaces(), 2);
        assert_int_equal(lines_of("find %s/ipam -name '10.199.*'", dir), 0);
        assert_int_equal(lines_of("find %s/ipam -name 'fd00*'", dir), 0);
        assert_int_equal(lines_of("find %s %s -type f", cache, pins), 0);
        if (portmap)
            assert_int_equal(lines_of("iptables-save -t nat | grep -e %s -e 18080", FAKE_ID), 0);
    }
}

/* The second plugin cannot work: what the first one made is undone. */
static void test_real_rollback(void **state)
{
    const char *const bins[] = {PLUGIN_DIR};
    char conf[96], cache[96], pins[96], text[1024];
    struct err e = ERR_INIT;

    need_namespaces();
    if (access(PLUGIN_DIR "/bridge", X_OK) < 0 || access(PLUGIN_DIR "/host-local", X_OK) < 0)
        skip();
    snprintf(conf, sizeof(conf), "%s/net2.d", dir);
    snprintf(cache, sizeof(cache), "%s/cache2", dir);
    snprintf(pins, sizeof(pins), "%s/pins2", dir);
    assert_ok(fs_mkdir_all(conf, 0755, &e), &e);
    snprintf(text, sizeof(text),
             "{\"cniVersion\":\"1.0.0\",\"name\":\"badnet\",\"plugins\":[{\"type\":\"bridge\",\"bridge\":\"cniunit0\","
             "\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"%s/ipam2\",\"subnet\":\"10.198.0.0/24\"}},"
             "{\"type\":\"tuning\",\"sysctl\":{\"net.ipv4.nonsense\":\"1\"}}]}",
             dir);
    fake_file(conf, "10.conflist", text);
    struct cni_options o = {.conf_dir = conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = cache};
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_free_ char *path = NULL;
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod_result r;

    size_t before = interfaces();
    assert_ok(cni_new(&o, &c, &e), &e);
    assert_ok(netns_path_new(pins, &path, &e), &e);
    assert_ok(netns_create(path, &e), &e);
    struct cni_pod pod = {.id = FAKE_ID, .netns = path, .name = "web", .namespace_ = "prod", .uid = "u"};
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_UNKNOWN, "network \"badnet\": plugin \"tuning\" (ADD) failed: ");
    assert_ok(netns_remove(path, &e), &e);
    assert_true(interfaces() <= before + 1); /* the bridge may stay */
    assert_int_equal(lines_of("find %s/ipam2 -name '10.198.*'", dir), 0);
    assert_int_equal(lines_of("find %s -type f", cache), 0);
}

int main(void)
{
    mem_install_hooks();
    isolate();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),          cmocka_unit_test(test_path_sweep), cmocka_unit_test(test_create_remove),
        cmocka_unit_test(test_remove_odd),    cmocka_unit_test(test_bind),       cmocka_unit_test(test_real_bridge),
        cmocka_unit_test(test_real_rollback),
    };
    int r = cmocka_run_group_tests_name("cni/netns", tests, NULL, NULL);
    (void)fs_remove_all(dir, NULL);
    return r;
}
