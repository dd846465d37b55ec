/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates and times of TOML: RFC 3339, section 5.6, with "T" replaced by a space at will, and its parts alone.
 */
#include "parse/toml_read.h"

struct cursor {
    struct view left;
};

static bool take(struct cursor *c, const char *any)
{
    if (c->left.n == 0 || !strchr(any, c->left.p[0]))
        return false;
    c->left = view_slice(c->left, 1, c->left.n);
    return true;
}

/* Exactly n digits. */
static bool take_number(struct cursor *c, size_t n, unsigned *ret)
{
    unsigned value = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= c->left.n || c->left.p[i] < '0' || c->left.p[i] > '9')
            return false;
        value = value * 10 + (unsigned)(c->left.p[i] - '0');
    }
    c->left = view_slice(c->left, n, c->left.n);
    *ret = value;
    return true;
}

static unsigned days_in(unsigned month, unsigned year)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Each returns NULL, or what is wrong. */
static const char *read_date(struct cursor *c)
{
    unsigned year, month, day;
    if (!take_number(c, 4, &year) || !take(c, "-") || !take_number(c, 2, &month) || !take(c, "-") || !take_number(c, 2, &day))
        return "is not a date (YYYY-MM-DD)";
    return month < 1 || month > 12 || day < 1 || day > days_in(month, year) ? "is not a day of the calendar" : NULL;
}

static const char *read_time(struct cursor *c)
{
    unsigned hour, minute, second, digit;
    if (!take_number(c, 2, &hour) || !take(c, ":") || !take_number(c, 2, &minute) || !take(c, ":") || !take_number(c, 2, &second))
        return "is not a time (hh:mm:ss)";
    if (take(c, ".")) {
        if (!take_number(c, 1, &digit))
            return "has no digit behind the point";
        while (take_number(c, 1, &digit))
            ;
    }
    /* Second 60 is a leap second; which minutes have one is not known beforehand. */
    return hour > 23 || minute > 59 || second > 60 ? "is not a time of the day" : NULL;
}

static const char *read_offset(struct cursor *c)
{
    unsigned hour, minute;
    if (take(c, "Zz"))
        return NULL;
    if (!take(c, "+-") || !take_number(c, 2, &hour) || !take(c, ":") || !take_number(c, 2, &minute))
        return "has no offset from UTC (Z, +hh:mm or -hh:mm) behind the time";
    return hour > 23 || minute > 59 ? "has an offset from UTC of a day or more" : NULL;
}

static const char *read_all(struct view text, enum toml_datetime_kind *ret_kind)
{
    struct cursor c = {text};
    const char *wrong;
    *ret_kind = TOML_LOCAL_TIME;
    if (text.p[2] != ':') {
        *ret_kind = TOML_LOCAL_DATE;
        if ((wrong = read_date(&c)) || c.left.n == 0)
            return wrong;
        *ret_kind = TOML_LOCAL_DATETIME;
        if (!take(&c, "Tt "))
            return "is not a date (YYYY-MM-DD)";
    }
    if ((wrong = read_time(&c)) || c.left.n == 0)
        return wrong;
    if (*ret_kind == TOML_LOCAL_TIME)
        return "is not a time (hh:mm:ss)";
    *ret_kind = TOML_OFFSET_DATETIME;
    wrong = read_offset(&c);
    return wrong || c.left.n == 0 ? wrong : "goes on behind the offset from UTC";
}

int toml_read_datetime(struct toml_reader *r, struct view text, struct toml_spot spot, struct toml *node)
{
    enum toml_datetime_kind kind;
    const char *wrong = read_all(text, &kind);
    if (wrong)
        return toml_bad(r, spot, "\"%.*s\" %s", VIEW_ARG(toml_shown(text)), wrong);
    const char *copy = arena_view(r->arena, text);
    if (!copy)
        return err_oom(r->e);
    node->type = TOML_DATETIME;
    node->datetime.text = view_make(copy, text.n);
    node->datetime.kind = kind;
    return 0;
}
