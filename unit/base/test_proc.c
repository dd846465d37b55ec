/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: what goes in and comes out, each way of ending, and that a run that is given up leaves no process behind.
 * Where a test must know that a child has come to some point, the child says so through a FIFO; nothing waits for a time to pass.
 */
#include "scratch.h"
#include "sweep.h"

#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/num.h"
#include "base/proc.h"

static const char *const no_env[] = {NULL};

struct run {
    struct ctx ctx;
    struct view input;
    struct buf out, err_out;
    struct proc_result result;
    struct err e;
};

#define RUN_INIT                                                                                                                 \
    {                                                                                                                            \
        .ctx = CTX_BACKGROUND, .out = BUF_INIT(4 << 20), .err_out = BUF_INIT(4 << 20),                                           \
    }

static void run_done(struct run *r)
{
    buf_done(&r->out);
    buf_done(&r->err_out);
}
#define _cleanup_run_ _cleanup_(run_done)

static int shell(struct run *r, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return proc_run(&r->ctx, argv, no_env, r->input, &r->out, &r->err_out, &r->result, &r->e);
}

/* No child is left, running or not waited for, and no descriptor. */
static size_t fds_before;

static int setup(void **state)
{
    int r = scratch_setup(state);
    fds_before = open_descriptors();
    return r;
}

static int teardown(void **state)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(open_descriptors(), fds_before);
    return scratch_teardown(state);
}

static void carries_input_and_output(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    r.input = VIEW_LIT("from \0 me");
    assert_ok(shell(&r, "/bin/cat; echo to stderr >&2"), &r.e);
    assert_true(view_eq(buf_view(&r.out), r.input));
    assert_view(buf_view(&r.err_out), "to stderr\n");
    assert_true(!r.result.signaled && r.result.status == 0 && !r.result.truncated);
    assert_ok(shell(&r, "echo more"), &r.e);
    assert_true(view_eq(buf_view(&r.out), VIEW_LIT("from \0 memore\n"))); /* appended */
}

/* More than the pipes hold, in both directions at once. */
static void carries_megabytes(void **state)
{
    static char data[1 << 20];
    _cleanup_run_ struct run r = RUN_INIT;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    r.input = view_make(data, sizeof data);
    assert_ok(shell(&r, "/usr/bin/tee /dev/stderr"), &r.e);
    assert_true(view_eq(buf_view(&r.out), r.input));
    assert_true(view_eq(buf_view(&r.err_out), r.input));
}

static void drops_what_nobody_wants(void **state)
{
    static char data[1 << 20];
    _cleanup_run_ struct run r = RUN_INIT;
    const char *const argv[] = {"/bin/sh", "-c", "/usr/bin/tee /dev/stderr; exit 5", NULL};
    assert_ok(proc_run(&r.ctx, argv, no_env, view_make(data, sizeof data), NULL, NULL, &r.result, &r.e), &r.e);
    assert_int_equal(r.result.status, 5);
    assert_false(r.result.truncated);
}

static void tells_how_it_ended(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    assert_ok(shell(&r, "exit 0"), &r.e);
    assert_true(!r.result.signaled && r.result.status == 0);
    assert_ok(shell(&r, "exit 255"), &r.e);
    assert_true(!r.result.signaled && r.result.status == 255);
    assert_ok(shell(&r, "kill -KILL $$"), &r.e);
    assert_true(r.result.signaled && r.result.status == SIGKILL);
    assert_view(buf_view(&r.out), "");
}

/* The child starts with default signals and none blocked, whatever the program has set up for itself. */
static void gives_the_child_plain_signals(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &block, &old);
    int term = shell(&r, "kill -TERM $$; exit 1");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_ok(term, &r.e);
    assert_true(r.result.signaled && r.result.status == SIGTERM);
    assert_ok(shell(&r, "kill -PIPE $$; exit 1"), &r.e); /* ignored here: see main */
    assert_true(r.result.signaled && r.result.status == SIGPIPE);
}

static void gives_exactly_the_environment(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    static const char *const argv[] = {"/usr/bin/env", NULL}, *const env[] = {"B=2", "A=x y", "EMPTY=", NULL};
    setenv("LEAKED", "secret", 1);
    assert_ok(proc_run(&r.ctx, argv, env, VIEW_EMPTY, &r.out, &r.err_out, &r.result, &r.e), &r.e);
    assert_view(buf_view(&r.out), "B=2\nA=x y\nEMPTY=\n");
    buf_clear(&r.out);
    assert_ok(proc_run(&r.ctx, argv, no_env, VIEW_EMPTY, &r.out, &r.err_out, &r.result, &r.e), &r.e);
    assert_view(buf_view(&r.out), "");
}

