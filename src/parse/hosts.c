/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts: see the header.
 */
#include "parse/hosts.h"

#include <strings.h>

#include "parse/duration.h"
#include "parse/url.h"

/* Where in the file something is: for messages. */
struct place {
    const char *host; /* its name, "" for the server */
    struct arena *arena;
    struct err *e;
};

/* "line 7: host "https://m": ca: <why>" */
static int refuse(const struct place *p, const struct toml *at, const char *key, const char *why)
{
    bool host = *p->host != '\0';
    return err_raise(p->e, ERR_INVALID_ARGUMENT, "line %u: %s%.200s%s%s: %s", at->line, host ? "host \"" : "", p->host, host ? "\": " : "",
                     key, why);
}

static int refuse_type(const struct place *p, const struct toml *at, const char *key, const char *wanted)
{
    bool host = *p->host != '\0';
    return err_raise(p->e, ERR_INVALID_ARGUMENT, "line %u: %s%.200s%s%s: expected %s, found %s", at->line, host ? "host \"" : "", p->host,
                     host ? "\": " : "", key, wanted, toml_type_name(at->type));
}

static int too_many(const struct place *p, const struct toml *at, const char *key, int most)
{
    return err_raise(p->e, ERR_RESOURCE_EXHAUSTED, "line %u: %s: more than %d entries", at->line, key, most);
}

/* A string of at most HOSTS_TEXT_MAX bytes; a NUL follows it. */
static int get_string(const struct place *p, const struct toml *v, const char *key, const char **ret)
{
    if (v->type != TOML_STRING)
        return refuse_type(p, v, key, "a string");
    if (v->string.n > HOSTS_TEXT_MAX)
        return err_raise(p->e, ERR_RESOURCE_EXHAUSTED, "line %u: %s: longer than %d bytes", v->line, key, HOSTS_TEXT_MAX);
    *ret = v->string.p;
    return 0;
}

static int get_bool(const struct place *p, const struct toml *table, const char *key, bool *ret, bool *ret_there)
{
    const struct toml *v = toml_get(table, key);
    *ret_there = v != NULL;
    if (!v)
        return 0;
    if (v->type != TOML_BOOL)
        return refuse_type(p, v, key, "a boolean");
    *ret = v->boolean;
    return 0;
}

static int get_capabilities(const struct place *p, const struct toml *table, struct hosts_host *h)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"pull", HOSTS_PULL}, {"resolve", HOSTS_RESOLVE}, {"push", HOSTS_PUSH}, {"referrers", HOSTS_REFERRERS}};
    const struct toml *list = toml_get(table, "capabilities");
    h->capabilities = HOSTS_EVERYTHING;
    if (!list)
        return 0;
    if (list->type != TOML_ARRAY)
        return refuse_type(p, list, "capabilities", "an array of strings");
    if (list->children.n > 0)
        h->capabilities = 0;
    for (const struct toml *v = list->children.first; v; v = v->next) {
        const char *text;
        size_t i = 0;
        TRY(get_string(p, v, "capabilities", &text));
        while (i < ARRAY_SIZE(known) && strcasecmp(known[i].name, text) != 0)
            i++;
        if (i == ARRAY_SIZE(known))
            return refuse(p, v, "capabilities", "a capability is none of pull, resolve, push, referrers");
        h->capabilities |= known[i].bit;
    }
    return 0;
}

static int get_file(const struct place *p, const struct toml *v, const char *key, const char **ret)
{
    TRY(get_string(p, v, key, ret));
    return **ret ? 0 : refuse(p, v, key, "a file has no name");
}

static int add_ca(const struct place *p, const struct toml *v, struct hosts_host *h)
{
    const char *file;
    TRY(get_file(p, v, "ca", &file));
    if (h->ca.n == HOSTS_LIST_MAX)
        return too_many(p, v, "ca", HOSTS_LIST_MAX);
    return strlist_add(&h->ca, p->arena, file) < 0 ? err_oom(p->e) : 0;
}

