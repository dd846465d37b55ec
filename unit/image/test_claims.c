/* SPDX-License-Identifier: Apache-2.0 */
/* Claims on image records: the last one who fails removes, and only when nobody has succeeded. */
#include "support.h"
#include "sweep.h"

#include <pthread.h>
#include <stdatomic.h>

#include "image/claims.h"

static struct claim *enter(struct claims *c, const char *name)
{
    struct claim *one;
    struct err e = ERR_INIT;
    assert_ok(claims_enter(c, name, &one, &e), &e);
    return one;
}

static int setup(void **state)
{
    struct err e = ERR_INIT;
    return claims_new((struct claims **)state, &e);
}

static int teardown(void **state)
{
    claims_free(*state);
    return 0;
}

static void alone(void **state)
{
    struct claims *c = *state;
    int64_t since = 0;
    struct claim *one = enter(c, "a"), *other = enter(c, "b");
    assert_false(claims_leave(c, one, false, &since)); /* made nothing: nothing to remove */
    claims_made(c, other, 7);
    assert_false(claims_leave(c, other, true, &since));
    one = enter(c, "a");
    claims_made(c, one, 7);
    assert_true(claims_leave(c, one, false, &since));
    assert_int_equal(since, 7);
    claims_removed(c, one);
    one = enter(c, "a"); /* begins anew */
    assert_false(claims_leave(c, one, false, &since));
}

static void together(void **state)
{
    struct claims *c = *state;
    int64_t since;
    /* Every order of two, one of whom made the record: who made, who succeeds, who leaves first. */
    for (int bits = 0; bits < 16; bits++) {
        bool made_by_first = bits & 1, first_succeeds = bits & 2, second_succeeds = bits & 4, second_leaves_first = bits & 8;
        struct claim *first = enter(c, "a"), *second = enter(c, "a");
        claims_made(c, made_by_first ? first : second, 5);
        bool early = claims_leave(c, second_leaves_first ? second : first, second_leaves_first ? second_succeeds : first_succeeds, &since);
        bool late = claims_leave(c, second_leaves_first ? first : second, second_leaves_first ? first_succeeds : second_succeeds, &since);
        assert_false(early);
        assert_int_equal(late, !first_succeeds && !second_succeeds);
        if (late)
            claims_removed(c, first);
    }
}

static void earliest_time(void **state)
{
    struct claims *c = *state;
    int64_t since;
    struct claim *one = enter(c, "a");
    enter(c, "a");
    claims_made(c, one, 9);
    claims_made(c, one, 4);
    claims_made(c, one, 6);
    assert_false(claims_leave(c, one, false, &since));
    assert_true(claims_leave(c, one, false, &since));
    assert_int_equal(since, 4);
    claims_removed(c, one);
}

struct late {
    struct claims *c;
    atomic_bool removed;
    bool seen;
};

static void *enter_late(void *arg)
{
    struct late *l = arg;
    int64_t since;
    struct claim *one = enter(l->c, "a");
    l->seen = atomic_load(&l->removed);
    claims_leave(l->c, one, false, &since);
    return NULL;
}

/* Who comes while the record is being removed waits for the end of it. */
static void waits_for_removal(void **state)
{
    struct late l = {.c = *state};
    pthread_t thread;
    int64_t since;
    struct claim *one = enter(l.c, "a");
    claims_made(l.c, one, 1);
    assert_true(claims_leave(l.c, one, false, &since));
    assert_int_equal(pthread_create(&thread, NULL, enter_late, &l), 0);
    atomic_store(&l.removed, true);
    claims_removed(l.c, one);
    pthread_join(thread, NULL);
    assert_true(l.seen);
}

static int once(void *arg, struct err *e)
{
    struct claims *c;
    struct claim *one, *two;
    int64_t since;
    TRY(claims_new(&c, e));
    int r = claims_enter(c, "a", &one, e);
    if (r == 0) {
        r = claims_enter(c, "a", &two, e);
        if (r == 0)
            claims_leave(c, two, true, &since);
        claims_leave(c, one, true, &since);
    }
    claims_free(c);
    return r;
}

static void allocations(void **state)
{
    assert_true(sweep("claims", once, NULL) > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(alone), T(together), T(earliest_time), T(waits_for_removal), T(allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
