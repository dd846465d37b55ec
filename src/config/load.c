/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a configuration, in order, and what holds between keys. See config.h.
 */
#include <dirent.h>
#include <errno.h>
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

static int read_file(struct config *c, const char *path, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(CONFIG_FILE_MAX);
    TRY(fs_read_file(path, &text, e));
    return config_read(c, path, buf_view(&text), e);
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
    int r = read_file(c, path, e);
    if (r < 0 && (required || r != -ERR_NOT_FOUND))
        return r;
    TRY(list_drop_ins(dir, &c->arena, &files, e));
    for (size_t i = 0; i < files.n; i++)
        TRY(read_file(c, files.v[i], e));
    return 0;
}
