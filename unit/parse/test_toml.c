/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: each kind of value, keys and tables. What is refused is in test_toml_refused.c, maxima and memory are in test_toml_limits.c;
 * toml_differential.py holds the reader against another one.
 */
#include <math.h>
#include <stdio.h>

#include "support.h"

#include "parse/toml.h"

static const struct toml *parse(struct view text, struct arena *a)
{
    struct err e = ERR_INIT;
    const struct toml *root = NULL;
    if (toml_parse(text, a, &root, &e) < 0)
        fail_msg("%.*s\n%s", VIEW_ARG(text), e.message);
    assert_int_equal(root->type, TOML_TABLE);
    return root;
}

/* The value of `a` in a document. */
static const struct toml *value(const char *text, struct arena *a)
{
    const struct toml *v = toml_get(parse(view_of(text), a), "a");
    assert_non_null(v);
    return v;
}

static void strings(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a = \"\"", ""},
        {"a = ''", ""},
        {"a=\"x\"", "x"},
        {"a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "\b\t\n\f\r\"\\"},
        {"a = \"\\u00e9\\U0001F600\\ud7ff\\uE000\\U0010FFFF\"", "\u00e9\U0001F600\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
        {"a = \"tab\there, '#' \u00e9\"", "tab\there, '#' \u00e9"},
        {"a = \"\\\"behind an escaped quote\\\\\"", "\"behind an escaped quote\\"},
        {"a = 'C:\\n\\u00e9 \"q\"'", "C:\\n\\u00e9 \"q\""},
        {"a = \"\"\"\"\"\"", ""},
        {"a = ''''''", ""},
        {"a = \"\"\"\nx\ny\"\"\"", "x\ny"},
        {"a = \"\"\"\r\nx\r\ny\r\n\"\"\"", "x\ny\n"},
        {"a = \"\"\"\n\nx\"\"\"", "\nx"},
        {"a = '''\r\n\\x\r\n'''", "\\x\n"},
        {"a = \"\"\"x\\\n   \t\n  y \\  \r\n\r\n z\"\"\"", "xy z"},
        {"a = \"\"\"x\\\n\"\"\"", "x"},
        {"a = \"\"\"a\"b\"\"c\\\"\"\"\"", "a\"b\"\"c\""},
        {"a = \"\"\"\"x\"\"\"\"", "\"x\""},
        {"a = \"\"\"x\"\"\"\"\"", "x\"\""},
        {"a = \"\"\"\"\"\"\"\"", "\"\""},
        {"a = '''it''s'''''", "it''s''"},
        {"a = ''''''''", "''"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        const struct toml *v = value(cases[i].text, &a);
        if (v->type != TOML_STRING || !view_eq_str(v->string, cases[i].want) || v->string.p[v->string.n] != '\0')
            fail_msg("%s: \"%.*s\"", cases[i].text, VIEW_ARG(v->string));
    }
}

static void integers(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"a = 0", 0},
        {"a = +0", 0},
        {"a = -0", 0},
        {"a = 99", 99},
        {"a = +99", 99},
        {"a = -17", -17},
        {"a = 1_000_0", 10000},
        {"a = 9223372036854775806", INT64_MAX - 1},
        {"a = 9223372036854775807", INT64_MAX},
        {"a = -9223372036854775807", INT64_MIN + 1},
        {"a = -9_223_372_036_854_775_808", INT64_MIN},
        {"a = 0xDEAD_beef", 0xdeadbeef},
        {"a = 0x0", 0},
        {"a = 0x00000000000000000000ff", 255},
        {"a = 0x7fffffffffffffff", INT64_MAX},
        {"a = 0xe1", 225},
        {"a = 0o755", 0755},
        {"a = 0o777777777777777777777", INT64_MAX},
        {"a = 0b1101_0110", 0xd6},
        {"a = 0b111111111111111111111111111111111111111111111111111111111111111", INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        const struct toml *v = value(cases[i].text, &a);
        if (v->type != TOML_INTEGER || v->integer != cases[i].want)
            fail_msg("%s: %lld", cases[i].text, (long long)v->integer);
    }
}

