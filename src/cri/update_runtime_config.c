/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateRuntimeConfig: the node's pod address ranges. See pod_cidr.h; what the network makes of them is in cni/cidr.c.
 */
#include "cri/pod_cidr.h"

#include "base/fs.h"
#include "base/log.h"
#include "cri/handlers.h"

enum { POD_CIDR_MAX = 16 << 10 };

/* Tells the network, and says when that wrote a configuration. */
static int apply(struct cri_service *s, const char *cidrs, struct err *e)
{
    int r = cni_update_pod_cidr(s->cni, cidrs, e);
    if (r > 0)
        log_info("pod CIDR %s: the network configuration was made from its template", cidrs);
    return MIN_OF(r, 0);
}

int cri_update_runtime_config(struct cri_service *s, struct rpc_call *call, const Runtime__V1__UpdateRuntimeConfigRequest *req,
                              Runtime__V1__UpdateRuntimeConfigResponse *resp, struct err *e)
{
    const Runtime__V1__NetworkConfig *network = req->runtime_config ? req->runtime_config->network_config : NULL;
    if (!network || network->pod_cidr[0] == '\0')
        return 0;
    struct view text = view_of(network->pod_cidr);
    if (text.n > POD_CIDR_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "runtime_config.network_config.pod_cidr is longer than %d bytes", POD_CIDR_MAX);
    char *path = fs_join(&call->arena, s->config.root, "pod-cidr");
    if (!path)
        return err_oom(e);
    int r = apply(s, network->pod_cidr, e);
    if (r < 0)
        return err_is_oom(e) ? r : err_wrap(e, r, "runtime_config.network_config");
    return fs_write_atomic(path, text, 0600, e);
}

void cri_pod_cidr_restore(struct cri_service *s)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(2 * (size_t)POD_CIDR_MAX);
    _cleanup_buf_ struct buf text = BUF_INIT(POD_CIDR_MAX);
    struct err e = ERR_INIT;
    char *path = fs_join(&a, s->config.root, "pod-cidr");
    int r = path ? fs_read_file(path, &text, &e) : err_oom(&e);
    if (r == -ERR_NOT_FOUND)
        return;
    if (r == 0)
        r = apply(s, text.p, &e);
    if (r < 0)
        log_warning("the pod CIDR that was told before the restart is not used: %s", e.message);
}
