/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodSandboxStatus, with the statuses of the pod's containers (which the built-in plugin leaves out), and the details that crictl inspectp prints.
 */
#include <string.h>

#include "cri/container.h"
#include "cri/convert.h"
#include "cri/handlers.h"
#include "cri/sandbox.h"
#include "state/gojson.h"

enum { INFO_MAX = 8 << 20 };

static int fill_network(struct cri_service *s, const struct sandbox *sb, struct arena *a, Runtime__V1__PodSandboxStatus *st, struct err *e)
{
    st->network = ARENA_NEW(a, Runtime__V1__PodSandboxNetworkStatus);
    if (!st->network)
        return err_oom(e);
    runtime__v1__pod_sandbox_network_status__init(st->network);
    bool down = sb->meta.netns_path[0] && !s->os->netns_alive(sb->meta.netns_path);
    st->network->ip = convert_str(a, down ? "" : sb->meta.ip); /* the address may be another pod's by now */
    size_t n = down ? 0 : sb->meta.additional_ips.n;
    st->network->additional_ips = ARENA_NEW_N(a, Runtime__V1__PodIP *, n);
    if (!st->network->ip || !st->network->additional_ips)
        return err_oom(e);
    for (size_t i = 0; i < n; i++) {
        Runtime__V1__PodIP *ip = ARENA_NEW(a, Runtime__V1__PodIP);
        if (!ip)
            return err_oom(e);
        runtime__v1__pod_ip__init(ip);
        ip->ip = convert_str(a, sb->meta.additional_ips.v[i]);
        if (!ip->ip)
            return err_oom(e);
        st->network->additional_ips[st->network->n_additional_ips++] = ip;
    }
    return 0;
}

static int fill_namespaces(const struct sandbox *sb, struct arena *a, Runtime__V1__PodSandboxStatus *st, struct err *e)
{
    const Runtime__V1__LinuxSandboxSecurityContext *sc = sb->meta.config->linux ? sb->meta.config->linux->security_context : NULL;
    st->linux = ARENA_NEW(a, Runtime__V1__LinuxPodSandboxStatus);
    Runtime__V1__Namespace *ns = ARENA_NEW(a, Runtime__V1__Namespace);
    Runtime__V1__NamespaceOption *o = ARENA_NEW(a, Runtime__V1__NamespaceOption);
    if (!st->linux || !ns || !o)
        return err_oom(e);
    runtime__v1__linux_pod_sandbox_status__init(st->linux);
    runtime__v1__namespace__init(ns);
    runtime__v1__namespace_option__init(o);
    if (sc && sc->namespace_options) {
        o = (Runtime__V1__NamespaceOption *)message_dup(&sc->namespace_options->base, a);
        if (!o)
            return err_oom(e);
    }
    ns->options = o;
    st->linux->namespaces = ns;
    return 0;
}

static int fill_status(struct cri_service *s, struct sandbox *sb, struct arena *a, Runtime__V1__PodSandboxStatus *st, struct err *e)
{
    const Runtime__V1__PodSandboxConfig *c = sb->meta.config;
    runtime__v1__pod_sandbox_status__init(st);
    object_lock(&sb->o);
    enum sandbox_state state = sb->state;
    object_unlock(&sb->o);
    st->id = convert_str(a, sb->o.id);
    st->metadata = convert_sandbox_metadata(a, c->metadata);
    st->state = convert_sandbox_state(state);
    st->created_at = sb->created_at;
    st->runtime_handler = convert_str(a, sb->meta.runtime_handler);
    if (!st->id || !st->metadata || !st->runtime_handler)
        return err_oom(e);
    if (convert_map(a, c->labels, c->n_labels, &runtime__v1__pod_sandbox_status__labels_entry__descriptor, &st->labels, &st->n_labels) < 0 ||
        convert_map(a, c->annotations, c->n_annotations, &runtime__v1__pod_sandbox_status__annotations_entry__descriptor, &st->annotations,
                    &st->n_annotations) < 0)
        return err_oom(e);
    TRY(fill_network(s, sb, a, st, e));
    return fill_namespaces(sb, a, st, e);
}

