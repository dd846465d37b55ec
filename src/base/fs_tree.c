/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directory trees and mounts, see fs.h. Removal works on descriptors, so that a component replaced by a link meanwhile is never
 * followed, and stops at mount points, so that it cannot eat a volume that is still mounted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"

enum { LEVELS_OPEN_MAX = 256 };

int fs_mkdir_all(const char *path, mode_t mode, struct err *e)
{
    if (path[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "create a directory without a name");
    _cleanup_free_ char *p = mem_strdup(path);
    if (!p)
        return err_oom(e);
    for (char *at = p + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(p, mode) < 0 && errno != EEXIST)
            return err_errno(e, errno, "create directory %s", p);
        *at = '/';
    }
    if (mkdir(p, mode) == 0)
        return 0;
    struct stat st;
    if (errno != EEXIST)
        return err_errno(e, errno, "create directory %s", path);
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s exists and is not a directory", path);
    return 0;
}

static void closedir_p(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* True when something is mounted on the open directory; a bind mount of the same file system has the same device. */
static bool is_mount_root(int fd)
{
    struct statx sx;
    return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) == 0 && (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

struct removal {
    const char *path; /* the top, for messages */
    int top;          /* open, when it is a directory */
    dev_t dev;
    size_t raised; /* directories that were brought up */
};

static int remove_at(struct removal *rm, int dirfd, const char *name, unsigned depth, struct err *e);

/* Removes what is in the directory, which it takes over. */
static int empty_dir(struct removal *rm, int fd, unsigned depth, struct err *e)
{
    _cleanup_(closedir_p) DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return err_oom(e);
    }
    int r = 0;
    struct dirent *entry;
    while ((entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int one = remove_at(rm, dirfd(d), entry->d_name, depth + 1, e);
        if (one < 0)
            r = one; /* go on: remove as much as possible */
    }
    return r;
}

/* Brings a directory that lies too deep up to the top, to be removed from there: whoever could write below may have made any number of levels. */
static int raise_dir(struct removal *rm, int dirfd, const char *name, struct err *e)
{
    char id[ID_LEN + 1];
    TRY(id_generate(id, e));
    if (renameat(dirfd, name, rm->top, id) < 0)
        return err_errno(e, errno, "move %s up (in %s)", name, rm->path);
    rm->raised++;
    return 0;
}

static int remove_at(struct removal *rm, int dirfd, const char *name, unsigned depth, struct err *e)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EBUSY)
        return err_errno(e, errno, "remove %s (in %s)", name, rm->path);
    if (errno == EBUSY)
        return err_raise(e, ERR_FAILED_PRECONDITION, "remove %s (in %s): it is a mount point", name, rm->path);
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "remove %s (in %s)", name, rm->path);
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_dev != rm->dev || is_mount_root(fd)) {
        close(fd);
        return err_raise(e, ERR_FAILED_PRECONDITION, "remove %s (in %s): another file system is mounted there", name, rm->path);
    }
    if (depth >= LEVELS_OPEN_MAX) {
        close(fd);
        return raise_dir(rm, dirfd, name, e);
    }
    TRY(empty_dir(rm, fd, depth, e));
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_errno(e, errno, "remove directory %s (in %s)", name, rm->path);
    return 0;
}

int fs_remove_all(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(e, errno, "remove %s", path);
    _cleanup_fd_ int top = S_ISDIR(st.st_mode) ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    struct removal rm = {.path = path, .top = top, .dev = st.st_dev};
    for (;;) { /* each directory is brought up at most once, so this ends */
        size_t before = rm.raised;
        int r = remove_at(&rm, AT_FDCWD, path, 0, e);
        if (rm.raised == before)
            return r;
        if (e)
            err_clear(e);
    }
}

int fs_unmount(const char *path, struct err *e)
{
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT || errno == ENOTDIR)
        return 0;
    return err_errno(e, errno, "unmount %s", path);
}
