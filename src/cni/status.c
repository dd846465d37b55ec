/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Status tells of the network: whether pods can have one, and with verbose how it is configured.
 */
#include "cni/internal.h"

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
