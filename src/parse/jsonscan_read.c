/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading validated JSON: strings and typed values, see jsonscan.h.
 */
#include <stdio.h>

#include "base/codec.h"
#include "base/num.h"
#include "parse/jsonscan.h"

/* What stands between the quotes. */
static struct view inner(struct view raw)
{
    return raw.n >= 2 ? view_slice(raw, 1, raw.n - 1) : VIEW_EMPTY;
}

static uint32_t hex4(struct view t, size_t i)
{
    uint32_t v = 0;
    for (size_t k = 0; k < 4; k++)
        v = v * 16 + (uint32_t)(i + k < t.n ? hex_digit(t.p[i + k]) & 15 : 0);
    return v;
}

static char short_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* The character at *i of a string's inside, as 1 to 4 bytes; *i moves behind it. */
static size_t next_char(struct view t, size_t *i, char out[4])
{
    out[0] = t.p[*i];
    *i += 1;
    if (out[0] != '\\' || *i >= t.n)
        return 1;
    char c = t.p[*i];
    *i += 1;
    if (c != 'u') {
        out[0] = short_escape(c);
        return 1;
    }
    uint32_t u = hex4(t, *i);
    *i = MIN_OF(*i + 4, t.n);
    if (u >= 0xD800 && u <= 0xDBFF) {
        uint32_t low = hex4(t, *i + 2);
        *i = MIN_OF(*i + 6, t.n);
        u = 0x10000 + ((u & 0x3FF) << 10) + (low & 0x3FF);
    }
    return utf8_encode(u, out);
}

size_t jsonscan_unescape(struct view raw, char *out, size_t max)
{
    struct view t = inner(raw);
    size_t n = 0;
    char c[4];
    for (size_t i = 0; i < t.n;) {
        size_t k = next_char(t, &i, c);
        if (n <= max && k <= max - n)
            memcpy(out + n, c, k);
        n += k;
    }
    return n;
}

bool jsonscan_str_eq(struct view raw, const char *s)
{
    struct view t = inner(raw);
    size_t at = 0, n = strlen(s);
    char c[4];
    for (size_t i = 0; i < t.n;) {
        size_t k = next_char(t, &i, c);
        if (k > n - at || memcmp(s + at, c, k) != 0)
            return false;
        at += k;
    }
    return at == n;
}

char *jsonscan_strdup(struct view raw, struct arena *a)
{
    size_t n = jsonscan_unescape(raw, NULL, 0);
    char *s = arena_alloc(a, n + 1);
    if (!s)
        return NULL;
    jsonscan_unescape(raw, s, n);
    s[n] = '\0';
    return s;
}

const char *jsonscan_kind_name(enum jsonscan_kind k)
{
    static const char *const names[] = {
        [JSONSCAN_NONE] = "absent",       [JSONSCAN_NULL] = "null",         [JSONSCAN_FALSE] = "a boolean",  [JSONSCAN_TRUE] = "a boolean",
        [JSONSCAN_NUMBER] = "a number",   [JSONSCAN_STRING] = "a string",   [JSONSCAN_ARRAY] = "an array",   [JSONSCAN_OBJECT] = "an object",
    };
    return names[k];
}

static bool is_empty(struct jsonscan_value v)
{
    return v.kind == JSONSCAN_NONE || v.kind == JSONSCAN_NULL;
}

static int wrong_kind(struct jsonscan_value v, const char *what, const char *wanted, struct err *e)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s is %s, not %s", what, jsonscan_kind_name(v.kind), wanted);
}

int jsonscan_str(struct jsonscan_value v, const char *what, size_t max, struct arena *a, char **ret, struct err *e)
{
    if (is_empty(v))
        return 0;
    if (v.kind != JSONSCAN_STRING)
        return wrong_kind(v, what, "a string", e);
    size_t n = jsonscan_unescape(v.raw, NULL, 0);
    if (n > max)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is longer than %zu bytes", what, max);
    char *s = jsonscan_strdup(v.raw, a);
    if (!s)
        return err_oom(e);
    if (strlen(s) != n)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s contains a NUL", what);
    *ret = s;
    return 0;
}

int jsonscan_text(struct jsonscan_value v, const char *what, size_t max, struct arena *a, const char **ret, struct err *e)
{
    char *s = NULL;
    TRY(jsonscan_str(v, what, max, a, &s, e));
    *ret = s ? s : "";
    return 0;
}

