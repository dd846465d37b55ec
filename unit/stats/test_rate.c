/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates from readings that clients make whenever they like.
 */
#include "support.h"

#include "stats/rate.h"

#define MS NSEC_PER_MSEC
#define S  NSEC_PER_SEC

enum { UNKNOWN = -1 };

struct step {
    uint64_t at, value;
    int64_t want;
};

static void run(const struct step *steps, size_t n)
{
    struct stats_rate r = {0};
    for (size_t i = 0; i < n; i++) {
        uint64_t rate = 0;
        bool known = stats_rate_add(&r, steps[i].value, steps[i].at, &rate);
        if (known != (steps[i].want != UNKNOWN) || (known && rate != (uint64_t)steps[i].want))
            fail_msg("step %zu: %s %llu, expected %lld", i, known ? "rate" : "none", (unsigned long long)rate, (long long)steps[i].want);
    }
}
#define RUN(...)                                    \
    do {                                            \
        static const struct step s_[] = {__VA_ARGS__}; \
        run(s_, ARRAY_SIZE(s_));                    \
    } while (0)

static void test_first(void **state)
{
    RUN({5 * S, 100, UNKNOWN}, {6 * S, 600, 500}, {16 * S, 10600, 1000});
    RUN({0, 0, UNKNOWN}, {S, 7, 7});
}

/* One below the shortest time, at it, above it. */
static void test_short_times(void **state)
{
    RUN({0, 0, UNKNOWN}, {S - 1, 1000, UNKNOWN}, {S, 2000, 2000}, {S + 1, 2000, 1999});
    /* Two that ask one after the other: each gets the growth since a reading that is old enough. */
    RUN({0, 0, UNKNOWN}, {10 * S, 10000, 1000}, {10 * S + MS, 10000, 999}, {10 * S + 999 * MS, 21998, 2000}, {11 * S, 12000, 2000});
}

static void test_long_times(void **state)
{
    RUN({0, 0, UNKNOWN}, {120 * S, 1200, 10});
    RUN({0, 0, UNKNOWN}, {120 * S + 1, 1200, UNKNOWN}, {121 * S + 1, 1300, 100});
}

/* A counter that went back began anew. */
static void test_reset(void **state)
{
    RUN({0, 1000, UNKNOWN}, {S, 1500, 500}, {2 * S, 100, UNKNOWN}, {3 * S, 300, 200});
    RUN({0, 1000, UNKNOWN}, {S, 999, UNKNOWN}, {S + MS, 1000, UNKNOWN}, {2 * S, 1009, 10});
}

/* A reading that another thread made before the last one was taken in. */
static void test_out_of_order(void **state)
{
    RUN({0, 0, UNKNOWN}, {5 * S, 500, 100}, {4 * S, 400, 100}, {6 * S, 700, 200});
    RUN({5 * S, 500, UNKNOWN}, {4 * S, 400, UNKNOWN}, {6 * S, 600, 100});
    RUN({0, 100, UNKNOWN}, {5 * S, 500, 80}, {4 * S, 50, UNKNOWN}, {6 * S, 600, 100});
}

static void test_huge(void **state)
{
    struct stats_rate r = {0};
    uint64_t rate = 0;
    assert_false(stats_rate_add(&r, 0, 0, &rate));
    assert_true(stats_rate_add(&r, UINT64_MAX, S, &rate));
    assert_true(rate == UINT64_MAX);
    assert_true(stats_rate_add(&r, UINT64_MAX, 2 * S, &rate));
    assert_true(rate == 0);
    r = (struct stats_rate){0};
    assert_false(stats_rate_add(&r, 1, UINT64_MAX - 1, &rate));
    assert_false(stats_rate_add(&r, 1, UINT64_MAX, &rate));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first), cmocka_unit_test(test_short_times), cmocka_unit_test(test_long_times),
        cmocka_unit_test(test_reset), cmocka_unit_test(test_out_of_order), cmocka_unit_test(test_huge),
    };
    return cmocka_run_group_tests_name("stats/rate", tests, NULL, NULL);
}
