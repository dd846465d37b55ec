/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: stamps as RFC 3339 in several time zones, deadlines at the edges of the clock, and virtual time.
 */
#include "support.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static void set_zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static void local(const char *tz, int64_t ns, const char *want)
{
    char out[CLOCK_RFC3339_MAX];
    set_zone(tz);
    assert_int_equal(clock_rfc3339(ns, out), strlen(want));
    assert_string_equal(out, want);
    set_zone("UTC");
}

static void stamps_local_time(void **state)
{
    int64_t ns = INT64_C(1732396099) * 1000000000 + 1; /* 2024-11-23T21:08:19.000000001Z */
    local("UTC", ns, "2024-11-23T21:08:19.000000001Z");
    local("CET-1", ns, "2024-11-23T22:08:19.000000001+01:00");
    local("EST5", ns, "2024-11-23T16:08:19.000000001-05:00");
    local("IST-5:30", ns, "2024-11-24T02:38:19.000000001+05:30");
    local("XXX0:30", ns, "2024-11-23T20:38:19.000000001-00:30");
    local("LINT-14", ns, "2024-11-24T11:08:19.000000001+14:00");
    local("AAA12", ns, "2024-11-23T09:08:19.000000001-12:00");
    local("CET-1CEST,M3.5.0,M10.5.0/3", ns, "2024-11-23T22:08:19.000000001+01:00");
    local("CET-1CEST,M3.5.0,M10.5.0/3", ns - INT64_C(120) * 86400 * 1000000000, "2024-07-26T23:08:19.000000001+02:00");
}

static void stamps_utc(void **state)
{
    static const struct {
        int64_t ns;
        const char *want;
    } table[] = {
        {0, "1970-01-01T00:00:00.000000000Z"},           {1, "1970-01-01T00:00:00.000000001Z"},
        {999999999, "1970-01-01T00:00:00.999999999Z"},   {1000000000, "1970-01-01T00:00:01.000000000Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},          {-1000000000, "1969-12-31T23:59:59.000000000Z"},
        {-1000000001, "1969-12-31T23:59:58.999999999Z"}, {INT64_C(951782400) * 1000000000, "2000-02-29T00:00:00.000000000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},   {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    set_zone("CET-1");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char out[CLOCK_RFC3339_MAX];
        assert_int_equal(clock_rfc3339_utc(table[i].ns, out), strlen(table[i].want));
        assert_string_equal(out, table[i].want);
        assert_true(clock_rfc3339(table[i].ns, out) < CLOCK_RFC3339_MAX);
    }
    set_zone("UTC");
}

static void runs_on_virtual_time(void **state)
{
    uint64_t real_mono = clock_mono();
    assert_true(real_mono > 0 && clock_mono() >= real_mono);
    assert_true(clock_real() > INT64_C(1600000000) * 1000000000);
    clock_virtual(1000, -5);
    assert_true(clock_mono() == 1000 && clock_real() == -5);
    assert_true(clock_mono() == 1000);
    clock_advance(10);
    assert_true(clock_mono() == 1010 && clock_real() == 5);
    clock_virtual_off();
    assert_true(clock_mono() >= real_mono);
}

static void computes_deadlines(void **state)
{
    clock_virtual(1000, 0);
    assert_true(clock_deadline(0) == 1000);
    assert_true(clock_deadline(5) == 1005);
    assert_true(clock_deadline(UINT64_MAX - 1002) == UINT64_MAX - 2);
    assert_true(clock_deadline(UINT64_MAX - 1001) == UINT64_MAX - 1);
    assert_true(clock_deadline(UINT64_MAX - 1000) == CLOCK_NEVER);
    assert_true(clock_deadline(UINT64_MAX) == CLOCK_NEVER);
    clock_virtual_off();
}

static void rounds_up_for_poll(void **state)
{
    clock_virtual(1000, 0);
    assert_int_equal(clock_poll_ms(CLOCK_NEVER), -1);
    assert_int_equal(clock_poll_ms(0), 0);
    assert_int_equal(clock_poll_ms(1000), 0);
    assert_int_equal(clock_poll_ms(1001), 1);
    assert_int_equal(clock_poll_ms(1000 + NSEC_PER_MSEC), 1);
    assert_int_equal(clock_poll_ms(1001 + NSEC_PER_MSEC), 2);
    assert_int_equal(clock_poll_ms(1000 + INT_MAX * NSEC_PER_MSEC), INT_MAX);
    assert_int_equal(clock_poll_ms(1001 + INT_MAX * NSEC_PER_MSEC), INT_MAX);
    assert_int_equal(clock_poll_ms(CLOCK_NEVER - 1), INT_MAX);
    clock_virtual(0, 0);
    assert_int_equal(clock_poll_ms(CLOCK_NEVER - 1), INT_MAX);
    clock_virtual_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_local_time),  cmocka_unit_test(stamps_utc),         cmocka_unit_test(runs_on_virtual_time),
        cmocka_unit_test(computes_deadlines), cmocka_unit_test(rounds_up_for_poll),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
