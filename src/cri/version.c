/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version. The runtime's name is containerd's, as the built-in plugin answers, because tools match on it; the version is that of the containerd below.
 */
#include <string.h>

#include "cri/convert.h"
#include "cri/handlers.h"

#define KUBE_API_VERSION "0.1.0"

/* containerd's, which may be another one than when this daemon started; that one when it does not answer. */
static const char *version_below(struct cri_service *s, struct rpc_call *call)
{
    const char *version, *revision;
    struct err ignored = ERR_INIT;
    struct ctx ctx = ctx_with_timeout(&call->ctx, 2 * NSEC_PER_SEC);
    return ctrd_version(&s->ctrd, &ctx, &call->arena, &version, &revision, &ignored) == 0 ? version : s->containerd_version;
}

int cri_version(struct cri_service *s, struct rpc_call *call, const Runtime__V1__VersionRequest *req, Runtime__V1__VersionResponse *resp, struct err *e)
{
    bool old = strncmp(call->method->path, "/runtime.v1alpha2.", strlen("/runtime.v1alpha2.")) == 0;
    resp->version = convert_str(&call->arena, KUBE_API_VERSION);
    resp->runtime_name = convert_str(&call->arena, "containerd");
    resp->runtime_version = convert_str(&call->arena, version_below(s, call));
    resp->runtime_api_version = convert_str(&call->arena, old ? "v1alpha2" : "v1");
    return resp->version && resp->runtime_name && resp->runtime_version && resp->runtime_api_version ? 0 : err_oom(e);
}
