/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the counter that the leak checks of all other tests rest on, and the injected failures that their sweeps rest on.
 */
#include "support.h"

#include <jansson.h>
#include <stdarg.h>

static void counts_live_allocations(void **state)
{
    size_t base = mem_live();
    char *a = mem_alloc(10), *b = mem_zalloc(0), *c = mem_calloc(3, 5);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(b[0], 0); /* 0 counts as 1 */
    for (int i = 0; i < 15; i++)
        assert_int_equal(c[i], 0);
    assert_int_equal(mem_live(), base + 3);
    mem_free(b);
    mem_free(NULL);
    assert_int_equal(mem_live(), base + 2);
    memcpy(a, "123456789", 10);
    char *bigger = mem_realloc(a, 100000);
    assert_string_equal(bigger, "123456789");
    assert_int_equal(mem_live(), base + 2);
    bigger = mem_reallocarray(bigger, 4, 25);
    assert_string_equal(bigger, "123456789");
    void *zero = mem_realloc(bigger, 0); /* shrinks, does not free */
    assert_non_null(zero);
    assert_int_equal(mem_live(), base + 2);
    void *fresh = mem_realloc(NULL, 5);
    assert_non_null(fresh);
    assert_int_equal(mem_live(), base + 3);
    mem_free(fresh);
    mem_free(zero);
    mem_free(c);
    assert_int_equal(mem_live(), base);
}

static void refuses_products_that_overflow(void **state)
{
    size_t base = mem_live();
    char *p = mem_strdup("kept");
    assert_null(mem_calloc(SIZE_MAX / 2 + 1, 2));
    assert_null(mem_calloc(2, SIZE_MAX));
    assert_null(mem_reallocarray(p, SIZE_MAX / 8 + 1, 8));
    assert_null(mem_strndup(p, SIZE_MAX));
    assert_string_equal(p, "kept");
    mem_free(p);
    assert_int_equal(mem_live(), base);
}

static _printf_(1, 2) char *format(const char *text, ...)
{
    va_list ap;
    va_start(ap, text);
    char *s = mem_vprintf(text, ap);
    va_end(ap);
    return s;
}

static void copies(void **state)
{
    _cleanup_free_ char *a = mem_strdup(""), *b = mem_strdup("text"), *c = mem_strndup("text", 2), *d = mem_strndup(NULL, 0);
    _cleanup_free_ char *e = mem_memdup("a\0b", 4), *f = mem_memdup(NULL, 0);
    _cleanup_free_ char *g = mem_printf("%s-%d", "x", 12), *h = format("%08x|%s", 0xbeefu, "");
    assert_string_equal(a, "");
    assert_string_equal(b, "text");
    assert_string_equal(c, "te");
    assert_string_equal(d, "");
    assert_memory_equal(e, "a\0b", 4);
    assert_non_null(f);
    assert_string_equal(g, "x-12");
    assert_string_equal(h, "0000beef|");
    assert_null(mem_strdup(NULL));
}

/* Asks for six allocations, one in each way; the bits of the answer are those that failed. */
static unsigned ask_six(void)
{
    char *had;
    mem_fail_pause();
    had = mem_alloc(1);
    mem_fail_resume();
    void *grown;
    void *p[] = {mem_alloc(1), mem_zalloc(1), mem_calloc(1, 1), grown = mem_realloc(had, 2), mem_strdup("x"), mem_printf("x")};
    unsigned failed = 0;
    for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
        failed |= p[i] ? 0 : 1u << i;
        mem_free(p[i]);
    }
    if (!grown)
        mem_free(had); /* a failed realloc leaves the old block valid */
    return failed;
}

static void fails_the_allocation_asked_for(void **state)
{
    size_t base = mem_live();
    for (unsigned at = 0; at < 6; at++) {
        mem_fail_at(at, false);
        assert_int_equal(ask_six(), 1u << at);
        assert_int_equal(mem_fail_off(), 6);
        mem_fail_at(at, true);
        assert_int_equal(ask_six(), 63u & ~((1u << at) - 1));
        assert_int_equal(mem_fail_off(), 6);
        assert_int_equal(mem_live(), base);
    }
    mem_fail_at(6, true);
    assert_int_equal(ask_six(), 0);
    assert_int_equal(mem_fail_off(), 6);
    assert_int_equal(ask_six(), 0);
    assert_int_equal(mem_live(), base);
}

static void pauses_nest(void **state)
{
    mem_fail_at(0, true);
    mem_fail_pause();
    mem_fail_pause();
    _cleanup_free_ char *a = mem_alloc(1);
    mem_fail_resume();
    _cleanup_free_ char *b = mem_alloc(1);
    mem_fail_resume();
    _cleanup_free_ char *c = mem_alloc(1);
    assert_int_equal(mem_fail_off(), 1);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(c);
    /* Arming anew forgets a pause that a failed assertion has left open. */
    mem_fail_pause();
    mem_fail_at(0, false);
    _cleanup_free_ char *d = mem_alloc(1);
    mem_fail_off();
    assert_null(d);
}

static void hands_its_functions_to_jansson(void **state)
{
    mem_install_hooks();
    size_t base = mem_live();
    json_t *j = json_object();
    assert_non_null(j);
    assert_true(mem_live() > base);
    json_decref(j);
    assert_int_equal(mem_live(), base);
    mem_fail_at(0, true);
    j = json_object();
    mem_fail_off();
    assert_null(j);
}

static void moves_ownership(void **state)
{
    _cleanup_free_ char *a = mem_strdup("moved");
    _cleanup_free_ char *b = TAKE_PTR(a);
    int fd = 5, taken = TAKE_FD(fd);
    assert_null(a);
    assert_string_equal(b, "moved");
    assert_int_equal(fd, -1);
    assert_int_equal(taken, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_live_allocations),
        cmocka_unit_test(refuses_products_that_overflow),
        cmocka_unit_test(copies),
        cmocka_unit_test(fails_the_allocation_asked_for),
        cmocka_unit_test(pauses_nest),
        cmocka_unit_test(hands_its_functions_to_jansson),
        cmocka_unit_test(moves_ownership),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