static int fill_containers(struct cri_service *s, const char *sandbox_id, struct arena *a, Runtime__V1__PodSandboxStatusResponse *resp, struct err *e)
{
    struct object **list;
    size_t n;
    TRY(store_list(&s->containers, a, &list, &n, e));
    resp->containers_statuses = ARENA_NEW_N(a, Runtime__V1__ContainerStatus *, n);
    int r = resp->containers_statuses ? 0 : err_oom(e);
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        if (r == 0 && strcmp(c->meta.sandbox_id, sandbox_id) == 0) {
            Runtime__V1__ContainerStatus *st = ARENA_NEW(a, Runtime__V1__ContainerStatus);
            r = st ? container_fill_status(s, c, a, st, e) : err_oom(e);
            if (r == 0)
                resp->containers_statuses[resp->n_containers_statuses++] = st;
        }
        container_unref(c);
    }
    return r;
}

/* The map entry "info": what the plugin prints here, for crictl and node tools. */
static int fill_info(struct cri_service *s, struct sandbox *sb, struct arena *a, Runtime__V1__PodSandboxStatusResponse *resp, struct err *e)
{
    _cleanup_buf_ struct buf json = BUF_INIT(INFO_MAX);
    const struct runtime_handler *handler;
    struct jsonw w;
    object_lock(&sb->o);
    uint32_t pid = sb->pid;
    const char *problem = sb->network_problem ? arena_strdup(a, sb->network_problem) : "";
    object_unlock(&sb->o);
    if (!problem)
        return err_oom(e);
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key_u64(&w, "pid", pid);
    jsonw_key_str(&w, "processStatus", pid ? "running" : "deleted");
    jsonw_key_bool(&w, "netNamespaceClosed", sb->meta.netns_path[0] && !s->os->netns_alive(sb->meta.netns_path));
    if (problem[0])
        jsonw_key_str(&w, "networkProblem", problem);
    jsonw_key_str(&w, "image", sb->image_name);
    jsonw_key_str(&w, "snapshotKey", sb->o.id);
    jsonw_key_str(&w, "snapshotter", sb->o.snapshotter);
    jsonw_key_str(&w, "runtimeHandler", sb->meta.runtime_handler);
    if (runtime_handler_of_pod(&s->handlers, sb->meta.config, sb->meta.runtime_handler, &handler, NULL) == 0)
        jsonw_key_str(&w, "runtimeType", handler->type);
    jsonw_key(&w, "config");
    gojson_write(&w, &sb->meta.config->base);
    if (sb->meta.cni_result.n) {
        jsonw_key(&w, "cniResult");
        jsonw_raw(&w, sb->meta.cni_result);
    }
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    return convert_map_one(a, "info", json.p, &runtime__v1__pod_sandbox_status_response__info_entry__descriptor, &resp->info, &resp->n_info) < 0
               ? err_oom(e)
               : 0;
}

int cri_pod_sandbox_status(struct cri_service *s, struct rpc_call *call, const Runtime__V1__PodSandboxStatusRequest *req,
                           Runtime__V1__PodSandboxStatusResponse *resp, struct err *e)
{
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    TRY(sandbox_find(s, req->pod_sandbox_id, &sb, e));
    resp->timestamp = clock_real();
    resp->status = ARENA_NEW(&call->arena, Runtime__V1__PodSandboxStatus);
    if (!resp->status)
        return err_oom(e);
    TRY(fill_status(s, sb, &call->arena, resp->status, e));
    TRY(fill_containers(s, sb->o.id, &call->arena, resp, e));
    return req->verbose ? fill_info(s, sb, &call->arena, resp, e) : 0;
}
