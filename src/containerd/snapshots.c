/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.snapshots.v1: layered file systems. Committed ones are image layers, active ones belong to containers.
 */
#include "containerd/snapshots_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Snapshots__V1__##name

static int wrap(struct err *e, int r, const char *key)
{
    return r < 0 ? err_wrap(e, r, "snapshot \"%s\"", key) : r;
}

int ctrd_op_snapshot_prepare(void *user, const struct ctx *ctx, const char *snapshotter, const char *key, const char *parent,
                             const struct kvlist *labels, struct arena *a, struct ctrd_mounts *ret, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(PrepareSnapshotRequest), q, CONTAINERD_METHOD_SNAPSHOTS_PREPARE);
    MSG(PrepareSnapshotResponse) *p;
    q.snapshotter = ctrd_str(snapshotter);
    q.key = ctrd_str(key);
    q.parent = ctrd_str(parent);
    int r = ctrd_pack_labels(labels, &containerd__services__snapshots__v1__prepare_snapshot_request__labels_entry__descriptor,
                             &scratch, &q.n_labels, &q.labels, e);
    if (r == 0)
        r = ctrd_call(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_PREPARE, &q, a, &p, e);
    if (r == 0)
        r = ctrd_unpack_mounts(p->n_mounts, p->mounts, a, ret, e);
    return wrap(e, r, key);
}

int ctrd_op_snapshot_view(void *user, const struct ctx *ctx, const char *snapshotter, const char *key, const char *parent,
                          const struct kvlist *labels, struct arena *a, struct ctrd_mounts *ret, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(ViewSnapshotRequest), q, CONTAINERD_METHOD_SNAPSHOTS_VIEW);
    MSG(ViewSnapshotResponse) *p;
    q.snapshotter = ctrd_str(snapshotter);
    q.key = ctrd_str(key);
    q.parent = ctrd_str(parent);
    int r = ctrd_pack_labels(labels, &containerd__services__snapshots__v1__view_snapshot_request__labels_entry__descriptor,
                             &scratch, &q.n_labels, &q.labels, e);
    if (r == 0)
        r = ctrd_call(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_VIEW, &q, a, &p, e);
    if (r == 0)
        r = ctrd_unpack_mounts(p->n_mounts, p->mounts, a, ret, e);
    return wrap(e, r, key);
}

int ctrd_op_snapshot_mounts(void *user, const struct ctx *ctx, const char *snapshotter, const char *key, struct arena *a,
                            struct ctrd_mounts *ret, struct err *e)
{
    CTRD_REQUEST(MSG(MountsRequest), q, CONTAINERD_METHOD_SNAPSHOTS_MOUNTS);
    MSG(MountsResponse) *p;
    q.snapshotter = ctrd_str(snapshotter);
    q.key = ctrd_str(key);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_MOUNTS, &q, a, &p, e);
    if (r == 0)
        r = ctrd_unpack_mounts(p->n_mounts, p->mounts, a, ret, e);
    return wrap(e, r, key);
}

int ctrd_op_snapshot_commit(void *user, const struct ctx *ctx, const char *snapshotter, const char *name, const char *key,
                            const struct kvlist *labels, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(CommitSnapshotRequest), q, CONTAINERD_METHOD_SNAPSHOTS_COMMIT);
    q.snapshotter = ctrd_str(snapshotter);
    q.name = ctrd_str(name);
    q.key = ctrd_str(key);
    int r = ctrd_pack_labels(labels, &containerd__services__snapshots__v1__commit_snapshot_request__labels_entry__descriptor,
                             &scratch, &q.n_labels, &q.labels, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_COMMIT, &q, e);
    return wrap(e, r, key);
}

int ctrd_op_snapshot_remove(void *user, const struct ctx *ctx, const char *snapshotter, const char *key, struct err *e)
{
    CTRD_REQUEST(MSG(RemoveSnapshotRequest), q, CONTAINERD_METHOD_SNAPSHOTS_REMOVE);
    q.snapshotter = ctrd_str(snapshotter);
    q.key = ctrd_str(key);
    return wrap(e, ctrd_call_plain(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_REMOVE, &q, e), key);
}

static int unpack_info(const MSG(Info) *m, struct arena *a, struct ctrd_snapshot_info *ret, struct err *e)
{
    struct ctrd_snapshot_info info = {
        .name = m->name,
        .parent = m->parent,
        .kind = (int)m->kind,
        .created_at = ctrd_unpack_time(m->created_at),
        .updated_at = ctrd_unpack_time(m->updated_at),
    };
    TRY(ctrd_unpack_labels(m->n_labels, m->labels, a, &info.labels, e));
    *ret = info;
    return 0;
}

int ctrd_op_snapshot_stat(void *user, const struct ctx *ctx, const char *snapshotter, const char *key, struct arena *a,
                          struct ctrd_snapshot_info *ret, struct err *e)
{
    CTRD_REQUEST(MSG(StatSnapshotRequest), q, CONTAINERD_METHOD_SNAPSHOTS_STAT);
    MSG(StatSnapshotResponse) *p;
    q.snapshotter = ctrd_str(snapshotter);
    q.key = ctrd_str(key);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_STAT, &q, a, &p, e);
    if (r == 0)
        r = p->info ? unpack_info(p->info, a, ret, e) : ctrd_incomplete(CONTAINERD_METHOD_SNAPSHOTS_STAT, "a snapshot", e);
    return wrap(e, r, key);
}