/* A string, or an array of strings. */
static int get_ca(const struct place *p, const struct toml *table, struct hosts_host *h)
{
    const struct toml *v = toml_get(table, "ca");
    if (!v)
        return 0;
    if (v->type == TOML_STRING)
        return add_ca(p, v, h);
    if (v->type != TOML_ARRAY)
        return refuse_type(p, v, "ca", "a string or an array of strings");
    for (const struct toml *one = v->children.first; one; one = one->next)
        TRY(add_ca(p, one, h));
    return 0;
}

/* A file that holds certificate and key, or an array of the two files. */
static int add_client(const struct place *p, const struct toml *v, struct hosts_host *h)
{
    const char *cert, *key = "";
    if (v->type == TOML_ARRAY) {
        if (v->children.n != 2)
            return refuse(p, v, "client", "a pair does not have two files, certificate and key");
        TRY(get_string(p, v->children.first->next, "client", &key));
        v = v->children.first;
    }
    TRY(get_file(p, v, "client", &cert));
    if (h->clients.n == HOSTS_LIST_MAX)
        return too_many(p, v, "client", HOSTS_LIST_MAX);
    return kvlist_set(&h->clients, p->arena, cert, key) < 0 ? err_oom(p->e) : 0;
}

/* A string, an array of strings, an array of pairs. */
static int get_clients(const struct place *p, const struct toml *table, struct hosts_host *h)
{
    const struct toml *v = toml_get(table, "client");
    if (!v)
        return 0;
    if (v->type == TOML_STRING)
        return add_client(p, v, h);
    if (v->type != TOML_ARRAY)
        return refuse_type(p, v, "client", "a string, an array of strings or an array of pairs");
    for (const struct toml *one = v->children.first; one; one = one->next)
        TRY(add_client(p, one, h));
    return 0;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(struct view name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
        if (!ok)
            return false;
    }
    return name.n > 0;
}

static bool value_ok(const char *s)
{
    for (; *s; s++)
        if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
            return false;
    return true;
}

/* Fields that say how a message is sent; Go's client takes them from nobody either. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {"host", "content-length", "transfer-encoding", "trailer", "connection"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static int add_header(const struct place *p, const struct toml *field, const struct toml *v, struct hosts_host *h)
{
    const char *value;
    TRY(get_string(p, v, field->key.p, &value));
    if (!value_ok(value))
        return refuse(p, v, field->key.p, "the value holds a control character");
    if (h->headers.n == HOSTS_LIST_MAX)
        return too_many(p, v, "header", HOSTS_LIST_MAX);
    return strlist_addf(&h->headers, p->arena, "%s: %s", field->key.p, value) < 0 ? err_oom(p->e) : 0;
}

/* A table of strings and arrays of strings. */
static int get_headers(const struct place *p, const struct toml *table, struct hosts_host *h)
{
    const struct toml *fields = toml_get(table, "header");
    if (!fields)
        return 0;
    if (fields->type != TOML_TABLE)
        return refuse_type(p, fields, "header", "a table");
    for (const struct toml *f = fields->children.first; f; f = f->next) {
        if (!is_token(f->key) || f->key.n > HOSTS_TEXT_MAX)
            return refuse(p, f, "header", "a name is not that of a header field");
        if (is_framing(f->key.p))
            continue;
        if (f->type != TOML_ARRAY) {
            TRY(add_header(p, f, f, h));
            continue;
        }
        for (const struct toml *v = f->children.first; v; v = v->next)
            TRY(add_header(p, f, v, h));
    }
    return 0;
}

static int get_dial_timeout(const struct place *p, const struct toml *table, struct hosts_host *h)
{
    const struct toml *v = toml_get(table, "dial_timeout");
    const char *text;
    int64_t ns = 0;
    if (!v)
        return 0;
    TRY(get_string(p, v, "dial_timeout", &text));
    if (*text && !duration_read(view_of(text), &ns))
        return refuse(p, v, "dial_timeout", "this is no duration, such as \"10s\" or \"1m30s\"");
    h->dial_timeout = (uint64_t)ns;
    return 0;
}

