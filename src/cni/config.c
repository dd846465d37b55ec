/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration directory and the object that knows it. The rules are those of containerd's plugin: ".conflist", ".conf" and
 * ".json" files in lexical order, the first is the pods' network. A file that comes first and cannot be read makes the node "not
 * ready" and is named; it is not passed over, because pods would silently get another network than the one that was meant.
 *
 * Whether anything changed is seen from a fingerprint over names, inodes, sizes and times of the files, taken at each use:
 * nothing has to watch the directory, so nothing breaks when it is removed and made again. A file younger than two seconds can
 * change without its fingerprint changing (the times are coarse); until it is older, each use reads it again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cni/internal.h"
#include "cni/netns.h"
#include "parse/jsonscan.h"

#define NOT_INITIALIZED "cni plugin not initialized"
static const int64_t HOT_NS = INT64_C(2000000000);

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return h;
}

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

struct fingerprint {
    uint64_t sum; /* of the files' hashes, so that the order of reading does not count */
    int64_t newest;
    size_t files;
};

static void add_stat(struct fingerprint *f, const char *name, const struct stat *st)
{
    const int64_t numbers[] = {(int64_t)st->st_dev, (int64_t)st->st_ino, (int64_t)st->st_size, time_ns(st->st_mtim),
                               time_ns(st->st_ctim)};
    f->sum += hash_bytes(hash_bytes(UINT64_C(0xcbf29ce484222325), name, strlen(name)), numbers, sizeof(numbers));
    f->newest = MAX_OF(f->newest, MAX_OF(numbers[3], numbers[4]));
    f->files++;
}

/* One directory; of its sub-directories (plugin files of a network, CNI 1.1) the same once. */
static void fingerprint_dir(struct fingerprint *f, const char *path, bool top, struct arena *a)
{
    DIR *d = opendir(path);
    struct stat st;

    if (!d)
        return;
    f->sum++; /* an empty directory is not a missing one */
    for (struct dirent *entry; f->files < CNI_CONF_FILES_MAX && (entry = readdir(d)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || fstatat(dirfd(d), entry->d_name, &st, 0) < 0)
            continue;
        char *sub = NULL;
        if (S_ISDIR(st.st_mode)) {
            if (top && (sub = fs_join(a, path, entry->d_name)) != NULL)
                fingerprint_dir(f, sub, false, a);
        } else if (cni_conf_form_of(view_of(entry->d_name)) != CNI_CONF_NONE) {
            add_stat(f, entry->d_name, &st);
        }
    }
    closedir(d);
}

static struct fingerprint take_fingerprint(const struct cni *c)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct fingerprint f = {0};
    fingerprint_dir(&f, c->conf_dir, true, &a);
    return f;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The configuration files of a directory, sorted by name; with only_conf those that end in ".conf". */
static int list_files(const char *dir, bool only_conf, struct arena *a, struct strlist *ret, struct err *e)
{
    DIR *d = opendir(dir);
    struct stat st;
    int r = 0;

    if (!d)
        return errno == ENOENT ? err_raise(e, ERR_NOT_FOUND, "%s does not exist", dir) : err_errno(e, errno, "open %s", dir);
    for (struct dirent *entry; r == 0 && (entry = readdir(d)) != NULL;) {
        struct view name = view_of(entry->d_name);
        if (cni_conf_form_of(name) == CNI_CONF_NONE || (only_conf && !view_ends(name, VIEW_LIT(".conf"))))
            continue;
        if (fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode))
            continue;
        if (ret->n >= CNI_CONF_FILES_MAX)
            r = err_raise(e, ERR_RESOURCE_EXHAUSTED, "%s holds more than %d configuration files", dir, CNI_CONF_FILES_MAX);
        else if (strlist_add(ret, a, entry->d_name) < 0)
            r = err_oom(e);
    }
    closedir(d);
    if (r == 0 && ret->n)
        qsort(ret->v, ret->n, sizeof(*ret->v), compare_names);
    return r;
}

