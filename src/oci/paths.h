/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that specs name: cgroups and namespaces of processes.
 */
#ifndef CRI_OCI_PATHS_H
#define CRI_OCI_PATHS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* linux.cgroupsPath of container id in a pod whose cgroup_parent is parent. Where the last element of parent ends in ".slice"
 * that is the systemd form "<slice>:cri-containerd:<id>", otherwise "<parent>/<id>" with the path made clean. INVALID_ARGUMENT
 * when parent is empty or has a ".." element. (runc docs/systemd.md; containerd pkg/cri getCgroupsPath.) */
int oci_cgroup_path(const char *parent, const char *id, struct arena *a, char **ret_path, struct err *e);

enum oci_namespace {
    OCI_NS_NETWORK,
    OCI_NS_IPC,
    OCI_NS_UTS,
    OCI_NS_PID,
    OCI_NS_USER,
    OCI_NS_CGROUP,
    OCI_NS_MOUNT,
};

/* /proc/<pid>/ns/<file> of a process (namespaces(7)). In a; NULL when memory is exhausted. */
char *oci_namespace_path(enum oci_namespace ns, uint32_t pid, struct arena *a);

/* The type's name in linux.namespaces ("network", "ipc", "uts", "pid", "user", "cgroup", "mount"). Static. */
const char *oci_namespace_type(enum oci_namespace ns);

/* A path without empty, "." and ".." elements, without a trailing slash; absolute paths stay absolute and do not climb above "/",
 * relative ones keep leading "..". The empty path gives ".". In a; NULL when memory is exhausted. No link is followed. */
char *oci_path_clean(const char *path, struct arena *a);

#endif
