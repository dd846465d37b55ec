/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: what a message looks like after hostile text, cuts and wrapping, and which code an errno value gets.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>

#include "base/codec.h"

static void raises_code_place_and_text(void **state)
{
    struct err e = ERR_INIT;
    int line = __LINE__ + 1;
    assert_int_equal(err_raise(&e, ERR_NOT_FOUND, "pod \"%s\" of %d", "web", 7), -ERR_NOT_FOUND);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.message, "pod \"web\" of 7");
    assert_int_equal(e.line, line);
    assert_non_null(strstr(e.file, "test_err.c"));
    err_clear(&e);
    assert_int_equal(e.code, ERR_OK);
    assert_string_equal(e.message, "");
    assert_null(e.file);
}

static void needs_no_place_for_the_text(void **state)
{
    assert_int_equal(err_raise(NULL, ERR_ABORTED, "nobody %s", "reads"), -ERR_ABORTED);
    assert_int_equal(err_errno(NULL, ENOENT, "nobody reads"), -ERR_NOT_FOUND);
    assert_int_equal(err_wrap(NULL, -ERR_INTERNAL, "nobody reads"), -ERR_INTERNAL);
}

static void replaces_control_bytes(void **state)
{
    struct err e = ERR_INIT;
    err_raise(&e, ERR_UNKNOWN, "a\nb\tc\rd\x1b[31me\x7f\x01");
    assert_string_equal(e.message, "a b c?d?[31me??");
    err_raise(&e, ERR_UNKNOWN, "%s", "\xff\xc3(\xed\xa0\x80 f\xc3\xbc");
    assert_string_equal(e.message, "?\?(?\?? f\xc3\xbc");
}

/* A text of n bytes whose last character has `wide` bytes. */
static void raise_long(struct err *e, size_t n, const char *wide)
{
    char text[ERR_MESSAGE_MAX + 16];
    size_t k = strlen(wide);
    assert_true(n < sizeof text);
    memset(text, 'x', n - k);
    memcpy(text + n - k, wide, k + 1);
    err_raise(e, ERR_UNKNOWN, "%s", text);
}