static void gives_no_other_descriptors(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    static const char *const argv[] = {"/bin/ls", "/proc/self/fd", NULL};
    _cleanup_fd_ int own = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(own >= 0);
    assert_ok(proc_run(&r.ctx, argv, no_env, VIEW_EMPTY, &r.out, &r.err_out, &r.result, &r.e), &r.e);
    assert_view(buf_view(&r.out), "0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
}

static void names_what_cannot_be_started(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    const char *const none[] = {"/none/such", NULL}, *const file[] = {at("file"), NULL}, *const dir[] = {scratch_dir, NULL};
    put(at("file"), "no program");
    r.result.status = 77;
    assert_fails(proc_run(&r.ctx, none, no_env, VIEW_EMPTY, &r.out, NULL, &r.result, &r.e), &r.e, ERR_NOT_FOUND,
                 "start /none/such");
    assert_fails(proc_run(&r.ctx, file, no_env, VIEW_EMPTY, &r.out, NULL, &r.result, &r.e), &r.e, ERR_PERMISSION_DENIED, "start");
    assert_fails(proc_run(&r.ctx, dir, no_env, VIEW_EMPTY, &r.out, NULL, &r.result, &r.e), &r.e, ERR_PERMISSION_DENIED, "start");
    assert_int_equal(chmod(at("file"), 0755), 0);
    assert_fails(proc_run(&r.ctx, file, no_env, VIEW_EMPTY, &r.out, NULL, &r.result, &r.e), &r.e, ERR_UNKNOWN,
                 "Exec format error");
    assert_int_equal(r.result.status, 77);
}

/* A child that does not read its input gets a closed pipe, and this process no SIGPIPE. */
static void a_child_may_close_its_input(void **state)
{
    static char data[1 << 20];
    _cleanup_run_ struct run r = RUN_INIT;
    r.input = view_make(data, sizeof data);
    assert_ok(shell(&r, "exec 0<&-; echo closed; exit 4"), &r.e);
    assert_int_equal(r.result.status, 4);
    assert_view(buf_view(&r.out), "closed\n");
    assert_ok(shell(&r, "exit 6"), &r.e);
    assert_int_equal(r.result.status, 6);
    assert_ok(shell(&r, "exec 0<&- 1>&- 2>&-; exit 7"), &r.e);
    assert_int_equal(r.result.status, 7);
}

static void holds_the_maximum_of_output(void **state)
{
    for (size_t max = 999; max <= 1001; max++) {
        _cleanup_run_ struct run r = RUN_INIT;
        r.out.max = max;
        r.result.status = 77;
        int code = shell(&r, "/usr/bin/head -c 1000 /dev/zero; exit 3");
        if (max < 1000) {
            assert_fails(code, &r.e, ERR_OUT_OF_RANGE, "/bin/sh wrote more than 999 bytes");
            assert_int_equal(r.out.n, max);
            assert_int_equal(r.result.status, 77);
            continue;
        }
        assert_ok(code, &r.e);
        assert_int_equal(r.out.n, 1000);
        assert_int_equal(r.result.status, 3);
    }
}

static void ends_a_flood(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    r.out.max = 100000;
    assert_fails(shell(&r, "exec /bin/cat /dev/zero"), &r.e, ERR_OUT_OF_RANGE, "more than 100000 bytes");
    assert_int_equal(r.out.n, 100000);
}

static void cuts_messages(void **state)
{
    for (size_t max = 99999; max <= 100001; max++) {
        _cleanup_run_ struct run r = RUN_INIT;
        r.err_out.max = max;
        assert_ok(shell(&r, "/usr/bin/head -c 100000 /dev/zero >&2; echo done; exit 9"), &r.e);
        assert_int_equal(r.err_out.n, max < 100000 ? max : 100000);
        assert_int_equal(r.result.truncated, max < 100000);
        assert_int_equal(r.result.status, 9);
        assert_view(buf_view(&r.out), "done\n");
    }
}

/* Starts two generations below the child, all of which hold the FIFO open for as long as they live. */
#define FAMILY "exec 9>\"$0\"; (/bin/sh -c 'echo ready >&9; exec /bin/sleep 1000' & exec /bin/sleep 1000) & wait"

static int family(struct run *r, const char *fifo, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, fifo, NULL};
    return proc_run(&r->ctx, argv, no_env, VIEW_EMPTY, &r->out, &r->err_out, &r->result, &r->e);
}

struct waiter {
    int fifo;
    void (*then)(struct run *r);
    struct run *run;
    bool heard;
};

