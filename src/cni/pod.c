/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's attachments to all its networks: set up with rollback, torn down from the records, checked.
 *
 * The record of an attachment is written before its first plugin runs. So there is no moment at which a killed daemon leaves an
 * address or a firewall rule behind that nobody knows how to give back.
 */
#include <string.h>

#include "base/mem.h"
#include "cni/internal.h"

/* The name under which containerd's plugin records its loopback network. There is nothing to undo: `lo` goes with the namespace.
 */
#define LOOPBACK_NETWORK "cni-loopback"

static char *copy_ip_ranges(struct cni *c, struct arena *a, bool *ret_oom)
{
    c = c->shared;
    pthread_mutex_lock(&c->lock);
    char *copy = c->ip_ranges ? arena_strdup(a, c->ip_ranges) : NULL;
    *ret_oom = c->ip_ranges && !copy;
    pthread_mutex_unlock(&c->lock);
    return copy;
}

/* One network of a setup. */
struct addition {
    struct setup *setup;
    const struct cni_network *net;
    struct buf result; /* empty until its ADD is complete */
    bool begun;
    pthread_t thread;
    bool threaded;
    int r;
    struct err why;
};

struct setup {
    const struct cni *c;
    const struct ctx *ctx;
    struct cni_attachment at; /* but for the ifname */
    struct addition *v;
    size_t n;
};

static struct cni_attachment attachment_of(const struct addition *x)
{
    struct cni_attachment at = x->setup->at;
    at.ifname = x->net->ifname;
    return at;
}

/* DEL for every network whose ADD has begun, in reverse; the first failure is added to *e, which tells why it came to this. */
static void roll_back(struct setup *s, struct err *e)
{
    const struct ctx background = CTX_BACKGROUND;
    struct ctx ctx = ctx_with_timeout(&background, CNI_ROLLBACK_TIMEOUT);
    bool told = false;

    for (size_t i = s->n; i-- > 0;) {
        const struct addition *x = &s->v[i];
        struct cni_attachment at = attachment_of(x);
        struct err again = ERR_INIT;
        if (!x->begun)
            continue;
        int r = cni_network_del(s->c, &ctx, x->net, &at, buf_view(&x->result), x->result.n > 0, &again);
        if (r == 0)
            r = cni_record_remove(s->c, x->net->conf.name, at.id, at.ifname, &again);
        if (r < 0 && !told && !err_is_oom(e)) {
            struct err first = *e;
            err_raise(e, first.code, "%s; undoing it failed, too: %s", first.message, again.message);
            told = true;
        }
    }
}

static int add_steps(struct addition *x, struct err *e)
{
    const struct cni *c = x->setup->c;
    struct cni_attachment at = attachment_of(x);
    TRY(cni_record_write(c, x->net, &at, VIEW_EMPTY, e));
    TRY(cni_network_add(c, x->setup->ctx, x->net, &at, &x->result, e));
    return cni_record_write(c, x->net, &at, buf_view(&x->result), e);
}

static void *add_one(void *arg)
{
    struct addition *x = arg;
    x->r = add_steps(x, &x->why);
    return NULL;
}

/* All but the last on threads of their own. Without a thread, on this one. With setup_serially it ends at the first failure. */
static int add_networks(struct setup *s, struct err *e)
{
    struct addition *failed = NULL;

    for (size_t i = 0; i < s->n && !(failed && s->c->setup_serially); i++) {
        struct addition *x = &s->v[i];
        x->begun = true;
        bool alone = s->c->setup_serially || i + 1 == s->n;
        x->threaded = !alone && pthread_create(&x->thread, NULL, add_one, x) == 0;
        if (!x->threaded)
            add_one(x);
        failed = !x->threaded && x->r < 0 ? x : failed;
    }
    for (size_t i = s->n; i-- > 0;) {
        struct addition *x = &s->v[i];
        if (x->threaded)
            pthread_join(x->thread, NULL);
        failed = x->r < 0 ? x : failed;
    }
    if (!failed)
        return 0;
    *e = failed->why;
    return failed->r;
}