static void cuts_at_a_character(void **state)
{
    static const char *const chars[] = {"y", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    struct err e = ERR_INIT;
    for (size_t c = 0; c < ARRAY_SIZE(chars); c++) {
        size_t k = strlen(chars[c]);
        for (size_t over = 0; over <= k + 1; over++) {
            size_t n = ERR_MESSAGE_MAX - 2 + over, held = ERR_MESSAGE_MAX - 1;
            raise_long(&e, n, chars[c]);
            size_t want = n <= held ? n : n - k >= held ? held : n - k;
            assert_int_equal(strlen(e.message), want);
            assert_true(utf8_valid(view_of(e.message)));
            assert_null(strchr(e.message, '?'));
        }
    }
}

/* Only what a cut has left of a character is dropped: bad bytes at the end of a text that fits stay visible. */
static void keeps_the_end_of_a_text_that_fits(void **state)
{
    struct err e = ERR_INIT;
    for (size_t n = ERR_MESSAGE_MAX - 6; n < ERR_MESSAGE_MAX - 1; n++) {
        raise_long(&e, n,
                   "\xff"
                   "ab");
        assert_int_equal(strlen(e.message), n);
        assert_string_equal(e.message + n - 3, "?ab");
    }
    raise_long(&e, ERR_MESSAGE_MAX + 2,
               "\xff"
               "abcd");
    assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
    assert_string_equal(e.message + ERR_MESSAGE_MAX - 3, "?a");
}

static void wraps(void **state)
{
    struct err e = ERR_INIT;
    int r = err_raise(&e, ERR_ALREADY_EXISTS, "it is there");
    int line = e.line;
    assert_int_equal(err_wrap(&e, r, "make \"%s\"", "it\n"), -ERR_ALREADY_EXISTS);
    assert_string_equal(e.message, "make \"it \": it is there");
    assert_int_equal(e.line, line);
    assert_int_equal(e.code, ERR_ALREADY_EXISTS);
    /* The text may be an argument of its own wrapping and raising. */
    err_wrap(&e, r, "%s", e.message);
    assert_string_equal(e.message, "make \"it \": it is there: make \"it \": it is there");
    err_raise(&e, ERR_UNKNOWN, "again %s", e.message);
    assert_string_equal(e.message, "again make \"it \": it is there: make \"it \": it is there");
}

static void wraps_without_end(void **state)
{
    struct err e = ERR_INIT;
    char long_text[2 * ERR_MESSAGE_MAX];
    err_raise(&e, ERR_UNKNOWN, "\xe2\x82\xac");
    for (int i = 0; i < 2 * ERR_MESSAGE_MAX; i++) {
        err_wrap(&e, -ERR_UNKNOWN, "\xc3\xbc");
        assert_true(strlen(e.message) < ERR_MESSAGE_MAX && utf8_valid(view_of(e.message)));
        assert_null(strchr(e.message, '?'));
    }
    assert_true(strlen(e.message) >= ERR_MESSAGE_MAX - 2);
    memset(long_text, 'c', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    err_wrap(&e, -ERR_UNKNOWN, "%s", long_text);
    assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
    assert_int_equal(strspn(e.message, "c"), ERR_MESSAGE_MAX - 1);
}

static void names_errno(void **state)
{
    struct err e = ERR_INIT;
    assert_int_equal(err_errno(&e, ENOENT, "open %s", "/x"), -ERR_NOT_FOUND);
    assert_string_equal(e.message, "open /x: No such file or directory");
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(err_errno(&e, 99999, "open"), -ERR_UNKNOWN);
    assert_string_equal(e.message, "open: unknown error");
    char text[2 * ERR_MESSAGE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_errno(&e, ENOENT, "%s", text);
    assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
}

static void knows_the_codes_of_errno(void **state)
{
    static const struct {
        enum err_code code;
        int errnums[9];
    } table[] = {
        {ERR_NOT_FOUND, {ENOENT, ESRCH, ENXIO, ENODEV}},
        {ERR_ALREADY_EXISTS, {EEXIST}},
        {ERR_PERMISSION_DENIED, {EACCES, EPERM}},
        {ERR_INVALID_ARGUMENT, {EINVAL, ENAMETOOLONG, ELOOP}},
        {ERR_RESOURCE_EXHAUSTED, {ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE, EAGAIN}},
        {ERR_FAILED_PRECONDITION, {ENOTDIR, EISDIR, ENOTEMPTY, EBUSY, EROFS, EXDEV}},
        {ERR_DEADLINE_EXCEEDED, {ETIMEDOUT}},
        {ERR_CANCELLED, {ECANCELED}},
        {ERR_UNAVAILABLE, {ECONNREFUSED, ECONNRESET, EPIPE, ENOTCONN}},
        {ERR_UNIMPLEMENTED, {ENOSYS, EOPNOTSUPP}},
        {ERR_OUT_OF_RANGE, {EFBIG, EOVERFLOW, ERANGE}},
        {ERR_DATA_LOSS, {EIO}},
        {ERR_UNKNOWN, {EDOM, ENOTTY, 4095, -1}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        for (const int *n = table[i].errnums; *n; n++)
            assert_int_equal(err_code_from_errno(*n), table[i].code);
    assert_int_equal(err_code_from_errno(0), ERR_UNKNOWN); /* a failure is never code 0 */
}

static void names_every_code(void **state)
{
    assert_string_equal(err_code_name(ERR_OK), "OK");
    assert_string_equal(err_code_name(ERR_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(err_code_name(ERR_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_string_equal(err_code_name((enum err_code)(ERR_CODE_MAX + 1)), "UNKNOWN");
    assert_string_equal(err_code_name((enum err_code) - 1), "UNKNOWN");
    for (int i = 0; i <= ERR_CODE_MAX; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(err_code_name((enum err_code)i), err_code_name((enum err_code)j));
}

static void recognises_a_failed_allocation(void **state)
{
    struct err e = ERR_INIT;
    assert_false(err_is_oom(&e));
    size_t before = mem_live();
    mem_fail_at(0, true);
    int r = err_oom(&e);
    assert_int_equal(mem_fail_off(), 0);
    assert_int_equal(mem_live(), before);
    assert_int_equal(r, -ERR_RESOURCE_EXHAUSTED);
    assert_true(err_is_oom(&e));
    err_wrap(&e, r, "read it");
    assert_true(err_is_oom(&e));
    err_raise(&e, ERR_RESOURCE_EXHAUSTED, "too many pods");
    assert_false(err_is_oom(&e));
    err_raise(&e, ERR_RESOURCE_EXHAUSTED, "memory");
    assert_false(err_is_oom(&e));
    err_raise(&e, ERR_INTERNAL, "%s", ERR_TEXT_OOM);
    assert_false(err_is_oom(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raises_code_place_and_text),
        cmocka_unit_test(needs_no_place_for_the_text),
        cmocka_unit_test(replaces_control_bytes),
        cmocka_unit_test(cuts_at_a_character),
        cmocka_unit_test(keeps_the_end_of_a_text_that_fits),
        cmocka_unit_test(wraps),
        cmocka_unit_test(wraps_without_end),
        cmocka_unit_test(names_errno),
        cmocka_unit_test(knows_the_codes_of_errno),
        cmocka_unit_test(names_every_code),
        cmocka_unit_test(recognises_a_failed_allocation),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
