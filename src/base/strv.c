/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String containers, see strv.h. The map is open addressing with linear probing and back-shift deletion (no tombstones); FNV-1a with a
 * per-process random start would matter only if peers chose the keys: ids and names are ours or bounded by quotas.
 */
#include "base/strv.h"

#include <string.h>

#include "base/mem.h"

/* Makes room for one more element of `size` bytes in an arena-backed array. */
static int grow(struct arena *a, void **v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return 0;
    size_t want = *cap ? *cap * 2 : 8;
    void *p = arena_calloc(a, want, size);
    if (!p)
        return -ERR_RESOURCE_EXHAUSTED;
    if (n)
        memcpy(p, *v, n * size);
    *v = p;
    *cap = want;
    return 0;
}

static int strlist_push(struct strlist *l, struct arena *a, char *s)
{
    void *v = l->v;
    if (!s || grow(a, &v, l->n, &l->cap, sizeof *l->v) < 0)
        return -ERR_RESOURCE_EXHAUSTED;
    l->v = v;
    l->v[l->n++] = s;
    return 0;
}

int strlist_add(struct strlist *l, struct arena *a, const char *s)
{
    return strlist_push(l, a, arena_strdup(a, s));
}

int strlist_addf(struct strlist *l, struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s = arena_vprintf(a, format, ap);
    va_end(ap);
    return strlist_push(l, a, s);
}

bool strlist_has(const struct strlist *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    return false;
}

int kvlist_set(struct kvlist *l, struct arena *a, const char *key, const char *value)
{
    char *copy = arena_strdup(a, value);
    if (!copy)
        return -ERR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i].key, key) == 0) {
            l->v[i].value = copy;
            return 0;
        }
    }
    char *k = arena_strdup(a, key);
    void *v = l->v;
    if (!k || grow(a, &v, l->n, &l->cap, sizeof *l->v) < 0)
        return -ERR_RESOURCE_EXHAUSTED;
    l->v = v;
    l->v[l->n++] = (struct kv){k, copy};
    return 0;
}

const char *kvlist_get(const struct kvlist *l, const char *key)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].key, key) == 0)
            return l->v[i].value;
    return NULL;
}

struct strmap_entry {
    char *key; /* NULL: free */
    void *value;
};

static size_t hash(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

/* The slot that holds key, or the free one where it would go. cap is a power of two with at least one free slot. */
static size_t find_slot(const struct strmap *m, const char *key)
{
    size_t i = hash(key) & (m->cap - 1);
    while (m->slots[i].key && strcmp(m->slots[i].key, key) != 0)
        i = (i + 1) & (m->cap - 1);
    return i;
}

static int rehash(struct strmap *m)
{
    struct strmap bigger = {.n = m->n, .cap = m->cap ? m->cap * 2 : 16};
    bigger.slots = mem_calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return -ERR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key)
            bigger.slots[find_slot(&bigger, m->slots[i].key)] = m->slots[i];
    mem_free(m->slots);
    *m = bigger;
    return 0;
}

int strmap_set(struct strmap *m, const char *key, void *value, void **ret_old)
{
    if (m->n * 4 >= m->cap * 3)
        TRY(rehash(m));
    struct strmap_entry *s = &m->slots[find_slot(m, key)];
    void *old = NULL;
    if (s->key) {
        old = s->value;
    } else {
        s->key = mem_strdup(key);
        if (!s->key)
            return -ERR_RESOURCE_EXHAUSTED;
        m->n++;
    }
    s->value = value;
    if (ret_old)
        *ret_old = old;
    return 0;
}

void *strmap_get(const struct strmap *m, const char *key)
{
    if (m->cap == 0)
        return NULL;
    const struct strmap_entry *s = &m->slots[find_slot(m, key)];
    return s->key ? s->value : NULL;
}

void *strmap_remove(struct strmap *m, const char *key)
{
    if (m->cap == 0)
        return NULL;
    size_t mask = m->cap - 1, hole = find_slot(m, key);
    if (!m->slots[hole].key)
        return NULL;
    void *value = m->slots[hole].value;
    mem_free(m->slots[hole].key);
    m->n--;
    /* Moves back every following entry whose home is not between the hole and itself. */
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = hash(m->slots[i].key) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct strmap_entry){0};
    return value;
}

bool strmap_next(const struct strmap *m, size_t *it, const char **key, void **value)
{
    while (*it < m->cap) {
        const struct strmap_entry *s = &m->slots[(*it)++];
        if (!s->key)
            continue;
        if (key)
            *key = s->key;
        if (value)
            *value = s->value;
        return true;
    }
    return false;
}

void strmap_done(struct strmap *m)
{
    for (size_t i = 0; i < m->cap; i++)
        mem_free(m->slots[i].key);
    mem_free(m->slots);
    *m = (struct strmap){0};
}
