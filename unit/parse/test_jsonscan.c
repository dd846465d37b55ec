/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON read in place.
 */
#include <stdio.h>

#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "parse/jsonscan.h"

static void check(const char *text, size_t n, enum jsonscan_class want)
{
    struct jsonscan_value v;
    size_t at = 0;
    enum jsonscan_class got = jsonscan_check(view_make(text, n), &v, &at);
    if (got != want)
        fail_msg("\"%.*s\" is class %d at %zu, expected %d", (int)n, text, got, at, want);
    assert_true(at <= n);
}

static const struct {
    const char *text;
    enum jsonscan_class want;
} document_cases[] = {
    {"null", JSONSCAN_OK},
    {" true ", JSONSCAN_OK},
    {"\tfalse\r\n", JSONSCAN_OK},
    {"0", JSONSCAN_OK},
    {"-0", JSONSCAN_OK},
    {"-0.0e-0", JSONSCAN_OK},
    {"12.5E+10", JSONSCAN_OK},
    {"1e5", JSONSCAN_OK},
    {"184467440737095516160000", JSONSCAN_OK},
    {"\"\"", JSONSCAN_OK},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"", JSONSCAN_OK},
    {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", JSONSCAN_OK},
    {"[]", JSONSCAN_OK},
    {"{}", JSONSCAN_OK},
    {"[1, [2], {\"a\" : [ ] } ]", JSONSCAN_OK},
    {"{\"a\":1,\"a\":2}", JSONSCAN_OK},
    {"", JSONSCAN_TRUNCATED},
    {"  ", JSONSCAN_TRUNCATED},
    {"[", JSONSCAN_TRUNCATED},
    {"[1", JSONSCAN_TRUNCATED},
    {"[1,", JSONSCAN_TRUNCATED},
    {"{", JSONSCAN_TRUNCATED},
    {"{\"a\"", JSONSCAN_TRUNCATED},
    {"{\"a\":", JSONSCAN_TRUNCATED},
    {"{\"a\":1", JSONSCAN_TRUNCATED},
    {"{\"a\":1,", JSONSCAN_TRUNCATED},
    {"\"a", JSONSCAN_TRUNCATED},
    {"\"a\\", JSONSCAN_TRUNCATED},
    {"tru", JSONSCAN_TRUNCATED},
    {"-", JSONSCAN_TRUNCATED},
    {"1.", JSONSCAN_TRUNCATED},
    {"1e", JSONSCAN_TRUNCATED},
    {"1e+", JSONSCAN_TRUNCATED},
    {"x", JSONSCAN_BAD_SYNTAX},
    {"nul0", JSONSCAN_BAD_SYNTAX},
    {"-a", JSONSCAN_BAD_SYNTAX},
    {"+1", JSONSCAN_BAD_SYNTAX},
    {".5", JSONSCAN_BAD_SYNTAX},
    {"1.x", JSONSCAN_BAD_SYNTAX},
    {"1.5ex", JSONSCAN_BAD_SYNTAX},
    {"[1,]", JSONSCAN_BAD_SYNTAX},
    {"[,1]", JSONSCAN_BAD_SYNTAX},
    {"[1 2]", JSONSCAN_BAD_SYNTAX},
    {"[1}", JSONSCAN_BAD_SYNTAX},
    {"{\"a\":1]", JSONSCAN_BAD_SYNTAX},
    {"{\"a\" 1}", JSONSCAN_BAD_SYNTAX},
    {"{\"a\":1,}", JSONSCAN_BAD_SYNTAX},
    {"{1:2}", JSONSCAN_BAD_SYNTAX},
    {"{a:1}", JSONSCAN_BAD_SYNTAX},
    {"]", JSONSCAN_BAD_SYNTAX},
    {"'a'", JSONSCAN_BAD_SYNTAX},
    {"\xef\xbb\xbf{}", JSONSCAN_BAD_SYNTAX},
    {"NaN", JSONSCAN_BAD_SYNTAX},
    {"/**/1", JSONSCAN_BAD_SYNTAX},
    {"\"\n\"", JSONSCAN_BAD_STRING},
    {"\"\\x\"", JSONSCAN_BAD_STRING},
    {"\"\\u", JSONSCAN_BAD_STRING},
    {"\"\\ue000\"", JSONSCAN_OK},
    {"\"\\u12\"", JSONSCAN_BAD_STRING},
    {"\"\\u12g4\"", JSONSCAN_BAD_STRING},
    {"\"\\ud800\"", JSONSCAN_BAD_STRING},
    {"\"\\ud800\\n1234\"", JSONSCAN_BAD_STRING},
    {"\"\\ud800x12345\"", JSONSCAN_BAD_STRING},
    {"\"\\ud800\\u0041\"", JSONSCAN_BAD_STRING},
    {"\"\\ud800\\ue000\"", JSONSCAN_BAD_STRING},
    {"\"\\udc00\"", JSONSCAN_BAD_STRING},
    {"\"\xff\"", JSONSCAN_BAD_STRING},
    {"\"\xc3\"", JSONSCAN_BAD_STRING},
    {"\"\xed\xa0\x80\"", JSONSCAN_BAD_STRING},
    {"{\"\xff\":1}", JSONSCAN_BAD_STRING},
    {"01", JSONSCAN_TRAILING},
    {"1 1", JSONSCAN_TRAILING},
    {"{}}", JSONSCAN_TRAILING},
    {"null,", JSONSCAN_TRAILING},
};

