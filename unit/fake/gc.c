/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's garbage collector and its leases. What keeps what: images, container records, leases that have not expired, the gc.root label and
 * writes outside of leases are roots; from there labels (gc.ref.content, gc.ref.snapshot), parents of snapshots. The rest goes. As containerd, it
 * collects only when a deletion asks for it to be waited for, or when a test does.
 */
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "model.h"

#define LEASE(name) Containerd__Services__Leases__V1__##name

/* What a lease holds. */
struct held {
    enum fake_kind kind;
    char *lease, *key;
};

void fake_held_free(void *p)
{
    struct held *h = p;
    free(h->lease);
    free(h->key);
    free(h);
}

size_t fake_find_lease(struct fake *f, const char *id)
{
    for (size_t i = 0; i < f->leases.n; i++)
        if (strcmp(((LEASE(Lease) *)f->leases.v[i])->id, id) == 0)
            return i;
    return SIZE_MAX;
}

static size_t find_held(struct fake *f, const char *lease, enum fake_kind kind, const char *key)
{
    for (size_t i = 0; i < f->held.n; i++) {
        const struct held *h = f->held.v[i];
        if (h->kind == kind && strcmp(h->lease, lease) == 0 && strcmp(h->key, key) == 0)
            return i;
    }
    return SIZE_MAX;
}

int fake_lease_check(struct fake_ctx *c)
{
    const char *lease = c->ctx ? c->ctx->lease : NULL;
    if (lease && fake_find_lease(c->f, lease) == SIZE_MAX)
        return err_raise(c->e, ERR_NOT_FOUND, "lease does not exist: not found");
    return 0;
}

void fake_lease_add(struct fake_ctx *c, enum fake_kind kind, const char *key)
{
    const char *lease = c->ctx ? c->ctx->lease : NULL;
    if (!lease || find_held(c->f, lease, kind, key) != SIZE_MAX)
        return;
    struct held *h = fake_zalloc(sizeof(*h));
    h->kind = kind;
    h->lease = fake_strdup(lease);
    h->key = fake_strdup(key);
    fake_list_add(&c->f->held, h);
}

void fake_lease_drop(struct fake_ctx *c, enum fake_kind kind, const char *key)
{
    const char *lease = c->ctx ? c->ctx->lease : NULL;
    size_t at = lease ? find_held(c->f, lease, kind, key) : SIZE_MAX;
    if (at != SIZE_MAX)
        fake_held_free(fake_list_take(&c->f->held, at));
}

void fake_lease_end(struct fake *f, const char *id)
{
    for (size_t i = f->held.n; i-- > 0;)
        if (strcmp(((struct held *)f->held.v[i])->lease, id) == 0)
            fake_held_free(fake_list_take(&f->held, i));
    size_t at = fake_find_lease(f, id);
    if (at != SIZE_MAX)
        fake_message_free(fake_list_take(&f->leases, at));
}

/* A lease counts for ever when its label is missing or no time. */
static bool expired(const LEASE(Lease) *l)
{
    struct tm tm = {0};
    const char *text = fake_map_get(l->n_labels, l->labels, "containerd.io/gc.expire");
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    return rest && (int64_t)timegm(&tm) * (int64_t)NSEC_PER_SEC < clock_real();
}

static void keep_snapshot(struct fake *f, const char *snapshotter, size_t n, const char *name);

static void keep_content(struct fake *f, const char *digest)
{
    struct fake_blob *b = fake_find_blob(f, digest, NULL);
    if (b && !b->kept) {
        b->kept = true;
        fake_gc_labels(f, b->info->n_labels, b->info->labels);
    }
}

void fake_gc_labels(struct fake *f, size_t n, void *entries)
{
    static const char content[] = "containerd.io/gc.ref.content", snapshot[] = "containerd.io/gc.ref.snapshot.";
    struct fake_entry **v = entries;
    for (size_t i = 0; i < n; i++) {
        const char *key = v[i]->key;
        if (strncmp(key, content, sizeof(content) - 1) == 0 && strchr("./", key[sizeof(content) - 1]))
            keep_content(f, v[i]->value); /* strchr finds the NUL too */
        if (strncmp(key, snapshot, sizeof(snapshot) - 1) == 0) {
            key += sizeof(snapshot) - 1;
            keep_snapshot(f, key, strcspn(key, "/"), v[i]->value);
        }
    }
}

