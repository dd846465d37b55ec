/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd is: its version, its plugins (containerd.services.introspection.v1), and its namespaces.
 */
#include "containerd/introspection_v1.pb-c.h"
#include "containerd/namespaces_v1.pb-c.h"
#include "containerd/version_v1.pb-c.h"
#include "containerd/wire.h"
#include "google/protobuf/empty.pb-c.h"
#include "google/rpc/status.pb-c.h"

#define NS(name) Containerd__Services__Namespaces__V1__##name

int ctrd_op_version(void *user, const struct ctx *ctx, struct arena *a, const char **ret_version, const char **ret_revision,
                    struct err *e)
{
    CTRD_REQUEST(Google__Protobuf__Empty, q, CONTAINERD_METHOD_VERSION_VERSION);
    Containerd__Services__Version__V1__VersionResponse *p;
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_VERSION_VERSION, &q, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "version of containerd");
    *ret_version = p->version;
    *ret_revision = p->revision;
    return 0;
}

static int unpack_plugin(const Containerd__Services__Introspection__V1__Plugin *m, struct arena *a, struct ctrd_plugin *ret,
                         struct err *e)
{
    bool ok = !m->init_err || m->init_err->code == 0;
    *ret = (struct ctrd_plugin){
        .type = m->type,
        .id = m->id,
        .ok = ok,
        .error = ok ? "" : m->init_err->message,
        .capabilities = {.v = m->capabilities, .n = m->n_capabilities, .cap = m->n_capabilities},
    };
    return ctrd_unpack_labels(m->n_exports, m->exports, a, &ret->exports, e);
}

int ctrd_op_plugins(void *user, const struct ctx *ctx, const char *const *filters, struct arena *a, struct ctrd_plugins *ret,
                    struct err *e)
{
    CTRD_REQUEST(Containerd__Services__Introspection__V1__PluginsRequest, q, CONTAINERD_METHOD_INTROSPECTION_PLUGINS);
    Containerd__Services__Introspection__V1__PluginsResponse *p;
    ctrd_pack_strings(filters, &q.n_filters, &q.filters);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_INTROSPECTION_PLUGINS, &q, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "list of containerd's plugins");
    struct ctrd_plugin *v = ARENA_NEW_N(a, struct ctrd_plugin, p->n_plugins + 1);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < p->n_plugins; i++)
        TRY(unpack_plugin(p->plugins[i], a, &v[i], e));
    *ret = (struct ctrd_plugins){.v = v, .n = p->n_plugins};
    return 0;
}

/* Created without looking first: containerd 1.6's Namespaces.Get finds every namespace, those that do not exist with no labels.
 */
int ctrd_op_namespace_ensure(void *user, const struct ctx *ctx, const char *name, struct err *e)
{
    CTRD_REQUEST(NS(CreateNamespaceRequest), q, CONTAINERD_METHOD_NAMESPACES_CREATE);
    NS(Namespace) ns;
    protobuf_c_message_init(&containerd__services__namespaces__v1__namespace__descriptor, &ns);
    ns.name = ctrd_str(name);
    q.namespace_ = &ns;
    int r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_NAMESPACES_CREATE, &q, e);
    if (r == -ERR_ALREADY_EXISTS) {
        err_clear(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, r, "containerd namespace \"%s\"", name) : 0;
}
