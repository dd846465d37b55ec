/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stats_fill: what the four stats RPCs share. Figures of cgroups and interfaces are read when they are asked for; there is no collector. Only what takes a call to
 * containerd, and there a walk over files, is kept for a while for the lists: the usage of writable layers.
 */
#ifndef CRI_CRI_STATS_FILL_H
#define CRI_CRI_STATS_FILL_H

#include "base/buf.h"
#include "cri/runtime_v1.pb-c.h"
#include "cri/service.h"

/* How old the usage of a writable layer may be in a list: the built-in plugin's interval. Its timestamp tells. */
#define STATS_LAYER_AGE (10 * NSEC_PER_SEC)

/* One RPC. Everything is made in the arena; the text of files passes through scratch. */
struct stats_call {
    struct cri_service *s;
    const struct ctx *ctx;
    struct arena *a;
    struct buf scratch;
};
void stats_call_init(struct stats_call *w, struct cri_service *s, struct rpc_call *call);
void stats_call_done(struct stats_call *w);
#define _cleanup_stats_call_ _cleanup_(stats_call_done)

/* Asks containerd, in one go, what the writable layers of these containers use, where the last answer is max_age old or older (0: all). A layer whose usage cannot be told
 * is left out of the answer. Fails when containerd cannot be reached or ctx ends. */
int stats_layers_refresh(struct stats_call *w, struct container *const *v, size_t n, uint64_t max_age, struct err *e);

/* Fills in a container. One that does not run has attributes and layer only. *ret_pids (may be NULL) is what its cgroup counts, 0 when it is not known. NOT_FOUND when it has been
 * removed meanwhile, RESOURCE_EXHAUSTED. */
int stats_fill_container(struct stats_call *w, struct container *c, Runtime__V1__ContainerStats **ret, uint64_t *ret_pids, struct err *e);

/* Fills in a pod and those of the containers that are its. UNAVAILABLE, as the built-in plugin says it, when it is not ready or ends meanwhile; RESOURCE_EXHAUSTED. */
int stats_fill_pod(struct stats_call *w, struct sandbox *sb, struct container *const *v, size_t n, Runtime__V1__PodSandboxStats **ret, struct err *e);

/* The containers that clients may see, of this pod or (NULL) all, in an array from the arena, with a reference each (stats_release). */
int stats_containers(struct stats_call *w, const char *sandbox_id, struct container ***ret, size_t *ret_n, struct err *e);
void stats_release(struct container *const *v, size_t n);

#endif
