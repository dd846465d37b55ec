/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's own configuration file: what it says about CRI, and where containerd is, read as it stands; all else in it is containerd's business.
 *
 * Versions 2, 3 and 4. In version 2 everything of CRI is below plugins."io.containerd.grpc.v1.cri"; from version 3 on it is shared out between
 * "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images" and the first; version 4 moves the server's socket from [grpc] to
 * plugins."io.containerd.server.v1.grpc". (containerd, cmd/containerd/server/config; plugins/cri, configMigration.)
 */
#include "config/key.h"

#include <stdio.h>

#define PLUGIN_CRI "io.containerd.grpc.v1.cri"

bool config_is_containerd(const struct toml *root)
{
    return toml_get(root, "version") || toml_get(root, "plugins") || toml_get(root, "imports") || toml_get(root, "disabled_plugins");
}

/* A value that belongs to one of our keys, by its path of one or two components. */
static int give(struct config_walk *w, const char *table, const char *name, const struct toml *v, struct err *e)
{
    if (table)
        w->path[w->depth++] = view_of(table);
    int r = config_walk_member(w, view_of(name), v, e);
    w->depth -= table != NULL;
    return r;
}

/* containerd's folder: this daemon's is below it, where the plugin's was. */
static int give_folder(struct config_walk *w, const char *name, const struct toml *v, struct err *e)
{
    struct toml folder = *v;
    if (v->type == TOML_STRING && v->string.n > 0) {
        char *path = arena_printf(&w->c->arena, "%.*s/" PLUGIN_CRI, VIEW_ARG(v->string));
        if (!path)
            return err_oom(e);
        folder.string = view_of(path);
    }
    return give(w, NULL, name, &folder, e);
}

static int give_address(struct config_walk *w, const struct toml *table, struct err *e)
{
    const struct toml *v = toml_get(table, "address");
    return v ? give(w, "containerd", "address", v, e) : 0;
}

static int read_pinned(struct config_walk *w, const struct toml *t, struct err *e)
{
    for (const struct toml *m = t->type == TOML_TABLE ? t->children.first : NULL; m; m = m->next)
        TRY(view_eq_str(m->key, "sandbox") ? give(w, NULL, "sandbox_image", m, e) : give(w, "pinned_images", m->key.p, m, e));
    return 0;
}

static int read_images(struct config_walk *w, const struct toml *t, struct err *e)
{
    for (const struct toml *m = t->children.first; m; m = m->next) {
        bool moved = view_eq_str(m->key, "snapshotter") || view_eq_str(m->key, "disable_snapshot_annotations") ||
                     view_eq_str(m->key, "discard_unpacked_layers");
        if (view_eq_str(m->key, "pinned_images"))
            TRY(read_pinned(w, m, e));
        else
            TRY(give(w, moved ? "containerd" : NULL, m->key.p, m, e));
    }
    return 0;
}

static int read_plugin(struct config_walk *w, const struct toml *p, struct err *e)
{
    if (p->type != TOML_TABLE)
        return 0;
    if (view_eq_str(p->key, PLUGIN_CRI) || view_eq_str(p->key, "io.containerd.cri.v1.runtime"))
        return config_walk_table(w, p, e);
    if (view_eq_str(p->key, "io.containerd.cri.v1.images"))
        return read_images(w, p, e);
    if (view_eq_str(p->key, "io.containerd.server.v1.grpc"))
        return give_address(w, p, e);
    if (view_eq_str(p->key, "cri"))
        return config_problem(w->c, w->file, p->line, "plugins.cri", e, "this is version 1 of containerd's configuration; versions 2 to 4 are read");
    return 0;
}

static int read_imports(struct config_walk *w, const struct toml *list, struct err *e)
{
    for (const struct toml *one = list->type == TOML_ARRAY ? list->children.first : NULL; one; one = one->next)
        if (one->type == TOML_STRING && one->string.n > 0 && strlist_add(&w->c->imports, &w->c->arena, one->string.p) < 0)
            return err_oom(e);
    return 0;
}

static int read_version(struct config_walk *w, const struct toml *v, struct err *e)
{
    if (v->type == TOML_INTEGER && v->integer >= 2 && v->integer <= 4)
        return 0;
    return config_problem(w->c, w->file, v->line, "version", e, "versions 2, 3 and 4 of containerd's configuration are read");
}

int config_read_containerd(struct config_walk *w, const struct toml *root, struct err *e)
{
    for (const struct toml *m = root->children.first; m; m = m->next) {
        int r = 0;
        if (view_eq_str(m->key, "version"))
            r = read_version(w, m, e);
        else if (view_eq_str(m->key, "root") || view_eq_str(m->key, "state"))
            r = give_folder(w, m->key.p, m, e);
        else if (view_eq_str(m->key, "grpc"))
            r = give_address(w, m, e);
        else if (view_eq_str(m->key, "imports"))
            r = read_imports(w, m, e);
        TRY(r);
    }
    const struct toml *plugins = toml_get(root, "plugins"); /* last: version 4's socket counts more than the one of [grpc] */
    for (const struct toml *p = plugins && plugins->type == TOML_TABLE ? plugins->children.first : NULL; p; p = p->next)
        TRY(read_plugin(w, p, e));
    return 0;
}
