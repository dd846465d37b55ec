/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree: nodes in an arena. See tree.h.
 */
#include "oci/tree.h"

#include <inttypes.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/macro.h"

enum { INDEX_FROM = 16 }; /* members from which an object is searched by hash */

static struct tree *node_new(struct tree_mem *m, enum tree_kind kind)
{
    struct tree *t = m->failed ? NULL : ARENA_NEW(m->a, struct tree);
    if (!t)
        m->failed = true;
    else
        t->kind = kind;
    return t;
}

struct tree *tree_object(struct tree_mem *m)
{
    return node_new(m, TREE_OBJECT);
}

struct tree *tree_array(struct tree_mem *m)
{
    return node_new(m, TREE_ARRAY);
}

struct tree *tree_null(struct tree_mem *m)
{
    return node_new(m, TREE_NULL);
}

struct tree *tree_string_view(struct tree_mem *m, struct view v)
{
    struct tree *t = node_new(m, TREE_STRING);
    if (t)
        t->text = v.p ? v : VIEW_LIT("");
    return t;
}

struct tree *tree_string(struct tree_mem *m, const char *s)
{
    return tree_string_view(m, view_of(s));
}

struct tree *tree_text(struct tree_mem *m, struct view json)
{
    struct tree *t = node_new(m, TREE_TEXT);
    if (t)
        t->text = json;
    return t;
}

struct tree *tree_bool(struct tree_mem *m, bool v)
{
    struct tree *t = node_new(m, TREE_BOOL);
    if (t)
        t->boolean = v;
    return t;
}

static struct tree *number(struct tree_mem *m, char *text)
{
    if (!text)
        m->failed = true;
    return tree_text(m, view_of(text));
}

struct tree *tree_u64(struct tree_mem *m, uint64_t v)
{
    return m->failed ? NULL : number(m, arena_printf(m->a, "%" PRIu64, v));
}

struct tree *tree_i64(struct tree_mem *m, int64_t v)
{
    return m->failed ? NULL : number(m, arena_printf(m->a, "%" PRId64, v));
}

/* FNV-1a. */
static size_t hash(struct view key)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ (h >> 29));
}

static void index_put(struct tree *o, size_t at)
{
    size_t mask = o->index_cap - 1, i = hash(o->v[at].key) & mask;
    while (o->index[i])
        i = (i + 1) & mask;
    o->index[i] = (uint32_t)at + 1;
}

/* Position of key, or o->n. */
static size_t find(const struct tree *o, struct view key)
{
    if (o->index) {
        size_t mask = o->index_cap - 1;
        for (size_t i = hash(key) & mask; o->index[i]; i = (i + 1) & mask)
            if (view_eq(o->v[o->index[i] - 1].key, key))
                return o->index[i] - 1;
        return o->n;
    }
    for (size_t i = 0; i < o->n; i++)
        if (view_eq(o->v[i].key, key))
            return i;
    return o->n;
}

/* Room for one more item, and an index of at most half its slots taken. */
static bool grow(struct tree_mem *m, struct tree *t)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 4;
        struct tree_item *v = cap < UINT32_MAX / 2 ? ARENA_NEW_N(m->a, struct tree_item, cap) : NULL;
        if (!v)
            return false;
        if (t->n)
            memcpy(v, t->v, t->n * sizeof(*v));
        t->v = v;
        t->cap = cap;
    }
    if (t->kind == TREE_OBJECT && t->n >= INDEX_FROM && (t->n + 1) * 2 > t->index_cap) {
        size_t cap = t->index_cap ? t->index_cap * 2 : 4 * INDEX_FROM;
        uint32_t *index = ARENA_NEW_N(m->a, uint32_t, cap);
        if (!index)
            return false;
        t->index = index;
        t->index_cap = cap;
        for (size_t i = 0; i < t->n; i++)
            index_put(t, i);
    }
    return true;
}

static void append(struct tree_mem *m, struct tree *t, struct view key, struct tree *value)
{
    if (m->failed || !t || !value)
        return;
    if (!grow(m, t)) {
        m->failed = true;
        return;
    }
    t->v[t->n] = (struct tree_item){key.p ? key : VIEW_LIT(""), value};
    t->n++;
    if (t->index)
        index_put(t, t->n - 1);
}

void tree_set_view(struct tree_mem *m, struct tree *o, struct view key, struct tree *value)
{
    if (!o || !value)
        return;
    size_t i = find(o, key);
    if (i < o->n)
        o->v[i].value = value;
    else
        append(m, o, key, value);
}

void tree_set(struct tree_mem *m, struct tree *o, const char *key, struct tree *value)
{
    tree_set_view(m, o, view_of(key), value);
}

