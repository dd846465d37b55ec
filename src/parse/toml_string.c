/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings and keys of TOML (sections "Keys" and "String"), see toml_read.h.
 *
 * A string is at most as long as it is written: an escape is longer than what it stands for. So its end is looked for, memory is
 * taken for the bytes up to there, and then it is decoded. The text is known to be UTF-8 when it comes here.
 */
#include "base/codec.h"
#include "parse/toml_read.h"

/* How a string is quoted, and where it began. */
struct quoting {
    char quote;
    bool multi, escapes;
    struct toml_spot spot;
};

static bool at_quotes(const struct toml_reader *r, size_t ahead, const struct quoting *q)
{
    if (toml_peek(r, ahead) != q->quote)
        return false;
    return !q->multi || (toml_peek(r, ahead + 1) == q->quote && toml_peek(r, ahead + 2) == q->quote);
}

/* Bytes before the closing quotes (or before the end, where they are missing). */
static size_t length_as_written(const struct toml_reader *r, const struct quoting *q)
{
    size_t n = 0, left = (size_t)(r->end - r->at);
    while (n < left && !at_quotes(r, n, q) && (q->multi || r->at[n] != '\n'))
        n += q->escapes && r->at[n] == '\\' ? 2 : 1;
    return MIN_OF(n, left);
}

static int bad_escape(struct toml_reader *r)
{
    size_t n = utf8_sequence(r->at + 1, (size_t)(r->end - r->at) - 1);
    return toml_bad(r, toml_here(r), "\"%.*s\" is no escape that TOML knows", (int)n + 1, r->at);
}

/* \uXXXX and \UXXXXXXXX */
static int read_code_point(struct toml_reader *r, int digits, char *out, size_t *n)
{
    uint32_t c = 0;
    for (int i = 0; i < digits; i++) {
        int next = toml_peek(r, (size_t)i + 2);
        int d = next < 0 ? -1 : hex_digit((char)next);
        if (d < 0)
            return toml_bad(r, toml_here(r), "\"\\%c\" needs %d hexadecimal digits behind it", r->at[1], digits);
        c = c << 4 | (uint32_t)d;
    }
    if (c == 0)
        return toml_bad(r, toml_here(r), "a NUL in a string is not supported");
    if ((c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
        return toml_bad(r, toml_here(r), "\"%.*s\" is no Unicode character", digits + 2, r->at);
    r->at += digits + 2;
    *n += utf8_encode(c, out + *n);
    return 0;
}

/* A backslash that ends a line of a string with several: what is blank behind it belongs to the layout. */
static int skip_continuation(struct toml_reader *r)
{
    struct toml_reader start = *r;
    r->at++;
    toml_skip_blanks(r);
    if (!toml_skip_newline(r))
        return bad_escape(&start);
    do
        toml_skip_blanks(r);
    while (toml_skip_newline(r));
    return 0;
}

static int read_escape(struct toml_reader *r, const struct quoting *q, char *out, size_t *n)
{
    static const char letters[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
    int c = toml_peek(r, 1);
    if (c == 'u' || c == 'U')
        return read_code_point(r, c == 'u' ? 4 : 8, out, n);
    if (q->multi && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
        return skip_continuation(r);
    if (c == '\n' || c == '\r')
        return toml_bad(r, q->spot, "the string does not end on its line");
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (!letter)
        return bad_escape(r);
    out[(*n)++] = means[letter - letters];
    r->at += 2;
    return 0;
}

static int read_character(struct toml_reader *r, const struct quoting *q, char *out, size_t *n)
{
    char c = *r->at;
    if (c == '\\' && q->escapes)
        return read_escape(r, q, out, n);
    if (q->multi && toml_skip_newline(r)) {
        out[(*n)++] = '\n';
        return 0;
    }
    if (c == '\n' || (c == '\r' && toml_peek(r, 1) == '\n'))
        return toml_bad(r, q->spot, "the string does not end on its line");
    if (toml_is_control((unsigned char)c))
        return toml_bad(r, toml_here(r), "the control character 0x%02X in a string", (unsigned char)c);
    out[(*n)++] = c;
    r->at++;
    return 0;
}

/* The reader stands behind the opening quotes. */
static int read_quoted(struct toml_reader *r, const struct quoting *q, struct view *ret)
{
    size_t n = 0;
    /* Up to two quotes may stand right before the closing three. */
    char *out = arena_alloc(r->arena, length_as_written(r, q) + 2 + 1);
    if (!out)
        return err_oom(r->e);
    while (!at_quotes(r, 0, q)) {
        if (r->at == r->end)
            return toml_bad(r, q->spot, "the string does not end");
        TRY(read_character(r, q, out, &n));
    }
    for (int extra = 0; extra < 2 && q->multi && toml_peek(r, 3) == q->quote; extra++, r->at++)
        out[n++] = q->quote;
    r->at += q->multi ? 3 : 1;
    *ret = view_make(out, n);
    return 0;
}

int toml_read_string(struct toml_reader *r, struct view *ret)
{
    struct quoting q = {.quote = *r->at, .multi = true, .escapes = *r->at == '"', .spot = toml_here(r)};
    q.multi = at_quotes(r, 0, &q);
    r->at += q.multi ? 3 : 1;
    if (q.multi)
        toml_skip_newline(r);
    return read_quoted(r, &q, ret);
}

static bool is_bare(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int toml_read_key(struct toml_reader *r, struct view *ret)
{
    int c = toml_peek(r, 0);
    if (c == '"' || c == '\'') {
        struct quoting q = {.quote = (char)c, .multi = true, .escapes = c == '"', .spot = toml_here(r)};
        if (at_quotes(r, 0, &q))
            return toml_bad(r, q.spot, "a string of several lines cannot be a key");
        q.multi = false;
        r->at++;
        return read_quoted(r, &q, ret);
    }
    const char *start = r->at;
    while (is_bare(toml_peek(r, 0)))
        r->at++;
    if (r->at > start) {
        *ret = view_make(start, (size_t)(r->at - start));
        return 0;
    }
    return toml_unexpected(r, "a key");
}
