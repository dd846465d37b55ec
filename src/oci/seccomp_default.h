/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuntimeDefault: the seccomp profile of containers that ask for the runtime's own. What it allows is what containerd 2.3's built-in plugin
 * allows, so a workload finds the same kernel on both. Compared with containerd 1.6 that takes io_uring and sockets of the families AF_ALG and
 * AF_VSOCK away.
 */
#ifndef CRI_OCI_SECCOMP_DEFAULT_H
#define CRI_OCI_SECCOMP_DEFAULT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { OCI_SECCOMP_DEFAULT_MAX = 32768 }; /* bytes of any profile that is made here */

struct oci_seccomp_facts {
    const char *machine; /* uname(2): "x86_64", "aarch64" ... */
    unsigned kernel_major, kernel_minor;
    uint64_t caps; /* the container's bounding set: bit n is capability n */
};

/* Appends the profile, a linux.seccomp object (OCI runtime-spec, config-linux.md), to out. UNIMPLEMENTED for a machine that is not known,
 * RESOURCE_EXHAUSTED. */
int oci_seccomp_default(const struct oci_seccomp_facts *f, struct buf *out, struct err *e);

#endif
