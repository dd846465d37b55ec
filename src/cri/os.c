/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real host behind os.h.
 */
#include "cri/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cni/netns.h"
#include "oci/constants.h"

enum {
    OVERLAY_LAYERS_MAX = 200, /* what fits MOUNT_DATA_MAX by descriptor */
    MOUNT_DATA_MAX = 4000,    /* of a page */
};

static int shm_mount(const char *path, struct err *e)
{
    TRY(fs_mkdir_all(path, 0700, e));
    if (mount("shm", path, "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, OCI_SHM_MOUNT_DATA) < 0)
        return err_errno(e, errno, "mount a tmpfs on %s", path);
    return 0;
}

static const char *option_value(const struct ctrd_mount *m, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < m->options.n; i++)
        if (strncmp(m->options.v[i], key, n) == 0)
            return m->options.v[i] + n;
    return NULL;
}

/* The lower directories of an overlay to be read: what was written to the upper one first, then the layers as they are. */
static int overlay_data(const struct ctrd_mount *m, struct arena *a, char **ret, struct err *e)
{
    const char *upper = option_value(m, "upperdir="), *lower = option_value(m, "lowerdir=");
    if (!lower)
        return err_raise(e, ERR_INTERNAL, "overlay mount of containerd has no lowerdir");
    *ret = upper ? arena_printf(a, "lowerdir=%s:%s", upper, lower) : arena_printf(a, "lowerdir=%s", lower);
    return *ret ? 0 : err_oom(e);
}

static int open_dir(const char *path, int *ret_fd, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open %s", path);
    *ret_fd = fd;
    return 0;
}

static int set_string(int fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, 1 /* FSCONFIG_SET_STRING */, key, value, 0);
}

/* Layer by layer since Linux 6.5, else all in one string, of which one call takes 255 bytes only. */
static int set_lower(int fs, const char *lower, struct arena *a)
{
    struct view rest = view_of(lower), one;
    bool first = true;
    while (rest.n > 0) {
        view_cut(rest, ':', &one, &rest);
        char *path = arena_view(a, one);
        if (!path || set_string(fs, "lowerdir+", path) < 0)
            return first ? set_string(fs, "lowerdir", lower) : -1;
        first = false;
    }
    return 0;
}

/* A detached mount made with the file-descriptor mount API never appears in the mount table. Older kernels may not be able to, hence the caller's
 * fall-back. */
static int open_overlay_detached(const char *lower, struct arena *a, int *ret_fd)
{
    _cleanup_fd_ int fs = (int)syscall(SYS_fsopen, "overlay", 1 /* FSOPEN_CLOEXEC */);
    if (fs < 0 || set_lower(fs, lower, a) < 0 ||
        syscall(SYS_fsconfig, fs, 0 /* FSCONFIG_SET_FLAG */, "ro", NULL, 0) < 0 ||
        syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
        return -1;
    int fd = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 1 /* MOUNT_ATTR_RDONLY */);
    if (fd < 0)
        return -1;
    *ret_fd = fd;
    return 0;
}

/* Descriptors of directories, so that each has a short name. */
struct short_names {
    int fd[OVERLAY_LAYERS_MAX];
    size_t n;
};

static void short_names_done(struct short_names *s)
{
    for (size_t i = 0; i < s->n; i++)
        fd_close(&s->fd[i]);
}

/* mount(2) takes one page of options and cuts what is longer: with many layers the paths are named by descriptors. */
static int shorten(const char *data, struct arena *a, struct short_names *s, char **ret, struct err *e)
{
    const char *lower = data + strlen("lowerdir=");
    struct view rest = view_of(lower), one;
    char *out = arena_strdup(a, "lowerdir=");
    while (out && rest.n > 0) {
        view_cut(rest, ':', &one, &rest);
        char *path = arena_view(a, one);
        if (!path)
            return err_oom(e);
        if (s->n == OVERLAY_LAYERS_MAX)
            return err_raise(e, ERR_RESOURCE_EXHAUSTED, "the image has more than %d layers", OVERLAY_LAYERS_MAX);
        TRY(open_dir(path, &s->fd[s->n], e));
        out = arena_printf(a, "%s%s/proc/self/fd/%d", out, s->n > 0 ? ":" : "", s->fd[s->n]);
        s->n++;
    }
    *ret = out;
    return out ? 0 : err_oom(e);
}

static int open_overlay(const struct ctrd_mount *m, const char *scratch, int *ret_fd, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(4 << 20);
    _cleanup_(short_names_done) struct short_names names = {.n = 0};
    char *data;
    TRY(overlay_data(m, &a, &data, e));
    if (open_overlay_detached(data + strlen("lowerdir="), &a, ret_fd) == 0)
        return 0;
    if (strlen(data) >= MOUNT_DATA_MAX)
        TRY(shorten(data, &a, &names, &data, e));
    char *dir = arena_printf(&a, "%s/view-XXXXXX", scratch);
    if (!dir)
        return err_oom(e);
    if (!mkdtemp(dir))
        return err_errno(e, errno, "create a directory in %s", scratch);
    int r;
    if (mount("overlay", dir, "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID, data) < 0) {
        r = err_errno(e, errno, "mount the image's layers on %s", dir);
    } else {
        r = open_dir(dir, ret_fd, e);
        umount2(dir, MNT_DETACH); /* the descriptor keeps it until it is closed */
    }
    rmdir(dir);
    return r;
}

static int open_root(const struct ctrd_mounts *mounts, const char *scratch, int *ret_fd, struct err *e)
{
    if (mounts->n != 1)
        return err_raise(e, ERR_UNIMPLEMENTED, "root file system made of %zu mounts cannot be looked into", mounts->n);
    const struct ctrd_mount *m = &mounts->v[0];
    if (strcmp(m->type, "bind") == 0 || strcmp(m->type, "rbind") == 0)
        return open_dir(m->source, ret_fd, e);
    if (strcmp(m->type, "overlay") == 0)
        return open_overlay(m, scratch, ret_fd, e);
    return err_raise(e, ERR_UNIMPLEMENTED, "root file system of type %s cannot be looked into", m->type);
}

static int mountinfo(struct buf *out, struct err *e)
{
    _cleanup_fd_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? err_errno(e, errno, "open /proc/self/mountinfo") : fs_read_fd(fd, "/proc/self/mountinfo", out, e);
}

static int host_devices(struct arena *a, struct devices *ret, struct err *e)
{
    return devices_below("/dev", "/dev", NULL, a, ret, e);
}

const struct cri_os cri_os_real = {
    .netns_create = netns_create,
    .netns_remove = netns_remove,
    .netns_alive = netns_is_mounted,
    .shm_mount = shm_mount,
    .unmount = fs_unmount,
    .open_root = open_root,
    .mountinfo = mountinfo,
    .host_devices = host_devices,
};
