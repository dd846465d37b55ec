/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RemovePodSandbox: stops the pod if it runs, removes its containers, its record, its snapshot and its files. The record goes before
 * the snapshot: once it is gone containerd's garbage collection takes the snapshot even if this daemon dies in between.
 */
#include <string.h>

#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/sandbox.h"

static int remove_containers(struct cri_service *s, const struct ctx *ctx, const char *sandbox_id, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    TRY(store_list(&s->containers, &a, &list, &n, e));
    int r = 0;
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        struct err one = ERR_INIT;
        int k = strcmp(c->meta.sandbox_id, sandbox_id) == 0 ? container_remove(s, ctx, c, &one) : 0;
        if (k < 0 && r == 0) {
            r = k;
            *e = one;
        }
        container_unref(c);
    }
    return r;
}

static int remove_record(struct cri_service *s, const struct ctx *ctx, const char *id, struct err *e)
{
    int r = ctrd_container_delete(&s->ctrd, ctx, id, e);
    if (r < 0 && !ctrd_is_not_found(r, e))
        return r;
    r = ctrd_snapshot_remove(&s->ctrd, ctx, s->config.snapshotter, id, e);
    return r < 0 && !ctrd_is_not_found(r, e) ? r : 0;
}

int sandbox_remove(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    TRY(sandbox_stop(s, ctx, sb, e));
    TRY(remove_containers(s, ctx, sb->o.id, e));
    int r = cri_task_destroy_left(s, ctx, &sb->o, e);
    if (r == 0)
        r = remove_record(s, ctx, sb->o.id, e);
    if (r == 0)
        r = sandbox_files_remove(s, sb->o.id, e);
    if (r < 0)
        return err_wrap(e, r, "remove sandbox \"%s\"", sb->o.id);
    store_remove(&s->sandboxes, sb->o.id);
    return 0;
}

int cri_remove_pod_sandbox(struct cri_service *s, struct rpc_call *call, const Runtime__V1__RemovePodSandboxRequest *req,
                           Runtime__V1__RemovePodSandboxResponse *resp, struct err *e)
{
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    int r = sandbox_find(s, req->pod_sandbox_id, &sb, e);
    if (r == -ERR_NOT_FOUND)
        return 0;
    TRY(r);
    return sandbox_remove(s, &call->ctx, sb, e);
}