int ctrd_op_snapshot_list(void *user, const struct ctx *ctx, const char *snapshotter, struct arena *a, struct ctrd_snapshots *ret,
                          struct err *e)
{
    CTRD_REQUEST(MSG(ListSnapshotsRequest), q, CONTAINERD_METHOD_SNAPSHOTS_LIST);
    MSG(ListSnapshotsResponse) *p;
    q.snapshotter = ctrd_str(snapshotter);
    struct ctrd_stream st;
    struct ctrd_snapshots l = {0};
    size_t cap = 0;
    int r = ctrd_stream_ask(&st, user, ctx, CONTAINERD_METHOD_SNAPSHOTS_LIST, &q, e);
    if (r < 0)
        return err_wrap(e, r, "list of snapshots of \"%s\"", snapshotter);
    while ((r = ctrd_stream_recv(&st, ctx, a, &p, e)) > 0) {
        for (size_t i = 0; i < p->n_info && r >= 0; i++) {
            struct ctrd_snapshot_info *v = ctrd_grow(a, l.v, l.n, &cap, sizeof(*v));
            r = v ? unpack_info(p->info[i], a, &v[l.n], e) : err_oom(e);
            if (r == 0) {
                l.v = v;
                l.n++;
            }
        }
        if (r < 0)
            break;
    }
    ctrd_stream_close(&st);
    if (r < 0)
        return err_wrap(e, r, "list of snapshots of \"%s\"", snapshotter);
    *ret = l;
    return 0;
}

int ctrd_op_snapshot_usage(void *user, const struct ctx *ctx, const char *snapshotter, const char *key, struct ctrd_usage *ret,
                           struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(UsageRequest), q, CONTAINERD_METHOD_SNAPSHOTS_USAGE);
    MSG(UsageResponse) *p;
    q.snapshotter = ctrd_str(snapshotter);
    q.key = ctrd_str(key);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_SNAPSHOTS_USAGE, &q, &scratch, &p, e);
    if (r < 0)
        return wrap(e, r, key);
    *ret = (struct ctrd_usage){.size = p->size, .inodes = p->inodes};
    return 0;
}

/* Calls under way at once: enough to keep containerd busy, few enough to leave it to others. */
enum { USAGES_AT_ONCE = 16 };

struct usage_calls {
    void *user;
    const struct ctx *ctx;
    const struct ctrd_snapshot_key *keys;
    struct ctrd_stream st[USAGES_AT_ONCE]; /* of call i at i % USAGES_AT_ONCE */
    size_t asked, answered;
};

static int ask_usage(struct usage_calls *c, struct err *e)
{
    CTRD_REQUEST(MSG(UsageRequest), q, CONTAINERD_METHOD_SNAPSHOTS_USAGE);
    q.snapshotter = ctrd_str(c->keys[c->asked].snapshotter);
    q.key = ctrd_str(c->keys[c->asked].key);
    TRY(ctrd_stream_ask(&c->st[c->asked % USAGES_AT_ONCE], c->user, c->ctx, CONTAINERD_METHOD_SNAPSHOTS_USAGE, &q, e));
    c->asked++;
    return 0;
}

/* True for a failure that says nothing about the snapshot. */
static bool ends_all(int r)
{
    return r == -ERR_UNAVAILABLE || r == -ERR_DEADLINE_EXCEEDED || r == -ERR_CANCELLED || r == -ERR_RESOURCE_EXHAUSTED;
}

/* The answer of the oldest call, then its end. */
static int take_usage(struct usage_calls *c, struct ctrd_usage *ret, struct err *e)
{
    CTRD_SCRATCH(scratch);
    struct ctrd_stream *st = &c->st[c->answered % USAGES_AT_ONCE];
    struct ctrd_usage usage = {.size = -1, .inodes = -1};
    MSG(UsageResponse) *p;
    int r;
    while ((r = ctrd_stream_recv(st, c->ctx, &scratch, &p, e)) > 0)
        usage = (struct ctrd_usage){.size = p->size, .inodes = p->inodes};
    ctrd_stream_close(st);
    c->answered++;
    if (ends_all(r))
        return r;
    if (r < 0)
        err_clear(e);
    *ret = r < 0 || usage.size < 0 || usage.inodes < 0 ? (struct ctrd_usage){.size = -1, .inodes = -1} : usage;
    return 0;
}

int ctrd_op_snapshot_usages(void *user, const struct ctx *ctx, const struct ctrd_snapshot_key *keys, size_t n, struct ctrd_usage *ret, struct err *e)
{
    struct usage_calls c = {.user = user, .ctx = ctx, .keys = keys};
    int r = 0;
    while (r == 0 && c.answered < n) {
        bool ask = c.asked < n && c.asked - c.answered < USAGES_AT_ONCE;
        size_t at = ask ? c.asked : c.answered;
        r = ask ? ask_usage(&c, e) : take_usage(&c, &ret[at], e);
        wrap(e, r, keys[at].key);
    }
    for (; c.answered < c.asked; c.answered++)
        ctrd_stream_close(&c.st[c.answered % USAGES_AT_ONCE]);
    return r;
}
