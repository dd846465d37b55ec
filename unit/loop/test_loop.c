/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: order of posted work, timers on virtual time, descriptors, signals, and posting from many threads.
 */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"

static struct loop *loop;

static int setup(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(loop_new(&loop, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    loop_free(loop);
    clock_virtual_off();
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void once(void)
{
    struct err e = ERR_INIT;
    assert_ok(loop_run_once(loop, 0, &e), &e);
}

static char trace[64];
static size_t n_trace;

static void note(void *arg)
{
    trace[n_trace++] = *(const char *)arg;
    trace[n_trace] = '\0';
}

static void test_posts_in_order(void **state)
{
    struct loop_post a = {.fn = note, .arg = (void *)(uintptr_t) "a"}, b = {.fn = note, .arg = (void *)(uintptr_t) "b"},
                     c = {.fn = note, .arg = (void *)(uintptr_t) "c"};
    n_trace = 0;
    loop_post(loop, &b);
    loop_post(loop, &a);
    loop_post(loop, &b); /* queued already */
    loop_post(loop, &c);
    assert_true(loop_post_cancel(loop, &c)); /* the last one: the tail moves */
    assert_false(loop_post_cancel(loop, &c));
    loop_post(loop, &c);
    assert_true(loop_post_cancel(loop, &a)); /* one in the middle */
    once();
    assert_string_equal(trace, "bc");
    loop_post(loop, &b);
    once();
    assert_string_equal(trace, "bcb");
    /* What is queued when the loop goes is not called. */
    loop_post(loop, &a);
}

struct again {
    struct loop_post post;
    int left;
};

static void post_again(void *arg)
{
    struct again *a = arg;
    assert_true(loop_in_thread(loop));
    if (--a->left > 0)
        loop_post(loop, &a->post);
}

static void test_post_from_within(void **state)
{
    struct again a = {.left = 5};
    a.post = (struct loop_post){.fn = post_again, .arg = &a};
    assert_false(loop_in_thread(loop));
    loop_post(loop, &a.post);
    once();
    assert_int_equal(a.left, 0);
}

static void test_timers(void **state)
{
    struct err e = ERR_INIT;
    clock_virtual(1000, 0);
    static const uint64_t at[] = {50, 10, 40, 20, 30, 60, 5};
    static const char *const names[] = {"f", "b", "e", "c", "d", "g", "a"};
    struct loop_timer *t[ARRAY_SIZE(at)];
    n_trace = 0;
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        assert_ok(loop_timer_add(loop, note, (void *)(uintptr_t)names[i], &t[i], &e), &e);
        assert_int_equal(loop_timer_set(t[i], 1000 + at[i]), 0);
    }
    once();
    assert_int_equal(n_trace, 0);
    clock_advance(9);
    once();
    assert_string_equal(trace, "a");
    loop_timer_set(t[3], CLOCK_NEVER); /* c is disarmed, g comes early, f is freed */
    loop_timer_set(t[5], 1015);
    loop_timer_free(t[0]);
    clock_advance(100);
    once();
    assert_string_equal(trace, "abgde");
    loop_timer_set(t[3], 1);
    once();
    assert_string_equal(trace, "abgdec");
    once();
    assert_int_equal(n_trace, 6);
}

static struct loop_timer *self_timer;

static void free_self(void *arg)
{
    loop_timer_free(self_timer);
    ++*(int *)arg;
}

static void test_timer_frees_itself(void **state)
{
    struct err e = ERR_INIT;
    int calls = 0;
    assert_ok(loop_timer_add(loop, free_self, &calls, &self_timer, &e), &e);
    loop_timer_set(self_timer, 0);
    once();
    assert_int_equal(calls, 1);
}

static void on_readable(void *arg, uint32_t revents)
{
    struct loop_io **io = arg;
    assert_true(revents & EPOLLIN);
    loop_io_free(*io); /* from inside */
    *io = NULL;
}

static void test_io(void **state)
{
    struct err e = ERR_INIT;
    int fd[2];
    struct loop_io *io;
    assert_int_equal(pipe(fd), 0);
    assert_ok(loop_io_add(loop, fd[0], EPOLLIN, on_readable, &io, &io, &e), &e);
    once();
    assert_non_null(io);
    assert_int_equal(loop_io_set(io, 0), 0);
    assert_int_equal(write(fd[1], "x", 1), 1);
    once();
    assert_non_null(io);
    assert_int_equal(loop_io_set(io, EPOLLIN), 0);
    once();
    assert_null(io);
    assert_fails(loop_io_add(loop, 9999, EPOLLIN, on_readable, NULL, &io, &e), &e, err_code_from_errno(EBADF), "watching");
    close(fd[0]);
    close(fd[1]);
}

static void on_signal(void *arg, int signo)
{
    *(int *)arg = signo;
    loop_stop(loop);
}

static void test_signal_and_stop(void **state)
{
    struct err e = ERR_INIT;
    int got = 0;
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    assert_ok(loop_signal_add(loop, SIGUSR1, on_signal, &got, &e), &e);
    raise(SIGUSR1);
    assert_ok(loop_run(loop, &e), &e);
    assert_int_equal(got, SIGUSR1);
    /* A stop that comes first is not lost. */
    loop_stop(loop);
    assert_ok(loop_run(loop, &e), &e);
    loop_free(loop);
    loop = NULL;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

enum { THREADS = 4, POSTS = 5000 };

struct counter {
    struct loop_post post;
    pthread_mutex_t mu;
    pthread_cond_t cond;
    bool ran;
};

static int total;

static void count_one(void *arg)
{
    struct counter *c = arg;
    if (++total == THREADS * POSTS)
        loop_stop(loop);
    pthread_mutex_lock(&c->mu);
    c->ran = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->mu);
}

static void *poster(void *arg)
{
    struct counter *c = arg;
    for (int i = 0; i < POSTS; i++) {
        pthread_mutex_lock(&c->mu);
        c->ran = false;
        pthread_mutex_unlock(&c->mu);
        loop_post(loop, &c->post);
        pthread_mutex_lock(&c->mu);
        while (!c->ran)
            pthread_cond_wait(&c->cond, &c->mu);
        pthread_mutex_unlock(&c->mu);
    }
    return NULL;
}

static void test_posts_from_threads(void **state)
{
    struct err e = ERR_INIT;
    struct counter c[THREADS];
    pthread_t t[THREADS];
    total = 0;
    for (int i = 0; i < THREADS; i++) {
        c[i] = (struct counter){.post = {.fn = count_one, .arg = &c[i]}};
        pthread_mutex_init(&c[i].mu, NULL);
        pthread_cond_init(&c[i].cond, NULL);
        assert_int_equal(pthread_create(&t[i], NULL, poster, &c[i]), 0);
    }
    assert_ok(loop_run(loop, &e), &e);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(total, THREADS * POSTS);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_posts_in_order),
        LOOP_TEST(test_post_from_within),
        LOOP_TEST(test_timers),
        LOOP_TEST(test_timer_frees_itself),
        LOOP_TEST(test_io),
        LOOP_TEST(test_signal_and_stop),
        LOOP_TEST(test_posts_from_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
