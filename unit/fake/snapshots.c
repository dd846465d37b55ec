/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's snapshotters (records and mounts, no files) and the diff service, which hashes layers as the real one unpacks them.
 */
#include <zlib.h>

#include "containerd/diff_v1.pb-c.h"
#include "model.h"

#define MSG(name)  Containerd__Services__Snapshots__V1__##name
#define KIND(name) CONTAINERD__SERVICES__SNAPSHOTS__V1__KIND__##name

void fake_snapshot_free(void *p)
{
    struct fake_snapshot *s = p;
    fake_message_free(s->info);
    free(s->snapshotter);
    free(s);
}

struct fake_snapshot *fake_find_snapshot(struct fake *f, const char *snapshotter, const char *key, size_t *ret_i)
{
    for (size_t i = 0; i < f->snapshots.n; i++) {
        struct fake_snapshot *s = f->snapshots.v[i];
        if (strcmp(s->snapshotter, snapshotter) == 0 && strcmp(s->info->name, key) == 0) {
            if (ret_i)
                *ret_i = i;
            return s;
        }
    }
    return NULL;
}

static int check_snapshotter(struct fake_ctx *c, const char *name)
{
    if (!*name)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "snapshotter argument missing: invalid argument");
    if (strcmp(name, "overlayfs") != 0 && strcmp(name, "native") != 0)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "snapshotter not loaded: %s: invalid argument", name);
    return 0;
}

static int lookup(struct fake_ctx *c, const char *snapshotter, const char *key, struct fake_snapshot **ret, size_t *ret_i)
{
    TRY(check_snapshotter(c, snapshotter));
    *ret = fake_find_snapshot(c->f, snapshotter, key, ret_i);
    return *ret ? 0 : err_raise(c->e, ERR_NOT_FOUND, "snapshot %s does not exist: not found", key);
}

static struct fake_snapshot *add(struct fake *f, const char *snapshotter, const MSG(Info) *info)
{
    struct fake_snapshot *s = fake_zalloc(sizeof(*s));
    s->snapshotter = fake_strdup(snapshotter);
    s->info = fake_copy(info);
    s->number = f->next_number++;
    fake_touch(&s->info->created_at);
    fake_touch(&s->info->updated_at);
    fake_list_add(&f->snapshots, s);
    return s;
}

void fake_add_layer(struct fake *f, const char *name, const char *parent)
{
    MSG(Info) info;
    protobuf_c_message_init(&containerd__services__snapshots__v1__info__descriptor, &info);
    info.name = (char *)name;
    info.parent = (char *)(parent ? parent : "");
    info.kind = KIND(COMMITTED);
    pthread_mutex_lock(&f->lock);
    add(f, "overlayfs", &info);
    pthread_mutex_unlock(&f->lock);
}

static char *path_of(struct fake_ctx *c, const struct fake_snapshot *s, const char *what)
{
    return arena_printf(c->a, "/var/lib/containerd/io.containerd.snapshotter.v1.%s/snapshots/%llu/%s", s->snapshotter,
                        (unsigned long long)s->number, what);
}

static Containerd__Types__Mount *mount_new(struct fake_ctx *c, const char *type, const char *source,
                                           const struct strlist *options)
{
    Containerd__Types__Mount *m = ARENA_NEW(c->a, Containerd__Types__Mount);
    containerd__types__mount__init(m);
    m->type = (char *)type;
    m->source = (char *)source;
    m->n_options = options->n;
    m->options = options->v;
    return m;
}

static Containerd__Types__Mount *bind_mount(struct fake_ctx *c, const char *source, bool writable)
{
    struct strlist options = {0};
    (void)strlist_add(&options, c->a, writable ? "rw" : "ro");
    (void)strlist_add(&options, c->a, "rbind");
    return mount_new(c, "bind", source, &options);
}

