/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers: the maximum to the byte in every way of appending, and contents that always end in a NUL.
 */
#include "support.h"
#include "sweep.h"

#include "base/buf.h"

static void check(struct buf *b, const char *want)
{
    assert_view(buf_view(b), want);
    assert_int_equal(b->n, strlen(want));
    assert_int_equal(b->p[b->n], '\0');
}

static void appends(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1000);
    assert_view(buf_view(&b), "");
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    check(&b, "");
    assert_int_equal(buf_add_str(&b, "one"), 0);
    assert_int_equal(buf_add_char(&b, ' '), 0);
    assert_int_equal(buf_add_view(&b, VIEW_LIT("two")), 0);
    assert_int_equal(buf_add_view(&b, VIEW_EMPTY), 0);
    assert_int_equal(buf_printf(&b, " %d%s", 3, ""), 0);
    check(&b, "one two 3");
    buf_clear(&b);
    check(&b, "");
    buf_done(&b);
    assert_null(b.p);
    buf_clear(&b);
    assert_int_equal(buf_add_str(&b, "again"), 0);
    check(&b, "again");
}

static void holds_its_maximum_to_the_byte(void **state)
{
    static const size_t maxima[] = {1, 7, 63, 64, 65, 127, 128, 129, 5000};
    static char text[6000];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
        size_t max = maxima[i];
        _cleanup_buf_ struct buf b;
        buf_init(&b, max);
        assert_int_equal(buf_add(&b, text, max + 1), -ERR_RESOURCE_EXHAUSTED);
        assert_int_equal(b.n, 0);
        assert_int_equal(buf_add(&b, text, max - 1), 0);
        assert_int_equal(buf_add(&b, text, 2), -ERR_RESOURCE_EXHAUSTED);
        assert_int_equal(buf_printf(&b, "%d", 12), -ERR_RESOURCE_EXHAUSTED);
        assert_int_equal(b.n, max - 1);
        assert_int_equal(buf_printf(&b, "%d", 1), 0);
        assert_int_equal(b.n, max);
        assert_int_equal(b.p[max], '\0');
        assert_int_equal(buf_add_char(&b, 'x'), -ERR_RESOURCE_EXHAUSTED);
        assert_int_equal(buf_add(&b, text, SIZE_MAX), -ERR_RESOURCE_EXHAUSTED);
        assert_null(buf_reserve(&b, 1));
        assert_non_null(buf_reserve(&b, 0));
        buf_clear(&b);
        assert_int_equal(buf_add(&b, text, max), 0);
    }
    _cleanup_buf_ struct buf none = BUF_INIT(0), all = BUF_INIT(SIZE_MAX);
    assert_int_equal(buf_add_char(&none, 'x'), -ERR_RESOURCE_EXHAUSTED);
    assert_int_equal(buf_add(&none, NULL, 0), 0);
    assert_null(buf_reserve(&all, SIZE_MAX));
    assert_int_equal(buf_add_str(&all, "x"), 0);
    assert_null(buf_reserve(&all, SIZE_MAX - 1));
}

/* However near the maximum, appending byte by byte reallocates a logarithmic number of times. */
static void grows_by_large_steps(void **state)
{
    static const size_t maxima[] = {100, 1000, 100000, 1 << 20};
    for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(maxima[i]);
        mem_fail_at(UINT64_MAX, false);
        while (buf_add_char(&b, 'x') == 0)
            continue;
        assert_in_range(mem_fail_off(), 1, 20);
        assert_int_equal(b.n, maxima[i]);
        assert_true(b.cap <= maxima[i] + 1 || b.cap <= 64);
    }
}

static void reserves_and_commits(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(10);
    char *p = buf_reserve(&b, 10);
    assert_non_null(p);
    memcpy(p, "0123456789", 10);
    buf_commit(&b, 4); /* less than was reserved */
    check(&b, "0123");
    assert_null(buf_reserve(&b, 7));
    p = buf_reserve(&b, 6);
    memcpy(p, "abcdef", 6);
    buf_commit(&b, 0);
    check(&b, "0123");
    buf_commit(&b, 0);
    p = buf_reserve(&b, 6);
    memcpy(p, "abcdef", 6);
    buf_commit(&b, 6);
    check(&b, "0123abcdef");
}

static void consumes(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(10);
    buf_consume(&b, 5); /* nothing there yet */
    assert_int_equal(b.n, 0);
    assert_int_equal(buf_add_str(&b, "0123456789"), 0);
    buf_consume(&b, 0);
    check(&b, "0123456789");
    buf_consume(&b, 3);
    check(&b, "3456789");
    assert_int_equal(buf_add_str(&b, "abc"), 0); /* what was consumed is free again */
    buf_consume(&b, 9);
    check(&b, "c");
    buf_consume(&b, 2);
    check(&b, "");
    assert_int_equal(buf_add_str(&b, "x"), 0);
    buf_consume(&b, SIZE_MAX);
    check(&b, "");
}

static void gives_its_contents_away(void **state)
{
    struct buf b = BUF_INIT(10);
    _cleanup_free_ char *empty = buf_take_str(&b);
    assert_string_equal(empty, "");
    assert_int_equal(buf_add_str(&b, "text"), 0);
    _cleanup_free_ char *s = buf_take_str(&b);
    assert_string_equal(s, "text");
    assert_null(b.p);
    assert_int_equal(b.max, 10);
    assert_int_equal(b.n, 0);
    mem_fail_at(0, false);
    char *none = buf_take_str(&b);
    mem_fail_off();
    assert_null(none);
}

static int fill(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100000);
    for (int i = 0; i < 200; i++) {
        size_t before = b.n;
        int r = i % 2 ? buf_printf(&b, "%0*d", i, i) : buf_add_str(&b, "some text to add");
        if (r < 0) {
            assert_int_equal(b.n, before);
            assert_true(before == 0 || b.p[before] == '\0');
            return err_oom(e);
        }
    }
    _cleanup_free_ char *s = buf_take_str(&b);
    return s ? 0 : err_oom(e);
}

static void survives_failing_allocations(void **state)
{
    assert_true(sweep("buf", fill, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),
        cmocka_unit_test(holds_its_maximum_to_the_byte),
        cmocka_unit_test(grows_by_large_steps),
        cmocka_unit_test(reserves_and_commits),
        cmocka_unit_test(consumes),
        cmocka_unit_test(gives_its_contents_away),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
