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

/* The rows [from, to) with a header wherever the table changes. */
static int write_rows(size_t from, size_t to, const void *base, const char *handler, bool help, struct buf *out)
{
    struct view table = VIEW_EMPTY;
    for (size_t i = from; i < to; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->omit) /* another key says it */
            continue;
        if (!view_eq(table_of(k->path), table)) {
            table = table_of(k->path);
            TRY(write_header(table, handler, out));
        }
        TRY(write_key(k, base, help, out));
    }
    return 0;
}

static int write_all(const struct config *c, bool help, struct buf *out)
{
    size_t from = 0, to;
    for (; from < config_n_keys; from = to) {
        bool handlers = config_keys[from].in_handler;
        for (to = from; to < config_n_keys && config_keys[to].in_handler == handlers; to++)
            ;
        for (size_t i = 0; handlers && i < c->runtime.n_handlers; i++)
            TRY(write_rows(from, to, &c->handlers[i], c->handlers[i].name, help, out));
        if (!handlers)
            TRY(write_rows(from, to, c, NULL, help, out));
    }
    return 0;
}

int config_dump(const struct config *c, bool help, struct buf *out, struct err *e)
{
    return write_all(c, help, out) < 0 ? err_oom(e) : 0;
}