static void floats(void **state)
{
    static const struct {
        const char *text;
        double want;
    } cases[] = {
        {"a = +1.0", 1.0},
        {"a = 3.1415", 3.1415},
        {"a = -0.01", -0.01},
        {"a = 5e+22", 5e22},
        {"a = 1e06", 1e6},
        {"a = -2E-2", -2e-2},
        {"a = 6.626e-34", 6.626e-34},
        {"a = 224_617.445_991_228", 224617.445991228},
        {"a = 0.0", 0.0},
        {"a = -0.0", -0.0},
        {"a = 0e0", 0.0},
        {"a = inf", INFINITY},
        {"a = +inf", INFINITY},
        {"a = -inf", -INFINITY},
        {"a = 1e400", INFINITY},
        {"a = -1e99999999999999999999999", -INFINITY},
        {"a = 1e-400", 0.0},
        {"a = 1e-99999999999999999999999", 0.0},
        {"a = 0e99999999999999999999999", 0.0},
        {"a = 4.9406564584124654e-324", 4.9406564584124654e-324},
        {"a = 1.7976931348623157e308", 1.7976931348623157e308},
        {"a = 9007199254740993.0", 9007199254740992.0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        const struct toml *v = value(cases[i].text, &a);
        if (v->type != TOML_FLOAT || v->real != cases[i].want || !signbit(v->real) != !signbit(cases[i].want))
            fail_msg("%s: %.17g", cases[i].text, v->real);
    }
    for (const char *const *nan = (const char *const[]){"a = nan", "a = +nan", "a = -nan", NULL}; *nan; nan++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        assert_true(isnan(value(*nan, &a)->real));
    }
}

/* The digits that decide may be far behind: halfway between two doubles, and a 1 at a distance. */
static void long_fractions(void **state)
{
    for (size_t zeros = 770; zeros < 830; zeros++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        char text[1024], filler[1024];
        memset(filler, '0', sizeof filler);
        snprintf(text, sizeof text, "a = 9007199254740993.%.*s1", (int)zeros, filler);
        assert_true(value(text, &a)->real == 9007199254740994.0);
        snprintf(text, sizeof text, "a = 9007199254740993.%.*s", (int)zeros, filler);
        assert_true(value(text, &a)->real == 9007199254740992.0);
        snprintf(text, sizeof text, "a = 9007199254740993%.*s1e-%zu", (int)zeros, filler, zeros + 1);
        assert_true(value(text, &a)->real == 9007199254740994.0);
        snprintf(text, sizeof text, "a = 0.%.*s25e%zu", (int)zeros, filler, zeros);
        assert_true(value(text, &a)->real == 0.25);
    }
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    static char text[4096];
    snprintf(text, sizeof text, "a = 1%03000de-99999999999999999999", 0);
    assert_true(value(text, &a)->real == 0.0);
}

static void dates(void **state)
{
    static const struct {
        const char *text;
        enum toml_datetime_kind kind;
    } cases[] = {
        {"1979-05-27T07:32:00Z", TOML_OFFSET_DATETIME},
        {"1979-05-27t07:32:00z", TOML_OFFSET_DATETIME},
        {"1979-05-27 07:32:00-07:00", TOML_OFFSET_DATETIME},
        {"1979-05-27T00:32:00.999999999999+23:59", TOML_OFFSET_DATETIME},
        {"2016-12-31T23:59:60Z", TOML_OFFSET_DATETIME},
        {"1979-05-27T07:32:00", TOML_LOCAL_DATETIME},
        {"1979-05-27 00:00:00.5", TOML_LOCAL_DATETIME},
        {"1979-05-27", TOML_LOCAL_DATE},
        {"2000-02-29", TOML_LOCAL_DATE},
        {"2024-02-29", TOML_LOCAL_DATE},
        {"2023-01-31", TOML_LOCAL_DATE},
        {"2023-02-28", TOML_LOCAL_DATE},
        {"2023-03-31", TOML_LOCAL_DATE},
        {"2023-04-30", TOML_LOCAL_DATE},
        {"2023-05-31", TOML_LOCAL_DATE},
        {"2023-06-30", TOML_LOCAL_DATE},
        {"2023-07-31", TOML_LOCAL_DATE},
        {"2023-08-31", TOML_LOCAL_DATE},
        {"2023-09-30", TOML_LOCAL_DATE},
        {"2023-10-31", TOML_LOCAL_DATE},
        {"2023-11-30", TOML_LOCAL_DATE},
        {"2023-12-31", TOML_LOCAL_DATE},
        {"0000-12-31", TOML_LOCAL_DATE},
        {"9999-01-01", TOML_LOCAL_DATE},
        {"23:59:59", TOML_LOCAL_TIME},
        {"00:00:00.0", TOML_LOCAL_TIME},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        char text[128];
        snprintf(text, sizeof text, "a = %s # x\n", cases[i].text);
        const struct toml *v = value(text, &a);
        if (v->type != TOML_DATETIME || v->datetime.kind != cases[i].kind || !view_eq_str(v->datetime.text, cases[i].text))
            fail_msg("%s: kind %d, \"%.*s\"", cases[i].text, v->datetime.kind, VIEW_ARG(v->datetime.text));
    }
}

static void arrays(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    const struct toml *v = value("a = [ # first\n\n  1, [], 'x' # two\r\n , {b.c = true},\n]\n", &a);
    assert_int_equal(v->type, TOML_ARRAY);
    assert_int_equal(v->children.n, 4);
    const struct toml *c = v->children.first;
    assert_int_equal(c->integer, 1);
    assert_view(c->key, "");
    assert_int_equal(c->line, 3);
    assert_int_equal(c->column, 3);
    c = c->next;
    assert_int_equal(c->type, TOML_ARRAY);
    assert_int_equal(c->children.n, 0);
    assert_null(c->children.first);
    c = c->next;
    assert_view(c->string, "x");
    c = c->next;
    assert_int_equal(c->type, TOML_TABLE);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->column, 4);
    assert_true(toml_get(toml_get(c, "b"), "c")->boolean);
    assert_null(c->next);
    assert_int_equal(value("a = []", &a)->children.n, 0);
    assert_int_equal(value("a = [\n]", &a)->children.n, 0);
    assert_int_equal(value("a = {}", &a)->children.n, 0);
    assert_int_equal(value("a = { }", &a)->children.n, 0);
}

