/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jsonscan: reads JSON (RFC 8259) in place. A document is validated once, as a whole: grammar, UTF-8, depth; after that, values are
 * views into its bytes that are walked with iterators. Nothing is allocated, so a small document cannot become a large tree; nothing
 * recurses; numbers stay text, so a 64-bit number, a long fraction or an exponent survive being passed on; and an object that
 * belongs to somebody else (a CNI plugin's configuration, a stored specification) is handed on byte for byte.
 * Pure code, open to proof, but for the functions that take an arena, which copy into it.
 */
#ifndef CRI_PARSE_JSONSCAN_H
#define CRI_PARSE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum { JSONSCAN_DEPTH_MAX = 256 }; /* nested arrays and objects; one more is refused */

enum jsonscan_kind {
    JSONSCAN_NONE = 0, /* no value: a member that is absent */
    JSONSCAN_NULL,
    JSONSCAN_FALSE,
    JSONSCAN_TRUE,
    JSONSCAN_NUMBER,
    JSONSCAN_STRING,
    JSONSCAN_ARRAY,
    JSONSCAN_OBJECT,
};

/* A value of a validated document. raw is its exact text without blanks around it (strings with their quotes). A zeroed value is
 * JSONSCAN_NONE. All functions below that take a value need one of a validated document. */
struct jsonscan_value {
    enum jsonscan_kind kind;
    struct view raw;
};

enum jsonscan_class {
    JSONSCAN_OK = 0,
    JSONSCAN_BAD_SYNTAX,
    JSONSCAN_BAD_STRING, /* bad UTF-8, bad escape, raw control character, lone surrogate */
    JSONSCAN_TOO_DEEP,
    JSONSCAN_TRUNCATED, /* ends too early; the empty document is this, too */
    JSONSCAN_TRAILING,  /* more than blanks behind the value */
};

/* Validates all of text, which is one value with blanks around it. *ret_at (may be NULL) gets the offset of the first bad byte;
 * *ret is set for JSONSCAN_OK only. */
enum jsonscan_class jsonscan_check(struct view text, struct jsonscan_value *ret, size_t *ret_at);
/* The same with an error: -ERR_INVALID_ARGUMENT that names cause and offset. */
int jsonscan_parse(struct view text, struct jsonscan_value *ret, struct err *e);

/* Walk an object or array: struct jsonscan_iter it = jsonscan_iter(v); while (jsonscan_next(&it, &key, &value)) ... Members and
 * elements come in the text's order; key is the raw string with its quotes (empty for elements) and may be NULL. A value of another
 * kind has nothing to walk. */
struct jsonscan_iter {
    struct view rest;
    bool object;
};
struct jsonscan_iter jsonscan_iter(struct jsonscan_value v);
bool jsonscan_next(struct jsonscan_iter *it, struct view *ret_key, struct jsonscan_value *ret);
/* Number of members or elements, 0 for other kinds. */
size_t jsonscan_count(struct jsonscan_value v);

/* One pass over an object: values[i] becomes the member named names[i] (the last one if it is there more than once), or
 * JSONSCAN_NONE. For a value that is no object all are JSONSCAN_NONE. */
void jsonscan_pick(struct jsonscan_value object, const char *const *names, size_t n, struct jsonscan_value *values);
/* A single member. */
struct jsonscan_value jsonscan_get(struct jsonscan_value object, const char *name);

/* Strings. raw is the text with its quotes. jsonscan_unescape writes the UTF-8 (no NUL is added) when it fits into max bytes and
 * returns its length in any case; out may be NULL when max is 0. jsonscan_str_eq compares without a copy. */
size_t jsonscan_unescape(struct view raw, char *out, size_t max);
bool jsonscan_str_eq(struct view raw, const char *s);
/* A NUL-terminated copy in the arena; NULL when memory is exhausted. A string that contains U+0000 is cut there: see jsonscan_str. */
char *jsonscan_strdup(struct view raw, struct arena *a);

/* Typed reads, for decoders. `what` names the field in errors. A value that is absent or null leaves *ret as it was and returns 0;
 * a value of another kind is -ERR_INVALID_ARGUMENT ("<what> is not a string"); jsonscan_str also refuses U+0000 inside and more
 * than max bytes. Numbers must be written as integers and lie within [min, max]. */
int jsonscan_str(struct jsonscan_value v, const char *what, size_t max, struct arena *a, char **ret, struct err *e);
/* As jsonscan_str, but absent and null give "". */
int jsonscan_text(struct jsonscan_value v, const char *what, size_t max, struct arena *a, const char **ret, struct err *e);
int jsonscan_i64(struct jsonscan_value v, const char *what, int64_t min, int64_t max, int64_t *ret, struct err *e);
int jsonscan_bool(struct jsonscan_value v, const char *what, bool *ret, struct err *e);
/* The same for containers: *ret_present says whether there is something to walk (false for absent and null). */
int jsonscan_array(struct jsonscan_value v, const char *what, size_t max_elements, bool *ret_present, struct err *e);
int jsonscan_object(struct jsonscan_value v, const char *what, size_t max_members, bool *ret_present, struct err *e);

/* Lists: the strings of an array, and the members of an object whose values are strings (a null value becomes ""). Absent and null
 * give an empty list. *ret_present may be NULL. */
int jsonscan_strlist(struct jsonscan_value v, const char *what, size_t max_elements, size_t max_bytes, struct arena *a, struct strlist *ret,
                     bool *ret_present, struct err *e);
int jsonscan_kvlist(struct jsonscan_value v, const char *what, size_t max_members, size_t max_bytes, struct arena *a, struct kvlist *ret,
                    struct err *e);
/* As jsonscan_parse for a document that must be an object: `what` names it. */
int jsonscan_document(struct view text, const char *what, size_t max_bytes, struct jsonscan_value *ret, struct err *e);

/* "a string", "an object" ...: for messages. Static. */
const char *jsonscan_kind_name(enum jsonscan_kind k);

#endif