/* As overlayfs gives them: a bind for one directory, else an overlay. */
static Containerd__Types__Mount *mount_of(struct fake_ctx *c, const struct fake_snapshot *s)
{
    bool active = s->info->kind == KIND(ACTIVE);
    if (c->f->rootfs)
        return bind_mount(c, c->f->rootfs, active);
    const struct fake_snapshot *parent = fake_find_snapshot(c->f, s->snapshotter, s->info->parent, NULL);
    if (!parent || strcmp(s->snapshotter, "overlayfs") != 0)
        return bind_mount(c, path_of(c, s, "fs"), active);
    if (!active && !fake_find_snapshot(c->f, s->snapshotter, parent->info->parent, NULL))
        return bind_mount(c, path_of(c, parent, "fs"), false);
    struct strlist options = {0};
    if (active) {
        (void)strlist_addf(&options, c->a, "workdir=%s", path_of(c, s, "work"));
        (void)strlist_addf(&options, c->a, "upperdir=%s", path_of(c, s, "fs"));
    }
    char *lower = path_of(c, parent, "fs");
    while ((parent = fake_find_snapshot(c->f, s->snapshotter, parent->info->parent, NULL)))
        lower = arena_printf(c->a, "%s:%s", lower, path_of(c, parent, "fs"));
    (void)strlist_addf(&options, c->a, "lowerdir=%s", lower);
    return mount_new(c, "overlay", "overlay", &options);
}

static Containerd__Types__Mount **mounts_of(struct fake_ctx *c, const struct fake_snapshot *s)
{
    Containerd__Types__Mount **v = ARENA_NEW_N(c->a, Containerd__Types__Mount *, 1);
    v[0] = mount_of(c, s);
    return v;
}

/* Makes an active snapshot or a view. The label entries of the request types have one layout and two names. */
static int make(struct fake_ctx *c, const MSG(PrepareSnapshotRequest) *q, int kind, struct fake_snapshot **ret)
{
    TRY(check_snapshotter(c, q->snapshotter));
    const char *wanted = fake_map_get(q->n_labels, q->labels, "containerd.io/snapshot.ref");
    if (wanted && fake_find_snapshot(c->f, q->snapshotter, wanted, NULL))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "target snapshot \"%s\": already exists", wanted);
    if (fake_find_snapshot(c->f, q->snapshotter, q->key, NULL))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "snapshot \"%s\": already exists", q->key);
    const struct fake_snapshot *parent = fake_find_snapshot(c->f, q->snapshotter, q->parent, NULL);
    if (*q->parent && !parent)
        return err_raise(c->e, ERR_NOT_FOUND, "parent snapshot %s does not exist: not found", q->parent);
    if (parent && parent->info->kind != KIND(COMMITTED))
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "parent \"%s\" is not committed snapshot: invalid argument", q->parent);
    TRY(fake_check_labels(q->n_labels, q->labels, "info.Labels", c->e));
    TRY(fake_lease_check(c));
    MSG(Info) info;
    protobuf_c_message_init(&containerd__services__snapshots__v1__info__descriptor, &info);
    info.name = q->key;
    info.parent = q->parent;
    info.kind = (MSG(Kind))kind;
    info.n_labels = q->n_labels;
    info.labels = (MSG(Info__LabelsEntry) **)(void *)q->labels;
    *ret = add(c->f, q->snapshotter, &info);
    fake_lease_add(c, FAKE_SNAPSHOT, arena_printf(c->a, "%s/%s", q->snapshotter, q->key));
    return 0;
}

static int prepare(struct fake_ctx *c, const void *request, void *answer)
{
    MSG(PrepareSnapshotResponse) *p = answer;
    struct fake_snapshot *s;
    TRY(make(c, request, KIND(ACTIVE), &s));
    p->mounts = mounts_of(c, s);
    p->n_mounts = 1;
    return 0;
}

static int view(struct fake_ctx *c, const void *request, void *answer)
{
    MSG(ViewSnapshotResponse) *p = answer;
    struct fake_snapshot *s;
    TRY(make(c, request, KIND(VIEW), &s));
    p->mounts = mounts_of(c, s);
    p->n_mounts = 1;
    return 0;
}

