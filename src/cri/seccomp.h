/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp: what a request's seccomp fields come to: nothing, the runtime's default profile, or a file of the node.
 */
#ifndef CRI_CRI_SECCOMP_H
#define CRI_CRI_SECCOMP_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "cri/runtime_v1.pb-c.h"
#include "oci/spec.h"

/* The inputs of oci/spec.h of the same names. A zeroed one: nothing was asked for. */
struct cri_seccomp {
    struct view profile;
    bool runtime_default;
    bool unconfined;
};

/* The profile of a pod's or container's security context. `old` is the deprecated seccomp_profile_path, which counts only where there is no
 * profile: "", "unconfined", "runtime/default", "docker/default" or "localhost/" and an absolute path. Without either of them it is `unset`, in the form of
 * old (NULL is ""). None of the three, and anything when privileged, is no profile; the file is not even read then. A file is read once, here: a regular file of at most SECCOMP_PROFILE_MAX bytes in
 * the form of parse/seccomp.h. Result and scratch memory live in a.
 * Errors name the field: FAILED_PRECONDITION where the kernel has no seccomp, NOT_FOUND for a file that is missing, INVALID_ARGUMENT for what is
 * no profile. (CRI, SecurityProfile.) */
int cri_seccomp_read(const struct oci_host *host, const Runtime__V1__SecurityProfile *profile, const char *old, const char *unset, bool privileged,
                     struct arena *a, struct cri_seccomp *ret, struct err *e);

#endif
