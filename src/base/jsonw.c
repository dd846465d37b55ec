/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jsonw, see jsonw.h.
 */
#include "base/jsonw.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"

void jsonw_init(struct jsonw *w, struct buf *out)
{
    *w = (struct jsonw){.out = out};
}

static void put(struct jsonw *w, const void *p, size_t n)
{
    if (w->failed != 0)
        return;
    w->too_large = n > w->out->max - w->out->n;
    w->failed = buf_add(w->out, p, n);
}

static void misuse(struct jsonw *w)
{
    if (w->failed == 0)
        w->failed = -ERR_INTERNAL;
}

/* What every value begins with: the comma when it needs one, and the rule that an object's values follow a key. */
static bool begin_value(struct jsonw *w)
{
    bool in_object = w->depth > 0 && w->kind[w->depth - 1] == '{';
    if (w->done || in_object != w->after_key)
        misuse(w);
    if (w->need_comma && !w->after_key)
        put(w, ",", 1);
    w->after_key = false;
    return w->failed == 0;
}

static void end_value(struct jsonw *w)
{
    w->need_comma = true;
    if (w->depth == 0)
        w->done = true;
}

static void open_level(struct jsonw *w, char kind)
{
    if (!begin_value(w))
        return;
    if (w->depth == JSONW_DEPTH_MAX) {
        misuse(w);
        return;
    }
    put(w, &kind, 1);
    w->kind[w->depth++] = kind;
    w->need_comma = false;
}

static void close_level(struct jsonw *w, char kind, const char *text)
{
    if (w->depth == 0 || w->kind[w->depth - 1] != kind || w->after_key) {
        misuse(w);
        return;
    }
    put(w, text, 1);
    w->depth--;
    end_value(w);
}

void jsonw_object(struct jsonw *w)
{
    open_level(w, '{');
}

void jsonw_object_end(struct jsonw *w)
{
    close_level(w, '{', "}");
}

void jsonw_array(struct jsonw *w)
{
    open_level(w, '[');
}

void jsonw_array_end(struct jsonw *w)
{
    close_level(w, '[', "]");
}

static void put_escaped(struct jsonw *w, struct view v)
{
    static const char hex[] = "0123456789abcdef";
    if (v.n == 0)
        v.p = ""; /* an empty view may have no address to count from */
    put(w, "\"", 1);
    size_t start = 0, i = 0;
    while (i < v.n) {
        unsigned char c = (unsigned char)v.p[i];
        size_t k = utf8_sequence(v.p + i, v.n - i);
        if (k > 1 || (k == 1 && c >= 0x20 && c != '"' && c != '\\')) {
            i += k;
            continue;
        }
        put(w, v.p + start, i - start);
        if (k == 0) {
            put(w, "\xef\xbf\xbd", 3);
        } else if (c == '"' || c == '\\') {
            put(w, (char[]){'\\', (char)c}, 2);
        } else if (c == '\n') {
            put(w, "\\n", 2);
        } else if (c == '\t') {
            put(w, "\\t", 2);
        } else {
            put(w, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        }
        start = ++i;
    }
    put(w, v.p + start, v.n - start);
    put(w, "\"", 1);
}

void jsonw_key_view(struct jsonw *w, struct view key)
{
    if (w->depth == 0 || w->kind[w->depth - 1] != '{' || w->after_key) {
        misuse(w);
        return;
    }
    if (w->need_comma)
        put(w, ",", 1);
    put_escaped(w, key);
    put(w, ":", 1);
    w->after_key = true;
}

void jsonw_key(struct jsonw *w, const char *key)
{
    jsonw_key_view(w, view_of(key));
}

void jsonw_view(struct jsonw *w, struct view v)
{
    if (!begin_value(w))
        return;
    put_escaped(w, v);
    end_value(w);
}

void jsonw_str(struct jsonw *w, const char *s)
{
    jsonw_view(w, view_of(s));
}

void jsonw_raw(struct jsonw *w, struct view json)
{
    if (json.n == 0)
        misuse(w);
    if (!begin_value(w))
        return;
    put(w, json.p, json.n);
    end_value(w);
}

void jsonw_u64(struct jsonw *w, uint64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, v);
    jsonw_raw(w, view_make(text, (size_t)n));
}

void jsonw_i64(struct jsonw *w, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, v);
    jsonw_raw(w, view_make(text, (size_t)n));
}

void jsonw_bool(struct jsonw *w, bool v)
{
    jsonw_raw(w, v ? VIEW_LIT("true") : VIEW_LIT("false"));
}

void jsonw_null(struct jsonw *w)
{
    jsonw_raw(w, VIEW_LIT("null"));
}

void jsonw_key_str(struct jsonw *w, const char *key, const char *s)
{
    jsonw_key(w, key);
    jsonw_str(w, s);
}

void jsonw_key_u64(struct jsonw *w, const char *key, uint64_t v)
{
    jsonw_key(w, key);
    jsonw_u64(w, v);
}

void jsonw_key_i64(struct jsonw *w, const char *key, int64_t v)
{
    jsonw_key(w, key);
    jsonw_i64(w, v);
}

void jsonw_key_bool(struct jsonw *w, const char *key, bool v)
{
    jsonw_key(w, key);
    jsonw_bool(w, v);
}

int jsonw_finish(struct jsonw *w, struct err *e)
{
    if (w->failed == -ERR_RESOURCE_EXHAUSTED && w->too_large)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "JSON document larger than %zu bytes", w->out->max);
    if (w->failed == -ERR_RESOURCE_EXHAUSTED)
        return err_oom(e);
    if (w->failed < 0)
        return err_raise(e, ERR_INTERNAL, "JSON document is malformed or deeper than %d levels", JSONW_DEPTH_MAX);
    if (!w->done)
        return err_raise(e, ERR_INTERNAL, "JSON document is not complete");
    return 0;
}