static void keys(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    const struct toml *root = parse(VIEW_LIT("bare-Key_1 = 1\n1234 = 2\n\"\" = 3\n\"a.b\\u00e9\" = 4\n'q\"' = 5\nx . \"y\"\t.'z'=6\n3.14 = 7\n"), &a);
    assert_int_equal(root->children.n, 7);
    assert_int_equal(toml_get(root, "bare-Key_1")->integer, 1);
    assert_int_equal(toml_get(root, "1234")->integer, 2);
    assert_int_equal(toml_get(root, "")->integer, 3);
    assert_int_equal(toml_get(root, "a.b\u00e9")->integer, 4);
    assert_int_equal(toml_get(root, "q\"")->integer, 5);
    assert_int_equal(toml_get(toml_get(toml_get(root, "x"), "y"), "z")->integer, 6);
    assert_int_equal(toml_get(toml_get(root, "3"), "14")->integer, 7);
    assert_null(toml_get(root, "bare-Key"));
    assert_null(toml_get(root, "bare-Key_1x"));
    assert_null(toml_get(root, "a"));
    assert_null(toml_get(NULL, "a"));
    assert_null(toml_get(toml_get(root, "1234"), "a"));
    assert_null(toml_get(parse(VIEW_EMPTY, &a), ""));
}

/* All keys of up to four of these characters, which differ in single bits; in an order that is none; half of them are put in. */
static void every_key_is_found(void **state)
{
    static const char *const characters[] = {"C", "8", "\xc3\xb8", "\xc3\xb9", "c"};
    enum { KEYS = 5 + 25 + 125 + 625 };
    static char keys[KEYS][16], text[KEYS * 24];
    size_t n = 0;
    for (size_t from = 0, to = 0, length = 1; length <= 4; from = to, to = n, length++)
        for (size_t k = from; k < to + (length == 1); k++)
            for (size_t c = 0; c < 5; c++, n++)
                snprintf(keys[n], sizeof keys[n], "%s%s", length == 1 ? "" : keys[k], characters[c]);
    assert_int_equal(n, KEYS);
    for (size_t first = 0; first < 2; first++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        size_t length = 0;
        for (size_t i = first; i < KEYS; i += 2)
            length += (size_t)snprintf(text + length, sizeof text - length, "\"%s\" = %zu\n", keys[i * 331 % KEYS], i * 331 % KEYS);
        const struct toml *root = parse(view_make(text, length), &a);
        for (size_t i = 0; i < KEYS; i++) {
            const struct toml *v = toml_get(root, keys[i * 331 % KEYS]);
            assert_true(i % 2 == first ? v && v->integer == (int64_t)(i * 331 % KEYS) : !v);
        }
    }
}

