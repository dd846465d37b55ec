/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of a few functions each: ctx (limits of a piece of work), id (random names), undo (rollback), log (lines).
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/ctx.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "base/undo.h"

static void ctx_ends_at_its_deadline(void **state)
{
    struct err e = ERR_INIT;
    struct ctx background = CTX_BACKGROUND;
    clock_virtual(100, 0);
    assert_ok(ctx_check(&background, "wait", &e), &e);
    struct ctx c = ctx_with_timeout(&background, 50);
    assert_true(c.deadline == 150);
    struct ctx longer = ctx_with_timeout(&c, 1000), shorter = ctx_with_timeout(&c, 10), never = ctx_with_timeout(&c, UINT64_MAX);
    assert_true(longer.deadline == 150 && shorter.deadline == 110 && never.deadline == 150);
    assert_true(background.deadline == CLOCK_NEVER);
    clock_advance(49);
    assert_ok(ctx_check(&c, "wait", &e), &e);
    assert_fails(ctx_check(&shorter, "wait for it", &e), &e, ERR_DEADLINE_EXCEEDED, "wait for it: deadline exceeded");
    clock_advance(1);
    assert_fails(ctx_check(&c, "wait", &e), &e, ERR_DEADLINE_EXCEEDED, "wait");
    clock_virtual_off();
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void ctx_is_cancelled(void **state)
{
    struct err e = ERR_INIT;
    struct cancel plain = CANCEL_INIT, c;
    struct ctx ctx = CTX_BACKGROUND;
    ctx.cancel = &plain;
    ctx.lease = "l";
    assert_ok(ctx_check(&ctx, "x", &e), &e);
    cancel_fire(&plain);
    struct ctx child = ctx_with_timeout(&ctx, 1);
    assert_string_equal(child.lease, "l");
    assert_fails(ctx_check(&child, "pull", &e), &e, ERR_CANCELLED, "pull: cancelled");
    cancel_done(&plain);

    assert_ok(cancel_init(&c, &e), &e);
    assert_true(fcntl(c.wake_fd, F_GETFD) & FD_CLOEXEC);
    assert_false(readable(c.wake_fd));
    for (int i = 0; i < 3; i++)
        cancel_fire(&c);
    assert_true(readable(c.wake_fd));
    ctx.cancel = &c;
    assert_fails(ctx_check(&ctx, "x", &e), &e, ERR_CANCELLED, "x");
    cancel_done(&c);
    assert_int_equal(c.wake_fd, -1);
    cancel_done(&c);
}

static void ids_are_names(void **state)
{
    struct err e = ERR_INIT;
    enum { IDS = 500 };
    static char id[IDS][ID_LEN + 1];
    unsigned seen[16] = {0};
    for (int i = 0; i < IDS; i++) {
        memset(id[i], '~', sizeof id[i]);
        assert_ok(id_generate(id[i], &e), &e);
        assert_int_equal(strlen(id[i]), 64);
        assert_int_equal(strspn(id[i], "0123456789abcdef"), 64);
        assert_true(strspn(id[i], "0123456789") < 64);
        for (const char *p = id[i]; *p; p++)
            seen[hex_digit(*p)]++;
        for (int j = 0; j < i; j++)
            assert_string_not_equal(id[i], id[j]);
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(seen[i], IDS * 4 / 2, IDS * 4 * 2); /* 32000 digits, 2000 of each */
}

static void random_bytes_fill_all(void **state)
{
    struct err e = ERR_INIT;
    static unsigned char bytes[2000];
    assert_ok(id_random(bytes, 0, &e), &e);
    assert_int_equal(bytes[0], 0);
    assert_ok(id_random(bytes, sizeof bytes - 1, &e), &e);
    size_t zeroes = 0;
    for (size_t i = 1000; i < sizeof bytes - 1; i++)
        zeroes += bytes[i] == 0;
    assert_true(zeroes < 100);
    assert_int_equal(bytes[sizeof bytes - 1], 0);
}

struct trace {
    char ran[UNDO_MAX + 1], reported[UNDO_MAX + 1];
};
static struct trace trace;

static int step(const struct ctx *ctx, void *arg, struct err *e)
{
    const char *name = arg;
    assert_true(ctx->deadline <= clock_deadline(NSEC_PER_SEC)); /* each step has the limit to itself */
    trace.ran[strlen(trace.ran)] = *name;
    return name[1] == '!' ? err_raise(e, ERR_UNAVAILABLE, "step %c", *name) : 0;
}

/* "b!2" is tried again until it has failed twice. */
static bool again(void *user, const char *what, const struct err *e, unsigned failures)
{
    struct trace *t = user;
    char want[] = {'s', 't', 'e', 'p', ' ', *what, '\0'};
    assert_string_equal(e->message, want);
    assert_int_equal(e->code, ERR_UNAVAILABLE);
    if (what[2] == '2' && failures < 2)
        return true;
    t->reported[strlen(t->reported)] = *what;
    return false;
}

static void undo_push_named(struct undo *u, const char *name)
{
    undo_push(u, name, step, (void *)(uintptr_t)name);
}

static void undoes_in_reverse(void **state)
{
    struct undo u = UNDO_INIT;
    trace = (struct trace){{0}, {0}};
    assert_int_equal(undo_run(&u, NSEC_PER_SEC, again, &trace), 0);
    undo_push_named(&u, "a");
    undo_push_named(&u, "b!2");
    undo_push_named(&u, "c");
    undo_push_named(&u, "d!");
    assert_int_equal(undo_run(&u, NSEC_PER_SEC, again, &trace), 2);
    assert_string_equal(trace.ran, "dcbba"); /* each one, though some failed */
    assert_string_equal(trace.reported, "db");
    assert_int_equal(u.n, 0);
    assert_int_equal(undo_run(&u, NSEC_PER_SEC, again, &trace), 0);
    assert_string_equal(trace.ran, "dcbba");
    undo_push_named(&u, "e!");
    assert_int_equal(undo_run(&u, NSEC_PER_SEC, NULL, NULL), 1);
    undo_push_named(&u, "f");
    undo_commit(&u);
    assert_int_equal(undo_run(&u, NSEC_PER_SEC, again, &trace), 0);
    assert_string_equal(trace.ran, "dcbbae");
    for (size_t i = 0; i < UNDO_MAX; i++)
        undo_push_named(&u, "g");
    trace.ran[0] = '\0';
    memset(trace.ran, 0, sizeof trace.ran);
    assert_int_equal(undo_run(&u, NSEC_PER_SEC, again, &trace), 0);
    assert_int_equal(strlen(trace.ran), UNDO_MAX);
}

struct lines {
    unsigned n;
    enum log_level level;
    char last[8192];
};

static void keep(void *user, enum log_level level, const char *line)
{
    struct lines *l = user;
    l->n++;
    l->level = level;
    assert_true(strlen(line) < sizeof l->last);
    memcpy(l->last, line, strlen(line) + 1);
}

static int evaluated;
static int count_evaluation(void)
{
    return ++evaluated;
}

static void logs_by_level(void **state)
{
    static struct lines l;
    log_set_sink(keep, &l);
    assert_true(log_enabled(LOG_LEVEL_INFO) && !log_enabled(LOG_LEVEL_DEBUG));
    log_error("an %s", "error");
    assert_string_equal(l.last, "an error");
    assert_int_equal(l.level, LOG_LEVEL_ERROR);
    log_warning("w");
    log_info("i");
    assert_int_equal(l.n, 3);
    assert_int_equal(l.level, LOG_LEVEL_INFO);
    log_debug("d %d", count_evaluation());
    log_write(LOG_LEVEL_DEBUG, "d");
    assert_int_equal(l.n, 3);
    assert_int_equal(evaluated, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("d %d", count_evaluation());
    assert_string_equal(l.last, "d 1");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("w");
    assert_string_equal(l.last, "d 1");
    log_error("e");
    assert_string_equal(l.last, "e");
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(NULL, NULL);
}

static void log_lines_cannot_be_forged(void **state)
{
    static struct lines l;
    static char text[6000];
    log_set_sink(keep, &l);
    log_info("pod %s", "a\n2026 error forged\r\x1b[2J\tb\x7f\xc3\xbc");
    assert_string_equal(l.last, "pod a 2026 error forged??[2J b?\xc3\xbc");
    memset(text, 'x', sizeof text - 1);
    log_info("%s", text);
    assert_int_equal(strlen(l.last), 4095);
    log_set_sink(NULL, NULL);
}

/* Without a sink a line goes to standard error, in one write, with stamp and level. */
static void logs_to_standard_error(void **state)
{
    int p[2];
    char out[8192];
    static char text[6000];
    memset(text, 'y', sizeof text - 1);
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
    clock_virtual(0, 1);
    log_warning("to %s", "stderr");
    log_error("%s", text);
    clock_virtual_off();
    dup2(saved, STDERR_FILENO);
    fd_close(&saved);
    ssize_t n = read(p[0], out, sizeof out - 1);
    assert_true(n > 0);
    out[n] = '\0';
    char *second = strchr(out, '\n') + 1;
    assert_memory_equal(out, "1970-01-01T00:00:00.000000001Z warning to stderr\n", second - out);
    assert_memory_equal(second, "1970-01-01T00:00:00.000000001Z error yyyy", 40);
    assert_int_equal(strlen(strchr(second, 'y')), 4096); /* 4095 and the end of the line */
    assert_int_equal(out[n - 1], '\n');
    fd_close(&p[0]);
    fd_close(&p[1]);
}

static void formats_lines(void **state)
{
    static char out[LOG_OUT_MAX], text[2 * LOG_LINE_MAX];
    struct log_scope none = {0}, scope = {.rpc_id = UINT64_MAX, .rpc = "RunPodSandbox"};
    size_t n = log_format_line(LOG_FORMAT_TEXT, LOG_LEVEL_INFO, 1, &none, "a \"b\"", out);
    assert_string_equal(out, "1970-01-01T00:00:00.000000001Z info a \"b\"\n");
    assert_int_equal(n, strlen(out));
    log_format_line(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG, 1, &scope, "ok", out);
    assert_string_equal(out, "1970-01-01T00:00:00.000000001Z debug [18446744073709551615 RunPodSandbox] ok\n");
    log_format_line(LOG_FORMAT_JSON, LOG_LEVEL_ERROR, 1, &none, "a \"b\\ \xff\xc3\xa4", out);
    assert_string_equal(out, "{\"time\":\"1970-01-01T00:00:00.000000001Z\",\"level\":\"error\",\"message\":\"a \\\"b\\\\ \xef\xbf\xbd\xc3\xa4\"}\n");
    log_format_line(LOG_FORMAT_JSON, LOG_LEVEL_WARNING, 1, &scope, "w", out);
    assert_string_equal(out, "{\"time\":\"1970-01-01T00:00:00.000000001Z\",\"level\":\"warning\",\"rpc_id\":18446744073709551615,"
                             "\"rpc\":\"RunPodSandbox\",\"message\":\"w\"}\n");
    /* The longest there can be. */
    scope.rpc = text;
    for (int i = 0; i < 2; i++) {
        memset(text, i ? '"' : '\xff', sizeof text - 1);
        n = log_format_line(LOG_FORMAT_JSON, LOG_LEVEL_WARNING, UINT64_MAX, &scope, text, out);
        assert_int_equal(n, strlen(out));
        assert_string_equal(out + n - 3, "\"}\n");
        assert_true(n < LOG_OUT_MAX);
        n = log_format_line(LOG_FORMAT_TEXT, LOG_LEVEL_WARNING, UINT64_MAX, &scope, text, out);
        assert_int_equal(n, strlen(out));
        assert_true(n < LOG_LINE_MAX + 200);
    }
}

static void lines_say_what_their_thread_works_on(void **state)
{
    struct log_scope outer = {.rpc_id = 1, .rpc = "Outer"}, inner = {.rpc_id = 2, .rpc = "Inner"};
    struct log_scope before = log_scope_set(outer);
    assert_null(before.rpc);
    assert_string_equal(log_scope_set(inner).rpc, "Outer");
    assert_int_equal(log_scope_get().rpc_id, 2);
    assert_int_equal(log_scope_set(before).rpc_id, 2);
    assert_null(log_scope_get().rpc);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("thread %d says %d", *(int *)arg, i);
    return NULL;
}

static void calls_the_sink_one_at_a_time(void **state)
{
    static struct lines l; /* not atomic: ThreadSanitizer watches */
    pthread_t threads[3];
    int ids[] = {1, 2, 3};
    l.n = 0;
    log_set_sink(keep, &l);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &ids[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    log_set_sink(NULL, NULL);
    assert_int_equal(l.n, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctx_ends_at_its_deadline),
        cmocka_unit_test(ctx_is_cancelled),
        cmocka_unit_test(ids_are_names),
        cmocka_unit_test(random_bytes_fill_all),
        cmocka_unit_test(undoes_in_reverse),
        cmocka_unit_test(logs_by_level),
        cmocka_unit_test(log_lines_cannot_be_forged),
        cmocka_unit_test(logs_to_standard_error),
        cmocka_unit_test(formats_lines),
        cmocka_unit_test(lines_say_what_their_thread_works_on),
        cmocka_unit_test(calls_the_sink_one_at_a_time),
    };
    return cmocka_run_group_tests_name("small", tests, NULL, NULL);
}
