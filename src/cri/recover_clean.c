/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cleaning that follows recovery, see recover.h: what a daemon that was killed left half made or half removed.
 */
#include "base/fs.h"
#include "base/log.h"
#include "cri/container.h"
#include "cri/image_view.h"
#include "cri/recover.h"
#include "cri/sandbox.h"
#include "cri/stored.h"

static void clean_directory(struct cri_service *s, const char *base, const char *kind, struct store *store,
                            int (*remove)(struct cri_service *, const char *, struct err *))
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct strlist names = {0};
    char *path = fs_join(&a, base, kind);
    if (!path || stored_folders(path, &a, &names, NULL) < 0)
        return; /* the next start looks again */
    for (size_t i = 0; i < names.n; i++) {
        struct object *o;
        struct err e = ERR_INIT;
        if (store_get(store, names.v[i], &o, &e) == 0) {
            object_unref(o);
            continue;
        }
        err_clear(&e);
        if (remove(s, names.v[i], &e) < 0)
            log_warning("files of the unknown %s %s are not removed: %s", store->what, names.v[i], e.message);
        else
            log_info("removed files of the unknown %s %s", store->what, names.v[i]);
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
