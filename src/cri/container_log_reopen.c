/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReopenContainerLog: the kubelet has renamed the log file and asks for a new one at the old path. Without a log path there is nothing to do.
 */
#include "cri/container.h"
#include "cri/handlers.h"

/* A container whose output could not be read so far (its log could not be opened at a restart) is attached to, which opens the file. */
int cri_reopen_container_log(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ReopenContainerLogRequest *req,
                             Runtime__V1__ReopenContainerLogResponse *resp, struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    struct cio *io = NULL;
    TRY(container_find(s, req->container_id, &c, e));
    TRY(container_check_running(c, e));
    TRY(container_claim_io(c, &call->ctx, &io, e));
    int r = io ? cio_log_reopen(io, e) : 0;
    container_release_io(c);
    if (!io)
        r = cri_reattach(s, &call->ctx, c, e);
    return r < 0 ? err_wrap(e, r, "reopen the log of container \"%s\"", c->o.id) : 0;
}
