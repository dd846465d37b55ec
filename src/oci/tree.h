/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree: a JSON document in memory that can be changed, for this layer only.
 *
 * A spec is built in one, read into one (a base spec, a stored spec) and written from one, so that what is not known here passes
 * through unharmed. Numbers are kept as their text, as rlimits and memory limits use all of 64 bits. Object members keep their
 * order and are found through a hash index once there are many, so that a request with very many annotations costs no more than
 * its size.
 *
 * A failed allocation sticks in struct tree_mem: every function accepts NULL nodes and then does nothing, and the one who
 * started asks tree_ok at the end.
 */
#ifndef CRI_OCI_TREE_H
#define CRI_OCI_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum tree_kind {
    TREE_NULL,
    TREE_BOOL,
    TREE_TEXT,   /* a number, or any one JSON value, as its text */
    TREE_STRING, /* without quotes and escapes; may hold any byte */
    TREE_ARRAY,
    TREE_OBJECT,
};

struct tree {
    enum tree_kind kind;
    bool boolean;
    struct view text; /* TREE_TEXT, TREE_STRING */
    struct tree_item *v;
    size_t n, cap;
    uint32_t *index; /* TREE_OBJECT with many members: 1 + position, 0 free */
    size_t index_cap;
};

struct tree_item {
    struct view key; /* empty in arrays */
    struct tree *value;
};

struct tree_mem {
    struct arena *a;
    bool failed;
};

/* New nodes. Strings are borrowed: they have to outlive the tree. NULL when memory is exhausted. */
struct tree *tree_object(struct tree_mem *m);
struct tree *tree_array(struct tree_mem *m);
struct tree *tree_string(struct tree_mem *m, const char *s); /* NULL is "" */
struct tree *tree_string_view(struct tree_mem *m, struct view v);
struct tree *tree_text(struct tree_mem *m, struct view json);
struct tree *tree_null(struct tree_mem *m);
struct tree *tree_bool(struct tree_mem *m, bool v);
struct tree *tree_u64(struct tree_mem *m, uint64_t v);
struct tree *tree_i64(struct tree_mem *m, int64_t v);

/* Members of an object. Setting a key again replaces its value and keeps its place. get: NULL when there is none or o is no
 * object. */
void tree_set(struct tree_mem *m, struct tree *o, const char *key, struct tree *value);
void tree_set_view(struct tree_mem *m, struct tree *o, struct view key, struct tree *value);
struct tree *tree_get(const struct tree *o, const char *key);
struct tree *tree_get_view(const struct tree *o, struct view key);
/* Takes a member out; true if it was there. */
bool tree_remove(struct tree *o, const char *key);
/* The member, made anew as an empty object (array) where it is missing or of another kind. */
struct tree *tree_need_object(struct tree_mem *m, struct tree *o, const char *key);
struct tree *tree_need_array(struct tree_mem *m, struct tree *o, const char *key);

/* Elements of an array. */
void tree_push(struct tree_mem *m, struct tree *arr, struct tree *value);
void tree_remove_at(struct tree *arr, size_t i);

/* Common pairs. */
void tree_set_str(struct tree_mem *m, struct tree *o, const char *key, const char *s);
void tree_set_bool(struct tree_mem *m, struct tree *o, const char *key, bool v);
void tree_set_u64(struct tree_mem *m, struct tree *o, const char *key, uint64_t v);
void tree_set_i64(struct tree_mem *m, struct tree *o, const char *key, int64_t v);
void tree_push_str(struct tree_mem *m, struct tree *arr, const char *s);
/* An array of strings. */
struct tree *tree_strings(struct tree_mem *m, char *const *v, size_t n);
struct tree *tree_literals(struct tree_mem *m, const char *const *v, size_t n);

/* The bytes of a string node; the empty view for anything else. */
struct view tree_str(const struct tree *t);
bool tree_is_str(const struct tree *t, const char *s);

/* 0, or the out-of-memory error when an allocation failed on the way. */
int tree_ok(const struct tree_mem *m, struct err *e);

/* Appends the document to out. Too large for out, or too deep: RESOURCE_EXHAUSTED. */
int tree_write(const struct tree *t, struct buf *out, struct err *e);

/* Reads one JSON document. DATA_LOSS with what in the message when it is not well-formed or deeper than a spec can be. Text nodes
 * point into json. */
int tree_read(struct tree_mem *m, struct view json, const char *what, struct tree **ret, struct err *e);

#endif
