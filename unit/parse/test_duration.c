/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations as Go writes them.
 */
#include "support.h"

#include "parse/duration.h"

#define SEC  INT64_C(1000000000)
#define MSEC INT64_C(1000000)

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"0s", 0},
        {"+5s", 5 * SEC},
        {"30s", 30 * SEC},
        {"1m30s", 90 * SEC},
        {"1.5h", 5400 * SEC},
        {".5s", SEC / 2},
        {"1.s", SEC},
        {"250ms", 250 * MSEC},
        {"7us", 7000},
        {"7\xc2\xb5s", 7000},
        {"7\xce\xbcs", 7000},
        {"3ns", 3},
        {"0.1234567891s", 123456789},
        {"1h1m1s1ms1us1ns", 3661 * SEC + MSEC + 1001},
        {"9223372036854775806ns", INT64_MAX - 1},
        {"9223372036854775807ns", INT64_MAX},
    };
    int64_t ns;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        if (!duration_read(view_of(good[i].text), &ns))
            fail_msg("refused: %s", good[i].text);
        assert_int_equal(ns, good[i].ns);
    }
    static const char *const bad[] = {"",     "+",   "s",     "1",  "1 s", "-1s", "1x",  ".s", "1s2", "1.5", "s1", "1sec",
                                      "1,5s", "1e3s", "1..5s", "1.5.5s", "1s ", "00", "9223372036854775808ns", "2562048h", "9223372036s1h", "99999999999999999999s"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (duration_read(view_of(bad[i]), &ns))
            fail_msg("accepted: %s", bad[i]);
}

static void written(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{0, "0s"}, {90 * SEC, "1m30s"}, {3600 * SEC + 1, "1h1ns"}, {300 * MSEC, "300ms"}, {INT64_MAX, "2562047h47m16s854ms775us807ns"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(64);
        int64_t back;
        assert_int_equal(duration_write(cases[i].ns, &b), 0);
        assert_view(buf_view(&b), cases[i].text);
        assert_true(duration_read(buf_view(&b), &back));
        assert_int_equal(back, cases[i].ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(durations), cmocka_unit_test(written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
