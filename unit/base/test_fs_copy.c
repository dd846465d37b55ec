/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of trees: everything that is to come along does, nothing outside the tree is read or written, every limit holds. What only root can
 * make (owners, devices, capabilities) is tested as root, and left out otherwise.
 */
#include "scratch.h"

#include <limits.h>
#include <sys/mount.h>
#include <sched.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fs_copy.h"
#include "sweep.h"

static const struct ctx background = CTX_BACKGROUND;

static struct fs_copy_limits wide(void)
{
    return (struct fs_copy_limits){.entries = 10000, .depth = 100, .ctx = &background};
}

static int open_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Copies `from` to a new directory `to`; the descriptors that were open before are those that are open after. */
static int copy(struct fs_copy_limits *limits, struct err *e)
{
    assert_int_equal(mkdir(at("to"), 0755), 0);
    size_t fds = open_descriptors();
    int from = open_dir(at("from")), to = open_dir(at("to"));
    int r = fs_copy_tree(from, to, limits, e);
    assert_true(fcntl(from, F_GETFD) >= 0 && fcntl(to, F_GETFD) >= 0);
    close(from);
    close(to);
    assert_int_equal(open_descriptors(), fds);
    return r;
}

static void copy_ok(void)
{
    struct err e = ERR_INIT;
    struct fs_copy_limits limits = wide();
    assert_ok(copy(&limits, &e), &e);
}

static void copy_fails(struct fs_copy_limits limits, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    assert_fails(copy(&limits, &e), &e, code, text);
    assert_ok(fs_remove_all(at("to"), &e), &e);
}

static int setup(void **state)
{
    return scratch_setup(state) < 0 || mkdir(at("from"), 0755) < 0 ? -1 : 0;
}

static struct stat look(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st;
}

/* Both are the same but for inode and change time. */
static void same(const char *name)
{
    struct stat x = look(at("from/%s", name)), y = look(at("to/%s", name));
    assert_int_equal(x.st_mode, y.st_mode);
    assert_int_equal(x.st_uid, y.st_uid);
    assert_int_equal(x.st_gid, y.st_gid);
    assert_int_equal(x.st_mtim.tv_sec, y.st_mtim.tv_sec);
    assert_int_equal(x.st_mtim.tv_nsec, y.st_mtim.tv_nsec);
    assert_int_equal(x.st_nlink, y.st_nlink);
    assert_int_equal(x.st_rdev, y.st_rdev);
    if (!S_ISDIR(x.st_mode))
        assert_int_equal(x.st_size, y.st_size);
}