static void documents(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(document_cases); i++)
        check(document_cases[i].text, strlen(document_cases[i].text), document_cases[i].want);
    check("\"a\0b\"", 5, JSONSCAN_BAD_STRING);
    check("\"\\\0\"", 4, JSONSCAN_BAD_STRING);
    check("1\0", 2, JSONSCAN_TRAILING);
    check("\"\\u00", 5, JSONSCAN_BAD_STRING);
    assert_int_equal(jsonscan_check(VIEW_LIT("["), &(struct jsonscan_value){0}, NULL), JSONSCAN_TRUNCATED);
}

static void depth(void **state)
{
    char text[2 * (JSONSCAN_DEPTH_MAX + 1)];
    for (size_t n = JSONSCAN_DEPTH_MAX - 1; n <= JSONSCAN_DEPTH_MAX + 1; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        check(text, 2 * n, n <= JSONSCAN_DEPTH_MAX ? JSONSCAN_OK : JSONSCAN_TOO_DEEP);
    }
    /* objects and arrays in turn: each level remembers what it is */
    check("[{\"a\":[{\"b\":[]}]}]", 18, JSONSCAN_OK);
    check("[{\"a\":[{\"b\":[]]}]}", 18, JSONSCAN_BAD_SYNTAX);
}

static void errors_say_where(void **state)
{
    struct jsonscan_value v = {.kind = JSONSCAN_NUMBER};
    struct err e = ERR_INIT;
    assert_fails(jsonscan_parse(VIEW_LIT("[1,x]"), &v, &e), &e, ERR_INVALID_ARGUMENT, "at byte 3: unexpected character");
    assert_fails(jsonscan_parse(VIEW_LIT("[1"), &v, &e), &e, ERR_INVALID_ARGUMENT, "at byte 2: it ends too early");
    assert_int_equal(v.kind, JSONSCAN_NUMBER);
    assert_ok(jsonscan_parse(VIEW_LIT(" [1] "), &v, &e), &e);
    assert_view(v.raw, "[1]");
}

static struct jsonscan_value parse(const char *text)
{
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    assert_ok(jsonscan_parse(view_of(text), &v, &e), &e);
    return v;
}

static void kinds(void **state)
{
    assert_int_equal(parse("null").kind, JSONSCAN_NULL);
    assert_int_equal(parse("true").kind, JSONSCAN_TRUE);
    assert_int_equal(parse("false").kind, JSONSCAN_FALSE);
    assert_int_equal(parse("-1").kind, JSONSCAN_NUMBER);
    assert_int_equal(parse("\"x\"").kind, JSONSCAN_STRING);
    assert_int_equal(parse("[]").kind, JSONSCAN_ARRAY);
    assert_int_equal(parse("{}").kind, JSONSCAN_OBJECT);
    assert_string_equal(jsonscan_kind_name(JSONSCAN_TRUE), "a boolean");
    assert_string_equal(jsonscan_kind_name(JSONSCAN_NONE), "absent");
}

