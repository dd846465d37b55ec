/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output kept in memory, and waiting for its end: the cut at the maximum, deadline, cancel, and what counts as the end of a pipe.
 */
#include "fixture.h"
#include "sweep.h"

static struct ctx soon(void)
{
    static const struct ctx background = CTX_BACKGROUND;
    return ctx_with_timeout(&background, 0);
}

static void test_both_streams(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1024), err_out = BUF_INIT(1024);
    struct cio *c = fixture_cio(f, "abc", false, false);
    assert_ok(cio_capture(c, &out, &err_out, &e), &e);
    int o = open_writer(cio_stdout_path(c)), x = open_writer(cio_stderr_path(c));
    write_text(o, "good");
    write_text(x, "bad");
    close(o);
    close(x);
    wait_end(c);
    assert_view(buf_view(&out), "good");
    assert_view(buf_view(&err_out), "bad");
    wait_end(c);
    cio_free(c);
}

/* What was written before the sink was set is not lost. */
static void test_held_in_the_pipe(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    struct cio *c = fixture_cio(f, "abc", false, true);
    int o = open_writer(cio_stdout_path(c));
    write_text(o, "early");
    close(o);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    wait_end(c);
    assert_view(buf_view(&out), "early");
    cio_free(c);
}

/* CVE-2022-1708, CVE-2022-31030 and ADA-CRIO-22-02: output beyond the maximum is cut, goes to no disk, and its writer is not held up. */
static void check_cut(struct fixture *f, size_t max, size_t n)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(max), data = BUF_INIT(4 << 20);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_add_char(&data, (char)('a' + i % 26)), 0);
    struct cio *c = fixture_cio(f, "abc", false, false);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    int o = open_writer(cio_stdout_path(c)), x = open_writer(cio_stderr_path(c));
    assert_true(write_all(o, data.p ? data.p : "", data.n));
    assert_true(write_all(x, "dropped", 7));
    close(o);
    close(x);
    wait_end(c);
    cio_free(c);
    assert_int_equal(out.n, MIN_OF(max, n));
    assert_true(view_eq(buf_view(&out), view_slice(buf_view(&data), 0, max)));
}

static void test_cut(void **state)
{
    struct fixture *f = *state;
    check_cut(f, 100, 0);
    for (size_t n = 99; n <= 101; n++)
        check_cut(f, 100, n);
    check_cut(f, 100, 2 << 20);
    for (size_t n = (1 << 20) - 1; n <= (1 << 20) + 1; n++)
        check_cut(f, 1 << 20, n);
    check_cut(f, 1 << 20, 3 << 20);
}

/* A pipe that nobody has written to yet is not at its end. */
static void test_no_end_before_a_writer(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct ctx ctx = soon();
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    for (int i = 0; i < 3; i++)
        assert_fails(cio_wait(c, &ctx, &e), &e, ERR_DEADLINE_EXCEEDED, "end of the output");
    int o = open_writer(cio_stdout_path(c));
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_DEADLINE_EXCEEDED, "end of the output");
    close(o);
    wait_end(c);
    cio_free(c);
}

/* One of two streams has ended. */
static void test_waits_for_both(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct ctx ctx = soon();
    struct cio *c = fixture_cio(f, "abc", false, false);
    assert_ok(cio_log_to(c, "", 0, &e), &e);
    int o = open_writer(cio_stdout_path(c)), x = open_writer(cio_stderr_path(c));
    close(o);
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_DEADLINE_EXCEEDED, "end of the output");
    close(x);
    wait_end(c);
    cio_free(c);
}

/* The last of several writers counts: a grandchild holds the pipe. */
static void test_last_writer(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct ctx ctx = soon();
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_ok(cio_log_to(c, NULL, 0, &e), &e);
    int a = open_writer(cio_stdout_path(c)), b = open_writer(cio_stdout_path(c));
    close(a);
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_DEADLINE_EXCEEDED, "end of the output");
    close(b);
    wait_end(c);
    cio_free(c);
}

static void *fire(void *arg)
{
    cancel_fire(arg);
    return NULL;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct cancel cancel = CANCEL_INIT;
    struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    pthread_t thread;
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_ok(cio_log_to(c, NULL, 0, &e), &e);
    assert_int_equal(pthread_create(&thread, NULL, fire, &cancel), 0);
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_CANCELLED, "end of the output");
    assert_int_equal(pthread_join(thread, NULL), 0);
    cio_free(c);
}

