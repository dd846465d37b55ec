/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the runc shim (io.containerd.runc.v2), message containerd.runc.v1.Options, as they stand in a container record and
 * in a request to create a task. Source: containerd, api/types/runc/options and core/runtime/v2/runc/options.
 */
#ifndef CRI_CONTAINERD_RUNC_OPTIONS_H
#define CRI_CONTAINERD_RUNC_OPTIONS_H

#include "containerd/containerd.h"

#define CTRD_RUNC_OPTIONS_TYPE "containerd.runc.v1.Options"

struct ctrd_runc_options {
    bool systemd_cgroup; /* cgroups are made through systemd */
    bool no_pivot_root, no_new_keyring;
    uint32_t io_uid, io_gid; /* owner of the pipes */
    const char *binary_name; /* path or name of runc; "" or NULL: runc in PATH */
    const char *root;        /* runc's state directory; "" or NULL: the shim's default */
    const char *shim_cgroup; /* cgroup that the shim is put into; "" or NULL: containerd's */
};

/* Packs o; *ret points into the arena. Fails only for want of memory. */
int ctrd_runc_options_pack(const struct ctrd_runc_options *o, struct arena *a, struct ctrd_any *ret, struct err *e);
/* Reads them back; strings live in the arena. INVALID_ARGUMENT for another type or bad bytes. An absent Any gives the defaults.
 */
int ctrd_runc_options_unpack(const struct ctrd_any *any, struct arena *a, struct ctrd_runc_options *ret, struct err *e);

#endif
