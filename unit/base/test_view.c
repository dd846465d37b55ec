/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: every function with empty views, with and without an address, and at both ends.
 */
#include "support.h"

static void compares(void **state)
{
    assert_true(view_eq(VIEW_EMPTY, VIEW_LIT("")));
    assert_true(view_eq(VIEW_LIT("a\0b"), VIEW_LIT("a\0b")));
    assert_false(view_eq(VIEW_LIT("a\0b"), VIEW_LIT("a\0c")));
    assert_false(view_eq(VIEW_LIT("ab"), VIEW_LIT("abc")));
    assert_true(view_eq_str(VIEW_EMPTY, ""));
    assert_true(view_eq_str(VIEW_EMPTY, NULL));
    assert_true(view_eq_str(VIEW_LIT("ab"), "ab"));
    assert_false(view_eq_str(VIEW_LIT("a\0"), "a"));
    assert_true(view_eq_nocase(VIEW_LIT("Content-TYPE"), VIEW_LIT("content-type")));
    assert_true(view_eq_nocase(VIEW_EMPTY, VIEW_LIT("")));
    assert_false(view_eq_nocase(VIEW_LIT("ab"), VIEW_LIT("abc")));
    /* Only letters fold: these pairs differ by the same bit. */
    assert_false(view_eq_nocase(VIEW_LIT("@"), VIEW_LIT("`")));
    assert_false(view_eq_nocase(VIEW_LIT("["), VIEW_LIT("{")));
    assert_false(view_eq_nocase(VIEW_LIT("\xc4"), VIEW_LIT("\xe4")));
    assert_true(view_eq_nocase(VIEW_LIT("AZaz"), VIEW_LIT("azAZ")));
    assert_int_equal(view_of(NULL).n, 0);
}

static void knows_beginnings_and_ends(void **state)
{
    struct view v = VIEW_LIT("abc");
    assert_true(view_starts(v, VIEW_EMPTY));
    assert_true(view_starts(v, VIEW_LIT("ab")));
    assert_true(view_starts(v, v));
    assert_false(view_starts(v, VIEW_LIT("abcd")));
    assert_false(view_starts(v, VIEW_LIT("bc")));
    assert_true(view_starts(VIEW_EMPTY, VIEW_EMPTY));
    assert_false(view_starts(VIEW_EMPTY, VIEW_LIT("a")));
    assert_true(view_ends(v, VIEW_EMPTY));
    assert_true(view_ends(v, VIEW_LIT("bc")));
    assert_true(view_ends(v, v));
    assert_false(view_ends(v, VIEW_LIT("xabc")));
    assert_false(view_ends(v, VIEW_LIT("ab")));
    assert_true(view_ends(VIEW_EMPTY, VIEW_EMPTY));
    assert_false(view_ends(VIEW_EMPTY, VIEW_LIT("a")));
}

static void finds(void **state)
{
    struct view v = VIEW_LIT("a:b:c");
    assert_int_equal(view_find(v, ':'), 1);
    assert_int_equal(view_rfind(v, ':'), 3);
    assert_int_equal(view_find(v, 'a'), 0);
    assert_int_equal(view_rfind(v, 'a'), 0);
    assert_int_equal(view_rfind(v, 'c'), 4);
    assert_int_equal(view_find(v, '\0'), 5);
    assert_int_equal(view_rfind(v, 'x'), 5);
    assert_int_equal(view_find(VIEW_EMPTY, 'x'), 0);
    assert_int_equal(view_rfind(VIEW_EMPTY, 'x'), 0);
}

static void slices(void **state)
{
    struct view v = VIEW_LIT("abc");
    for (size_t from = 0; from < 6; from++) {
        for (size_t to = 0; to < 6; to++) {
            struct view s = view_slice(v, from, to);
            size_t end = to < 3 ? to : 3;
            assert_int_equal(s.n, from < end ? end - from : 0);
            if (s.n)
                assert_ptr_equal(s.p, v.p + from);
        }
    }
    assert_int_equal(view_slice(v, 0, SIZE_MAX).n, 3);
    assert_int_equal(view_slice(v, SIZE_MAX, SIZE_MAX).n, 0);
    assert_int_equal(view_slice(VIEW_EMPTY, 0, 1).n, 0);
}

static void cuts(void **state)
{
    struct view head, tail;
    assert_true(view_cut(VIEW_LIT("a=b=c"), '=', &head, &tail));
    assert_view(head, "a");
    assert_view(tail, "b=c");
    assert_true(view_cut(VIEW_LIT("="), '=', &head, &tail));
    assert_view(head, "");
    assert_view(tail, "");
    assert_false(view_cut(VIEW_LIT("abc"), '=', &head, &tail));
    assert_view(head, "abc");
    assert_view(tail, "");
    assert_false(view_cut(VIEW_EMPTY, '=', &head, &tail));
    assert_int_equal(head.n + tail.n, 0);
    assert_true(view_cut(VIEW_LIT("a="), '=', NULL, NULL));
    struct view v = VIEW_LIT("1,2,3");
    assert_true(view_cut(v, ',', NULL, &v));
    assert_view(v, "2,3");
    assert_true(view_cut(v, ',', &v, NULL));
    assert_view(v, "2");
}

static void walks_lines(void **state)
{
    struct view rest = VIEW_LIT("one\n\ntwo\r\nthree"), line;
    static const char *const want[] = {"one", "", "two\r", "three"};
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        assert_true(view_next_line(&rest, &line));
        assert_view(line, want[i]);
    }
    assert_false(view_next_line(&rest, &line));
    rest = VIEW_LIT("\n");
    assert_true(view_next_line(&rest, &line));
    assert_view(line, "");
    assert_false(view_next_line(&rest, &line)); /* an end of line is no beginning of another */
}

static void trims(void **state)
{
    assert_view(view_trim(VIEW_LIT(" \t\r\na b\n")), "a b");
    assert_view(view_trim(VIEW_LIT("ab")), "ab");
    assert_view(view_trim(VIEW_LIT(" \n ")), "");
    assert_view(view_trim(VIEW_EMPTY), "");
    assert_view(view_trim(VIEW_LIT("\v\fx\xa0")), "\v\fx\xa0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares), cmocka_unit_test(knows_beginnings_and_ends),
        cmocka_unit_test(finds),    cmocka_unit_test(slices),
        cmocka_unit_test(cuts),     cmocka_unit_test(walks_lines),
        cmocka_unit_test(trims),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