/* The path with single slashes, without "." and "..", and without a slash at its end. */
static char *clean_path(struct view path, struct arena *a)
{
    char *out = arena_alloc(a, path.n + 2);
    size_t n = 0;
    struct view part;
    while (out && path.n > 0) {
        view_cut(path, '/', &part, &path);
        if (view_eq(part, VIEW_LIT(".."))) {
            while (n > 0 && out[--n] != '/')
                continue;
        } else if (part.n > 0 && !view_eq(part, VIEW_LIT("."))) {
            out[n++] = '/';
            memcpy(out + n, part.p, part.n);
            n += part.n;
        }
    }
    if (out)
        out[n] = '\0';
    return out;
}

/* Takes h->name apart. */
static int get_address(const struct place *p, const struct toml *at, const char *key, bool override_path, struct hosts_host *h)
{
    bool bare = !strstr(h->name, "://");
    struct url url;
    const char *text = arena_printf(p->arena, "%s%s", bare ? "https://" : "", h->name);
    if (!text)
        return err_oom(p->e);
    struct err why = ERR_INIT;
    int r = url_resolve(NULL, text, p->arena, &url, &why);
    if (r < 0)
        return err_is_oom(&why) ? err_oom(p->e) : refuse(p, at, key, why.message);
    struct view path = view_of(url.path);
    char *clean = clean_path(view_slice(path, 0, view_find(path, '?')), p->arena);
    if (!clean)
        return err_oom(p->e);
    bool complete = override_path || view_ends(view_of(clean), VIEW_LIT("/v2"));
    h->path = complete ? clean : arena_printf(p->arena, "%s/v2", clean);
    h->scheme = url.scheme;
    h->host = url.authority;
    return h->path ? 0 : err_oom(p->e);
}

/* All keys that host tables and the file as a whole have in common. */
static int read_host(const struct toml *table, const struct toml *at, const char *name, struct arena *a, struct hosts_host *ret, struct err *e)
{
    struct hosts_host h = {.name = name, .line = at->line, .scheme = "", .host = "", .path = ""};
    /* A name with credentials in it is refused below, and must not be told before that. */
    const struct place p = {.host = table == at && !strchr(name, '@') ? name : "", .arena = a, .e = e};
    bool override_path = false, ignored;
    TRY(get_capabilities(&p, table, &h));
    TRY(get_ca(&p, table, &h));
    TRY(get_clients(&p, table, &h));
    TRY(get_bool(&p, table, "skip_verify", &h.skip_verify, &h.has_skip_verify));
    TRY(get_headers(&p, table, &h));
    TRY(get_bool(&p, table, "override_path", &override_path, &ignored));
    TRY(get_dial_timeout(&p, table, &h));
    if (*name)
        TRY(get_address(&p, at, table == at ? "address" : "server", override_path, &h));
    *ret = h;
    return 0;
}

static int read_server(const struct toml *root, struct arena *a, struct hosts_host *ret, struct err *e)
{
    const struct toml *server = toml_get(root, "server");
    const struct place p = {.host = "", .arena = a, .e = e};
    const char *name = "";
    if (server)
        TRY(get_string(&p, server, "server", &name));
    return read_host(root, server ? server : root, name, a, ret, e);
}

int hosts_parse(const struct toml *root, struct arena *a, struct hosts *ret, struct err *e)
{
    const struct toml *tables = toml_get(root, "host");
    const struct place p = {.host = "", .arena = a, .e = e};
    if (tables && tables->type != TOML_TABLE)
        return refuse_type(&p, tables, "host", "a table");
    size_t n = tables ? tables->children.n : 0;
    if (n > HOSTS_MAX)
        return too_many(&p, tables, "host", HOSTS_MAX);
    struct hosts hosts = {.v = ARENA_NEW_N(a, struct hosts_host, n + 1)};
    if (!hosts.v)
        return err_oom(e);
    for (const struct toml *t = tables ? tables->children.first : NULL; t; t = t->next) {
        if (t->type != TOML_TABLE)
            return refuse_type(&p, t, t->key.p, "a table");
        if (t->key.n == 0 || t->key.n > HOSTS_TEXT_MAX)
            return refuse(&p, t, "host", "the address is empty or too long");
        TRY(read_host(t, t, t->key.p, a, &hosts.v[hosts.n++], e));
    }
    TRY(read_server(root, a, &hosts.v[hosts.n++], e));
    *ret = hosts;
    return 0;
}
