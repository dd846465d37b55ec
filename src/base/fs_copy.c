/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of directory trees, see fs_copy.h. A directory gets its attributes after its contents: a default ACL would be inherited by what is made
 * in it, a mode without write permission would keep it empty, and every entry changes its time.
 */
#include "base/fs_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/mem.h"

enum { CHUNK = 128 << 10, LINK_PATHS_MAX = 64 << 20, SHOWN_MAX = 256 };
_Static_assert(CHUNK >= XATTR_SIZE_MAX && CHUNK > PATH_MAX, "one buffer serves them all");

/* A file with several names, by device and inode, and where the first of them was copied to. */
struct link {
    dev_t dev;
    ino_t ino;
    const char *path; /* below the top; NULL: a free place */
};

struct copy {
    struct fs_copy_limits *limits;
    int to_top;
    char *path; /* of the entry at hand, below the top */
    size_t path_n;
    char shown[SHOWN_MAX + 4];
    char *data;  /* CHUNK bytes: contents, a link's target, an attribute's value */
    char *names; /* XATTR_LIST_MAX bytes: an attribute list */
    struct link *links; /* a hash table, at most half full; its size is a power of two */
    size_t n_links, cap_links;
    struct arena link_paths;
};

/* The path at hand for messages, cut so that it does not push the cause out of them. */
static const char *place(struct copy *c)
{
    if (c->path_n == 0)
        return ".";
    snprintf(c->shown, sizeof c->shown, "%.*s%s", SHOWN_MAX, c->path, c->path_n > SHOWN_MAX ? "..." : "");
    return c->shown;
}

#define FAIL(c, e, what) err_errno((e), errno, "copy %s: %s", place(c), (what))

/* --- hard links -------------------------------------------------------------------------------------------------------------------- */

/* The place of this file, or the free one where it belongs. The table has a free place. */
static struct link *links_find(struct link *v, size_t cap, dev_t dev, ino_t ino)
{
    uint64_t hash = ((uint64_t)ino + (uint64_t)dev * 31) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 20) & (cap - 1);
    while (v[i].path && (v[i].dev != dev || v[i].ino != ino))
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static int links_grow(struct copy *c, struct err *e)
{
    size_t cap = c->cap_links ? c->cap_links * 2 : 64;
    struct link *v = mem_calloc(cap, sizeof *v);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < c->cap_links; i++)
        if (c->links[i].path)
            *links_find(v, cap, c->links[i].dev, c->links[i].ino) = c->links[i];
    mem_free(c->links);
    c->links = v;
    c->cap_links = cap;
    return 0;
}

static int links_add(struct copy *c, const struct stat *st, struct err *e)
{
    if (c->n_links >= c->cap_links / 2)
        TRY(links_grow(c, e));
    struct link *at = links_find(c->links, c->cap_links, st->st_dev, st->st_ino);
    const char *path = arena_strndup(&c->link_paths, c->path, c->path_n);
    if (!path)
        return err_oom(e);
    *at = (struct link){.dev = st->st_dev, .ino = st->st_ino, .path = path};
    c->n_links++;
    return 0;
}

/* The copy of another name of this file, below the top; NULL when this is the first. */
static const char *links_get(const struct copy *c, const struct stat *st)
{
    return c->n_links ? links_find(c->links, c->cap_links, st->st_dev, st->st_ino)->path : NULL;
}

/* --- attributes -------------------------------------------------------------------------------------------------------------------- */

static bool is_user_xattr(const char *name)
{
    return strncmp(name, "user.", 5) == 0;
}

static bool is_wanted_xattr(const char *name)
{
    return is_user_xattr(name) || strcmp(name, "security.capability") == 0 || strcmp(name, "system.posix_acl_access") == 0 ||
           strcmp(name, "system.posix_acl_default") == 0;
}