static void keep_snapshot(struct fake *f, const char *snapshotter, size_t n, const char *name)
{
    char of[64];
    snprintf(of, sizeof(of), "%.*s", (int)n, snapshotter);
    struct fake_snapshot *s = fake_find_snapshot(f, of, name, NULL);
    if (!s || s->kept)
        return;
    s->kept = true;
    keep_snapshot(f, of, n, s->info->parent);
    fake_gc_labels(f, s->info->n_labels, s->info->labels);
}

static void keep_held(struct fake *f)
{
    for (size_t i = 0; i < f->held.n; i++) {
        const struct held *h = f->held.v[i];
        const LEASE(Lease) *l = f->leases.v[fake_find_lease(f, h->lease)];
        struct fake_ingest *g = h->kind == FAKE_INGEST ? fake_find_ingest(f, h->key, NULL) : NULL;
        if (expired(l))
            continue;
        if (g)
            g->kept = true;
        else if (h->kind == FAKE_CONTENT)
            keep_content(f, h->key);
        else if (h->kind == FAKE_SNAPSHOT)
            keep_snapshot(f, h->key, strcspn(h->key, "/"), strchr(h->key, '/') + 1);
    }
}

static void keep_roots(struct fake *f)
{
    static const char root[] = "containerd.io/gc.root";
    for (size_t i = 0; i < f->images.n; i++) {
        const Containerd__Services__Images__V1__Image *m = f->images.v[i];
        keep_content(f, m->target->digest);
        fake_gc_labels(f, m->n_labels, m->labels);
    }
    for (size_t i = 0; i < f->containers.n; i++) {
        const Containerd__Services__Containers__V1__Container *m = f->containers.v[i];
        keep_snapshot(f, m->snapshotter, strlen(m->snapshotter), m->snapshot_key);
        fake_gc_labels(f, m->n_labels, m->labels);
    }
    for (size_t i = 0; i < f->blobs.n; i++) {
        const struct fake_blob *b = f->blobs.v[i];
        if (fake_map_get(b->info->n_labels, b->info->labels, root))
            keep_content(f, b->info->digest);
    }
    for (size_t i = 0; i < f->snapshots.n; i++) {
        const struct fake_snapshot *s = f->snapshots.v[i];
        if (fake_map_get(s->info->n_labels, s->info->labels, root))
            keep_snapshot(f, s->snapshotter, strlen(s->snapshotter), s->info->name);
    }
    for (size_t i = 0; i < f->ingests.n; i++) {
        struct fake_ingest *g = f->ingests.v[i];
        g->kept = g->kept || !g->leased;
    }
}

/* Takes what is not kept, and makes the marks ready for the next time. */
static void sweep(struct fake *f)
{
    for (size_t i = f->leases.n; i-- > 0;)
        if (expired(f->leases.v[i]))
            fake_lease_end(f, ((LEASE(Lease) *)f->leases.v[i])->id);
    for (size_t i = f->blobs.n; i-- > 0;) {
        struct fake_blob *b = f->blobs.v[i];
        if (!b->kept)
            fake_blob_free(fake_list_take(&f->blobs, i));
        else
            b->kept = false;
    }
    for (size_t i = f->snapshots.n; i-- > 0;) {
        struct fake_snapshot *s = f->snapshots.v[i];
        if (!s->kept)
            fake_snapshot_free(fake_list_take(&f->snapshots, i));
        else
            s->kept = false;
    }
    for (size_t i = f->ingests.n; i-- > 0;) {
        struct fake_ingest *g = f->ingests.v[i];
        if (!g->kept)
            fake_drop_ingest(f, g->status->ref);
        else
            g->kept = false;
    }
}

void fake_gc(struct fake *f)
{
    keep_held(f);
    keep_roots(f);
    sweep(f);
}

void fake_gc_point(struct fake *f)
{
    if (f->collect_always || f->points == f->collect_at)
        fake_gc(f);
    f->points++;
}

void fake_collect(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    mem_fail_pause();
    fake_gc(f);
    mem_fail_resume();
    pthread_mutex_unlock(&f->lock);
}

void fake_collect_at(struct fake *f, uint64_t k)
{
    pthread_mutex_lock(&f->lock);
    f->collect_always = k == FAKE_EVERY_POINT;
    f->collect_at = k > UINT64_MAX - f->points ? FAKE_NO_POINT : f->points + k;
    pthread_mutex_unlock(&f->lock);
}

uint64_t fake_points(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    uint64_t n = f->points;
    pthread_mutex_unlock(&f->lock);
    return n;
}
