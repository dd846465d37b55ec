/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines that log_writer makes: tags, limits, line ends, and that they do not depend on how the bytes are cut.
 */
#include "fixture.h"
#include "stream/log_writer.h"
#include "sweep.h"

static const char stamp[] = "2026-11-23T21:08:19.000000001+05:30";
#define OUT "2026-11-23T21:08:19.000000001+05:30 stdout "
#define ERR "2026-11-23T21:08:19.000000001+05:30 stderr "

static void feed(struct log_writer *w, struct view data, struct buf *out)
{
    assert_int_equal(log_writer_feed(w, data, view_of(stamp), out), 0);
}

static void end(struct log_writer *w, struct buf *out)
{
    assert_int_equal(log_writer_end(w, view_of(stamp), out), 0);
}

/* What a stream of these bytes becomes, given in one piece. */
static void whole(size_t max, struct view data, struct buf *out)
{
    struct log_writer w;
    log_writer_init(&w, LOGLINE_STDOUT, max);
    feed(&w, data, out);
    end(&w, out);
    log_writer_done(&w);
}

static void check_text(size_t max, struct view data, const char *want)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    whole(max, data, &out);
    assert_view(buf_view(&out), want);
}

static void test_lines(void **state)
{
    check_text(16, VIEW_LIT(""), "");
    check_text(16, VIEW_LIT("hello\n"), OUT "F hello\n");
    check_text(16, VIEW_LIT("\n"), OUT "F \n");
    check_text(16, VIEW_LIT("\n\na\n"), OUT "F \n" OUT "F \n" OUT "F a\n");
    check_text(16, VIEW_LIT("a\nb"), OUT "F a\n" OUT "P b\n");
    check_text(16, VIEW_LIT("tail"), OUT "P tail\n");
}

static void test_carriage_returns(void **state)
{
    check_text(16, VIEW_LIT("a\r\nb\r\n"), OUT "F a\n" OUT "F b\n");
    check_text(16, VIEW_LIT("\r\n"), OUT "F \n");
    check_text(16, VIEW_LIT("a\r\r\n"), OUT "F a\r\n");
    check_text(16, VIEW_LIT("10%\r20%\n"), OUT "F 10%\r20%\n");
    check_text(16, VIEW_LIT("a\r"), OUT "P a\r\n");
    check_text(1, VIEW_LIT("a\r\r\n"), OUT "P a\n" OUT "F \r\n");
    check_text(1, VIEW_LIT("a\r"), OUT "P a\n" OUT "P \r\n");
}

static void test_long_lines(void **state)
{
    check_text(4, VIEW_LIT("abc\n"), OUT "F abc\n");
    check_text(4, VIEW_LIT("abcd\n"), OUT "F abcd\n");
    check_text(4, VIEW_LIT("abcd\r\n"), OUT "F abcd\n");
    check_text(4, VIEW_LIT("abcde\n"), OUT "P abcd\n" OUT "F e\n");
    check_text(4, VIEW_LIT("abcde\r\n"), OUT "P abcd\n" OUT "F e\n");
    check_text(4, VIEW_LIT("abcdefgh\n"), OUT "P abcd\n" OUT "F efgh\n");
    check_text(4, VIEW_LIT("abcdefghi"), OUT "P abcd\n" OUT "P efgh\n" OUT "P i\n");
    check_text(4, VIEW_LIT("abcd"), OUT "P abcd\n");
}

static void test_nul_bytes(void **state)
{
    static const char want[] = OUT "F a\0b\0\n" OUT "P \0\n";
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    whole(16, VIEW_LIT("a\0b\0\n\0"), &out);
    assert_true(view_eq(buf_view(&out), VIEW_LIT(want)));
}

static struct buf filled(size_t n, const char *tail)
{
    struct buf b = BUF_INIT(64 << 20);
    char *to = buf_reserve(&b, n);
    assert_non_null(to);
    memset(to, 'x', n);
    buf_commit(&b, n);
    assert_int_equal(buf_add_str(&b, tail), 0);
    return b;
}