static int copy_xattr(struct copy *c, int from, int to, const char *name, struct err *e)
{
    ssize_t n = fgetxattr(from, name, c->data, CHUNK);
    if (n < 0)
        return FAIL(c, e, name);
    if (fsetxattr(to, name, c->data, (size_t)n, 0) == 0 || (errno == ENOTSUP && is_user_xattr(name)))
        return 0;
    return FAIL(c, e, name);
}

static int copy_xattrs(struct copy *c, int from, int to, struct err *e)
{
    ssize_t n = flistxattr(from, c->names, XATTR_LIST_MAX);
    if (n < 0)
        return errno == ENOTSUP ? 0 : FAIL(c, e, "list its extended attributes");
    for (const char *name = c->names; name < c->names + n; name += strlen(name) + 1)
        if (is_wanted_xattr(name))
            TRY(copy_xattr(c, from, to, name, e));
    return 0;
}

/* The owner first: changing it takes set-id bits and capabilities away. */
static int copy_attributes(struct copy *c, int from, int to, const struct stat *st, struct err *e)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchown(to, st->st_uid, st->st_gid) < 0)
        return FAIL(c, e, "change the owner");
    if (fchmod(to, st->st_mode & 07777) < 0)
        return FAIL(c, e, "change the mode");
    TRY(copy_xattrs(c, from, to, e));
    return futimens(to, times) < 0 ? FAIL(c, e, "set the times") : 0;
}

/* The same for what is not opened. */
static int copy_attributes_at(struct copy *c, int to, const char *name, const struct stat *st, struct err *e)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return FAIL(c, e, "change the owner");
    if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0) /* the mode of a link cannot be set and means nothing */
        return FAIL(c, e, "change the mode");
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? FAIL(c, e, "set the times") : 0;
}

/* --- contents ---------------------------------------------------------------------------------------------------------------------- */

static int copy_range(struct copy *c, int from, int to, off_t at, off_t end, struct err *e)
{
    if (lseek(from, at, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
        return FAIL(c, e, "seek");
    while (at < end) {
        TRY(ctx_check(c->limits->ctx, "copy a file", e));
        ssize_t n = read(from, c->data, (size_t)MIN_OF(end - at, (off_t)CHUNK));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FAIL(c, e, "read");
        if (n == 0)
            return 0;
        TRY(fs_write_fd(to, place(c), (struct view){c->data, (size_t)n}, e));
        at += n;
    }
    return 0;
}

/* Only what is not a hole: an image of some kilobytes can hold a file of some terabytes. */
static int copy_data(struct copy *c, int from, int to, off_t size, struct err *e)
{
    for (off_t at = 0; at < size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        off_t end = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0)
            data = at; /* the file system knows no holes */
        if (end <= data)
            end = size;
        TRY(copy_range(c, from, to, data, end, e));
        at = end;
    }
    return ftruncate(to, size) < 0 ? FAIL(c, e, "set the size") : 0;
}

static int copy_file(struct copy *c, int from_dir, const char *name, int to_dir, struct err *e)
{
    _cleanup_fd_ int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0)
        return FAIL(c, e, "open");
    if (!S_ISREG(st.st_mode))
        return err_raise(e, ERR_ABORTED, "copy %s: it was replaced meanwhile", place(c));
    _cleanup_fd_ int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return FAIL(c, e, "create");
    TRY(copy_data(c, from, to, st.st_size, e));
    TRY(copy_attributes(c, from, to, &st, e));
    return close(TAKE_FD(to)) < 0 && errno != EINTR ? FAIL(c, e, "close") : 0;
}

static int copy_symlink(struct copy *c, int from, const char *name, int to, struct err *e)
{
    ssize_t n = readlinkat(from, name, c->data, PATH_MAX);
    if (n < 0)
        return FAIL(c, e, "read the link");
    c->data[n] = '\0';
    return symlinkat(c->data, to, name) < 0 ? FAIL(c, e, "create the link") : 0;
}