static int add_all(struct setup *s, const struct cni_networks *networks, const struct cni_pod *pod, struct arena *a,
                   struct cni_pod_result *ret, struct err *e)
{
    bool ipv6 = false;

    TRY(s->c->loopback_up(s->at.netns, &ipv6, e));
    int r = add_networks(s, e);
    if (r == 0) {
        struct view *texts = ARENA_NEW_N(a, struct view, s->n);
        for (size_t i = 0; texts && i < s->n; i++)
            texts[i] = buf_view(&s->v[i].result);
        r = texts ? cni_result_build(a, networks, texts, pod, ipv6, s->c->ip_pref, ret, e) : err_oom(e);
    }
    if (r < 0)
        roll_back(s, e);
    return r;
}

static int setup_networks(struct cni *c, const struct cni_networks *networks, const struct ctx *ctx, const struct cni_pod *pod,
                          struct arena *a, struct cni_pod_result *ret, struct err *e)
{
    struct setup s = {.c = c, .ctx = ctx, .n = networks->n};
    bool oom;

    if (networks->n == 0)
        return err_raise(e, networks->error.code, "%s", networks->error.message);
    char *ip_ranges = copy_ip_ranges(c, a, &oom);
    if (oom)
        return err_oom(e);
    TRY(cni_attachment_init(a, pod, ip_ranges, &s.at, e));
    if (s.at.netns[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "pod %s has no network namespace to attach", pod->id);
    s.v = mem_calloc(s.n, sizeof(*s.v));
    if (!s.v)
        return err_oom(e);
    for (size_t i = 0; i < s.n; i++) {
        s.v[i] = (struct addition){.setup = &s, .net = &networks->v[i], .why = ERR_INIT};
        buf_init(&s.v[i].result, 2 * (size_t)CNI_OUTPUT_MAX);
    }
    int r = cni_gate_enter(c, ctx, e);
    if (r == 0) {
        r = add_all(&s, networks, pod, a, ret, e);
        cni_gate_leave(c);
    }
    for (size_t i = 0; i < s.n; i++)
        buf_done(&s.v[i].result);
    mem_free(s.v);
    return r;
}

int cni_setup(struct cni *c, const struct ctx *ctx, const struct cni_pod *pod, struct arena *a, struct cni_pod_result *ret,
              struct err *e)
{
    struct cni_networks *networks;
    struct err own = ERR_INIT;