int jsonscan_i64(struct jsonscan_value v, const char *what, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
    if (is_empty(v))
        return 0;
    if (v.kind != JSONSCAN_NUMBER)
        return wrong_kind(v, what, "a number", e);
    struct view shown = view_slice(v.raw, 0, 64);
    switch (num_parse_i64(v.raw, min, max, ret)) {
    case NUM_OK:
        return 0;
    case NUM_OUT_OF_RANGE:
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is %.*s, outside %lld to %lld", what, (int)shown.n, shown.p, (long long)min,
                         (long long)max);
    default:
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is %.*s, not an integer", what, (int)shown.n, shown.p);
    }
}

int jsonscan_bool(struct jsonscan_value v, const char *what, bool *ret, struct err *e)
{
    if (is_empty(v))
        return 0;
    if (v.kind != JSONSCAN_TRUE && v.kind != JSONSCAN_FALSE)
        return wrong_kind(v, what, "a boolean", e);
    *ret = v.kind == JSONSCAN_TRUE;
    return 0;
}

static int container(struct jsonscan_value v, enum jsonscan_kind kind, const char *what, size_t max, bool *ret_present, struct err *e)
{
    if (is_empty(v)) {
        *ret_present = false;
        return 0;
    }
    if (v.kind != kind)
        return wrong_kind(v, what, jsonscan_kind_name(kind), e);
    if (jsonscan_count(v) > max)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s has more than %zu entries", what, max);
    *ret_present = true;
    return 0;
}

int jsonscan_array(struct jsonscan_value v, const char *what, size_t max_elements, bool *ret_present, struct err *e)
{
    return container(v, JSONSCAN_ARRAY, what, max_elements, ret_present, e);
}

int jsonscan_object(struct jsonscan_value v, const char *what, size_t max_members, bool *ret_present, struct err *e)
{
    return container(v, JSONSCAN_OBJECT, what, max_members, ret_present, e);
}

int jsonscan_strlist(struct jsonscan_value v, const char *what, size_t max_elements, size_t max_bytes, struct arena *a, struct strlist *ret,
                     bool *ret_present, struct err *e)
{
    struct strlist list = {.v = NULL};
    struct jsonscan_value element;
    bool present;
    TRY(jsonscan_array(v, what, max_elements, &present, e));
    struct jsonscan_iter it = jsonscan_iter(v);
    while (jsonscan_next(&it, NULL, &element)) {
        char *s = NULL;
        char place[32];
        snprintf(place, sizeof place, "[%zu]", list.n);
        if (is_empty(element))
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s%s is null, not a string", what, place);
        int r = jsonscan_str(element, place, max_bytes, a, &s, e);
        if (r < 0)
            return err_wrap(e, r, "%s", what);
        if (strlist_add(&list, a, s) < 0)
            return err_oom(e);
    }
    *ret = list;
    if (ret_present)
        *ret_present = present;
    return 0;
}

int jsonscan_kvlist(struct jsonscan_value v, const char *what, size_t max_members, size_t max_bytes, struct arena *a, struct kvlist *ret,
                    struct err *e)
{
    struct kvlist list = {.v = NULL};
    struct jsonscan_value value;
    struct view raw_key;
    bool present;
    TRY(jsonscan_object(v, what, max_members, &present, e));
    struct jsonscan_iter it = jsonscan_iter(v);
    while (jsonscan_next(&it, &raw_key, &value)) {
        struct jsonscan_value key_value = {.kind = JSONSCAN_STRING, .raw = raw_key};
        char *key = NULL, *text = NULL;
        int r = jsonscan_str(key_value, "a key", max_bytes, a, &key, e);
        if (r == 0)
            r = jsonscan_str(value, key, max_bytes, a, &text, e);
        if (r < 0)
            return err_wrap(e, r, "%s", what);
        if (kvlist_set(&list, a, key, text ? text : "") < 0)
            return err_oom(e);
    }
    *ret = list;
    return 0;
}

int jsonscan_document(struct view text, const char *what, size_t max_bytes, struct jsonscan_value *ret, struct err *e)
{
    struct jsonscan_value v = {.kind = JSONSCAN_NONE};
    if (text.n > max_bytes)
        return err_raise(e, ERR_OUT_OF_RANGE, "%s has %zu bytes, more than %zu", what, text.n, max_bytes);
    int r = jsonscan_parse(text, &v, e);
    if (r < 0)
        return err_wrap(e, r, "%s", what);
    if (v.kind != JSONSCAN_OBJECT)
        return wrong_kind(v, what, "an object", e);
    *ret = v;
    return 0;
}
