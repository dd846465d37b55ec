/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: mounts. A container gets the default ones, on top of them those of the request, the pod's files and the image's volumes,
 * by depth, so that none hides another; a target of the request takes the place of any other with that target.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "oci/build.h"
#include "oci/constants.h"

void build_mount(struct build *b, const char *destination, const char *type, const char *source, const char *const *options,
                 size_t n_options)
{
    struct tree *mount = tree_object(&b->m);
    tree_set_str(&b->m, mount, "destination", destination);
    tree_set_str(&b->m, mount, "type", type);
    tree_set_str(&b->m, mount, "source", source);
    tree_set(&b->m, mount, "options", tree_literals(&b->m, options, n_options));
    tree_push(&b->m, b->mounts, mount);
}

/* The clean destination of a mount that is in the tree; NULL when there is no memory. */
static char *destination_of(struct build *b, const struct tree *mount)
{
    char *raw = b->m.failed ? NULL : arena_view(b->m.a, tree_str(tree_get(mount, "destination")));
    char *clean = raw ? oci_path_clean(raw, b->m.a) : NULL;
    if (!clean)
        b->m.failed = true;
    return clean;
}

void build_unmount(struct build *b, const char *destination)
{
    for (size_t i = 0; b->mounts && i < b->mounts->n;) {
        char *at = destination_of(b, b->mounts->v[i].value);
        if (!at)
            return;
        if (strcmp(at, destination) == 0)
            tree_remove_at(b->mounts, i);
        else
            i++;
    }
}

void build_sys_from_host(struct build *b)
{
    static const char *const options[] = {"rbind", "rro", "nosuid", "nodev", "noexec"};
    build_unmount(b, "/sys");
    build_mount(b, "/sys", "bind", "/sys", options, ARRAY_SIZE(options));
}

void build_sys_writable(struct build *b, bool cgroup)
{
    for (size_t i = 0; b->mounts && i < b->mounts->n; i++) {
        struct tree *mount = b->mounts->v[i].value, *options = tree_get(mount, "options"), *type = tree_get(mount, "type");
        if (!options || options->kind != TREE_ARRAY || !(tree_is_str(type, "sysfs") || (cgroup && tree_is_str(type, "cgroup"))))
            continue;
        for (size_t k = 0; k < options->n; k++)
            if (tree_is_str(options->v[k].value, "ro"))
                options->v[k].value = tree_string(&b->m, "rw");
    }
}

/* The mounts that the request, the pod and the image bring, by clean target. */
struct plan {
    struct build *b;
    const struct oci_container_input *in;
    struct tree *by_target;
    bool idmap; /* the pod's files are mapped like the rest of the pod's user namespace */
};

enum { OPTIONS_MAX = 8 };

struct options {
    const char *v[OPTIONS_MAX];
    size_t n;
};

static void option(struct options *o, const char *s)
{
    o->v[o->n++] = s;
}

static struct tree *bind_node(struct build *b, const char *target, const char *source, const struct options *o)
{
    struct tree *mount = tree_object(&b->m), *list = tree_array(&b->m);
    for (size_t i = 0; i < o->n; i++)
        tree_push_str(&b->m, list, o->v[i]);
    tree_set_str(&b->m, mount, "destination", target);
    tree_set_str(&b->m, mount, "type", "bind");
    tree_set_str(&b->m, mount, "source", source);
    tree_set(&b->m, mount, "options", list);
    return mount;
}

/* Host paths whose label the whole system depends on, CVE-2021-43816: a pod must not get them relabelled. */
static bool relabel_refused(const char *path)
{
    static const char *const system_paths[] = {
        "/",           "/bin",       "/boot",       "/dev",     "/etc",     "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
        "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/pki", "/etc/ssl", "/home",      "/lib",          "/lib64",
        "/media",      "/opt",       "/proc",       "/root",    "/run",     "/sbin",      "/srv",          "/sys",
        "/tmp",        "/usr",       "/var",        "/var/lib", "/var/log", "/var/run",
    };
    for (size_t i = 0; i < ARRAY_SIZE(system_paths); i++)
        if (strcmp(path, system_paths[i]) == 0)
            return true;
    return false;
}

