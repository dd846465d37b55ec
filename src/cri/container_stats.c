/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ContainerStats.
 */
#include "cri/container.h"
#include "cri/handlers.h"
#include "cri/stats_fill.h"

int cri_container_stats(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ContainerStatsRequest *req,
                        Runtime__V1__ContainerStatsResponse *resp, struct err *e)
{
    _cleanup_stats_call_ struct stats_call w;
    _cleanup_container_ struct container *c = NULL;
    stats_call_init(&w, s, call);
    TRY(container_find(s, req->container_id, &c, e));
    TRY(stats_layers_refresh(&w, &c, 1, 0, e));
    return stats_fill_container(&w, c, &resp->stats, NULL, e);
}
