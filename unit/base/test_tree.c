/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directory trees: what is made, and above all what is not removed: the targets of links and what is mounted. The tests with
 * mounts run in a mount namespace of their own and are skipped where that is not allowed.
 */
#include "scratch.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

static void makes_directories(void **state)
{
    struct err e = ERR_INIT;
    struct stat st;
    assert_ok(fs_mkdir_all(at("a/b/c"), 0750, &e), &e);
    assert_ok(fs_mkdir_all(at("a/b/c"), 0700, &e), &e);
    assert_int_equal(stat(at("a/b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_ok(fs_mkdir_all(at("a//d/"), 0700, &e), &e);
    assert_true(fs_exists(at("a/d")));
    assert_ok(fs_mkdir_all("/", 0700, &e), &e);
    assert_ok(fs_mkdir_all(scratch_dir, 0700, &e), &e);
    assert_int_equal(symlink("a", at("link")), 0);
    assert_ok(fs_mkdir_all(at("link/e"), 0700, &e), &e);
    assert_ok(fs_mkdir_all(at("link"), 0700, &e), &e);
    assert_true(fs_exists(at("a/e")));
    put(at("file"), "");
    assert_fails(fs_mkdir_all(at("file"), 0700, &e), &e, ERR_FAILED_PRECONDITION, "exists and is not a directory");
    assert_fails(fs_mkdir_all(at("file/x"), 0700, &e), &e, ERR_FAILED_PRECONDITION, "Not a directory");
    assert_fails(fs_mkdir_all(at("file/x/y"), 0700, &e), &e, ERR_FAILED_PRECONDITION, "Not a directory");
    assert_fails(fs_mkdir_all("/proc/none/x", 0700, &e), &e, ERR_NOT_FOUND, "/proc/none");
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    assert_fails(fs_mkdir_all(at("dangling"), 0700, &e), &e, ERR_FAILED_PRECONDITION, "not a directory");
    assert_fails(fs_mkdir_all("", 0700, &e), &e, ERR_INVALID_ARGUMENT, "without a name");
    int old = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(scratch_dir), 0);
    int r = fs_mkdir_all("r/s", 0700, &e);
    assert_int_equal(fchdir(old), 0);
    close(old);
    assert_ok(r, &e);
    assert_true(fs_exists(at("r/s")));
}

static void removes_trees(void **state)
{
    struct err e = ERR_INIT;
    size_t fds = open_descriptors();
    assert_ok(fs_mkdir_all(at("t/a/b/c"), 0700, &e), &e);
    assert_ok(fs_mkdir_all(at("t/shut"), 0700, &e), &e);
    for (int i = 0; i < 300; i++)
        put(at("t/a/file-%d", i), "x");
    assert_int_equal(mkfifo(at("t/fifo"), 0600), 0);
    assert_int_equal(chmod(at("t/a/b"), 0500 | 0200), 0);
    assert_ok(fs_remove_all(at("t"), &e), &e);
    assert_false(fs_exists(at("t")));
    assert_ok(fs_remove_all(at("t"), &e), &e);
    put(at("file"), "x");
    assert_ok(fs_remove_all(at("file/below"), &e), &e);
    assert_ok(fs_remove_all(at("file"), &e), &e);
    assert_int_equal(entries(scratch_dir), 0);
    assert_int_equal(open_descriptors(), fds);
}

static void does_not_follow_links(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(fs_mkdir_all(at("kept/dir"), 0700, &e), &e);
    put(at("kept/file"), "kept");
    assert_ok(fs_mkdir_all(at("t/sub"), 0700, &e), &e);
    assert_int_equal(symlink(at("kept"), at("t/abs")), 0);
    assert_int_equal(symlink("../../kept", at("t/sub/rel")), 0);
    assert_int_equal(symlink("../kept/file", at("t/file")), 0);
    assert_int_equal(symlink("/", at("t/slash")), 0);
    assert_int_equal(symlink("..", at("t/up")), 0);
    assert_int_equal(link(at("kept/file"), at("t/hard")), 0);
    assert_ok(fs_remove_all(at("t"), &e), &e);
    assert_int_equal(symlink("kept", at("top")), 0);
    assert_ok(fs_remove_all(at("top"), &e), &e);
    assert_false(fs_exists(at("t")) || fs_exists(at("top")));
    assert_int_equal(entries(at("kept")), 2);
    holds(at("kept/file"), "kept");
}

/* Directories below `name`, `levels` deep counting it, so that the path need not fit PATH_MAX. */
static void make_deep(const char *name, int levels)
{
    int fd = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < levels; i++) {
        assert_int_equal(mkdirat(fd, i ? "d" : name, 0700), 0);
        int next = openat(fd, i ? "d" : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
}

/* A container can make more levels in a volume than there are descriptors; its removal must not fail for that. */
static void removes_any_depth(void **state)
{
    static const int levels[] = {255, 256, 257, 258, 511, 512, 513, 3000};
    struct err e = ERR_INIT;
    struct rlimit old, few = {.rlim_cur = 300};
    size_t fds = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        make_deep("deep", levels[i]);
        assert_int_equal(mkdir(at("deep/other"), 0700), 0);
        put(at("deep/other/file"), "");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        int r = fs_remove_all(at("deep"), &e);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_ok(r, &e);
        assert_int_equal(e.code, ERR_OK); /* nothing of the passes before the last */
        assert_int_equal(entries(scratch_dir), 0);
    }
    make_deep("deep", 600);
    assert_ok(fs_remove_all(at("deep"), NULL), &e);
    assert_int_equal(entries(scratch_dir), 0);
    assert_int_equal(open_descriptors(), fds);
}

/* Makes everything that the process mounts from here on its own. */
static bool own_mounts(void)
{
    static int done; /* 0 not yet, 1 yes, -1 not allowed */
    if (done == 0)
        done = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 1 : -1;
    return done > 0;
}

/* A volume with a file, mounted at each of two places of a tree, in the way that `how` says. */
static void mounted_below(const char *how)
{
    struct err e = ERR_INIT;
    if (!own_mounts())
        skip();
    assert_ok(fs_mkdir_all(at("volume"), 0700, &e), &e);
    put(at("volume/data"), "kept");
    assert_ok(fs_mkdir_all(at("t/a/mnt"), 0700, &e), &e);
    put(at("t/a/before"), "x");
    put(at("t/z"), "x");
    if (strcmp(how, "bind") == 0) {
        assert_int_equal(mount(at("volume"), at("t/a/mnt"), NULL, MS_BIND, NULL), 0);
    } else {
        assert_int_equal(mount("none", at("t/a/mnt"), "tmpfs", 0, NULL), 0);
        put(at("t/a/mnt/data"), "kept");
    }
    int r = fs_remove_all(at("t"), &e), direct = fs_remove_all(at("t/a/mnt"), NULL);
    bool kept = fs_exists(at("t/a/mnt/data"));
    bool others = fs_exists(at("t/a/before")) || fs_exists(at("t/z"));
    umount2(at("t/a/mnt"), MNT_DETACH);
    assert_fails(r, &e, ERR_FAILED_PRECONDITION, "mnt");
    assert_int_equal(direct, -ERR_FAILED_PRECONDITION); /* a mount point is not emptied when it is the path itself either */
    assert_true(kept);
    assert_false(others); /* as much as possible is removed */
    holds(at("volume/data"), "kept");
    assert_ok(fs_remove_all(at("t"), &e), &e);
}

static void does_not_enter_other_file_systems(void **state)
{
    mounted_below("tmpfs");
}

static void does_not_enter_bind_mounts(void **state)
{
    mounted_below("bind");
}

/* Nor when it lies so deep that what it lies in was moved. */
static void does_not_enter_a_deep_mount(void **state)
{
    struct err e = ERR_INIT;
    struct stat st;
    char below[3 * 300 + 1] = "";
    if (!own_mounts())
        skip();
    for (int i = 0; i < 300; i++)
        strcat(below, "/d");
    assert_ok(fs_mkdir_all(at("t%s", below), 0700, &e), &e);
    assert_int_equal(mount("none", at("t%s", below), "tmpfs", 0, NULL), 0);
    put(at("t%s/data", below), "kept");
    int fd = open(at("t%s/data", below), O_RDONLY | O_CLOEXEC);
    int r = fs_remove_all(at("t"), &e);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_fails(r, &e, ERR_FAILED_PRECONDITION, "another file system");
    char mount_point[64];
    snprintf(mount_point, sizeof mount_point, "/proc/self/fd/%d", fd);
    char *real = realpath(mount_point, NULL);
    assert_non_null(real);
    *strrchr(real, '/') = '\0';
    close(fd);
    assert_int_equal(umount2(real, MNT_DETACH), 0);
    free(real);
    assert_ok(fs_remove_all(at("t"), &e), &e);
}

static void does_not_remove_a_mounted_file(void **state)
{
    struct err e = ERR_INIT;
    if (!own_mounts())
        skip();
    assert_ok(fs_mkdir_all(at("t"), 0700, &e), &e);
    put(at("volume"), "kept");
    put(at("t/resolv.conf"), "");
    assert_int_equal(mount(at("volume"), at("t/resolv.conf"), NULL, MS_BIND, NULL), 0);
    int r = fs_remove_all(at("t"), &e);
    umount2(at("t/resolv.conf"), MNT_DETACH);
    assert_fails(r, &e, ERR_FAILED_PRECONDITION, "it is a mount point");
    holds(at("volume"), "kept");
}

static void removes_below_a_mount(void **state)
{
    struct err e = ERR_INIT;
    if (!own_mounts())
        skip();
    assert_int_equal(mkdir(at("mnt"), 0700), 0);
    assert_int_equal(mount("none", at("mnt"), "tmpfs", 0, NULL), 0);
    assert_ok(fs_mkdir_all(at("mnt/t/a"), 0700, &e), &e);
    put(at("mnt/t/a/f"), "x");
    int r = fs_remove_all(at("mnt/t"), &e);
    bool there = fs_exists(at("mnt/t"));
    umount2(at("mnt"), MNT_DETACH);
    assert_ok(r, &e);
    assert_false(there);
}

static void unmounts(void **state)
{
    struct err e = ERR_INIT;
    if (!own_mounts())
        skip();
    assert_int_equal(mkdir(at("mnt"), 0700), 0);
    assert_ok(fs_unmount(at("mnt"), &e), &e);
    assert_ok(fs_unmount(at("none"), &e), &e);
    put(at("file"), "x");
    assert_ok(fs_unmount(at("file/x"), &e), &e);
    assert_int_equal(mount("none", at("mnt"), "tmpfs", 0, NULL), 0);
    put(at("mnt/f"), "x");
    _cleanup_fd_ int busy = open(at("mnt/f"), O_RDONLY | O_CLOEXEC);
    assert_true(busy >= 0);
    assert_int_equal(symlink("mnt", at("link")), 0);
    assert_ok(fs_unmount(at("link"), &e), &e); /* the link is not followed */
    assert_true(fs_exists(at("mnt/f")));
    assert_ok(fs_unmount(at("mnt"), &e), &e); /* though it is in use */
    assert_false(fs_exists(at("mnt/f")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_directories),
        TEST(removes_trees),
        TEST(does_not_follow_links),
        TEST(removes_any_depth),
        TEST(does_not_enter_other_file_systems),
        TEST(does_not_enter_bind_mounts),
        TEST(does_not_enter_a_deep_mount),
        TEST(does_not_remove_a_mounted_file),
        TEST(removes_below_a_mount),
        TEST(unmounts),
    };
    umask(0022);
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
