/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of what was attached: <cache_dir>/results/<network>-<container id>-<interface>, in the format that libcni writes
 * ("cniCacheV1"), so that containerd's built-in plugin and other tools read ours and we read theirs. "config" is the
 * configuration list in base64; "result" is absent until the ADD is complete, which libcni reads as "no previous result".
 *
 * A record is replaced by rename and not synced: it may be lost with the machine, but then the namespaces are, too.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cni/internal.h"
#include "parse/jsonscan.h"

#define RECORD_KIND "cniCacheV1"

static char *record_path(const struct cni *c, const char *network, const char *id, const char *ifname)
{
    return mem_printf("%s/results/%s-%s-%s", c->cache_dir, network, id, ifname);
}

/* Writes text in base64 as a JSON string. */
static int write_base64(struct jsonw *w, struct view text, struct err *e)
{
    size_t n = base64_encoded_len(text.n);
    _cleanup_free_ char *encoded = mem_alloc(n);
    if (!encoded)
        return err_oom(e);
    base64_encode((const uint8_t *)text.p, text.n, false, encoded);
    jsonw_view(w, view_make(encoded, n));
    return 0;
}

static void write_args(struct jsonw *w, const struct kvlist *args)
{
    jsonw_array(w);
    for (size_t i = 0; i < args->n; i++) {
        jsonw_array(w);
        jsonw_str(w, args->v[i].key);
        jsonw_str(w, args->v[i].value);
        jsonw_array_end(w);
    }
    jsonw_array_end(w);
}

static int record_text(const struct cni_network *net, const struct cni_attachment *at, struct view result, struct buf *out,
                       struct err *e)
{
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_key_str(&w, "kind", RECORD_KIND);
    jsonw_key_str(&w, "containerId", at->id);
    jsonw_key(&w, "config");
    TRY(write_base64(&w, view_of(net->conf.raw), e));
    jsonw_key_str(&w, "ifName", at->ifname);
    jsonw_key_str(&w, "networkName", net->conf.name);
    if (at->netns[0])
        jsonw_key_str(&w, "netns", at->netns);
    jsonw_key(&w, "cniArgs");
    write_args(&w, &at->args);
    if (at->capabilities.n) {
        jsonw_key(&w, "capabilityArgs");
        jsonw_object(&w);
        for (size_t i = 0; i < at->capabilities.n; i++) {
            jsonw_key(&w, at->capabilities.v[i].key);
            jsonw_raw(&w, view_of(at->capabilities.v[i].value));
        }
        jsonw_object_end(&w);
    }
    if (result.n) {
        jsonw_key(&w, "result");
        jsonw_raw(&w, result);
    }
    jsonw_object_end(&w);
    return jsonw_finish(&w, e);
}

int cni_record_write(const struct cni *c, const struct cni_network *net, const struct cni_attachment *at, struct view result,
                     struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(CNI_RECORD_MAX);
    _cleanup_free_ char *dir = mem_printf("%s/results", c->cache_dir);
    _cleanup_free_ char *path = record_path(c, net->conf.name, at->id, at->ifname);
    /* Not below results/: libcni would take a left-over for a record. */
    _cleanup_free_ char *temporary = mem_printf("%s/.%s-%s-%s.tmp", c->cache_dir, net->conf.name, at->id, at->ifname);

    if (!dir || !path || !temporary)
        return err_oom(e);
    int r = record_text(net, at, result, &text, e);
    if (r == 0)
        r = fs_mkdir_all(dir, 0700, e);
    if (r == 0)
        r = fs_write_file(temporary, buf_view(&text), 0600, e);
    if (r == 0 && rename(temporary, path) < 0)
        r = err_errno(e, errno, "rename %s to %s", temporary, path);
    if (r < 0) {
        (void)unlink(temporary);
        return err_is_oom(e) ? r : err_wrap(e, r, "record of network \"%s\"", net->conf.name);
    }
    return 0;
}

int cni_record_remove(const struct cni *c, const char *network, const char *id, const char *ifname, struct err *e)
{
    _cleanup_free_ char *path = record_path(c, network, id, ifname);
    if (!path)
        return err_oom(e);
    if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
        return err_errno(e, errno, "remove %s", path);
    return 0;
}

/* Reads [["k","v"],...]; elements of another shape are passed over. */
static int read_args(struct jsonscan_value v, struct arena *a, struct kvlist *ret, struct err *e)
{
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value pair, key, value;
    while (jsonscan_next(&it, NULL, &pair)) {
        struct jsonscan_iter two = jsonscan_iter(pair);
        if (!jsonscan_next(&two, NULL, &key) || !jsonscan_next(&two, NULL, &value) || key.kind != JSONSCAN_STRING ||
            value.kind != JSONSCAN_STRING)
            continue;
        char *k = jsonscan_strdup(key.raw, a), *t = jsonscan_strdup(value.raw, a);
        if (!k || !t || kvlist_set(ret, a, k, t) < 0)
            return err_oom(e);
    }
    return 0;
}

static int read_capabilities(struct jsonscan_value v, struct arena *a, struct kvlist *ret, struct err *e)
{
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value value;
    struct view key;
    while (v.kind == JSONSCAN_OBJECT && jsonscan_next(&it, &key, &value)) {
        char *k = jsonscan_strdup(key, a), *t = arena_view(a, value.raw);
        if (!k || !t || kvlist_set(ret, a, k, t) < 0)
            return err_oom(e);
    }
    return 0;
}

