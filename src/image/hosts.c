/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts: see the header.
 */
#include "image/hosts.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "image/credentials.h"
#include "parse/url.h"

static int file_exists(const char *path, bool *ret, struct err *e)
{
    struct stat st;
    *ret = stat(path, &st) == 0;
    return *ret || errno == ENOENT ? 0 : err_errno(e, errno, "cannot look at %s", path);
}

/* The directory for domain below root; *ret is NULL when there is none. */
static int find_below(const char *root, const char *domain, struct arena *a, const char **ret, struct err *e)
{
    const char *names[3] = {NULL, domain, "_default"};
    const char *colon = strrchr(domain, ':');
    if (colon && colon > domain) {
        names[0] = arena_printf(a, "%.*s_%s_", (int)(colon - domain), domain, colon + 1);
        if (!names[0])
            return err_oom(e);
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        bool there = false;
        const char *path = names[i] ? fs_join(a, root, names[i]) : NULL;
        if (names[i] && !path)
            return err_oom(e);
        if (path)
            TRY(file_exists(path, &there, e));
        if (there) {
            *ret = path;
            return 0;
        }
    }
    *ret = NULL;
    return 0;
}

static int find_directory(const char *config_path, const char *domain, struct arena *a, const char **ret, struct err *e)
{
    struct view rest = view_of(config_path), part;
    *ret = NULL;
    while (rest.n > 0 && !*ret) {
        view_cut(rest, ':', &part, &rest);
        const char *root = arena_view(a, part);
        if (!root)
            return err_oom(e);
        if (*root)
            TRY(find_below(root, domain, a, ret, e));
    }
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of what lies in dir and is no directory, sorted. */
static int list_files(const char *dir, struct arena *a, struct strlist *ret, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_errno(e, errno, "cannot read %s", dir);
    int r = 0;
    for (struct dirent *entry = readdir(d); entry && r == 0; entry = readdir(d))
        if (entry->d_type != DT_DIR && strlist_add(ret, a, entry->d_name) < 0)
            r = err_oom(e);
    closedir(d);
    if (r == 0 && ret->n > 1)
        qsort(ret->v, ret->n, sizeof(ret->v[0]), compare_names);
    return r;
}

/* Certificates as Docker lays them out, for the registry itself. */
static int read_certificates(const char *dir, struct arena *a, struct hosts *ret, struct err *e)
{
    struct strlist names = {0};
    struct hosts_host *h = ARENA_NEW(a, struct hosts_host);
    if (!h)
        return err_oom(e);
    *h = (struct hosts_host){.name = "", .scheme = "", .host = "", .path = "", .capabilities = HOSTS_EVERYTHING};
    TRY(list_files(dir, a, &names, e));
    for (size_t i = 0; i < names.n; i++) {
        struct view name = view_of(names.v[i]), cert = VIEW_LIT(".cert");
        if (view_ends(name, VIEW_LIT(".crt")) && strlist_add(&h->ca, a, names.v[i]) < 0)
            return err_oom(e);
        if (!view_ends(name, cert))
            continue;
        bool has_key;
        const char *key = arena_printf(a, "%.*s.key", (int)(name.n - cert.n), name.p), *path = key ? fs_join(a, dir, key) : NULL;
        if (!path)
            return err_oom(e);
        TRY(file_exists(path, &has_key, e));
        if (kvlist_set(&h->clients, a, names.v[i], has_key ? key : "") < 0)
            return err_oom(e);
    }
    *ret = (struct hosts){.v = h, .n = 1};
    return 0;
}

/* Takes out what a message quotes of the file: it may be a piece of a header's value. */
static void hide_quoted(char *message)
{
    char *first = strchr(message, '"'), *last = strrchr(message, '"');
    if (!first)
        return;
    const char *rest = last > first ? last : "";
    memmove(first + 1, rest, strlen(rest) + 1);
}

static int read_toml(struct view text, struct arena *a, const struct toml **ret, struct err *e)
{
    struct err why = ERR_INIT;
    int r = toml_parse(text, a, ret, &why);
    if (r >= 0)
        return r;
    hide_quoted(why.message);
    if (e)
        *e = why;
    return r;
}

/* *ret_there is false when the file is missing or empty. */
static int read_file(const char *path, struct arena *a, struct hosts *ret, bool *ret_there, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(HOSTS_FILE_BYTES_MAX);
    const struct toml *root;
    struct err mine = ERR_INIT;
    int r = fs_read_file(path, &text, &mine);
    *ret_there = r == 0 && text.n > 0;
    if (r == -ERR_NOT_FOUND || (r == 0 && text.n == 0))
        return 0;
    if (r < 0) {
        if (e)
            *e = mine;
        return r;
    }
    r = read_toml(buf_view(&text), a, &root, e);
    if (r == 0)
        r = hosts_parse(root, a, ret, e);
    return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

/* The file as the configuration means it: relative to its directory. */
static char *absolute(const char *dir, const char *file, struct arena *a)
{
    return *file == '/' ? arena_strdup(a, file) : fs_join(a, dir, file);
}

static int fill_tls(const struct hosts_host *h, const char *dir, struct arena *a, struct http_tls *tls, struct err *e)
{
    for (size_t i = 0; i < h->ca.n; i++) {
        const char *file = absolute(dir, h->ca.v[i], a);
        if (!file || strlist_add(&tls->ca, a, file) < 0)
            return err_oom(e);
    }
    for (size_t i = 0; i < h->clients.n; i++) {
        const struct kv *pair = &h->clients.v[i];
        const char *cert = absolute(dir, pair->key, a), *key = *pair->value ? absolute(dir, pair->value, a) : "";
        if (!cert || !key || kvlist_set(&tls->clients, a, cert, key) < 0)
            return err_oom(e);
    }
    tls->skip_verify = h->skip_verify;
    return 0;
}

/* A server that the file names. An address of plain http with something said about TLS is asked by https first. */
static void fill_named(const struct hosts_host *h, const char *domain, bool tls_told, struct hosts_server *s)
{
    bool http = strcmp(h->scheme, "http") == 0;
    s->host = h->host;
    s->path = h->path;
    s->mirror = strcmp(h->host, domain) != 0 && strcmp(h->host, credentials_registry_host(domain)) != 0;
    s->capabilities = h->capabilities;
    s->schemes[0] = h->scheme;
    if (http && tls_told && !view_ends(view_of(h->host), VIEW_LIT(":80"))) {
        s->schemes[0] = "https";
        s->schemes[1] = "http";
    }
}

/* The registry itself. */
static void fill_default(const struct hosts_host *h, const char *domain, bool tls_told, struct hosts_server *s)
{
    s->host = credentials_registry_host(domain);
    s->path = "/v2";
    s->capabilities = HOSTS_EVERYTHING;
    s->schemes[0] = "https";
    if (!url_is_loopback(view_of(s->host)))
        return;
    if (!h->has_skip_verify)
        s->tls.skip_verify = true;
    if (view_ends(view_of(s->host), VIEW_LIT(":443")))
        return;
    s->schemes[0] = tls_told ? "https" : "http";
    s->schemes[1] = tls_told ? "http" : "https";
}

static int fill_server(const struct hosts_host *h, const char *dir, const char *domain, struct arena *a, struct hosts_server *s,
                       struct err *e)
{
    bool tls_told = h->ca.n > 0 || h->clients.n > 0 || h->has_skip_verify;
    TRY(fill_tls(h, dir, a, &s->tls, e));
    s->headers = h->headers;
    s->dial_timeout = h->dial_timeout;
    if (*h->host)
        fill_named(h, domain, tls_told, s);
    else
        fill_default(h, domain, tls_told, s);
    return 0;
}

int hosts_find(const char *config_path, const char *domain, struct arena *a, struct hosts_list *ret, struct err *e)
{
    struct hosts_host itself = {.name = "", .scheme = "", .host = "", .path = "", .capabilities = HOSTS_EVERYTHING};
    struct hosts hosts = {.v = &itself, .n = 1};
    const char *dir;
    TRY(find_directory(config_path, domain, a, &dir, e));
    if (dir) {
        bool there;
        const char *path = fs_join(a, dir, "hosts.toml");
        if (!path)
            return err_oom(e);
        TRY(read_file(path, a, &hosts, &there, e));
        if (!there)
            TRY(read_certificates(dir, a, &hosts, e));
    }
    struct hosts_list list = {.v = ARENA_NEW_N(a, struct hosts_server, hosts.n), .n = hosts.n};
    if (!list.v)
        return err_oom(e);
    for (size_t i = 0; i < hosts.n; i++)
        TRY(fill_server(&hosts.v[i], dir ? dir : "", domain, a, &list.v[i], e));
    *ret = list;
    return 0;
}
