/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON writer: what it writes, which calls it refuses, and its two limits, depth and size.
 */
#include "support.h"
#include "sweep.h"

#include <jansson.h>
#include <stdio.h>

#include "base/jsonw.h"

/* The document that body writes. */
static void writes(void (*body)(struct jsonw *w), const char *want)
{
    _cleanup_buf_ struct buf b = BUF_INIT(4096);
    struct jsonw w;
    struct err e = ERR_INIT;
    jsonw_init(&w, &b);
    body(&w);
    assert_ok(jsonw_finish(&w, &e), &e);
    assert_view(buf_view(&b), want);
    json_t *parsed = json_loadb(b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    assert_true(parsed || strstr(want, "18446744073709551615")); /* jansson has no unsigned numbers */
    json_decref(parsed);
}

static void everything(struct jsonw *w)
{
    jsonw_object(w);
    jsonw_key_str(w, "s", "text");
    jsonw_key_str(w, "none", NULL);
    jsonw_key_u64(w, "u", 7);
    jsonw_key_i64(w, "i", -7);
    jsonw_key_bool(w, "t", true);
    jsonw_key_bool(w, "f", false);
    jsonw_key_view(w, VIEW_LIT("n"));
    jsonw_null(w);
    jsonw_key(w, "a");
    jsonw_array(w);
    jsonw_u64(w, 1);
    jsonw_array(w);
    jsonw_array_end(w);
    jsonw_object(w);
    jsonw_object_end(w);
    jsonw_raw(w, VIEW_LIT("[2, 3]"));
    jsonw_view(w, VIEW_LIT("x\0y"));
    jsonw_array_end(w);
    jsonw_key_view(w, VIEW_EMPTY);
    jsonw_object(w);
    jsonw_key_str(w, "k", "v");
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void numbers(struct jsonw *w)
{
    jsonw_array(w);
    jsonw_u64(w, 0);
    jsonw_u64(w, UINT64_MAX);
    jsonw_i64(w, INT64_MAX);
    jsonw_i64(w, INT64_MIN);
    jsonw_array_end(w);
}

static void escapes(struct jsonw *w)
{
    jsonw_str(w, "\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xbc");
}

static void bad_utf8(struct jsonw *w)
{
    jsonw_str(w, "a\xff\xed\xa0\x80z\xc3");
}

static void nothing(struct jsonw *w)
{
    jsonw_view(w, VIEW_EMPTY);
}

static void only_null(struct jsonw *w)
{
    jsonw_null(w);
}

static void writes_documents(void **state)
{
    writes(everything, "{\"s\":\"text\",\"none\":\"\",\"u\":7,\"i\":-7,\"t\":true,\"f\":false,\"n\":null,"
                       "\"a\":[1,[],{},[2, 3],\"x\\u0000y\"],\"\":{\"k\":\"v\"}}");
    writes(numbers, "[0,18446744073709551615,9223372036854775807,-9223372036854775808]");
    writes(escapes, "\"\\\"\\\\/\\u0008\\u000c\\n\\u000d\\t\\u0001\\u001f\x7f \xc3\xbc\"");
    writes(bad_utf8, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"");
    writes(nothing, "\"\"");
    writes(only_null, "null");
}

static void appends_to_what_is_there(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100);
    struct jsonw w;
    struct err e = ERR_INIT;
    assert_int_equal(buf_add_str(&b, "before "), 0);
    jsonw_init(&w, &b);
    jsonw_bool(&w, true);
    assert_ok(jsonw_finish(&w, &e), &e);
    assert_view(buf_view(&b), "before true");
}

/* One call a letter: { } [ ] k(ey) v(alue) r(aw, empty). */
static int play(const char *calls, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(4096);
    struct jsonw w;
    jsonw_init(&w, &b);
    for (; *calls; calls++) {
        if (*calls == '{')
            jsonw_object(&w);
        else if (*calls == '}')
            jsonw_object_end(&w);
        else if (*calls == '[')
            jsonw_array(&w);
        else if (*calls == ']')
            jsonw_array_end(&w);
        else if (*calls == 'k')
            jsonw_key(&w, "k");
        else if (*calls == 'v')
            jsonw_u64(&w, 1);
        else
            jsonw_raw(&w, VIEW_EMPTY);
    }
    int r = jsonw_finish(&w, e);
    if (r == 0) {
        json_t *j = json_loadb(b.p, b.n, JSON_DECODE_ANY, NULL);
        assert_non_null(j);
        json_decref(j);
    }
    return r;
}

static void refuses_misuse(void **state)
{
    static const char *const bad[] = {
        "vv", "v[", "[]v", "[]{}", "]",   "}",    "[}",  "{]", "{v",  "{v}",  "{[",    "{{",  "[k",
        "k",  "kv", "{kk", "{k}",  "{k]", "[v]]", "{}}", "r",  "[r]", "{kr}", "{kvv}", "[]k", "{kv}k",
    };
    static const char *const open[] = {"", "[", "{", "{k", "[v", "{kv", "[[]", "{k[", "{k{}"};
    static const char *const good[] = {"v", "[]", "{}", "{kv}", "{k[v{kv}]}", "[[v][v]v{}]"};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_fails(play(bad[i], &e), &e, ERR_INTERNAL, "malformed");
    for (size_t i = 0; i < ARRAY_SIZE(open); i++)
        assert_fails(play(open[i], &e), &e, ERR_INTERNAL, "not complete");
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_ok(play(good[i], &e), &e);
}

/* All sequences of up to six calls: whatever is accepted is JSON (play looks), and what was refused stays refused. */
static void never_accepts_what_is_not_json(void **state)
{
    static const char letters[] = "{}[]kv";
    unsigned accepted = 0;
    for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6 * 6; n++) {
        char calls[8];
        unsigned rest = n;
        for (int i = 0; i < 6; i++, rest /= 6)
            calls[i] = letters[rest % 6];
        calls[6] = '\0';
        accepted += play(calls, NULL) == 0;
    }
    assert_in_range(accepted, 10, 500);
}

