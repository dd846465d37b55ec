/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs: the vectors of RFC 4648, that a base64 text is the only one of its value, and UTF-8 by the table of well-formed
 * sequences (Unicode 15, table 3-7), walked in full for two and three bytes.
 */
#include "support.h"

#include "base/codec.h"

static void writes_hex(void **state)
{
    uint8_t all[256];
    char out[513];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    memset(out, '~', sizeof out);
    hex_encode(all, sizeof all, out);
    assert_int_equal(out[512], '~'); /* no NUL */
    for (int i = 0; i < 256; i++) {
        assert_int_equal(hex_digit(out[2 * i]) * 16 + hex_digit(out[2 * i + 1]), i);
        assert_true(out[2 * i] < 'A' || out[2 * i] > 'F');
    }
    hex_encode(NULL, 0, out);
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    for (int c = 1; c < 256; c++) {
        const char *low = strchr(lower, c), *up = strchr(upper, c);
        assert_int_equal(hex_digit((char)c), low ? low - lower : up ? up - upper : -1);
    }
    assert_int_equal(hex_digit('\0'), -1);
}

static void encoded(const char *text, bool url, const char *want)
{
    char out[64];
    memset(out, '~', sizeof out);
    base64_encode((const uint8_t *)text, strlen(text), url, out);
    size_t n = base64_encoded_len(strlen(text));
    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, n);
    assert_int_equal(out[n], '~');
    /* Back, with its padding and without. */
    for (size_t cut = 0; cut == 0 || (n > 0 && want[n - 1] == '=' && cut < 2); cut++) {
        size_t len = cut ? strcspn(want, "=") : n;
        uint8_t back[64];
        memset(back, '~', sizeof back);
        assert_int_equal(base64_decode(view_make(want, len), url, back, strlen(text)), strlen(text));
        assert_memory_equal(back, text, strlen(text));
        assert_int_equal(back[strlen(text)], '~');
        if (strlen(text) > 0)
            assert_int_equal(base64_decode(view_make(want, len), url, back, strlen(text) - 1), (size_t)-1);
    }
}

static void encodes_base64(void **state)
{
    encoded("", false, "");
    encoded("f", false, "Zg==");
    encoded("fo", false, "Zm8=");
    encoded("foo", false, "Zm9v");
    encoded("foob", false, "Zm9vYg==");
    encoded("fooba", false, "Zm9vYmE=");
    encoded("foobar", false, "Zm9vYmFy");
    encoded("\xfb\xff\xbf", false, "+/+/");
    encoded("\xfb\xff\xbf", true, "-_-_");
    encoded("\xfb\xff", true, "-_8=");
    encoded("ABYZabyz0189", false, "QUJZWmFieXowMTg5");
    uint8_t out[1];
    assert_int_equal(base64_decode(VIEW_EMPTY, false, out, 0), 0);
}

static void refuses_what_is_not_base64(void **state)
{
    static const char *const bad[] = {
        "A",    "AAAAA", "=",       "==",    "===",    "====",     "A=",     "A==",   "A===", "AA=",      "AAA==",
        "AA=A", "A=AA",  "=AAA",    "AAAA=", "AAAA==", "AA==AA==", "Zg==\n", " Zg==", "Z g=", "Zm9v\xff", "Zm9*",
        "AA-A", "AA_A",  "AAA\x80", "@AAA",  "[AAA",   "`AAA",     "{AAA",   "AAA.",  "AAA:",
    };
    uint8_t out[16];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(base64_decode(view_of(bad[i]), false, out, sizeof out), (size_t)-1);
    assert_int_equal(base64_decode(VIEW_LIT("AA\0A"), false, out, sizeof out), (size_t)-1);
    assert_int_equal(base64_decode(VIEW_LIT("AA+A"), true, out, sizeof out), (size_t)-1);
    assert_int_equal(base64_decode(VIEW_LIT("AA/A"), true, out, sizeof out), (size_t)-1);
}