    if (!e)
        e = &own;
    TRY(cni_networks_get(c, &networks, e));
    int r = setup_networks(c, networks, ctx, pod, a, ret, e);
    cni_networks_unref(c, networks);
    return r;
}

int cni_record_teardown(const struct cni *c, const struct ctx *ctx, const struct cni_record *r, struct arena *a,
                        const char *netns, bool *ret_done, struct err *e)
{
    struct cni_network net;
    struct cni_attachment at = r->at;
    bool done = true;
    struct err why = ERR_INIT;

    at.netns = netns;
    int result = 0;
    if (strcmp(r->network, LOOPBACK_NETWORK) != 0) {
        result = cni_network_parse(a, view_of(r->config), r->at.ifname, &net, &why);
        if (result < 0 && err_is_oom(&why))
            return err_oom(e);
        done = result == 0;
        result = done ? cni_network_del(c, ctx, &net, &at, view_of(r->result), r->result != NULL, e) : 0;
    }
    if (result < 0)
        return result;
    if (ret_done)
        *ret_done = done;
    return cni_record_remove(c, r->network, r->at.id, r->at.ifname, e);
}

struct teardown {
    const struct cni *c;
    const struct ctx *ctx;
    const char *netns;
    bool completed;
    size_t found;
    int first;
    struct err why; /* of first */
};

static void teardown_failed(struct teardown *t, int r, const struct err *why)
{
    if (t->first == 0) {
        t->first = r;
        t->why = *why;
    }
}

static int teardown_record(void *user, const struct cni_record *record, struct arena *a, struct err *e)
{
    struct teardown *t = user;
    struct err why = ERR_INIT;
    bool done = true;

    int r = cni_record_teardown(t->c, t->ctx, record, a, t->netns, &done, &why);
    if (done && strcmp(record->network, LOOPBACK_NETWORK) != 0)
        t->found++;
    /* An ADD that never completed may have made nothing; what its DEL complains of is noise, unless the pod is known to have had
     * a network. The record stays for a later collection. */
    if (r < 0 && (t->completed || record->result || err_is_oom(&why)))
        teardown_failed(t, r, &why);
    return 0;
}

/* Without records: DEL for the networks that are configured now. */
static int teardown_configured(struct cni *c, const struct cni_networks *networks, const struct cni_pod *pod, struct teardown *t,
                               struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct cni_attachment at;
    bool oom;

    char *ip_ranges = copy_ip_ranges(c, &a, &oom);
    if (oom)
        return err_oom(e);
    TRY(cni_attachment_init(&a, pod, ip_ranges, &at, e));
    at.netns = t->netns;
    for (size_t i = networks->n; i-- > 0;) {
        struct err why = ERR_INIT;
        at.ifname = networks->v[i].ifname;
        int r = cni_network_del(c, t->ctx, &networks->v[i], &at, VIEW_EMPTY, t->completed, &why);
        if (r < 0)
            teardown_failed(t, r, &why);
    }
    return 0;
}

static int teardown_unrecorded(struct cni *c, const struct cni_pod *pod, struct teardown *t, struct err *e)
{
    struct cni_networks *networks;
    struct err why = ERR_INIT;

    TRY(cni_networks_get(c, &networks, e));
    int r = 0;
    if (networks->n)
        r = teardown_configured(c, networks, pod, t, &why);
    else if (t->completed)
        r = err_raise(&why, networks->error.code, "there is no record of how pod %s was attached, and %s", pod->id,
                      networks->error.message);
    cni_networks_unref(c, networks);
    if (r < 0)
        teardown_failed(t, r, &why);
    if (!t->completed && !err_is_oom(&t->why))
        t->first = 0;
    return 0;
}

int cni_teardown(struct cni *c, const struct ctx *ctx, const struct cni_pod *pod, bool completed, struct err *e)
{
    const char *netns = pod->netns && pod->netns[0] && c->netns_exists(pod->netns) ? pod->netns : "";
    struct teardown t = {.c = c, .ctx = ctx, .netns = netns, .completed = completed, .why = ERR_INIT};

    if (!cni_name_valid(view_of(pod->id)))
        return err_raise(e, ERR_INVALID_ARGUMENT, "\"%s\" cannot be the container id of a CNI plugin", pod->id ? pod->id : "");
    TRY(cni_record_each(c, pod->id, false, teardown_record, &t, e));
    if (t.found == 0 && t.first == 0)
        TRY(teardown_unrecorded(c, pod, &t, e));
    if (t.first < 0 && e)
        *e = t.why;
    return t.first;
}

struct check {
    const struct cni *c;
    const struct ctx *ctx;
    const char *netns;
};

static int check_record(void *user, const struct cni_record *record, struct arena *a, struct err *e)
{
    const struct check *k = user;
    struct cni_network net;
    struct cni_attachment at = record->at;

    if (!record->result || strcmp(record->network, LOOPBACK_NETWORK) == 0)
        return 0;
    TRY(cni_network_parse(a, view_of(record->config), record->at.ifname, &net, e));
    if (k->netns && k->netns[0])
        at.netns = k->netns;
    return cni_network_check(k->c, k->ctx, &net, &at, view_of(record->result), e);
}

int cni_check(struct cni *c, const struct ctx *ctx, const struct cni_pod *pod, struct err *e)
{
    struct check k = {.c = c, .ctx = ctx, .netns = pod->netns};
    struct err own = ERR_INIT;
    return cni_record_each(c, pod->id, false, check_record, &k, e ? e : &own);
}