static void limits_depth(void **state)
{
    struct err e = ERR_INIT;
    for (int depth = JSONW_DEPTH_MAX - 1; depth <= JSONW_DEPTH_MAX + 1; depth++) {
        char calls[2 * JSONW_DEPTH_MAX + 8];
        for (int i = 0; i < depth; i++) {
            calls[i] = '[';
            calls[2 * depth - 1 - i] = ']';
        }
        calls[2 * depth] = '\0';
        if (depth <= JSONW_DEPTH_MAX)
            assert_ok(play(calls, &e), &e);
        else
            assert_fails(play(calls, &e), &e, ERR_INTERNAL, "deeper than 64 levels");
    }
}

static void limits_size(void **state)
{
    _cleanup_buf_ struct buf whole = BUF_INIT(4096);
    struct jsonw w;
    struct err e = ERR_INIT;
    jsonw_init(&w, &whole);
    everything(&w);
    for (size_t max = 0; max <= whole.n + 1; max++) {
        _cleanup_buf_ struct buf b = BUF_INIT(max);
        jsonw_init(&w, &b);
        everything(&w);
        if (max >= whole.n) {
            assert_ok(jsonw_finish(&w, &e), &e);
            continue;
        }
        assert_fails(jsonw_finish(&w, &e), &e, ERR_RESOURCE_EXHAUSTED, "larger than");
        assert_false(err_is_oom(&e));
        assert_true(b.n <= max);
    }
    /* A large piece early on: still the size, not the memory. */
    static char large[2000];
    memset(large, 'x', sizeof large - 1);
    _cleanup_buf_ struct buf b = BUF_INIT(1000);
    jsonw_init(&w, &b);
    jsonw_str(&w, large);
    assert_fails(jsonw_finish(&w, &e), &e, ERR_RESOURCE_EXHAUSTED, "larger than 1000 bytes");
}

static int write_all(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(4096);
    struct jsonw w;
    jsonw_init(&w, &b);
    jsonw_array(&w);
    for (int i = 0; i < 10; i++)
        everything(&w);
    jsonw_array_end(&w);
    int r = jsonw_finish(&w, e);
    assert_true(r == 0 || err_is_oom(e));
    return r;
}

static void survives_failing_allocations(void **state)
{
    assert_true(sweep("jsonw", write_all, NULL) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_documents),
        cmocka_unit_test(appends_to_what_is_there),
        cmocka_unit_test(refuses_misuse),
        cmocka_unit_test(never_accepts_what_is_not_json),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(limits_size),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("jsonw", tests, NULL, NULL);
}
