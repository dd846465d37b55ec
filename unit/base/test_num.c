/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers: arithmetic at the edges of its types, held against wider arithmetic, and texts at the edges of their ranges.
 */
#include "support.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"

static void adds_and_multiplies_unsigned(void **state)
{
    static const uint64_t edge[] = {0,
                                    1,
                                    2,
                                    3,
                                    UINT32_MAX - 1ull,
                                    UINT32_MAX,
                                    UINT32_MAX + 1ull,
                                    INT64_MAX,
                                    1ull << 63,
                                    5ull << 61,
                                    UINT64_MAX / 3,
                                    UINT64_MAX - 1,
                                    UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(edge); j++) {
            unsigned __int128 sum = (unsigned __int128)edge[i] + edge[j], product = (unsigned __int128)edge[i] * edge[j];
            uint64_t r = 42;
            size_t s = 42;
            assert_int_equal(num_add_u64(edge[i], edge[j], &r), sum <= UINT64_MAX);
            assert_int_equal(num_add_size(edge[i], edge[j], &s), sum <= SIZE_MAX);
            assert_true(r == (sum <= UINT64_MAX ? (uint64_t)sum : 42) && s == (sum <= SIZE_MAX ? (size_t)sum : 42));
            r = s = 42;
            assert_int_equal(num_mul_u64(edge[i], edge[j], &r), product <= UINT64_MAX);
            assert_int_equal(num_mul_size(edge[i], edge[j], &s), product <= SIZE_MAX);
            assert_true(r == (product <= UINT64_MAX ? (uint64_t)product : 42) &&
                        s == (product <= SIZE_MAX ? (size_t)product : 42));
        }
    }
}

static void adds_signed(void **state)
{
    static const int64_t edge[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN / 2, -1, 0, 1, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(edge); j++) {
            __int128 sum = (__int128)edge[i] + edge[j];
            bool fits = sum >= INT64_MIN && sum <= INT64_MAX;
            int64_t r = 42;
            assert_int_equal(num_add_i64(edge[i], edge[j], &r), fits);
            assert_true(r == (fits ? (int64_t)sum : 42));
        }
    }
}

static void clamps(void **state)
{
    assert_true(num_clamp_i64(INT64_MIN, -5, 5) == -5);
    assert_true(num_clamp_i64(-5, -5, 5) == -5);
    assert_true(num_clamp_i64(4, -5, 5) == 4);
    assert_true(num_clamp_i64(5, -5, 5) == 5);
    assert_true(num_clamp_i64(INT64_MAX, -5, 5) == 5);
}

static void u64(const char *text, uint64_t max, enum num_status want, uint64_t value)
{
    uint64_t r = 42;
    assert_int_equal(num_parse_u64(view_of(text), max, &r), want);
    assert_true(r == (want == NUM_OK ? value : 42));
}

