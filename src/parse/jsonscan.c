/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in place: the validator and the iterators, see jsonscan.h. Reading strings and typed values is in jsonscan_read.c.
 */
#include "parse/jsonscan.h"

#include "base/codec.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_blanks(struct view t, size_t i)
{
    while (i < t.n && is_blank(t.p[i]))
        i++;
    return i;
}

/* Four hex digits at i, or -1. */
static int32_t hex4(struct view t, size_t i)
{
    int32_t v = 0;
    if (t.n < 4 || i > t.n - 4)
        return -1;
    for (size_t k = 0; k < 4; k++) {
        int d = hex_digit(t.p[i + k]);
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Checks what follows a backslash at *i and moves *i behind it. */
static enum jsonscan_class check_escape(struct view t, size_t *i)
{
    if (*i >= t.n)
        return JSONSCAN_TRUNCATED;
    char c = t.p[*i];
    if (c != 'u') {
        if (c == '\0' || !strchr("\"\\/bfnrt", c))
            return JSONSCAN_BAD_STRING;
        *i += 1;
        return JSONSCAN_OK;
    }
    int32_t high = hex4(t, *i + 1);
    if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return JSONSCAN_BAD_STRING;
    *i += 5;
    if (high < 0xD800 || high > 0xDBFF)
        return JSONSCAN_OK;
    if (t.n - *i < 6 || t.p[*i] != '\\' || t.p[*i + 1] != 'u')
        return JSONSCAN_BAD_STRING;
    int32_t low = hex4(t, *i + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return JSONSCAN_BAD_STRING;
    *i += 6;
    return JSONSCAN_OK;
}

/* Checks the string that starts with the quote at *i; *i ends behind its closing quote, or at the bad byte. */
static enum jsonscan_class check_string(struct view t, size_t *i)
{
    *i += 1;
    while (*i < t.n) {
        unsigned char c = (unsigned char)t.p[*i];
        if (c == '"') {
            *i += 1;
            return JSONSCAN_OK;
        }
        if (c == '\\') {
            *i += 1;
            enum jsonscan_class r = check_escape(t, i);
            if (r != JSONSCAN_OK)
                return r;
            continue;
        }
        size_t n = c < 0x80 ? (c >= 0x20) : utf8_sequence(t.p + *i, t.n - *i);
        if (n == 0)
            return JSONSCAN_BAD_STRING;
        *i += n;
    }
    return JSONSCAN_TRUNCATED;
}

static size_t skip_digits(struct view t, size_t i)
{
    while (i < t.n && is_digit(t.p[i]))
        i++;
    return i;
}

/* number = ["-"] ("0" / 1-9 *digit) ["." 1*digit] [("e" / "E") ["+" / "-"] 1*digit] */
static enum jsonscan_class check_number(struct view t, size_t *i)
{
    size_t at = *i, start;
    if (t.p[at] == '-')
        at++;
    start = at;
    at = at < t.n && t.p[at] == '0' ? at + 1 : skip_digits(t, at);
    if (at == start)
        goto bad;
    if (at < t.n && t.p[at] == '.') {
        start = ++at;
        at = skip_digits(t, at);
        if (at == start)
            goto bad;
    }
    if (at < t.n && (t.p[at] == 'e' || t.p[at] == 'E')) {
        at++;
        if (at < t.n && (t.p[at] == '+' || t.p[at] == '-'))
            at++;
        start = at;
        at = skip_digits(t, at);
        if (at == start)
            goto bad;
    }
    *i = at;
    return JSONSCAN_OK;
bad:
    *i = at;
    return at == t.n ? JSONSCAN_TRUNCATED : JSONSCAN_BAD_SYNTAX;
}

static enum jsonscan_class check_literal(struct view t, size_t *i, struct view literal)
{
    for (size_t k = 0; k < literal.n; k++, *i += 1) {
        if (*i == t.n)
            return JSONSCAN_TRUNCATED;
        if (t.p[*i] != literal.p[k])
            return JSONSCAN_BAD_SYNTAX;
    }
    return JSONSCAN_OK;
}

static enum jsonscan_class check_scalar(struct view t, size_t *i)
{
    switch (t.p[*i]) {
    case '"':
        return check_string(t, i);
    case 't':
        return check_literal(t, i, VIEW_LIT("true"));
    case 'f':
        return check_literal(t, i, VIEW_LIT("false"));
    case 'n':
        return check_literal(t, i, VIEW_LIT("null"));
    default:
        if (t.p[*i] == '-' || is_digit(t.p[*i]))
            return check_number(t, i);
        return JSONSCAN_BAD_SYNTAX;
    }
}

/* What may come next. */
enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, NOTHING };

struct checker {
    struct view t;
    size_t i;
    enum expect expect;
    unsigned depth;
    uint64_t object[JSONSCAN_DEPTH_MAX / 64]; /* one bit a level: object or array */
};

static bool in_object(const struct checker *c)
{
    unsigned level = c->depth - 1;
    return (c->object[level / 64] >> (level % 64)) & 1;
}

static void after_value(struct checker *c)
{
    c->expect = c->depth == 0 ? NOTHING : COMMA_OR_END;
}

static enum jsonscan_class open_container(struct checker *c, bool object)
{
    if (c->depth == JSONSCAN_DEPTH_MAX)
        return JSONSCAN_TOO_DEEP;
    uint64_t bit = UINT64_C(1) << (c->depth % 64);
    if (object)
        c->object[c->depth / 64] |= bit;
    else
        c->object[c->depth / 64] &= ~bit;
    c->depth++;
    c->i++;
    c->expect = object ? KEY_OR_END : VALUE_OR_END;
    return JSONSCAN_OK;
}

static enum jsonscan_class check_value(struct checker *c)
{
    char ch = c->t.p[c->i];
    if (ch == '{' || ch == '[')
        return open_container(c, ch == '{');
    enum jsonscan_class r = check_scalar(c->t, &c->i);
    if (r == JSONSCAN_OK)
        after_value(c);
    return r;
}

static void close_container(struct checker *c)
{
    c->depth--;
    c->i++;
    after_value(c);
}

/* One token, which is there. */
static enum jsonscan_class check_token(struct checker *c)
{
    char ch = c->t.p[c->i];
    enum jsonscan_class r;
    switch (c->expect) {
    case VALUE_OR_END:
        if (ch == ']') {
            close_container(c);
            return JSONSCAN_OK;
        }
        return check_value(c);
    case VALUE:
        return check_value(c);
    case KEY_OR_END:
    case KEY:
        if (ch == '}' && c->expect == KEY_OR_END) {
            close_container(c);
            return JSONSCAN_OK;
        }
        if (ch != '"')
            return JSONSCAN_BAD_SYNTAX;
        r = check_string(c->t, &c->i);
        c->expect = COLON;
        return r;
    case COLON:
        if (ch != ':')
            return JSONSCAN_BAD_SYNTAX;
        c->i++;
        c->expect = VALUE;
        return JSONSCAN_OK;
    case COMMA_OR_END:
        if (ch == (in_object(c) ? '}' : ']')) {
            close_container(c);
            return JSONSCAN_OK;
        }
        if (ch != ',')
            return JSONSCAN_BAD_SYNTAX;
        c->i++;
        c->expect = in_object(c) ? KEY : VALUE;
        return JSONSCAN_OK;
    default:
        return JSONSCAN_TRAILING;
    }
}

/* By the first character, which is there. */
static struct jsonscan_value value_of(struct view raw)
{
    struct jsonscan_value v = {.kind = JSONSCAN_NONE, .raw = raw};
    switch (raw.p[0]) {
    case '{':
        v.kind = JSONSCAN_OBJECT;
        break;
    case '[':
        v.kind = JSONSCAN_ARRAY;
        break;
    case '"':
        v.kind = JSONSCAN_STRING;
        break;
    case 't':
        v.kind = JSONSCAN_TRUE;
        break;
    case 'f':
        v.kind = JSONSCAN_FALSE;
        break;
    case 'n':
        v.kind = JSONSCAN_NULL;
        break;
    default:
        v.kind = JSONSCAN_NUMBER;
        break;
    }
    return v;
}

enum jsonscan_class jsonscan_check(struct view text, struct jsonscan_value *ret, size_t *ret_at)
{
    struct checker c = {.t = text, .expect = VALUE};
    enum jsonscan_class r = JSONSCAN_OK;
    while (r == JSONSCAN_OK) {
        c.i = skip_blanks(text, c.i);
        if (c.i == text.n)
            break;
        r = check_token(&c);
    }
    if (r == JSONSCAN_OK && c.expect != NOTHING)
        r = JSONSCAN_TRUNCATED;
    if (ret_at)
        *ret_at = c.i;
    if (r == JSONSCAN_OK)
        *ret = value_of(view_trim(text));
    return r;
}

int jsonscan_parse(struct view text, struct jsonscan_value *ret, struct err *e)
{
    static const char *const why[] = {
        [JSONSCAN_BAD_SYNTAX] = "unexpected character",
        [JSONSCAN_BAD_STRING] = "malformed string",
        [JSONSCAN_TOO_DEEP] = "nested too deeply",
        [JSONSCAN_TRUNCATED] = "it ends too early",
        [JSONSCAN_TRAILING] = "more text behind the value",
    };
    size_t at = 0;
    enum jsonscan_class r = jsonscan_check(text, ret, &at);
    if (r == JSONSCAN_OK)
        return 0;
    return err_raise(e, ERR_INVALID_ARGUMENT, "not valid JSON at byte %zu: %s", at, why[r]);
}

/* The functions below walk text that has been validated. They stay within it whatever it is. */

/* Behind the string that starts at i. */
static size_t skip_string(struct view t, size_t i)
{
    for (i++; i < t.n && t.p[i] != '"'; i++)
        if (t.p[i] == '\\')
            i++;
    return i < t.n ? i + 1 : t.n;
}

/* Behind the value that starts at i. */
static size_t skip_value(struct view t, size_t i)
{
    size_t depth = 0;
    while (i < t.n) {
        char c = t.p[i];
        if (c == '"') {
            i = skip_string(t, i);
        } else if (c == '{' || c == '[') {
            depth++;
            i++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return i;
            depth--;
            i++;
        } else if (depth == 0) {
            while (i < t.n && t.p[i] != ',' && t.p[i] != '}' && t.p[i] != ']' && !is_blank(t.p[i]))
                i++;
            return i;
        } else {
            i++;
        }
        if (depth == 0)
            return i;
    }
    return i;
}

struct jsonscan_iter jsonscan_iter(struct jsonscan_value v)
{
    struct jsonscan_iter it = {.rest = VIEW_EMPTY, .object = v.kind == JSONSCAN_OBJECT};
    if ((v.kind == JSONSCAN_OBJECT || v.kind == JSONSCAN_ARRAY) && v.raw.n >= 2)
        it.rest = view_slice(v.raw, 1, v.raw.n - 1);
    return it;
}

static size_t skip_to(struct view t, size_t i, char separator)
{
    while (i < t.n && (is_blank(t.p[i]) || t.p[i] == separator))
        i++;
    return i;
}

bool jsonscan_next(struct jsonscan_iter *it, struct view *ret_key, struct jsonscan_value *ret)
{
    struct view t = it->rest, key = VIEW_EMPTY;
    size_t i = skip_to(t, 0, ',');
    if (it->object) {
        size_t start = i;
        if (i == t.n)
            return false;
        i = skip_string(t, i);
        key = view_slice(t, start, i);
        i = skip_to(t, i, ':');
    }
    if (i == t.n)
        return false;
    size_t end = skip_value(t, i);
    if (end == i)
        return false;
    *ret = value_of(view_slice(t, i, end));
    if (ret_key)
        *ret_key = key;
    it->rest = view_slice(t, end, t.n);
    return true;
}

size_t jsonscan_count(struct jsonscan_value v)
{
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    size_t n = 0;
    while (jsonscan_next(&it, NULL, &element))
        n++;
    return n;
}

void jsonscan_pick(struct jsonscan_value object, const char *const *names, size_t n, struct jsonscan_value *values)
{
    struct jsonscan_iter it = jsonscan_iter(object);
    struct jsonscan_value value;
    struct view key;
    for (size_t i = 0; i < n; i++)
        values[i] = (struct jsonscan_value){.kind = JSONSCAN_NONE};
    while (it.object && jsonscan_next(&it, &key, &value))
        for (size_t i = 0; i < n; i++)
            if (jsonscan_str_eq(key, names[i]))
                values[i] = value;
}

struct jsonscan_value jsonscan_get(struct jsonscan_value object, const char *name)
{
    struct jsonscan_value value;
    jsonscan_pick(object, &name, 1, &value);
    return value;
}
