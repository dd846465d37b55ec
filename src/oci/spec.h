/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI runtime specs of pods and containers.
 *
 * Pure functions from (pod configuration, container configuration, image configuration, facts about the host, policy) to the JSON
 * text that containerd stores and runc reads. Nothing in here opens a file or asks the kernel: whatever has to be known from the
 * host comes in through the structs below, filled in by cri/, so that one input always gives the same text, byte for byte.
 *
 * What the specs must say is fixed by the OCI runtime specification (1.0.2; 1.1 for id-mapped mounts) and by what containerd's
 * built-in CRI plugin puts there, as a node may move its running pods between the two.
 */
#ifndef CRI_OCI_SPEC_H
#define CRI_OCI_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"
#include "cri/runtime_v1.pb-c.h"
#include "parse/ociimage.h"

/* Who the first process is, already looked up in the image's passwd and group files. */
struct oci_user {
    uint32_t uid;
    uint32_t gid;
    /* The groups that the image's /etc/group gives the user: used under the groups policy Merge, ignored under Strict. */
    const uint32_t *groups;
    size_t n_groups;
};

/* A device node of the host, as it shall be made in the container. */
struct oci_device {
    const char *path; /* in the container */
    char type;        /* 'c', 'b', 'u' or 'p' */
    int64_t major;
    int64_t minor;
    uint32_t mode; /* permission bits */
    uint32_t uid;
    uint32_t gid;
    const char *access; /* letters of r, w, m for the device cgroup; NULL or "": no rule is written for it */
};

/* How the mount that a host path lies on propagates (proc(5), mountinfo's optional fields). */
enum oci_peer {
    OCI_PEER_PRIVATE = 0,
    OCI_PEER_SLAVE,  /* master: */
    OCI_PEER_SHARED, /* shared: */
};

/* What is known of ContainerConfig.mounts[i]. */
struct oci_mount_source {
    /* Host path, links resolved, known to exist; or where the image volume is mounted. NULL: host_path as sent. */
    const char *source;
    enum oci_peer peer;
    const char *mount_point; /* the mount that source lies on, for messages; may be NULL */
};

/* A bind mount that the configuration does not name: an image's VOLUME. Left out where ContainerConfig.mounts has the same
 * target. */
struct oci_bind {
    const char *source;      /* host path */
    const char *destination; /* in the container, absolute */
    bool readonly;
    bool relabel; /* wants the container's SELinux label */
};

enum oci_cgroup_mode {
    OCI_CGROUP_V1 = 0, /* legacy and hybrid */
    OCI_CGROUP_V2,     /* unified */
};

/* Facts about the host. */
struct oci_host {
    const char *hostname; /* the node's, for HOSTNAME when the pod has none of its own */
    enum oci_cgroup_mode cgroup_mode;
    bool swap_controller; /* memory.memsw.limit_in_bytes (v1) or memory.swap.max (v2) exists */
    bool hugetlb_controller;
    bool seccomp;            /* the kernel has seccomp filters */
    bool apparmor;           /* the kernel has AppArmor, switched on */
    const char *machine;     /* uname(2), and the kernel's version: for RuntimeDefault seccomp profiles */
    unsigned kernel_major, kernel_minor;
    bool in_user_ns;         /* the daemon runs inside a user namespace */
    uint64_t capabilities;   /* bit n: the daemon holds capability n effectively; 0 means all that are known */
    bool cgroup2_nsdelegate; /* options of the host's /sys/fs/cgroup mount, to be repeated where its superblock is shared */
    bool cgroup2_recursiveprot;
    const struct oci_device *devices; /* every node of the host's /dev, for privileged containers; may be empty for others */
    size_t n_devices;
};

/* What the administrator chose, for the daemon and for one runtime handler. Lists may be empty. */
struct oci_policy {
    /* Patterns of pod annotations that are handed on (fnmatch(3); a star does not cross a slash). */
    struct strlist pod_annotations;
    struct strlist container_annotations; /* the same for container annotations */
    struct view base_spec;                /* JSON text of the handler's base spec; empty: the built-in defaults */
    const char *containerd_namespace;     /* NULL: "k8s.io"; used for the cgroup path when the pod has no cgroup_parent */
    bool recursive_read_only_mounts;      /* the handler can do them */
    bool unprivileged_ports;              /* net.ipv4.ip_unprivileged_port_start=0 */
    bool unprivileged_icmp;               /* net.ipv4.ping_group_range=0 2147483647 */
    bool disable_proc_mount;              /* keep the default masked and read-only paths whatever the request says */
    bool disable_hugetlb;
    bool hugetlb_must_exist; /* huge page limits without the controller are an error; otherwise noted and left out */
    bool device_ownership_from_security_context;
    bool privileged_without_host_devices;
    bool privileged_without_host_devices_all_devices_allowed;
    bool cgroup_writable; /* with cgroup v2 */
};

