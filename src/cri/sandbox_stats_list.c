/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListPodSandboxStats, with its filters: id (or a unique prefix of one), labels. Pods that are not ready have no stats: they are left out.
 */
#include <string.h>

#include "cri/handlers.h"
#include "cri/sandbox.h"
#include "cri/stats_fill.h"

/* The writable layers of these pods' containers. */
static int refresh_layers(struct stats_call *w, struct sandbox *const *pods, size_t n_pods, struct container *const *all, size_t n, struct err *e)
{
    size_t k = 0;
    struct container **theirs = ARENA_NEW_N(w->a, struct container *, n);
    if (!theirs)
        return err_oom(e);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < n_pods; p++)
            if (strcmp(all[i]->meta.sandbox_id, pods[p]->o.id) == 0) {
                theirs[k++] = all[i];
                break;
            }
    return stats_layers_refresh(w, theirs, k, STATS_LAYER_AGE, e);
}

static int fill_all(struct stats_call *w, struct sandbox *const *pods, size_t n_pods, Runtime__V1__ListPodSandboxStatsResponse *resp, struct err *e)
{
    struct container **all;
    size_t n;
    resp->stats = ARENA_NEW_N(w->a, Runtime__V1__PodSandboxStats *, n_pods);
    if (!resp->stats)
        return err_oom(e);
    TRY(stats_containers(w, NULL, &all, &n, e));
    int r = refresh_layers(w, pods, n_pods, all, n, e);
    for (size_t i = 0; r == 0 && i < n_pods; i++) {
        r = stats_fill_pod(w, pods[i], all, n, &resp->stats[resp->n_stats], e);
        if (r == 0) {
            resp->n_stats++;
        } else if (r == -ERR_UNAVAILABLE) { /* not ready, or no longer */
            r = 0;
            err_clear(e);
        }
    }
    stats_release(all, n);
    return r;
}

static bool wanted(struct sandbox *sb, const Runtime__V1__PodSandboxStatsFilter *f)
{
    object_lock(&sb->o);
    bool shown = !sb->o.hidden && sb->state == SANDBOX_STATE_READY;
    object_unlock(&sb->o);
    return shown && (!f || sandbox_matches(sb, f->id, f->label_selector, f->n_label_selector));
}

int cri_list_pod_sandbox_stats(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ListPodSandboxStatsRequest *req,
                               Runtime__V1__ListPodSandboxStatsResponse *resp, struct err *e)
{
    _cleanup_stats_call_ struct stats_call w;
    struct object **list;
    size_t n, chosen = 0;
    stats_call_init(&w, s, call);
    TRY(store_list(&s->sandboxes, w.a, &list, &n, e));
    struct sandbox **pods = ARENA_NEW_N(w.a, struct sandbox *, n);
    for (size_t i = 0; pods && i < n; i++)
        if (wanted((struct sandbox *)list[i], req->filter))
            pods[chosen++] = (struct sandbox *)list[i];
    int r = pods ? fill_all(&w, pods, chosen, resp, e) : err_oom(e);
    for (size_t i = 0; i < n; i++)
        object_unref(list[i]);
    return r;
}
