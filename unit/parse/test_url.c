/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of registries.
 */
#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "parse/url.h"

static void addresses(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    static const struct {
        const char *base, *text, *want;
    } good[] = {
        {NULL, "https://h/a?b=c#d", "https://h/a?b=c"},
        {NULL, "HTTP://H.x:8080", "http://H.x:8080/"},
        {NULL, "https://[::1]:5/x", "https://[::1]:5/x"},
        {"https://h/a/b?q", "c", "https://h/a/c"},
        {"https://h/a/b?q", "/c", "https://h/c"},
        {"https://h/a/b?q", "?z", "https://h/a/b?z"},
        {"https://h:1/a/b", "//g/c", "https://g/c"},
        {"http://h/a", "https://g:9", "https://g:9/"},
        {"https://h", "c:d/e", NULL},
        {"https://h", "./c:d/e", "https://h/./c:d/e"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct url u;
        int r = url_resolve(good[i].base, good[i].text, &a, &u, &e);
        if (!good[i].want)
            assert_int_equal(r, -ERR_INVALID_ARGUMENT);
        else
            assert_ok(r, &e);
        if (good[i].want)
            assert_string_equal(u.text, good[i].want);
    }
    static const char *const bad[] = {"",
                                      "x",
                                      "ftp://h/",
                                      "https://",
                                      "https:///x",
                                      "https://h:0/",
                                      "https://h:65536/",
                                      "https://h:x/",
                                      "https://a@h/",
                                      "https://a:b@h/",
                                      "https://h\\@g/",
                                      "https://h /",
                                      "https://h/\x01",
                                      "https://h\xc3\xa4/",
                                      "https://[::1/",
                                      "https://[]/",
                                      "https://[::1]x/",
                                      "https://h%2f/",
                                      "https://a,b/"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct url u;
        if (url_resolve(NULL, bad[i], &a, &u, &e) != -ERR_INVALID_ARGUMENT)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void parts(void **state)
{
    static const struct {
        const char *text, *scheme, *host, *port, *authority, *path;
    } cases[] = {
        {"https://h", "https", "h", "443", "h", "/"},
        {"http://h/a?b=c", "http", "h", "80", "h", "/a?b=c"},
        {"https://[::1]:5?x", "https", "[::1]", "5", "[::1]:5", "/?x"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct err e = ERR_INIT;
        struct url u;
        assert_ok(url_resolve(NULL, cases[i].text, &a, &u, &e), &e);
        assert_string_equal(u.scheme, cases[i].scheme);
        assert_string_equal(u.host, cases[i].host);
        assert_string_equal(u.port, cases[i].port);
        assert_string_equal(u.authority, cases[i].authority);
        assert_string_equal(u.path, cases[i].path);
    }
}

static void origins(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"https://h/a", "https://H:443/b", true},     {"http://h", "http://h:80", true},        {"http://h", "https://h", false},
        {"https://h", "https://h:444", false},        {"https://h", "https://h.x", false},      {"https://[::1]", "https://[::1]:443", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct err e = ERR_INIT;
        struct url x, y;
        assert_ok(url_resolve(NULL, cases[i].a, &a, &x, &e), &e);
        assert_ok(url_resolve(NULL, cases[i].b, &a, &y, &e), &e);
        assert_int_equal(url_same_origin(&x, &y), cases[i].same);
    }
}

static void lengths(void **state)
{
    static char text[URL_BYTES_MAX + 2];
    for (int more = -1; more <= 1; more++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct err e = ERR_INIT;
        struct url u;
        memset(text, 'a', sizeof(text));
        memcpy(text, "https://h/", 10);
        text[URL_BYTES_MAX + more] = '\0';
        if (more <= 0)
            assert_ok(url_resolve(NULL, text, &a, &u, &e), &e);
        else
            assert_fails(url_resolve(NULL, text, &a, &u, &e), &e, ERR_INVALID_ARGUMENT, "too long");
    }
}

static void queries(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct kvlist pairs = {0};
    const char *text;
    kvlist_set(&pairs, &a, "ns", "reg.example:5000");
    kvlist_set(&pairs, &a, "a b", "\xc3\xa4&");
    assert_ok(url_add_query("https://h/a", &pairs, &a, &text, &e), &e);
    assert_string_equal(text, "https://h/a?ns=reg.example%3A5000&a%20b=%C3%A4%26");
    assert_ok(url_add_query("https://h/a?x=1", &pairs, &a, &text, &e), &e);
    assert_memory_equal(text, "https://h/a?x=1&ns=", 19);
}

static void loopback(void **state)
{
    assert_true(url_is_loopback(VIEW_LIT("[::1]:5000")));
    assert_true(url_is_loopback(VIEW_LIT("LocalHost")));
    assert_false(url_is_loopback(VIEW_LIT("[::2]:5000")));
    assert_false(url_is_loopback(VIEW_LIT(".localhost")));
}

static int resolve_in(struct arena *a, struct err *e)
{
    struct url u;
    struct kvlist pairs = {0};
    const char *text;
    TRY(url_resolve("https://h:1/a/b?c", "d/e?f", a, &u, e));
    if (kvlist_set(&pairs, a, "name", "value") < 0)
        return err_oom(e);
    return url_add_query(u.text, &pairs, a, &text, e);
}

static int resolve(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return resolve_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("address", resolve, NULL) > 0);
    budget_sweep("address", resolve_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(parts),    cmocka_unit_test(origins),     cmocka_unit_test(lengths),
        cmocka_unit_test(queries),   cmocka_unit_test(loopback), cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