static int mounts(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(MountsRequest) *q = request;
    MSG(MountsResponse) *p = answer;
    struct fake_snapshot *s;
    TRY(lookup(c, q->snapshotter, q->key, &s, NULL));
    if (s->info->kind == KIND(COMMITTED))
        return err_raise(c->e, ERR_FAILED_PRECONDITION, "requested snapshot %s not active or view: failed precondition", q->key);
    p->mounts = mounts_of(c, s);
    p->n_mounts = 1;
    return 0;
}

static int commit(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(CommitSnapshotRequest) *q = request;
    TRY(check_snapshotter(c, q->snapshotter));
    if (fake_find_snapshot(c->f, q->snapshotter, q->name, NULL))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "snapshot \"%s\": already exists", q->name);
    struct fake_snapshot *s;
    TRY(lookup(c, q->snapshotter, q->key, &s, NULL));
    if (s->info->kind != KIND(ACTIVE))
        return err_raise(c->e, ERR_FAILED_PRECONDITION, "snapshot \"%s\" is not active: failed precondition", q->key);
    TRY(fake_lease_check(c));
    fake_lease_drop(c, FAKE_SNAPSHOT, arena_printf(c->a, "%s/%s", q->snapshotter, q->key));
    fake_lease_add(c, FAKE_SNAPSHOT, arena_printf(c->a, "%s/%s", q->snapshotter, q->name));
    MSG(Info) info = *s->info;
    info.name = q->name;
    info.kind = KIND(COMMITTED);
    info.n_labels = q->n_labels;
    info.labels = (MSG(Info__LabelsEntry) **)(void *)q->labels;
    MSG(Info) *kept = fake_copy(&info);
    fake_touch(&kept->updated_at);
    fake_message_free(s->info);
    s->info = kept;
    return 0;
}

static int remove_snapshot(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(RemoveSnapshotRequest) *q = request;
    struct fake_snapshot *s;
    size_t at;
    TRY(lookup(c, q->snapshotter, q->key, &s, &at));
    for (size_t i = 0; i < c->f->snapshots.n; i++) {
        const struct fake_snapshot *x = c->f->snapshots.v[i];
        if (strcmp(x->snapshotter, q->snapshotter) == 0 && strcmp(x->info->parent, q->key) == 0)
            return err_raise(c->e, ERR_FAILED_PRECONDITION, "cannot remove snapshot with child: failed precondition");
    }
    fake_lease_drop(c, FAKE_SNAPSHOT, arena_printf(c->a, "%s/%s", q->snapshotter, q->key));
    fake_snapshot_free(fake_list_take(&c->f->snapshots, at));
    return 0;
}

static int stat_snapshot(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(StatSnapshotRequest) *q = request;
    MSG(StatSnapshotResponse) *p = answer;
    struct fake_snapshot *s;
    TRY(lookup(c, q->snapshotter, q->key, &s, NULL));
    p->info = s->info;
    return 0;
}

static int list(struct fake_ctx *c, struct fake_stream *st, const void *request)
{
    const MSG(ListSnapshotsRequest) *q = request;
    TRY(check_snapshotter(c, q->snapshotter));
    for (size_t i = 0; i < c->f->snapshots.n; i++) {
        struct fake_snapshot *s = c->f->snapshots.v[i];
        if (strcmp(s->snapshotter, q->snapshotter) != 0)
            continue;
        MSG(ListSnapshotsResponse) m;
        protobuf_c_message_init(&containerd__services__snapshots__v1__list_snapshots_response__descriptor, &m);
        m.info = &s->info;
        m.n_info = 1;
        fake_stream_push(st, &m);
    }
    fake_stream_end(st, NULL);
    return 0;
}

static int usage(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(UsageRequest) *q = request;
    MSG(UsageResponse) *p = answer;
    struct fake_snapshot *s;
    TRY(lookup(c, q->snapshotter, q->key, &s, NULL));
    p->size = 4096;
    p->inodes = 1;
    return 0;
}

