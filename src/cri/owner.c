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

/* Keeps the directory of a snapshotter. `name` is the one that must work. */
static int take_snapshotter(const struct ctrd_plugin *p, const char *name, const char *address, struct arena *a, struct kvlist *roots, struct err *e)
{
    const char *root = kvlist_get(&p->exports, "root");
    if (strcmp(p->type, "io.containerd.snapshotter.v1") != 0)
        return 0;
    if (p->ok)
        return kvlist_set(roots, a, p->id, root ? root : "") < 0 ? err_oom(e) : 0;
    return strcmp(p->id, name) == 0 ? err_raise(e, ERR_FAILED_PRECONDITION, "snapshotter %s of containerd at %s does not work: %s", name, address, p->error) : 0;
}

int cri_check_owner(const struct ctrd *ctrd, const struct ctx *ctx, const char *address, const char *snapshotter, struct arena *a,
                    const char **ret_version, struct kvlist *ret_roots, struct err *e)
{
    const char *version, *revision;
    struct ctrd_plugins plugins;
    int r = ctrd_version(ctrd, ctx, a, &version, &revision, e);
    if (r == 0)
        r = ctrd_plugins(ctrd, ctx, NULL, a, &plugins, e);
    if (r < 0)
        return err_wrap(e, r, "containerd at %s", address);
    struct kvlist roots = {0};
    for (size_t i = 0; i < plugins.n; i++) {
        const struct ctrd_plugin *p = &plugins.v[i];
        if (is_cri(p))
            return err_raise(e, ERR_FAILED_PRECONDITION,
                             "containerd %s at %s runs its own CRI plugin; two of them would delete each other's containers. Put this line into its "
                             "config.toml and restart it: %s",
                             version, address, strstr(version, "1.") == version || strstr(version, "v1.") == version ? LINE_1 : LINE_2);
        TRY(take_snapshotter(p, snapshotter, address, a, &roots, e));
    }
    if (!kvlist_get(&roots, snapshotter))
        return err_raise(e, ERR_FAILED_PRECONDITION, "containerd at %s has no snapshotter \"%s\"", address, snapshotter);
    *ret_roots = roots;
    *ret_version = version;
    return 0;
}
