/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, booleans, dates and times of TOML (sections "Integer" to "Local Time"), see toml_read.h.
 *
 * Such a value is the longest run of characters that any of them has; it is one of them as a whole or an error.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "parse/toml_read.h"

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_scalar_char(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '.' || c == '_' || c == ':';
}

static size_t run_length(const struct toml_reader *r, size_t from)
{
    size_t n = from;
    while (is_scalar_char(toml_peek(r, n)))
        n++;
    return n - from;
}

/* Moves *i over digits with single underscores between them; false when there is no digit, or an underscore elsewhere. */
static bool take_digits(struct view v, size_t *i, int base)
{
    bool digit = false;
    for (; *i < v.n; *i += 1) {
        int d = hex_digit(v.p[*i]);
        if (d >= 0 && d < base)
            digit = true;
        else if (v.p[*i] == '_' && digit)
            digit = false;
        else
            break;
    }
    return digit;
}

static bool take_char(struct view v, size_t *i, const char *any)
{
    if (*i >= v.n || !strchr(any, v.p[*i]))
        return false;
    *i += 1;
    return true;
}

/* The value of digits and underscores; false when it is above max. */
static bool digits_value(struct view v, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '_')
            continue;
        unsigned d = (unsigned)hex_digit(v.p[i]);
        if (value > (max - d) / base)
            return false;
        value = value * base + d;
    }
    *ret = value;
    return true;
}

static int bad_number(struct toml_reader *r, struct view text, struct toml_spot spot)
{
    return toml_bad(r, spot, "\"%.*s\" is not a number", VIEW_ARG(toml_shown(text)));
}

static int read_integer(struct toml_reader *r, struct view text, struct toml_spot spot, struct toml *node)
{
    bool negative = text.p[0] == '-';
    size_t start = text.p[0] == '-' || text.p[0] == '+' ? 1 : 0;
    int base = 10;
    if (text.n >= 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'o' || text.p[1] == 'b')) {
        base = text.p[1] == 'x' ? 16 : text.p[1] == 'o' ? 8 : 2;
        start = 2;
    }
    size_t i = start;
    if (!take_digits(text, &i, base) || i != text.n)
        return bad_number(r, text, spot);
    if (base == 10 && text.p[start] == '0' && text.n > start + 1)
        return toml_bad(r, spot, "the number \"%.*s\" starts with a zero", VIEW_ARG(toml_shown(text)));
    uint64_t value, max = (uint64_t)INT64_MAX + negative;
    if (!digits_value(view_slice(text, start, text.n), (unsigned)base, max, &value))
        return toml_bad(r, spot, "the integer \"%.*s\" does not fit into 64 bits", VIEW_ARG(toml_shown(text)));
    node->type = TOML_INTEGER;
    node->integer = negative && value > 0 ? -(int64_t)(value - 1) - 1 : (int64_t)value;
    return 0;
}

/* The digits of a decimal fraction without the zeros in front, as many as decide how it is rounded: between two neighbours of a double lies
 * no number with more than 768 digits. What is cut off decides only when it is not zero, so a 1 stands for it. */
enum { DECIMAL_DIGITS = 800 };
struct decimal {
    char text[DECIMAL_DIGITS + 32]; /* the digits, "e", the exponent */
    size_t n;
    int64_t exponent;
    bool more;
};

static void add_digits(struct decimal *d, struct view digits, bool fraction)
{
    for (size_t i = 0; i < digits.n; i++) {
        char c = digits.p[i];
        if (c == '_')
            continue;
        bool kept = d->n < DECIMAL_DIGITS && (d->n > 0 || c != '0');
        bool cut = !kept && d->n > 0;
        if (kept)
            d->text[d->n++] = c;
        d->more |= cut && c != '0';
        d->exponent += cut - fraction;
    }
}

/* strtod rounds correctly but takes the decimal point of the process's locale, so it is given none. */
static double decimal_value(struct decimal *d, bool negative)
{
    double value = 0;
    if (d->more) {
        d->text[d->n++] = '1';
        d->exponent--;
    }
    if (d->n > 0) {
        snprintf(d->text + d->n, sizeof d->text - d->n, "e%lld", (long long)d->exponent);
        value = strtod(d->text, NULL);
    }
    return negative ? -value : value;
}

