/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of directory trees that somebody else made, for example an image's: by descriptors, no link is ever followed, nothing but regular
 * files and directories is ever opened, and everything has a limit.
 */
#ifndef CRI_BASE_FS_COPY_H
#define CRI_BASE_FS_COPY_H

#include <stdint.h>

#include "base/ctx.h"
#include "base/err.h"

struct fs_copy_limits {
    uint64_t entries;      /* how many more may be copied; the copy lowers it, so that several copies can share one maximum */
    unsigned depth;        /* levels below the top that may hold entries; two descriptors are open for each */
    const struct ctx *ctx; /* looked at between entries and within large files */
};

/* Copies what is in the directory from_fd into the empty directory to_fd, and gives to_fd the owner, mode, times and extended attributes of
 * from_fd. Both descriptors are open for reading (not O_PATH), stay the caller's, and nobody else writes to the destination meanwhile.
 *
 * Copied: directories, regular files (holes stay holes), symbolic links as they are, hard links within the tree as such, fifos, sockets and device
 * nodes; owner, mode with the set-id bits, times (ns), and of directories and regular files the extended attributes user.*, security.capability
 * and POSIX ACLs. Labels (security.selinux) and trusted.* belong to the place, not to the contents, and stay behind; so do whiteouts of an overlay
 * (character devices 0:0). user.* attributes that the destination cannot hold are left out.
 *
 * OUT_OF_RANGE when a limit is exceeded or a relative path would not fit PATH_MAX; the ctx's errors; RESOURCE_EXHAUSTED for a full disk; what
 * the file system says, naming the path below the top. A failure leaves a part of the copy for the caller to remove. */
int fs_copy_tree(int from_fd, int to_fd, struct fs_copy_limits *limits, struct err *e);

#endif
