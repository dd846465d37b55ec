/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: whole-file reads with a maximum, atomic writes whose close is checked, directory trees. Everything is close-on-exec.
 */
#ifndef CRI_BASE_FS_H
#define CRI_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/view.h"

/* Closes *fd unless negative and sets it to -1; errno is kept. */
void fd_close(int *fd);
#define _cleanup_fd_ _cleanup_(fd_close)

/* Appends the contents of a regular file (or of a file below /proc, /sys) to out; -ERR_OUT_OF_RANGE when it holds more than the buffer's maximum. */
int fs_read_file(const char *path, struct buf *out, struct err *e);
int fs_read_fd(int fd, const char *name, struct buf *out, struct err *e);
/* Writes all of data to fd, across short writes and EINTR. name is for the message. */
int fs_write_fd(int fd, const char *name, struct view data, struct err *e);
/* Replaces path by a file with these contents: temporary file beside it, fsync, close checked, rename, fsync of the directory.
 * A failure leaves what was there, and no temporary file. */
int fs_write_atomic(const char *path, struct view data, mode_t mode, struct err *e);
/* Creates or truncates path and writes data; no fsync. */
int fs_write_file(const char *path, struct view data, mode_t mode, struct err *e);

/* Creates path and its missing parents. An existing directory is success. */
int fs_mkdir_all(const char *path, mode_t mode, struct err *e);
/* Removes path and everything below it, never following a symbolic link and never entering a mount point, path itself included
 * (ERR_FAILED_PRECONDITION; what lies beside it is removed). Any number of levels, at most 257 descriptors. A missing path is success. */
int fs_remove_all(const char *path, struct err *e);
/* Unmounts path (MNT_DETACH, UMOUNT_NOFOLLOW). A path that is missing or not a mount point is success. */
int fs_unmount(const char *path, struct err *e);
bool fs_exists(const char *path);
/* Copies a regular file's contents. */
int fs_copy_file(const char *from, const char *to, mode_t mode, size_t max, struct err *e);

/* Joins with exactly one '/' between; parts are not cleaned. NULL when the arena is exhausted. */
char *fs_join(struct arena *a, const char *dir, const char *name) _must_check_;
/* Opens `path` below the directory `root_fd` with every symbolic link resolved inside it (openat2 RESOLVE_IN_ROOT). The descriptor is returned in
 * *ret_fd and owned by the caller. */
int fs_open_in_root(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e);

#endif