/* Hashes a gzip stream's contents. False when it is no gzip stream. */
static bool hash_gunzipped(const uint8_t *p, size_t n, char ret[FAKE_DIGEST_MAX], size_t *ret_n)
{
    enum { GZIP = 16 + MAX_WBITS };
    const size_t limit = (size_t)64 << 20;
    z_stream z = {.next_in = (uint8_t *)p, .avail_in = (unsigned)n};
    size_t cap = n * 4 + 4096, out = 0;
    uint8_t *v = fake_zalloc(cap);
    int r = inflateInit2(&z, GZIP);
    while (r == Z_OK && out < limit) {
        if (out == cap) {
            uint8_t *bigger = fake_zalloc(cap * 2);
            memcpy(bigger, v, out);
            free(v);
            v = bigger;
            cap *= 2;
        }
        z.next_out = v + out;
        z.avail_out = (unsigned)(cap - out);
        r = inflate(&z, Z_NO_FLUSH);
        out = cap - z.avail_out;
    }
    inflateEnd(&z);
    if (r == Z_STREAM_END)
        fake_sha256(v, out, ret);
    free(v);
    *ret_n = out;
    return r == Z_STREAM_END;
}

static const char *set_diff_id(const struct fake *f, const char *digest)
{
    for (size_t i = 0; i + 1 < f->diff_ids.n; i += 2)
        if (strcmp(f->diff_ids.v[i], digest) == 0)
            return f->diff_ids.v[i + 1];
    return NULL;
}

static int apply(struct fake_ctx *c, const void *request, void *answer)
{
    const Containerd__Services__Diff__V1__ApplyRequest *q = request;
    Containerd__Services__Diff__V1__ApplyResponse *p = answer;
    const char *digest = q->diff ? q->diff->digest : "";
    const struct fake_blob *b = fake_find_blob(c->f, digest, NULL);
    if (!b)
        return err_raise(c->e, ERR_NOT_FOUND, "failed to get reader from content store: content digest %s: not found", digest);
    char id[FAKE_DIGEST_MAX];
    size_t n = b->n;
    const char *given = set_diff_id(c->f, digest);
    bool gzip = b->n > 2 && b->p[0] == 0x1f && b->p[1] == 0x8b;
    if (!given && gzip && !hash_gunzipped(b->p, b->n, id, &n))
        return err_raise(c->e, ERR_UNKNOWN, "failed to extract layer %s: gzip: invalid data: unknown", digest);
    if (!given && !gzip)
        fake_sha256(b->p, b->n, id);
    p->applied = ARENA_NEW(c->a, Containerd__Types__Descriptor);
    containerd__types__descriptor__init(p->applied);
    p->applied->media_type = (char *)"application/vnd.oci.image.layer.v1.tar";
    p->applied->digest = arena_strdup(c->a, given ? given : id);
    p->applied->size = (int64_t)n;
    return 0;
}

const struct fake_handler fake_handlers_snapshots[] = {
    {CONTAINERD_METHOD_SNAPSHOTS_PREPARE, prepare, NULL},
    {CONTAINERD_METHOD_SNAPSHOTS_VIEW, view, NULL},
    {CONTAINERD_METHOD_SNAPSHOTS_MOUNTS, mounts, NULL},
    {CONTAINERD_METHOD_SNAPSHOTS_COMMIT, commit, NULL},
    {CONTAINERD_METHOD_SNAPSHOTS_REMOVE, remove_snapshot, NULL},
    {CONTAINERD_METHOD_SNAPSHOTS_STAT, stat_snapshot, NULL},
    {CONTAINERD_METHOD_SNAPSHOTS_LIST, NULL, list},
    {CONTAINERD_METHOD_SNAPSHOTS_USAGE, usage, NULL},
    {CONTAINERD_METHOD_DIFF_APPLY, apply, NULL},
    {-1, NULL, NULL},
};
