/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: what a runtime is at, counted without holding anything up, and told in the log (SIGUSR1).
 */
#ifndef CRI_CRI_REPORT_H
#define CRI_CRI_REPORT_H

#include "cri/service.h"

enum { CRI_REPORT_CALLS_MAX = 100 }; /* calls that are told one by one */

/* Pods by enum sandbox_state, containers by Runtime__V1__ContainerState, images, pulls under way. */
struct cri_census {
    size_t pods[3], containers[4], images, pulls;
};
/* Counts. From any thread; each object's lock is held for a look only. RESOURCE_EXHAUSTED. */
int cri_census_take(struct cri_service *s, struct cri_census *ret, struct err *e);

/* Writes the report to the log at level info, a line an item. handlers: the pool that calls run on. On the loop's thread; the service's images and
 * pump must not go away meanwhile. */
void cri_report(struct cri_service *s, const struct rpc_server *server, struct executor *handlers);

#endif