/* What a spec function found that its caller has to act on. In the caller's arena. */
struct oci_notes {
    struct strlist relabel;  /* host paths that must get mount_label before the container is created; ENOTSUP there is no error */
    struct strlist warnings; /* sentences for the log */
};

/* Everything about a pod's own (pause) container. Pointers are borrowed for the time of the call. */
struct oci_sandbox_input {
    const char *id;
    const Runtime__V1__PodSandboxConfig *config;
    const struct oci_image_config *image;
    const char *image_name;
    const char *netns_path;    /* NULL only with the host's network */
    const char *userns_path;   /* the pinned user namespace; NULL: the runtime makes one where the configuration asks for it */
    const char *shm_path;      /* the pod's tmpfs; not used with the host's IPC namespace */
    const char *resolv_path;   /* the pod's resolv.conf */
    const char *process_label; /* SELinux; NULL or "": none */
    const char *mount_label;
    struct view seccomp; /* a linux.seccomp object as JSON text; empty: none. Ignored for a privileged pod */
    bool seccomp_default; /* RuntimeDefault in place of it */
    struct oci_user user;
    int oom_score_adj; /* OCI_SANDBOX_OOM_SCORE_ADJ, clamped to what the daemon may set */
    const struct oci_host *host;
    const struct oci_policy *policy;
    struct oci_notes *notes; /* may be NULL */
};

/* Everything about an application container. */
struct oci_container_input {
    const char *id;
    const char *sandbox_id;
    uint32_t sandbox_pid; /* the pause process: whose namespaces are joined */
    uint32_t target_pid;  /* with PID mode TARGET: the target's process, known to run in the same pod */
    const Runtime__V1__ContainerConfig *config;
    const Runtime__V1__PodSandboxConfig *sandbox_config;
    const struct oci_image_config *image;
    const char *image_name;
    const struct oci_mount_source
        *mounts;                    /* one for each of config->mounts, in that order; NULL: paths as sent, on private mounts */
    const struct oci_bind *volumes; /* the image's VOLUMEs */
    size_t n_volumes;
    const char *hostname_path; /* the pod's files; NULL: not mounted */
    const char *hosts_path;
    const char *resolv_path;
    const char *shm_path;             /* the pod's tmpfs; with the host's IPC namespace /dev/shm is taken instead */
    const struct oci_device *devices; /* config->devices, directories expanded, access set */
    size_t n_devices;
    const char *process_label; /* SELinux; NULL or "": none */
    const char *mount_label;
    const char *apparmor_profile; /* NULL or "": none; ignored when privileged */
    struct view seccomp;          /* a linux.seccomp object as JSON text; empty: none; ignored when privileged */
    bool seccomp_default;         /* RuntimeDefault, for the container's capabilities, in place of it */
    bool seccomp_unconfined;      /* asked for by name: not even the base spec's */
    struct oci_user user;
    int oom_score_adj; /* resources.oom_score_adj, clamped; written only when the configuration has resources */
    const struct oci_host *host;
    const struct oci_policy *policy;
    struct oci_notes *notes; /* may be NULL */
};

/* Write the spec of a pod's own container, and of an application container, as one JSON document appended to out. Scratch memory
 * and the notes live in a. Errors: INVALID_ARGUMENT naming the field of the request ("config.linux.sysctls...") for what the
 * caller sent; FAILED_PRECONDITION for what the host or the handler cannot do ("RROUnsupported: ..."); RESOURCE_EXHAUSTED. On
 * failure out is as before. (OCI runtime-spec config.md and config-linux.md; containerd pkg/cri.) */
int oci_sandbox_spec(const struct oci_sandbox_input *in, struct arena *a, struct buf *out, struct err *e);
int oci_container_spec(const struct oci_container_input *in, struct arena *a, struct buf *out, struct err *e);

/* One exec into a container. */
struct oci_exec_input {
    struct view spec; /* the container's stored spec, whoever wrote it */
    char *const *argv;
    size_t n_argv;
    bool tty;
};

/* Writes the process object of an exec (Tasks.Exec, type types.containerd.io/opencontainers/runtime-spec/1/Process): the
 * container's own process with args and terminal replaced, and TERM=xterm in the environment with a terminal. Members that are
 * not known here are kept, numbers keep their text. INVALID_ARGUMENT for an empty argv, DATA_LOSS when the stored spec cannot be
 * read. */
int oci_exec_process(const struct oci_exec_input *in, struct arena *a, struct buf *out, struct err *e);

#endif
