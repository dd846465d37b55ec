/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One document into the configuration: each value goes through the row of keys.c that has its path. What is wrong is collected, so that one run tells all.
 */
#include "config/key.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_ = 320, TREE_BUDGET = 32 << 20 };

int config_problem(struct config *c, const char *file, uint32_t line, const char *path, struct err *e, const char *format, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (c->n_problems++ >= CONFIG_PROBLEMS_MAX)
        return 0;
    struct err clean; /* takes control bytes out */
    if (line)
        err_raise(&clean, ERR_INVALID_ARGUMENT, "%s: line %u: %s%s%s", file, line, path, path[0] ? ": " : "", text);
    else
        err_raise(&clean, ERR_INVALID_ARGUMENT, "%s: %s%s%s", file, path, path[0] ? ": " : "", text);
    return strlist_add(&c->problems, &c->arena, clean.message) < 0 ? err_oom(e) : 0;
}

static bool is_bare(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", v.p[i]))
            return false;
    return v.n > 0;
}

static const char *path_text(const struct config_walk *w, char buf[NAME_MAX_])
{
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < w->depth && at < NAME_MAX_; i++) {
        const char *quote = is_bare(w->path[i]) ? "" : "\"";
        at += (size_t)snprintf(buf + at, NAME_MAX_ - at, "%s%s%.*s%s", i ? "." : "", quote, VIEW_ARG(view_slice(w->path[i], 0, 80)), quote);
    }
    return buf;
}

int config_walk_problem(struct config_walk *w, const struct toml *at, struct err *e, const char *text)
{
    char path[NAME_MAX_];
    return config_problem(w->c, w->file, at->line, path_text(w, path), e, "%s", text);
}

static int unknown(struct config_walk *w, const struct toml *at, struct err *e)
{
    char near[NAME_MAX_], text[NAME_MAX_ + 64];
    config_suggest(w->path, w->depth, near, sizeof near);
    snprintf(text, sizeof text, near[0] ? "unknown key; did you mean %s?" : "unknown key", near);
    return config_walk_problem(w, at, e, text);
}

/* A key that is not in keys.c. */
static int foreign(struct config_walk *w, const struct toml *at, struct err *e)
{
    const struct config_foreign *f = config_foreign_find(w->path, w->depth);
    char path[NAME_MAX_];
    if (!f)
        return unknown(w, at, e);
    if (!config_foreign_asks(f, at))
        return 0;
    if (f->refused)
        return config_problem(w->c, w->file, at->line, path_text(w, path), e, "it is not supported: %s", f->why);
    if (w->c->notes.n == CONFIG_PROBLEMS_MAX)
        return 0;
    return strlist_addf(&w->c->notes, &w->c->arena, "%s: line %u: %s: it has no effect: %s", w->file, at->line, path_text(w, path), f->why) < 0 ? err_oom(e) : 0;
}

bool config_path_match(const char *row, const struct view *path, size_t n, bool *ret_whole)
{
    struct view rest = view_of(row), part;
    for (size_t i = 0; i < n; i++) {
        if (rest.n == 0)
            return false;
        view_cut(rest, '.', &part, &rest);
        if (!view_eq(part, path[i]) && !view_eq_str(part, "*"))
            return false;
    }
    *ret_whole = rest.n == 0;
    return true;
}

/* The first row that begins with the path; *ret_whole: it ends there, too. */
static const struct config_key *find(const struct config_walk *w, bool *ret_whole)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_path_match(config_keys[i].path, w->path, w->depth, ret_whole))
            return &config_keys[i];
    return NULL;
}

const struct config_mark *config_mark_find(const struct config *c, const char *path, const struct cri_runtime_handler *h)
{
    for (const struct config_mark *m = c->marks; m; m = m->next)
        if (m->handler == h && (m->key ? path && strcmp(m->key->path, path) == 0 : !path))
            return m;
    return NULL;
}

