/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC frames: put together from pieces of every size, limits at one below, at and above, memory and budget.
 */
#include "support.h"

#include "rpc/frame.h"
#include "sweep.h"

static int teardown(void **state)
{
    assert_int_equal(mem_live(), 0);
    return 0;
}

static const char two[] = "\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1z";

/* Feeds all of `v` in pieces; the messages, each in brackets, go to out. */
static int feed_pieces(struct view v, size_t piece, char *out, struct err *e)
{
    struct frame_reader r = {.budget = NULL};
    int result = 0;
    *out = '\0';
    while (v.n > 0 && result >= 0) {
        struct view part = view_slice(v, 0, piece);
        v = view_slice(v, part.n, v.n);
        struct frame *f;
        while ((result = frame_reader_feed(&r, &part, &f, e)) == 1) {
            struct view m = frame_message(f);
            strcat(out, "[");
            strncat(out, m.p, m.n);
            strcat(out, "]");
            frame_free(f);
        }
    }
    if (result == 0 && !frame_reader_idle(&r))
        strcat(out, "...");
    frame_reader_done(&r);
    return result;
}

static void test_pieces(void **state)
{
    struct err e = ERR_INIT;
    char out[64];
    for (size_t piece = 1; piece <= sizeof(two) - 1; piece++) {
        assert_int_equal(feed_pieces(view_make(two, sizeof(two) - 1), piece, out, &e), 0);
        assert_string_equal(out, "[abc][][z]");
    }
    assert_int_equal(feed_pieces(view_make(two, 12), 3, out, &e), 0);
    assert_string_equal(out, "[abc]...");
    assert_int_equal(feed_pieces(view_make(two, 6), 100, out, &e), 0);
    assert_string_equal(out, "...");
}

static int feed_head(const char *head, struct err *e)
{
    char out[64];
    return feed_pieces(view_make(head, 5), 5, out, e);
}

static void test_heads(void **state)
{
    struct err e = ERR_INIT;
    assert_int_equal(feed_head("\0\1\0\0\0", &e), 0); /* 16 MiB */
    assert_int_equal(feed_head("\0\0\xff\xff\xff", &e), 0);
    assert_fails(feed_head("\0\1\0\0\1", &e), &e, ERR_RESOURCE_EXHAUSTED, "16777217 bytes, more than the maximum of 16777216");
    assert_fails(feed_head("\0\xff\xff\xff\xff", &e), &e, ERR_RESOURCE_EXHAUSTED, "4294967295 bytes");
    assert_fails(feed_head("\1\0\0\0\0", &e), &e, ERR_UNIMPLEMENTED, "compressed");
    assert_fails(feed_head("\2\0\0\0\0", &e), &e, ERR_INTERNAL, "flags byte of a message is 2");
}

static void test_memory_follows_what_came(void **state)
{
    struct err e = ERR_INIT;
    struct frame_budget budget = FRAME_BUDGET_INIT(200000);
    struct frame_reader r = {.budget = &budget};
    struct frame *f;
    struct view head = VIEW_LIT("\0\1\0\0\0");
    assert_int_equal(frame_reader_feed(&r, &head, &f, &e), 0);
    assert_true(atomic_load(&budget.used) <= 70000);
    /* Grows with the bytes until the budget says no. */
    char block[1000] = {0};
    int result = 0;
    size_t fed = 0;
    while (result == 0) {
        struct view v = view_make(block, sizeof(block));
        result = frame_reader_feed(&r, &v, &f, &e);
        fed += sizeof(block);
        assert_true(fed < 300000);
    }
    assert_int_equal(result, -ERR_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(e.message, "in flight"));
    frame_reader_done(&r);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void test_new_and_queue(void **state)
{
    struct err e = ERR_INIT;
    struct frame_budget budget = FRAME_BUDGET_INIT(2 * (10 + FRAME_HEAD));
    struct frame *a, *b, *c;
    assert_ok(frame_new(10, &budget, &a, &e), &e);
    assert_ok(frame_new(10, &budget, &b, &e), &e);
    assert_fails(frame_new(0, &budget, &c, &e), &e, ERR_RESOURCE_EXHAUSTED, "in flight");
    assert_memory_equal(a->data, "\0\0\0\0\x0a", 5);
    assert_int_equal(frame_message(a).n, 10);
    struct frame_queue q, other;
    frame_queue_init(&q);
    frame_queue_init(&other);
    assert_null(frame_queue_take(&q));
    frame_queue_add(&other, a);
    frame_queue_move(&q, &other);
    frame_queue_move(&q, &other); /* empty: nothing happens */
    frame_queue_add(&q, b);
    assert_int_equal(q.bytes, 30);
    assert_ptr_equal(frame_queue_take(&q), a);
    frame_free(a);
    assert_int_equal(q.bytes, 15);
    assert_ok(frame_new(10, &budget, &a, &e), &e);
    frame_queue_add(&q, a);
    frame_queue_done(&q);
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_ok(frame_new(FRAME_MESSAGE_MAX, NULL, &a, &e), &e);
    frame_free(a);
    assert_fails(frame_new(FRAME_MESSAGE_MAX + 1, NULL, &a, &e), &e, ERR_RESOURCE_EXHAUSTED, "more than the maximum");
    frame_free(NULL);
}

static int sweep_op(void *arg, struct err *e)
{
    static char big[300000 + 5] = "\0\0\4\x93\xe0"; /* 300000 */
    struct frame_reader r = {.budget = arg};
    struct view v = view_make(big, sizeof(big));
    struct frame *f;
    int result = frame_reader_feed(&r, &v, &f, e);
    if (result == 1) {
        assert_int_equal(frame_message(f).n, 300000);
        frame_free(f);
        result = 0;
    }
    frame_reader_done(&r);
    return result;
}

static void test_sweep(void **state)
{
    struct frame_budget budget = FRAME_BUDGET_INIT(1 << 20);
    assert_true(sweep("frame_reader_feed", sweep_op, &budget) >= 4);
    assert_int_equal(atomic_load(&budget.used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_pieces, teardown),
        cmocka_unit_test_teardown(test_heads, teardown),
        cmocka_unit_test_teardown(test_memory_follows_what_came, teardown),
        cmocka_unit_test_teardown(test_new_and_queue, teardown),
        cmocka_unit_test_teardown(test_sweep, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
