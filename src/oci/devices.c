/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: device nodes, and the rules of the device cgroup that go with them.
 */
#include <string.h>

#include "base/macro.h"
#include "oci/build.h"

static int check_device(const struct oci_device *d, const char *where, size_t i, struct err *e)
{
    if (!d->path || d->path[0] != '/' || build_has_control(d->path))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s[%zu]: \"%s\" is not an absolute path", where, i, d->path ? d->path : "");
    if (!d->type || !strchr("cbup", d->type))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s[%zu]: \"%s\" is not a device", where, i, d->path);
    if (d->access && d->access[strspn(d->access, "rwm")])
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s[%zu].permissions \"%s\" may hold the letters r, w and m only", where, i,
                         d->access);
    return 0;
}

static struct tree *device_node(struct build *b, const struct oci_device *d, uint32_t uid, uint32_t gid)
{
    struct tree *node = tree_object(&b->m);
    char *type = b->m.failed ? NULL : arena_strndup(b->m.a, &d->type, 1);
    if (!type)
        b->m.failed = true;
    tree_set_str(&b->m, node, "path", d->path);
    tree_set_str(&b->m, node, "type", type);
    tree_set_i64(&b->m, node, "major", d->major);
    tree_set_i64(&b->m, node, "minor", d->minor);
    tree_set_u64(&b->m, node, "fileMode", d->mode & 07777);
    tree_set_u64(&b->m, node, "uid", uid);
    tree_set_u64(&b->m, node, "gid", gid);
    return node;
}

static void allow(struct build *b, struct tree *rules, const struct oci_device *d)
{
    char type[2] = {d->type == 'u' ? 'c' : d->type, '\0'};
    if (!d->access || !*d->access || d->type == 'p')
        return;
    struct tree *rule = tree_object(&b->m);
    tree_set_bool(&b->m, rule, "allow", true);
    tree_set_str(&b->m, rule, "type", b->m.failed ? NULL : arena_strdup(b->m.a, type));
    tree_set_i64(&b->m, rule, "major", d->major);
    tree_set_i64(&b->m, rule, "minor", d->minor);
    tree_set_str(&b->m, rule, "access", d->access);
    tree_push(&b->m, rules, rule);
}

static void allow_all(struct build *b, struct tree *resources)
{
    struct tree *rules = tree_array(&b->m), *rule = tree_object(&b->m);
    tree_set_bool(&b->m, rule, "allow", true);
    tree_set_str(&b->m, rule, "access", "rwm");
    tree_push(&b->m, rules, rule);
    tree_set(&b->m, resources, "devices", rules);
}

/* The owner of the request's devices: the user of the request where that was chosen and is not root. */
static uint32_t owner(bool from_context, const Runtime__V1__Int64Value *v, uint32_t host_id)
{
    return from_context && v && v->value > 0 && v->value <= INT32_MAX ? (uint32_t)v->value : host_id;
}

int build_devices(struct build *b, const struct oci_container_input *in, struct err *e)
{
    const Runtime__V1__LinuxContainerConfig *lc = in->config->linux;
    const Runtime__V1__LinuxContainerSecurityContext *sc = lc ? lc->security_context : NULL;
    bool privileged = sc && sc->privileged, from_context = sc && b->policy->device_ownership_from_security_context;
    bool host_devices = privileged && !b->policy->privileged_without_host_devices;
    struct tree *resources = tree_need_object(&b->m, b->linux_, "resources");
    struct tree *rules = tree_need_array(&b->m, resources, "devices");
    struct tree *by_path = tree_object(&b->m); /* the request's devices come before the host's of the same path */

    for (size_t i = 0; i < in->n_devices; i++) {
        const struct oci_device *d = &in->devices[i];
        TRY(check_device(d, "config.devices", i, e));
        uint32_t uid = owner(from_context, sc ? sc->run_as_user : NULL, d->uid);
        uint32_t gid = owner(from_context, sc ? sc->run_as_group : NULL, d->gid);
        tree_set(&b->m, by_path, d->path, device_node(b, d, uid, gid));
        allow(b, rules, d);
    }
    for (size_t i = 0; host_devices && i < b->host->n_devices; i++) {
        const struct oci_device *d = &b->host->devices[i];
        if (check_device(d, "the host's devices", i, NULL) == 0 && !tree_get(by_path, d->path))
            tree_set(&b->m, by_path, d->path, device_node(b, d, d->uid, d->gid));
    }
    if (by_path && by_path->n) {
        struct tree *devices = tree_need_array(&b->m, b->linux_, "devices");
        for (size_t i = 0; i < by_path->n; i++)
            tree_push(&b->m, devices, by_path->v[i].value);
    }
    if (host_devices || (privileged && b->policy->privileged_without_host_devices_all_devices_allowed))
        allow_all(b, resources);
    return tree_ok(&b->m, e);
}
