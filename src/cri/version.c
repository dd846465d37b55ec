/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version. The runtime's name is containerd's, as the built-in plugin answers, because tools match on it; the version is that of the containerd below.
 */
#include <string.h>

#include "cri/convert.h"
#include "cri/handlers.h"

#define KUBE_API_VERSION "0.1.0"

int cri_version(struct cri_service *s, struct rpc_call *call, const Runtime__V1__VersionRequest *req, Runtime__V1__VersionResponse *resp, struct err *e)
{
    bool old = strncmp(call->method->path, "/runtime.v1alpha2.", strlen("/runtime.v1alpha2.")) == 0;
    resp->version = convert_str(&call->arena, KUBE_API_VERSION);
    resp->runtime_name = convert_str(&call->arena, "containerd");
    resp->runtime_version = convert_str(&call->arena, s->containerd_version);
    resp->runtime_api_version = convert_str(&call->arena, old ? "v1alpha2" : "v1");
    return resp->version && resp->runtime_name && resp->runtime_version && resp->runtime_api_version ? 0 : err_oom(e);
}
