/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Os: what handlers ask of the kernel besides files: mounts, network namespaces, a look into a container's root file system. A table, so
 * that unit tests and fuzz targets run without privileges.
 */
#ifndef CRI_CRI_OS_H
#define CRI_CRI_OS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "containerd/containerd.h"
#include "cri/devices.h"

struct cri_os {
    /* A network namespace pinned on path, loopback up; and its removal (a missing one is success). */
    int (*netns_create)(const char *path, struct err *e);
    int (*netns_remove)(const char *path, struct err *e);
    bool (*netns_alive)(const char *path);
    /* A pod's /dev/shm: a tmpfs of OCI_SHM_SIZE on path; and its removal. */
    int (*shm_mount)(const char *path, struct err *e);
    int (*unmount)(const char *path, struct err *e);
    /* Opens the root directory of a file system described by containerd's mounts, read-only, without leaving a mount behind: the mount lives
     * as long as the descriptor. scratch is an existing directory that may be used for a moment. */
    int (*open_root)(const struct ctrd_mounts *mounts, const char *scratch, int *ret_fd, struct err *e);
    /* The mount table of this process, for propagation checks. */
    int (*mountinfo)(struct buf *out, struct err *e);
    /* Adds every device node of the host. */
    int (*host_devices)(struct arena *a, struct devices *ret, struct err *e);
};

extern const struct cri_os cri_os_real;

#endif
