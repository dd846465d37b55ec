/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime handlers: what a pod's RuntimeClass comes to: a shim with its options, a snapshotter, a policy for specs. Made once from the runtime's options; a
 * pod keeps the name that it asked for, and its containers look up the same.
 */
#ifndef CRI_CRI_RUNTIME_HANDLERS_H
#define CRI_CRI_RUNTIME_HANDLERS_H

#include "base/arena.h"
#include "base/err.h"
#include "containerd/runc_options.h"
#include "cri/runtime.h"
#include "cri/runtime_v1.pb-c.h"
#include "oci/spec.h"

enum { RUNTIME_HANDLERS_MAX = 256, RUNTIME_BASE_SPEC_MAX = 1 << 20 };

/* The handler that pods with this annotation set to "true" get, whatever their name for it. (containerd's CRI plugin) */
#define RUNTIME_UNTRUSTED            "untrusted"
#define RUNTIME_UNTRUSTED_ANNOTATION "io.kubernetes.cri.untrusted-workload"

struct runtime_handler {
    const char *name;
    const char *type; /* containerd's name of the shim */
    const char *snapshotter;
    struct ctrd_runc_options runc;
    struct oci_policy policy;
};

struct runtime_handlers {
    const struct runtime_handler *v; /* by name, sorted */
    size_t n;
    const struct runtime_handler *default_; /* what "" means */
};

/* Makes the handlers; base specs are read here, once. snapshotter: for handlers that name none. Everything lives in a or is borrowed from o.
 * INVALID_ARGUMENT names the handler and what is wrong with it: no name, a name twice, a base spec that is no JSON object, a default that is none of them;
 * errors of reading a base spec. */
int runtime_handlers_make(const struct cri_runtime_options *o, const char *snapshotter, struct arena *a, struct runtime_handlers *ret, struct err *e);

/* The handler of a pod: by its name, or by RUNTIME_UNTRUSTED_ANNOTATION, which does not go together with another name or with namespaces of the host.
 * INVALID_ARGUMENT for that, and for a name that is unknown; the error lists those that are known. (CRI, RunPodSandboxRequest.runtime_handler) */
int runtime_handler_of_pod(const struct runtime_handlers *h, const Runtime__V1__PodSandboxConfig *config, const char *name,
                           const struct runtime_handler **ret, struct err *e);

/* The options that the handler's shim is given, in a: those of runc for io.containerd.runc.v1 and v2, none for any other shim, which would not know them.
 * RESOURCE_EXHAUSTED. */
int runtime_handler_options(const struct runtime_handler *h, struct arena *a, struct ctrd_any *ret, struct err *e);

#endif
