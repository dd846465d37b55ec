/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single files, see fs.h. Trees and mounts are in fs_tree.c.
 */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"

enum { OPEN_TRIES = 1000 };

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    errno = saved;
    *fd = -1;
}

int fs_read_fd(int fd, const char *name, struct buf *out, struct err *e)
{
    for (;;) {
        size_t room = out->max - out->n;
        char *to = buf_reserve(out, room < 16384 ? room : 16384);
        if (!to)
            return err_oom(e);
        char beyond; /* one byte more than fits tells "full" from "too large" */
        ssize_t k = read(fd, room ? to : &beyond, room ? (room < 16384 ? room : 16384) : 1);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_errno(e, errno, "read %s", name);
        if (k == 0)
            return 0;
        if (room == 0)
            return err_raise(e, ERR_OUT_OF_RANGE, "%s is larger than %zu bytes", name, out->max);
        buf_commit(out, (size_t)k);
    }
}

int fs_read_file(const char *path, struct buf *out, struct err *e)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_errno(e, errno, "open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s is not a regular file", path);
    return fs_read_fd(fd, path, out, e);
}

int fs_write_fd(int fd, const char *name, struct view data, struct err *e)
{
    while (data.n > 0) {
        ssize_t k = write(fd, data.p, data.n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_errno(e, errno, "write %s", name);
        data = view_slice(data, (size_t)k, data.n);
    }
    return 0;
}

static int close_checked(int *fd, const char *name, struct err *e)
{
    int r = close(TAKE_FD(*fd));
    return r < 0 && errno != EINTR ? err_errno(e, errno, "close %s", name) : 0;
}

static int sync_parent(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *dir = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
    if (!dir)
        return err_oom(e);
    _cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_errno(e, errno, "sync directory %s", dir);
    return 0;
}

/* Makes the file; a failure leaves none, and one that was there is not touched. */
static int write_synced(const char *path, struct view data, mode_t mode, struct err *e)
{
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return err_errno(e, errno, "create %s", path);
    int r = fs_write_fd(fd, path, data, e);
    if (r == 0 && fsync(fd) < 0)
        r = err_errno(e, errno, "sync %s", path);
    if (r == 0)
        r = close_checked(&fd, path, e);
    if (r < 0)
        unlink(path);
    return r;
}

int fs_write_atomic(const char *path, struct view data, mode_t mode, struct err *e)
{
    unsigned random;
    TRY(id_random(&random, sizeof random, e));
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
    /* Of a long name only a part, so that any name that a file can have can be written. */
    _cleanup_free_ char *tmp = mem_printf("%.*s.tmp-%.200s%u", (int)dir, path, path + dir, random);
    if (!tmp)
        return err_oom(e);
    TRY(write_synced(tmp, data, mode, e));
    if (rename(tmp, path) < 0) {
        int r = err_errno(e, errno, "rename %s to %s", tmp, path);
        unlink(tmp);
        return r;
    }
    return sync_parent(path, e);
}

int fs_write_file(const char *path, struct view data, mode_t mode, struct err *e)
{
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_errno(e, errno, "create %s", path);
    TRY(fs_write_fd(fd, path, data, e));
    return close_checked(&fd, path, e);
}

int fs_copy_file(const char *from, const char *to, mode_t mode, size_t max, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(max);
    TRY(fs_read_file(from, &b, e));
    return fs_write_file(to, buf_view(&b), mode, e);
}

bool fs_exists(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

char *fs_join(struct arena *a, const char *dir, const char *name)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    while (*name == '/')
        name++;
    return arena_printf(a, "%.*s%s%s", (int)n, dir, n == 1 && dir[0] == '/' ? "" : "/", name);
}

int fs_open_in_root(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0, /* O_TMPFILE contains O_DIRECTORY */
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;
    errno = EAGAIN;
    /* A rename anywhere on the system while ".." is resolved gives EAGAIN (openat2(2)); it says nothing about this path. */
    for (int i = 0; i < OPEN_TRIES && fd < 0 && errno == EAGAIN; i++)
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    if (fd < 0)
        return err_errno(e, errno, "open %s below the root directory", path);
    *ret_fd = (int)fd;
    return 0;
}
