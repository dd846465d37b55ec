/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of state/inflight: who works, who joins, who is refused, and what each gets; with threads; failing
 * allocations.
 */
#include "state/inflight.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "sweep.h"

static const struct ctx forever = CTX_BACKGROUND;

static struct inflight_op *start(struct inflight *f, const char *name)
{
    struct err e = ERR_INIT;
    struct inflight_op *op = NULL;
    char result[INFLIGHT_RESULT_MAX];
    assert_int_equal(inflight_begin(f, name, VIEW_LIT("request"), &forever, &op, result, &e), 0);
    assert_non_null(op);
    return op;
}

static void test_alone(void **state)
{
    size_t live = mem_live();
    struct inflight f;
    struct err e = ERR_INIT;
    assert_ok(inflight_init(&f, &e), &e);
    struct inflight_op *a = start(&f, "a"), *b = start(&f, "b");
    assert_int_equal(inflight_finish(&f, a, 0, "id", NULL), 0);
    a = start(&f, "a"); /* the name has been forgotten */
    assert_int_equal(inflight_finish(&f, a, -ERR_INTERNAL, NULL, NULL), 0);
    assert_int_equal(inflight_finish(&f, b, 0, "", NULL), 0);
    assert_int_equal(f.ops.n, 0);
    inflight_done(&f);
    assert_int_equal(mem_live(), live);
}

static void test_unequal_request(void **state)
{
    struct inflight f;
    struct err e = ERR_INIT;
    struct inflight_op *none = NULL;
    char result[INFLIGHT_RESULT_MAX];
    assert_ok(inflight_init(&f, &e), &e);
    struct inflight_op *op = start(&f, "a");
    assert_fails(inflight_begin(&f, "a", VIEW_LIT("another"), &forever, &none, result, &e), &e,
                 ERR_ALREADY_EXISTS, "\"a\" is under way with another request");
    assert_fails(inflight_begin(&f, "a", VIEW_EMPTY, &forever, &none, result, &e), &e, ERR_ALREADY_EXISTS,
                 "another request");
    assert_null(none);
    inflight_finish(&f, op, 0, "id", NULL);
    inflight_done(&f);
}

static void test_waiting_ends_with_ctx(void **state)
{
    struct inflight f;
    struct err e = ERR_INIT;
    struct inflight_op *none = NULL;
    struct cancel cancel = CANCEL_INIT;
    struct ctx past = {.deadline = 0}, cancelled = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    char result[INFLIGHT_RESULT_MAX] = "untouched";
    cancel_fire(&cancel);
    assert_ok(inflight_init(&f, &e), &e);
    struct inflight_op *op = start(&f, "pod");
    assert_fails(inflight_begin(&f, "pod", VIEW_LIT("request"), &past, &none, result, &e), &e,
                 ERR_DEADLINE_EXCEEDED, "pod");
    assert_fails(inflight_begin(&f, "pod", VIEW_LIT("request"), &cancelled, &none, result, &e), &e,
                 ERR_CANCELLED, "pod");
    assert_string_equal(result, "untouched");
    assert_int_equal(inflight_finish(&f, op, 0, "id", NULL), 0); /* both have given up */
    inflight_done(&f);
}

struct joiner {
    struct inflight *f;
    pthread_t thread;
    int r;
    char result[INFLIGHT_RESULT_MAX];
    struct err e;
};

static void *join(void *arg)
{
    struct joiner *j = arg;
    struct inflight_op *op = NULL;
    j->r = inflight_begin(j->f, "pod", VIEW_LIT("request"), &forever, &op, j->result, &j->e);
    return NULL;
}

enum { JOINERS = 3 };

/* One worker, three that join, an outcome: each of them must get it. The worker ends when all of them wait.
 */
static void run_round(int r, const char *result, const struct err *outcome, struct joiner j[JOINERS])
{
    struct inflight f;
    struct err e = ERR_INIT;
    assert_ok(inflight_init(&f, &e), &e);
    struct inflight_op *op = start(&f, "pod");
    for (size_t i = 0; i < JOINERS; i++) {
        j[i] = (struct joiner){.f = &f};
        assert_int_equal(pthread_create(&j[i].thread, NULL, join, &j[i]), 0);
    }
    while (inflight_waiting(&f, "pod") < JOINERS)
        sched_yield();
    assert_int_equal(inflight_waiting(&f, "another"), 0);
    assert_int_equal(inflight_finish(&f, op, r, result, outcome), JOINERS);
    for (size_t i = 0; i < JOINERS; i++)
        pthread_join(j[i].thread, NULL);
    inflight_done(&f);
}

static void test_joiners_get_the_result(void **state)
{
    size_t live = mem_live();
    struct joiner j[JOINERS];
    run_round(0, "3a1c4b5d", NULL, j);
    for (size_t i = 0; i < JOINERS; i++) {
        assert_int_equal(j[i].r, 1);
        assert_string_equal(j[i].result, "3a1c4b5d");
    }
    assert_int_equal(mem_live(), live);
}

