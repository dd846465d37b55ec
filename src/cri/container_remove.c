/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RemoveContainer: a running one is killed first, one that is being started is refused. The record goes first: then the snapshot is garbage even if
 * the daemon dies here.
 */
#include <string.h>

#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/records.h"

/* 0: ours to remove; 1: somebody else has removed it. */
static int claim(struct container *c, const struct ctx *ctx, struct err *e)
{
    int r = 0;
    object_lock(&c->o);
    while ((c->removing || c->updating) && r == 0)
        r = object_wait(&c->o, ctx, "wait for another RemoveContainer or UpdateContainerResources", e);
    if (r == 0 && c->removed)
        r = 1;
    else if (r == 0 && c->starting)
        r = err_raise(e, ERR_FAILED_PRECONDITION, "container \"%s\" is being started", c->o.id);
    else if (r == 0)
        c->removing = true;
    object_unlock(&c->o);
    return r;
}

static int remove_steps(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    TRY(container_stop(s, ctx, c, 0, e));
    cio_free(container_detach(c));
    TRY(cri_task_destroy_left(s, ctx, &c->o, e));
    TRY(cri_record_remove(s, ctx, &c->o, e));
    return container_files_remove(s, c->o.id, e);
}

int container_remove(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e)
{
    int r = claim(c, ctx, e);
    if (r != 0)
        return r < 0 ? r : 0;
    r = remove_steps(s, ctx, c, e);
    if (r == 0)
        store_remove(&s->containers, c->o.id);
    object_lock(&c->o);
    c->removing = false;
    c->removed = r == 0;
    object_changed(&c->o);
    object_unlock(&c->o);
    return r < 0 ? err_wrap(e, r, "remove container \"%s\"", c->o.id) : 0;
}

int cri_remove_container(struct cri_service *s, struct rpc_call *call, const Runtime__V1__RemoveContainerRequest *req,
                         Runtime__V1__RemoveContainerResponse *resp, struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    int r = container_find(s, req->container_id, &c, e);
    if (r == -ERR_NOT_FOUND)
        return 0;
    TRY(r);
    return container_remove(s, &call->ctx, c, e);
}
