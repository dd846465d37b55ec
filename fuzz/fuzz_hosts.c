/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts: a hosts.toml file. An administrator writes it, or a node agent that puts together what others gave it. Reaches parse/hosts,
 * parse/url, parse/duration, and parse/toml on the way.
 *
 * Oracle:
 *  - what is accepted says for each server in whole where it is (a scheme, a host that reads back as the same one and holds no
 *    credentials, a path without "//", "." and ".." that ends in no slash and, unless told otherwise, in /v2), what it may do, and only
 *    header fields that cannot start another one; servers stand in the file's order, the default last; nothing is beyond its maximum;
 *  - reading it once more gives the same;
 *  - no error tells a header's value;
 *  - failing allocations leave nothing.
 */
#include "fuzz.h"

#include <strings.h>

#include "parse/hosts.h"
#include "parse/url.h"

#define MARK "hush-hush"

static int parse(struct view text, struct arena *a, struct hosts *ret, struct err *e)
{
    const struct toml *root;
    TRY(toml_parse(text, a, &root, e));
    return hosts_parse(root, a, ret, e);
}

static void check_address(const struct hosts_host *h)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct url url;
    const char *text = arena_printf(&a, "%s://%s%s", h->scheme, h->host, h->path);
    FUZZ_CHECK(strcmp(h->scheme, "http") == 0 || strcmp(h->scheme, "https") == 0);
    FUZZ_CHECK_MSG(text && url_resolve(NULL, text, &a, &url, &e) == 0, "%s", e.message);
    FUZZ_CHECK_MSG(strcmp(url.authority, h->host) == 0, "%s reads as %s", h->host, url.authority);
    FUZZ_CHECK(!strpbrk(h->host, "@/?# \\"));
    size_t n = strlen(h->path);
    FUZZ_CHECK_MSG(n == 0 || (h->path[0] == '/' && h->path[n - 1] != '/'), "%s", h->path);
    FUZZ_CHECK_MSG(!strstr(h->path, "//") && !strpbrk(h->path, "?#"), "%s", h->path);
    struct view rest = view_of(h->path), part;
    while (rest.n > 0) {
        view_cut(rest, '/', &part, &rest);
        FUZZ_CHECK(!view_eq(part, VIEW_LIT(".")) && !view_eq(part, VIEW_LIT("..")));
    }
}

static void check_host(const struct hosts_host *h, const struct toml *table)
{
    const struct toml *override = toml_get(table, "override_path");
    FUZZ_CHECK((*h->name != '\0') == (*h->host != '\0'));
    if (*h->name)
        check_address(h);
    bool as_written = override && override->boolean;
    FUZZ_CHECK(!*h->name || as_written || view_ends(view_of(h->path), VIEW_LIT("/v2")));
    FUZZ_CHECK(h->capabilities != 0 && (h->capabilities & ~(unsigned)HOSTS_EVERYTHING) == 0);
    FUZZ_CHECK(h->ca.n <= HOSTS_LIST_MAX && h->clients.n <= HOSTS_LIST_MAX && h->headers.n <= HOSTS_LIST_MAX);
    FUZZ_CHECK(h->dial_timeout <= INT64_MAX);
    FUZZ_CHECK(!h->skip_verify || h->has_skip_verify);
    for (size_t i = 0; i < h->ca.n; i++)
        FUZZ_CHECK(*h->ca.v[i] && strlen(h->ca.v[i]) <= HOSTS_TEXT_MAX);
    for (size_t i = 0; i < h->clients.n; i++)
        FUZZ_CHECK(*h->clients.v[i].key && h->clients.v[i].value);
    for (size_t i = 0; i < h->headers.n; i++) {
        const char *line = h->headers.v[i], *colon = strchr(line, ':');
        FUZZ_CHECK(colon && colon > line && colon[1] == ' ' && !strpbrk(line, "\r\n"));
        FUZZ_CHECK(strncasecmp(line, "host:", 5) != 0 && strncasecmp(line, "content-length:", 15) != 0);
    }
}

static void check_file(const struct hosts *hosts, const struct toml *root)
{
    const struct toml *tables = toml_get(root, "host"), *t = tables ? tables->children.first : NULL, *server = toml_get(root, "server");
    FUZZ_CHECK(hosts->n == 1 + (tables ? tables->children.n : 0) && hosts->n <= HOSTS_MAX + 1);
    for (size_t i = 0; i + 1 < hosts->n; i++, t = t->next) {
        FUZZ_CHECK(view_eq_str(t->key, hosts->v[i].name) && hosts->v[i].line == t->line);
        check_host(&hosts->v[i], t);
    }
    FUZZ_CHECK(view_eq_str(server ? server->string : VIEW_EMPTY, hosts->v[hosts->n - 1].name));
    check_host(&hosts->v[hosts->n - 1], root);
}

/* True when the mark stands in a key or in a text that is no value of a header: then a message may have it. */
static bool mark_elsewhere(const struct toml *v, bool in_header)
{
    if (v->key.n && memmem(v->key.p, v->key.n, MARK, strlen(MARK)))
        return true;
    if (v->type == TOML_STRING)
        return !in_header && memmem(v->string.p, v->string.n, MARK, strlen(MARK));
    if (v->type != TOML_TABLE && v->type != TOML_ARRAY)
        return false;
    for (const struct toml *c = v->children.first; c; c = c->next)
        if (mark_elsewhere(c, in_header || view_eq_str(c->key, "header")))
            return true;
    return false;
}

static bool same(const struct hosts *a, const struct hosts *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) {
        const struct hosts_host *x = &a->v[i], *y = &b->v[i];
        same = strcmp(x->name, y->name) == 0 && strcmp(x->host, y->host) == 0 && strcmp(x->path, y->path) == 0 &&
               x->capabilities == y->capabilities && x->ca.n == y->ca.n && x->clients.n == y->clients.n && x->headers.n == y->headers.n &&
               x->skip_verify == y->skip_verify && x->dial_timeout == y->dial_timeout;
        for (size_t k = 0; same && k < x->headers.n; k++)
            same = strcmp(x->headers.v[k], y->headers.v[k]) == 0;
    }
    return same;
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct hosts hosts;
    return parse(*(struct view *)arg, &a, &hosts, e);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view text = view_make((const char *)data, size);
    const struct toml *root;
    struct hosts hosts, again;
    struct err e = ERR_INIT;
    if (toml_parse(text, &a, &root, &e) < 0) /* fuzz_toml's business */
        return 0;
    int r = hosts_parse(root, &a, &hosts, &e);
    fuzz_check_result(r, &e);
    if (r == 0) {
        check_file(&hosts, root);
        FUZZ_CHECK(hosts_parse(root, &a, &again, &e) == 0 && same(&hosts, &again));
    } else {
        FUZZ_CHECK_MSG(strncmp(e.message, "line ", 5) == 0 || r == -ERR_RESOURCE_EXHAUSTED, "%s", e.message);
        FUZZ_CHECK_MSG(!strstr(e.message, MARK) || mark_elsewhere(root, false), "%s", e.message);
    }
    fuzz_sweep(decode, &text, size < 512 ? 16 : 0);
    return 0;
}