static void tables(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    const struct toml *root = parse(VIEW_LIT("top = 1\n"
                                             "[ a . 'b'.c ]\n"
                                             "d.e = 1\n"
                                             "d.f = 2\n"
                                             "[a]\n"
                                             "x = 3\n"
                                             "[[l]]\n"
                                             "n = 4\n"
                                             "[l.sub]\n"
                                             "[[l.list]]\n"
                                             "[[l.list]]\n"
                                             "[[ l ]]\n"
                                             "n = 5\n"
                                             "[l.sub]\n"
                                             "m = 6\n"),
                                    &a);
    assert_int_equal(root->children.n, 3);
    const struct toml *t = toml_get(root, "a");
    assert_int_equal(t->line, 5);
    assert_int_equal(t->column, 2);
    assert_int_equal(toml_get(t, "b")->line, 2);
    assert_int_equal(toml_get(t, "b")->column, 7);
    assert_int_equal(toml_get(t, "x")->integer, 3);
    assert_int_equal(toml_get(toml_get(toml_get(toml_get(t, "b"), "c"), "d"), "f")->integer, 2);
    const struct toml *l = toml_get(root, "l");
    assert_int_equal(l->type, TOML_ARRAY);
    assert_int_equal(l->children.n, 2);
    assert_int_equal(l->line, 7);
    const struct toml *one = l->children.first, *two = one->next;
    assert_int_equal(toml_get(one, "n")->integer, 4);
    assert_int_equal(toml_get(one, "sub")->children.n, 0);
    assert_int_equal(toml_get(one, "list")->children.n, 2);
    assert_int_equal(toml_get(two, "n")->integer, 5);
    assert_int_equal(toml_get(toml_get(two, "sub"), "m")->integer, 6);
    assert_int_equal(two->line, 12);
    assert_int_equal(two->column, 4);
    assert_null(toml_get(two, "list"));
}

/* What the rules about defining twice leave open. */
static void accepted(void **state)
{
    static const char *const cases[] = {
        "", "\n\r\n", "#", "# comment\n\t # \u00e9", "a = 1 # x", " \t a = 1 \t\n", "[a] # x\n", "[[a]] # x",
        "a.b = 1\na.c = 2\nb = 3\na.d.e = 4", /* the same section, in any order */
        "a.b = 1\n[a.c]\n",                   /* a table below one of dotted keys */
        "[a.b]\n[a]\n",                       /* above */
        "[a.b.c]\n[a]\nb.d = 1",              /* dotted through a table that was only implied */
        "[a]\nb.c = 1\n[a.b.d]\n",
        "[[a]]\nb.c = 1\n[[a]]\nb.c = 1\n", "[[a.b]]\n[a]\nc = 1",
        "a = {b.c = 1, b.d = 2}", "a = {b = {c = 1}, d = {c = 1}}", "a = [{b = 1}, {b = 1}]",
        "a = true\nb = false", "[a]\n[b]\n[a.c]\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        parse(view_of(cases[i]), &a);
    }
}

static void type_names(void **state)
{
    assert_string_equal(toml_type_name(TOML_TABLE), "a table");
    assert_string_equal(toml_type_name(TOML_DATETIME), "a date or time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),  cmocka_unit_test(integers),  cmocka_unit_test(floats), cmocka_unit_test(long_fractions),
        cmocka_unit_test(dates),    cmocka_unit_test(arrays),    cmocka_unit_test(keys),   cmocka_unit_test(every_key_is_found),
        cmocka_unit_test(tables),   cmocka_unit_test(accepted),  cmocka_unit_test(type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
