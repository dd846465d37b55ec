/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cleaning that follows recovery, see recover.h: what a daemon that was killed left half made or half removed.
 */
#include <dirent.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "cri/container.h"
#include "cri/image_view.h"
#include "cri/recover.h"
#include "cri/sandbox.h"

/* Only names that can be ids of ours are touched. */
static bool looks_like_id(const char *name)
{
    return strlen(name) == ID_LEN && strspn(name, "0123456789abcdef") == ID_LEN;
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static void clean_directory(struct cri_service *s, const char *base, const char *kind, struct store *store,
                            int (*remove)(struct cri_service *, const char *, struct err *))
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    char *path = fs_join(&a, base, kind);
    _cleanup_(close_dir) DIR *d = path ? opendir(path) : NULL;
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct object *o;
        struct err e = ERR_INIT;
        if (!looks_like_id(entry->d_name))
            continue;
        if (store_get(store, entry->d_name, &o, &e) == 0) {
            object_unref(o);
            continue;
        }
        err_clear(&e);
        if (remove(s, entry->d_name, &e) < 0)
            log_warning("files of the unknown %s %s are not removed: %s", store->what, entry->d_name, e.message);
        else
            log_info("removed files of the unknown %s %s", store->what, entry->d_name);
    }
}

/* A pod whose process never started, or whose network was never stored and whose process does not run, was never answered to anybody. */
static bool was_interrupted(struct sandbox *sb)
{
    object_lock(&sb->o);
    bool dead = sb->state == SANDBOX_STATE_NOTREADY, hidden = sb->o.hidden;
    sb->o.hidden = false; /* if it cannot be removed now, clients may */
    object_unlock(&sb->o);
    return dead && (hidden || (sb->meta.netns_path[0] && sb->meta.cni_result.n == 0));
}

static void remove_interrupted(struct cri_service *s, const struct ctx *ctx)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    if (store_list(&s->sandboxes, &a, &list, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        struct sandbox *sb = (struct sandbox *)list[i];
        struct err e = ERR_INIT;
        if (was_interrupted(sb)) {
            if (sandbox_remove(s, ctx, sb, &e) < 0)
                log_warning("sandbox %s, whose making was interrupted, is not removed: %s", sb->o.id, e.message);
            else
                log_info("removed sandbox %s, whose making was interrupted", sb->o.id);
        }
        sandbox_unref(sb);
    }
}

void cri_recover_clean(struct cri_service *s, const struct ctx *ctx, const struct cri_recovered *recovered)
{
    remove_interrupted(s, ctx);
    image_view_clean(s, ctx);
    if (recovered->set_aside > 0)
        return;
    clean_directory(s, s->config.root, "sandboxes", &s->sandboxes, sandbox_files_remove);
    clean_directory(s, s->config.state, "sandboxes", &s->sandboxes, sandbox_files_remove);
    clean_directory(s, s->config.root, "containers", &s->containers, container_files_remove);
    clean_directory(s, s->config.state, "containers", &s->containers, container_files_remove);
}
