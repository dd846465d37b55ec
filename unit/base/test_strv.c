/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String containers. The map is held against a plain array through thousands of insertions and removals, in an order that makes
 * clusters, since removal is where a map without tombstones goes wrong.
 */
#include "support.h"
#include "sweep.h"

#include <stdio.h>

#include "base/strv.h"

static void lists(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct strlist l = {0};
    assert_false(strlist_has(&l, ""));
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(i % 2 ? strlist_add(&l, &a, text) : strlist_addf(&l, &a, "%d", i), 0);
        text[0] = 'x'; /* the list has a copy */
    }
    assert_int_equal(l.n, 100);
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_string_equal(l.v[i], text);
        assert_true(strlist_has(&l, text));
    }
    assert_false(strlist_has(&l, "100"));
    assert_false(strlist_has(&l, ""));
}

static void pairs(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct kvlist l = {0};
    assert_null(kvlist_get(&l, "k"));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50; i++) {
            char key[16], value[16];
            snprintf(key, sizeof key, "k%d", i);
            snprintf(value, sizeof value, "v%d.%d", i, round);
            assert_int_equal(kvlist_set(&l, &a, key, value), 0);
        }
    }
    assert_int_equal(l.n, 50);
    for (int i = 0; i < 50; i++) {
        char key[16], value[16];
        snprintf(key, sizeof key, "k%d", i);
        snprintf(value, sizeof value, "v%d.1", i);
        assert_string_equal(l.v[i].key, key); /* each at its first place */
        assert_string_equal(kvlist_get(&l, key), value);
    }
    assert_null(kvlist_get(&l, "k50"));
    assert_int_equal(kvlist_set(&l, &a, "", ""), 0);
    assert_string_equal(kvlist_get(&l, ""), "");
}

static void lists_stop_at_the_budget(void **state)
{
    for (size_t budget = 0; budget < 600; budget++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(budget);
        struct strlist l = {0};
        struct kvlist k = {0};
        int r = 0, i;
        for (i = 0; r == 0 && i < 10; i++)
            r = i % 2 ? strlist_addf(&l, &a, "%d", i) : kvlist_set(&k, &a, i % 4 ? "a" : "b", "value");
        assert_true(r == 0 || r == -ERR_RESOURCE_EXHAUSTED);
        for (size_t j = 0; j < l.n; j++)
            assert_int_equal(strlen(l.v[j]), 1);
        for (size_t j = 0; j < k.n; j++)
            assert_string_equal(k.v[j].value, "value");
        assert_true(budget > 50 || r < 0);
        assert_true(budget < 500 || r == 0);
    }
}

enum { KEYS = 5000 };

static void check_map(const struct strmap *m, const bool *in)
{
    size_t it = 0, n = 0, want = 0;
    const char *key;
    void *value;
    while (strmap_next(m, &it, &key, &value)) {
        size_t i = (size_t)value - 1;
        char text[16];
        snprintf(text, sizeof text, "key-%zu", i);
        assert_true(i < KEYS && in[i]);
        assert_string_equal(key, text);
        n++;
    }
    for (size_t i = 0; i < KEYS; i++) {
        char text[16];
        snprintf(text, sizeof text, "key-%zu", i);
        want += in[i];
        if (strmap_get(m, text) != (in[i] ? (void *)(i + 1) : NULL))
            fail_msg("%s: %p, in %d", text, strmap_get(m, text), in[i]);
    }
    assert_int_equal(n, want);
    assert_int_equal(m->n, want);
    it = 0;
    while (strmap_next(m, &it, NULL, NULL))
        n--;
    assert_int_equal(n, 0);
}

