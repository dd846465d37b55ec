/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jsonw: a bounded streaming JSON writer (RFC 8259). Unlike jansson it keeps unsigned 64-bit numbers, and it cannot write an
 * unbalanced document: commas and colons are its own business. The first failure (memory, maximum, depth, wrong nesting) sticks; ask
 * once, at the end. Strings are written as valid UTF-8: a bad byte becomes U+FFFD.
 */
#ifndef CRI_BASE_JSONW_H
#define CRI_BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum { JSONW_DEPTH_MAX = 64 };

struct jsonw {
    struct buf *out;
    int failed; /* 0, or the negative code of the first failure */
    unsigned depth;
    bool need_comma;
    bool after_key;
    bool done; /* a complete top-level value has been written */
    bool too_large; /* the failure is that out's maximum would have been passed */
    char kind[JSONW_DEPTH_MAX]; /* '{' or '[' of each open level */
};

/* Starts a document that is appended to out. */
void jsonw_init(struct jsonw *w, struct buf *out);
void jsonw_object(struct jsonw *w); /* { */
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w); /* [ */
void jsonw_array_end(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_key_view(struct jsonw *w, struct view key);
void jsonw_str(struct jsonw *w, const char *s); /* NULL writes "" */
void jsonw_view(struct jsonw *w, struct view v);
void jsonw_u64(struct jsonw *w, uint64_t v);
void jsonw_i64(struct jsonw *w, int64_t v);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
/* Puts text that already is one JSON value in as it is. */
void jsonw_raw(struct jsonw *w, struct view json);
/* key and value at once. */
void jsonw_key_str(struct jsonw *w, const char *key, const char *s);
void jsonw_key_u64(struct jsonw *w, const char *key, uint64_t v);
void jsonw_key_i64(struct jsonw *w, const char *key, int64_t v);
void jsonw_key_bool(struct jsonw *w, const char *key, bool v);
/* 0 when the document is complete and nothing failed. ERR_RESOURCE_EXHAUSTED when the maximum of out or memory did not suffice,
 * ERR_INTERNAL for wrong nesting, a level too many, or a document without its end. */
int jsonw_finish(struct jsonw *w, struct err *e);

#endif
