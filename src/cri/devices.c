/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See devices.h.
 */
#include "cri/devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { FIRST_CAP = 16 };

/* Names that hold no devices of the host for containers: they are mounts of their own in every container. */
static bool skipped(const char *name)
{
    static const char *const names[] = {"pts", "shm", "fd", "mqueue", "console", "lxc", "lxd-fuse", ".lxc", ".lxd-mounts", ".udev", ".", ".."};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static int add(struct devices *list, const char *path, const struct stat *st, const char *access, struct arena *a, struct err *e)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : FIRST_CAP;
        struct oci_device *v = ARENA_NEW_N(a, struct oci_device, cap);
        if (!v)
            return err_oom(e);
        if (list->n > 0)
            memcpy(v, list->v, list->n * sizeof *v);
        list->v = v;
        list->cap = cap;
    }
    list->v[list->n++] = (struct oci_device){
        .path = path,
        .type = S_ISCHR(st->st_mode) ? 'c' : 'b',
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .access = access,
    };
    return 0;
}

struct walk {
    struct devices *list;
    const char *access;
    struct arena *a;
};

static int walk(struct walk *w, const char *dir, const char *as, unsigned depth, struct err *e)
{
    _cleanup_(close_dir) DIR *d = opendir(dir);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct stat st;
        if (skipped(entry->d_name))
            continue;
        if (++w->list->looked_at > DEVICES_LOOKED_AT_MAX)
            return err_raise(e, ERR_OUT_OF_RANGE, "%s: more than %d files in search of devices", dir, DEVICES_LOOKED_AT_MAX);
        if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bool device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode), down = S_ISDIR(st.st_mode) && depth < DEVICES_DEPTH_MAX;
        if (!device && !down)
            continue;
        char *path = arena_printf(w->a, "%s/%s", as, entry->d_name), *from = down ? arena_printf(w->a, "%s/%s", dir, entry->d_name) : NULL;
        if (!path || (down && !from))
            return err_oom(e);
        TRY(down ? walk(w, from, path, depth + 1, e) : add(w->list, path, &st, w->access, w->a, e));
    }
    return 0;
}

int devices_below(const char *dir, const char *as, const char *access, struct arena *a, struct devices *ret, struct err *e)
{
    struct walk w = {.list = ret, .access = access, .a = a};
    return walk(&w, dir, as, 1, e);
}

static int resolve(const Runtime__V1__Device *d, struct arena *a, struct devices *list, struct err *e)
{
    struct stat st;
    const char *as = d->container_path[0] ? d->container_path : d->host_path, *access = d->permissions[0] ? d->permissions : "rwm";
    if (d->host_path[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "host_path \"%s\" is not absolute", d->host_path);
    if (stat(d->host_path, &st) < 0)
        return err_errno(e, errno, "%s", d->host_path);
    if (S_ISDIR(st.st_mode))
        return devices_below(d->host_path, strcmp(as, "/") == 0 ? "" : as, access, a, list, e);
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is not a device", d->host_path);
    return add(list, as, &st, access, a, e);
}

int devices_resolve(const Runtime__V1__ContainerConfig *config, struct arena *a, struct devices *ret, struct err *e)
{
    for (size_t i = 0; i < config->n_devices; i++) {
        int r = resolve(config->devices[i], a, ret, e);
        if (r < 0)
            return err_wrap(e, r, "config.devices[%zu]", i);
    }
    return 0;
}