static void set_times(const char *path, time_t sec)
{
    const struct timespec t[2] = {{.tv_sec = sec + 1, .tv_nsec = 1}, {.tv_sec = sec, .tv_nsec = 123456789}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void copies_everything(void **state)
{
    struct err e = ERR_INIT;
    char target[64] = "";
    assert_ok(fs_mkdir_all(at("from/a/b"), 0755, &e), &e);
    put(at("from/file"), "contents");
    put(at("from/empty"), "");
    put(at("from/a/b/set-id"), "x");
    put(at("from/\n\x01\xff name"), "odd");
    assert_int_equal(symlink("../nowhere", at("from/a/dangling")), 0);
    assert_int_equal(mkfifo(at("from/fifo"), 0620), 0); /* opening it would wait for ever */
    assert_int_equal(mknod(at("from/socket"), S_IFSOCK | 0600, 0), 0);
    assert_int_equal(chmod(at("from/fifo"), 0620), 0);
    assert_int_equal(chmod(at("from/a/b/set-id"), 06751), 0);
    assert_int_equal(chmod(at("from/a/b"), 03510), 0);
    assert_int_equal(chmod(at("from"), 01770), 0);
    static const char *const names[] = {"file", "empty", "a/b/set-id", "a/dangling", "fifo", "socket", "a/b", "a", ""};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        set_times(at("from/%s", names[i]), 1000000 + (time_t)i);
    copy_ok();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        same(names[i]);
    holds(at("to/file"), "contents");
    holds(at("to/\n\x01\xff name"), "odd");
    assert_true(readlink(at("to/a/dangling"), target, sizeof target - 1) > 0);
    assert_string_equal(target, "../nowhere");
    assert_int_equal(entries(at("to")), entries(at("from")));
    assert_int_equal(chmod(at("from/a/b"), 0700), 0); /* so that who is not root can remove them */
    assert_int_equal(chmod(at("to/a/b"), 0700), 0);
}

static void keeps_owners(void **state)
{
    if (geteuid() != 0)
        skip();
    put(at("from/file"), "x");
    assert_int_equal(mkdir(at("from/dir"), 0700), 0);
    assert_int_equal(symlink("file", at("from/link")), 0);
    assert_int_equal(mkfifo(at("from/fifo"), 0600), 0);
    static const char *const names[] = {"file", "dir", "link", "fifo", ""};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_int_equal(lchown(at("from/%s", names[i]), 1000 + (uid_t)i, 50), 0);
    assert_int_equal(chmod(at("from/file"), 04755), 0); /* the owner is set before */
    copy_ok();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        same(names[i]);
    assert_int_equal(look(at("to")).st_uid, 1004);
}

static void copies_devices(void **state)
{
    if (mknod(at("from/null"), S_IFCHR | 0666, makedev(1, 3)) < 0)
        skip();
    assert_int_equal(mknod(at("from/block"), S_IFBLK | 0600, makedev(7, 200)), 0);
    assert_int_equal(mknod(at("from/whiteout"), S_IFCHR, makedev(0, 0)), 0);
    copy_ok();
    same("null");
    same("block");
    assert_false(fs_exists(at("to/whiteout")));
}

static void keeps_hard_links(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(fs_mkdir_all(at("from/a/b"), 0755, &e), &e);
    put(at("outside"), "outside");
    assert_int_equal(link(at("outside"), at("from/foreign")), 0);
    put(at("from/one"), "one");
    assert_int_equal(link(at("from/one"), at("from/a/one")), 0);
    assert_int_equal(link(at("from/one"), at("from/a/b/one")), 0);
    assert_int_equal(symlink("x", at("from/s")), 0);
    assert_int_equal(linkat(AT_FDCWD, at("from/s"), AT_FDCWD, at("from/a/s"), 0), 0);
    for (int i = 0; i < 200; i++) { /* the table grows */
        put(at("from/x%d", i), "");
        assert_int_equal(link(at("from/x%d", i), at("from/a/x%d", i)), 0);
    }
    copy_ok();
    same("one");
    same("s");
    assert_int_equal(look(at("to/one")).st_ino, look(at("to/a/b/one")).st_ino);
    assert_int_equal(look(at("to/one")).st_ino, look(at("to/a/one")).st_ino);
    assert_int_equal(look(at("to/s")).st_ino, look(at("to/a/s")).st_ino);
    for (int i = 0; i < 200; i++)
        assert_int_equal(look(at("to/x%d", i)).st_ino, look(at("to/a/x%d", i)).st_ino);
    assert_int_equal(look(at("to/foreign")).st_nlink, 1); /* its other name is none of the tree's */
    assert_true(look(at("to/foreign")).st_ino != look(at("outside")).st_ino);
    holds(at("to/foreign"), "outside");
}

static void same_xattr(const char *path, const char *name, bool want)
{
    char x[256], y[256];
    ssize_t n = getxattr(at("from/%s", path), name, x, sizeof x), k = getxattr(at("to/%s", path), name, y, sizeof y);
    assert_true(n >= 0);
    assert_int_equal(k >= 0, want);
    if (want) {
        assert_int_equal(n, k);
        assert_memory_equal(x, y, (size_t)n);
    }
}

static void keeps_xattrs(void **state)
{
    put(at("from/file"), "x");
    assert_int_equal(mkdir(at("from/dir"), 0755), 0);
    if (setxattr(at("from/file"), "user.note", "a\0b", 3, 0) < 0)
        skip();
    assert_int_equal(setxattr(at("from/file"), "user.empty", "", 0, 0), 0);
    assert_int_equal(setxattr(at("from/dir"), "user.note", "dir", 3, 0), 0);
    assert_int_equal(setxattr(at("from"), "user.note", "top", 3, 0), 0);
    copy_ok();
    same_xattr("file", "user.note", true);
    same_xattr("file", "user.empty", true);
    same_xattr("dir", "user.note", true);
    same_xattr("", "user.note", true);
}

/* struct vfs_cap_data of linux/capability.h: revision 2, effective, CAP_NET_BIND_SERVICE. */
static const uint8_t capability[20] = {0x01, 0, 0, 0x02, 0, 0x04};

/* A user, and a mask: posix_acl_xattr_header and its entries (linux/posix_acl_xattr.h), little-endian. */
static const uint8_t acl[] = {2, 0, 0, 0, 0x01, 0, 6, 0, 255, 255, 255, 255, 0x02, 0,   4,   0,   0xe8, 3, 0, 0, 0x04, 0,
                              4, 0, 255, 255, 255, 255, 0x10, 0, 4, 0, 255, 255, 255, 255, 0x20, 0, 0, 0, 255, 255, 255, 255};

static void keeps_capabilities_and_acls(void **state)
{
    put(at("from/ping"), "x");
    put(at("from/acl"), "x");
    assert_int_equal(mkdir(at("from/dir"), 0755), 0);
    put(at("from/dir/file"), "x");
    if (setxattr(at("from/ping"), "security.capability", capability, sizeof capability, 0) < 0)
        skip();
    if (geteuid() == 0)
        assert_int_equal(chown(at("from/acl"), 5, 5), 0);
    bool acls = setxattr(at("from/acl"), "system.posix_acl_access", acl, sizeof acl, 0) == 0 &&
                setxattr(at("from/dir"), "system.posix_acl_default", acl, sizeof acl, 0) == 0;
    bool trusted = setxattr(at("from/ping"), "trusted.overlay.opaque", "y", 1, 0) == 0;
    copy_ok();
    same_xattr("ping", "security.capability", true);
    if (trusted)
        same_xattr("ping", "trusted.overlay.opaque", false);
    if (acls) {
        same_xattr("acl", "system.posix_acl_access", true);
        same_xattr("dir", "system.posix_acl_default", true);
        same("acl");
        assert_int_equal(getxattr(at("to/dir/file"), "system.posix_acl_access", NULL, 0), -1); /* made before the default was */
        same("dir/file");
    }
}

/* A terabyte that is a hole: copying it byte by byte would take the disk and the time of this test. */
static void keeps_holes(void **state)
{
    put(at("from/sparse"), "head");
    put(at("from/all"), "");
    int fd = open(at("from/sparse"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "middle", 6, (off_t)1 << 30), 6);
    if (ftruncate(fd, (off_t)1 << 40) < 0) {
        close(fd);
        skip();
    }
    close(fd);
    assert_int_equal(truncate(at("from/all"), (off_t)1 << 40), 0);
    copy_ok();
    same("sparse");
    same("all");
    assert_true(look(at("to/sparse")).st_blocks < 4096);
    assert_int_equal(look(at("to/all")).st_blocks, 0);
    char text[8] = "";
    fd = open(at("to/sparse"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, text, 6, (off_t)1 << 30), 6);
    assert_string_equal(text, "middle");
    assert_int_equal(pread(fd, text, 4, 0), 4);
    assert_memory_equal(text, "head", 4);
    close(fd);
}

static void copies_large_files(void **state)
{
    struct err e = ERR_INIT;
    for (size_t n = (128 << 10) - 1; n <= (128 << 10) + 1; n++) {
        _cleanup_buf_ struct buf b = BUF_INIT(1 << 20), copied = BUF_INIT(1 << 20);
        for (size_t i = 0; i < n; i++)
            assert_true(buf_add(&b, &(char){(char)(i * 31 >> 3)}, 1) >= 0);
        assert_ok(fs_write_file(at("from/file"), buf_view(&b), 0644, &e), &e);
        copy_ok();
        assert_ok(fs_read_file(at("to/file"), &copied, &e), &e);
        assert_true(view_eq(buf_view(&b), buf_view(&copied)));
        assert_ok(fs_remove_all(at("to"), &e), &e);
    }
}

/* Links to everywhere, to be copied as they are: nothing outside is read, nothing outside is written. */
static void does_not_follow_links(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(fs_mkdir_all(at("secret/dir"), 0700, &e), &e);
    put(at("secret/file"), "secret");
    static const char *const targets[] = {"/", "/etc", "/etc/shadow", "..", "../secret", "../secret/file", "../../../../../../etc", ".", "loop", "/proc/self/fd/0"};
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        assert_int_equal(symlink(targets[i], at("from/l%zu", i)), 0);
    assert_int_equal(symlink("loop", at("from/loop")), 0);
    char longest[PATH_MAX];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    bool have_longest = symlink(longest, at("from/longest")) == 0; /* 4095 bytes, where the file system can */
    struct stat before = look(at("secret/file"));
    copy_ok();
    struct stat after = look(at("secret/file"));
    assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        char target[64] = "";
        assert_true(readlink(at("to/l%zu", i), target, sizeof target - 1) > 0);
        assert_string_equal(target, targets[i]);
    }
    if (have_longest)
        assert_int_equal(look(at("to/longest")).st_size, PATH_MAX - 1);
    assert_int_equal(entries(at("to")), entries(at("from")));
}

static void limits_entries(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(fs_mkdir_all(at("from/a/b"), 0755, &e), &e);
    put(at("from/a/file"), "x");
    put(at("from/x"), "x");
    assert_int_equal(link(at("from/x"), at("from/y")), 0); /* 5 entries */
    struct fs_copy_limits limits = wide();
    limits.entries = 4;
    copy_fails(limits, ERR_OUT_OF_RANGE, "too many entries");
    limits.entries = 0;
    copy_fails(limits, ERR_OUT_OF_RANGE, "too many entries");
    limits.entries = 5;
    assert_ok(copy(&limits, &e), &e);
    assert_int_equal(limits.entries, 0);
    assert_ok(fs_remove_all(at("to"), &e), &e);
    limits.entries = 6;
    assert_ok(copy(&limits, &e), &e);
    assert_int_equal(limits.entries, 1); /* what another copy may still take */
    assert_ok(fs_remove_all(at("to"), &e), &e);
    assert_ok(fs_remove_all(at("from/a"), &e), &e);
    assert_int_equal(unlink(at("from/x")), 0);
    assert_int_equal(unlink(at("from/y")), 0);
    limits.entries = limits.depth = 0;
    assert_ok(copy(&limits, &e), &e);
}

static void limits_depth(void **state)
{
    struct err e = ERR_INIT;
    char below[256] = "";
    for (int i = 0; i < 20; i++)
        strcat(below, "/d");
    assert_ok(fs_mkdir_all(at("from%s", below), 0755, &e), &e);
    struct fs_copy_limits limits = wide();
    limits.depth = 19;
    copy_fails(limits, ERR_OUT_OF_RANGE, "deeper than 19 levels");
    for (limits.depth = 20; limits.depth <= 21; limits.depth++) {
        assert_ok(copy(&limits, &e), &e);
        assert_true(fs_exists(at("to%s", below)));
        assert_ok(fs_remove_all(at("to"), &e), &e);
    }
    put(at("from%s/file", below), "x");
    limits.depth = 20;
    copy_fails(limits, ERR_OUT_OF_RANGE, "deeper than 20 levels");
}

/* Levels of the longest name there is, so that the path comes to the limit before the depth does. */
static void make_long(size_t last)
{
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    int fd = open_dir(at("from"));
    for (int i = 0; i < 15; i++) { /* 15 * 256 = 3840 bytes with the slashes */
        assert_int_equal(mkdirat(fd, name, 0755), 0);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    name[last] = '\0';
    int file = openat(fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    close(file);
    close(fd);
}

static void limits_paths(void **state)
{
    struct err e = ERR_INIT;
    static const size_t fits = PATH_MAX - 1 - 3840; /* 255 */
    for (size_t n = fits - 1; n <= fits; n++) {
        make_long(n);
        copy_ok();
        assert_ok(fs_remove_all(at("to"), &e), &e);
        assert_ok(fs_remove_all(at("from"), &e), &e);
        assert_int_equal(mkdir(at("from"), 0755), 0);
    }
    make_long(1); /* one more level, of which only a name of 254 bytes fits */
    int r = chdir(at("from"));
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    for (int i = 0; i < 15 && r == 0; i++)
        r = chdir(name);
    if (r == 0)
        r = mkdir("m", 0755) < 0 || chdir("m") < 0 ? -1 : 0;
    name[254] = '\0'; /* 3840 + 1 + 1 + 254 = PATH_MAX */
    if (r == 0)
        r = mkdir(name, 0755);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(r, 0);
    copy_fails(wide(), ERR_OUT_OF_RANGE, "too long");
}

static void gives_up(void **state)
{
    struct cancel cancel = CANCEL_INIT;
    struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    struct fs_copy_limits limits = wide();
    put(at("from/file"), "x");
    limits.ctx = &ctx;
    atomic_store(&cancel.set, true);
    copy_fails(limits, ERR_CANCELLED, "copy");
    ctx = (struct ctx){.deadline = 1};
    copy_fails(limits, ERR_DEADLINE_EXCEEDED, "copy");
}

static void names_what_fails(void **state)
{
    struct err e = ERR_INIT;
    struct fs_copy_limits limits = wide();
    assert_int_equal(mkdir(at("from/a"), 0755), 0);
    put(at("from/a/taken"), "x");
    assert_int_equal(mkdir(at("to"), 0755), 0);
    assert_int_equal(mkdir(at("to/a"), 0755), 0);
    int from = open_dir(at("from")), to = open_dir(at("to"));
    assert_fails(fs_copy_tree(from, to, &limits, &e), &e, ERR_ALREADY_EXISTS, "copy a: create");
    assert_fails(fs_copy_tree(-1, to, &limits, &e), &e, ERR_UNKNOWN, "copy .: open");
    close(from);
    int file = open(at("from/a/taken"), O_RDONLY | O_CLOEXEC);
    assert_fails(fs_copy_tree(file, to, &limits, &e), &e, ERR_FAILED_PRECONDITION, "Not a directory");
    close(file);
    close(to);
}

/* A full disk is the memory file system's own limit here. */
static void reports_a_full_disk(void **state)
{
    struct err e = ERR_INIT;
    struct fs_copy_limits limits = wide();
    struct stat st;
    assert_int_equal(mkdir(at("to"), 0755), 0);
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", at("to"), "tmpfs", 0, "size=64k") < 0)
        skip();
    put(at("from/file"), "");
    assert_int_equal(stat(at("from/file"), &st), 0);
    char block[4096];
    memset(block, 'x', sizeof block);
    int fd = open(at("from/file"), O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < 64; i++)
        assert_int_equal(write(fd, block, sizeof block), sizeof block);
    close(fd);
    int from = open_dir(at("from")), to = open_dir(at("to"));
    int r = fs_copy_tree(from, to, &limits, &e);
    close(from);
    close(to);
    umount2(at("to"), MNT_DETACH);
    assert_fails(r, &e, ERR_RESOURCE_EXHAUSTED, "No space left");
    assert_non_null(strstr(e.message, "file"));
}

static int sweep_copy(void *arg, struct err *e)
{
    struct fs_copy_limits limits = wide();
    mem_fail_pause();
    struct err ignored = ERR_INIT;
    assert_ok(fs_remove_all(at("to"), &ignored), &ignored);
    assert_int_equal(mkdir(at("to"), 0755), 0);
    int from = open_dir(at("from")), to = open_dir(at("to"));
    mem_fail_resume();
    int r = fs_copy_tree(from, to, &limits, e);
    close(from);
    close(to);
    arena_done(&scratch_arena);
    return r;
}

static void survives_failing_allocations(void **state)
{
    assert_int_equal(mkdir(at("from/a"), 0755), 0);
    for (int i = 0; i < 70; i++) {
        put(at("from/x%d", i), "x");
        assert_int_equal(link(at("from/x%d", i), at("from/a/x%d", i)), 0);
    }
    arena_done(&scratch_arena);
    assert_true(sweep("fs_copy_tree", sweep_copy, NULL) > 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void)
{
    umask(022);
    const struct CMUnitTest tests[] = {
        TEST(copies_everything),
        TEST(keeps_owners),
        TEST(copies_devices),
        TEST(keeps_hard_links),
        TEST(keeps_xattrs),
        TEST(keeps_capabilities_and_acls),
        TEST(keeps_holes),
        TEST(copies_large_files),
        TEST(does_not_follow_links),
        TEST(limits_entries),
        TEST(limits_depth),
        TEST(limits_paths),
        TEST(gives_up),
        TEST(names_what_fails),
        TEST(reports_a_full_disk),
        TEST(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("base/fs_copy", tests, NULL, NULL);
}
