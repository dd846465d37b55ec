/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandbox: what several of the pod RPCs share. Where a pod's files lie, its network, and the steps that end it.
 */
#ifndef CRI_CRI_SANDBOX_H
#define CRI_CRI_SANDBOX_H

#include "cri/service.h"

/* Finds a sandbox that clients may see, by id or unique prefix, and marks it as known to a client. Errors as store_get. */
int sandbox_find(struct cri_service *s, const char *id, struct sandbox **ret, struct err *e);

/* True when the id begins with this ("" takes any) and every selector pair (a map<string,string> of n entries) is among the labels. */
bool sandbox_matches(const struct sandbox *sb, const char *id, const void *labels, size_t n_labels);

/* Paths of a pod's files; NULL when the arena is exhausted. An id that could leave the directory was refused before it became an id of ours. */
char *sandbox_root_dir(const struct cri_service *s, struct arena *a, const char *id);  /* <root>/sandboxes/<id> */
char *sandbox_state_dir(const struct cri_service *s, struct arena *a, const char *id); /* <state>/sandboxes/<id> */
char *sandbox_hosts_path(const struct cri_service *s, struct arena *a, const char *id);
char *sandbox_hostname_path(const struct cri_service *s, struct arena *a, const char *id);
char *sandbox_resolv_path(const struct cri_service *s, struct arena *a, const char *id);
char *sandbox_shm_path(const struct cri_service *s, struct arena *a, const char *id);

/* Makes the directories and the files hostname, hosts and resolv.conf, and mounts /dev/shm unless the pod uses the host's IPC namespace. */
int sandbox_files_make(struct cri_service *s, struct arena *a, const char *id, const Runtime__V1__PodSandboxConfig *config, struct err *e);
/* Unmounts and removes all of it. Doing it again is success. */
int sandbox_files_remove(struct cri_service *s, const char *id, struct err *e);

bool sandbox_host_network(const Runtime__V1__PodSandboxConfig *config);
bool sandbox_host_ipc(const Runtime__V1__PodSandboxConfig *config);
bool sandbox_privileged(const Runtime__V1__PodSandboxConfig *config);

/* Refuses AppArmor profiles, which are not served yet: only none and Unconfined are. The deprecated string form may be "". */
int sandbox_check_apparmor(const struct cri_service *s, const Runtime__V1__SecurityProfile *profile, const char *old, struct err *e);

/* CNI ADD with what the pod's configuration says; CNI DEL and removal of the namespace. result lives in the arena. */
int sandbox_network_up(struct cri_service *s, const struct ctx *ctx, const struct sandbox_meta *m, struct arena *a, struct cni_pod_result *ret, struct err *e);
int sandbox_network_check(struct cri_service *s, const struct ctx *ctx, const struct sandbox_meta *m, struct err *e); /* CNI CHECK */
int sandbox_network_down(struct cri_service *s, const struct ctx *ctx, const struct sandbox_meta *m, struct err *e);

/* The containerd record of a pod, and its extension alone (after the network is known). */
int sandbox_extension(const struct sandbox_meta *m, struct buf *scratch, struct ctrd_extension *ret, struct err *e);

/* Calls fn with every container of the pod, whatever became of the others; returns the first failure. */
int sandbox_each_container(struct cri_service *s, const struct ctx *ctx, const struct sandbox *sb,
                           int (*fn)(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e), struct err *e);

/* Stops a pod: its containers, its network, its pause process. Whoever comes while it is being stopped waits. */
int sandbox_stop(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e);
/* Stops and removes a pod with everything that belongs to it. */
int sandbox_remove(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e);

#endif
