/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole configuration as TOML. See config.h.
 */
#include "config/key.h"

#include <string.h>

/* Up to the last dot. */
static struct view table_of(const char *path)
{
    struct view v = view_of(path);
    size_t dot = view_rfind(v, '.');
    return dot == v.n ? VIEW_EMPTY : view_slice(v, 0, dot);
}

static int write_header(struct view table, const char *handler, struct buf *out)
{
    struct view part;
    TRY(buf_add_str(out, "\n["));
    for (bool first = true; table.n > 0; first = false) {
        view_cut(table, '.', &part, &table);
        bool any = view_eq_str(part, "*");
        TRY(buf_printf(out, any ? "%s\"%.*s\"" : "%s%.*s", first ? "" : ".", VIEW_ARG(any ? view_of(handler) : part)));
    }
    return buf_add_str(out, "]\n");
}

static int write_key(const struct config_key *k, const void *base, bool help, struct buf *out)
{
    struct view path = view_of(k->path);
    size_t dot = view_rfind(path, '.');
    const char *name = dot == path.n ? k->path : k->path + dot + 1;
    if (help)
        TRY(buf_printf(out, "# %s\n", k->help));
    TRY(buf_printf(out, "%s = ", name));
    TRY(config_value_write(k, base, out));
    return buf_add_char(out, '\n');
}

struct dump {
    const struct config *c;
    enum config_dump_what what;
    struct buf *out;
};

/* The rows [from, to) with a header wherever the table changes. fresh: where the defaults are. */
static int write_rows(const struct dump *d, size_t from, size_t to, const void *base, const void *fresh, const char *handler)
{
    struct view table = VIEW_EMPTY;
    for (size_t i = from; i < to; i++) {
        const struct config_key *k = &config_keys[i];
        bool skip = k->omit; /* another key says it */
        if (!skip && d->what == CONFIG_DUMP_CHANGED)
            TRY(config_value_equal(k, base, fresh, &skip));
        if (skip)
            continue;
        if (!view_eq(table_of(k->path), table)) {
            table = table_of(k->path);
            TRY(write_header(table, handler, d->out));
        }
        TRY(write_key(k, base, d->what == CONFIG_DUMP_EXPLAINED, d->out));
    }
    return 0;
}

static int write_all(const struct dump *d, const struct config *fresh)
{
    static const struct cri_runtime_handler blank = {0};
    const struct config *c = d->c;
    size_t from = 0, to;
    for (; from < config_n_keys; from = to) {
        bool handlers = config_keys[from].in_handler;
        for (to = from; to < config_n_keys && config_keys[to].in_handler == handlers; to++)
            ;
        for (size_t i = 0; handlers && i < c->runtime.n_handlers; i++)
            TRY(write_rows(d, from, to, &c->handlers[i], i < fresh->runtime.n_handlers ? &fresh->handlers[i] : &blank, c->handlers[i].name));
        if (!handlers)
            TRY(write_rows(d, from, to, c, fresh, NULL));
    }
    return 0;
}

int config_dump(const struct config *c, enum config_dump_what what, struct buf *out, struct err *e)
{
    struct config fresh;
    config_init(&fresh);
    const struct dump d = {.c = c, .what = what, .out = out};
    int r = write_all(&d, &fresh);
    config_done(&fresh);
    return r < 0 ? err_oom(e) : 0;
}
