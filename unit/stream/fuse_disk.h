/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuse disk: a small file system (FUSE, linux/fuse.h) that can be told to hang: then it answers nothing until told to go on. Its files lie in
 * one folder, are few, and are kept in memory. It stands alone, so that the integration tests can make a program of it.
 */
#ifndef CRI_UNIT_STREAM_FUSE_DISK_H
#define CRI_UNIT_STREAM_FUSE_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { FUSE_DISK_FILES = 4, FUSE_DISK_SIZE = 16 << 20, FUSE_DISK_NAME = 64, FUSE_DISK_WRITE = 128 << 10 };

struct fuse_disk_file {
    char name[FUSE_DISK_NAME];
    size_t size;
    char data[FUSE_DISK_SIZE];
};

struct fuse_disk {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool hangs; /* under the lock */
    struct fuse_disk_file file[FUSE_DISK_FILES];
    char in[FUSE_DISK_WRITE + 4096], out[FUSE_DISK_WRITE + 4096];
};

/* Mounts it on a directory and serves it from a thread. 0 or -errno: -EPERM, -ENOENT or -ENODEV where it may not be or there is no FUSE. */
int fuse_disk_start(struct fuse_disk *d, const char *dir);
void fuse_disk_hang(struct fuse_disk *d, bool hang);
/* Goes on, waits for the end of the connection (whoever mounted it has unmounted it). */
void fuse_disk_stop(struct fuse_disk *d);

#endif