static void walks(void **state)
{
    struct jsonscan_value v, o = parse("{ \"a\" : 1 ,\"b\":{\"x\":[\"}]\",2]}, \"c\\\"]\":[ ],\"d\":\"e\\\\\",\"f\":18446744073709551615 }");
    struct jsonscan_iter it = jsonscan_iter(o);
    struct view key;
    static const char *const want[][2] = {
        {"\"a\"", "1"}, {"\"b\"", "{\"x\":[\"}]\",2]}"}, {"\"c\\\"]\"", "[ ]"}, {"\"d\"", "\"e\\\\\""}, {"\"f\"", "18446744073709551615"}};
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        assert_true(jsonscan_next(&it, &key, &v));
        assert_view(key, want[i][0]);
        assert_view(v.raw, want[i][1]);
    }
    assert_false(jsonscan_next(&it, &key, &v));
    assert_int_equal(jsonscan_count(o), 5);
    assert_int_equal(jsonscan_count(parse("[1 , [2,3],\"4,5\"\n]")), 3);
    assert_int_equal(jsonscan_count(parse("[ ]")), 0);
    assert_int_equal(jsonscan_count(parse("\"abc\"")), 0);
    it = jsonscan_iter(parse("[null,true]"));
    assert_true(jsonscan_next(&it, &key, &v));
    assert_int_equal(key.n, 0);
    assert_int_equal(v.kind, JSONSCAN_NULL);
    assert_true(jsonscan_next(&it, NULL, &v));
    assert_int_equal(v.kind, JSONSCAN_TRUE);
}

/* Walking what was never validated must stay within it. */
static void walks_of_garbage_stay_inside(void **state)
{
    static const char *const garbage[] = {"[", "{", "{\"", "{\"a", "{\"a\\", "{\"a\":", "[\"a\\", "[]]", "{:}", "{\"a\"}", "[[", "[{", "[1]]x", "{\"a\"x}", "[}]", "{\"a\":}}", "[\\u1]", "[[[[", "[1}2]", "[1]2]", "[1"};
    for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
        struct jsonscan_value v, whole = {.kind = garbage[i][0] == '{' ? JSONSCAN_OBJECT : JSONSCAN_ARRAY, .raw = view_of(garbage[i])};
        struct jsonscan_iter it = jsonscan_iter(whole);
        struct view key;
        for (int steps = 0; jsonscan_next(&it, &key, &v); steps++)
            assert_true(steps < 10);
    }
    char out[16];
    assert_int_equal(jsonscan_unescape(VIEW_LIT("\"\\u12\""), out, sizeof out), 3);
    assert_int_equal(jsonscan_unescape(VIEW_LIT("\"\\ud800\\u\""), out, sizeof out), 4);
    assert_int_equal(jsonscan_unescape(VIEW_LIT("\"\\\""), out, sizeof out), 1);
    assert_int_equal(jsonscan_unescape(VIEW_LIT("\""), out, sizeof out), 0);
}

static void strings(void **state)
{
    char out[64];
    struct view raw = VIEW_LIT("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\ue000z\"");
    static const char want[] = "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xee\x80\x80z";
    assert_int_equal(jsonscan_unescape(raw, out, sizeof out), sizeof want - 1);
    assert_memory_equal(out, want, sizeof want - 1);
    assert_int_equal(jsonscan_unescape(raw, NULL, 0), sizeof want - 1);
    assert_true(jsonscan_str_eq(raw, want));
    assert_false(jsonscan_str_eq(raw, "a"));
    assert_false(jsonscan_str_eq(VIEW_LIT("\"a\""), "ab"));
    assert_false(jsonscan_str_eq(VIEW_LIT("\"ab\""), "a"));
    assert_true(jsonscan_str_eq(VIEW_LIT("\"\""), ""));
    /* what does not fit is not written, neither in part */
    memset(out, 'X', sizeof out);
    assert_int_equal(jsonscan_unescape(VIEW_LIT("\"ab\\u20acd\""), out, 3), 6);
    assert_memory_equal(out, "abXX", 4);
}

