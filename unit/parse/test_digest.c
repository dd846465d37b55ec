/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests: every class, every algorithm, lengths at the limit and on both sides of it.
 */
#include "support.h"

#include "parse/digest.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX64 HEX32 HEX32

static void classes(void **state)
{
    static const struct {
        const char *text;
        enum digest_class want;
    } cases[] = {
        {"sha256:" HEX64, DIGEST_CLASS_OK},
        {"sha384:" HEX64 HEX32, DIGEST_CLASS_OK},
        {"sha512:" HEX64 HEX64, DIGEST_CLASS_OK},
        {"", DIGEST_CLASS_NO_SEPARATOR},
        {"sha256", DIGEST_CLASS_NO_SEPARATOR},
        {HEX64, DIGEST_CLASS_NO_SEPARATOR},
        {":", DIGEST_CLASS_BAD_FORMAT},
        {":" HEX64, DIGEST_CLASS_BAD_FORMAT},
        {"sha256:", DIGEST_CLASS_BAD_FORMAT},
        {"SHA256:" HEX64, DIGEST_CLASS_BAD_FORMAT},
        {"sha+:" HEX64, DIGEST_CLASS_BAD_FORMAT},
        {"+sha:" HEX64, DIGEST_CLASS_BAD_FORMAT},
        {"a++b:" HEX64, DIGEST_CLASS_BAD_FORMAT},
        {"a/b:" HEX64, DIGEST_CLASS_BAD_FORMAT},
        {"a{:00", DIGEST_CLASS_BAD_FORMAT},
        {"md5:{", DIGEST_CLASS_BAD_FORMAT},
        {"md5:[", DIGEST_CLASS_BAD_FORMAT},
        {"md5:abc def", DIGEST_CLASS_BAD_FORMAT},
        {"md5:a:b", DIGEST_CLASS_BAD_FORMAT},
        {"md5:" HEX32, DIGEST_CLASS_UNSUPPORTED},
        {"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", DIGEST_CLASS_UNSUPPORTED},
        {"a.b_c-d:A=_-z", DIGEST_CLASS_UNSUPPORTED},
        {"sha256:" HEX64 "0", DIGEST_CLASS_BAD_LENGTH},
        {"sha256:" HEX32, DIGEST_CLASS_BAD_LENGTH},
        {"sha512:" HEX64, DIGEST_CLASS_BAD_LENGTH},
        {"sha256:0123456789ABCDEF0123456789abcdef" HEX32, DIGEST_CLASS_BAD_HEX},
        {"sha256:0123456789abcdeg0123456789abcdef" HEX32, DIGEST_CLASS_BAD_HEX},
        {"sha256:/123456789abcdef0123456789abcdef" HEX32, DIGEST_CLASS_BAD_HEX},
        {"sha256:`123456789abcdef0123456789abcdef" HEX32, DIGEST_CLASS_BAD_HEX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (digest_classify(view_of(cases[i].text), NULL) != cases[i].want)
            fail_msg("\"%s\" is class %d", cases[i].text, digest_classify(view_of(cases[i].text), NULL));
}

static void lengths(void **state)
{
    char text[7 + 65 + 1] = "sha256:";
    for (size_t n = 63; n <= 65; n++) {
        memset(text + 7, 'a', n);
        assert_int_equal(digest_classify(view_make(text, 7 + n), NULL), n == 64 ? DIGEST_CLASS_OK : DIGEST_CLASS_BAD_LENGTH);
    }
}

static void parts(void **state)
{
    struct digest d;
    struct err e = ERR_INIT;
    assert_ok(digest_parse(VIEW_LIT("sha384:" HEX64 HEX32), &d, &e), &e);
    assert_int_equal(d.algorithm, DIGEST_SHA384);
    assert_view(d.text, "sha384:" HEX64 HEX32);
    assert_view(d.hex, HEX64 HEX32);
    assert_string_equal(digest_algorithm_name(DIGEST_SHA512), "sha512");
    assert_int_equal(digest_hex_len(DIGEST_SHA256), 64);
    assert_int_equal(digest_hex_len(DIGEST_SHA384), 96);
    assert_int_equal(digest_hex_len(DIGEST_SHA512), DIGEST_HEX_MAX);
    assert_false(digest_is_hex(VIEW_EMPTY));
    assert_true(digest_is_hex(VIEW_LIT("09af")));
    assert_false(digest_is_hex(VIEW_LIT("09:f")));
}

static void messages(void **state)
{
    struct digest d = {.text = VIEW_LIT("untouched")};
    struct err e = ERR_INIT;
    assert_fails(digest_parse(VIEW_LIT("abc"), &d, &e), &e, ERR_INVALID_ARGUMENT, "no ':'");
    assert_fails(digest_parse(VIEW_LIT("md5:" HEX32), &d, &e), &e, ERR_INVALID_ARGUMENT, "algorithm");
    assert_fails(digest_parse(VIEW_LIT("sha256:ab"), &d, &e), &e, ERR_INVALID_ARGUMENT, "number of digits");
    assert_fails(digest_parse(VIEW_LIT("sha256:" HEX32 "0123456789abcdef0123456789abcdeF"), &d, &e), &e, ERR_INVALID_ARGUMENT, "lower-case");
    assert_fails(digest_parse(VIEW_LIT("Sha256:ab"), &d, &e), &e, ERR_INVALID_ARGUMENT, "algorithm:hex");
    assert_view(d.text, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(lengths),
        cmocka_unit_test(parts),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
