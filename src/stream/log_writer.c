/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See log_writer.h.
 */
#include "stream/log_writer.h"

void log_writer_init(struct log_writer *w, enum logline_stream stream, size_t line_max)
{
    *w = (struct log_writer){.stream = stream, .line_max = line_max};
    buf_init(&w->line, line_max ? line_max : LOG_WRITER_UNLIMITED_MAX);
}

void log_writer_done(struct log_writer *w)
{
    buf_done(&w->line);
}

static int put_line(const struct log_writer *w, struct view content, bool partial, struct view time, struct buf *out)
{
    char head[LOGLINE_HEAD_MAX];
    size_t n = logline_head(head, time, w->stream, partial);
    size_t before = out->n;
    int r = buf_add(out, head, n);
    if (r == 0)
        r = buf_add_view(out, content);
    if (r == 0)
        r = buf_add_char(out, '\n');
    if (r < 0)
        out->n = before; /* half a line would spoil the file */
    return r;
}

/* Writes whole pieces of line_max bytes off the front while more than that is there, so that a line of exactly line_max bytes is not split. */
static int put_pieces(struct log_writer *w, struct view *content, struct view time, struct buf *out)
{
    while (content->n > w->line.max) {
        TRY(put_line(w, view_slice(*content, 0, w->line.max), true, time, out));
        *content = view_slice(*content, w->line.max, content->n);
    }
    return 0;
}

/* Keeps the beginning of a line; what is already kept and would grow beyond the limit goes out as a P line first. */
static int keep(struct log_writer *w, struct view part, struct view time, struct buf *out)
{
    while (part.n > 0) {
        if (w->line.n == w->line.max) {
            TRY(put_line(w, buf_view(&w->line), true, time, out));
            buf_clear(&w->line);
        }
        struct view fits = view_slice(part, 0, w->line.max - w->line.n);
        TRY(buf_add_view(&w->line, fits));
        part = view_slice(part, fits.n, part.n);
    }
    return 0;
}

static int put_complete(struct log_writer *w, struct view content, struct view time, struct buf *out)
{
    if (content.n > 0 && content.p[content.n - 1] == '\r')
        content.n--;
    TRY(put_pieces(w, &content, time, out));
    return put_line(w, content, false, time, out);
}

int log_writer_feed(struct log_writer *w, struct view data, struct view time, struct buf *out)
{
    struct view line;
    while (data.n > 0) {
        bool complete = view_cut(data, '\n', &line, &data);
        if (complete && w->line.n == 0) {
            TRY(put_complete(w, line, time, out));
            continue;
        }
        TRY(keep(w, line, time, out));
        if (!complete)
            return 0;
        int r = put_complete(w, buf_view(&w->line), time, out);
        buf_clear(&w->line);
        TRY(r);
    }
    return 0;
}

int log_writer_end(struct log_writer *w, struct view time, struct buf *out)
{
    if (w->line.n == 0)
        return 0;
    int r = put_line(w, buf_view(&w->line), true, time, out);
    buf_clear(&w->line);
    return r;
}
