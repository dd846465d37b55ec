/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: is the runtime ready, is the network; and what the runtime handlers can do. RuntimeReady means that containerd answers.
 */
#include "cri/convert.h"
#include "cri/handlers.h"

enum { INFO_MAX = 8 << 20, CONDITIONS = 2 };

static Runtime__V1__RuntimeCondition *condition(struct arena *a, const char *type, bool status, const char *reason, const char *message)
{
    Runtime__V1__RuntimeCondition *c = ARENA_NEW(a, Runtime__V1__RuntimeCondition);
    if (!c)
        return NULL;
    runtime__v1__runtime_condition__init(c);
    c->type = convert_str(a, type);
    c->status = status;
    c->reason = convert_str(a, status ? "" : reason);
    c->message = convert_str(a, status ? "" : message);
    return c->type && c->reason && c->message ? c : NULL;
}

/* *ret_version: what containerd says, or said when the daemon started. */
static int fill_conditions(struct cri_service *s, struct rpc_call *call, Runtime__V1__RuntimeStatus *st, const char **ret_version, struct err *e)
{
    struct arena *a = &call->arena;
    struct err runtime_err = ERR_INIT, network_err = ERR_INIT;
    const char *version, *revision;
    struct ctx ctx = ctx_with_timeout(&call->ctx, 2 * NSEC_PER_SEC);
    bool runtime = ctrd_version(&s->ctrd, &ctx, a, &version, &revision, &runtime_err) == 0;
    bool network = cni_status(s->cni, &ctx, &network_err) == 0;
    st->conditions = ARENA_NEW_N(a, Runtime__V1__RuntimeCondition *, CONDITIONS);
    if (!st->conditions)
        return err_oom(e);
    st->conditions[0] = condition(a, "RuntimeReady", runtime, "ContainerdNotReady", runtime_err.message);
    st->conditions[1] = condition(a, "NetworkReady", network, "NetworkPluginNotReady", network_err.message);
    st->n_conditions = CONDITIONS;
    if (!st->conditions[0] || !st->conditions[1])
        return err_oom(e);
    *ret_version = runtime ? version : s->containerd_version;
    return 0;
}

static int add_handler(struct arena *a, const char *name, const struct runtime_handler *handler, Runtime__V1__StatusResponse *resp, struct err *e)
{
    Runtime__V1__RuntimeHandler *h = ARENA_NEW(a, Runtime__V1__RuntimeHandler);
    Runtime__V1__RuntimeHandlerFeatures *f = ARENA_NEW(a, Runtime__V1__RuntimeHandlerFeatures);
    if (!h || !f)
        return err_oom(e);
    runtime__v1__runtime_handler__init(h);
    runtime__v1__runtime_handler_features__init(f);
    f->recursive_read_only_mounts = handler->policy.recursive_read_only_mounts;
    h->name = convert_str(a, name);
    h->features = f;
    resp->runtime_handlers[resp->n_runtime_handlers++] = h;
    return h->name ? 0 : err_oom(e);
}

/* Sorted, the default also under the name "", which therefore comes first. */
static int fill_handlers(const struct runtime_handlers *handlers, struct arena *a, Runtime__V1__StatusResponse *resp, struct err *e)
{
    resp->runtime_handlers = ARENA_NEW_N(a, Runtime__V1__RuntimeHandler *, handlers->n + 1);
    if (!resp->runtime_handlers)
        return err_oom(e);
    TRY(add_handler(a, "", handlers->default_, resp, e));
    for (size_t i = 0; i < handlers->n; i++)
        TRY(add_handler(a, handlers->v[i].name, &handlers->v[i], resp, e));
    return 0;
}

/* By name, so that the reader need not search. */
static void write_handlers(struct jsonw *w, const struct runtime_handlers *handlers)
{
    jsonw_key_str(w, "defaultRuntimeHandler", handlers->default_->name);
    jsonw_key(w, "runtimeHandlers");
    jsonw_object(w);
    for (size_t i = 0; i < handlers->n; i++) {
        const struct runtime_handler *h = &handlers->v[i];
        jsonw_key(w, h->name);
        jsonw_object(w);
        jsonw_key_str(w, "runtimeType", h->type);
        jsonw_key_str(w, "snapshotter", h->snapshotter);
        jsonw_key_str(w, "binaryName", h->runc.binary_name);
        jsonw_key_bool(w, "systemdCgroup", h->runc.systemd_cgroup);
        jsonw_object_end(w);
    }
    jsonw_object_end(w);
}

static void write_load_status(struct jsonw *w, const char *key, struct cni *cni)
{
    struct err e = ERR_INIT;
    jsonw_key_str(w, key, cni_ready(cni, &e) == 0 ? "OK" : e.message);
}

static int fill_info(struct cri_service *s, const char *version, struct arena *a, Runtime__V1__StatusResponse *resp, struct err *e)
{
    _cleanup_buf_ struct buf json = BUF_INIT(INFO_MAX);
    struct jsonw w;
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key_str(&w, "containerdVersion", version);
    jsonw_key_str(&w, "rootDir", s->config.root);
    jsonw_key_str(&w, "stateDir", s->config.state);
    jsonw_key_str(&w, "snapshotter", s->config.snapshotter);
    jsonw_key_str(&w, "runtimeType", s->handlers.default_->type);
    jsonw_key_str(&w, "sandboxImage", s->config.sandbox_image);
    jsonw_key_bool(&w, "systemdCgroup", s->handlers.default_->runc.systemd_cgroup);
    write_handlers(&w, &s->handlers);
    write_load_status(&w, "lastCNILoadStatus", s->cni);
    for (size_t i = 0; i < s->n_networks; i++) {
        char *key = arena_printf(a, "lastCNILoadStatus.%s", s->networks[i].handler);
        if (!key)
            return err_oom(e);
        write_load_status(&w, key, s->networks[i].cni);
    }
    jsonw_key(&w, "cniconfig");
    TRY(cni_write_config_json(s->cni, &w, e));
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    return convert_map_one(a, "config", json.p, &runtime__v1__status_response__info_entry__descriptor, &resp->info, &resp->n_info) < 0 ? err_oom(e)
                                                                                                                                       : 0;
}

int cri_status(struct cri_service *s, struct rpc_call *call, const Runtime__V1__StatusRequest *req, Runtime__V1__StatusResponse *resp, struct err *e)
{
    struct arena *a = &call->arena;
    resp->status = ARENA_NEW(a, Runtime__V1__RuntimeStatus);
    resp->features = ARENA_NEW(a, Runtime__V1__RuntimeFeatures);
    if (!resp->status || !resp->features)
        return err_oom(e);
    runtime__v1__runtime_status__init(resp->status);
    runtime__v1__runtime_features__init(resp->features);
    resp->features->supplemental_groups_policy = true;
    const char *version;
    TRY(fill_conditions(s, call, resp->status, &version, e));
    TRY(fill_handlers(&s->handlers, a, resp, e));
    return req->verbose ? fill_info(s, version, a, resp, e) : 0;
}
