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

/* A detached mount made with the file-descriptor mount API never appears in the mount table. The string of one fsconfig call is limited to
 * 256 bytes by older kernels, hence the caller's fall-back. */
static int open_overlay_detached(const char *lower, int *ret_fd)
{
    _cleanup_fd_ int fs = (int)syscall(SYS_fsopen, "overlay", 1 /* FSOPEN_CLOEXEC */);
    if (fs < 0 || syscall(SYS_fsconfig, fs, 1 /* FSCONFIG_SET_STRING */, "lowerdir", lower, 0) < 0 ||
        syscall(SYS_fsconfig, fs, 0 /* FSCONFIG_SET_FLAG */, "ro", NULL, 0) < 0 ||
        syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
        return -1;
    int fd = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 1 /* MOUNT_ATTR_RDONLY */);
    if (fd < 0)
        return -1;
    *ret_fd = fd;
    return 0;
}

static int open_overlay(const struct ctrd_mount *m, const char *scratch, int *ret_fd, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    char *data;
    TRY(overlay_data(m, &a, &data, e));
    if (open_overlay_detached(data + strlen("lowerdir="), ret_fd) == 0)
        return 0;
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
