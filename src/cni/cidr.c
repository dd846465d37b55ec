/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateRuntimeConfig: the node's pod address ranges, for plugins that take them as an argument (capability ipRanges) and for
 * nodes whose network configuration is made from a template.
 */
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "cni/internal.h"
#include "cni/template.h"
#include "parse/cniresult.h"

#define GENERATED_FILE "10-containerd-net.conflist"

enum { CIDRS_MAX = 64, TEMPLATE_MAX = 1 << 20 };

struct cidrs {
    struct strlist ranges, routes;
    bool v4, v6;
};

/* Checks "address/prefix" and adds it in canonical form. */
static int add_cidr(struct arena *a, struct view text, struct cidrs *to, struct err *e)
{
    char address[CNI_IP_TEXT_MAX];
    struct view host, length;
    uint64_t prefix;
    bool v6;

    if (!view_cut(text, '/', &host, &length) || !cni_ip_canonical(host, address, &v6) ||
        num_parse_u64(length, v6 ? 128 : 32, &prefix) != NUM_OK)
        return err_raise(e, ERR_INVALID_ARGUMENT, "pod CIDR \"%.*s\" is not an address range", VIEW_ARG(text));
    if (to->ranges.n == CIDRS_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "more than %d pod CIDRs", CIDRS_MAX);
    to->v4 = to->v4 || !v6;
    to->v6 = to->v6 || v6;
    return strlist_addf(&to->ranges, a, "%s/%u", address, (unsigned)prefix) < 0 ? err_oom(e) : 0;
}

static int parse_cidrs(struct arena *a, const char *text, struct cidrs *ret, struct err *e)
{
    struct view rest = view_of(text), one;
    bool more = true;

    *ret = (struct cidrs){0};
    while (more) {
        more = view_cut(rest, ',', &one, &rest);
        TRY(add_cidr(a, view_trim(one), ret, e));
    }
    if ((ret->v4 && strlist_add(&ret->routes, a, "0.0.0.0/0") < 0) || (ret->v6 && strlist_add(&ret->routes, a, "::/0") < 0))
        return err_oom(e);
    return 0;
}

/* [[{"subnet":".."}],...]: one address from each range. */
static int set_ip_ranges(struct cni *c, const struct strlist *ranges, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64 << 10);
    struct jsonw w;

    jsonw_init(&w, &text);
    jsonw_array(&w);
    for (size_t i = 0; i < ranges->n; i++) {
        jsonw_array(&w);
        jsonw_object(&w);
        jsonw_key_str(&w, "subnet", ranges->v[i]);
        jsonw_object_end(&w);
        jsonw_array_end(&w);
    }
    jsonw_array_end(&w);
    TRY(jsonw_finish(&w, e));
    char *copy = buf_take_str(&text);
    if (!copy)
        return err_oom(e);
    c = c->shared;
    pthread_mutex_lock(&c->lock);
    char *old = c->ip_ranges;
    c->ip_ranges = copy;
    pthread_mutex_unlock(&c->lock);
    mem_free(old);
    return 0;
}

static int write_configuration(const struct cni *c, struct arena *a, const struct cidrs *cidrs, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(TEMPLATE_MAX), out = BUF_INIT(TEMPLATE_MAX);
    const struct cni_template_values values = {
        .pod_cidr = cidrs->ranges.v[0], .ranges = &cidrs->ranges, .routes = &cidrs->routes};

    char *path = fs_join(a, c->conf_dir, GENERATED_FILE);
    if (!path)
        return err_oom(e);
    TRY(fs_read_file(c->conf_template, &text, e));
    int r = cni_template_fill(buf_view(&text), &values, &out, e);
    if (r < 0)
        return err_wrap(e, r, "template %s", c->conf_template);
    TRY(fs_mkdir_all(c->conf_dir, 0755, e));
    return fs_write_atomic(path, buf_view(&out), 0644, e);
}

int cni_update_pod_cidr(struct cni *c, const char *text, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cidrs cidrs;
    struct err why = ERR_INIT;

    if (!text || text[0] == '\0')
        return 0;
    TRY(parse_cidrs(&a, text, &cidrs, e));
    TRY(set_ip_ranges(c, &cidrs.ranges, e));
    int ready = cni_ready(c, &why);
    if (ready == 0 || !c->conf_template)
        return 0;
    if (err_is_oom(&why))
        return err_oom(e);
    TRY(write_configuration(c, &a, &cidrs, e));
    return 1;
}
