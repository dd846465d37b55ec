/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See networks.h.
 */
#include "cri/networks.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cri/or_default.h"
#include "cri/sandbox.h"

static int parse_ip_pref(const char *text, enum cni_ip_pref *ret, struct err *e)
{
    static const char *const names[] = {[CNI_IP_PREF_IPV4] = "ipv4", [CNI_IP_PREF_IPV6] = "ipv6", [CNI_IP_PREF_CNI] = "cni"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum cni_ip_pref)i;
            return 0;
        }
    return err_raise(e, ERR_INVALID_ARGUMENT, "ip_pref \"%s\": expected ipv4, ipv6 or cni", text);
}

static int make_of_handlers(const struct cri_runtime_options *o, struct cni_options c, struct arena *a, struct cri_service *s, struct err *e)
{
    s->networks = ARENA_NEW_N(a, struct handler_network, o->n_handlers);
    if (!s->networks)
        return err_oom(e);
    c.with = s->cni;
    c.conf_template = NULL;
    for (size_t i = 0; i < o->n_handlers; i++) {
        const struct cri_runtime_handler *h = &o->handlers[i];
        struct cni_options own = c;
        if (!h->cni_conf_dir || !h->cni_conf_dir[0])
            continue;
        own.conf_dir = h->cni_conf_dir;
        if (h->cni_max_conf_num > 0)
            own.max_conf_num = (size_t)h->cni_max_conf_num;
        TRY(cni_new(&own, &s->networks[s->n_networks].cni, e));
        s->networks[s->n_networks++].handler = h->name;
    }
    return 0;
}

int networks_make(const struct cri_runtime_options *o, struct arena *a, struct cri_service *s, struct err *e)
{
    const struct cri_runtime_options w = cri_runtime_options_whole(o);
    struct cni_options c = {
        .conf_dir = w.cni_conf_dir,
        .bin_dirs = w.cni_bin_dirs,
        .n_bin_dirs = w.n_cni_bin_dirs,
        .cache_dir = w.cni_cache_dir,
        .max_conf_num = o->cni_max_conf_num < 0 ? 0 : o->cni_max_conf_num == 0 ? 1 : (size_t)o->cni_max_conf_num,
        .setup_serially = o->cni_setup_serially,
        .conf_template = or_default(o->cni_conf_template, NULL),
    };
    TRY(parse_ip_pref(or_default(o->ip_pref, "ipv4"), &c.ip_pref, e));
    TRY(cni_new(&c, &s->cni, e));
    return make_of_handlers(o, c, a, s, e);
}

void networks_free(struct cri_service *s)
{
    for (size_t i = 0; i < s->n_networks; i++)
        cni_free(s->networks[i].cni);
    s->n_networks = 0;
    cni_free(TAKE_PTR(s->cni));
}

struct cni *network_of_pod(const struct cri_service *s, const Runtime__V1__PodSandboxConfig *config, const char *handler)
{
    const struct runtime_handler *h;
    if (s->n_networks == 0 || runtime_handler_of_pod(&s->handlers, config, handler, &h, NULL) < 0)
        return s->cni;
    for (size_t i = 0; i < s->n_networks; i++)
        if (strcmp(s->networks[i].handler, h->name) == 0)
            return s->networks[i].cni;
    return s->cni;
}

/* --- CHECK ------------------------------------------------------------------------------------------------------------------------ */

#define CHECK_LIMIT (10 * NSEC_PER_SEC)

/* True for a pod that runs and has a network. Until check_end it is not stopped: plugins are to be run for one thing at a time. */
static bool check_begin(struct sandbox *sb)
{
    object_lock(&sb->o);
    bool yes = sb->state == SANDBOX_STATE_READY && sb->meta.cni_result.n > 0 && !sb->network_down && !sb->stopping && !sb->checking_network;
    sb->checking_network = sb->checking_network || yes;
    object_unlock(&sb->o);
    return yes;
}

static void check_end(struct sandbox *sb, char *problem)
{
    object_lock(&sb->o);
    char *old = sb->network_problem;
    sb->network_problem = problem;
    sb->checking_network = false;
    object_changed(&sb->o);
    object_unlock(&sb->o);
    mem_free(old);
}

static void check_pod(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb)
{
    struct ctx limited = ctx_with_timeout(ctx, CHECK_LIMIT);
    struct err e = ERR_INIT;
    char *problem = NULL;
    if (!check_begin(sb))
        return;
    if (sandbox_network_check(s, &limited, &sb->meta, &e) < 0 && ctx_check(ctx, "", NULL) == 0) {
        log_warning("sandbox %s: its network is not as it was made: %s", sb->o.id, e.message);
        problem = mem_strdup(e.message);
    }
    check_end(sb, problem);
}

void networks_check(struct cri_service *s, const struct ctx *ctx)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    struct err e = ERR_INIT;
    if (store_list(&s->sandboxes, &a, &list, &n, &e) < 0) {
        log_warning("the pods' networks are not checked: %s", e.message);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (ctx_check(ctx, "", NULL) == 0)
            check_pod(s, ctx, (struct sandbox *)list[i]);
        object_unref(list[i]);
    }
}

static void run_check_job(void *arg)
{
    struct cri_service *s = arg;
    struct ctx ctx = cri_background(s, CRI_RUN_LIMIT);
    networks_check(s, &ctx);
}

void networks_check_start(struct cri_service *s)
{
    struct err e = ERR_INIT;
    if (executor_submit(s->background, EXEC_SLOW, run_check_job, s, &e) < 0)
        log_warning("the pods' networks are not checked: %s", e.message);
}
