/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Toml: reads TOML 1.0.0 (https://toml.io/en/v1.0.0): the configuration of the daemon and the hosts.toml files of registries.
 *
 * A document becomes a tree in the caller's arena that does not refer to the text given. Everything about it has a maximum, looking a
 * key up costs its length and no more, and every value remembers where it was written, so that what is wrong with its meaning can be
 * told with a position, too.
 */
#ifndef CRI_PARSE_TOML_H
#define CRI_PARSE_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum {
    TOML_BYTES_MAX = 4 << 20,  /* of the text */
    TOML_DEPTH_MAX = 64,       /* levels below the root, whether made by a header, a dotted key, an array or an inline table */
    TOML_VALUES_MAX = 1 << 16, /* tables, arrays and all other values, without the root */
};

enum toml_type {
    TOML_TABLE = 1,
    TOML_ARRAY, /* also an array of tables */
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOL,
    TOML_DATETIME,
};

enum toml_datetime_kind {
    TOML_OFFSET_DATETIME = 1, /* 1979-05-27T07:32:00Z */
    TOML_LOCAL_DATETIME,      /* 1979-05-27T07:32:00 */
    TOML_LOCAL_DATE,          /* 1979-05-27 */
    TOML_LOCAL_TIME,          /* 07:32:00 */
};

/* A value. Strings, keys and date-times are valid UTF-8 without a NUL inside, and a NUL that n does not count follows them. */
struct toml {
    enum toml_type type;
    uint32_t line, column;   /* of the key; of a table with a header, that header's key; of an element, its value. Columns count bytes,
                                both count from 1; the root has 1, 1 */
    struct view key;         /* decoded; "" for elements of arrays and the root */
    const struct toml *next; /* the next member or element; NULL behind the last */
    union {
        struct view string; /* TOML_STRING, decoded; a line end inside is one '\n' */
        int64_t integer;    /* TOML_INTEGER */
        double real;        /* TOML_FLOAT; may be infinite (a literal that is too large is, too) or not a number */
        bool boolean;       /* TOML_BOOL */
        struct {
            struct view text; /* as written */
            enum toml_datetime_kind kind;
        } datetime; /* TOML_DATETIME: a day of the calendar, a time of the day (second 60 stands for a leap second) */
        struct {
            const struct toml *first; /* in the order of the document; NULL when there is none */
            size_t n;
            struct toml *last_, *index_; /* the parser's own */
        } children; /* TOML_TABLE, TOML_ARRAY */
    };
    /* The parser's own: what defined a table or array, and the node in the index of its table's keys (toml_tree.c). */
    uint32_t origin_, bit_;
    struct toml *side_[2];
};

/* Reads a document; *ret is its root, a table. The tree lives in the arena and takes at most 16 MiB of it.
 * -ERR_INVALID_ARGUMENT: not TOML; the message starts with "line L, column C: " and names the key where there is one.
 * A NUL, which TOML allows as an escape, is refused, too; so is an integer beyond 64 bits (as TOML has it), and a byte order mark.
 * -ERR_RESOURCE_EXHAUSTED: one of the maxima above (the message says which), or memory is short. */
int toml_parse(struct view text, struct arena *a, const struct toml **ret, struct err *e);

/* The member of a table with this key (one key, dots in it mean nothing); NULL when there is none, table is NULL or is no table. */
const struct toml *toml_get(const struct toml *table, const char *key);

/* "a table", "a string" ...: for messages. Static. */
const char *toml_type_name(enum toml_type type);

#endif
