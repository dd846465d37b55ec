/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of log lines, see logline.h.
 */
#include "parse/logline.h"

static size_t put(char *out, size_t at, struct view v)
{
    if (v.n > 0)
        memcpy(out + at, v.p, v.n);
    return at + v.n;
}

size_t logline_head(char *out, struct view time, enum logline_stream stream, bool partial)
{
    if (time.n > LOGLINE_TIME_MAX)
        return 0;
    size_t n = put(out, 0, time);
    n = put(out, n, stream == LOGLINE_STDERR ? VIEW_LIT(" stderr ") : VIEW_LIT(" stdout "));
    return put(out, n, partial ? VIEW_LIT("P ") : VIEW_LIT("F "));
}

/* The number of the two digits at i, or -1. Both bytes are there. */
static int two_digits(struct view v, size_t i)
{
    for (size_t k = i; k < i + 2; k++)
        if (v.p[k] < '0' || v.p[k] > '9')
            return -1;
    return (v.p[i] - '0') * 10 + (v.p[i + 1] - '0');
}

static bool in_range(struct view v, size_t i, int min, int max)
{
    int n = two_digits(v, i);
    return n >= min && n <= max;
}

/* Does the text follow the pattern, in which '0' stands for any digit? */
static bool has_shape(struct view v, struct view pattern)
{
    for (size_t i = 0; i < pattern.n; i++) {
        if (i >= v.n)
            return false;
        if (pattern.p[i] == '0' ? v.p[i] < '0' || v.p[i] > '9' : v.p[i] != pattern.p[i])
            return false;
    }
    return true;
}

bool logline_time_valid(struct view v)
{
    static const char pattern[] = "0000-00-00T00:00:00";
    if (!has_shape(v, VIEW_LIT(pattern)))
        return false;
    if (!in_range(v, 5, 1, 12) || !in_range(v, 8, 1, 31) || !in_range(v, 11, 0, 23) || !in_range(v, 14, 0, 59) || !in_range(v, 17, 0, 59))
        return false;
    v = view_slice(v, sizeof pattern - 1, v.n);
    if (v.n > 0 && v.p[0] == '.') {
        size_t i = 1;
        while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
            i++;
        if (i < 2 || i > 10)
            return false;
        v = view_slice(v, i, v.n);
    }
    if (view_eq_str(v, "Z"))
        return true;
    return v.n == 6 && (v.p[0] == '+' || v.p[0] == '-') && v.p[3] == ':' && in_range(v, 1, 0, 23) && in_range(v, 4, 0, 59);
}

bool logline_parse(struct view line, struct logline *ret)
{
    struct logline l = {.partial = false};
    struct view stream, tags, tag;
    if (!view_cut(line, ' ', &l.time, &line) || !view_cut(line, ' ', &stream, &line) || !view_cut(line, ' ', &tags, &l.content))
        return false;
    if (!logline_time_valid(l.time))
        return false;
    if (view_eq_str(stream, "stderr"))
        l.stream = LOGLINE_STDERR;
    else if (!view_eq_str(stream, "stdout"))
        return false;
    view_cut(tags, ':', &tag, NULL);
    l.partial = view_eq_str(tag, "P");
    if (!l.partial && !view_eq_str(tag, "F"))
        return false;
    *ret = l;
    return true;
}
