/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry: immutable, counted descriptions of images.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "image/store_internal.h"
#include "parse/reference.h"

enum { ENTRY_BUDGET = 128 << 20 };

struct image *image_ref(struct image *img)
{
    if (img)
        atomic_fetch_add_explicit(&img->refs, 1, memory_order_relaxed);
    return img;
}

void image_unref(struct image *img)
{
    if (!img || atomic_fetch_sub_explicit(&img->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_done(&img->arena);
    mem_free(img);
}

void image_list_done(struct image_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        image_unref(l->v[i]);
    mem_free(l->v);
    *l = (struct image_list){0};
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts a name where it belongs: the id itself and names that are no reference are in neither list. */
static int classify(struct image *img, const char *name, struct err *e)
{
    struct reference ref;
    if (digest_classify(view_of(name), NULL) == DIGEST_CLASS_OK || reference_classify(view_of(name), &ref) != REFERENCE_OK)
        return 0;
    struct strlist *to = *ref.digest ? &img->repo_digests : *ref.tag ? &img->repo_tags : NULL;
    return to && strlist_add(to, &img->arena, name) < 0 ? err_oom(e) : 0;
}

static int copy_names(struct image *img, const char *const *names, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (strlist_add(&img->names, &img->arena, names[i]) < 0)
            return err_oom(e);
    if (n > 1)
        qsort(img->names.v, n, sizeof(*img->names.v), compare_text);
    for (size_t i = 0; i < n; i++)
        TRY(classify(img, img->names.v[i], e));
    return 0;
}

static int copy_facts(struct image *img, const struct image *base, struct err *e)
{
    struct arena *a = &img->arena;
    img->id = arena_strdup(a, base->id);
    img->chain_id = arena_strdup(a, base->chain_id);
    img->size = base->size;
    img->unpacked = base->unpacked;
    img->target.media_type = arena_strdup(a, base->target.media_type ? base->target.media_type : "");
    img->target.digest = arena_strdup(a, base->target.digest);
    img->target.size = base->target.size;
    img->config_json.p = arena_memdup(a, base->config_json.p, base->config_json.n);
    img->config_json.n = base->config_json.n;
    if (!img->id || !img->chain_id || !img->target.media_type || !img->target.digest || !img->config_json.p)
        return err_oom(e);
    return oci_image_config_parse(img->config_json, a, &img->config, e);
}

int image_make(const struct image *base, const char *const *names, size_t n, bool pinned, struct image **ret, struct err *e)
{
    struct image *img = mem_zalloc(sizeof(*img));
    if (!img)
        return err_oom(e);
    atomic_init(&img->refs, 1);
    arena_init(&img->arena, ENTRY_BUDGET);
    img->pinned = pinned;
    int r = copy_facts(img, base, e);
    if (r == 0)
        r = copy_names(img, names, n, e);
    if (r < 0) {
        image_unref(img);
        return r;
    }
    *ret = img;
    return 0;
}
