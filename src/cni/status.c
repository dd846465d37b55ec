/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Status tells of the network: whether pods can have one, and with verbose how it is configured.
 */
#include <string.h>
#include <unistd.h>

#include "cni/internal.h"
#include "parse/jsonscan.h"

int cni_ready(struct cni *c, struct err *e)
{
    struct cni_networks *n;
    TRY(cni_networks_get(c, &n, e));
    int r = n->n ? 0 : err_raise(e, n->error.code, "%s", n->error.message);
    cni_networks_unref(c, n);
    return r;
}

int cni_status(struct cni *c, const struct ctx *ctx, struct err *e)
{
    struct cni_networks *n;
    struct err own = ERR_INIT;

    if (!e)
        e = &own;
    TRY(cni_networks_get(c, &n, e));
    int r = n->n ? 0 : err_raise(e, n->error.code, "%s", n->error.message);
    for (size_t i = 0; r == 0 && i < n->n; i++)
        r = cni_network_global(c, ctx, &n->v[i], "STATUS", VIEW_EMPTY, e);
    cni_networks_unref(c, n);
    if (r == -ERR_UNKNOWN) { /* a plugin said no, in a code of its own */
        e->code = ERR_UNAVAILABLE;
        r = -ERR_UNAVAILABLE;
    }
    return r;
}

/* What a list of programs is collected in; v has room for all. */
struct programs {
    const struct cni *cni;
    struct arena *a;
    struct cni_program *v;
    size_t n, first; /* first: of this network */
};

static int add_program(struct programs *p, const struct cni_conf *conf, const char *type, struct err *e)
{
    struct cni_program *to = &p->v[p->n];
    struct err why = ERR_INIT;
    char *path = NULL;
    for (size_t i = p->first; i < p->n; i++)
        if (strcmp(p->v[i].type, type) == 0)
            return 0;
    if (cni_find_plugin(p->cni, type, p->a, &path, &why) < 0 && err_is_oom(&why))
        return err_oom(e);
    *to = (struct cni_program){
        .network = arena_strdup(p->a, conf->name),
        .cni_version = arena_strdup(p->a, conf->cni_version),
        .type = arena_strdup(p->a, type),
        .path = path,
        .executable = path && access(path, X_OK) == 0,
    };
    p->n++;
    return to->network && to->cni_version && to->type ? 0 : err_oom(e);
}

/* The plugin, and the one that it names as {"ipam":{"type":...}}. */
static int add_plugin(struct programs *p, const struct cni_conf *conf, const struct cni_plugin *plugin, struct err *e)
{
    struct jsonscan_value object;
    TRY(add_program(p, conf, plugin->type, e));
    if (jsonscan_parse(view_of(plugin->raw), &object, NULL) < 0)
        return 0;
    struct jsonscan_value type = jsonscan_get(jsonscan_get(object, "ipam"), "type");
    if (type.kind != JSONSCAN_STRING)
        return 0;
    char *text = jsonscan_strdup(type.raw, p->a);
    if (!text)
        return err_oom(e);
    return *text ? add_program(p, conf, text, e) : 0;
}

static int add_networks(struct programs *p, const struct cni_networks *n, struct err *e)
{
    size_t most = 0;
    for (size_t i = 0; i < n->n; i++)
        most += 2 * n->v[i].conf.n_plugins;
    p->v = ARENA_NEW_N(p->a, struct cni_program, most + 1);
    if (!p->v)
        return err_oom(e);
    for (size_t i = 0; i < n->n; i++) {
        p->first = p->n;
        for (size_t j = 0; j < n->v[i].conf.n_plugins; j++)
            TRY(add_plugin(p, &n->v[i].conf, &n->v[i].conf.plugins[j], e));
    }
    return 0;
}

int cni_programs(struct cni *c, struct arena *a, struct cni_program **ret, size_t *ret_n, struct err *e)
{
    struct programs p = {.cni = c, .a = a};
    struct cni_networks *n;
    TRY(cni_networks_get(c, &n, e));
    int r = add_networks(&p, n, e);
    cni_networks_unref(c, n);
    TRY(r);
    *ret = p.v;
    *ret_n = p.n;
    return 0;
}

static void write_network(struct jsonw *w, const struct cni_network *net)
{
    jsonw_object(w);
    jsonw_key(w, "Config");
    jsonw_object(w);
    jsonw_key_str(w, "Name", net->conf.name);
    jsonw_key_str(w, "CNIVersion", net->conf.cni_version);
    jsonw_key(w, "Plugins");
    jsonw_array(w);
    for (size_t i = 0; i < net->conf.n_plugins; i++) {
        jsonw_object(w);
        jsonw_key(w, "Network");
        jsonw_raw(w, view_of(net->conf.plugins[i].raw));
        jsonw_key_str(w, "Source", net->conf.plugins[i].raw);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_key_str(w, "Source", net->conf.raw);
    jsonw_object_end(w);
    jsonw_key_str(w, "IFName", net->ifname);
    jsonw_object_end(w);
}

int cni_write_config_json(struct cni *c, struct jsonw *w, struct err *e)
{
    struct cni_networks *n;

    TRY(cni_networks_get(c, &n, e));
    jsonw_object(w);
    jsonw_key(w, "PluginDirs");
    jsonw_array(w);
    for (size_t i = 0; i < c->n_bin_dirs; i++)
        jsonw_str(w, c->bin_dirs[i]);
    jsonw_array_end(w);
    jsonw_key_str(w, "PluginConfDir", c->conf_dir);
    jsonw_key_i64(w, "PluginMaxConfNum", (int64_t)c->max_conf_num);
    jsonw_key_str(w, "Prefix", "eth");
    jsonw_key(w, "Networks");
    jsonw_array(w);
    for (size_t i = 0; i < n->n; i++)
        write_network(w, &n->v[i]);
    jsonw_array_end(w);
    jsonw_object_end(w);
    cni_networks_unref(c, n);
    return 0;
}