static int read_config(struct jsonscan_value v, struct arena *a, const char **ret, struct err *e)
{
    char *encoded = jsonscan_strdup(v.raw, a);
    if (!encoded)
        return err_oom(e);
    size_t room = strlen(encoded);
    uint8_t *text = arena_alloc(a, room + 1);
    if (!text)
        return err_oom(e);
    size_t n = base64_decode(view_of(encoded), false, text, room);
    if (n == (size_t)-1)
        return err_raise(e, ERR_DATA_LOSS, "its configuration is not base64");
    text[n] = '\0';
    *ret = (const char *)text;
    return 0;
}

enum { F_KIND, F_ID, F_CONFIG, F_IFNAME, F_NETWORK, F_NETNS, F_ARGS, F_CAPABILITIES, F_RESULT, F_COUNT };
static const char *const field_names[F_COUNT] = {"kind",  "containerId", "config",         "ifName", "networkName",
                                                 "netns", "cniArgs",     "capabilityArgs", "result"};

/* Decodes a record. -ERR_DATA_LOSS when text is none. */
static int record_parse(struct view text, struct arena *a, struct cni_record *ret, struct err *e)
{
    struct jsonscan_value root, f[F_COUNT];
    struct cni_record r = {0};
    char *id = NULL, *ifname = NULL, *network = NULL, *netns = NULL;

    if (jsonscan_check(text, &root, NULL) != JSONSCAN_OK || root.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_DATA_LOSS, "it is not a JSON object");
    jsonscan_pick(root, field_names, F_COUNT, f);
    if (f[F_KIND].kind != JSONSCAN_STRING || !jsonscan_str_eq(f[F_KIND].raw, RECORD_KIND))
        return err_raise(e, ERR_DATA_LOSS, "it is not of kind " RECORD_KIND);
    TRY(jsonscan_str(f[F_ID], "containerId", 4096, a, &id, e));
    TRY(jsonscan_str(f[F_IFNAME], "ifName", 4096, a, &ifname, e));
    TRY(jsonscan_str(f[F_NETWORK], "networkName", 4096, a, &network, e));
    TRY(jsonscan_str(f[F_NETNS], "netns", 4096, a, &netns, e));
    /* They become arguments of plugins and parts of paths. */
    if (!id || !ifname || !network || !cni_name_valid(view_of(id)) || !cni_ifname_valid(view_of(ifname)) ||
        !cni_name_valid(view_of(network)) || f[F_CONFIG].kind != JSONSCAN_STRING)
        return err_raise(e, ERR_DATA_LOSS, "a member is missing or bad");
    TRY(read_config(f[F_CONFIG], a, &r.config, e));
    TRY(read_args(f[F_ARGS], a, &r.at.args, e));
    TRY(read_capabilities(f[F_CAPABILITIES], a, &r.at.capabilities, e));
    if (f[F_RESULT].kind == JSONSCAN_OBJECT && !(r.result = arena_view(a, f[F_RESULT].raw)))
        return err_oom(e);
    r.at.id = id;
    r.at.ifname = ifname;
    r.network = network;
    r.at.netns = netns ? netns : "";
    *ret = r;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in results/ that may be records of id, sorted. A missing directory holds none. */
static int list_names(const char *dir, const char *id, struct arena *a, struct strlist *ret, struct err *e)
{
    char *part = id ? arena_printf(a, "-%s-", id) : NULL;
    if (id && !part)
        return err_oom(e);
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(e, errno, "open %s", dir);
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(d)) != NULL;) {
        if (entry->d_name[0] == '.' || (part && !strstr(entry->d_name, part)))
            continue;
        if (ret->n >= CNI_RECORDS_MAX)
            r = err_raise(e, ERR_RESOURCE_EXHAUSTED, "%s holds more than %d records", dir, CNI_RECORDS_MAX);
        else if (strlist_add(ret, a, entry->d_name) < 0)
            r = err_oom(e);
    }
    closedir(d);
    if (r == 0 && ret->n)
        qsort(ret->v, ret->n, sizeof(*ret->v), compare_names);
    return r;
}

/* Whether the walk ends because a file could not be read as a record. One that has gone meanwhile is no record, nor is a
 * directory. */
static bool matters(int r, bool whole, const struct err *why)
{
    return r == -ERR_RESOURCE_EXHAUSTED || err_is_oom(why) || (whole && r != -ERR_NOT_FOUND && r != -ERR_FAILED_PRECONDITION);
}

/* Reads one file and calls fn if it is a record (of id). */
static int visit(const char *dir, const char *name, const char *id, bool whole,
                 int (*fn)(void *user, const struct cni_record *r, struct arena *a, struct err *e), void *user, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(4 * (size_t)CNI_RECORD_MAX);
    _cleanup_buf_ struct buf text = BUF_INIT(CNI_RECORD_MAX);
    struct cni_record record;
    struct err why = ERR_INIT;

    char *path = fs_join(&a, dir, name);
    if (!path)
        return err_oom(e);
    int r = fs_read_file(path, &text, &why);
    if (r == 0)
        r = record_parse(buf_view(&text), &a, &record, &why);
    if (r < 0 && matters(r, whole, &why))
        return err_is_oom(&why) ? err_oom(e) : err_raise(e, why.code, "record %s: %s", path, why.message);
    if (r < 0) /* not ours to judge */
        return 0;
    if (id && strcmp(record.at.id, id) != 0)
        return 0;
    return fn(user, &record, &a, e);
}

int cni_record_each(const struct cni *c, const char *id, bool whole,
                    int (*fn)(void *user, const struct cni_record *r, struct arena *a, struct err *e), void *user, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct strlist names = {0};

    char *dir = fs_join(&a, c->cache_dir, "results");
    if (!dir)
        return err_oom(e);
    TRY(list_names(dir, id, &a, &names, e));
    for (size_t i = 0; i < names.n; i++)
        TRY(visit(dir, names.v[i], id, whole, fn, user, e));
    return 0;
}
