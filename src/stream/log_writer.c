/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a container's log, see log_writer.h.
 */
#include "stream/log_writer.h"

void log_writer_init(struct log_writer *w, enum logline_stream stream, size_t line_max)
{
    bool limited = line_max > 0 && line_max < LOG_WRITER_UNLIMITED_MAX;
    *w = (struct log_writer){.stream = stream, .max = limited ? line_max : LOG_WRITER_UNLIMITED_MAX};
    buf_init(&w->line, w->max + 1);
}

void log_writer_done(struct log_writer *w)
{
    buf_done(&w->line);
}

static void forget_line(struct log_writer *w)
{
    if (w->line.cap > LOG_WRITER_KEEP_MAX)
        buf_done(&w->line);
    else
        buf_clear(&w->line);
}

/* One line, whole or not at all: half a line would spoil the file. */
static int put_line(const struct log_writer *w, struct view content, bool partial, struct view time, struct buf *out)
{
    char *to = buf_reserve(out, LOGLINE_HEAD_MAX + content.n + 1);
    if (!to)
        return -ERR_RESOURCE_EXHAUSTED;
    size_t n = logline_head(to, time, w->stream, partial);
    if (content.n > 0)
        memcpy(to + n, content.p, content.n);
    to[n + content.n] = '\n';
    buf_commit(out, n + content.n + 1);
    return 0;
}

/* Content in pieces of at most max bytes; only the last one tells whether the line is complete. */
static int put_content(const struct log_writer *w, struct view content, bool partial, struct view time, struct buf *out)
{
    int r = 0;
    while (content.n > w->max) {
        int k = put_line(w, view_slice(content, 0, w->max), true, time, out);
        r = r ? r : k;
        content = view_slice(content, w->max, content.n);
    }
    int k = put_line(w, content, partial, time, out);
    return r ? r : k;
}

static int put_complete(const struct log_writer *w, struct view content, struct view time, struct buf *out)
{
    if (content.n > 0 && content.p[content.n - 1] == '\r')
        content.n--;
    return put_content(w, content, false, time, out);
}

/* Can the part be kept without a piece being due? A '\r' may go beyond the maximum: it is no content when a '\n' comes next. */
static bool fits(const struct log_writer *w, struct view part)
{
    size_t n = w->line.n + part.n;
    return n <= w->max || (n == w->max + 1 && part.p[part.n - 1] == '\r');
}

/* Keeps the beginning of a line (part is not empty); pieces of max bytes that something follows go out as P lines. */
static int keep(struct log_writer *w, struct view part, struct view time, struct buf *out)
{
    int r = 0;
    while (!fits(w, part)) {
        size_t room = w->line.n < w->max ? w->max - w->line.n : 0;
        int k = buf_add_view(&w->line, view_slice(part, 0, room));
        r = r ? r : k;
        part = view_slice(part, room, part.n);
        k = put_line(w, view_slice(buf_view(&w->line), 0, w->max), true, time, out);
        r = r ? r : k;
        buf_consume(&w->line, w->max);
    }
    int k = buf_add_view(&w->line, part);
    return r ? r : k;
}

static int end_line(struct log_writer *w, struct view last, struct view time, struct buf *out)
{
    if (w->line.n == 0)
        return put_complete(w, last, time, out);
    int r = last.n > 0 ? keep(w, last, time, out) : 0;
    int k = put_complete(w, buf_view(&w->line), time, out);
    forget_line(w);
    return r ? r : k;
}

int log_writer_feed(struct log_writer *w, struct view data, struct view time, struct buf *out)
{
    int r = 0;
    if (time.n > LOGLINE_TIME_MAX)
        return -ERR_INVALID_ARGUMENT;
    while (data.n > 0) {
        struct view line;
        bool complete = view_cut(data, '\n', &line, &data);
        int k = complete ? end_line(w, line, time, out) : keep(w, line, time, out);
        r = r ? r : k;
    }
    return r;
}

int log_writer_end(struct log_writer *w, struct view time, struct buf *out)
{
    if (time.n > LOGLINE_TIME_MAX)
        return -ERR_INVALID_ARGUMENT;
    if (w->line.n == 0)
        return 0;
    int r = put_content(w, buf_view(&w->line), true, time, out);
    forget_line(w);
    return r;
}
