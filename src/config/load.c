/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a configuration, in order, and what holds between keys. See config.h.
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "config/key.h"

enum { ARENA_BUDGET = 16 << 20 };

void config_init(struct config *c)
{
    *c = (struct config){.log_level = LOG_LEVEL_INFO};
    arena_init(&c->arena, ARENA_BUDGET);
    c->handlers[0] = (struct cri_runtime_handler){.name = "runc", .runtime_type = CRI_DEFAULT_RUNTIME_TYPE};
    c->runtime.handlers = c->handlers;
    c->runtime.n_handlers = 1;
}

void config_done(struct config *c)
{
    if (c)
        arena_done(&c->arena);
}

static bool is_empty(const char *s)
{
    return !s || !s[0];
}

struct cri_runtime_handler *config_default_handler(struct config *c)
{
    const char *name = is_empty(c->runtime.default_handler) ? "runc" : c->runtime.default_handler;
    for (size_t i = 0; i < c->runtime.n_handlers; i++)
        if (strcmp(c->handlers[i].name, name) == 0)
            return &c->handlers[i];
    return NULL;
}

/* --- between keys ---------------------------------------------------------------------------------- */

static int problem_at(struct config *c, const struct config_mark *m, const char *path, struct err *e, const char *text)
{
    return config_problem(c, m ? m->file : "configuration", m ? m->line : 0, path, e, "%s", text);
}

static int check_handlers(struct config *c, struct err *e)
{
    for (size_t i = 0; i < c->runtime.n_handlers; i++) {
        const struct cri_runtime_handler *h = &c->handlers[i];
        char path[128];
        snprintf(path, sizeof path, "containerd.runtimes.%s", h->name);
        if (is_empty(h->runtime_type)) /* a guess could put what wants a virtual machine into a container */
            TRY(problem_at(c, config_mark_find(c, NULL, h), path, e, "runtime_type is missing"));
        static const char all_devices[] = "containerd.runtimes.*.privileged_without_host_devices_all_devices_allowed";
        if (h->privileged_without_host_devices_all_devices_allowed && !h->privileged_without_host_devices)
            TRY(problem_at(c, config_mark_find(c, all_devices, h), path, e,
                           "privileged_without_host_devices_all_devices_allowed needs privileged_without_host_devices"));
    }
    const struct config_mark *m = config_mark_find(c, "containerd.default_runtime_name", NULL);
    return config_default_handler(c) ? 0 : problem_at(c, m, "containerd.default_runtime_name", e, "there is no such runtime handler");
}

static int settle_cni(struct config *c, struct err *e)
{
    struct cri_runtime_options *o = &c->runtime;
    const struct config_mark *m = config_mark_find(c, "cni.bin_dir", NULL);
    if (!is_empty(c->cni_bin_dir) && o->n_cni_bin_dirs == 1 && strcmp(o->cni_bin_dirs[0], CRI_DEFAULT_CNI_BIN_DIR) == 0)
        o->n_cni_bin_dirs = 0; /* containerd writes the default out beside the older key */
    if (!is_empty(c->cni_bin_dir) && o->n_cni_bin_dirs)
        return problem_at(c, m, "cni.bin_dir", e, "cni.bin_dirs is set, too");
    if (!is_empty(c->cni_bin_dir)) {
        o->cni_bin_dirs = &c->cni_bin_dir;
        o->n_cni_bin_dirs = 1;
    }
    if (c->netns_under_state && is_empty(o->netns_dir)) {
        o->netns_dir = arena_printf(&c->arena, "%s/netns", is_empty(o->state) ? CRI_DEFAULT_STATE : o->state);
        if (!o->netns_dir)
            return err_oom(e);
    }
    return 0;
}

int config_finish(struct config *c, struct err *e)
{
    TRY(check_handlers(c, e));
    TRY(settle_cni(c, e));
    if (c->n_problems == 0)
        return 0;
    size_t more = c->n_problems - 1;
    return more ? err_raise(e, ERR_INVALID_ARGUMENT, "%s (and %zu more)", c->problems.v[0], more)
                : err_raise(e, ERR_INVALID_ARGUMENT, "%s", c->problems.v[0]);
}

/* --- files ----------------------------------------------------------------------------------------- */

static int read_file(struct config *c, const char *path, bool containerd, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(CONFIG_FILE_MAX);
    TRY(fs_read_file(path, &text, e));
    return config_read_layout(c, path, buf_view(&text), containerd, e);
}

/* The files that a pattern of `imports` in the file `from` means: relative to that file's folder, in the order of their names. */
static int expand_import(const char *pattern, const char *from, struct arena *a, struct strlist *ret, struct err *e)
{
    size_t dir = view_rfind(view_of(from), '/');
    char *path = pattern[0] == '/' || dir == strlen(from) ? arena_strdup(a, pattern) : arena_printf(a, "%.*s/%s", (int)dir, from, pattern);
    glob_t found = {0};
    int r = path ? 0 : err_oom(e), g = path ? glob(path, GLOB_NOCHECK, NULL, &found) : 0;
    if (g == GLOB_NOSPACE)
        r = err_oom(e);
    bool wild = path && strpbrk(path, "*?[");
    for (size_t i = 0; r == 0 && g == 0 && i < found.gl_pathc; i++)
        if (!(wild && !fs_exists(found.gl_pathv[i])) && !strlist_has(ret, found.gl_pathv[i]))
            r = strlist_add(ret, a, found.gl_pathv[i]) < 0 ? err_oom(e) : 0;
    globfree(&found);
    return r;
}

/* What a file of containerd's imports, and what that imports: each once. */
static int read_imports(struct config *c, const char *main, struct err *e)
{
    struct strlist files = {0};
    size_t done = 0;
    if (strlist_add(&files, &c->arena, main) < 0)
        return err_oom(e);
    for (size_t i = 0;; i++) {
        for (; done < c->imports.n; done++)
            TRY(expand_import(c->imports.v[done], files.v[i], &c->arena, &files, e));
        if (i + 1 >= files.n)
            return 0;
        if (i == CONFIG_DROP_INS_MAX)
            return err_raise(e, ERR_OUT_OF_RANGE, "%s imports more than %d files", main, CONFIG_DROP_INS_MAX);
        TRY(read_file(c, files.v[i + 1], true, e));
    }
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_drop_ins(const char *dir, struct arena *a, struct strlist *ret, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : err_errno(e, errno, "open %s", dir);
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(d));) {
        if (entry->d_name[0] == '.' || !view_ends(view_of(entry->d_name), VIEW_LIT(".toml")))
            continue;
        if (ret->n == CONFIG_DROP_INS_MAX)
            r = err_raise(e, ERR_OUT_OF_RANGE, "%s holds more than %d files", dir, CONFIG_DROP_INS_MAX);
        else if (strlist_addf(ret, a, "%s/%s", dir, entry->d_name) < 0)
            r = err_oom(e);
    }
    closedir(d);
    if (r == 0 && ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, by_bytes);
    return r;
}

int config_load(struct config *c, const char *path, bool required, struct err *e)
{
    struct strlist files = {0};
    char *dir = arena_printf(&c->arena, "%s.d", path);
    if (!dir)
        return err_oom(e);
    int r = read_file(c, path, false, e);
    if (r < 0 && (required || r != -ERR_NOT_FOUND))
        return r;
    TRY(read_imports(c, path, e));
    TRY(list_drop_ins(dir, &c->arena, &files, e));
    for (size_t i = 0; i < files.n; i++)
        TRY(read_file(c, files.v[i], false, e));
    return 0;
}
