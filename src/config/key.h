/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key: one key of the configuration, as a row of the table in keys.c, and what is done with rows. For this layer only.
 */
#ifndef CRI_CONFIG_KEY_H
#define CRI_CONFIG_KEY_H

#include <stdint.h>

#include "config/config.h"
#include "parse/toml.h"

enum config_kind {
    CONFIG_STRING = 1, /* const char *; "" is as if the key were not there */
    CONFIG_LIST,       /* const char *const * and size_t, of strings that are not empty */
    CONFIG_BOOL,       /* bool */
    CONFIG_NOT,        /* bool of the opposite meaning */
    CONFIG_INT,        /* any integer type of 4 or 8 bytes */
    CONFIG_ENUM,       /* enum, by name */
    CONFIG_DURATION,   /* uint64_t of nanoseconds, written as Go does: "5m0s" */
};

struct config_name {
    const char *name; /* NULL ends the list; of several names for one value the first is the one that is written */
    int value;
};

struct config_key {
    const char *path; /* components between dots; "*" is the name of a runtime handler. Keys of one table stand together */
    enum config_kind kind;
    bool in_handler;         /* the member is one of struct cri_runtime_handler, not of struct config */
    uint16_t at, size, at_n; /* the member; of a list, its length too */
    int64_t min, max;        /* CONFIG_INT, CONFIG_DURATION (ns); CONFIG_LIST: max is its length, 0: CONFIG_LIST_MAX */
    int64_t zero;            /* what 0 and less is stored as, where 0 in the member stands for the preset */
    const struct config_name *names;            /* CONFIG_ENUM */
    const char *(*check)(const char *value);    /* CONFIG_STRING, CONFIG_LIST: NULL, or what was expected */
    const char *preset;      /* as TOML: what a member that is 0, NULL or "" stands for. NULL: itself */
    const char *help;
    bool omit; /* from dumps: another key says the same */
    bool live; /* a running daemon takes a change over: cri_runtime_reload, or the daemon's own */
};

enum { CONFIG_PATH_PARTS_MAX = 5 };

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

/* NULL when v is a name for containerd, else what was expected: for values, and for the names of handlers. */
const char *config_identifier(const char *v);

/* Where the member's struct begins: c itself, or the handler. */
static inline void *config_base(const struct config_key *k, struct config *c, struct cri_runtime_handler *h)
{
    return k->in_handler ? (void *)h : (void *)c;
}

/* Checks v and stores it. INVALID_ARGUMENT with what is wrong, without position and name. */
int config_value_set(const struct config_key *k, void *base, const struct toml *v, struct arena *a, struct err *e);
/* Appends the value as TOML, one line's worth. */
int config_value_write(const struct config_key *k, const void *base, struct buf *out);
/* Whether both structs have the same value. RESOURCE_EXHAUSTED. */
int config_value_equal(const struct config_key *k, const void *a, const void *b, bool *ret);

/* The known path that was probably meant by this unknown one; "" when none is near. In buf. */
const char *config_suggest(const struct view *path, size_t n, char *buf, size_t size);

/* True when the first n components of the row's path match this one; *ret_whole: it has no more. */
bool config_path_match(const char *row, const struct view *path, size_t n, bool *ret_whole);

/* A key of containerd's CRI plugin that is not served here, see foreign.c. */
struct config_foreign {
    const char *path;
    const char *why;    /* what is missed */
    const char *also;   /* a text that asks for nothing, either */
    bool asks_by_false; /* true asks for nothing */
    bool any;           /* no value asks for anything that is missed */
    bool refused;       /* rather than noted */
};
const struct config_foreign *config_foreign_find(const struct view *path, size_t n);
/* True if the value asks for what is not served. */
bool config_foreign_asks(const struct config_foreign *f, const struct toml *v);

/* Reading of one document, decode.c: the place in it, as a path of this daemon's keys, and what is found there. */
struct config_walk {
    struct config *c;
    const char *file;
    struct view path[CONFIG_PATH_PARTS_MAX + 1];
    size_t depth;
    struct cri_runtime_handler *handler; /* whose table this is */
};
int config_walk_table(struct config_walk *w, const struct toml *t, struct err *e);
/* One value, called `name` at this place, whatever its own key is. */
int config_walk_member(struct config_walk *w, struct view name, const struct toml *v, struct err *e);
int config_walk_problem(struct config_walk *w, const struct toml *at, struct err *e, const char *text);

/* As config_read; `containerd` forces that layout. */
int config_read_layout(struct config *c, const char *name, struct view text, bool containerd, struct err *e);

/* containerd.c: true if the document has the layout of containerd's own configuration; reads its CRI tables. */
bool config_is_containerd(const struct toml *root);
int config_read_containerd(struct config_walk *w, const struct toml *root, struct err *e);

/* Where a key was set. key NULL: where the handler was named first. */
struct config_mark {
    struct config_mark *next;
    const struct config_key *key;
    const struct cri_runtime_handler *handler;
    const char *file;
    uint32_t line;
};
const struct config_mark *config_mark_find(const struct config *c, const char *path, const struct cri_runtime_handler *h);

/* Adds a problem with the key `path`; line 0: none. RESOURCE_EXHAUSTED only. */
int config_problem(struct config *c, const char *file, uint32_t line, const char *path, struct err *e, const char *format, ...) _printf_(6, 7);

#endif