static void note_relabel(struct plan *p, const char *path)
{
    const char *label = p->in->mount_label;
    if (!label || !*label || !p->b->notes || p->b->m.failed)
        return;
    if (strlist_add(&p->b->notes->relabel, p->b->m.a, path) < 0)
        p->b->m.failed = true;
}

static int mount_propagation(struct plan *p, const Runtime__V1__Mount *m, size_t i, struct options *o, struct err *e)
{
    const struct oci_mount_source *fact = p->in->mounts ? &p->in->mounts[i] : NULL;
    enum oci_peer peer = fact ? fact->peer : OCI_PEER_PRIVATE;
    const char *on = fact && fact->mount_point ? fact->mount_point : "its mount";
    struct tree_mem *tm = &p->b->m;
    switch ((int)m->propagation) {
    case RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_PRIVATE:
        option(o, "rprivate");
        return 0;
    case RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_BIDIRECTIONAL:
        if (peer != OCI_PEER_SHARED)
            return err_raise(e, ERR_FAILED_PRECONDITION,
                             "config.mounts[%zu]: path \"%s\" is mounted on \"%s\" but it is not a shared mount", i, m->host_path,
                             on);
        option(o, "rshared");
        tree_set_str(tm, p->b->linux_, "rootfsPropagation", "rshared");
        return 0;
    case RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER:
        if (peer == OCI_PEER_PRIVATE)
            return err_raise(e, ERR_FAILED_PRECONDITION,
                             "config.mounts[%zu]: path \"%s\" is mounted on \"%s\" but it is not a shared or slave mount", i,
                             m->host_path, on);
        option(o, "rslave");
        if (!tree_is_str(tree_get(p->b->linux_, "rootfsPropagation"), "rshared"))
            tree_set_str(tm, p->b->linux_, "rootfsPropagation", "rslave");
        return 0;
    default:
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].propagation has the unknown value %d", i,
                         (int)m->propagation);
    }
}

static int mount_access(struct plan *p, const Runtime__V1__Mount *m, size_t i, struct options *o, struct err *e)
{
    if (!m->recursive_read_only) {
        option(o, m->readonly ? "ro" : "rw");
        return 0;
    }
    if (!m->readonly)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].recursive_read_only needs readonly (host path \"%s\")", i,
                         m->host_path);
    if (!p->b->policy->recursive_read_only_mounts)
        return err_raise(
            e, ERR_FAILED_PRECONDITION,
            "RROUnsupported: config.mounts[%zu]: the runtime handler cannot mount read-only recursively (host path \"%s\")", i,
            m->host_path);
    if (m->propagation != RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_PRIVATE)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "config.mounts[%zu].recursive_read_only needs private propagation (host path \"%s\")", i, m->host_path);
    option(o, "rro");
    return 0;
}

static int mount_paths(struct plan *p, const Runtime__V1__Mount *m, size_t i, char **ret_target, const char **ret_source,
                       struct err *e)
{
    const char *source = p->in->mounts && p->in->mounts[i].source ? p->in->mounts[i].source : m->host_path;
    if (m->container_path[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].container_path \"%s\" is not an absolute path", i,
                         m->container_path);
    char *target = oci_path_clean(m->container_path, p->b->m.a);
    if (!target)
        return err_oom(e);
    if (!target[1])
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].container_path is the root of the container", i);
    if (!*source)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].host_path is empty", i);
    if (source[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].host_path \"%s\" is not an absolute path", i, source);
    *ret_target = target;
    *ret_source = source;
    return 0;
}