static void picks(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct jsonscan_value v[3];
    jsonscan_pick(parse("{\"b\":1,\"\\u0061\":2,\"b\":3,\"d\":4}"), names, 3, v);
    assert_view(v[0].raw, "2");
    assert_view(v[1].raw, "3");
    assert_int_equal(v[2].kind, JSONSCAN_NONE);
    jsonscan_pick(parse("[\"a\"]"), names, 3, v);
    assert_int_equal(v[0].kind, JSONSCAN_NONE);
    assert_int_equal(jsonscan_get(parse("{\"a\":{\"b\":true}}"), "a").kind, JSONSCAN_OBJECT);
    assert_int_equal(jsonscan_get(parse("3"), "a").kind, JSONSCAN_NONE);
}

static void typed(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    char *s = NULL;
    const char *text = NULL;
    int64_t n = 7;
    bool b = false, present = true;
    assert_ok(jsonscan_str(parse("\"x\\ny\""), "f", 3, &a, &s, &e), &e);
    assert_string_equal(s, "x\ny");
    assert_fails(jsonscan_str(parse("\"abcd\""), "f", 3, &a, &s, &e), &e, ERR_INVALID_ARGUMENT, "f is longer than 3 bytes");
    assert_fails(jsonscan_str(parse("\"a\\u0000\""), "f", 3, &a, &s, &e), &e, ERR_INVALID_ARGUMENT, "f contains a NUL");
    assert_fails(jsonscan_str(parse("1"), "f", 3, &a, &s, &e), &e, ERR_INVALID_ARGUMENT, "f is a number, not a string");
    assert_ok(jsonscan_str(parse("null"), "f", 3, &a, &s, &e), &e);
    assert_ok(jsonscan_str((struct jsonscan_value){0}, "f", 3, &a, &s, &e), &e);
    assert_string_equal(s, "x\ny");
    assert_ok(jsonscan_text(parse("null"), "f", 3, &a, &text, &e), &e);
    assert_string_equal(text, "");
    assert_ok(jsonscan_text(parse("\"t\""), "f", 3, &a, &text, &e), &e);
    assert_string_equal(text, "t");
    assert_fails(jsonscan_text(parse("[]"), "f", 3, &a, &text, &e), &e, ERR_INVALID_ARGUMENT, "an array");

    assert_ok(jsonscan_i64(parse("null"), "n", 0, 10, &n, &e), &e);
    assert_int_equal(n, 7);
    assert_ok(jsonscan_i64(parse("-9223372036854775808"), "n", INT64_MIN, 0, &n, &e), &e);
    assert_true(n == INT64_MIN);
    for (int i = 9; i <= 11; i++) {
        char digits[8];
        snprintf(digits, sizeof digits, "%d", i);
        int r = jsonscan_i64(parse(digits), "n", 0, 10, &n, &e);
        assert_int_equal(r, i <= 10 ? 0 : -ERR_INVALID_ARGUMENT);
    }
    assert_fails(jsonscan_i64(parse("-1"), "n", 0, 10, &n, &e), &e, ERR_INVALID_ARGUMENT, "n is -1, outside 0 to 10");
    assert_fails(jsonscan_i64(parse("1.0"), "n", 0, 10, &n, &e), &e, ERR_INVALID_ARGUMENT, "n is 1.0, not an integer");
    assert_fails(jsonscan_i64(parse("1111111111111111111111111111111111111111111111111111111111111111111111"), "n", 0, 10, &n, &e), &e, ERR_INVALID_ARGUMENT, "outside");
    assert_fails(jsonscan_i64(parse("\"1\""), "n", 0, 10, &n, &e), &e, ERR_INVALID_ARGUMENT, "n is a string, not a number");

    assert_ok(jsonscan_bool(parse("true"), "b", &b, &e), &e);
    assert_true(b);
    assert_ok(jsonscan_bool(parse("null"), "b", &b, &e), &e);
    assert_true(b);
    assert_ok(jsonscan_bool(parse("false"), "b", &b, &e), &e);
    assert_false(b);
    assert_fails(jsonscan_bool(parse("0"), "b", &b, &e), &e, ERR_INVALID_ARGUMENT, "b is a number, not a boolean");

    assert_ok(jsonscan_array(parse("null"), "l", 1, &present, &e), &e);
    assert_false(present);
    assert_ok(jsonscan_array(parse("[1]"), "l", 1, &present, &e), &e);
    assert_true(present);
    assert_fails(jsonscan_array(parse("[1,2]"), "l", 1, &present, &e), &e, ERR_INVALID_ARGUMENT, "l has more than 1 entries");
    assert_fails(jsonscan_array(parse("{}"), "l", 1, &present, &e), &e, ERR_INVALID_ARGUMENT, "l is an object, not an array");
    assert_fails(jsonscan_object(parse("[]"), "o", 1, &present, &e), &e, ERR_INVALID_ARGUMENT, "o is an array, not an object");
}

