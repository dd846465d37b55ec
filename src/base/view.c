/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views, see view.h.
 */
#include "base/view.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool view_eq_str(struct view a, const char *s)
{
    return view_eq(a, view_of(s));
}

bool view_eq_nocase(struct view a, struct view b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool view_starts(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_eq(view_make(v.p, prefix.n), prefix);
}

bool view_ends(struct view v, struct view suffix)
{
    return suffix.n == 0 || (v.n >= suffix.n && view_eq(view_make(v.p + (v.n - suffix.n), suffix.n), suffix));
}

size_t view_find(struct view v, char c)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == c)
            return i;
    return v.n;
}

size_t view_rfind(struct view v, char c)
{
    for (size_t i = v.n; i > 0; i--)
        if (v.p[i - 1] == c)
            return i - 1;
    return v.n;
}

struct view view_slice(struct view v, size_t from, size_t to)
{
    if (to > v.n)
        to = v.n;
    if (from >= to)
        return VIEW_EMPTY;
    return view_make(v.p + from, to - from);
}

bool view_cut(struct view v, char c, struct view *head, struct view *tail)
{
    size_t i = view_find(v, c);
    bool found = i < v.n;
    if (head)
        *head = view_slice(v, 0, i);
    if (tail)
        *tail = found ? view_slice(v, i + 1, v.n) : VIEW_EMPTY;
    return found;
}

bool view_next_line(struct view *rest, struct view *line)
{
    if (rest->n == 0)
        return false;
    view_cut(*rest, '\n', line, rest);
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct view view_trim(struct view v)
{
    size_t from = 0, to = v.n;
    while (from < to && blank(v.p[from]))
        from++;
    while (to > from && blank(v.p[to - 1]))
        to--;
    return view_slice(v, from, to);
}