static int plan_request(struct plan *p, size_t i, struct err *e)
{
    const Runtime__V1__Mount *m = p->in->config->mounts[i];
    struct build *b = p->b;
    char *target;
    const char *source;
    TRY(mount_paths(p, m, i, &target, &source, e));
    struct options o = {.n = 0};
    option(&o, "rbind");
    TRY(mount_propagation(p, m, i, &o, e));
    TRY(mount_access(p, m, i, &o, e));
    if (m->selinux_relabel && p->in->mount_label && *p->in->mount_label) {
        char *clean = oci_path_clean(source, b->m.a);
        if (!clean)
            return err_oom(e);
        if (relabel_refused(clean))
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.mounts[%zu].selinux_relabel: \"%s\" must keep its label", i, clean);
        note_relabel(p, source);
    }
    struct tree *mount = bind_node(b, target, source, &o);
    if (m->n_uidmappings)
        tree_set(&b->m, mount, "uidMappings", build_id_mappings(b, m->uidmappings, m->n_uidmappings));
    if (m->n_gidmappings)
        tree_set(&b->m, mount, "gidMappings", build_id_mappings(b, m->gidmappings, m->n_gidmappings));
    if (tree_get(p->by_target, target) && b->notes)
        build_warn(
            b, arena_printf(b->m.a, "config.mounts[%zu] hides an earlier mount at the same container path \"%s\"", i, target));
    tree_set(&b->m, p->by_target, target, mount);
    return 0;
}

/* One of the pod's files, unless the request mounts something there. */
static void plan_pod_file(struct plan *p, const char *target, const char *source, bool readonly, bool relabel, bool idmap)
{
    struct build *b = p->b;
    if (!source || tree_get(p->by_target, target))
        return;
    struct options o = {.n = 0};
    option(&o, "rbind");
    option(&o, "rprivate");
    option(&o, readonly ? "ro" : "rw");
    struct tree *mount = bind_node(b, target, source, &o);
    if (idmap && p->idmap) {
        const Runtime__V1__UserNamespace *u = p->in->config->linux->security_context->namespace_options->userns_options;
        tree_set(&b->m, mount, "uidMappings", build_id_mappings(b, u->uids, u->n_uids));
        tree_set(&b->m, mount, "gidMappings", build_id_mappings(b, u->gids, u->n_gids));
    }
    if (relabel)
        note_relabel(p, source);
    tree_set(&b->m, p->by_target, target, mount);
}

static void plan_pod_files(struct plan *p)
{
    const struct oci_container_input *in = p->in;
    const Runtime__V1__LinuxContainerConfig *lc = in->config->linux;
    const Runtime__V1__LinuxContainerSecurityContext *sc = lc ? lc->security_context : NULL;
    bool readonly = sc && sc->readonly_rootfs;
    bool host_ipc = sc && sc->namespace_options && sc->namespace_options->ipc == RUNTIME__V1__NAMESPACE_MODE__NODE;
    plan_pod_file(p, OCI_ETC_HOSTNAME, in->hostname_path, readonly, true, true);
    plan_pod_file(p, OCI_ETC_HOSTS, in->hosts_path, readonly, true, true);
    plan_pod_file(p, OCI_RESOLV_CONF, in->resolv_path, readonly, true, true);
    /* tmpfs could not be id-mapped before Linux 6.3, and it is empty anyway. */
    plan_pod_file(p, OCI_DEV_SHM, host_ipc ? OCI_DEV_SHM : in->shm_path, false, !host_ipc, false);
}

static int plan_volumes(struct plan *p, struct err *e)
{
    for (size_t i = 0; i < p->in->n_volumes; i++) {
        const struct oci_bind *volume = &p->in->volumes[i];
        char *rooted = arena_printf(p->b->m.a, "/%s", volume->destination);
        char *target = rooted ? oci_path_clean(rooted, p->b->m.a) : NULL;
        if (!target)
            return err_oom(e);
        if (!target[1])
            return err_raise(e, ERR_INVALID_ARGUMENT, "the image's volume \"%s\" is the root of the container",
                             volume->destination);
        plan_pod_file(p, target, volume->source, volume->readonly, volume->relabel, true);
    }
    return 0;
}

