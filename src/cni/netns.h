/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netns: a pod's network namespace, kept alive by a bind mount on a file, `<dir>/cni-<8-4-4-4-12 hex digits>`.
 *
 * The path is chosen before anything is made, so that a container record can hold it first; a daemon that dies in between finds
 * from the record what to undo. A namespace is made, or looked at from inside, on a short-lived thread of its own: the other
 * threads of the daemon never leave the host's namespace.
 */
#ifndef CRI_CNI_NETNS_H
#define CRI_CNI_NETNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Chooses a path below dir that is not in use; makes nothing. Returned on the heap (mem_free). -ERR_RESOURCE_EXHAUSTED without
 * memory, -ERR_INVALID_ARGUMENT when dir is not an absolute path. */
int netns_path_new(const char *dir, char **ret_path, struct err *e);

/* Makes a network namespace whose loopback interface is up and pins it on path; missing parent directories are made, mode 0755.
 * -ERR_ALREADY_EXISTS when path exists. After a failure neither file nor mount is left. */
int netns_create(const char *path, struct err *e);

/* Pins an existing namespace (`source`, such as /proc/<pid>/ns/net) on path, else as netns_create. The loopback interface is
 * untouched. */
int netns_bind(const char *path, const char *source, struct err *e);

/* Unpins: unmounts (every mount that lies on it, MNT_DETACH) and unlinks. A missing path, or a file with nothing mounted on it,
 * is success. The kernel destroys the namespace when its last process is gone. */
int netns_remove(const char *path, struct err *e);

/* True when path is a network namespace that is pinned (nsfs with a network namespace behind it). */
bool netns_is_mounted(const char *path);

/* Brings the loopback interface of the namespace at path up (127.0.0.1/8 and ::1/128 come with it) and tells in *ret_ipv6 whether
 * it has an IPv6 address. Doing it again is success. -ERR_NOT_FOUND when path is no network namespace. */
int netns_loopback_up(const char *path, bool *ret_ipv6, struct err *e);

/* Runs fn on a thread inside the namespace at path and returns what it returns. fn must not leave the thread's state to others
 * (it may open sockets or read /proc/thread-self/net). Used for network counters. */
int netns_run(const char *path, int (*fn)(void *arg, struct err *e), void *arg, struct err *e);

#endif
