/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users of images and containers: a number stays a number.
 */
#include "support.h"

#include "parse/userspec.h"

static void classes(void **state)
{
    static const struct {
        const char *text;
        enum user_class want;
        uint32_t id;
    } cases[] = {
        {"", USER_EMPTY, 0},
        {"0", USER_NUMERIC, 0},
        {"00", USER_NUMERIC, 0},
        {"+0", USER_NUMERIC, 0},
        {"1000", USER_NUMERIC, 1000},
        {"+1000", USER_NUMERIC, 1000},
        {"0000000000000000000000000000000000000001000", USER_NUMERIC, 1000},
        {"2147483646", USER_NUMERIC, 2147483646},
        {"2147483647", USER_NUMERIC, 2147483647},
        {"2147483648", USER_OUT_OF_RANGE, 0},
        {"4294967295", USER_OUT_OF_RANGE, 0},
        {"4294967296", USER_OUT_OF_RANGE, 0},
        {"18446744073709551616", USER_OUT_OF_RANGE, 0},
        {"99999999999999999999999999999999", USER_OUT_OF_RANGE, 0},
        {"-1", USER_OUT_OF_RANGE, 0},
        {"-0", USER_OUT_OF_RANGE, 0},
        {"-99999999999999999999999999999999", USER_OUT_OF_RANGE, 0},
        {"root", USER_NAME, 0},
        {"-", USER_NAME, 0},
        {"+", USER_NAME, 0},
        {"1a", USER_NAME, 0},
        {" 1", USER_NAME, 0},
        {"1 ", USER_NAME, 0},
        {"0x10", USER_NAME, 0},
        {"1_000", USER_NAME, 0},
        {"--1", USER_NAME, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct user_part p = user_classify(view_of(cases[i].text));
        if (p.class != cases[i].want || p.id != cases[i].id)
            fail_msg("\"%s\" is class %d, id %u", cases[i].text, p.class, p.id);
        if (p.class == USER_NAME)
            assert_view(p.name, cases[i].text);
        else
            assert_int_equal(p.name.n, 0);
    }
}

static void specs(void **state)
{
    struct userspec s;
    struct err e = ERR_INIT;
    assert_ok(userspec_parse(view_of("root:wheel"), &s, &e), &e);
    assert_true(s.has_group);
    assert_view(s.user.name, "root");
    assert_view(s.group.name, "wheel");
    assert_ok(userspec_parse(view_of("5"), &s, &e), &e);
    assert_false(s.has_group);
    assert_int_equal(s.group.class, USER_EMPTY);
    assert_int_equal(s.user.id, 5);
    assert_ok(userspec_parse(view_of("5:"), &s, &e), &e);
    assert_true(s.has_group);
    assert_int_equal(s.group.class, USER_EMPTY);
    assert_ok(userspec_parse(view_of(":7"), &s, &e), &e);
    assert_int_equal(s.user.class, USER_EMPTY);
    assert_int_equal(s.group.id, 7);
    assert_ok(userspec_parse(view_of(""), &s, &e), &e);
    assert_int_equal(s.user.class, USER_EMPTY);
}

static void specs_refused(void **state)
{
    struct userspec s = {.has_group = true, .user = {.id = 77}};
    struct err e = ERR_INIT;
    assert_fails(userspec_parse(view_of("a:b:c"), &s, &e), &e, ERR_INVALID_ARGUMENT, "more than one");
    assert_fails(userspec_parse(view_of("2147483648:0"), &s, &e), &e, ERR_INVALID_ARGUMENT, "user id 2147483648 is outside 0 to 2147483647");
    assert_fails(userspec_parse(view_of("0:4294967296"), &s, &e), &e, ERR_INVALID_ARGUMENT, "group id 4294967296");
    assert_int_equal(s.user.id, 77);
}

static void image_user(void **state)
{
    struct user_part p;
    struct err e = ERR_INIT;
    assert_ok(user_from_image(view_of(""), &p, &e), &e);
    assert_int_equal(p.class, USER_EMPTY);
    assert_ok(user_from_image(view_of("1000:2000"), &p, &e), &e);
    assert_int_equal(p.class, USER_NUMERIC);
    assert_int_equal(p.id, 1000);
    assert_ok(user_from_image(view_of("www:data:more"), &p, &e), &e);
    assert_int_equal(p.class, USER_NAME);
    assert_view(p.name, "www");
    assert_ok(user_from_image(view_of(":staff"), &p, &e), &e);
    assert_int_equal(p.class, USER_EMPTY);
    assert_ok(user_from_image(view_of("www:99999999999"), &p, &e), &e);
    assert_view(p.name, "www");
    assert_fails(user_from_image(view_of("4294967296:0"), &p, &e), &e, ERR_INVALID_ARGUMENT, "outside 0 to 2147483647");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(specs),
        cmocka_unit_test(specs_refused),
        cmocka_unit_test(image_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
