/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the TOML reader, for each other: toml.c reads lines and headers, toml_value.c values, toml_string.c strings and keys,
 * toml_number.c numbers, dates and literals; toml_tree.c makes nodes and finds keys.
 *
 * The reader moves over the text once. What is wrong is told where it was found; nothing is repaired, so after a failure only the
 * arena is left to be freed.
 */
#ifndef CRI_PARSE_TOML_READ_H
#define CRI_PARSE_TOML_READ_H

#include "parse/toml.h"

/* What defined a table or an array, which decides whether it may be added to. Dotted keys may add to a table that dotted keys made; TOML
 * allows it only in the lines of one header, or in one inline table, but from elsewhere none leads there: it would have to
 * pass through a table that has a header or is closed. */
enum toml_origin {
    TOML_CLOSED = 0, /* an array or inline table that is written as a value */
    TOML_IMPLIED,    /* a table on the way to a header's last key */
    TOML_HEADER,     /* a table with a header [x], or an element with [[x]] */
    TOML_ELEMENTS,   /* an array made by [[x]] */
    TOML_DOTTED,     /* a table made, or added to, by dotted keys */
};

struct toml_reader {
    const char *at, *end;
    const char *line_start;
    uint32_t line;
    uint32_t depth; /* levels above what is put into the current table or array */
    size_t values;
    struct toml *root;
    struct arena *arena;
    struct err *e;
};

struct toml_spot {
    uint32_t line, column;
};

/* Where the reader stands. */
struct toml_spot toml_here(const struct toml_reader *r);
/* -ERR_INVALID_ARGUMENT with the place. */
#define toml_bad(r, spot, ...) \
    ERR_NEGATIVE_(toml_placed((r), (spot), err_raise_at((r)->e, ERR_INVALID_ARGUMENT, __FILE__, __LINE__, __VA_ARGS__)))
int toml_placed(struct toml_reader *r, struct toml_spot spot, int code);
/* The same for what stands where `wanted` ("a key") should. */
int toml_unexpected(struct toml_reader *r, const char *wanted);
/* As much of a text as a message should hold. */
struct view toml_shown(struct view v);

/* The byte `ahead` of the reader, -1 behind the end. */
static inline int toml_peek(const struct toml_reader *r, size_t ahead)
{
    return ahead < (size_t)(r->end - r->at) ? (unsigned char)r->at[ahead] : -1;
}
/* Control characters, which may stand nowhere but for tab and line ends. */
static inline bool toml_is_control(int c)
{
    return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

/* Moves over spaces and tabs; over a line end ("\n", "\r\n"), if there is one; over a comment, if there is one; over all of these. */
void toml_skip_blanks(struct toml_reader *r);
bool toml_skip_newline(struct toml_reader *r);
int toml_skip_comment(struct toml_reader *r);
int toml_skip_lines(struct toml_reader *r);

/* A string value in any of its four forms; the reader stands at its first quote. The result is in the arena. */
int toml_read_string(struct toml_reader *r, struct view *ret);
/* One part of a dotted key. The result is in the arena or in the text. */
int toml_read_key(struct toml_reader *r, struct view *ret);
/* Boolean, number, date or time; the value goes into node. */
int toml_read_scalar(struct toml_reader *r, struct toml *node);
int toml_read_datetime(struct toml_reader *r, struct view text, struct toml_spot spot, struct toml *node);
/* Any value. */
int toml_read_value(struct toml_reader *r, struct toml *node);
/* A line "key = value" into table, at whose level the reader's depth stands. */
int toml_read_pair(struct toml_reader *r, struct toml *table);

/* The member of a table; NULL when there is none. */
struct toml *toml_member(const struct toml *table, struct view key);
/* A new node behind the others of parent (a table that has no such key, or an array, for which key is empty), one level below the
 * reader's. Its key is copied; type and value are for the caller to set. */
int toml_add(struct toml_reader *r, struct toml *parent, struct view key, struct toml_spot spot, struct toml **ret);

#endif
