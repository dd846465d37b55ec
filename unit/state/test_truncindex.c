/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of state/truncindex: prefixes, neighbours in the order, growth, failing allocations.
 */
#include "state/truncindex.h"

#include <stdio.h>

#include "sweep.h"

static void add(struct truncindex *t, const char *id)
{
    struct err e = ERR_INIT;
    assert_ok(truncindex_add(t, id, &e), &e);
}

static const char *get(const struct truncindex *t, const char *prefix)
{
    struct err e = ERR_INIT;
    const char *id = NULL;
    assert_ok(truncindex_get(t, "sandbox", view_of(prefix), &id, &e), &e);
    return id;
}

static void test_prefixes(void **state)
{
    struct truncindex t = {0};
    struct err e = ERR_INIT;
    const char *id = "untouched";
    assert_fails(truncindex_get(&t, "sandbox", VIEW_LIT("a"), &id, &e), &e, ERR_NOT_FOUND,
                 "sandbox \"a\" not found");
    add(&t, "abd");
    add(&t, "abcdef");
    add(&t, "b");
    add(&t, "abc");
    assert_string_equal(get(&t, "abcd"), "abcdef");
    assert_string_equal(get(&t, "abcdef"), "abcdef");
    assert_string_equal(get(&t, "abd"), "abd");
    assert_string_equal(get(&t, "abc"), "abc"); /* an id that begins another one is itself */
    assert_string_equal(get(&t, "b"), "b");
    assert_fails(truncindex_get(&t, "sandbox", VIEW_LIT("ab"), &id, &e), &e, ERR_FAILED_PRECONDITION,
                 "\"ab\" is ambiguous");
    assert_fails(truncindex_get(&t, "sandbox", VIEW_LIT("a"), &id, &e), &e, ERR_FAILED_PRECONDITION,
                 "ambiguous");
    assert_fails(truncindex_get(&t, "sandbox", VIEW_LIT("abcdefg"), &id, &e), &e, ERR_NOT_FOUND, "abcdefg");
    assert_fails(truncindex_get(&t, "container", VIEW_LIT("c"), &id, &e), &e, ERR_NOT_FOUND,
                 "container \"c\" not found");
    assert_fails(truncindex_get(&t, "sandbox", VIEW_LIT("abc\0"), &id, &e), &e, ERR_NOT_FOUND, "not found");
    assert_fails(truncindex_get(&t, "sandbox", VIEW_EMPTY, &id, &e), &e, ERR_INVALID_ARGUMENT,
                 "sandbox id is empty");
    assert_string_equal(id, "untouched");
    truncindex_remove(&t, "abc");
    assert_string_equal(get(&t, "abc"), "abcdef");
    truncindex_remove(&t, "abc"); /* unknown ids are ignored */
    truncindex_remove(&t, "z");
    assert_int_equal(t.n, 3);
    truncindex_done(&t);
    assert_null(t.ids);
}

static void test_refused(void **state)
{
    struct truncindex t = {0};
    struct err e = ERR_INIT;
    assert_fails(truncindex_add(&t, "", &e), &e, ERR_INVALID_ARGUMENT, "empty");
    add(&t, "a");
    assert_fails(truncindex_add(&t, "a", &e), &e, ERR_ALREADY_EXISTS, "\"a\" already exists");
    assert_int_equal(t.n, 1);
    truncindex_done(&t);
}

static void test_order_is_kept(void **state)
{
    struct truncindex t = {0};
    char id[16];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "%03u", i * 7 % 1000);
        add(&t, id);
    }
    for (size_t i = 0; i + 1 < t.n; i++)
        assert_true(strcmp(t.ids[i], t.ids[i + 1]) < 0);
    for (unsigned i = 0; i < 1000; i += 2) {
        snprintf(id, sizeof id, "%03u", i);
        truncindex_remove(&t, id);
    }
    assert_int_equal(t.n, 500);
    for (unsigned i = 0; i < 1000; i++) {
        struct err e = ERR_INIT;
        const char *found;
        snprintf(id, sizeof id, "%03u", i);
        assert_int_equal(truncindex_get(&t, "x", view_of(id), &found, &e), i % 2 ? 0 : -ERR_NOT_FOUND);
    }
    truncindex_done(&t);
}

static int add_many(void *arg, struct err *e)
{
    struct truncindex t = {0};
    char id[16];
    int r = 0;
    for (unsigned i = 0; r == 0 && i < 20; i++) {
        snprintf(id, sizeof id, "%02x", i * 37 & 255);
        r = truncindex_add(&t, id, e);
        if (r < 0)
            assert_int_equal(t.n, i); /* nothing was added */
    }
    truncindex_done(&t);
    return r;
}

static void test_sweep(void **state)
{
    assert_true(sweep("truncindex_add", add_many, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_order_is_kept),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests_name("truncindex", tests, NULL, NULL);
}
