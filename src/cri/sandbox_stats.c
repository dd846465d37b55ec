/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodSandboxStats.
 */
#include "cri/handlers.h"
#include "cri/sandbox.h"
#include "cri/stats_fill.h"

int cri_pod_sandbox_stats(struct cri_service *s, struct rpc_call *call, const Runtime__V1__PodSandboxStatsRequest *req,
                          Runtime__V1__PodSandboxStatsResponse *resp, struct err *e)
{
    _cleanup_stats_call_ struct stats_call w;
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    struct container **v;
    size_t n;
    stats_call_init(&w, s, call);
    TRY(sandbox_find(s, req->pod_sandbox_id, &sb, e));
    TRY(stats_containers(&w, sb->o.id, &v, &n, e));
    int r = stats_layers_refresh(&w, v, n, 0, e);
    if (r == 0)
        r = stats_fill_pod(&w, sb, v, n, &resp->stats, e);
    stats_release(v, n);
    return r;
}
