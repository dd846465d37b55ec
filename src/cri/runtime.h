/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime: the whole CRI runtime as one object. The daemon is arguments and signals around it; another program can embed it the same way.
 */
#ifndef CRI_CRI_RUNTIME_H
#define CRI_CRI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What members of the options that are not set stand for. */
#define CRI_DEFAULT_LISTEN "/run/cri-containerd/cri-containerd.sock"
#define CRI_DEFAULT_CONTAINERD "/run/containerd/containerd.sock"
#define CRI_DEFAULT_ROOT "/var/lib/containerd/io.containerd.grpc.v1.cri"
#define CRI_DEFAULT_STATE "/run/containerd/io.containerd.grpc.v1.cri"
#define CRI_DEFAULT_SNAPSHOTTER "overlayfs"
#define CRI_DEFAULT_RUNTIME_TYPE "io.containerd.runc.v2"
#define CRI_DEFAULT_SANDBOX_IMAGE "registry.k8s.io/pause:3.10"
#define CRI_DEFAULT_CNI_CONF_DIR "/etc/cni/net.d"
#define CRI_DEFAULT_CNI_BIN_DIR "/opt/cni/bin"
#define CRI_DEFAULT_CNI_CACHE_DIR "/var/lib/cni"
#define CRI_DEFAULT_NETNS_DIR "/var/run/netns"
#define CRI_DEFAULT_REGISTRY_CONFIG_PATH "/etc/containerd/certs.d:/etc/docker/certs.d"

/* A runtime handler: what a pod's RuntimeClass names (RunPodSandboxRequest.runtime_handler). All containers of a pod use the pod's handler. NULL strings are as
 * "". A handler "untrusted" also serves pods with the annotation io.kubernetes.cri.untrusted-workload. */
struct cri_runtime_handler {
    const char *name;
    const char *runtime_type;      /* containerd's name of the shim; "": io.containerd.runc.v2 */
    const char *snapshotter;       /* "": the runtime's */
    const char *base_runtime_spec; /* path of a JSON file that takes the place of the default spec; "": none */
    const char *cni_conf_dir;      /* "": the runtime's */
    int cni_max_conf_num;          /* with cni_conf_dir: at most so many networks; 0: as the runtime */
    const char *const *pod_annotations; /* patterns (fnmatch(3), a star does not cross a slash) of annotations that reach the OCI spec */
    size_t n_pod_annotations;
    const char *const *container_annotations;
    size_t n_container_annotations;
    bool privileged_without_host_devices;
    bool privileged_without_host_devices_all_devices_allowed;
    bool cgroup_writable; /* with cgroup v2: /sys/fs/cgroup can be written */
    /* options of the runc shim */
    const char *binary_name; /* "": the shim's own default */
    const char *root;        /* the OCI runtime's state directory; "": the shim's default */
    const char *shim_cgroup;
    bool systemd_cgroup, no_pivot_root, no_new_keyring;
    uint32_t io_uid, io_gid;
};