/* After a restart: nobody writes to the pipe any more. */
static void test_reopen_without_writer(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    char path[160];
    struct cio *c = fixture_cio(f, "abc", false, true);
    snprintf(path, sizeof path, "%s", cio_stdout_path(c));
    cio_detach(c);
    assert_ok(cio_reopen(f->pump, "", path, "", &c, &e), &e);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    wait_end(c);
    assert_int_equal(out.n, 0);
    cio_free(c);
    assert_int_equal(count_entries(f->io), 0);
}

/* After a restart: the shim kept the pipe, and what was written meanwhile. */
static void test_reopen_with_writer(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct ctx ctx = soon();
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    char path[160];
    struct cio *c = fixture_cio(f, "abc", false, true);
    snprintf(path, sizeof path, "%s", cio_stdout_path(c));
    int shim = open(path, O_RDWR | O_CLOEXEC);
    cio_detach(c);
    write_text(shim, "meanwhile");
    assert_ok(cio_reopen(f->pump, "", path, "", &c, &e), &e);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_DEADLINE_EXCEEDED, "end of the output");
    write_text(shim, ", later");
    close(shim);
    wait_end(c);
    assert_view(buf_view(&out), "meanwhile, later");
    cio_free(c);
}

static void test_one_sink(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(16);
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_ok(cio_log_to(c, NULL, 0, &e), &e);
    assert_fails(cio_log_to(c, f->log, 0, &e), &e, ERR_FAILED_PRECONDITION, "already");
    assert_fails(cio_capture(c, &out, NULL, &e), &e, ERR_FAILED_PRECONDITION, "already");
    assert_false(fs_exists(f->log));
    assert_ok(cio_log_reopen(c, &e), &e);
    cio_free(c);
}

/* What is in the pipe when the cio is freed still reaches the buffer. */
static void test_free_drains(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    int o = open_writer(cio_stdout_path(c));
    write_text(o, "some");
    cio_free(c);
    close(o);
    assert_view(buf_view(&out), "some");
}

/* A pump without a thread reads when it is waited for, and knows that nobody else will write. */
static void test_inline(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct ctx ctx = CTX_BACKGROUND;
    struct cancel cancel = CANCEL_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_ok(cio_capture(c, &out, NULL, &e), &e);
    int o = open_writer(cio_stdout_path(c));
    write_text(o, "text");
    assert_int_equal(out.n, 0);
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_DEADLINE_EXCEEDED, "does not end");
    assert_view(buf_view(&out), "text");
    cancel_fire(&cancel);
    ctx.cancel = &cancel;
    assert_fails(cio_wait(c, &ctx, &e), &e, ERR_CANCELLED, "end of the output");
    close(o);
    wait_end(c);
    cio_free(c);
}

/* Output is lost from where memory ran out, not in between. */
static int sweep_capture(void *arg, struct err *e)
{
    struct fixture *f = arg;
    static const struct ctx background = CTX_BACKGROUND;
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20), err_out = BUF_INIT(1 << 20);
    struct cio_config config = {.dir = f->io, .id = "abc"};
    struct cio *c;
    TRY(cio_new(f->pump, &config, &c, e));
    int o = open(cio_stdout_path(c), O_WRONLY | O_CLOEXEC), x = open(cio_stderr_path(c), O_WRONLY | O_CLOEXEC);
    int r = cio_capture(c, &out, &err_out, e);
    if (r < 0) /* half a start is none: it can be tried again */
        r = cio_capture(c, &out, &err_out, e);
    for (int i = 0; r == 0 && i < 6; i++) {
        struct err ignored = ERR_INIT;
        assert_true(write_all(o, text + 6 * i, 6) && write_all(x, text, 36));
        assert_int_equal(cio_wait(c, &background, &ignored), -ERR_DEADLINE_EXCEEDED);
    }
    close(o);
    close(x);
    if (r == 0)
        r = cio_wait(c, &background, e);
    cio_free(c);
    assert_true(view_starts(VIEW_LIT(text), buf_view(&out)));
    if (err_out.n > 0)
        assert_true(view_starts(buf_view(&err_out), view_make(text, 36)));
    return r;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    unsigned before = count_descriptors();
    assert_true(sweep("cio_capture", sweep_capture, f) >= 10);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(count_entries(f->io), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_INLINE(name) cmocka_unit_test_setup_teardown(name, fixture_setup_inline, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_streams),   TEST(test_held_in_the_pipe), TEST(test_cut),
        TEST(test_no_end_before_a_writer), TEST(test_waits_for_both), TEST(test_last_writer),
        TEST(test_cancel),         TEST(test_reopen_without_writer), TEST(test_reopen_with_writer),
        TEST(test_one_sink),       TEST(test_free_drains),      TEST_INLINE(test_inline),
        TEST_INLINE(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