static void check_split(size_t max, size_t n, const char *tail, size_t lines, size_t partial)
{
    _cleanup_buf_ struct buf data = filled(n, tail), out = BUF_INIT(64 << 20), want = filled(n, "\n");
    struct content t = CONTENT_INIT;
    whole(max, buf_view(&data), &out);
    content_add(&t, buf_view(&out));
    assert_int_equal(t.lines, lines);
    assert_int_equal(t.partial, partial);
    assert_true(view_eq(buf_view(&t.stream[0]), buf_view(&want)));
    content_done(&t);
}

static void test_default_limit(void **state)
{
    enum { MAX = CIO_LOG_LINE_DEFAULT };
    check_split(MAX, MAX - 1, "\n", 1, 0);
    check_split(MAX, MAX, "\n", 1, 0);
    check_split(MAX, MAX, "\r\n", 1, 0);
    check_split(MAX, MAX + 1, "\n", 2, 1);
    check_split(MAX, 2 * MAX, "\n", 2, 1);
    check_split(MAX, 2 * MAX + 1, "\n", 3, 2);
}

static void test_unlimited(void **state)
{
    enum { MAX = LOG_WRITER_UNLIMITED_MAX };
    check_split(0, 1 << 20, "\n", 1, 0);
    check_split(0, MAX - 1, "\n", 1, 0);
    check_split(0, MAX, "\n", 1, 0);
    check_split(0, MAX + 1, "\n", 2, 1);
    check_split(SIZE_MAX, MAX + 1, "\n", 2, 1);
    check_split(MAX, MAX + 1, "\n", 2, 1);
}

/* Every way to cut the bytes in three gives the same lines as one piece. */
static void check_cuts(size_t max, struct view data)
{
    _cleanup_buf_ struct buf want = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    whole(max, data, &want);
    for (size_t i = 0; i <= data.n; i++) {
        for (size_t k = i; k <= data.n; k++) {
            struct log_writer w;
            buf_clear(&out);
            log_writer_init(&w, LOGLINE_STDOUT, max);
            feed(&w, view_slice(data, 0, i), &out);
            feed(&w, view_slice(data, i, k), &out);
            feed(&w, view_slice(data, k, data.n), &out);
            end(&w, &out);
            log_writer_done(&w);
            if (!view_eq(buf_view(&out), buf_view(&want)))
                fail_msg("cut at %zu and %zu with max %zu: \"%.*s\", in one piece \"%.*s\"", i, k, max, VIEW_ARG(buf_view(&out)),
                         VIEW_ARG(buf_view(&want)));
        }
    }
}

static void test_cuts_do_not_matter(void **state)
{
    static const char *const texts[] = {
        "a\nb\n", "abcdefgh\r\nij\r\n", "\r\r\r\n\r\n\r", "abc\rdef\r\nghi", "abcdefghijklmno", "\n\n\n", "abcd\r\nabcd\n\rabcd\r",
    };
    for (size_t max = 0; max < 9; max++)
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
            check_cuts(max, view_of(texts[i]));
}

static void test_byte_by_byte(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct log_writer w;
    log_writer_init(&w, LOGLINE_STDERR, 4);
    for (const char *p = "abcd\r\nabcdef\n"; *p; p++)
        feed(&w, view_make(p, 1), &out);
    assert_view(buf_view(&out), ERR "F abcd\n" ERR "P abcd\n" ERR "F ef\n");
    log_writer_done(&w);
}

/* Both streams of a container share one file: a line of one does not tear a line of the other. */
static void test_interleaved(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct log_writer o, e;
    log_writer_init(&o, LOGLINE_STDOUT, 16);
    log_writer_init(&e, LOGLINE_STDERR, 16);
    feed(&o, VIEW_LIT("one "), &out);
    feed(&e, VIEW_LIT("bad "), &out);
    feed(&o, VIEW_LIT("two\nthree"), &out);
    feed(&e, VIEW_LIT("thing\n"), &out);
    end(&e, &out);
    end(&o, &out);
    assert_view(buf_view(&out), OUT "F one two\n" ERR "F bad thing\n" OUT "P three\n");
    log_writer_done(&o);
    log_writer_done(&e);
}