struct tree *tree_get_view(const struct tree *o, struct view key)
{
    if (!o || o->kind != TREE_OBJECT)
        return NULL;
    size_t i = find(o, key);
    return i < o->n ? o->v[i].value : NULL;
}

struct tree *tree_get(const struct tree *o, const char *key)
{
    return tree_get_view(o, view_of(key));
}

void tree_remove_at(struct tree *arr, size_t i)
{
    if (!arr || i >= arr->n)
        return;
    memmove(arr->v + i, arr->v + i + 1, (arr->n - i - 1) * sizeof(*arr->v));
    arr->n--;
    if (arr->index) { /* positions moved */
        memset(arr->index, 0, arr->index_cap * sizeof(*arr->index));
        for (size_t at = 0; at < arr->n; at++)
            index_put(arr, at);
    }
}

bool tree_remove(struct tree *o, const char *key)
{
    if (!o || o->kind != TREE_OBJECT)
        return false;
    size_t i = find(o, view_of(key));
    if (i == o->n)
        return false;
    tree_remove_at(o, i);
    return true;
}

static struct tree *need(struct tree_mem *m, struct tree *o, const char *key, enum tree_kind kind)
{
    if (!o)
        return NULL;
    struct tree *t = tree_get(o, key);
    if (t && t->kind == kind)
        return t;
    t = node_new(m, kind);
    tree_set(m, o, key, t);
    return t;
}

struct tree *tree_need_object(struct tree_mem *m, struct tree *o, const char *key)
{
    return need(m, o, key, TREE_OBJECT);
}

struct tree *tree_need_array(struct tree_mem *m, struct tree *o, const char *key)
{
    return need(m, o, key, TREE_ARRAY);
}

void tree_push(struct tree_mem *m, struct tree *arr, struct tree *value)
{
    append(m, arr, VIEW_EMPTY, value);
}

void tree_set_str(struct tree_mem *m, struct tree *o, const char *key, const char *s)
{
    tree_set(m, o, key, tree_string(m, s));
}

void tree_set_bool(struct tree_mem *m, struct tree *o, const char *key, bool v)
{
    tree_set(m, o, key, tree_bool(m, v));
}

void tree_set_u64(struct tree_mem *m, struct tree *o, const char *key, uint64_t v)
{
    tree_set(m, o, key, tree_u64(m, v));
}

void tree_set_i64(struct tree_mem *m, struct tree *o, const char *key, int64_t v)
{
    tree_set(m, o, key, tree_i64(m, v));
}

void tree_push_str(struct tree_mem *m, struct tree *arr, const char *s)
{
    tree_push(m, arr, tree_string(m, s));
}

struct tree *tree_strings(struct tree_mem *m, char *const *v, size_t n)
{
    struct tree *arr = tree_array(m);
    for (size_t i = 0; i < n; i++)
        tree_push_str(m, arr, v[i]);
    return arr;
}

struct tree *tree_literals(struct tree_mem *m, const char *const *v, size_t n)
{
    struct tree *arr = tree_array(m);
    for (size_t i = 0; i < n; i++)
        tree_push_str(m, arr, v[i]);
    return arr;
}

struct view tree_str(const struct tree *t)
{
    return t && t->kind == TREE_STRING ? t->text : VIEW_EMPTY;
}

bool tree_is_str(const struct tree *t, const char *s)
{
    return t && t->kind == TREE_STRING && view_eq_str(t->text, s);
}

int tree_ok(const struct tree_mem *m, struct err *e)
{
    return m->failed ? err_oom(e) : 0;
}

static void write_node(const struct tree *t, struct jsonw *w)
{
    switch (t->kind) {
    case TREE_NULL:
        jsonw_null(w);
        break;
    case TREE_BOOL:
        jsonw_bool(w, t->boolean);
        break;
    case TREE_TEXT:
        jsonw_raw(w, t->text);
        break;
    case TREE_STRING:
        jsonw_view(w, t->text);
        break;
    case TREE_ARRAY:
        jsonw_array(w);
        for (size_t i = 0; i < t->n && !w->failed; i++)
            write_node(t->v[i].value, w);
        jsonw_array_end(w);
        break;
    case TREE_OBJECT:
        jsonw_object(w);
        for (size_t i = 0; i < t->n && !w->failed; i++) {
            jsonw_key_view(w, t->v[i].key);
            write_node(t->v[i].value, w);
        }
        jsonw_object_end(w);
        break;
    }
}

int tree_write(const struct tree *t, struct buf *out, struct err *e)
{
    struct jsonw w;
    size_t before = out->n;
    jsonw_init(&w, out);
    write_node(t, &w);
    int r = jsonw_finish(&w, e);
    if (r < 0 && out->n > before) {
        out->n = before;
        out->p[before] = '\0';
    }
    return r;
}
