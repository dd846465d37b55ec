/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RemovePodSandbox: stops the pod if it runs, removes its containers, its record, its snapshot and its files. The record goes before
 * the snapshot: once it is gone containerd's garbage collection takes the snapshot even if this daemon dies in between.
 */
#include <string.h>

#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/records.h"
#include "cri/sandbox.h"

static int remove_steps(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    TRY(sandbox_stop(s, ctx, sb, e));
    TRY(sandbox_each_container(s, ctx, sb, container_remove, e));
    int r = cri_task_destroy_left(s, ctx, &sb->o, e);
    if (r == 0)
        r = cri_record_remove(s, ctx, &sb->o, e);
    if (r == 0)
        r = sandbox_files_remove(s, sb->o.id, e);
    return r < 0 ? err_wrap(e, r, "remove sandbox \"%s\"", sb->o.id) : 0;
}

static void set_removing(struct sandbox *sb, bool removing)
{
    object_lock(&sb->o);
    sb->removing = removing; /* nothing is made in it any more */
    object_unlock(&sb->o);
}

int sandbox_remove(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e)
{
    set_removing(sb, true);
    int r = remove_steps(s, ctx, sb, e);
    if (r == 0)
        store_remove(&s->sandboxes, sb->o.id);
    else
        set_removing(sb, false);
    return r;
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
