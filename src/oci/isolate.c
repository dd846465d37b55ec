/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: namespaces, and the mappings of user namespaces.
 */
#include "base/macro.h"
#include "oci/build.h"

static size_t find_namespace(const struct tree *list, enum oci_namespace ns)
{
    size_t i = 0;
    while (i < list->n && !tree_is_str(tree_get(list->v[i].value, "type"), oci_namespace_type(ns)))
        i++;
    return i;
}

void build_namespace(struct build *b, enum oci_namespace ns, const char *path)
{
    struct tree *list = tree_need_array(&b->m, b->linux_, "namespaces"), *one = tree_object(&b->m);
    if (!list || !one)
        return;
    tree_set_str(&b->m, one, "type", oci_namespace_type(ns));
    if (path)
        tree_set_str(&b->m, one, "path", path);
    size_t i = find_namespace(list, ns);
    if (i < list->n)
        list->v[i].value = one;
    else
        tree_push(&b->m, list, one);
}

void build_namespace_none(struct build *b, enum oci_namespace ns)
{
    struct tree *list = tree_need_array(&b->m, b->linux_, "namespaces");
    if (list)
        tree_remove_at(list, find_namespace(list, ns));
}

bool build_namespace_has(const struct build *b, enum oci_namespace ns)
{
    const struct tree *list = tree_get(b->linux_, "namespaces");
    return list && find_namespace(list, ns) < list->n;
}

static int check_mode(int mode, const char *field, bool target_allowed, struct err *e)
{
    const char *where = "config.linux.security_context.namespace_options";
    if (mode < RUNTIME__V1__NAMESPACE_MODE__POD || mode > RUNTIME__V1__NAMESPACE_MODE__TARGET)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.%s has the unknown mode %d", where, field, mode);
    if (mode == RUNTIME__V1__NAMESPACE_MODE__TARGET && !target_allowed)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.%s cannot be TARGET", where, field);
    return 0;
}

int build_namespace_modes(const Runtime__V1__NamespaceOption *o, bool sandbox, struct err *e)
{
    if (!o)
        return 0;
    TRY(check_mode(o->network, "network", false, e));
    TRY(check_mode(o->ipc, "ipc", false, e));
    return check_mode(o->pid, "pid", !sandbox, e);
}

/* The one mapping that snapshots can be remapped by. */
static int check_mapping(Runtime__V1__IDMapping *const *v, size_t n, const char *field, struct err *e)
{
    const char *where = "config.linux.security_context.namespace_options.userns_options";
    if (n > 1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.%s has %zu mappings, only one is supported", where, field, n);
    if (n == 1 && v[0]->length < 1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.%s[0].length is 0", where, field);
    return 0;
}

int build_userns_check(const Runtime__V1__UserNamespace *u, struct err *e)
{
    const char *where = "config.linux.security_context.namespace_options.userns_options";
    if (!u)
        return 0;
    TRY(check_mapping(u->uids, u->n_uids, "uids", e));
    TRY(check_mapping(u->gids, u->n_gids, "gids", e));
    switch ((int)u->mode) {
    case RUNTIME__V1__NAMESPACE_MODE__NODE:
        if (u->n_uids || u->n_gids)
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s: mode NODE cannot have mappings", where);
        return 0;
    case RUNTIME__V1__NAMESPACE_MODE__POD:
        if (!u->n_uids || !u->n_gids)
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s: mode POD needs mappings of uids and of gids", where);
        return 1;
    default:
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s: mode %d is not supported", where, (int)u->mode);
    }
}

static bool mappings_equal(Runtime__V1__IDMapping *const *a, size_t n, Runtime__V1__IDMapping *const *b, size_t n_b)
{
    if (n != n_b)
        return false;
    for (size_t i = 0; i < n; i++)
        if (a[i]->host_id != b[i]->host_id || a[i]->container_id != b[i]->container_id || a[i]->length != b[i]->length)
            return false;
    return true;
}

bool build_userns_equal(const Runtime__V1__UserNamespace *a, const Runtime__V1__UserNamespace *b)
{
    if (!a || !b)
        return a == b;
    return a->mode == b->mode && mappings_equal(a->uids, a->n_uids, b->uids, b->n_uids) &&
           mappings_equal(a->gids, a->n_gids, b->gids, b->n_gids);
}

struct tree *build_id_mappings(struct build *b, Runtime__V1__IDMapping *const *v, size_t n)
{
    struct tree *list = tree_array(&b->m);
    for (size_t i = 0; i < n; i++) {
        struct tree *one = tree_object(&b->m);
        tree_set_u64(&b->m, one, "containerID", v[i]->container_id);
        tree_set_u64(&b->m, one, "hostID", v[i]->host_id);
        tree_set_u64(&b->m, one, "size", v[i]->length);
        tree_push(&b->m, list, one);
    }
    return list;
}

void build_userns(struct build *b, const Runtime__V1__UserNamespace *u, const char *path)
{
    build_namespace(b, OCI_NS_USER, path);
    tree_set(&b->m, b->linux_, "uidMappings", build_id_mappings(b, u->uids, u->n_uids));
    tree_set(&b->m, b->linux_, "gidMappings", build_id_mappings(b, u->gids, u->n_gids));
}
