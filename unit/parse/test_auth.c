/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of pull secrets and challenges of registries.
 */
#include <stdio.h>

#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "base/buf.h"
#include "base/codec.h"
#include "parse/authconfig.h"
#include "parse/wwwauth.h"

static int decode(const char *plain, size_t n, struct arena *a, const char **user, const char **password, struct err *e)
{
    char text[256];
    base64_encode((const uint8_t *)plain, n, false, text);
    return authconfig_decode(view_make(text, base64_encoded_len(n)), a, user, password, e);
}

static void credentials(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    const char *user, *password;
    assert_ok(decode("u:p:q", 5, &a, &user, &password, &e), &e);
    assert_string_equal(user, "u");
    assert_string_equal(password, "p:q");
    assert_ok(decode("u:\0p\0\0", 6, &a, &user, &password, &e), &e);
    assert_string_equal(password, "p");
    assert_ok(decode("u:\0", 3, &a, &user, &password, &e), &e);
    assert_string_equal(password, "");
    assert_ok(decode(":", 1, &a, &user, &password, &e), &e);
    assert_string_equal(user, "");
    assert_ok(authconfig_decode(VIEW_LIT(" dTpw\n"), &a, &user, &password, &e), &e);
    assert_string_equal(user, "u");
    assert_fails(decode("secret", 6, &a, &user, &password, &e), &e, ERR_INVALID_ARGUMENT, "no ':'");
    assert_null(strstr(e.message, "secret"));
    assert_fails(decode("a\0b:c", 5, &a, &user, &password, &e), &e, ERR_INVALID_ARGUMENT, "NUL");
    assert_fails(decode("a:b\0c", 5, &a, &user, &password, &e), &e, ERR_INVALID_ARGUMENT, "NUL");
    assert_fails(authconfig_decode(VIEW_LIT("!!!"), &a, &user, &password, &e), &e, ERR_INVALID_ARGUMENT, "not base64");
    assert_fails(authconfig_decode(VIEW_EMPTY, &a, &user, &password, &e), &e, ERR_INVALID_ARGUMENT, "no ':'");
}

static void credentials_up_to_the_limit(void **state)
{
    static char text[AUTH_TEXT_MAX + 4];
    memset(text, 'A', sizeof text);
    memcpy(text, "dTpw", 4);
    for (size_t n = AUTH_TEXT_MAX - 4; n <= AUTH_TEXT_MAX + 4; n += 4) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct err e = ERR_INIT;
        const char *user, *password;
        if (n <= AUTH_TEXT_MAX)
            assert_ok(authconfig_decode(view_make(text, n), &a, &user, &password, &e), &e);
        else
            assert_fails(authconfig_decode(view_make(text, n), &a, &user, &password, &e), &e, ERR_INVALID_ARGUMENT, "longer than");
    }
}

