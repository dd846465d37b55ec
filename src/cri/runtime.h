/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime: the whole CRI runtime as one object. The daemon is arguments and signals around it; another program can embed it the same way.
 */
#ifndef CRI_CRI_RUNTIME_H
#define CRI_CRI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* All strings are borrowed until cri_runtime_free. NULL members take the default that is named beside them. */
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
    const char *netns_dir;          /* /var/run/netns */
    const char *registry_ca;        /* none */
    unsigned socket_gid;            /* group of the listening socket */
    bool systemd_cgroup;
    /* Called once, when calls are served, on a thread of the runtime. May be NULL. */
    void (*ready)(void *user, const char *listen);
    void *user;
};

struct cri_runtime;

/* Makes directories (0700), takes the state directory's lock, reads the host. Nothing is contacted yet. FAILED_PRECONDITION when another daemon holds
 * the lock, PERMISSION_DENIED without the rights; the error names the path. */
int cri_runtime_new(const struct cri_runtime_options *options, struct cri_runtime **ret, struct err *e);

/* Serves on the calling thread until cri_runtime_stop: asks containerd who it is (and refuses one whose own CRI plugin is loaded: FAILED_PRECONDITION with the
 * configuration line that turns it off), recovers, listens. On stop, calls in flight end, containers keep running. Returns 0 after a
 * clean stop, or the error that kept it from starting. SIGPIPE must be ignored. */
int cri_runtime_run(struct cri_runtime *rt, struct err *e);

/* Asks it to stop. From any thread, any number of times. */
void cri_runtime_stop(struct cri_runtime *rt);

/* Frees it; it must not run. NULL is allowed. */
void cri_runtime_free(struct cri_runtime *rt);

/* Calls fn on the runtime's I/O thread when the signal arrives; the caller has blocked it in all threads. Before cri_runtime_run. */
int cri_runtime_on_signal(struct cri_runtime *rt, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e);

#endif