/* Of all texts of two and three digits exactly those are taken that the encoder writes. */
static void knows_one_text_a_value(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned two = 0, three = 0;
    for (unsigned i = 0; i < 64 * 64 * 64; i++) {
        char text[4] = {digits[i >> 12], digits[i >> 6 & 63], digits[i & 63], '='}, again[4];
        uint8_t out[3];
        size_t n = base64_decode(view_make(text, i % 2 ? 3 : 4), false, out, sizeof out);
        if (n != (size_t)-1) {
            three++;
            assert_int_equal(n, 2);
            base64_encode(out, n, false, again);
            assert_memory_equal(again, text, 4);
        }
        if (i < 64 * 64) {
            char small[2] = {digits[i >> 6], digits[i & 63]};
            two += base64_decode(view_make(small, 2), false, out, 1) == 1;
        }
    }
    assert_int_equal(two, 256);
    assert_int_equal(three, 65536);
}

/* Encodes a code point the plain way; surrogates and numbers beyond Unicode, too. */
static size_t put_code_point(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

static void knows_every_code_point(void **state)
{
    for (uint32_t c = 0; c < 0x200000; c++) {
        char text[4];
        size_t n = put_code_point(c, text);
        bool good = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
        char encoded[4];
        if (good && (utf8_encode(c, encoded) != n || memcmp(encoded, text, n) != 0))
            fail_msg("U+%04X is encoded otherwise", c);
        if (utf8_sequence(text, 4) != (good ? n : 0) && n == 4)
            fail_msg("U+%04X: %zu", c, utf8_sequence(text, 4));
        if (utf8_valid(view_make(text, n)) != good || utf8_sequence(text, n) != (good ? n : 0))
            fail_msg("U+%04X", c);
        for (size_t cut = 0; cut < n; cut++)
            if (utf8_sequence(text, cut) != 0)
                fail_msg("U+%04X cut to %zu bytes", c, cut);
    }
}

/* All pairs, and all triples whose first byte is that of a longer one: as many are well-formed as the table has. */
static void counts_what_is_well_formed(void **state)
{
    unsigned two = 0, three = 0, four = 0;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char pair[2] = {(char)a, (char)b};
            two += utf8_sequence(pair, 2) == 2;
            for (unsigned c = 0; c < 256 && a >= 0xc0; c++) {
                char triple[4] = {(char)a, (char)b, (char)c, (char)0xbf};
                three += utf8_sequence(triple, 3) == 3;
                four += utf8_sequence(triple, 4) == 4;
            }
        }
    }
    assert_int_equal(two, 0x800 - 0x80);
    assert_int_equal(three, 0x10000 - 0x800 - 0x800);
    assert_int_equal(four, 0x100000 / 64);
    assert_int_equal(utf8_sequence("\xf0\x9f\x98\x28", 4), 0);
    assert_int_equal(utf8_sequence("\xf0\x9f\x98\xc0", 4), 0);
}

static void sanitized(struct view v, const char *want)
{
    char out[64];
    size_t n = utf8_sanitize(v, out);
    assert_true(n <= 3 * v.n);
    assert_view(view_make(out, n), want);
    assert_true(utf8_valid(view_make(out, n)));
}

#define BAD "\xef\xbf\xbd"
static void sanitizes(void **state)
{
    sanitized(VIEW_EMPTY, "");
    sanitized(VIEW_LIT("plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"), "plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80");
    sanitized(VIEW_LIT("\xff"), BAD);
    sanitized(VIEW_LIT("a\x80z"), "a" BAD "z");
    sanitized(VIEW_LIT("\xc3"), BAD);
    sanitized(VIEW_LIT("\xe2\x82"), BAD BAD);
    sanitized(VIEW_LIT("\xc0\xaf"), BAD BAD);         /* overlong '/' */
    sanitized(VIEW_LIT("\xe0\x80\xaf"), BAD BAD BAD); /* the same in three bytes */
    sanitized(VIEW_LIT("\xed\xa0\x80"), BAD BAD BAD); /* a surrogate */
    sanitized(VIEW_LIT("\xf4\x90\x80\x80"), BAD BAD BAD BAD);
    sanitized(VIEW_LIT("\xe2\x82\xc3\xbc"), BAD BAD "\xc3\xbc");
    assert_true(utf8_valid(VIEW_EMPTY));
    assert_true(utf8_valid(VIEW_LIT("a\0b")));
    assert_false(utf8_valid(VIEW_LIT("ok \xc3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_hex),
        cmocka_unit_test(encodes_base64),
        cmocka_unit_test(refuses_what_is_not_base64),
        cmocka_unit_test(knows_one_text_a_value),
        cmocka_unit_test(knows_every_code_point),
        cmocka_unit_test(counts_what_is_well_formed),
        cmocka_unit_test(sanitizes),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
