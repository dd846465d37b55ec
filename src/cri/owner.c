/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See owner.h.
 */
#include "cri/owner.h"

#include <string.h>

#define LINE_1 "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]"
#define LINE_2 \
    "disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.cri.v1.runtime\", \"io.containerd.cri.v1.images\", " \
    "\"io.containerd.podsandbox.controller.v1.podsandbox\"]"

static bool is_cri(const struct ctrd_plugin *p)
{
    return p->ok && ((strcmp(p->type, "io.containerd.grpc.v1") == 0 && strcmp(p->id, "cri") == 0) || strcmp(p->type, "io.containerd.cri.v1") == 0);
}

static bool is_snapshotter(const struct ctrd_plugin *p)
{
    return strcmp(p->type, "io.containerd.snapshotter.v1") == 0;
}

static const char *root_of(const struct ctrd_plugin *p)
{
    const char *root = kvlist_get(&p->exports, "root");
    return root ? root : "";
}

int cri_owner_ask(const struct ctrd *ctrd, const struct ctx *ctx, const char *address, struct arena *a, struct cri_owner *ret, struct err *e)
{
    const char *revision;
    struct cri_owner o = {0};
    int r = ctrd_version(ctrd, ctx, a, &o.version, &revision, e);
    if (r == 0)
        r = ctrd_plugins(ctrd, ctx, NULL, a, &o.plugins, e);
    if (r < 0)
        return err_wrap(e, r, "containerd at %s", address);
    for (size_t i = 0; i < o.plugins.n; i++)
        o.runs_cri = o.runs_cri || is_cri(&o.plugins.v[i]);
    o.cri_off_line = strstr(o.version, "1.") == o.version || strstr(o.version, "v1.") == o.version ? LINE_1 : LINE_2;
    *ret = o;
    return 0;
}

int cri_owner_snapshotter(const struct cri_owner *o, const char *address, const char *name, const char **ret_root, struct err *e)
{
    for (size_t i = 0; i < o->plugins.n; i++) {
        const struct ctrd_plugin *p = &o->plugins.v[i];
        if (!is_snapshotter(p) || strcmp(p->id, name) != 0)
            continue;
        if (!p->ok)
            return err_raise(e, ERR_FAILED_PRECONDITION, "snapshotter %s of containerd at %s does not work: %s", name, address, p->error);
        *ret_root = root_of(p);
        return 0;
    }
    return err_raise(e, ERR_FAILED_PRECONDITION, "containerd at %s has no snapshotter \"%s\"", address, name);
}

int cri_check_owner(const struct ctrd *ctrd, const struct ctx *ctx, const char *address, const char *snapshotter, struct arena *a,
                    const char **ret_version, struct kvlist *ret_roots, struct err *e)
{
    struct cri_owner o;
    struct kvlist roots = {0};
    const char *root;
    TRY(cri_owner_ask(ctrd, ctx, address, a, &o, e));
    if (o.runs_cri)
        return err_raise(e, ERR_FAILED_PRECONDITION,
                         "containerd %s at %s runs its own CRI plugin; two of them would delete each other's containers. Put this line into its "
                         "config.toml and restart it: %s",
                         o.version, address, o.cri_off_line);
    TRY(cri_owner_snapshotter(&o, address, snapshotter, &root, e));
    for (size_t i = 0; i < o.plugins.n; i++)
        if (is_snapshotter(&o.plugins.v[i]) && o.plugins.v[i].ok && kvlist_set(&roots, a, o.plugins.v[i].id, root_of(&o.plugins.v[i])) < 0)
            return err_oom(e);
    *ret_roots = roots;
    *ret_version = o.version;
    return 0;
}