/* The plugin files <conf_dir>/<network>/<name>.conf that CNI 1.1 adds to a list: their texts. A missing directory has none. */
static int read_plugin_files(const char *dir, struct arena *a, struct strlist *ret, struct err *e)
{
    struct strlist names = {0};
    struct err why = ERR_INIT;
    int r = list_files(dir, true, a, &names, &why);
    if (r == -ERR_NOT_FOUND)
        return 0;
    if (r < 0)
        return err_raise(e, why.code, "%s", why.message);
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(CNI_CONF_BYTES_MAX);
        struct jsonscan_value v;
        char *path = fs_join(a, dir, names.v[i]);
        if (!path)
            return err_oom(e);
        TRY(fs_read_file(path, &text, e));
        r = jsonscan_parse(buf_view(&text), &v, e);
        if (r < 0)
            return err_wrap(e, r, "%s", path);
        char *copy = arena_view(a, v.raw);
        if (!copy || strlist_add(ret, a, copy) < 0)
            return err_oom(e);
    }
    return 0;
}

/* The list's own members, without its plugins. */
static int copy_members(struct jsonscan_value list, struct buf *out)
{
    struct jsonscan_iter it = jsonscan_iter(list);
    struct jsonscan_value v;
    struct view key;

    TRY(buf_add_char(out, '{'));
    while (jsonscan_next(&it, &key, &v)) {
        if (jsonscan_str_eq(key, "plugins"))
            continue;
        TRY(buf_add_view(out, key));
        TRY(buf_add_char(out, ':'));
        TRY(buf_add_view(out, v.raw));
        TRY(buf_add_char(out, ','));
    }
    return buf_add_str(out, "\"plugins\":");
}

/* Writes the list again with the plugin files' objects behind its own plugins. */
static int merge_plugins(struct jsonscan_value list, const struct strlist *files, struct buf *out, struct err *e)
{
    struct jsonscan_iter it = jsonscan_iter(jsonscan_get(list, "plugins"));
    struct jsonscan_value v;
    struct jsonw w;
    size_t total = list.raw.n + sizeof("\"plugins\":[],");

    for (size_t i = 0; i < files->n; i++)
        total += strlen(files->v[i]) + 1;
    if (total > out->max)
        return err_raise(e, ERR_OUT_OF_RANGE, "larger than %zu bytes together with its plugin files", out->max);
    if (copy_members(list, out) < 0)
        return err_oom(e);
    jsonw_init(&w, out);
    jsonw_array(&w);
    while (jsonscan_next(&it, NULL, &v))
        jsonw_raw(&w, v.raw);
    for (size_t i = 0; i < files->n; i++)
        jsonw_raw(&w, view_of(files->v[i]));
    jsonw_array_end(&w);
    TRY(jsonw_finish(&w, e));
    return buf_add_char(out, '}') < 0 ? err_oom(e) : 0;
}

/* A configuration list, which may have further plugins in files of their own. */
static int parse_list(const char *dir, struct view text, struct arena *a, struct cni_conf *ret, struct err *e)
{
    _cleanup_buf_ struct buf merged = BUF_INIT(CNI_CONF_BYTES_MAX);
    struct jsonscan_value root, name;
    struct strlist files = {0};
    char *plain = NULL;

    TRY(jsonscan_parse(text, &root, e));
    name = jsonscan_get(root, "name");
    struct jsonscan_value inlined = jsonscan_get(root, "loadOnlyInlinedPlugins");
    bool only_inlined =
        inlined.kind == JSONSCAN_TRUE || (inlined.kind == JSONSCAN_STRING && jsonscan_str_eq(inlined.raw, "true"));
    if (name.kind == JSONSCAN_STRING && !only_inlined) {
        TRY(jsonscan_str(name, "name", CNI_NAME_MAX, a, &plain, e));
        if (cni_name_valid(view_of(plain))) {
            char *sub = fs_join(a, dir, plain);
            if (!sub)
                return err_oom(e);
            TRY(read_plugin_files(sub, a, &files, e));
        }
    }
    if (files.n) {
        TRY(merge_plugins(root, &files, &merged, e));
        text = buf_view(&merged);
    }
    return cni_conf_parse(text, CNI_CONF_LIST, a, ret, e);
}

