/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuntimeConfig: which cgroup driver the kubelet is to use.
 */
#include "cri/handlers.h"

int cri_runtime_config(struct cri_service *s, struct rpc_call *call, const Runtime__V1__RuntimeConfigRequest *req,
                       Runtime__V1__RuntimeConfigResponse *resp, struct err *e)
{
    resp->linux = ARENA_NEW(&call->arena, Runtime__V1__LinuxRuntimeConfiguration);
    if (!resp->linux)
        return err_oom(e);
    runtime__v1__linux_runtime_configuration__init(resp->linux);
    resp->linux->cgroup_driver = s->handlers.default_->runc.systemd_cgroup ? RUNTIME__V1__CGROUP_DRIVER__SYSTEMD : RUNTIME__V1__CGROUP_DRIVER__CGROUPFS;
    return 0;
}
