/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a container's log file: their content is the container's, and a file can have been written by another runtime.
 * Reaches parse/logline.
 *
 * Oracle: a line that parses is put together again from its parts, but for further tags; the head written for any content and any time stamp
 * parses back to the same stream, tag, time and content; a time stamp that is accepted has only digits and "-:.TZ+" and is at most as
 * long as the head's buffer has room for.
 */
#include "fuzz.h"
#include "parse/logline.h"

static void check_line(struct view line)
{
    struct logline l;
    char head[LOGLINE_HEAD_MAX];
    if (!logline_parse(line, &l))
        return;
    FUZZ_CHECK(l.time.n <= LOGLINE_TIME_MAX && logline_time_valid(l.time));
    for (size_t i = 0; i < l.time.n; i++)
        FUZZ_CHECK(l.time.p[i] && strchr("0123456789-:.TZ+", l.time.p[i]));
    size_t n = logline_head(head, l.time, l.stream, l.partial);
    FUZZ_CHECK(n > 0 && n <= LOGLINE_HEAD_MAX && (l.content.n == 0 || l.content.p + l.content.n == line.p + line.n));
    FUZZ_CHECK(line.n >= n + l.content.n && memcmp(line.p, head, n - 1) == 0);
    FUZZ_CHECK(line.p[n - 1] == ' ' || line.p[n - 1] == ':');
}

int fuzz_one(const uint8_t *data, size_t size)
{
    static const char stamp[] = "2026-11-23T21:08:19.000000001+05:30";
    struct view rest = view_make((const char *)data, size), line;
    while (view_next_line(&rest, &line))
        check_line(line);
    if (size > 4096)
        return 0;
    char text[LOGLINE_HEAD_MAX + 4096];
    for (unsigned way = 0; way < 4; way++) {
        struct logline l;
        size_t n = logline_head(text, view_of(stamp), way & 1 ? LOGLINE_STDERR : LOGLINE_STDOUT, way & 2);
        if (size)
            memcpy(text + n, data, size);
        FUZZ_CHECK(n > 0 && logline_parse(view_make(text, n + size), &l));
        FUZZ_CHECK(l.stream == (way & 1 ? LOGLINE_STDERR : LOGLINE_STDOUT) && l.partial == !!(way & 2));
        FUZZ_CHECK(view_eq_str(l.time, stamp) && l.content.n == size && (size == 0 || l.content.p == text + n));
    }
    return 0;
}