/* All strings are borrowed until cri_runtime_free. NULL members take the default that is named beside them: CRI_DEFAULT_*. */
struct cri_runtime_options {
    const char *listen;             /* /run/cri-containerd/cri-containerd.sock */
    const char *containerd;         /* /run/containerd/containerd.sock */
    const char *root;               /* /var/lib/containerd/io.containerd.grpc.v1.cri */
    const char *state;              /* /run/containerd/io.containerd.grpc.v1.cri */
    const char *snapshotter;        /* overlayfs */
    const char *runtime_binary;     /* "": the shim's own default */
    const char *sandbox_image;      /* registry.k8s.io/pause:3.10 */
    const char *cni_conf_dir;       /* /etc/cni/net.d */
    const char *const *cni_bin_dirs; /* /opt/cni/bin */
    size_t n_cni_bin_dirs;
    const char *cni_cache_dir;      /* /var/lib/cni */
    const char *cni_conf_template;  /* none; what UpdateRuntimeConfig makes a network configuration from */
    int cni_max_conf_num;           /* networks of the directory that a pod is attached to; 0: one; less: all */
    bool cni_setup_serially;        /* attach a pod's networks one after the other, not at the same time */
    const char *ip_pref;            /* which address of a pod is its first: "ipv4", "ipv6" or "cni" (the plugin's first) [ipv4] */
    const char *netns_dir;          /* /var/run/netns */
    const char *registry_ca;        /* none */
    int listen_fd;                  /* a listening unix socket that is served in place of `listen`, and owned from cri_runtime_run on; 0: none */
    const char *registry_config_path; /* directories of hosts.toml files: /etc/containerd/certs.d:/etc/docker/certs.d; "": none */
    unsigned socket_gid;            /* group of the listening socket */
    const char *metrics_address;    /* none; "ADDRESS:PORT" that /metrics, /healthz and /readyz are served on over HTTP */
    bool systemd_cgroup;
    /* None: one handler "runc" with runtime_binary and systemd_cgroup, which are not looked at otherwise. */
    const struct cri_runtime_handler *handlers;
    size_t n_handlers;
    const char *default_handler;  /* name of the one that "" stands for; "": "runc", or the only one */
    /* Containers, their specs and images. Zero is the default. */
    bool no_unprivileged_ports; /* do not set net.ipv4.ip_unprivileged_port_start=0 */
    bool no_unprivileged_icmp;  /* do not set net.ipv4.ping_group_range=0 2147483647 */
    bool disable_proc_mount;    /* keep the default masked and read-only paths whatever the request says */
    bool disable_hugetlb;       /* leave limits of huge pages out */
    bool hugetlb_must_exist;    /* limits of huge pages without the controller are an error */
    bool device_ownership_from_security_context;
    bool restrict_oom_score_adj; /* give no process a lower oom_score_adj than the daemon's own */
    bool ignore_image_defined_volumes;
    int64_t log_line_max;           /* bytes of a container's output in one line of its log, what is longer is split; 0: 16384, less: as many as possible */
    unsigned layers_at_once;        /* of one image that is pulled; 0: 3 */
    uint64_t pull_progress_timeout; /* ns without a byte after which a pull is given up; 0: 5 minutes, INT64_MAX: never */
    const char *unset_seccomp_profile; /* for requests that name none: "" (unconfined), "runtime/default" or "localhost/PATH" */
    /* Called once, when calls are served, on a thread of the runtime. May be NULL. */
    void (*ready)(void *user, const char *listen);
    void *user;
};

struct cri_runtime;

/* A copy in which the texts and lists that are not set are what they stand for. */
struct cri_runtime_options cri_runtime_options_whole(const struct cri_runtime_options *options);

/* Makes directories (0700), takes the state directory's lock, reads the host. Nothing is contacted yet. FAILED_PRECONDITION when another daemon holds
 * the lock, PERMISSION_DENIED without the rights; the error names the path. */
int cri_runtime_new(const struct cri_runtime_options *options, struct cri_runtime **ret, struct err *e);

/* Serves on the calling thread until cri_runtime_stop: asks containerd who it is (and refuses one whose own CRI plugin is loaded: FAILED_PRECONDITION with the
 * configuration line that turns it off), recovers, listens. On stop, calls in flight end, containers keep running. Returns 0 after a
 * clean stop, or the error that kept it from starting. SIGPIPE must be ignored. */
int cri_runtime_run(struct cri_runtime *rt, struct err *e);

/* Takes over what may change while it runs: registry_config_path, layers_at_once, pull_progress_timeout. The rest of the options is not looked at, and they are
 * not needed afterwards. From any thread. RESOURCE_EXHAUSTED changes nothing. */
int cri_runtime_reload(struct cri_runtime *rt, const struct cri_runtime_options *options, struct err *e);

/* Asks it to stop. From any thread, any number of times. */
void cri_runtime_stop(struct cri_runtime *rt);

/* Frees it; it must not run. NULL is allowed. False when a file system that hangs holds a thread (cio_pump_free): the process is to end by _exit. */
bool cri_runtime_free(struct cri_runtime *rt);

/* Calls fn on the runtime's I/O thread when the signal arrives; the caller has blocked it in all threads. Before cri_runtime_run. */
int cri_runtime_on_signal(struct cri_runtime *rt, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e);

/* Writes to the log what it is at, a line an item: calls in flight with their age, pods and containers by state, connections, threads, the event
 * stream, logs, memory. Nothing after it began to stop. On the runtime's I/O thread: from cri_runtime_on_signal's fn. */
void cri_runtime_report(struct cri_runtime *rt);

#endif
