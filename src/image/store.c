/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store: the maps of names and images, and what is answered from them alone.
 */
#include "image/store.h"

#include <stdlib.h>

#include "base/mem.h"
#include "image/store_internal.h"
#include "parse/reference.h"

int image_store_new(const struct image_store_options *options, struct image_store **ret, struct err *e)
{
    if (!options->snapshotter || !*options->snapshotter)
        return err_raise(e, ERR_INVALID_ARGUMENT, "no snapshotter is named");
    struct image_store *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    s->ctrd = options->ctrd;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        mem_free(s);
        return err_oom(e);
    }
    if (keylock_init(&s->unpacking, e) < 0) {
        pthread_mutex_destroy(&s->lock);
        mem_free(s);
        return err_oom(e);
    }
    s->snapshotter = mem_strdup(options->snapshotter);
    int r = s->snapshotter ? 0 : err_oom(e);
    if (r == 0 && options->pinned_name && *options->pinned_name) {
        struct reference ref;
        char text[REFERENCE_TEXT_MAX + 1];
        r = reference_normalize(view_of(options->pinned_name), &ref, e);
        if (r == 0) {
            reference_format(&ref, text);
            s->pinned_name = mem_strdup(text);
            r = s->pinned_name ? 0 : err_oom(e);
        }
    }
    if (r < 0) {
        image_store_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

static void name_free(struct image_name *n)
{
    if (!n)
        return;
    mem_free(n->id);
    mem_free(n);
}

void image_store_free(struct image_store *s)
{
    if (!s)
        return;
    void *value;
    for (size_t it = 0; strmap_next(&s->images, &it, NULL, &value);)
        image_unref(value);
    for (size_t it = 0; strmap_next(&s->names, &it, NULL, &value);)
        name_free(value);
    strmap_done(&s->images);
    strmap_done(&s->names);
    pthread_mutex_destroy(&s->lock);
    keylock_done(&s->unpacking);
    mem_free(s->snapshotter);
    mem_free(s->pinned_name);
    mem_free(s);
}

static bool name_is_pinned(const struct image_store *s, const char *name, const char *changing, bool changing_pinned)
{
    if (s->pinned_name && strcmp(name, s->pinned_name) == 0)
        return true;
    if (changing && strcmp(name, changing) == 0)
        return changing_pinned;
    const struct image_name *n = strmap_get(&s->names, name);
    return n && n->pinned;
}

/* The entry of base's image with `add` among its names (NULL: none) and without `drop`. *ret is NULL when no name is left. */
static int rebuild(const struct image_store *s, const struct image *base, const struct image *old, const char *add,
                   bool add_pinned, const char *drop, struct image **ret, struct err *e)
{
    size_t n = 0, most = (old ? old->names.n : 0) + 1;
    const char **names = mem_calloc(most, sizeof(*names));
    if (!names)
        return err_oom(e);
    bool pinned = false;
    for (size_t i = 0; old && i < old->names.n; i++) {
        const char *name = old->names.v[i];
        if ((drop && strcmp(name, drop) == 0) || (add && strcmp(name, add) == 0))
            continue;
        names[n++] = name;
    }
    if (add)
        names[n++] = add;
    for (size_t i = 0; i < n; i++)
        pinned = pinned || name_is_pinned(s, names[i], add, add_pinned);
    *ret = NULL;
    int r = n > 0 ? image_make(base, names, n, pinned, ret, e) : 0;
    mem_free(names);
    return r;
}

static int new_name(const char *id, bool pinned, struct image_name **ret, struct err *e)
{
    struct image_name *n = mem_zalloc(sizeof(*n));
    if (n)
        n->id = mem_strdup(id);
    if (!n || !n->id) {
        name_free(n);
        return err_oom(e);
    }
    n->pinned = pinned;
    *ret = n;
    return 0;
}

/* Puts entry (NULL: nothing) where id's entry was. Only a new id needs memory. */
static int put_image(struct image_store *s, const char *id, struct image *entry, struct err *e)
{
    if (!entry) {
        image_unref(strmap_remove(&s->images, id));
        return 0;
    }
    void *old = NULL;
    if (strmap_set(&s->images, id, entry, &old) < 0)
        return err_oom(e);
    image_unref(old);
    return 0;
}

/* The name leaves the image that it stood for. It is still in the map of names. */
static int leave(struct image_store *s, const char *name, const char *old_id, struct image **ret, struct err *e)
{
    const struct image *old = strmap_get(&s->images, old_id);
    *ret = NULL;
    return old ? rebuild(s, old, old, NULL, false, name, ret, e) : 0;
}

static int apply_locked(struct image_store *s, const char *name, const struct image *base, bool pinned, struct err *e)
{
    struct image_name *was = strmap_get(&s->names, name), *now = NULL;
    bool moves = was && (!base || strcmp(was->id, base->id) != 0);
    struct image *left = NULL, *joined = NULL;
    void *replaced = NULL;
    int r = moves ? leave(s, name, was->id, &left, e) : 0;
    if (r == 0 && base) {
        r = rebuild(s, base, strmap_get(&s->images, base->id), name, pinned, NULL, &joined, e);
        if (r == 0)
            r = new_name(base->id, pinned, &now, e);
        if (r == 0 && strmap_set(&s->names, name, now, &replaced) < 0)
            r = err_oom(e);
        if (r == 0)
            r = put_image(s, base->id, joined, e);
        if (r < 0 && now && strmap_get(&s->names, name) == now) { /* undo */
            if (replaced)
                (void)strmap_set(&s->names, name, replaced, NULL);
            else
                (void)strmap_remove(&s->names, name);
            replaced = NULL;
        }
    }
    if (r < 0) {
        name_free(now);
        image_unref(joined);
        image_unref(left);
        return r;
    }
    if (!base)
        replaced = strmap_remove(&s->names, name);
    if (moves)
        (void)put_image(s, was->id, left, e); /* the id is known: needs no memory */
    name_free(replaced);
    s->changes++;
    return 0;
}

int store_apply(struct image_store *s, const char *name, const struct image *base, bool pinned, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    int r = apply_locked(s, name, base, pinned, e);
    pthread_mutex_unlock(&s->lock);
    return r;
}

struct image *store_by_target(struct image_store *s, const char *target_digest)
{
    struct image *found = NULL;
    void *value;
    pthread_mutex_lock(&s->lock);
    for (size_t it = 0; !found && strmap_next(&s->images, &it, NULL, &value);) {
        struct image *img = value;
        if (img->unpacked && strcmp(img->target.digest, target_digest) == 0)
            found = image_ref(img);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

struct keylock *store_unpacking(struct image_store *s)
{
    return &s->unpacking;
}

uint64_t store_changes(struct image_store *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->changes;
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t image_store_count(struct image_store *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->images.n;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static struct image *by_name(struct image_store *s, const char *name)
{
    const struct image_name *n = strmap_get(&s->names, name);
    return n ? strmap_get(&s->images, n->id) : NULL;
}

/* The hex digits of text when it can be the beginning of an id. */
static bool id_beginning(const char *text, struct view *ret)
{
    struct view v = view_of(text), prefix = VIEW_LIT("sha256:");
    if (view_starts(v, prefix))
        v = view_slice(v, prefix.n, v.n);
    *ret = v;
    return v.n <= 64 && digest_is_hex(v);
}

/* 1, 0, or INVALID_ARGUMENT when several ids begin so. */
static int by_beginning(struct image_store *s, struct view hex, struct image **ret, struct err *e)
{
    struct image *found = NULL;
    void *value;
    for (size_t it = 0; strmap_next(&s->images, &it, NULL, &value);) {
        struct image *img = value;
        struct view id;
        view_cut(view_of(img->id), ':', NULL, &id);
        if (!view_starts(id, hex))
            continue;
        if (found)
            return err_raise(e, ERR_INVALID_ARGUMENT, "image id \"%.*s\" is ambiguous: several ids begin with it", VIEW_ARG(hex));
        found = img;
    }
    *ret = found;
    return found != NULL;
}

static int resolve_locked(struct image_store *s, const char *text, struct image **ret, struct err *e)
{
    struct reference ref;
    struct view hex;
    char name[REFERENCE_TEXT_MAX + 1];
    if (digest_classify(view_of(text), NULL) == DIGEST_CLASS_OK) {
        *ret = strmap_get(&s->images, text);
        return *ret != NULL;
    }
    bool beginning = id_beginning(text, &hex);
    int r = reference_normalize(view_of(text), &ref, e);
    if (r < 0 && !beginning)
        return r;
    *ret = NULL;
    if (r == 0) {
        reference_format(&ref, name);
        *ret = by_name(s, name);
    } else {
        err_clear(e);
    }
    if (!*ret)
        *ret = by_name(s, text); /* a record that another client did not normalise */
    if (*ret)
        return 1;
    return beginning ? by_beginning(s, hex, ret, e) : 0;
}

int image_resolve_local(struct image_store *s, const char *ref_or_id, struct image **ret, struct err *e)
{
    struct err mine = ERR_INIT;
    struct image *found = NULL;
    pthread_mutex_lock(&s->lock);
    int r = resolve_locked(s, ref_or_id ? ref_or_id : "", &found, &mine);
    if (r > 0)
        *ret = image_ref(found);
    pthread_mutex_unlock(&s->lock);
    if (r < 0 && e)
        *e = mine;
    return r;
}

static int compare_id(const void *a, const void *b)
{
    return strcmp((*(struct image *const *)a)->id, (*(struct image *const *)b)->id);
}

static int list_all(struct image_store *s, struct image_list *ret, struct err *e)
{
    struct image_list l = {0};
    void *value;
    int r = 0;
    pthread_mutex_lock(&s->lock);
    l.v = mem_calloc(s->images.n + 1, sizeof(*l.v));
    if (!l.v)
        r = err_oom(e);
    for (size_t it = 0; r == 0 && strmap_next(&s->images, &it, NULL, &value);)
        l.v[l.n++] = image_ref(value);
    pthread_mutex_unlock(&s->lock);
    if (r < 0)
        return r;
    if (l.n > 1)
        qsort(l.v, l.n, sizeof(*l.v), compare_id);
    *ret = l;
    return 0;
}

int image_store_list(struct image_store *s, const char *only, struct image_list *ret, struct err *e)
{
    if (!only || !*only)
        return list_all(s, ret, e);
    struct image *one = NULL;
    int r = image_resolve_local(s, only, &one, e);
    if (r < 0)
        return r;
    struct image_list l = {.v = mem_calloc(1, sizeof(*l.v))};
    if (!l.v) {
        image_unref(one);
        return err_oom(e);
    }
    if (r > 0)
        l.v[l.n++] = one;
    *ret = l;
    return 0;
}
