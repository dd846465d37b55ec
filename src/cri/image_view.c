/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See image_view.h.
 */
#include "cri/image_view.h"

#include <string.h>

#include "base/fs.h"
#include "base/id.h"
#include "cri/stored.h"

typedef int run_fn(void *arg, int root, struct err *e);

/* The view is a root of garbage collection, so nobody else takes it away; a connection that breaks just now is no reason to leave it. */
static int remove_view(struct cri_service *s, const char *key, struct err *e)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct ctx limit = ctx_with_timeout(&background, CRI_UNDO_LIMIT);
    int r = 0;
    for (int i = 0; i < 2; i++) {
        err_clear(e);
        r = ctrd_snapshot_remove(&s->ctrd, &limit, s->config.snapshotter, key, e);
        if (r >= 0 || ctrd_is_not_found(r, e))
            return 0;
    }
    return r;
}

void image_view_clean(struct cri_service *s, const struct ctx *ctx)
{
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)256 << 20);
    struct ctrd_snapshots list;
    struct err e = ERR_INIT;
    if (ctrd_snapshot_list(&s->ctrd, ctx, s->config.snapshotter, &a, &list, &e) < 0)
        return; /* it costs a directory, and the next start looks again */
    for (size_t i = 0; i < list.n; i++)
        if (strncmp(list.v[i].name, STORED_VIEW_PREFIX, strlen(STORED_VIEW_PREFIX)) == 0)
            remove_view(s, list.v[i].name, &e);
}

static int run(struct cri_service *s, const struct ctrd_mounts *mounts, struct arena *a, run_fn *fn, void *arg, struct err *e)
{
    _cleanup_fd_ int root = -1;
    char *scratch = arena_printf(a, "%s/tmp", s->config.state);
    if (!scratch)
        return err_oom(e);
    TRY(fs_mkdir_all(scratch, 0700, e));
    TRY(s->os->open_root(mounts, scratch, &root, e));
    return fn(arg, root, e);
}

int image_view_run(struct cri_service *s, const struct ctx *ctx, const struct image *image, run_fn *fn, void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    char id[ID_LEN + 1];
    if (!image->chain_id[0])
        return err_raise(e, ERR_FAILED_PRECONDITION, "image \"%s\" has no layers", image->id);
    TRY(id_generate(id, e));
    char *key = arena_printf(&a, STORED_VIEW_PREFIX "%s", id);
    struct kvlist labels = {0};
    if (!key || kvlist_set(&labels, &a, "containerd.io/gc.root", "1970-01-01T00:00:00Z") < 0)
        return err_oom(e);
    struct ctrd_mounts mounts;
    int r = ctrd_snapshot_view(&s->ctrd, ctx, s->config.snapshotter, key, image->chain_id, &labels, &a, &mounts, e);
    if (r == 0)
        r = run(s, &mounts, &a, fn, arg, e);
    struct err remove_err = ERR_INIT;
    int removed = remove_view(s, key, &remove_err); /* also when only the answer was lost */
    if (r == 0 && removed < 0) {
        *e = remove_err;
        r = removed;
    }
    return r;
}
