/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ImageFsInfo: what the snapshots use, of the file system that the snapshotter keeps them on. Images and containers share it.
 */
#include "cri/convert.h"
#include "cri/handlers.h"

static Runtime__V1__UInt64Value *number(struct arena *a, uint64_t value)
{
    Runtime__V1__UInt64Value *v = ARENA_NEW(a, Runtime__V1__UInt64Value);
    if (v) {
        runtime__v1__uint64_value__init(v);
        v->value = value;
    }
    return v;
}

/* The sum over all snapshots. One that is removed meanwhile counts as nothing. */
static int sum_usage(struct cri_service *s, const struct ctx *ctx, struct arena *a, struct ctrd_usage *ret, struct err *e)
{
    struct ctrd_snapshots list;
    *ret = (struct ctrd_usage){0};
    TRY(ctrd_snapshot_list(&s->ctrd, ctx, s->config.snapshotter, a, &list, e));
    for (size_t i = 0; i < list.n; i++) {
        struct ctrd_usage one;
        int r = ctrd_snapshot_usage(&s->ctrd, ctx, s->config.snapshotter, list.v[i].name, &one, e);
        if (ctrd_is_not_found(r, e))
            continue;
        TRY(r);
        ret->size += one.size;
        ret->inodes += one.inodes;
    }
    err_clear(e);
    return 0;
}

static Runtime__V1__FilesystemUsage *usage(const struct cri_service *s, struct arena *a, const struct ctrd_usage *sum)
{
    Runtime__V1__FilesystemUsage *u = ARENA_NEW(a, Runtime__V1__FilesystemUsage);
    Runtime__V1__FilesystemIdentifier *id = ARENA_NEW(a, Runtime__V1__FilesystemIdentifier);
    if (!u || !id)
        return NULL;
    runtime__v1__filesystem_usage__init(u);
    runtime__v1__filesystem_identifier__init(id);
    id->mountpoint = convert_str(a, s->snapshotter_root);
    u->fs_id = id;
    u->timestamp = clock_real();
    u->used_bytes = number(a, (uint64_t)sum->size);
    u->inodes_used = number(a, (uint64_t)sum->inodes);
    return id->mountpoint && u->used_bytes && u->inodes_used ? u : NULL;
}

int cri_image_fs_info(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ImageFsInfoRequest *req, Runtime__V1__ImageFsInfoResponse *resp,
                      struct err *e)
{
    struct arena *a = &call->arena;
    struct ctrd_usage sum;
    TRY(sum_usage(s, &call->ctx, a, &sum, e));
    resp->image_filesystems = ARENA_NEW_N(a, Runtime__V1__FilesystemUsage *, 1);
    resp->container_filesystems = ARENA_NEW_N(a, Runtime__V1__FilesystemUsage *, 1);
    if (!resp->image_filesystems || !resp->container_filesystems)
        return err_oom(e);
    resp->image_filesystems[0] = usage(s, a, &sum);
    resp->container_filesystems[0] = usage(s, a, &sum);
    if (!resp->image_filesystems[0] || !resp->container_filesystems[0])
        return err_oom(e);
    resp->n_image_filesystems = resp->n_container_filesystems = 1;
    return 0;
}
