/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a configuration: single ones, whole directories, and how much is looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "support.h"
#include "sweep.h"

#include "base/fs.h"
#include "cri/devices.h"

static char dir[64];

static int setup(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/test-devices-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    return fs_remove_all(dir, NULL);
}

static const char *below(const char *name)
{
    static char path[4][160];
    static unsigned i;
    snprintf(path[++i % 4], sizeof path[0], "%s/%s", dir, name);
    return path[i % 4];
}

static void make(const char *name, mode_t mode, unsigned minor)
{
    if (mknod(below(name), mode, makedev(1, minor)) < 0) {
        if (geteuid() == 0)
            fail_msg("mknod %s", name);
        print_message("device nodes need root\n");
        skip();
    }
}

struct request {
    Runtime__V1__ContainerConfig config;
    Runtime__V1__Device device, *devices[1];
};

static void init(struct request *q, const char *host, const char *container, const char *permissions)
{
    runtime__v1__container_config__init(&q->config);
    runtime__v1__device__init(&q->device);
    q->device.host_path = (char *)host;
    q->device.container_path = (char *)container;
    q->device.permissions = (char *)permissions;
    q->devices[0] = &q->device;
    q->config.devices = q->devices;
    q->config.n_devices = 1;
}

static const struct oci_device *find(const struct devices *list, const char *path)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i].path, path) == 0)
            return &list->v[i];
    return NULL;
}

static void test_single(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct devices list = {0};
    struct request q;
    struct err e = ERR_INIT;
    init(&q, "/dev/null", "/dev/nothing", "r");
    assert_ok(devices_resolve(&q.config, &a, &list, &e), &e);
    init(&q, "/dev/zero", "", "");
    assert_ok(devices_resolve(&q.config, &a, &list, &e), &e);
    assert_int_equal(list.n, 2);
    const struct oci_device *null = find(&list, "/dev/nothing"), *zero = find(&list, "/dev/zero");
    assert_true(null && null->type == 'c' && null->major == 1 && null->minor == 3);
    assert_string_equal(null->access, "r");
    assert_true(zero && zero->minor == 5);
    assert_string_equal(zero->access, "rwm");
    assert_int_equal(symlink("/dev/full", below("link")), 0);
    init(&q, below("link"), "/dev/f", "");
    assert_ok(devices_resolve(&q.config, &a, &list, &e), &e);
    assert_int_equal(find(&list, "/dev/f")->minor, 7);
    assert_int_equal(unlink(below("link")), 0);
}

static void test_directory(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct devices list = {0};
    struct request q;
    struct err e = ERR_INIT;
    make("one", S_IFCHR | 0640, 3);
    make("console", S_IFCHR | 0600, 3);
    make("fifo", S_IFIFO | 0600, 0);
    assert_ok(fs_mkdir_all(below("sub/pts"), 0700, &e), &e);
    make("sub/two", S_IFBLK | 0600, 5);
    make("sub/pts/three", S_IFCHR | 0600, 5);
    assert_ok(fs_write_file(below("file"), VIEW_LIT("x"), 0600, &e), &e);
    assert_int_equal(symlink("one", below("link")), 0);
    assert_int_equal(symlink("/", below("root")), 0);
    assert_ok(fs_mkdir_all(below("d/d/d/d/d/d/d/d"), 0700, &e), &e);
    make("d/d/d/d/d/d/d/last", S_IFCHR | 0600, 5);         /* in the eighth directory */
    make("d/d/d/d/d/d/d/d/too-deep", S_IFCHR | 0600, 5);
    init(&q, dir, "/dev/mine", "rw");
    assert_ok(devices_resolve(&q.config, &a, &list, &e), &e);
    assert_int_equal(list.n, 3);
    const struct oci_device *one = find(&list, "/dev/mine/one"), *two = find(&list, "/dev/mine/sub/two");
    assert_true(one && one->type == 'c' && one->major == 1 && one->minor == 3 && one->mode == 0640);
    assert_true(two && two->type == 'b' && two->minor == 5);
    assert_string_equal(two->access, "rw");
    assert_non_null(find(&list, "/dev/mine/d/d/d/d/d/d/d/last"));
    /* Without a path in the container it is the host's. */
    list = (struct devices){0};
    init(&q, dir, "", "");
    assert_ok(devices_resolve(&q.config, &a, &list, &e), &e);
    assert_non_null(find(&list, below("one")));
}

static int resolve(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct devices list = {0};
    struct request *q = arg;
    return devices_resolve(&q->config, &a, &list, e);
}

static void test_memory_short(void **state)
{
    struct request q;
    char name[16];
    for (unsigned i = 0; i < 40; i++) { /* the list grows twice */
        snprintf(name, sizeof name, "n%u", i);
        make(name, S_IFCHR | 0600, i);
    }
    init(&q, dir, "/x", "");
    assert_true(sweep("devices_resolve", resolve, &q) > 40);
}

/* ADA-CRIO-22-04: a device path of "/" must not walk the file system of the node. */
static void test_ada_crio_22_04(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(64 << 20);
    struct devices list = {0};
    struct request q;
    struct err e = ERR_INIT;
    char name[16];
    init(&q, dir, "/x", "");
    for (unsigned i = 0; i < DEVICES_LOOKED_AT_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(symlink("/", below(name)), 0);
    }
    assert_ok(devices_resolve(&q.config, &a, &list, &e), &e);
    assert_int_equal(list.looked_at, DEVICES_LOOKED_AT_MAX);
    list = (struct devices){0};
    assert_int_equal(symlink("/", below("one-more")), 0);
    assert_fails(devices_resolve(&q.config, &a, &list, &e), &e, ERR_OUT_OF_RANGE, "config.devices[0]: ");
    assert_non_null(strstr(e.message, "more than 16384 files in search of devices"));
    list = (struct devices){0};
    init(&q, "/", "/x", "");
    err_clear(&e);
    int r = devices_resolve(&q.config, &a, &list, &e);
    assert_true(r == 0 || r == -ERR_OUT_OF_RANGE);
    assert_true(list.looked_at <= DEVICES_LOOKED_AT_MAX + 1);
}

static void test_bad(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct devices list = {0};
    struct request q;
    struct err e = ERR_INIT;
    init(&q, "/no/such/device", "", "");
    assert_fails(devices_resolve(&q.config, &a, &list, &e), &e, ERR_NOT_FOUND, "config.devices[0]: /no/such/device");
    init(&q, "/etc/passwd", "/dev/x", "");
    assert_fails(devices_resolve(&q.config, &a, &list, &e), &e, ERR_INVALID_ARGUMENT, "config.devices[0]: /etc/passwd is not a device");
    init(&q, "dev/null", "", "");
    assert_fails(devices_resolve(&q.config, &a, &list, &e), &e, ERR_INVALID_ARGUMENT, "host_path \"dev/null\" is not absolute");
    init(&q, "", "", "");
    assert_fails(devices_resolve(&q.config, &a, &list, &e), &e, ERR_INVALID_ARGUMENT, "is not absolute");
    assert_int_equal(list.n, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_single), T(test_directory), T(test_memory_short), T(test_ada_crio_22_04), T(test_bad)};
    return cmocka_run_group_tests_name("cri/devices", tests, NULL, NULL);
}
