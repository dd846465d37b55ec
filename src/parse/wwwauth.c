/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WWW-Authenticate, see wwwauth.h. The header is a list of challenges and each challenge has a list of parameters, both separated by
 * commas: what follows a comma is a parameter when it is a token and '='.
 */
#include "parse/wwwauth.h"

static bool is_tchar(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(struct view t, size_t i)
{
    while (i < t.n && is_blank(t.p[i]))
        i++;
    return i;
}

static size_t skip_separators(struct view t, size_t i)
{
    while (i < t.n && (is_blank(t.p[i]) || t.p[i] == ','))
        i++;
    return i;
}

static size_t skip_token(struct view t, size_t i)
{
    while (i < t.n && is_tchar(t.p[i]))
        i++;
    return i;
}

/* Behind the quoted string that starts at i, or 0 when it does not end. */
static size_t skip_quoted(struct view t, size_t i)
{
    for (i++; i < t.n; i++) {
        if (t.p[i] == '"')
            return i + 1;
        if (t.p[i] == '\\')
            i++;
    }
    return 0;
}

/* Registries exist that do not quote an address: a bare value runs to the next comma or blank. */
static size_t skip_bare(struct view t, size_t i)
{
    while (i < t.n && t.p[i] != ',' && !is_blank(t.p[i]))
        i++;
    return i;
}

/* A parameter at i? 1 with its parts and *i behind it, 0 when it is something else, -1 when its value is malformed. */
static int param_at(struct view t, size_t *i, struct view *name, struct view *value)
{
    size_t end = skip_token(t, *i), at = skip_blanks(t, end);
    if (end == *i || at == t.n || t.p[at] != '=')
        return 0;
    *name = view_slice(t, *i, end);
    at = skip_blanks(t, at + 1);
    end = at < t.n && t.p[at] == '"' ? skip_quoted(t, at) : skip_bare(t, at);
    if (end == 0)
        return -1;
    *value = view_slice(t, at, end);
    *i = end;
    return 1;
}

/* The single argument that some schemes have in place of parameters: letters, digits, "-._~+/" and '=' at the end. */
static size_t skip_token68(struct view t, size_t i)
{
    while (i < t.n && (is_tchar(t.p[i]) || t.p[i] == '/'))
        i++;
    while (i < t.n && t.p[i] == '=')
        i++;
    return i;
}

static bool ends_here(struct view t, size_t i)
{
    i = skip_blanks(t, i);
    return i == t.n || t.p[i] == ',';
}

static int malformed(struct err *e)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "the WWW-Authenticate header is malformed");
}

/* The parameters that start at *i; *i moves behind the last. */
static int params_at(struct view t, size_t *i, struct view *ret, struct err *e)
{
    struct view name, value;
    size_t start = *i, next = *i;
    int r;
    while ((r = param_at(t, &next, &name, &value)) > 0) {
        if (!ends_here(t, next))
            return malformed(e);
        *i = next;
        next = skip_separators(t, next);
    }
    *ret = view_slice(t, start, *i);
    return r < 0 ? malformed(e) : 0;
}

/* What follows the name of a scheme: parameters, or a token68. "realm=" could be either; for our schemes it is a parameter. */
static int arguments_at(struct view t, size_t *i, struct wwwauth_challenge *c, struct err *e)
{
    struct view name, value;
    if (!is_blank(t.p[*i]))
        return malformed(e);
    *i = skip_blanks(t, *i);
    size_t end = skip_token68(t, *i), at = *i;
    if (end > *i && ends_here(t, end) && (c->scheme == WWWAUTH_OTHER || param_at(t, &at, &name, &value) == 0)) {
        *i = end;
        return 0;
    }
    TRY(params_at(t, i, &c->params, e));
    return c->params.n == 0 ? malformed(e) : 0;
}

int wwwauth_next(struct view *rest, struct wwwauth_challenge *ret, struct err *e)
{
    struct wwwauth_challenge c = {.scheme = WWWAUTH_OTHER, .params = VIEW_EMPTY};
    struct view t = *rest;
    size_t start = skip_separators(t, 0);
    if (start == t.n)
        return 0;
    size_t i = skip_token(t, start);
    if (i == start)
        return malformed(e);
    c.name = view_slice(t, start, i);
    if (view_eq_nocase(c.name, VIEW_LIT("bearer")))
        c.scheme = WWWAUTH_BEARER;
    else if (view_eq_nocase(c.name, VIEW_LIT("basic")))
        c.scheme = WWWAUTH_BASIC;
    if (!ends_here(t, i))
        TRY(arguments_at(t, &i, &c, e));
    *rest = view_slice(t, i, t.n);
    *ret = c;
    return 1;
}

bool wwwauth_param(struct view params, const char *name, struct view *ret_raw)
{
    struct view key, value;
    size_t i = skip_separators(params, 0);
    while (param_at(params, &i, &key, &value) > 0) {
        if (view_eq_nocase(key, view_of(name))) {
            *ret_raw = value;
            return true;
        }
        i = skip_separators(params, i);
    }
    return false;
}

size_t wwwauth_unquote(struct view raw, char *out)
{
    size_t n = 0;
    if (raw.n < 2 || raw.p[0] != '"') {
        if (raw.n > 0)
            memcpy(out, raw.p, raw.n);
        return raw.n;
    }
    for (size_t i = 1; i < raw.n - 1; i++) {
        if (raw.p[i] == '\\' && i + 1 < raw.n - 1)
            i++;
        out[n++] = raw.p[i];
    }
    return n;
}

static int read_param(const struct wwwauth_challenge *c, const char *name, struct arena *a, const char **ret, struct err *e)
{
    struct view raw = VIEW_EMPTY;
    wwwauth_param(c->params, name, &raw);
    if (raw.n > WWWAUTH_VALUE_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s of the WWW-Authenticate header is longer than %d bytes", name, (int)WWWAUTH_VALUE_MAX);
    char *s = arena_alloc(a, raw.n + 1);
    if (!s)
        return err_oom(e);
    size_t n = wwwauth_unquote(raw, s);
    s[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s of the WWW-Authenticate header has a control character", name);
    *ret = s;
    return 0;
}

int wwwauth_find(struct view header, struct arena *a, struct wwwauth *ret, struct err *e)
{
    struct wwwauth_challenge c, best = {.scheme = WWWAUTH_OTHER};
    struct wwwauth w = {.scheme = WWWAUTH_OTHER};
    struct view raw;
    int r;
    while ((r = wwwauth_next(&header, &c, e)) > 0)
        if (c.scheme > best.scheme && (c.scheme != WWWAUTH_BEARER || wwwauth_param(c.params, "realm", &raw)))
            best = c;
    if (r < 0)
        return r;
    if (best.scheme == WWWAUTH_OTHER)
        return err_raise(e, ERR_NOT_FOUND, "the WWW-Authenticate header asks for neither Bearer nor Basic");
    w.scheme = best.scheme;
    TRY(read_param(&best, "realm", a, &w.realm, e));
    TRY(read_param(&best, "service", a, &w.service, e));
    TRY(read_param(&best, "scope", a, &w.scope, e));
    TRY(read_param(&best, "error", a, &w.error, e));
    *ret = w;
    return 0;
}
