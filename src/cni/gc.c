/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collection of what dead pods left behind (CNI specification 1.1, command GC), and the gate between it and setups: an attachment
 * that is just being made must not look like one that nobody wants.
 */
#include <string.h>

#include "cni/internal.h"

int cni_gate_enter(struct cni *c, const struct ctx *ctx, struct err *e)
{
    c = c->shared;
    int r = 0;
    pthread_mutex_lock(&c->lock);
    while (c->gate.collecting && (r = ctx_check(ctx, "the collection of dead pods' networks", e)) == 0) {
        /* Short waits, as the cancel flag cannot wake a condition variable. */
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 50 * 1000 * 1000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        (void)pthread_cond_timedwait(&c->gate_open, &c->lock, &until);
    }
    if (r == 0)
        c->gate.setups++;
    pthread_mutex_unlock(&c->lock);
    return r;
}

void cni_gate_leave(struct cni *c)
{
    c = c->shared;
    pthread_mutex_lock(&c->lock);
    c->gate.setups--;
    pthread_mutex_unlock(&c->lock);
}

static bool gate_close(struct cni *c)
{
    c = c->shared;
    pthread_mutex_lock(&c->lock);
    bool closed = c->gate.setups == 0 && !c->gate.collecting;
    if (closed)
        c->gate.collecting = true;
    pthread_mutex_unlock(&c->lock);
    return closed;
}

static void gate_open(struct cni *c)
{
    c = c->shared;
    pthread_mutex_lock(&c->lock);
    c->gate.collecting = false;
    pthread_cond_broadcast(&c->gate_open);
    pthread_mutex_unlock(&c->lock);
}

struct collection {
    const struct cni *c;
    const struct ctx *ctx;
    bool (*live)(void *user, const char *id);
    void *user;
    size_t removed;
    int first;
    struct err why;
};

static void collection_failed(struct collection *k, int r, const struct err *why)
{
    if (k->first == 0) {
        k->first = r;
        k->why = *why;
    }
}

/* Other runtimes keep their records in the same directory. A pod's carries its own id among the arguments. */
static bool is_pod(const struct cni_record *record)
{
    const char *id = kvlist_get(&record->at.args, "K8S_POD_INFRA_CONTAINER_ID");
    return id && strcmp(id, record->at.id) == 0;
}

static int collect_record(void *user, const struct cni_record *record, struct arena *a, struct err *e)
{
    struct collection *k = user;
    struct err why = ERR_INIT;

    if (!is_pod(record) || k->live(k->user, record->at.id))
        return 0;
    TRY(ctx_check(k->ctx, "the collection of dead pods' networks", e));
    const char *netns = record->at.netns[0] && k->c->netns_exists(record->at.netns) ? record->at.netns : "";
    int r = cni_record_teardown(k->c, k->ctx, record, a, netns, NULL, &why);
    if (r == 0) {
        k->removed++;
        return 0;
    }
    collection_failed(k, r, &why);
    return 0;
}

struct listing {
    struct jsonw w;
    const char *network;
};

static int list_record(void *user, const struct cni_record *record, struct arena *a, struct err *e)
{
    struct listing *l = user;
    if (strcmp(record->network, l->network) != 0)
        return 0;
    jsonw_object(&l->w);
    jsonw_key_str(&l->w, "containerID", record->at.id);
    jsonw_key_str(&l->w, "ifname", record->at.ifname);
    jsonw_object_end(&l->w);
    return 0;
}

/* GC of one network's plugins, with all attachments that are on record, whoever made them. Plugins free what is not listed: if a
 * record cannot be read, they are not asked. */
static int collect_network(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(CNI_STDIN_MAX / 4);
    struct listing l = {.network = net->conf.name};

    if (net->conf.disable_gc || !cni_network_version_at_least(net, "1.1.0"))
        return 0;
    jsonw_init(&l.w, &text);
    jsonw_array(&l.w);
    TRY(cni_record_each(c, NULL, true, list_record, &l, e));
    jsonw_array_end(&l.w);
    TRY(jsonw_finish(&l.w, e));
    return cni_network_global(c, ctx, net, "GC", buf_view(&text), e);
}

/* The plugins' own collection. They are told which attachments remain, so none may be made meanwhile: setups wait. */
static void collect_networks(struct cni *c, struct collection *k, const struct cni_networks *networks)
{
    for (size_t i = 0; i < networks->n; i++) {
        struct err why = ERR_INIT;
        int r = collect_network(c, k->ctx, &networks->v[i], &why);
        if (r < 0)
            collection_failed(k, r, &why);
    }
}

int cni_gc(struct cni *c, const struct ctx *ctx, bool (*live)(void *user, const char *id), void *user, size_t *ret_removed,
           struct err *e)
{
    struct collection k = {.c = c, .ctx = ctx, .live = live, .user = user, .why = ERR_INIT};
    struct cni_networks *networks;
    struct err own = ERR_INIT;

    if (!e)
        e = &own;
    TRY(cni_networks_get(c, &networks, e));
    bool busy = false;
    int r = cni_record_each(c, NULL, false, collect_record, &k, e);
    if (r == 0 && gate_close(c)) {
        collect_networks(c, &k, networks);
        gate_open(c);
    } else if (r == 0) {
        busy = true;
    }
    if (r == 0 && k.first < 0) {
        *e = k.why;
        r = k.first;
    }
    cni_networks_unref(c, networks);
    if (ret_removed)
        *ret_removed = k.removed;
    return r < 0 ? r : busy;
}
