/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that specs name. Text only: nothing is looked up.
 */
#include "oci/paths.h"

#include <string.h>

#include "base/macro.h"
#include "base/view.h"
#include "oci/constants.h"

static const struct {
    const char *type; /* in the spec */
    const char *file; /* under /proc/<pid>/ns */
} namespaces[] = {
    [OCI_NS_NETWORK] = {"network", "net"}, [OCI_NS_IPC] = {"ipc", "ipc"},    [OCI_NS_UTS] = {"uts", "uts"},
    [OCI_NS_PID] = {"pid", "pid"},         [OCI_NS_USER] = {"user", "user"}, [OCI_NS_CGROUP] = {"cgroup", "cgroup"},
    [OCI_NS_MOUNT] = {"mount", "mnt"},
};

char *oci_namespace_path(enum oci_namespace ns, uint32_t pid, struct arena *a)
{
    return arena_printf(a, "/proc/%u/ns/%s", pid, namespaces[ns].file);
}

const char *oci_namespace_type(enum oci_namespace ns)
{
    return namespaces[ns].type;
}

/* Drops the last element that was written to out, unless it is a ".." that could not be resolved. */
static bool path_pop(const char *out, size_t *n, size_t root)
{
    if (*n <= root)
        return false;
    size_t i = *n;
    while (i > root && out[i - 1] != '/')
        i--;
    if (*n - i == 2 && out[i] == '.' && out[i + 1] == '.')
        return false;
    *n = i > root ? i - 1 : root;
    return true;
}

char *oci_path_clean(const char *path, struct arena *a)
{
    size_t len = strlen(path), root = path[0] == '/' ? 1 : 0, n = root;
    char *out = arena_alloc(a, len + 2);
    if (!out)
        return NULL;
    if (root)
        out[0] = '/';
    struct view rest = view_make(path, len), part;
    for (bool more = true; more;) {
        more = view_cut(rest, '/', &part, &rest);
        if (part.n == 0 || view_eq_str(part, "."))
            continue;
        if (view_eq_str(part, "..") && (path_pop(out, &n, root) || root))
            continue;
        if (n > root)
            out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return out;
}

/* True if an element of path is "..". */
static bool path_climbs(const char *path)
{
    struct view rest = view_of(path), part;
    for (bool more = true; more;) {
        more = view_cut(rest, '/', &part, &rest);
        if (view_eq_str(part, ".."))
            return true;
    }
    return false;
}

int oci_cgroup_path(const char *parent, const char *id, struct arena *a, char **ret_path, struct err *e)
{
    if (!parent || !*parent)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.cgroup_parent is empty");
    if (path_climbs(parent))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.cgroup_parent \"%s\" has a \"..\" element", parent);
    char *clean = oci_path_clean(parent, a);
    if (!clean)
        return err_oom(e);
    const char *slash = strrchr(clean, '/');
    struct view last = view_of(slash ? slash + 1 : clean);
    char *path;
    if (view_ends(last, VIEW_LIT(".slice")))
        path = arena_printf(a, "%.*s:" OCI_SYSTEMD_CGROUP_PREFIX ":%s", VIEW_ARG(last), id);
    else
        path = arena_printf(a, "%s%s%s", clean, view_eq_str(view_of(clean), "/") ? "" : "/", id);
    if (!path)
        return err_oom(e);
    *ret_path = path;
    return 0;
}
