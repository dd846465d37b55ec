/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Url: see the header.
 */
#include "parse/url.h"

#include <strings.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/num.h"

static int refuse(struct err *e, const char *why)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "the address cannot be used: %s", why);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool host_ok(struct view host)
{
    bool v6 = view_starts(host, VIEW_LIT("["));
    if (v6 && (host.n < 4 || host.p[host.n - 1] != ']'))
        return false;
    struct view inside = v6 ? view_slice(host, 1, host.n - 1) : host;
    for (size_t i = 0; i < inside.n; i++) {
        char c = inside.p[i];
        bool ok = v6 ? hex_digit(c) >= 0 || c == ':' || c == '.' : is_alnum(c) || c == '.' || c == '-' || c == '_';
        if (!ok)
            return false;
    }
    return inside.n > 0 && inside.n <= 255;
}

/* Visible ASCII only: what goes into a request line. */
static bool text_ok(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= 0x20 || v.p[i] >= 0x7f || v.p[i] == '\\')
            return false;
    return v.n <= URL_BYTES_MAX;
}

/* Index of the first of the bytes, or v.n. */
static size_t find_any(struct view v, const char *bytes)
{
    size_t i = 0;
    while (i < v.n && !strchr(bytes, v.p[i]))
        i++;
    return i;
}

/* An address in parts: views into its text. */
struct parts {
    const char *scheme; /* static */
    struct view host, port, path /* with query, "" or from '/' or '?' on */;
};

static int split_authority(struct view authority, struct parts *ret, struct err *e)
{
    if (view_find(authority, '@') < authority.n)
        return refuse(e, "it holds credentials");
    size_t colon = view_starts(authority, VIEW_LIT("[")) ? view_find(authority, ']') + 1 : view_find(authority, ':');
    ret->host = view_slice(authority, 0, colon);
    ret->port = VIEW_EMPTY;
    if (colon < authority.n) {
        uint64_t port;
        ret->port = view_slice(authority, colon + 1, authority.n);
        if (authority.p[colon] != ':' || num_parse_u64(ret->port, 65535, &port) != NUM_OK || port == 0)
            return refuse(e, "its port is malformed");
    }
    return host_ok(ret->host) ? 0 : refuse(e, "its host is malformed");
}

/* "//host[:port][path]" */
static int split_rest(struct view v, struct parts *ret, struct err *e)
{
    v = view_slice(v, 2, v.n);
    size_t end = find_any(v, "/?");
    ret->path = view_slice(v, end, v.n);
    return split_authority(view_slice(v, 0, end), ret, e);
}

static int split(struct view v, struct parts *ret, struct err *e)
{
    struct view https = VIEW_LIT("https://"), http = VIEW_LIT("http://");
    bool secure = view_eq_nocase(view_slice(v, 0, https.n), https);
    if (!secure && !view_eq_nocase(view_slice(v, 0, http.n), http))
        return refuse(e, "it is neither http nor https");
    ret->scheme = secure ? "https" : "http";
    return split_rest(view_slice(v, (secure ? https.n : http.n) - 2, v.n), ret, e);
}

static bool has_scheme(struct view v)
{
    size_t colon = find_any(v, ":/?");
    return colon < v.n && v.p[colon] == ':';
}

/* The path that a relative reference leads to: its own from '/' on, else beside the base's last element. */
static int join_path(struct view base, struct view rel, struct arena *a, struct view *ret, struct err *e)
{
    struct view dir = view_slice(base, 0, find_any(base, "?"));
    if (!view_starts(rel, VIEW_LIT("?"))) {
        size_t slash = view_rfind(dir, '/');
        dir = slash < dir.n ? view_slice(dir, 0, slash + 1) : VIEW_LIT("/");
    }
    const char *text = arena_printf(a, "%.*s%.*s", VIEW_ARG(dir), VIEW_ARG(rel));
    *ret = view_of(text);
    return text ? 0 : err_oom(e);
}

static int assemble(const struct parts *p, struct arena *a, struct url *ret, struct err *e)
{
    bool rooted = view_starts(p->path, VIEW_LIT("/"));
    struct url url = {.scheme = p->scheme};
    url.host = arena_view(a, p->host);
    url.port = p->port.n ? arena_view(a, p->port) : strcmp(p->scheme, "https") == 0 ? "443" : "80";
    if (!url.host || !url.port)
        return err_oom(e);
    url.authority = arena_printf(a, "%s%s%.*s", url.host, p->port.n ? ":" : "", VIEW_ARG(p->port));
    url.path = arena_printf(a, "%s%.*s", rooted ? "" : "/", VIEW_ARG(p->path));
    if (!url.authority || !url.path)
        return err_oom(e);
    url.text = arena_printf(a, "%s://%s%s", url.scheme, url.authority, url.path);
    if (!url.text)
        return err_oom(e);
    *ret = url;
    return 0;
}

int url_resolve(const char *base, const char *text, struct arena *a, struct url *ret, struct err *e)
{
    struct view v = view_of(text);
    v = view_slice(v, 0, view_find(v, '#'));
    struct parts p;
    if (!text_ok(v) || v.n == 0)
        return refuse(e, v.n ? "it is too long or holds bytes that no address may have" : "it is empty");
    if (!base || has_scheme(v)) {
        TRY(split(v, &p, e));
        return assemble(&p, a, ret, e);
    }
    TRY(split(view_of(base), &p, e));
    if (view_starts(v, VIEW_LIT("//")))
        TRY(split_rest(v, &p, e));
    else if (view_starts(v, VIEW_LIT("/")))
        p.path = v;
    else
        TRY(join_path(p.path, v, a, &p.path, e));
    return assemble(&p, a, ret, e);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

static int escape(struct view v, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        bool plain = is_alnum((char)c) || c == '-' || c == '.' || c == '_' || c == '~';
        char text[3] = {'%', digits[c >> 4], digits[c & 15]};
        TRY(plain ? buf_add_char(out, (char)c) : buf_add(out, text, sizeof(text)));
    }
    return 0;
}

static int add_pairs(const struct kvlist *pairs, struct buf *out)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (i > 0)
            TRY(buf_add_char(out, '&'));
        TRY(escape(view_of(pairs->v[i].key), out));
        TRY(buf_add_char(out, '='));
        TRY(escape(view_of(pairs->v[i].value), out));
    }
    return 0;
}

int url_form(const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e)
{
    struct buf out = BUF_INIT(1 << 20);
    char *text = add_pairs(pairs, &out) == 0 ? arena_view(a, buf_view(&out)) : NULL;
    buf_done(&out);
    if (!text)
        return err_oom(e);
    *ret = text;
    return 0;
}

int url_add_query(const char *text, const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e)
{
    const char *form;
    TRY(url_form(pairs, a, &form, e));
    *ret = arena_printf(a, "%s%c%s", text, strchr(text, '?') ? '&' : '?', form);
    return *ret ? 0 : err_oom(e);
}

static bool all_digits_and_dots(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != '.' && (v.p[i] < '0' || v.p[i] > '9'))
            return false;
    return true;
}

bool url_is_loopback(struct view host)
{
    if (view_starts(host, VIEW_LIT("["))) {
        struct view inside = view_slice(host, 1, view_find(host, ']'));
        return view_eq_str(inside, "::1");
    }
    host = view_slice(host, 0, view_find(host, ':'));
    struct view below = VIEW_LIT(".localhost");
    if (view_eq_nocase(host, VIEW_LIT("localhost")) || (view_ends(host, below) && host.n > below.n))
        return true;
    return view_starts(host, VIEW_LIT("127.")) && all_digits_and_dots(host);
}
