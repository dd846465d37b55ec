/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: maxima at one below, at, and one above; memory that fails; documents made to be slow.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "base/buf.h"
#include "parse/toml.h"

/* The most that toml.h promises to take. */
enum { ARENA_BYTES = 16 << 20 };

static int parse(const struct buf *text, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BYTES);
    const struct toml *root;
    return toml_parse(buf_view(text), &a, &root, e);
}

static void repeat(struct buf *b, const char *what, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_add_str(b, what), 0);
}

static void bytes(void **state)
{
    for (int over = -1; over <= 1; over++) {
        _cleanup_buf_ struct buf b = BUF_INIT((size_t)8 << 20);
        struct err e = ERR_INIT;
        repeat(&b, "a = '", 1);
        repeat(&b, "x", (size_t)(TOML_BYTES_MAX + over - 6));
        repeat(&b, "'", 1);
        assert_int_equal(b.n, TOML_BYTES_MAX + over);
        if (over <= 0)
            assert_ok(parse(&b, &e), &e);
        else
            assert_fails(parse(&b, &e), &e, ERR_RESOURCE_EXHAUSTED, "the text has 4194305 bytes; at most 4194304 are read");
    }
}

static void values(void **state)
{
    static const char *const forms[][3] = {{"a = [", "0,", "]"}, {"", "[[a]]\n", ""}};
    for (size_t f = 0; f < ARRAY_SIZE(forms); f++) {
        for (int over = -1; over <= 1; over++) {
            _cleanup_buf_ struct buf b = BUF_INIT((size_t)8 << 20);
            struct err e = ERR_INIT;
            repeat(&b, forms[f][0], 1);
            repeat(&b, forms[f][1], (size_t)(TOML_VALUES_MAX + over - 1));
            repeat(&b, forms[f][2], 1);
            if (over <= 0)
                assert_ok(parse(&b, &e), &e);
            else
                assert_fails(parse(&b, &e), &e, ERR_RESOURCE_EXHAUSTED, f == 0 ? "line 1, column 131076: more than 65536 values"
                                                                              : "line 65536, column 3: more than 65536 values");
        }
    }
}

/* As many values as may be, with keys that fill the text and are decoded before they are copied. */
static void memory(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(TOML_BYTES_MAX);
    struct err e = ERR_INIT;
    for (int i = 0; i < TOML_VALUES_MAX; i++)
        assert_int_equal(buf_printf(&b, "\"%058d\"={}\n", i), 0);
    assert_int_equal(b.n, TOML_BYTES_MAX);
    assert_ok(parse(&b, &e), &e);
}

/* A document whose deepest value is `depth` levels below the root, once for each way of going down. */
static void make_deep(struct buf *b, size_t way, size_t depth)
{
    static const struct {
        const char *before, *open, *inner, *close;
        size_t levels; /* that one round of open makes; the rest makes one */
    } ways[] = {
        {"a = ", "[", "", "]", 1},           /* arrays */
        {"", "a = {", "a = 1", "}", 1},      /* inline tables */
        {"a = ", "[{a = ", "1", "}]", 2},    /* both */
        {"", "a.", "a = 1", "", 1},          /* a dotted key */
        {"a = {", "a.", "a = 1}", "", 1},    /* one in an inline table */
        {"[", "a.", "a]", "", 1},            /* a header */
        {"[a.a.a]\n", "a.", "a = 1", "", 1}, /* a dotted key below a header */
        {"[[", "a.", "a]]", "", 1},          /* an array of tables */
    };
    static const size_t others[] = {0, 1, 1, 1, 2, 1, 4, 2};
    size_t rounds = (depth - others[way]) / ways[way].levels;
    assert_int_equal(rounds * ways[way].levels + others[way], depth);
    repeat(b, ways[way].before, 1);
    repeat(b, ways[way].open, rounds);
    repeat(b, ways[way].inner, 1);
    repeat(b, ways[way].close, rounds);
}