/* Waits for the family's word, then does what ends the run. */
static void *end_when_ready(void *arg)
{
    struct waiter *w = arg;
    struct pollfd p = {.fd = w->fifo, .events = POLLIN};
    char word[16];
    w->heard = poll(&p, 1, 60000) == 1 && read(w->fifo, word, sizeof word) > 0;
    w->then(w->run);
    return NULL;
}

static void pass_the_deadline(struct run *r)
{
    clock_advance(NSEC_PER_SEC);
}

static void fire(struct run *r)
{
    cancel_fire(r->ctx.cancel);
}

static void no_child_survives(void (*end)(struct run *), struct run *r, enum err_code code)
{
    struct waiter w = {.then = end, .run = r};
    pthread_t thread;
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    w.fifo = open(at("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(w.fifo >= 0);
    assert_int_equal(pthread_create(&thread, NULL, end_when_ready, &w), 0);
    int got = family(r, at("fifo"), FAMILY);
    pthread_join(thread, NULL);
    assert_fails(got, &r->e, code, "/bin/sh");
    assert_true(w.heard);
    /* The end of the FIFO comes when the last of them is gone. */
    char rest[64];
    ssize_t k;
    do {
        struct pollfd p = {.fd = w.fifo, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 60000), 1);
        k = read(w.fifo, rest, sizeof rest);
    } while (k > 0);
    assert_int_equal(k, 0);
    fd_close(&w.fifo);
}

static void the_deadline_ends_the_whole_family(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    clock_virtual(1000, 0);
    r.ctx.deadline = clock_deadline(NSEC_PER_MSEC);
    no_child_survives(pass_the_deadline, &r, ERR_DEADLINE_EXCEEDED);
    clock_virtual_off();
}

static void cancelling_ends_the_whole_family(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    struct cancel c;
    assert_ok(cancel_init(&c, &r.e), &r.e);
    r.ctx.cancel = &c;
    no_child_survives(fire, &r, ERR_CANCELLED);
    /* One that is cancelled already starts, and ends at once. */
    assert_fails(shell(&r, "exec /bin/sleep 1000"), &r.e, ERR_CANCELLED, "/bin/sh: cancelled");
    cancel_done(&c);
}

/* A child that takes no signal for a while, as one that sleeps in the kernel: a tracer that does not fetch its end keeps it from its parent. */
struct tracer {
    pid_t pid;
    int hold; /* closed: it lets go */
};

static void trace(struct tracer *t, pid_t child)
{
    int hold[2], ready[2];
    char byte;
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    t->pid = fork();
    if (t->pid == 0) {
        close(hold[1]);
        if (ptrace(PTRACE_SEIZE, child, NULL, NULL) != 0)
            _exit(1);
        (void)!write(ready[1], "r", 1);
        (void)!read(hold[0], &byte, 1);
        _exit(0);
    }
    close(hold[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    t->hold = hold[1];
}

static void let_go(struct tracer *t)
{
    close(t->hold);
    assert_int_equal(waitpid(t->pid, NULL, 0), t->pid);
}

struct told {
    char path[64]; /* of a file to which the child writes its pid when it has come so far */
    bool traced;
    struct tracer tracer;
    struct cancel cancel;
};

/* Waits for the child's word and cancels it. Returns its pid. */
static void *cancel_when_told(void *arg)
{
    struct told *t = arg;
    uint64_t pid = 0;
    char text[32] = "";
    while (!strchr(text, '\n')) {
        int fd = open(t->path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        text[n > 0 ? n : 0] = '\0';
        fd_close(&fd);
        sched_yield();
    }
    assert_int_equal(num_parse_u64(view_trim(view_of(text)), 1 << 30, &pid), NUM_OK);
    if (t->traced)
        trace(&t->tracer, (pid_t)pid);
    cancel_fire(&t->cancel);
    return (void *)(uintptr_t)pid;
}

/* Runs a script, which is cancelled. Returns the child's pid. */
static pid_t run_until_told(struct run *r, struct told *t, const char *before, const char *after)
{
    char script[256];
    pthread_t thread;
    void *pid;
    snprintf(t->path, sizeof t->path, "/tmp/proc-told-XXXXXX");
    int fd = mkstemp(t->path);
    assert_true(fd >= 0);
    fd_close(&fd);
    assert_ok(cancel_init(&t->cancel, &r->e), &r->e);
    r->ctx.cancel = &t->cancel;
    snprintf(script, sizeof script, "%s%s%s", before, t->path, after);
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_told, t), 0);
    assert_fails(shell(r, script), &r->e, ERR_CANCELLED, "/bin/sh: cancelled");
    pthread_join(thread, &pid);
    unlink(t->path);
    cancel_done(&t->cancel);
    return (pid_t)(uintptr_t)pid;
}

static void gives_up_on_a_child_that_does_not_end(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    struct told t = {.traced = true};
    siginfo_t info;
    pid_t pid = run_until_told(&r, &t, "echo $$ >", "; exec /bin/sleep 1000");
    assert_non_null(strstr(r.e.message, "; it does not end although it was killed"));
    let_go(&t.tracer);
    /* Now it has ended, and somebody fetches its status. */
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0)
        sched_yield();
    assert_int_equal(errno, ECHILD);
}

/* A child that has joined another process group is killed all the same. */
static void kills_a_child_that_left_its_group(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    struct told t = {0};
    run_until_told(&r, &t, "exec /usr/bin/perl -e 'setpgrp(0, getpgrp(getppid())) or die; open(F, q(>", ")); print F qq($$\\n); close F; sleep 1000'");
    assert_null(strstr(r.e.message, "does not end"));
}

static void a_real_deadline_passes(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    r.ctx.deadline = clock_deadline(20 * NSEC_PER_MSEC);
    assert_fails(shell(&r, "exec /bin/sleep 1000"), &r.e, ERR_DEADLINE_EXCEEDED, "deadline exceeded");
    assert_true(clock_mono() >= r.ctx.deadline);
}

/* What a child leaves running in the background is no reason to wait, and is left alone when the run was good. */
static void does_not_wait_for_grandchildren(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    uint64_t pid = 0;
    assert_ok(shell(&r, "/bin/sleep 1000 & echo $!"), &r.e);
    assert_int_equal(r.result.status, 0);
    assert_int_equal(num_parse_u64(view_trim(buf_view(&r.out)), 1 << 30, &pid), NUM_OK);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void works_without_standard_descriptors(void **state)
{
    _cleanup_run_ struct run r = RUN_INIT;
    int saved[3], code[4];
    r.input = VIEW_LIT("in\n");
    fflush(NULL);
    for (int i = 0; i < 3; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    for (int closed = 0; closed < 4; closed++) {
        for (int i = 0; i < 3; i++)
            if (closed == 3 || closed == i)
                close(i);
        code[closed] = shell(&r, "/bin/cat; echo err >&2");
        for (int i = 0; i < 3; i++)
            dup2(saved[i], i);
    }
    for (int i = 0; i < 3; i++)
        close(saved[i]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(code[i], 0);
    assert_view(buf_view(&r.out), "in\nin\nin\nin\n");
    assert_view(buf_view(&r.err_out), "err\nerr\nerr\nerr\n");
}

static int run_once(void *arg, struct err *e)
{
    _cleanup_run_ struct run r = RUN_INIT;
    static const char *const argv[] = {"/bin/sh", "-c", "/bin/cat; echo message >&2", NULL};
    int code = proc_ops_real.run(NULL, &r.ctx, argv, no_env, VIEW_LIT("input"), &r.out, &r.err_out, &r.result, e);
    if (code == 0) {
        assert_view(buf_view(&r.out), "input");
        assert_view(buf_view(&r.err_out), r.result.truncated ? "" : "message\n");
    }
    return code;
}

static void survives_failing_allocations(void **state)
{
    assert_true(sweep("proc", run_once, NULL) >= 2);
}

/* The child has the same limit, so it is one that needs little. */
static int run_cat(void *arg, struct err *e)
{
    _cleanup_run_ struct run r = RUN_INIT;
    static const char *const argv[] = {"/bin/cat", NULL};
    int code = proc_run(&r.ctx, argv, no_env, VIEW_LIT("input"), &r.out, &r.err_out, &r.result, e);
    if (code == 0)
        assert_view(buf_view(&r.out), "input");
    return code;
}

static void survives_without_descriptors(void **state)
{
    assert_true(descriptor_sweep(run_cat, NULL) >= 6);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_input_and_output),
        TEST(carries_megabytes),
        TEST(drops_what_nobody_wants),
        TEST(tells_how_it_ended),
        TEST(gives_the_child_plain_signals),
        TEST(gives_exactly_the_environment),
        TEST(gives_no_other_descriptors),
        TEST(names_what_cannot_be_started),
        TEST(a_child_may_close_its_input),
        TEST(holds_the_maximum_of_output),
        TEST(ends_a_flood),
        TEST(cuts_messages),
        TEST(the_deadline_ends_the_whole_family),
        TEST(cancelling_ends_the_whole_family),
        TEST(gives_up_on_a_child_that_does_not_end),
        TEST(kills_a_child_that_left_its_group),
        TEST(a_real_deadline_passes),
        TEST(does_not_wait_for_grandchildren),
        TEST(works_without_standard_descriptors),
        TEST(survives_failing_allocations),
        TEST(survives_without_descriptors),
    };
    signal(SIGPIPE, SIG_IGN);
    syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC); /* whoever started the test may have left some open */
    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
