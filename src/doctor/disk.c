/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk: room, inodes and writability below the directories that the daemon and containerd's snapshotters write to.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "doctor/internal.h"

/* Below these the kubelet evicts pods (nodefs.available, nodefs.inodesFree; the defaults), below the others hardly anything can be written. */
enum { SPACE_PERCENT = 10, INODES_PERCENT = 5, INODES_MIN = 256 };
#define SPACE_MIN (UINT64_C(16) << 20)

static void check_space(struct doctor *d, const char *what, const char *path, const struct statvfs *s)
{
    static const char advice[] = "Remove images and logs that are not needed (crictl rmi --prune), or enlarge the file system.";
    uint64_t all = (uint64_t)s->f_blocks * s->f_frsize, room = (uint64_t)s->f_bavail * s->f_frsize;
    bool full = room < SPACE_MIN, tight = s->f_bavail < s->f_blocks / 100 * SPACE_PERCENT;
    enum doctor_level level = full ? DOCTOR_ERROR : tight ? DOCTOR_WARNING : DOCTOR_OK;
    doctor_add(d, level, "disk-space", level == DOCTOR_OK ? NULL : advice, "%s %s: %llu MiB of %llu MiB are free%s", what, path, (unsigned long long)(room >> 20),
               (unsigned long long)(all >> 20), full ? ", which is not enough to work" : tight ? "; below 10% the kubelet evicts pods" : "");
    if (s->f_files == 0) /* btrfs and others have no fixed number */
        return;
    full = s->f_favail < INODES_MIN;
    tight = s->f_favail < s->f_files / 100 * INODES_PERCENT;
    level = full ? DOCTOR_ERROR : tight ? DOCTOR_WARNING : DOCTOR_OK;
    doctor_add(d, level, "disk-inodes", level == DOCTOR_OK ? NULL : advice, "%s %s: %llu of %llu inodes are free%s", what, path, (unsigned long long)s->f_favail,
               (unsigned long long)s->f_files, full ? ", which is not enough to work" : tight ? "; below 5% the kubelet evicts pods" : "");
}

/* The directory, or the nearest one above it that is there. */
static const char *nearest(struct doctor *d, const char *path)
{
    char *at = arena_strdup(&d->arena, path);
    d->no_memory = d->no_memory || !at;
    while (at && !fs_exists(at)) {
        char *slash = strrchr(at, '/');
        if (!slash || slash == at)
            return "/";
        *slash = '\0';
    }
    return at;
}

static void check_place(struct doctor *d, const char *what, const char *path)
{
    const char *there = nearest(d, path);
    struct statvfs s;
    struct stat st;
    if (!there)
        return;
    if (stat(there, &st) == 0 && !S_ISDIR(st.st_mode)) {
        doctor_add(d, DOCTOR_ERROR, "disk-directory", "Remove the file, or name another directory.", "%s %s: %s is no directory", what, path, there);
        return;
    }
    if (d->view.space(there, &s) < 0) {
        doctor_add(d, DOCTOR_ERROR, "disk-directory", "Look at the file system that it lies on.", "%s %s cannot be looked at: %s", what, there, strerror(errno));
        return;
    }
    if (s.f_flag & ST_RDONLY)
        doctor_add(d, DOCTOR_ERROR, "disk-read-only", "Mount it for writing; after an error of the disk the kernel makes it read-only (dmesg).",
                   "%s %s lies on a read-only file system", what, path);
    else
        check_space(d, what, path, &s);
}

void doctor_check_disk(struct doctor *d, const struct doctor_facts *f)
{
    check_place(d, "root directory", d->options.root);
    check_place(d, "state directory", d->options.state);
    for (size_t i = 0; f->containerd && f->handlers_known && i < f->handlers.n; i++) {
        const char *root = "";
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || strcmp(f->handlers.v[j].snapshotter, f->handlers.v[i].snapshotter) == 0;
        if (!seen && cri_owner_snapshotter(&f->owner, d->options.containerd, f->handlers.v[i].snapshotter, &root, NULL) == 0 && *root)
            check_place(d, "containerd's snapshots in", root);
    }
}