static void add_cgroup_mount(struct build *b)
{
    struct options o = {.n = 0};
    option(&o, "nosuid");
    option(&o, "noexec");
    option(&o, "nodev");
    option(&o, "relatime");
    option(&o, b->policy->cgroup_writable && b->host->cgroup_mode == OCI_CGROUP_V2 ? "rw" : "ro");
    /* In the host's cgroup namespace the mount is the host's own superblock: options that are left out would be taken from the
     * host. */
    if (b->host->cgroup_mode == OCI_CGROUP_V2 && !build_namespace_has(b, OCI_NS_CGROUP)) {
        if (b->host->cgroup2_nsdelegate)
            option(&o, "nsdelegate");
        if (b->host->cgroup2_recursiveprot)
            option(&o, "memory_recursiveprot");
    }
    build_unmount(b, "/sys/fs/cgroup");
    struct tree *mount = bind_node(b, "/sys/fs/cgroup", "cgroup", &o);
    tree_set_str(&b->m, mount, "type", "cgroup");
    tree_push(&b->m, b->mounts, mount);
}

/* Default mounts that a planned one replaces go; with a /dev of the request everything below it goes. */
static void drop_replaced(struct plan *p)
{
    struct tree *mounts = p->b->mounts;
    bool own_dev = tree_get(p->by_target, "/dev") != NULL;
    size_t kept = 0;
    for (size_t i = 0; mounts && i < mounts->n; i++) {
        char *at = destination_of(p->b, mounts->v[i].value);
        if (!at)
            return;
        if (!tree_get(p->by_target, at) && !(own_dev && view_starts(view_of(at), VIEW_LIT("/dev/"))))
            mounts->v[kept++] = mounts->v[i];
    }
    if (mounts)
        mounts->n = kept;
}

struct ordered {
    size_t depth, place;
    struct tree *mount;
};

static int compare_depth(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void push_by_depth(struct plan *p)
{
    struct tree *t = p->by_target;
    size_t n = t ? t->n : 0;
    struct ordered *v = p->b->m.failed || !n ? NULL : ARENA_NEW_N(p->b->m.a, struct ordered, n);
    if (!v) {
        p->b->m.failed |= n > 0;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct ordered){.place = i, .mount = t->v[i].value};
        for (size_t k = 0; k < t->v[i].key.n; k++)
            v[i].depth += t->v[i].key.p[k] == '/';
    }
    qsort(v, n, sizeof(*v), compare_depth);
    for (size_t i = 0; i < n; i++)
        tree_push(&p->b->m, p->b->mounts, v[i].mount);
}

int build_container_mounts(struct build *b, const struct oci_container_input *in, struct err *e)
{
    struct plan p = {.b = b, .in = in, .by_target = tree_object(&b->m)};
    const Runtime__V1__LinuxContainerConfig *lc = in->config->linux;
    const Runtime__V1__LinuxContainerSecurityContext *sc = lc ? lc->security_context : NULL;
    const Runtime__V1__NamespaceOption *o = sc ? sc->namespace_options : NULL;
    p.idmap = o && o->userns_options && o->userns_options->mode == RUNTIME__V1__NAMESPACE_MODE__POD;
    for (size_t i = 0; i < in->config->n_mounts; i++)
        TRY(plan_request(&p, i, e));
    plan_pod_files(&p);
    TRY(plan_volumes(&p, e));
    TRY(tree_ok(&b->m, e));
    build_unmount(b, "/run"); /* a base spec may have one: /run belongs to the image */
    add_cgroup_mount(b);
    drop_replaced(&p);
    push_by_depth(&p);
    return tree_ok(&b->m, e);
}