static void reads_unsigned_numbers(void **state)
{
    u64("0", 0, NUM_OK, 0);
    u64("1", 0, NUM_OUT_OF_RANGE, 0);
    u64("00000000000000000000000000000000000000000007", 9, NUM_OK, 7);
    u64("18446744073709551614", UINT64_MAX, NUM_OK, UINT64_MAX - 1);
    u64("18446744073709551615", UINT64_MAX, NUM_OK, UINT64_MAX);
    u64("18446744073709551616", UINT64_MAX, NUM_OUT_OF_RANGE, 0);
    u64("18446744073709551620", UINT64_MAX, NUM_OUT_OF_RANGE, 0);
    u64("184467440737095516150", UINT64_MAX, NUM_OUT_OF_RANGE, 0);
    u64("99999999999999999999999999999999999999999999999999", UINT64_MAX, NUM_OUT_OF_RANGE, 0);
    u64("99999999999999999999999999999999999999999999999999x", UINT64_MAX, NUM_NOT_A_NUMBER, 0);
    static const char *const bad[] = {"",  " 1",  "1 ", "+1", "-1", "-0",    "0x1",     "1a",
                                      "a", "1.0", "\n", "/",  ":",  "1_000", "\xd9\xa1"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        u64(bad[i], UINT64_MAX, NUM_NOT_A_NUMBER, 0);
    uint64_t r = 42;
    assert_int_equal(num_parse_u64(VIEW_EMPTY, UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_int_equal(num_parse_u64(VIEW_LIT("1\0"), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_int_equal(num_parse_u64(view_make("123", 2), UINT64_MAX, &r), NUM_OK);
    assert_true(r == 12);
}

/* Every maximum near a power of ten, and each number around it. */
static void holds_the_maximum(void **state)
{
    for (uint64_t power = 1; power < UINT64_C(10000000000000000000); power *= 10) {
        for (uint64_t max = power - 1; max <= power + 1; max++) {
            for (uint64_t n = max > 2 ? max - 2 : 0; n <= max + 2; n++) {
                char text[32];
                snprintf(text, sizeof text, "%" PRIu64, n);
                u64(text, max, n <= max ? NUM_OK : NUM_OUT_OF_RANGE, n);
            }
        }
    }
    for (uint64_t max = 0; max < 120; max++) {
        for (uint64_t n = 0; n < 300; n++) {
            char text[32];
            uint64_t r = 1000;
            snprintf(text, sizeof text, "%" PRIx64, n);
            assert_int_equal(num_parse_hex(view_of(text), max, &r), n <= max ? NUM_OK : NUM_OUT_OF_RANGE);
            assert_true(r == (n <= max ? n : 1000));
            r = 1000;
            snprintf(text, sizeof text, "%" PRIo64, n);
            assert_int_equal(num_parse_octal(view_of(text), max, &r), n <= max ? NUM_OK : NUM_OUT_OF_RANGE);
            assert_true(r == (n <= max ? n : 1000));
            snprintf(text, sizeof text, "%" PRIu64, n);
            u64(text, max, n <= max ? NUM_OK : NUM_OUT_OF_RANGE, n);
        }
    }
}

static void i64(const char *text, int64_t min, int64_t max, enum num_status want, int64_t value)
{
    int64_t r = 42;
    assert_int_equal(num_parse_i64(view_of(text), min, max, &r), want);
    assert_true(r == (want == NUM_OK ? value : 42));
}

static void reads_signed_numbers(void **state)
{
    i64("0", 0, 0, NUM_OK, 0);
    i64("-0", 0, 0, NUM_OK, 0);
    i64("-1", 0, 5, NUM_OUT_OF_RANGE, 0);
    i64("-1000", -1000, 1000, NUM_OK, -1000);
    i64("-1001", -1000, 1000, NUM_OUT_OF_RANGE, 0);
    i64("1001", -1000, 1000, NUM_OUT_OF_RANGE, 0);
    i64("5", 6, 7, NUM_OUT_OF_RANGE, 0);
    i64("9223372036854775806", INT64_MIN, INT64_MAX, NUM_OK, INT64_MAX - 1);
    i64("9223372036854775807", INT64_MIN, INT64_MAX, NUM_OK, INT64_MAX);
    i64("9223372036854775808", INT64_MIN, INT64_MAX, NUM_OUT_OF_RANGE, 0);
    i64("-9223372036854775807", INT64_MIN, INT64_MAX, NUM_OK, INT64_MIN + 1);
    i64("-9223372036854775808", INT64_MIN, INT64_MAX, NUM_OK, INT64_MIN);
    i64("-9223372036854775809", INT64_MIN, INT64_MAX, NUM_OUT_OF_RANGE, 0);
    i64("-9223372036854775808", INT64_MIN + 1, INT64_MAX, NUM_OUT_OF_RANGE, 0);
    i64("-00000000000000000000000000000000000000000000005", -5, 5, NUM_OK, -5);
    i64("-99999999999999999999999999999999999999999999999", INT64_MIN, INT64_MAX, NUM_OUT_OF_RANGE, 0);
    static const char *const bad[] = {"", "-", "--1", "+1", "- 1", "1-", "-1x", "-x", " ", "1e3"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        i64(bad[i], INT64_MIN, INT64_MAX, NUM_NOT_A_NUMBER, 0);
}

static void reads_other_bases(void **state)
{
    uint64_t r = 42;
    assert_int_equal(num_parse_hex(VIEW_LIT("DEADbeef"), UINT64_MAX, &r), NUM_OK);
    assert_true(r == 0xdeadbeef);
    assert_int_equal(num_parse_hex(VIEW_LIT("ffffffffffffffff"), UINT64_MAX, &r), NUM_OK);
    assert_true(r == UINT64_MAX);
    assert_int_equal(num_parse_hex(VIEW_LIT("10000000000000000"), UINT64_MAX, &r), NUM_OUT_OF_RANGE);
    assert_int_equal(num_parse_hex(VIEW_LIT("g"), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_int_equal(num_parse_hex(VIEW_LIT("0x1"), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_int_equal(num_parse_hex(VIEW_LIT("@"), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_int_equal(num_parse_hex(VIEW_LIT("`"), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_true(r == UINT64_MAX);
    assert_int_equal(num_parse_octal(VIEW_LIT("0755"), UINT64_MAX, &r), NUM_OK);
    assert_true(r == 0755);
    assert_int_equal(num_parse_octal(VIEW_LIT("1777777777777777777777"), UINT64_MAX, &r), NUM_OK);
    assert_true(r == UINT64_MAX);
    assert_int_equal(num_parse_octal(VIEW_LIT("2000000000000000000000"), UINT64_MAX, &r), NUM_OUT_OF_RANGE);
    assert_int_equal(num_parse_octal(VIEW_LIT("8"), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
    assert_int_equal(num_parse_octal(VIEW_LIT(""), UINT64_MAX, &r), NUM_NOT_A_NUMBER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_and_multiplies_unsigned),
        cmocka_unit_test(adds_signed),
        cmocka_unit_test(clamps),
        cmocka_unit_test(reads_unsigned_numbers),
        cmocka_unit_test(holds_the_maximum),
        cmocka_unit_test(reads_signed_numbers),
        cmocka_unit_test(reads_other_bases),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