/* A single plugin's file becomes a list of one, in text too: that is what a record holds. */
static int parse_single(struct view text, struct arena *a, struct cni_conf *ret, struct err *e)
{
    _cleanup_buf_ struct buf list = BUF_INIT(2 * CNI_CONF_BYTES_MAX);
    struct cni_conf single;
    struct jsonw w;

    TRY(cni_conf_parse(text, CNI_CONF_SINGLE, a, &single, e));
    jsonw_init(&w, &list);
    jsonw_object(&w);
    jsonw_key_str(&w, "cniVersion", single.cni_version);
    jsonw_key_str(&w, "name", single.name);
    jsonw_key(&w, "plugins");
    jsonw_array(&w);
    jsonw_raw(&w, view_trim(view_of(single.raw)));
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    single.raw = arena_view(a, buf_view(&list));
    if (!single.raw)
        return err_oom(e);
    *ret = single;
    return 0;
}

static int load_file(const struct cni *c, const char *name, struct arena *a, struct cni_conf *ret, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(CNI_CONF_BYTES_MAX);
    char *path = fs_join(a, c->conf_dir, name);
    if (!path)
        return err_oom(e);
    int r = fs_read_file(path, &text, e);
    if (r < 0)
        return r;
    if (cni_conf_form_of(view_of(name)) == CNI_CONF_LIST)
        r = parse_list(c->conf_dir, buf_view(&text), a, ret, e);
    else
        r = parse_single(buf_view(&text), a, ret, e);
    return r < 0 && !err_is_oom(e) ? err_wrap(e, r, "%s", path) : r;
}

static int load(const struct cni *c, struct cni_networks *n, struct err *e)
{
    struct strlist files = {0};
    size_t wanted = c->max_conf_num ? MIN_OF(c->max_conf_num, (size_t)CNI_NETWORKS_MAX) : CNI_NETWORKS_MAX;

    TRY(list_files(c->conf_dir, false, &n->arena, &files, e));
    if (files.n == 0)
        return err_raise(e, ERR_NOT_FOUND, "no network configuration in %s", c->conf_dir);
    if (wanted == CNI_NETWORKS_MAX && files.n > wanted)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "%s holds more than %d networks", c->conf_dir, CNI_NETWORKS_MAX);
    n->v = ARENA_NEW_N(&n->arena, struct cni_network, MIN_OF(wanted, files.n));
    if (!n->v)
        return err_oom(e);
    for (size_t i = 0; i < files.n && n->n < wanted; i++) {
        struct cni_network *to = &n->v[n->n];
        to->ifname = arena_printf(&n->arena, "eth%zu", n->n);
        if (!to->ifname)
            return err_oom(e);
        TRY(load_file(c, files.v[i], &n->arena, &to->conf, e));
        for (size_t k = 0; k < n->n; k++)
            if (strcmp(n->v[k].conf.name, to->conf.name) == 0)
                return err_raise(e, ERR_INVALID_ARGUMENT, "%s/%s: an earlier file has a network of the same name \"%s\"",
                                 c->conf_dir, files.v[i], to->conf.name);
        n->n++;
    }
    return 0;
}

static void networks_free(struct cni_networks *n)
{
    if (!n)
        return;
    arena_done(&n->arena);
    mem_free(n);
}

static int networks_load(const struct cni *c, struct cni_networks **ret, struct err *e)
{
    struct cni_networks *n = mem_zalloc(sizeof(*n));
    struct err why = ERR_INIT;

    if (!n)
        return err_oom(e);
    n->refs = 1;
    arena_init(&n->arena, ARENA_BUDGET_DEFAULT);
    int r = load(c, n, &why);
    if (r < 0 && err_is_oom(&why)) {
        networks_free(n);
        return err_oom(e);
    }
    if (r < 0) {
        n->n = 0;
        err_raise(&n->error, ERR_FAILED_PRECONDITION, NOT_INITIALIZED ": %s", why.message);
    }
    *ret = n;
    return 0;
}