static void depth(void **state)
{
    for (size_t way = 0; way < 8; way++) {
        /* Two levels a round meet every other number only. */
        for (int over = -1; over <= 1; over += way == 2 ? 2 : 1) {
            _cleanup_buf_ struct buf b = BUF_INIT((size_t)1 << 20);
            struct err e = ERR_INIT;
            make_deep(&b, way, (size_t)(TOML_DEPTH_MAX + over));
            if (over <= 0)
                assert_ok(parse(&b, &e), &e);
            else
                assert_fails(parse(&b, &e), &e, ERR_RESOURCE_EXHAUSTED, "more than 64 levels of tables and arrays");
        }
        _cleanup_buf_ struct buf b = BUF_INIT((size_t)1 << 20);
        struct err e = ERR_INIT;
        make_deep(&b, way, 100001);
        assert_fails(parse(&b, &e), &e, ERR_RESOURCE_EXHAUSTED, "more than 64 levels of tables and arrays");
    }
    /* Levels are given back. */
    _cleanup_buf_ struct buf b = BUF_INIT((size_t)1 << 20);
    struct err e = ERR_INIT;
    repeat(&b, "a = [[[{a = [], b.c.d = 1}]]]\n", 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(buf_printf(&b, "x%d = [[[{a = [{}], b.c.d = {e.f = 1}}]]]\ny.z.k%d = {}\n", i, i), 0);
    repeat(&b, "elements = [", 1);
    repeat(&b, "[], {}, [1], {a.b = 1},", 200);
    repeat(&b, "]\nmembers = {z = 1", 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(buf_printf(&b, ", a%d = [], b%d = {}, c%d.d.e = [{}]", i, i, i), 0);
    repeat(&b, "}\n", 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(buf_printf(&b, "[[l.m.n]]\n[l.m.n.o%d]\n", i), 0);
    assert_ok(parse(&b, &e), &e);
}

/* Documents that a table with a list, a tree without balance or a hash without a secret would take minutes for. No time is asserted: the test's
 * own limit ends it. */
static void made_to_be_slow(void **state)
{
    struct err e = ERR_INIT;
    char key[1024];
    _cleanup_buf_ struct buf rising = BUF_INIT(TOML_BYTES_MAX), starts = BUF_INIT(TOML_BYTES_MAX), deep = BUF_INIT(TOML_BYTES_MAX),
                             again = BUF_INIT(TOML_BYTES_MAX), gaps = BUF_INIT(TOML_BYTES_MAX), open = BUF_INIT(TOML_BYTES_MAX);
    for (int i = 0; i < TOML_VALUES_MAX; i++)
        assert_int_equal(buf_printf(&rising, "key-with-a-long-start-%d = 1\n", i), 0);
    assert_ok(parse(&rising, &e), &e);
    /* Each key parts from the one before at its last byte. */
    memset(key, 'a', sizeof key);
    for (int i = 1; i < 2800; i++)
        assert_int_equal(buf_printf(&starts, "%.*s%0*d = 1\n", i % 1000, key, i / 1000 + 1, 0), 0);
    assert_ok(parse(&starts, &e), &e);
    /* As many tested bits as can be, and as many look-ups as still fit. */
    for (int i = 0; i < 724; i++)
        assert_int_equal(buf_printf(&deep, "%.*sb%.*s = 1\n", i, key, 723 - i, key), 0);
    for (int i = 0; deep.n < TOML_BYTES_MAX - 2000; i++)
        assert_int_equal(buf_printf(&deep, "[%.*sc.%d]\n", 723, key, i), 0);
    assert_ok(parse(&deep, &e), &e);
    repeat(&again, "[a]\n", 1);
    while (again.n < TOML_BYTES_MAX - 200)
        assert_int_equal(buf_printf(&again, "[a%050d]\n", (int)(again.n / 40)), 0);
    int r = parse(&again, &e);
    assert_true(r == 0 || r == -ERR_RESOURCE_EXHAUSTED);
    /* Strings whose layout is longer than what they hold. */
    while (gaps.n < TOML_BYTES_MAX - 200)
        assert_int_equal(buf_printf(&gaps, "k%zu = \"\"\"\\\n%100s\n\\\n\"\"\"\n", gaps.n, ""), 0);
    assert_ok(parse(&gaps, &e), &e);
    repeat(&open, "a = \"\"\"", 1);
    repeat(&open, "\\\\\"", TOML_BYTES_MAX / 3 - 3);
    assert_fails(parse(&open, &e), &e, ERR_INVALID_ARGUMENT, "line 1, column 5: the string does not end");
}

static const char document[] = "a = \"x\\u00e9\"\n\"q\\n\".b = [1, {c = 1979-05-27}, '''\nz''']\n[t.u]\n[[v]]\nw = 1.5\n[[v]]\n[v.x]\n";

static int parse_in(struct arena *a, struct err *e)
{
    const struct toml *root;
    return toml_parse(view_of(document), a, &root, e);
}

static int parse_once(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return parse_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("TOML document", parse_once, NULL) > 20);
    budget_sweep("TOML document", parse_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes), cmocka_unit_test(memory), cmocka_unit_test(values), cmocka_unit_test(depth), cmocka_unit_test(made_to_be_slow), cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