static void challenges(void **state)
{
    static const struct {
        const char *header;
        enum wwwauth_scheme scheme;
        const char *realm, *service, *scope;
    } cases[] = {
        {"Bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:x:pull\"", WWWAUTH_BEARER, "https://a/token", "s", "repository:x:pull"},
        {"bearer Realm = \"r\" , SERVICE=s", WWWAUTH_BEARER, "r", "s", ""},
        {"Basic realm=\"r\"", WWWAUTH_BASIC, "r", "", ""},
        {"Basic", WWWAUTH_BASIC, "", "", ""},
        {"Basic dTpw", WWWAUTH_BASIC, "", "", ""},
        {"Basic realm=\"b\", Bearer realm=\"t\"", WWWAUTH_BEARER, "t", "", ""},
        {"Bearer realm=\"1\", Bearer realm=\"2\"", WWWAUTH_BEARER, "1", "", ""},
        {"Bearer, Basic realm=\"b\"", WWWAUTH_BASIC, "b", "", ""},
        {"Negotiate, Basic realm=b", WWWAUTH_BASIC, "b", "", ""},
        {"Negotiate dG9rZW4/+A==, , Basic realm=b", WWWAUTH_BASIC, "b", "", ""},
        {"Digest realm=\"x, Bearer realm=evil\", nonce=\"n\"\t,Basic realm=\"a\\\"b\\\\\"", WWWAUTH_BASIC, "a\"b\\", "", ""},
        {"Bearer realm=https://a/token,scope=\"\"", WWWAUTH_BEARER, "https://a/token", "", ""},
        {"Bearer realm=\"a\",realm=\"b\"", WWWAUTH_BEARER, "a", "", ""},
        {",Basic realm=\"r\",", WWWAUTH_BASIC, "r", "", ""},
        {"Basic realm=", WWWAUTH_BASIC, "", "", ""},
        {"Bearer realm=x\t,service=y", WWWAUTH_BEARER, "x", "y", ""},
        {"Bearer realm=, service=x", WWWAUTH_BEARER, "", "x", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct wwwauth w;
        struct err e = ERR_INIT;
        assert_ok(wwwauth_find(view_of(cases[i].header), &a, &w, &e), &e);
        assert_int_equal(w.scheme, cases[i].scheme);
        assert_string_equal(w.realm, cases[i].realm);
        assert_string_equal(w.service, cases[i].service);
        assert_string_equal(w.scope, cases[i].scope);
        assert_string_equal(w.error, "");
    }
}

static void challenges_refused(void **state)
{
    static const struct {
        const char *header;
        enum err_code code;
        const char *why;
    } cases[] = {
        {"", ERR_NOT_FOUND, "neither Bearer nor Basic"},
        {" , ", ERR_NOT_FOUND, "neither"},
        {"Digest realm=\"x\"", ERR_NOT_FOUND, "neither"},
        {"Bearer service=\"x\"", ERR_NOT_FOUND, "neither"},
        {"Bearer realm=\"x", ERR_INVALID_ARGUMENT, "malformed"},
        {"Bearer realm=\"x\\", ERR_INVALID_ARGUMENT, "malformed"},
        {"Bearer realm=\"x\" y", ERR_INVALID_ARGUMENT, "malformed"},
        {"Bearer realm=\"a\", scope=\"x", ERR_INVALID_ARGUMENT, "malformed"},
        {"Basic \"x\"", ERR_INVALID_ARGUMENT, "malformed"},
        {"Basic x y", ERR_INVALID_ARGUMENT, "malformed"},
        {"Basic {x}", ERR_INVALID_ARGUMENT, "malformed"},
        {"[x", ERR_INVALID_ARGUMENT, "malformed"},
        {"Basic\177", ERR_INVALID_ARGUMENT, "malformed"},
        {"Basic/x", ERR_INVALID_ARGUMENT, "malformed"},
        {"\"Basic\"", ERR_INVALID_ARGUMENT, "malformed"},
        {"=x", ERR_INVALID_ARGUMENT, "malformed"},
        {"Basic realm=\"a\nb\"", ERR_INVALID_ARGUMENT, "control character"},
        {"Bearer realm=\"a\",service=\"\177\"", ERR_INVALID_ARGUMENT, "service of the WWW-Authenticate header has a control"},
        {"Bearer realm=\"a\",scope=\"\1\"", ERR_INVALID_ARGUMENT, "scope of the WWW-Authenticate header has a control"},
        {"Bearer realm=\"a\",error=\"\1\"", ERR_INVALID_ARGUMENT, "error of the WWW-Authenticate header has a control"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct wwwauth w;
        struct err e = ERR_INIT;
        int r = wwwauth_find(view_of(cases[i].header), &a, &w, &e);
        if (r != -(int)cases[i].code || !strstr(e.message, cases[i].why))
            fail_msg("%s: %d %s", cases[i].header, r, e.message);
    }
    assert_int_equal(wwwauth_next(&(struct view){"Basic \0", 7}, &(struct wwwauth_challenge){0}, NULL), -ERR_INVALID_ARGUMENT);
}

static void values_up_to_the_limit(void **state)
{
    for (size_t n = WWWAUTH_VALUE_MAX - 1; n <= WWWAUTH_VALUE_MAX + 1; n++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
        struct wwwauth w;
        struct err e = ERR_INIT;
        buf_add_str(&b, "Basic realm=");
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf_add_char(&b, 'r'), 0);
        int r = wwwauth_find(buf_view(&b), &a, &w, &e);
        assert_int_equal(r, n <= WWWAUTH_VALUE_MAX ? 0 : -ERR_INVALID_ARGUMENT);
    }
}

static void unquoting(void **state)
{
    char out[16];
    assert_view(view_make(out, wwwauth_unquote(VIEW_LIT("abc"), out)), "abc");
    assert_view(view_make(out, wwwauth_unquote(VIEW_LIT("\"a\\\\b\""), out)), "a\\b");
    assert_view(view_make(out, wwwauth_unquote(VIEW_LIT("\"a\\\""), out)), "a\\");
    assert_view(view_make(out, wwwauth_unquote(VIEW_LIT("\""), out)), "\"");
    assert_int_equal(wwwauth_unquote(VIEW_EMPTY, out), 0);
}

static int both_in(struct arena *a, struct err *e)
{
    const char *user, *password;
    struct wwwauth w;
    TRY(authconfig_decode(VIEW_LIT("dTpw"), a, &user, &password, e));
    return wwwauth_find(VIEW_LIT("Bearer realm=\"a\",service=\"b\",scope=\"c\",error=\"d\""), a, &w, e);
}

static int both(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return both_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("registry authentication", both, NULL) > 0);
    budget_sweep("registry authentication", both_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials),        cmocka_unit_test(credentials_up_to_the_limit), cmocka_unit_test(challenges),
        cmocka_unit_test(challenges_refused), cmocka_unit_test(values_up_to_the_limit),      cmocka_unit_test(unquoting),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
