/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: the service's own, which most pods get, and those of runtime handlers that have a configuration directory of their own. All of them keep their
 * records in one cache, so any of them can tear down what another one has made.
 */
#ifndef CRI_CRI_NETWORKS_H
#define CRI_CRI_NETWORKS_H

#include "cri/runtime.h"
#include "cri/service.h"

/* Makes s->cni and s->networks from the options; strings are borrowed, the list lives in a. INVALID_ARGUMENT for an ip_pref that is none. */
int networks_make(const struct cri_runtime_options *o, struct arena *a, struct cri_service *s, struct err *e);
void networks_free(struct cri_service *s);

/* The one that pods of this handler get ("": the default handler); s->cni also for a handler that is no longer configured. */
struct cni *network_of_pod(const struct cri_service *s, const Runtime__V1__PodSandboxConfig *config, const char *handler);

/* Asks the plugins of every pod that runs whether its network still is as it was made (CNI CHECK). What is not is logged and kept for PodSandboxStatus. The
 * plugins are run one after the other: it may take long. */
void networks_check(struct cri_service *s, const struct ctx *ctx);
/* The same on the background pool. */
void networks_check_start(struct cri_service *s);

#endif