/* The last place counts: it comes first in the list. */
static int mark(struct config_walk *w, const struct config_key *k, uint32_t line, struct err *e)
{
    struct config_mark *m = ARENA_NEW(&w->c->arena, struct config_mark);
    if (!m)
        return err_oom(e);
    *m = (struct config_mark){.next = w->c->marks, .key = k, .handler = !k || k->in_handler ? w->handler : NULL, .file = w->file, .line = line};
    w->c->marks = m;
    return 0;
}

static int set(struct config_walk *w, const struct config_key *k, const struct toml *v, struct err *e)
{
    struct err why = ERR_INIT;
    int r = config_value_set(k, config_base(k, w->c, w->handler), v, &w->c->arena, &why);
    if (r == -ERR_INVALID_ARGUMENT)
        return config_walk_problem(w, v, e, why.message);
    if (r < 0)
        return err_oom(e);
    return mark(w, k, v->line, e);
}

/* Goes to the handler of this name, which is made when it is new. w->handler is NULL when a problem was told. */
static int enter_handler(struct config_walk *w, const struct toml *at, struct err *e)
{
    struct config *c = w->c;
    w->handler = NULL;
    for (size_t i = 0; i < c->runtime.n_handlers; i++) {
        if (view_eq_str(at->key, c->handlers[i].name)) {
            w->handler = &c->handlers[i];
            return 0;
        }
    }
    const char *expected = config_identifier(at->key.p);
    if (expected) {
        char text[128];
        snprintf(text, sizeof text, "the name of a runtime handler is to be %s", expected);
        return config_walk_problem(w, at, e, text);
    }
    if (c->runtime.n_handlers == CONFIG_HANDLERS_MAX)
        return config_walk_problem(w, at, e, "there are too many runtime handlers");
    struct cri_runtime_handler *h = &c->handlers[c->runtime.n_handlers];
    *h = (struct cri_runtime_handler){.name = arena_view(&c->arena, at->key)};
    if (!h->name)
        return err_oom(e);
    c->runtime.n_handlers++;
    w->handler = h;
    return mark(w, NULL, at->line, e);
}

static int read_member(struct config_walk *w, const struct toml *m, struct err *e)
{
    bool whole = false;
    const struct config_key *k = find(w, &whole);
    if (!k)
        return foreign(w, m, e);
    if (whole)
        return set(w, k, m, e);
    if (m->type != TOML_TABLE) {
        char text[80];
        snprintf(text, sizeof text, "the value is %s, expected a table", toml_type_name(m->type));
        return config_walk_problem(w, m, e, text);
    }
    if (k->in_handler && w->depth == 3) { /* containerd.runtimes.NAME */
        TRY(enter_handler(w, m, e));
        if (!w->handler)
            return 0;
    }
    return config_walk_table(w, m, e);
}

int config_walk_member(struct config_walk *w, struct view name, const struct toml *v, struct err *e)
{
    w->path[w->depth++] = name;
    int r = read_member(w, v, e);
    w->depth--;
    return r;
}

int config_walk_table(struct config_walk *w, const struct toml *t, struct err *e)
{
    for (const struct toml *m = t->children.first; m; m = m->next)
        TRY(config_walk_member(w, m->key, m, e));
    return 0;
}

int config_read_layout(struct config *c, const char *name, struct view text, bool containerd, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(TREE_BUDGET);
    const struct toml *root;
    struct err why = ERR_INIT;
    struct config_walk w = {.c = c, .file = arena_strdup(&c->arena, name)};
    if (!w.file)
        return err_oom(e);
    int r = toml_parse(text, &a, &root, &why);
    if (r < 0)
        return err_is_oom(&why) ? err_oom(e) : config_problem(c, w.file, 0, "", e, "%s", why.message);
    return containerd || config_is_containerd(root) ? config_read_containerd(&w, root, e) : config_walk_table(&w, root, e);
}

int config_read(struct config *c, const char *name, struct view text, struct err *e)
{
    return config_read_layout(c, name, text, false, e);
}

int config_set(struct config *c, const char *path, const char *text, struct err *e)
{
    const struct toml value = {.type = TOML_STRING, .string = view_of(text)};
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].path, path) == 0 && !config_keys[i].in_handler)
            return config_value_set(&config_keys[i], c, &value, &c->arena, e);
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s: unknown key", path);
}