/* The exponent with its sign; one that is beyond all doubles is cut to one that still is. */
static int64_t exponent_value(struct view v)
{
    bool negative = v.p[0] == '-';
    uint64_t value;
    if (v.p[0] == '-' || v.p[0] == '+')
        v = view_slice(v, 1, v.n);
    if (!digits_value(v, 10, 1000000000, &value))
        value = 1000000000;
    return negative ? -(int64_t)value : (int64_t)value;
}

static int read_float(struct toml_reader *r, struct view text, struct toml_spot spot, struct toml *node)
{
    struct decimal d = {.n = 0};
    size_t i = 0, at;
    bool signs = take_char(text, &i, "+-");
    at = i;
    if (!take_digits(text, &i, 10))
        return bad_number(r, text, spot);
    if (text.p[at] == '0' && i > at + 1)
        return toml_bad(r, spot, "the number \"%.*s\" starts with a zero", VIEW_ARG(toml_shown(text)));
    add_digits(&d, view_slice(text, at, i), false);
    if (take_char(text, &i, ".")) {
        at = i;
        if (!take_digits(text, &i, 10))
            return bad_number(r, text, spot);
        add_digits(&d, view_slice(text, at, i), true);
    }
    if (take_char(text, &i, "eE")) {
        at = i;
        take_char(text, &i, "+-");
        if (!take_digits(text, &i, 10))
            return bad_number(r, text, spot);
        d.exponent += exponent_value(view_slice(text, at, i));
    }
    if (i != text.n)
        return bad_number(r, text, spot);
    node->type = TOML_FLOAT;
    node->real = decimal_value(&d, signs && text.p[0] == '-');
    return 0;
}

static bool read_word(struct view text, struct toml *node)
{
    if (view_eq_str(text, "true") || view_eq_str(text, "false")) {
        node->type = TOML_BOOL;
        node->boolean = text.p[0] == 't';
        return true;
    }
    struct view word = text.p[0] == '+' || text.p[0] == '-' ? view_slice(text, 1, text.n) : text;
    if (!view_eq_str(word, "inf") && !view_eq_str(word, "nan"))
        return false;
    node->type = TOML_FLOAT;
    node->real = word.p[0] == 'i' ? (double)INFINITY : (double)NAN;
    if (text.p[0] == '-')
        node->real = -node->real;
    return true;
}

/* v has at least n bytes. */
static bool all_digits(struct view v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(v.p[i]))
            return false;
    return true;
}

/* Only a date or a time has "-" behind four digits, or ":" behind two. */
static bool is_datetime(struct view v)
{
    return (v.n > 4 && v.p[4] == '-' && all_digits(v, 4)) || (v.n > 2 && v.p[2] == ':' && all_digits(v, 2));
}

/* A date and a time may be parted by a space; then both belong to the value. */
static size_t datetime_length(const struct toml_reader *r, size_t n)
{
    return n == 10 && toml_peek(r, 4) == '-' && toml_peek(r, n) == ' ' && is_digit(toml_peek(r, n + 1)) ? n + 1 + run_length(r, n + 1) : n;
}

static bool has_fraction(struct view v)
{
    return view_find(v, '.') < v.n || view_find(v, 'e') < v.n || view_find(v, 'E') < v.n;
}

int toml_read_scalar(struct toml_reader *r, struct toml *node)
{
    struct toml_spot spot = toml_here(r);
    struct view text = view_make(r->at, run_length(r, 0));
    if (text.n == 0)
        return toml_unexpected(r, "a value");
    if (is_datetime(text)) {
        text.n = datetime_length(r, text.n);
        r->at += text.n;
        return toml_read_datetime(r, text, spot, node);
    }
    r->at += text.n;
    if (read_word(text, node))
        return 0;
    if (!is_digit(text.p[0]) && (text.n == 1 || (text.p[0] != '+' && text.p[0] != '-') || !is_digit(text.p[1])))
        return toml_bad(r, spot, "\"%.*s\" is no value; a string needs quotes", VIEW_ARG(toml_shown(text)));
    bool prefixed = text.n > 1 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'o' || text.p[1] == 'b');
    return !prefixed && has_fraction(text) ? read_float(r, text, spot, node) : read_integer(r, text, spot, node);
}