static void test_joiners_get_the_error(void **state)
{
    struct joiner j[JOINERS];
    struct err outcome = ERR_INIT;
    int r = err_raise(&outcome, ERR_UNAVAILABLE, "no containerd");
    run_round(r, NULL, &outcome, j);
    for (size_t i = 0; i < JOINERS; i++) {
        assert_int_equal(j[i].r, 2);
        assert_int_equal(j[i].e.code, ERR_UNAVAILABLE);
        assert_string_equal(j[i].e.message, "no containerd");
    }
}

static void test_error_without_a_text(void **state)
{
    struct joiner j[JOINERS];
    struct err empty = ERR_INIT;
    run_round(-ERR_ABORTED, NULL, NULL, j);
    assert_int_equal(j[0].r, 2);
    assert_int_equal(j[0].e.code, ERR_ABORTED);
    assert_string_equal(j[0].e.message, "\"pod\" failed");
    run_round(-ERR_ABORTED, NULL, &empty, j);
    assert_int_equal(j[1].e.code, ERR_ABORTED);
}

static void test_limit_of_results(void **state)
{
    struct joiner j[JOINERS];
    char text[INFLIGHT_RESULT_MAX + 2];
    for (size_t n = INFLIGHT_RESULT_MAX - 2; n <= INFLIGHT_RESULT_MAX; n++) {
        memset(text, 'x', n);
        text[n] = '\0';
        run_round(0, text, NULL, j);
        assert_int_equal(j[2].r, n < INFLIGHT_RESULT_MAX ? 1 : 2);
        if (n < INFLIGHT_RESULT_MAX)
            assert_string_equal(j[2].result, text);
        else
            assert_string_equal(j[2].e.message, "the result of \"pod\" is longer than 255 bytes");
    }
}

/* Many threads, few names, two kinds of request: at any time at most one works on a name. */
enum { THREADS = 4, ROUNDS = 500, NAMES = 3 };
static atomic_int working[NAMES];
static struct inflight shared;

struct worker {
    unsigned number;
    int failures;
    size_t worked, told, refused;
};

static void *hammer(void *arg)
{
    struct worker *w = arg;
    struct err e = ERR_INIT;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned k = (i + w->number) % NAMES;
        char name[8], result[INFLIGHT_RESULT_MAX];
        struct inflight_op *op = NULL;
        snprintf(name, sizeof name, "n%u", k);
        int r = inflight_begin(&shared, name, i % 16 ? VIEW_LIT("same") : VIEW_LIT("other"), &forever, &op,
                               result, &e);
        if (r == 0) {
            w->failures += atomic_fetch_add(&working[k], 1) != 0;
            sched_yield();
            atomic_fetch_sub(&working[k], 1);
            inflight_finish(&shared, op, 0, name, NULL);
            w->worked++;
        } else if (r == 1) {
            w->failures += strcmp(result, name) != 0;
            w->told++;
        } else {
            w->failures += r != -ERR_ALREADY_EXISTS;
            w->refused++;
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    size_t live = mem_live();
    struct err e = ERR_INIT;
    pthread_t t[THREADS];
    struct worker w[THREADS];
    assert_ok(inflight_init(&shared, &e), &e);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.number = i};
        assert_int_equal(pthread_create(&t[i], NULL, hammer, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].failures, 0);
        assert_int_equal(w[i].worked + w[i].told + w[i].refused, ROUNDS);
    }
    assert_int_equal(shared.ops.n, 0);
    inflight_done(&shared);
    assert_int_equal(mem_live(), live);
}

static int begin_some(void *arg, struct err *e)
{
    struct inflight f;
    struct inflight_op *op[20];
    char name[8], result[INFLIGHT_RESULT_MAX];
    size_t n = 0;
    int r = inflight_init(&f, e);
    if (r < 0)
        return r;
    for (; r == 0 && n < 20; n += r == 0) {
        snprintf(name, sizeof name, "n%zu", n);
        r = inflight_begin(&f, name, VIEW_LIT("request"), &forever, &op[n], result, e);
    }
    for (size_t i = 0; i < n; i++)
        inflight_finish(&f, op[i], 0, "x", NULL);
    inflight_done(&f);
    return r;
}

static void test_sweep(void **state)
{
    assert_true(sweep("inflight_begin", begin_some, NULL) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_unequal_request),
        cmocka_unit_test(test_waiting_ends_with_ctx),
        cmocka_unit_test(test_joiners_get_the_result),
        cmocka_unit_test(test_joiners_get_the_error),
        cmocka_unit_test(test_error_without_a_text),
        cmocka_unit_test(test_limit_of_results),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests_name("inflight", tests, NULL, NULL);
}
