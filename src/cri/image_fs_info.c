/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ImageFsInfo: what the snapshots use, of the file system that each snapshotter keeps them on; the default's comes first. Images and containers share it.
 */
#include "cri/convert.h"
#include "cri/handlers.h"

/* The sum over all snapshots. One that is removed meanwhile, or that the snapshotter cannot tell of, counts as nothing. */
static int sum_usage(struct cri_service *s, const struct ctx *ctx, const char *snapshotter, struct arena *a, struct ctrd_usage *ret, struct err *e)
{
    struct ctrd_snapshots list;
    TRY(ctrd_snapshot_list(&s->ctrd, ctx, snapshotter, a, &list, e));
    struct ctrd_snapshot_key *keys = ARENA_NEW_N(a, struct ctrd_snapshot_key, list.n);
    struct ctrd_usage *usages = ARENA_NEW_N(a, struct ctrd_usage, list.n);
    if (!keys || !usages)
        return err_oom(e);
    for (size_t i = 0; i < list.n; i++)
        keys[i] = (struct ctrd_snapshot_key){snapshotter, list.v[i].name};
    TRY(ctrd_snapshot_usages(&s->ctrd, ctx, keys, list.n, usages, e));
    *ret = (struct ctrd_usage){0};
    for (size_t i = 0; i < list.n; i++)
        if (usages[i].size >= 0) {
            ret->size += usages[i].size;
            ret->inodes += usages[i].inodes;
        }
    return 0;
}

/* The snapshotters in use: the default, and those that runtime handlers name and that containerd has. */
static int find_snapshotters(const struct cri_service *s, struct arena *a, struct strlist *ret, struct err *e)
{
    int r = strlist_add(ret, a, s->config.snapshotter);
    for (size_t i = 0; r == 0 && i < s->handlers.n; i++) {
        const char *name = s->handlers.v[i].snapshotter;
        if (!strlist_has(ret, name) && kvlist_get(&s->snapshotter_roots, name))
            r = strlist_add(ret, a, name);
    }
    return r < 0 ? err_oom(e) : 0;
}

int cri_image_fs_info(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ImageFsInfoRequest *req, Runtime__V1__ImageFsInfoResponse *resp,
                      struct err *e)
{
    struct arena *a = &call->arena;
    struct strlist names = {0};
    TRY(find_snapshotters(s, a, &names, e));
    resp->image_filesystems = ARENA_NEW_N(a, Runtime__V1__FilesystemUsage *, names.n);
    resp->container_filesystems = ARENA_NEW_N(a, Runtime__V1__FilesystemUsage *, names.n);
    if (!resp->image_filesystems || !resp->container_filesystems)
        return err_oom(e);
    for (size_t i = 0; i < names.n; i++) {
        struct ctrd_usage sum;
        TRY(sum_usage(s, &call->ctx, names.v[i], a, &sum, e));
        const char *root = cri_snapshotter_root(s, names.v[i]);
        int64_t now = clock_real();
        resp->image_filesystems[i] = convert_filesystem_usage(a, root, &sum, now);
        resp->container_filesystems[i] = convert_filesystem_usage(a, root, &sum, now);
        if (!resp->image_filesystems[i] || !resp->container_filesystems[i])
            return err_oom(e);
        resp->n_image_filesystems = resp->n_container_filesystems = i + 1;
    }
    return 0;
}
