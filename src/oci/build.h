/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: the parts that specs of pods and of containers are put together from, for this layer only. A spec under construction is
 * one tree and the handles into it that every part needs. Parts report bad input through the error and a failed allocation
 * through tree_mem, see tree.h.
 */
#ifndef CRI_OCI_BUILD_H
#define CRI_OCI_BUILD_H

#include "oci/caps.h"
#include "oci/paths.h"
#include "oci/spec.h"
#include "oci/tree.h"

struct build {
    struct tree_mem m;
    struct tree *root; /* the document */
    struct tree *process;
    struct tree *mounts;
    struct tree *linux_;
    struct tree *annotations;
    struct tree *env; /* NAME to "NAME=value", in order; becomes process.env at the end */
    const struct oci_host *host;
    const struct oci_policy *policy;
    struct oci_notes *notes;
};

/* build.c: the start (containerd's defaults, or the base spec when there is one), and the end. */
int build_start(struct build *b, struct arena *a, struct view base_spec, const char *id, struct err *e);
int build_finish(struct build *b, struct buf *out, struct err *e);
void build_warn(struct build *b, const char *text);
/* linux.cgroupsPath for the pod's parent; the default when the pod has none. */
int build_cgroup_path(struct build *b, const char *parent, const char *id, struct err *e);
/* linux.seccomp from JSON text, or RuntimeDefault for the capabilities that the tree has now. */
int build_seccomp(struct build *b, struct view seccomp, bool runtime_default, struct err *e);
void build_masked_defaults(struct build *b);
/* True if s has a byte below 0x20 or 0x7f. */
bool build_has_control(const char *s);

/* process.c */
void build_env(struct build *b, struct view entry);
int build_args(struct build *b, char *const *first, size_t n_first, char *const *second, size_t n_second, struct err *e);
int build_cwd(struct build *b, const char *config_dir, const char *image_dir, struct err *e);
/* process.user: the primary group, the groups of the image where policy (supplemental_groups_policy) is Merge, and the list of
 * the request. */
int build_user(struct build *b, const struct oci_user *user, int policy, const int64_t *supplemental, size_t n, struct err *e);
void build_caps(struct build *b, const struct oci_caps *caps);
/* The capability sets that the tree has now (the base spec's). */
uint64_t build_caps_now(const struct build *b);

/* mounts.c */
void build_mount(struct build *b, const char *destination, const char *type, const char *source, const char *const *options,
                 size_t n_options);
/* Takes a default mount away, by its clean destination. */
void build_unmount(struct build *b, const char *destination);
/* /sys from the host in place of a new sysfs, which the kernel refuses with the host's network in a user namespace. */
void build_sys_from_host(struct build *b);
/* Makes the sysfs and cgroup mounts writable. */
void build_sys_writable(struct build *b, bool cgroup);
/* The default mounts that stay, the mounts of the request, the pod's files and the image's volumes. */
int build_container_mounts(struct build *b, const struct oci_container_input *in, struct err *e);

/* isolate.c: namespaces */
void build_namespace(struct build *b, enum oci_namespace ns, const char *path);
void build_namespace_none(struct build *b, enum oci_namespace ns);
bool build_namespace_has(const struct build *b, enum oci_namespace ns);
/* Checks a pod's or container's user namespace: 1 when there is one to be used, 0 when not. */
int build_userns_check(const Runtime__V1__UserNamespace *u, struct err *e);
bool build_userns_equal(const Runtime__V1__UserNamespace *a, const Runtime__V1__UserNamespace *b);
void build_userns(struct build *b, const Runtime__V1__UserNamespace *u, const char *path);
struct tree *build_id_mappings(struct build *b, Runtime__V1__IDMapping *const *v, size_t n);
int build_namespace_modes(const Runtime__V1__NamespaceOption *o, bool sandbox, struct err *e);

/* devices.c */
int build_devices(struct build *b, const struct oci_container_input *in, struct err *e);

/* annotations.c */
void build_annotation(struct build *b, const char *key, const char *value);
bool build_pattern_match(const struct strlist *patterns, const char *key);
void build_pod_annotations(struct build *b, const Runtime__V1__PodSandboxConfig *config, const char *sandbox_id);

/* resources.c: r into a linux.resources object; field names it in messages. */
int build_resources(struct tree_mem *m, struct tree *resources, const Runtime__V1__LinuxContainerResources *r, const char *field,
                    const struct oci_host *host, const struct oci_policy *policy, struct oci_notes *notes, struct err *e);

#endif