/* After the end the writer starts anew. */
static void test_end_twice(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct log_writer w;
    log_writer_init(&w, LOGLINE_STDOUT, 16);
    feed(&w, VIEW_LIT("be"), &out);
    end(&w, &out);
    end(&w, &out);
    feed(&w, VIEW_LIT("gin\n"), &out);
    assert_view(buf_view(&out), OUT "P be\n" OUT "F gin\n");
    log_writer_done(&w);
}

/* A container that wrote one very long line does not keep its memory for good. */
static void test_memory_is_given_back(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(64 << 20), data = filled(LOG_WRITER_KEEP_MAX + 1, "");
    struct log_writer w;
    log_writer_init(&w, LOGLINE_STDOUT, 0);
    feed(&w, buf_view(&data), &out);
    assert_true(w.line.cap > LOG_WRITER_KEEP_MAX);
    feed(&w, VIEW_LIT("\n"), &out);
    assert_int_equal(w.line.cap, 0);
    feed(&w, VIEW_LIT("short"), &out);
    feed(&w, VIEW_LIT("\n"), &out);
    assert_true(w.line.cap > 0);
    log_writer_done(&w);
}

/* Where the buffer is too small for one line, the others are there. */
static void test_no_room(void **state)
{
    enum { ROOM = LOGLINE_HEAD_MAX + 10 };
    struct log_writer w;
    for (size_t n = ROOM - 1; n <= ROOM + 1; n++) {
        _cleanup_buf_ struct buf out = BUF_INIT(ROOM), data = filled(n - LOGLINE_HEAD_MAX - 1, "\n");
        log_writer_init(&w, LOGLINE_STDOUT, 0);
        int r = log_writer_feed(&w, buf_view(&data), view_of(stamp), &out);
        assert_int_equal(r, n > ROOM ? -ERR_RESOURCE_EXHAUSTED : 0);
        assert_int_equal(out.n > 0, n <= ROOM);
        log_writer_done(&w);
    }
    _cleanup_buf_ struct buf out = BUF_INIT(ROOM);
    log_writer_init(&w, LOGLINE_STDOUT, 0);
    assert_int_equal(log_writer_feed(&w, VIEW_LIT("much too long a line\nfits\n"), view_of(stamp), &out), -ERR_RESOURCE_EXHAUSTED);
    assert_view(buf_view(&out), OUT "F fits\n");
    log_writer_done(&w);
}

static void test_time_too_long(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 10);
    struct log_writer w;
    log_writer_init(&w, LOGLINE_STDOUT, 16);
    feed(&w, VIEW_LIT("x"), &out);
    struct view time = VIEW_LIT("2026-11-23T21:08:19.0000000001+05:30");
    assert_int_equal(log_writer_feed(&w, VIEW_LIT("\n"), time, &out), -ERR_INVALID_ARGUMENT);
    assert_int_equal(log_writer_end(&w, time, &out), -ERR_INVALID_ARGUMENT);
    assert_int_equal(out.n, 0);
    log_writer_done(&w);
}

static int sweep_op(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct log_writer w;
    struct content t = CONTENT_INIT;
    log_writer_init(&w, LOGLINE_STDOUT, 100);
    struct view data = view_of(arg);
    int r = 0;
    for (size_t i = 0; i < data.n; i += 70) {
        int k = log_writer_feed(&w, view_slice(data, i, i + 70), view_of(stamp), &out);
        r = r ? r : k;
    }
    int k = log_writer_end(&w, view_of(stamp), &out);
    r = r ? r : k;
    log_writer_done(&w);
    mem_fail_pause();
    content_add(&t, buf_view(&out)); /* whatever is lost, what is there is whole */
    assert_true(t.longest <= 100);
    content_done(&t);
    mem_fail_resume();
    return r < 0 ? err_oom(e) : 0;
}

static void test_sweep(void **state)
{
    _cleanup_buf_ struct buf data = BUF_INIT(1 << 20);
    for (int i = 0; i < 300; i++)
        assert_int_equal(buf_printf(&data, "%d%s", i, i % 50 == 7 ? "\r\n" : ", "), 0);
    assert_true(sweep("log_writer", sweep_op, data.p) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_carriage_returns),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_default_limit),
        cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_cuts_do_not_matter),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_interleaved),
        cmocka_unit_test(test_end_twice),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_time_too_long),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