int cni_networks_get(struct cni *c, struct cni_networks **ret, struct err *e)
{
    struct fingerprint f = take_fingerprint(c);
    struct cni_networks *fresh = NULL, *old = NULL;

    pthread_mutex_lock(&c->lock);
    if (c->networks && c->fingerprint == f.sum && !c->fingerprint_hot) {
        c->networks->refs++;
        *ret = c->networks;
        pthread_mutex_unlock(&c->lock);
        return 0;
    }
    pthread_mutex_unlock(&c->lock);

    int64_t now = clock_real();
    TRY(networks_load(c, &fresh, e));
    pthread_mutex_lock(&c->lock);
    old = c->networks;
    c->networks = fresh;
    c->fingerprint = f.sum;
    c->fingerprint_hot = f.newest > now - HOT_NS;
    fresh->refs++;
    *ret = fresh;
    pthread_mutex_unlock(&c->lock);
    if (old)
        cni_networks_unref(c, old);
    return 0;
}

void cni_networks_unref(struct cni *c, struct cni_networks *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&c->lock);
    bool last = --n->refs == 0;
    pthread_mutex_unlock(&c->lock);
    if (last)
        networks_free(n);
}

void cni_free(struct cni *c)
{
    if (!c)
        return;
    networks_free(c->networks);
    for (size_t i = 0; i < c->n_bin_dirs; i++)
        mem_free(c->bin_dirs[i]);
    mem_free(c->bin_dirs);
    mem_free(c->conf_dir);
    mem_free(c->cache_dir);
    mem_free(c->conf_template);
    mem_free(c->path);
    mem_free(c->ip_ranges);
    pthread_cond_destroy(&c->gate_open);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

/* Copies the directories and joins them for CNI_PATH. */
static int copy_bin_dirs(struct cni *c, const struct cni_options *o, struct err *e)
{
    _cleanup_buf_ struct buf path = BUF_INIT(64 << 10);

    c->bin_dirs = mem_calloc(o->n_bin_dirs ? o->n_bin_dirs : 1, sizeof(*c->bin_dirs));
    if (!c->bin_dirs)
        return err_oom(e);
    for (size_t i = 0; i < o->n_bin_dirs; i++) {
        c->bin_dirs[i] = mem_strdup(o->bin_dirs[i]);
        if (!c->bin_dirs[i])
            return err_oom(e);
        c->n_bin_dirs++;
        if (buf_printf(&path, "%s%s", i ? ":" : "", o->bin_dirs[i]) < 0)
            return err_oom(e);
    }
    c->path = path.n ? buf_take_str(&path) : mem_strdup("");
    return c->path ? 0 : err_oom(e);
}

int cni_new(const struct cni_options *o, struct cni **ret, struct err *e)
{
    pthread_condattr_t attr;
    struct cni *made = mem_zalloc(sizeof(*made));
    if (!made)
        return err_oom(e);
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&made->gate_open, &attr);
    pthread_condattr_destroy(&attr);
    _cleanup_cni_ struct cni *c = made;

    TRY(copy_bin_dirs(c, o, e));
    c->conf_dir = mem_strdup(o->conf_dir);
    c->cache_dir = mem_strdup(o->cache_dir);
    c->conf_template = mem_strdup(o->conf_template);
    if (!c->conf_dir || !c->cache_dir || (o->conf_template && !c->conf_template))
        return err_oom(e);
    c->shared = o->with ? o->with->shared : c;
    c->max_conf_num = o->max_conf_num;
    c->setup_serially = o->setup_serially;
    c->ip_pref = o->ip_pref;
    c->plugin_timeout_ns = o->plugin_timeout_ns ? o->plugin_timeout_ns : CNI_PLUGIN_TIMEOUT_DEFAULT;
    c->proc = o->proc ? o->proc : &proc_ops_real;
    c->environment = o->environment;
    c->loopback_up = o->loopback_up ? o->loopback_up : netns_loopback_up;
    c->netns_exists = o->netns_exists ? o->netns_exists : netns_is_mounted;
    *ret = TAKE_PTR(c);
    return 0;
}
