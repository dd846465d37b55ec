/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: the budget to the byte, alignment, contents across chunks, and that nothing stays when they are done.
 */
#include "support.h"
#include "sweep.h"

#include <stdalign.h>

#include "base/arena.h"

static void holds_its_budget_to_the_byte(void **state)
{
    static const size_t budgets[] = {1, 15, 16, 17, 2048, 2049, 8191, 8192, 8193, 100000};
    for (size_t i = 0; i < ARRAY_SIZE(budgets); i++) {
        size_t b = budgets[i];
        _cleanup_arena_ struct arena a = ARENA_INIT(b);
        assert_null(arena_alloc(&a, b + 1));
        assert_int_equal(a.used, 0);
        assert_non_null(arena_alloc(&a, b - 1));
        assert_null(arena_alloc(&a, 2));
        assert_non_null(arena_alloc(&a, 1));
        assert_int_equal(a.used, b);
        assert_null(arena_alloc(&a, 1));
        assert_null(arena_strdup(&a, ""));
        arena_done(&a);
        assert_int_equal(a.used, 0);
        assert_non_null(arena_alloc(&a, b)); /* empty, and usable again */
    }
}

static void holds_its_budget_piecemeal(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(10000);
    size_t n = 0;
    while (arena_alloc(&a, 3))
        n++;
    assert_int_equal(n, 3333);
    assert_int_equal(a.used, 9999);
    assert_non_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, 1));
    _cleanup_arena_ struct arena none = ARENA_INIT(0);
    assert_null(arena_alloc(&none, 1));
    assert_non_null(arena_alloc(&none, 0));
}

static void refuses_sizes_that_overflow(void **state)
{
    size_t base = mem_live();
    _cleanup_arena_ struct arena a = ARENA_INIT(SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 14));
    assert_null(arena_calloc(&a, SIZE_MAX / 2 + 1, 2));
    assert_null(arena_strndup(&a, "x", SIZE_MAX));
    assert_int_equal(a.used, 0);
    assert_int_equal(mem_live(), base);
}

static void aligns_and_keeps_its_pieces_apart(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    enum { PIECES = 3000 };
    static unsigned char *piece[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = i % 67 == 0 ? 3000 + i : i % 37;
        piece[i] = arena_alloc(&a, n);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(piece[i][j], 0);
        memset(piece[i], (int)(i % 251) + 1, n);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < (i % 67 == 0 ? 3000 + i : i % 37); j++)
            assert_int_equal(piece[i][j], i % 251 + 1);
}

static void copies(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    char text[] = "hello";
    char *dup = arena_strdup(&a, text), *part = arena_strndup(&a, text, 2), *view = arena_view(&a, view_make(text + 1, 3));
    text[0] = 'j';
    text[1] = 'J';
    assert_string_equal(dup, "hello");
    assert_string_equal(part, "he");
    assert_string_equal(view, "ell");
    assert_null(arena_strdup(&a, NULL));
    assert_string_equal(arena_view(&a, VIEW_EMPTY), "");
    assert_memory_equal(arena_memdup(&a, "a\0b", 3), "a\0b", 3);
    assert_non_null(arena_memdup(&a, NULL, 0));
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_printf(&a, "%s", ""), "");
    int *zeroes = ARENA_NEW_N(&a, int, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroes[i], 0);
    _cleanup_arena_ struct arena small = ARENA_INIT(4);
    assert_null(arena_printf(&small, "%d", 1234));
    assert_string_equal(arena_printf(&small, "%d", 123), "123");
    arena_done(NULL);
}

static int fill(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    for (int i = 0; i < 40; i++) {
        char *s = arena_printf(&a, "piece %0*d", i * 50, i);
        char *copy = s ? arena_strdup(&a, s) : NULL;
        char *half = copy ? arena_strndup(&a, s, strlen(s) / 2) : NULL;
        if (!half || !arena_calloc(&a, (size_t)i, 100) || !arena_memdup(&a, s, strlen(s)))
            return err_oom(e);
        assert_string_equal(copy, s);
    }
    return 0;
}

static void survives_failing_allocations(void **state)
{
    assert_true(sweep("arena", fill, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_its_budget_to_the_byte),
        cmocka_unit_test(holds_its_budget_piecemeal),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(aligns_and_keeps_its_pieces_apart),
        cmocka_unit_test(copies),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
