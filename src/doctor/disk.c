/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk: room, inodes and writability below the directories that the daemon and containerd's snapshotters write to.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
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

/* One look at a directory, on a thread that is left behind when the file system does not answer; the last of the two frees it. */
struct place {
    atomic_int users;
    int (*space)(const char *path, struct statvfs *ret);
    char path[PATH_MAX]; /* of the directory; then of the nearest one above it that is there */
    bool is_directory;
    int error;
    struct statvfs fs;
};

static void place_unref(struct place *p)
{
    if (atomic_fetch_sub(&p->users, 1) == 1)
        mem_free(p);
}

static void *look_at(void *arg)
{
    struct place *p = arg;
    struct stat st = {0};
    char *slash;
    while (stat(p->path, &st) < 0 && (slash = strrchr(p->path, '/')) && slash[1])
        slash[slash == p->path] = '\0';
    p->is_directory = S_ISDIR(st.st_mode);
    p->error = p->is_directory && p->space(p->path, &p->fs) < 0 ? errno : 0;
    place_unref(p);
    return NULL;
}

/* Looks for at most `patience`. False when it got no answer. */
static bool look_limited(struct place *p, uint64_t patience)
{
    pthread_t thread;
    struct timespec until;
    int error = pthread_create(&thread, NULL, look_at, p);
    if (error) {
        place_unref(p);
        p->error = error;
        p->is_directory = true;
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(patience / NSEC_PER_SEC);
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

static void judge_place(struct doctor *d, const char *what, const char *path, const struct place *p)
{
    if (!p->is_directory)
        doctor_add(d, DOCTOR_ERROR, "disk-directory", "Remove the file, or name another directory.", "%s %s: %s is no directory", what, path, p->path);
    else if (p->error)
        doctor_add(d, DOCTOR_ERROR, "disk-directory", "Look at the file system that it lies on.", "%s %s cannot be looked at: %s", what, p->path, strerror(p->error));
    else if (p->fs.f_flag & ST_RDONLY)
        doctor_add(d, DOCTOR_ERROR, "disk-read-only", "Mount it for writing; after an error of the disk the kernel makes it read-only (dmesg).",
                   "%s %s lies on a read-only file system", what, path);
    else
        check_space(d, what, path, &p->fs);
}

static void check_place(struct doctor *d, struct doctor_facts *f, const char *what, const char *path)
{
    struct place *p = mem_zalloc(sizeof *p);
    if (!p) {
        d->no_memory = true;
        return;
    }
    p->users = 2;
    p->space = d->view.space;
    snprintf(p->path, sizeof p->path, "%s", path);
    if (look_limited(p, d->view.patience)) {
        judge_place(d, what, path, p);
    } else {
        f->disk_hangs = d->thread_left = true;
        doctor_add(d, DOCTOR_ERROR, "disk-hangs", "Bring the disk or the server that it is on back; what uses it waits until then.",
                   "%s %s: the file system does not answer", what, path);
    }
    place_unref(p);
}

void doctor_check_disk(struct doctor *d, struct doctor_facts *f)
{
    check_place(d, f, "root directory", d->options.root);
    check_place(d, f, "state directory", d->options.state);
    for (size_t i = 0; f->containerd && f->handlers_known && i < f->handlers.n; i++) {
        const char *root = "";
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || strcmp(f->handlers.v[j].snapshotter, f->handlers.v[i].snapshotter) == 0;
        if (!seen && cri_owner_snapshotter(&f->owner, d->options.containerd, f->handlers.v[i].snapshotter, &root, NULL) == 0 && *root)
            check_place(d, f, "containerd's snapshots in", root);
    }
}