static void maps_thousands(void **state)
{
    struct strmap m = {0};
    static bool in[KEYS];
    uint32_t random = 1;
    assert_null(strmap_get(&m, "x"));
    assert_null(strmap_remove(&m, "x"));
    for (unsigned step = 0; step < 60000; step++) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 8) % KEYS;
        bool insert = (random >> 4 & 3) < (step % 20000 < 10000 ? 3u : 1u); /* fills up and empties, three times */
        char text[16];
        void *old = &m;
        snprintf(text, sizeof text, "key-%zu", i);
        if (insert) {
            assert_int_equal(strmap_set(&m, text, (void *)(i + 1), &old), 0);
            assert_ptr_equal(old, in[i] ? (void *)(i + 1) : NULL);
        } else {
            assert_ptr_equal(strmap_remove(&m, text), in[i] ? (void *)(i + 1) : NULL);
        }
        in[i] = insert;
        if (step % 5000 == 0)
            check_map(&m, in);
    }
    check_map(&m, in);
    strmap_done(&m);
    assert_null(strmap_get(&m, "key-1"));
    assert_int_equal(m.n, 0);
}

/* A full small map is one cluster or two: takes the keys out in each rotation, and looks for all others each time. */
static void closes_the_gaps_of_a_cluster(void **state)
{
    for (int first = 0; first < 12; first++) {
        for (int stride = 1; stride < 12; stride++) {
            struct strmap m = {0};
            bool gone[12] = {0};
            for (size_t i = 0; i < 12; i++) {
                char key[] = {(char)('a' + i), (char)('a' + first), '\0'};
                assert_int_equal(strmap_set(&m, key, (void *)(i + 1), NULL), 0);
            }
            assert_int_equal(m.cap, 16); /* else there is no cluster */
            for (int k = 0; k < 12; k++) {
                size_t i = (size_t)(first + k * stride) % 12;
                char key[] = {(char)('a' + i), (char)('a' + first), '\0'};
                assert_ptr_equal(strmap_remove(&m, key), gone[i] ? NULL : (void *)(i + 1));
                gone[i] = true;
                for (size_t j = 0; j < 12; j++) {
                    char other[] = {(char)('a' + j), (char)('a' + first), '\0'};
                    assert_ptr_equal(strmap_get(&m, other), gone[j] ? NULL : (void *)(j + 1));
                }
            }
            strmap_done(&m);
        }
    }
}

static void replaces(void **state)
{
    struct strmap m = {0};
    int a, b;
    void *old = &a;
    char key[] = "key";
    assert_int_equal(strmap_set(&m, key, &a, &old), 0);
    assert_null(old);
    key[0] = 'x'; /* the map has a copy */
    assert_int_equal(strmap_set(&m, "key", &b, &old), 0);
    assert_ptr_equal(old, &a);
    assert_int_equal(m.n, 1);
    assert_ptr_equal(strmap_get(&m, "key"), &b);
    assert_null(strmap_get(&m, "xey"));
    assert_int_equal(strmap_set(&m, "", &a, NULL), 0);
    assert_ptr_equal(strmap_get(&m, ""), &a);
    strmap_done(&m);
    strmap_done(&m);
}

static int fill(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_(strmap_done) struct strmap m = {0};
    struct strlist l = {0};
    struct kvlist k = {0};
    for (size_t i = 0; i < 60; i++) {
        char key[16];
        snprintf(key, sizeof key, "%zu", i);
        if (strmap_set(&m, key, (void *)(i + 1), NULL) < 0) {
            assert_int_equal(m.n, i);
            assert_null(strmap_get(&m, key));
            for (size_t j = 0; j < i; j++) {
                snprintf(key, sizeof key, "%zu", j);
                assert_ptr_equal(strmap_get(&m, key), (void *)(j + 1));
            }
            return err_oom(e);
        }
        if (strlist_addf(&l, &a, "%200zu", i) < 0 || strlist_add(&l, &a, key) < 0 || kvlist_set(&k, &a, key, key) < 0 ||
            kvlist_set(&k, &a, key, "again") < 0)
            return err_oom(e);
    }
    return 0;
}

static void survives_failing_allocations(void **state)
{
    assert_true(sweep("strv", fill, NULL) > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(pairs),
        cmocka_unit_test(lists_stop_at_the_budget),
        cmocka_unit_test(maps_thousands),
        cmocka_unit_test(closes_the_gaps_of_a_cluster),
        cmocka_unit_test(replaces),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("strv", tests, NULL, NULL);
}
