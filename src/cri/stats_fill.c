/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stats_fill.h. Pods are in stats_pod.c.
 */
#include "cri/stats_fill.h"

#include <string.h>

#include "cri/convert.h"
#include "cri/stats_convert.h"
#include "stats/usage.h"

void stats_call_init(struct stats_call *w, struct cri_service *s, struct rpc_call *call)
{
    *w = (struct stats_call){.s = s, .ctx = &call->ctx, .a = &call->arena, .scratch = BUF_INIT(STATS_SCRATCH_MAX)};
}

void stats_call_done(struct stats_call *w)
{
    buf_done(&w->scratch);
}

int stats_containers(struct stats_call *w, const char *sandbox_id, struct container ***ret, size_t *ret_n, struct err *e)
{
    struct object **list;
    struct container **v;
    size_t n, kept = 0;
    TRY(store_list(&w->s->containers, w->a, &list, &n, e));
    v = ARENA_NEW_N(w->a, struct container *, n);
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        object_lock(&c->o);
        bool hidden = c->o.hidden;
        object_unlock(&c->o);
        if (!v || hidden || (sandbox_id && strcmp(c->meta.sandbox_id, sandbox_id) != 0))
            container_unref(c);
        else
            v[kept++] = c;
    }
    if (!v)
        return err_oom(e);
    *ret = v;
    *ret_n = kept;
    return 0;
}

void stats_release(struct container *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        container_unref(v[i]);
}

/* --- writable layers ------------------------------------------------------------------------------------------------------------ */

/* What has been read since a container ended stays as it is. */
static bool is_stale(struct container *c, uint64_t now, uint64_t max_age)
{
    object_lock(&c->o);
    const struct container_layer *l = &c->layer;
    bool ended = max_age > 0 && c->status.finished_at > 0 && l->at > c->status.finished_at;
    bool stale = l->at == 0 || (!ended && now - l->mono >= max_age);
    object_unlock(&c->o);
    return stale;
}

static void keep_layer(struct container *c, const struct ctrd_usage *usage)
{
    object_lock(&c->o);
    c->layer = (struct container_layer){.usage = *usage, .at = usage->size < 0 ? 0 : clock_real(), .mono = clock_mono()};
    object_unlock(&c->o);
}

int stats_layers_refresh(struct stats_call *w, struct container *const *v, size_t n, uint64_t max_age, struct err *e)
{
    struct container **stale = ARENA_NEW_N(w->a, struct container *, n);
    struct ctrd_snapshot_key *keys = ARENA_NEW_N(w->a, struct ctrd_snapshot_key, n);
    struct ctrd_usage *usages = ARENA_NEW_N(w->a, struct ctrd_usage, n);
    size_t k = 0;
    uint64_t now = clock_mono();
    if (!stale || !keys || !usages)
        return err_oom(e);
    for (size_t i = 0; i < n; i++)
        if (is_stale(v[i], now, max_age)) {
            stale[k] = v[i];
            keys[k++] = (struct ctrd_snapshot_key){v[i]->o.snapshotter, v[i]->o.id};
        }
    if (k > 0)
        TRY(ctrd_snapshot_usages(&w->s->ctrd, w->ctx, keys, k, usages, e));
    for (size_t i = 0; i < k; i++)
        keep_layer(stale[i], &usages[i]);
    return 0;
}

static bool fill_layer(struct stats_call *w, const struct container *c, const struct container_layer *l, Runtime__V1__ContainerStats *out)
{
    if (l->at == 0)
        return true;
    Runtime__V1__FilesystemUsage *u = convert_filesystem_usage(w->a, cri_snapshotter_root(w->s, c->o.snapshotter), &l->usage, l->at);
    out->writable_layer = u;
    return u != NULL;
}

/* --- containers ------------------------------------------------------------------------------------------------------------------- */

static bool fill_attributes(struct stats_call *w, const struct container *c, Runtime__V1__ContainerStats *out)
{
    const Runtime__V1__ContainerConfig *config = c->meta.config;
    Runtime__V1__ContainerAttributes *x = ARENA_NEW(w->a, Runtime__V1__ContainerAttributes);
    if (!x)
        return false;
    runtime__v1__container_attributes__init(x);
    x->id = convert_str(w->a, c->o.id);
    x->metadata = convert_container_metadata(w->a, config->metadata);
    out->attributes = x;
    return x->id && x->metadata &&
           convert_map(w->a, config->labels, config->n_labels, &runtime__v1__container_attributes__labels_entry__descriptor, &x->labels, &x->n_labels) == 0 &&
           convert_map(w->a, config->annotations, config->n_annotations, &runtime__v1__container_attributes__annotations_entry__descriptor,
                       &x->annotations, &x->n_annotations) == 0;
}

/* The figures of a running container's cgroup. One that ends just now has none any more. */
static int fill_usage(struct stats_call *w, struct container *c, uint32_t pid, Runtime__V1__ContainerStats *out, uint64_t *ret_pids, struct err *e)
{
    _cleanup_stats_process_ struct stats_process p = {.fd = -1};
    struct stats_usage u;
    int r = stats_process_open(&w->s->stats, pid, c->o.id, w->a, &w->scratch, &p, e);
    if (r == -ERR_NOT_FOUND) {
        err_clear(e);
        return 0;
    }
    TRY(r);
    TRY(stats_usage_read(&w->s->stats, &p.own, &w->scratch, &u, e));
    *ret_pids = u.pids == STATS_NONE ? 0 : u.pids;
    bool made = stats_convert_cpu(w->a, &c->o, &u, &out->cpu) && stats_convert_memory(w->a, &u, &out->memory) && stats_convert_swap(w->a, &u, &out->swap) &&
                stats_convert_io(w->a, &u, &out->io);
    return made ? 0 : err_oom(e);
}

int stats_fill_container(struct stats_call *w, struct container *c, Runtime__V1__ContainerStats **ret, uint64_t *ret_pids, struct err *e)
{
    uint64_t pids = 0;
    Runtime__V1__ContainerStats *out = ARENA_NEW(w->a, Runtime__V1__ContainerStats);
    if (!out)
        return err_oom(e);
    runtime__v1__container_stats__init(out);
    object_lock(&c->o);
    bool removed = c->removed;
    uint32_t pid = c->status.pid; /* 0 unless it runs */
    struct container_layer layer = c->layer;
    object_unlock(&c->o);
    if (removed)
        return err_raise(e, ERR_NOT_FOUND, "container \"%s\" not found", c->o.id);
    if (!fill_attributes(w, c, out) || !fill_layer(w, c, &layer, out))
        return err_oom(e);
    if (pid)
        TRY(fill_usage(w, c, pid, out, &pids, e));
    *ret = out;
    if (ret_pids)
        *ret_pids = pids;
    return 0;
}
