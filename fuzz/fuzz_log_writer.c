/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of a container: every byte of it is the container's choice, and so is how it is cut into writes.
 * Reaches stream/log_writer and parse/logline.
 *
 * Input: a byte that chooses the maximum of a line, a byte that seeds the cutting, and the output. The cutter deals it in chunks to stdout
 * and stderr, which share one log.
 *
 * Oracle: every line of the log parses and has the time stamp that was given; no content is longer than the maximum, and a partial line
 * that its stream does not end with has just that length and is followed by content; each stream's content, put together again, is what
 * was dealt to it, but for one '\r' before each '\n', which is never there; a stream dealt in one piece makes the very same lines; with an allocation failing the log still has
 * whole lines only.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "stream/log_writer.h"

/* LINES_MAX: an input is cut where its maximum makes more lines of it; the oracle parses each of them several times. */
enum { INPUT_MAX = 64 << 10, OUT_MAX = 16 << 20, SWEEP_INPUT_MAX = 128, LINES_MAX = 256 };

static const char stamp[] = "2026-11-23T21:08:19.000000001+05:30";

struct input {
    size_t line_max;
    uint32_t seed;
    struct view data;
};

/* What is dealt to a stream, and what its log must say. */
struct streams {
    struct buf dealt[2], log;
};

static struct view deal(struct view *rest, uint32_t *random, enum logline_stream *ret_stream)
{
    *random = *random * 1103515245 + 12345;
    uint32_t r = *random >> 16;
    size_t n = r % 64 == 0 ? rest->n : 1 + (r >> 3) % (r % 4 ? 9 : 300);
    *ret_stream = (r >> 12) & 1 ? LOGLINE_STDERR : LOGLINE_STDOUT;
    struct view piece = view_slice(*rest, 0, n);
    *rest = view_slice(*rest, piece.n, rest->n);
    return piece;
}

/* Feeds the chunks; notes what was dealt when dealt is given. */
static int write_log(const struct input *in, struct buf dealt[2], struct buf *log)
{
    struct log_writer w[2];
    struct view rest = in->data;
    uint32_t random = in->seed;
    int r = 0;
    log_writer_init(&w[0], LOGLINE_STDOUT, in->line_max);
    log_writer_init(&w[1], LOGLINE_STDERR, in->line_max);
    while (rest.n > 0) {
        enum logline_stream s;
        struct view piece = deal(&rest, &random, &s);
        int k = log_writer_feed(&w[s], piece, view_of(stamp), log);
        r = r ? r : k;
        if (dealt)
            FUZZ_CHECK(buf_add_view(&dealt[s], piece) == 0);
    }
    for (int s = 0; s < 2; s++) {
        int k = log_writer_end(&w[s], view_of(stamp), log);
        r = r ? r : k;
        log_writer_done(&w[s]);
    }
    return r;
}

/* Whole lines, each one within the maximum. */
static void check_lines(const struct input *in, struct view log)
{
    struct view line;
    FUZZ_CHECK(log.n == 0 || log.p[log.n - 1] == '\n');
    while (view_next_line(&log, &line)) {
        struct logline l;
        FUZZ_CHECK(logline_parse(line, &l));
        FUZZ_CHECK(view_eq_str(l.time, stamp));
        FUZZ_CHECK_MSG(in->line_max == 0 || l.content.n <= in->line_max, "%zu bytes, maximum %zu", l.content.n, in->line_max);
    }
}

/* The lines of one stream are exactly what was dealt to it; `lines` gets them as they stand in the log. */
static void check_stream(const struct input *in, enum logline_stream stream, struct view dealt, struct view log, struct buf *lines)
{
    struct view line;
    bool goes_on = false;
    while (view_next_line(&log, &line)) {
        struct logline l;
        if (!logline_parse(line, &l) || l.stream != stream)
            continue;
        FUZZ_CHECK(l.content.n > 0 || (!goes_on && !l.partial));
        goes_on = l.partial;
        FUZZ_CHECK(buf_add_view(lines, line) == 0 && buf_add_char(lines, '\n') == 0);
        FUZZ_CHECK(view_starts(dealt, l.content));
        dealt = view_slice(dealt, l.content.n, dealt.n);
        FUZZ_CHECK(!l.partial || dealt.n == 0 || l.content.n == in->line_max);
        if (l.partial)
            continue;
        bool dropped = view_starts(dealt, VIEW_LIT("\r\n"));
        FUZZ_CHECK(dropped || (view_starts(dealt, VIEW_LIT("\n")) && !view_ends(l.content, VIEW_LIT("\r"))));
        dealt = view_slice(dealt, dropped ? 2 : 1, dealt.n);
    }
    FUZZ_CHECK_MSG(dealt.n == 0, "%zu bytes are missing", dealt.n);
}

static void check_one_piece(const struct input *in, enum logline_stream stream, struct view dealt, struct view lines)
{
    struct log_writer w;
    struct buf log = BUF_INIT(OUT_MAX);
    log_writer_init(&w, stream, in->line_max);
    FUZZ_CHECK(log_writer_feed(&w, dealt, view_of(stamp), &log) == 0 && log_writer_end(&w, view_of(stamp), &log) == 0);
    FUZZ_CHECK(view_eq(buf_view(&log), lines));
    log_writer_done(&w);
    buf_done(&log);
}

static int sweep_op(void *arg, struct err *e)
{
    const struct input *in = arg;
    struct buf log = BUF_INIT(OUT_MAX);
    int r = write_log(in, NULL, &log);
    check_lines(in, buf_view(&log));
    buf_done(&log);
    return r < 0 ? err_oom(e) : 0;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    static const size_t maxima[] = {0, 1, 2, 3, 7, 16, 64, 4096, 16384};
    if (size < 2 || size > INPUT_MAX)
        return 0;
    struct input in = {maxima[data[0] % (sizeof maxima / sizeof *maxima)], data[1], view_make((const char *)data + 2, size - 2)};
    if (in.line_max > 0)
        in.data = view_slice(in.data, 0, in.line_max * LINES_MAX);
    struct streams s = {{BUF_INIT(INPUT_MAX), BUF_INIT(INPUT_MAX)}, BUF_INIT(OUT_MAX)};
    FUZZ_CHECK(write_log(&in, s.dealt, &s.log) == 0);
    check_lines(&in, buf_view(&s.log));
    for (int i = 0; i < 2; i++) {
        struct buf lines = BUF_INIT(OUT_MAX);
        check_stream(&in, (enum logline_stream)i, buf_view(&s.dealt[i]), buf_view(&s.log), &lines);
        check_one_piece(&in, (enum logline_stream)i, buf_view(&s.dealt[i]), buf_view(&lines));
        buf_done(&lines);
        buf_done(&s.dealt[i]);
    }
    buf_done(&s.log);
    if (size <= SWEEP_INPUT_MAX)
        fuzz_sweep(sweep_op, &in, 6);
    return 0;
}