/* Whatever is not a directory. Nothing but a regular file is opened: opening a fifo or a device can do anything. */
static int copy_leaf(struct copy *c, int from, const char *name, int to, const struct stat *st, struct err *e)
{
    const char *first = st->st_nlink > 1 ? links_get(c, st) : NULL;
    if (first)
        return linkat(c->to_top, first, to, name, 0) < 0 ? FAIL(c, e, "make a hard link") : 0;
    if (S_ISREG(st->st_mode)) {
        TRY(copy_file(c, from, name, to, e));
    } else {
        if (S_ISLNK(st->st_mode))
            TRY(copy_symlink(c, from, name, to, e));
        else if (mknodat(to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
            return FAIL(c, e, "create the special file");
        TRY(copy_attributes_at(c, to, name, st, e));
    }
    return st->st_nlink > 1 ? links_add(c, st, e) : 0;
}

/* --- directories ------------------------------------------------------------------------------------------------------------------- */

static void closedir_p(DIR **d)
{
    if (*d)
        closedir(*d);
}

static int copy_entry(struct copy *c, int from, const char *name, int to, unsigned level, struct err *e);

/* What is in `name` of the directory `from`, and its attributes. level: of its entries. */
static int copy_dir(struct copy *c, int from, const char *name, int to, unsigned level, struct err *e)
{
    int fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(closedir_p) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct stat st;
    if (!d) {
        int r = FAIL(c, e, "open");
        fd_close(&fd);
        return r;
    }
    if (fstat(fd, &st) < 0)
        return FAIL(c, e, "stat");
    for (struct dirent *entry; errno = 0, (entry = readdir(d));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(copy_entry(c, fd, entry->d_name, to, level, e));
    if (errno != 0)
        return FAIL(c, e, "read the directory");
    return copy_attributes(c, fd, to, &st, e);
}

static int copy_subdir(struct copy *c, int from, const char *name, int to, unsigned level, struct err *e)
{
    if (mkdirat(to, name, 0700) < 0)
        return FAIL(c, e, "create");
    _cleanup_fd_ int fd = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? FAIL(c, e, "open the copy") : copy_dir(c, from, name, fd, level + 1, e);
}

static int copy_any(struct copy *c, int from, const char *name, int to, unsigned level, struct err *e)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return FAIL(c, e, "stat");
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
        return 0;
    return S_ISDIR(st.st_mode) ? copy_subdir(c, from, name, to, level, e) : copy_leaf(c, from, name, to, &st, e);
}

static int copy_entry(struct copy *c, int from, const char *name, int to, unsigned level, struct err *e)
{
    size_t outer = c->path_n, n = strlen(name);
    TRY(ctx_check(c->limits->ctx, "copy a directory", e));
    if (c->limits->entries == 0)
        return err_raise(e, ERR_OUT_OF_RANGE, "copy %s: there are too many entries", place(c));
    if (level > c->limits->depth)
        return err_raise(e, ERR_OUT_OF_RANGE, "copy %s: it is deeper than %u levels", place(c), c->limits->depth);
    if (outer + 1 + n + 1 > PATH_MAX)
        return err_raise(e, ERR_OUT_OF_RANGE, "copy %s: the path is too long", place(c));
    c->limits->entries--;
    if (outer)
        c->path[c->path_n++] = '/';
    memcpy(c->path + c->path_n, name, n + 1);
    c->path_n += n;
    int r = copy_any(c, from, name, to, level, e);
    c->path_n = outer;
    c->path[outer] = '\0';
    return r;
}

int fs_copy_tree(int from_fd, int to_fd, struct fs_copy_limits *limits, struct err *e)
{
    _cleanup_free_ char *path = mem_zalloc(PATH_MAX), *data = mem_alloc(CHUNK), *names = mem_alloc(XATTR_LIST_MAX);
    if (!path || !data || !names)
        return err_oom(e);
    struct copy c = {.limits = limits, .to_top = to_fd, .path = path, .data = data, .names = names, .link_paths = ARENA_INIT(LINK_PATHS_MAX)};
    int r = copy_dir(&c, from_fd, ".", to_fd, 1, e);
    mem_free(c.links);
    arena_done(&c.link_paths);
    return r;
}
