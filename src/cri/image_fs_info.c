/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ImageFsInfo: what the snapshots use, of the file system that the snapshotter keeps them on. Images and containers share it.
 */
#include "cri/convert.h"
#include "cri/handlers.h"

/* The sum over all snapshots. One that is removed meanwhile, or that the snapshotter cannot tell of, counts as nothing. */
static int sum_usage(struct cri_service *s, const struct ctx *ctx, struct arena *a, struct ctrd_usage *ret, struct err *e)
{
    struct ctrd_snapshots list;
    TRY(ctrd_snapshot_list(&s->ctrd, ctx, s->config.snapshotter, a, &list, e));
    const char **keys = ARENA_NEW_N(a, const char *, list.n);
    struct ctrd_usage *usages = ARENA_NEW_N(a, struct ctrd_usage, list.n);
    if (!keys || !usages)
        return err_oom(e);
    for (size_t i = 0; i < list.n; i++)
        keys[i] = list.v[i].name;
    TRY(ctrd_snapshot_usages(&s->ctrd, ctx, s->config.snapshotter, keys, list.n, usages, e));
    *ret = (struct ctrd_usage){0};
    for (size_t i = 0; i < list.n; i++)
        if (usages[i].size >= 0) {
            ret->size += usages[i].size;
            ret->inodes += usages[i].inodes;
        }
    return 0;
}

int cri_image_fs_info(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ImageFsInfoRequest *req, Runtime__V1__ImageFsInfoResponse *resp,
                      struct err *e)
{
    struct arena *a = &call->arena;
    struct ctrd_usage sum;
    TRY(sum_usage(s, &call->ctx, a, &sum, e));
    int64_t now = clock_real();
    resp->image_filesystems = ARENA_NEW_N(a, Runtime__V1__FilesystemUsage *, 1);
    resp->container_filesystems = ARENA_NEW_N(a, Runtime__V1__FilesystemUsage *, 1);
    if (!resp->image_filesystems || !resp->container_filesystems)
        return err_oom(e);
    resp->image_filesystems[0] = convert_filesystem_usage(a, s->snapshotter_root, &sum, now);
    resp->container_filesystems[0] = convert_filesystem_usage(a, s->snapshotter_root, &sum, now);
    if (!resp->image_filesystems[0] || !resp->container_filesystems[0])
        return err_oom(e);
    resp->n_image_filesystems = resp->n_container_filesystems = 1;
    return 0;
}
