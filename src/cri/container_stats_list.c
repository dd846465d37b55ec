/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListContainerStats, with its filters: id (or a unique prefix of one), pod, labels. Containers that do not run are told too, without figures of a cgroup, as the built-in plugin
 * does it.
 */
#include "cri/container.h"
#include "cri/handlers.h"
#include "cri/stats_fill.h"

static int fill_all(struct stats_call *w, struct container *const *v, size_t n, Runtime__V1__ListContainerStatsResponse *resp, struct err *e)
{
    TRY(stats_layers_refresh(w, v, n, STATS_LAYER_AGE, e));
    resp->stats = ARENA_NEW_N(w->a, Runtime__V1__ContainerStats *, n);
    if (!resp->stats)
        return err_oom(e);
    for (size_t i = 0; i < n; i++) {
        int r = stats_fill_container(w, v[i], &resp->stats[resp->n_stats], NULL, e);
        if (r == -ERR_NOT_FOUND)
            continue;
        TRY(r);
        resp->n_stats++;
    }
    err_clear(e);
    return 0;
}

int cri_list_container_stats(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ListContainerStatsRequest *req,
                             Runtime__V1__ListContainerStatsResponse *resp, struct err *e)
{
    _cleanup_stats_call_ struct stats_call w;
    const Runtime__V1__ContainerStatsFilter *f = req->filter;
    struct container **all, **v;
    size_t n, chosen = 0;
    stats_call_init(&w, s, call);
    TRY(stats_containers(&w, NULL, &all, &n, e));
    v = ARENA_NEW_N(w.a, struct container *, n);
    for (size_t i = 0; v && i < n; i++)
        if (!f || container_matches(all[i], f->id, f->pod_sandbox_id, f->label_selector, f->n_label_selector))
            v[chosen++] = all[i];
    int r = v ? fill_all(&w, v, chosen, resp, e) : err_oom(e);
    stats_release(all, n);
    return r;
}
