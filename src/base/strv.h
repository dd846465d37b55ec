/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small containers of strings: a growable list (strlist), an ordered list of key/value pairs (kvlist; labels, annotations), both in
 * an arena; and a hash map from string to pointer on the heap (strmap; the stores).
 */
#ifndef CRI_BASE_STRV_H
#define CRI_BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* A list of strings in an arena. `v` has n entries and may be NULL when n is 0. */
struct strlist {
    char **v;
    size_t n, cap;
};
/* Appends a copy of s. 0 or -ERR_RESOURCE_EXHAUSTED. */
int strlist_add(struct strlist *l, struct arena *a, const char *s);
int strlist_addf(struct strlist *l, struct arena *a, const char *format, ...) _printf_(3, 4);
bool strlist_has(const struct strlist *l, const char *s);

struct kv {
    char *key, *value;
};
/* Pairs in an arena; setting a key again replaces its value and keeps its place. */
struct kvlist {
    struct kv *v;
    size_t n, cap;
};
int kvlist_set(struct kvlist *l, struct arena *a, const char *key, const char *value);
/* The value, or NULL. */
const char *kvlist_get(const struct kvlist *l, const char *key);

/* String to pointer, insertion order not kept. Keys are copied; values are the caller's. Init with {0}. */
struct strmap {
    struct strmap_entry *slots;
    size_t n, cap;
};
/* Sets key to value (not NULL). 0 or -ERR_RESOURCE_EXHAUSTED; *ret_old (may be NULL) gets the value that was replaced, else NULL. */
int strmap_set(struct strmap *m, const char *key, void *value, void **ret_old);
void *strmap_get(const struct strmap *m, const char *key);
/* Takes the key out and returns its value, or NULL. */
void *strmap_remove(struct strmap *m, const char *key);
/* Iterates: size_t it = 0; while (strmap_next(m, &it, &key, &value)). The map must not change meanwhile. key/value may be NULL. */
bool strmap_next(const struct strmap *m, size_t *it, const char **key, void **value);
/* Frees the map and its keys; values are not touched. */
void strmap_done(struct strmap *m);

#endif
