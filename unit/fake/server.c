/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's version, introspection, namespaces and leases.
 */
#include "containerd/introspection_v1.pb-c.h"
#include "containerd/namespaces_v1.pb-c.h"
#include "containerd/version_v1.pb-c.h"
#include "model.h"

#define NS(name)    Containerd__Services__Namespaces__V1__##name
#define LEASE(name) Containerd__Services__Leases__V1__##name
#define INTRO(name) Containerd__Services__Introspection__V1__##name

static int version(struct fake_ctx *c, const void *request, void *answer)
{
    Containerd__Services__Version__V1__VersionResponse *p = answer;
    p->version = c->f->version;
    p->revision = (char *)"fake";
    return 0;
}

static const char *plugin_field(const void *object, const char *const *parts, size_t n)
{
    const INTRO(Plugin) *p = object;
    if (n == 1 && strcmp(parts[0], "type") == 0)
        return p->type;
    if (n == 1 && strcmp(parts[0], "id") == 0)
        return p->id;
    return NULL;
}

static int plugins(struct fake_ctx *c, const void *request, void *answer)
{
    const INTRO(PluginsRequest) *q = request;
    INTRO(PluginsResponse) *p = answer;
    p->plugins = ARENA_NEW_N(c->a, INTRO(Plugin) *, c->f->plugins.n + 1);
    for (size_t i = 0; i < c->f->plugins.n; i++) {
        int r = fake_match(q->filters, q->n_filters, plugin_field, c->f->plugins.v[i], c->e);
        TRY(r);
        if (r)
            p->plugins[p->n_plugins++] = c->f->plugins.v[i];
    }
    return 0;
}

static bool find_namespace(struct fake *f, const char *name)
{
    for (size_t i = 0; i < f->namespaces.n; i++)
        if (strcmp(f->namespaces.v[i], name) == 0)
            return true;
    return false;
}

static int namespace_get(struct fake_ctx *c, const void *request, void *answer)
{
    const NS(GetNamespaceRequest) *q = request;
    NS(GetNamespaceResponse) *p = answer;
    /* containerd 1.6 does not tell a namespace that is not there from one without labels */
    p->namespace_ = ARENA_NEW(c->a, NS(Namespace));
    protobuf_c_message_init(&containerd__services__namespaces__v1__namespace__descriptor, p->namespace_);
    p->namespace_->name = q->name;
    return 0;
}

static int namespace_create(struct fake_ctx *c, const void *request, void *answer)
{
    const NS(CreateNamespaceRequest) *q = request;
    NS(CreateNamespaceResponse) *p = answer;
    const char *name = q->namespace_ ? q->namespace_->name : "";
    TRY(fake_check_id(name, c->e));
    if (find_namespace(c->f, name))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "namespace \"%s\": already exists", name);
    fake_list_add(&c->f->namespaces, fake_strdup(name));
    p->namespace_ = q->namespace_;
    return 0;
}

static int lease_create(struct fake_ctx *c, const void *request, void *answer)
{
    const LEASE(CreateRequest) *q = request;
    LEASE(CreateResponse) *p = answer;
    LEASE(Lease) l;
    protobuf_c_message_init(&containerd__services__leases__v1__lease__descriptor, &l);
    l.id = q->id;
    if (!*q->id) {
        l.id = arena_printf(c->a, "fake-lease-%llu", (unsigned long long)c->f->next_number++);
        if (!l.id)
            return err_oom(c->e);
    }
    if (fake_find_lease(c->f, l.id) != SIZE_MAX)
        return err_raise(c->e, ERR_ALREADY_EXISTS, "lease \"%s\": already exists", l.id);
    l.created_at = fake_now(c->a);
    l.n_labels = q->n_labels;
    l.labels = (LEASE(Lease__LabelsEntry) **)(void *)q->labels; /* two names of one layout */
    LEASE(Lease) *kept = fake_copy(&l);
    fake_list_add(&c->f->leases, kept);
    p->lease = kept;
    return 0;
}

static int lease_delete(struct fake_ctx *c, const void *request, void *answer)
{
    const LEASE(DeleteRequest) *q = request;
    if (fake_find_lease(c->f, q->id) == SIZE_MAX)
        return err_raise(c->e, ERR_NOT_FOUND, "lease \"%s\": not found", q->id);
    fake_lease_end(c->f, q->id);
    if (q->sync)
        fake_gc(c->f);
    return 0;
}

static const char *lease_field(const void *object, const char *const *parts, size_t n)
{
    const LEASE(Lease) *l = object;
    if (n == 1 && strcmp(parts[0], "id") == 0)
        return l->id;
    if (n == 2 && strcmp(parts[0], "labels") == 0)
        return fake_map_get(l->n_labels, l->labels, parts[1]);
    return NULL;
}

static int lease_list(struct fake_ctx *c, const void *request, void *answer)
{
    const LEASE(ListRequest) *q = request;
    LEASE(ListResponse) *p = answer;
    p->leases = ARENA_NEW_N(c->a, LEASE(Lease) *, c->f->leases.n + 1);
    for (size_t i = 0; i < c->f->leases.n; i++) {
        int r = fake_match(q->filters, q->n_filters, lease_field, c->f->leases.v[i], c->e);
        TRY(r);
        if (r)
            p->leases[p->n_leases++] = c->f->leases.v[i];
    }
    return 0;
}

const struct fake_handler fake_handlers_server[] = {
    {CONTAINERD_METHOD_VERSION_VERSION, version, NULL},      {CONTAINERD_METHOD_INTROSPECTION_PLUGINS, plugins, NULL},
    {CONTAINERD_METHOD_NAMESPACES_GET, namespace_get, NULL}, {CONTAINERD_METHOD_NAMESPACES_CREATE, namespace_create, NULL},
    {CONTAINERD_METHOD_LEASES_CREATE, lease_create, NULL},   {CONTAINERD_METHOD_LEASES_DELETE, lease_delete, NULL},
    {CONTAINERD_METHOD_LEASES_LIST, lease_list, NULL},       {-1, NULL, NULL},
};