static void lists(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct strlist l = {0};
    struct kvlist k = {0};
    struct err e = ERR_INIT;
    bool present = false;
    assert_ok(jsonscan_strlist(parse("[\"a\",\"\",\"b\"]"), "l", 3, 9, &a, &l, &present, &e), &e);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.v[2], "b");
    assert_true(present);
    assert_ok(jsonscan_strlist(parse("null"), "l", 3, 9, &a, &l, NULL, &e), &e);
    assert_int_equal(l.n, 0);
    assert_fails(jsonscan_strlist(parse("[\"a\",null]"), "l", 3, 9, &a, &l, NULL, &e), &e, ERR_INVALID_ARGUMENT, "l[1] is null");
    assert_fails(jsonscan_strlist(parse("[\"a\",5]"), "l", 3, 9, &a, &l, NULL, &e), &e, ERR_INVALID_ARGUMENT, "l: [1] is a number");
    assert_fails(jsonscan_strlist(parse("[1,2,3,4]"), "l", 3, 9, &a, &l, NULL, &e), &e, ERR_INVALID_ARGUMENT, "more than 3");

    assert_ok(jsonscan_kvlist(parse("{\"a\":\"1\",\"b\":null,\"a\":\"2\"}"), "k", 3, 9, &a, &k, &e), &e);
    assert_int_equal(k.n, 2);
    assert_string_equal(kvlist_get(&k, "a"), "2");
    assert_string_equal(kvlist_get(&k, "b"), "");
    assert_fails(jsonscan_kvlist(parse("{\"a\":{}}"), "k", 3, 9, &a, &k, &e), &e, ERR_INVALID_ARGUMENT, "k: a is an object, not a string");
    assert_fails(jsonscan_kvlist(parse("{\"a\\u0000\":\"x\"}"), "k", 3, 9, &a, &k, &e), &e, ERR_INVALID_ARGUMENT, "k: a key contains a NUL");
    assert_fails(jsonscan_kvlist(parse("[]"), "k", 3, 9, &a, &k, &e), &e, ERR_INVALID_ARGUMENT, "k is an array");

    struct jsonscan_value v;
    assert_ok(jsonscan_document(VIEW_LIT("{}"), "d", 2, &v, &e), &e);
    assert_fails(jsonscan_document(VIEW_LIT("{ }"), "d", 2, &v, &e), &e, ERR_OUT_OF_RANGE, "d has 3 bytes, more than 2");
    assert_fails(jsonscan_document(VIEW_LIT("{"), "d", 2, &v, &e), &e, ERR_INVALID_ARGUMENT, "d: not valid JSON");
    for (const char *const *t = (const char *const[]){"null", "[]", "0", "\"\"", "true", NULL}; *t; t++)
        assert_fails(jsonscan_document(view_of(*t), "d", 9, &v, &e), &e, ERR_INVALID_ARGUMENT, "not an object");
}

static int decode_lists_in(struct arena *a, struct err *e)
{
    struct strlist l;
    struct kvlist k;
    TRY(jsonscan_strlist(jsonscan_get(parse("{\"l\":[\"a\",\"b\",\"c\"]}"), "l"), "l", 9, 9, a, &l, NULL, e));
    return jsonscan_kvlist(parse("{\"a\":\"1\",\"b\":\"2\"}"), "k", 9, 9, a, &k, e);
}

static int decode_lists(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return decode_lists_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("jsonscan lists", decode_lists, NULL) > 0);
    budget_sweep("jsonscan lists", decode_lists_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),   cmocka_unit_test(depth),   cmocka_unit_test(errors_say_where),
        cmocka_unit_test(kinds),       cmocka_unit_test(walks),   cmocka_unit_test(walks_of_garbage_stay_inside),
        cmocka_unit_test(strings),     cmocka_unit_test(picks),   cmocka_unit_test(typed),
        cmocka_unit_test(lists),       cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
