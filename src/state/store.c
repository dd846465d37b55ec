/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store, see store.h. The store's lock is held for look-ups and pointer changes only, and no other lock is
 * taken under it; the last reference to an object is never dropped under it.
 */
#include "state/store.h"

#include "base/mem.h"
#include "state/wait.h"

/* ---- objects ---- */

static void object_done(struct object *o)
{
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
    arena_done(&o->arena);
}

static void sandbox_destroy(struct object *o)
{
    struct sandbox *s = (struct sandbox *)o;
    mem_free(s->network_problem);
    object_done(o);
    mem_free(s);
}

static void container_destroy(struct object *o)
{
    struct container *c = (struct container *)o;
    if (c->io && c->io_free)
        c->io_free(c->io);
    arena_done(&c->resources_arena);
    object_done(o);
    mem_free(c);
}

/* o stands in zeroed memory. */
static bool object_init(struct object *o, void (*destroy)(struct object *o))
{
    if (pthread_mutex_init(&o->lock, NULL) != 0)
        return false;
    if (!wait_init(&o->changed)) {
        pthread_mutex_destroy(&o->lock);
        return false;
    }
    atomic_init(&o->refs, 1);
    arena_init(&o->arena, ARENA_BUDGET_DEFAULT);
    o->destroy = destroy;
    return true;
}

struct sandbox *sandbox_new(void)
{
    struct sandbox *s = mem_zalloc(sizeof *s);
    if (s && !object_init(&s->o, sandbox_destroy)) {
        mem_free(s);
        return NULL;
    }
    return s;
}

struct container *container_new(void)
{
    struct container *c = mem_zalloc(sizeof *c);
    if (c && !object_init(&c->o, container_destroy)) {
        mem_free(c);
        return NULL;
    }
    if (c)
        arena_init(&c->resources_arena, ARENA_BUDGET_DEFAULT);
    return c;
}

void object_ref(struct object *o)
{
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

void object_unref(struct object *o)
{
    if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
        o->destroy(o);
}

void object_lock(struct object *o)
{
    pthread_mutex_lock(&o->lock);
}

void object_unlock(struct object *o)
{
    pthread_mutex_unlock(&o->lock);
}

void object_changed(struct object *o)
{
    pthread_cond_broadcast(&o->changed);
}

int object_wait(struct object *o, const struct ctx *ctx, const char *what, struct err *e)
{
    return wait_on(&o->changed, &o->lock, ctx, what, e);
}

/* ---- stores ---- */

int store_init(struct store *s, const char *what, struct err *e)
{
    *s = (struct store){.what = what};
    int r = pthread_mutex_init(&s->lock, NULL);
    return r ? err_errno(e, r, "%s store: make a lock", what) : 0;
}

void store_done(struct store *s)
{
    size_t it = 0;
    void *o;
    while (strmap_next(&s->by_id, &it, NULL, &o))
        object_unref(o);
    strmap_done(&s->by_id);
    strmap_done(&s->by_name);
    truncindex_done(&s->index);
    pthread_mutex_destroy(&s->lock);
}

static int add_locked(struct store *s, struct object *o, struct err *e)
{
    const struct object *other = strmap_get(&s->by_name, o->name);
    if (strmap_get(&s->by_id, o->id))
        return err_raise(e, ERR_ALREADY_EXISTS, "%s id \"%s\" already exists", s->what, o->id);
    if (other)
        return err_raise(e, ERR_ALREADY_EXISTS, "%s name \"%s\" is taken by \"%s\"", s->what, o->name,
                         other->id);
    TRY(truncindex_add(&s->index, o->id, e));
    if (strmap_set(&s->by_id, o->id, o, NULL) < 0) {
        truncindex_remove(&s->index, o->id);
        return err_oom(e);
    }
    if (strmap_set(&s->by_name, o->name, o, NULL) < 0) {
        strmap_remove(&s->by_id, o->id);
        truncindex_remove(&s->index, o->id);
        return err_oom(e);
    }
    object_ref(o);
    return 0;
}

int store_add(struct store *s, struct object *o, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    int r = add_locked(s, o, e);
    pthread_mutex_unlock(&s->lock);
    return r;
}

void store_remove(struct store *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct object *o = strmap_remove(&s->by_id, id);
    if (o) {
        strmap_remove(&s->by_name, o->name);
        truncindex_remove(&s->index, o->id);
    }
    pthread_mutex_unlock(&s->lock);
    object_unref(o);
}

int store_get(struct store *s, const char *id, struct object **ret, struct err *e)
{
    const char *full;
    pthread_mutex_lock(&s->lock);
    int r = truncindex_get(&s->index, s->what, view_of(id), &full, e);
    if (r == 0) {
        *ret = strmap_get(&s->by_id, full);
        object_ref(*ret);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

struct object *store_find_name(struct store *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    struct object *o = strmap_get(&s->by_name, name);
    if (o)
        object_ref(o);
    pthread_mutex_unlock(&s->lock);
    return o;
}

int store_list(struct store *s, struct arena *a, struct object ***ret, size_t *ret_n, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->index.n;
    struct object **list = ARENA_NEW_N(a, struct object *, n + 1);
    for (size_t i = 0; list && i < n; i++) {
        list[i] = strmap_get(&s->by_id, s->index.ids[i]);
        object_ref(list[i]);
    }
    pthread_mutex_unlock(&s->lock);
    if (!list)
        return err_oom(e);
    *ret = list;
    *ret_n = n;
    return 0;
}

size_t store_count(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->index.n;
    pthread_mutex_unlock(&s->lock);
    return n;
}
