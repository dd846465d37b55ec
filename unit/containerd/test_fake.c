/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake containerd itself, as far as the contract does not reach: scripts, virtual time, pipes, faults, the log, threads.
 */
#include "fake.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "every_op.h"
#include "support.h"

static int setup(void **state)
{
    static struct scene s;
    scene_init(&s);
    scene_set(&s);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    scene_done(*state);
    return 0;
}

#define C (&s->c)
#define X (&s->ctx)

static void make_task(struct scene *s, const char *id, struct ctrd_task_create *t)
{
    struct err e = ERR_INIT;
    struct ctrd_container c = {.id = id, .runtime_name = "r", .spec = {"t/s", {"spec of it", 10}}};
    uint32_t pid;
    t->container_id = id;
    assert_ok(ctrd_container_create(C, X, &c, &e), &e);
    assert_ok(ctrd_task_create(C, X, t, &pid, &e), &e);
    assert_ok(ctrd_task_start(C, X, id, NULL, &pid, &e), &e);
}

static void scripted_exits_happen_on_time(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    struct ctrd_exit x;
    struct ctrd_task_create t = {0};
    fake_script(s->f, &(struct fake_script){.match = "short", .exits = true, .status = 5, .after = 10 * NSEC_PER_SEC});
    fake_script(s->f, &(struct fake_script){.match = "now", .exits = true, .status = 6});
    make_task(s, "short", &t);
    make_task(s, "now", &t);
    uint64_t start = clock_mono();
    assert_ok(ctrd_task_wait(C, X, "now", NULL, &x, &e), &e);
    assert_int_equal(x.status, 6);
    assert_int_equal(clock_mono(), start);
    struct ctx soon = ctx_with_timeout(X, 9 * NSEC_PER_SEC);
    assert_fails(ctrd_task_wait(C, &soon, "short", NULL, &x, &e), &e, ERR_DEADLINE_EXCEEDED, "");
    assert_int_equal(clock_mono(), start + 9 * NSEC_PER_SEC);
    assert_ok(ctrd_task_wait(C, X, "short", NULL, &x, &e), &e);
    assert_int_equal(x.status, 5);
    assert_int_equal(clock_mono(), start + 10 * NSEC_PER_SEC);
    /* Nothing is ever going to end this one. */
    assert_fails(ctrd_task_wait(C, X, "c", NULL, &x, &e), &e, ERR_INTERNAL, "would wait for ever");
}

static void scripted_failures(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    struct ctrd_process p;
    struct arena a = ARENA_INIT(1 << 16);
    uint32_t pid;
    struct ctrd_exec x = {.container_id = "c", .exec_id = "bad", .process = {"t/p", {"no such program", 15}}};
    fake_script(s->f,
                &(struct fake_script){
                    .exec = true, .match = "no such", .start_fails = ERR_UNKNOWN, .message = "OCI runtime exec failed: unknown"});
    assert_ok(ctrd_task_exec(C, X, &x, &e), &e);
    assert_fails(ctrd_task_start(C, X, "c", "bad", &pid, &e), &e, ERR_UNKNOWN, "OCI runtime exec failed");
    assert_ok(ctrd_task_get(C, X, "c", "bad", &a, &p, &e), &e);
    assert_int_equal(p.status, CTRD_TASK_STOPPED);
    fake_script(s->f, &(struct fake_script){.match = "idle", .create_fails = ERR_UNKNOWN});
    struct ctrd_task_create t = {.container_id = "idle"};
    assert_fails(ctrd_task_create(C, X, &t, &pid, &e), &e, ERR_UNKNOWN, "failed to create shim task");
    assert_fails(ctrd_task_get(C, X, "idle", NULL, &a, &p, &e), &e, ERR_NOT_FOUND, "");
    arena_done(&a);
}

static void terms_can_be_ignored(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    struct ctrd_task_create t = {0};
    struct ctrd_exit x;
    fake_script(s->f, &(struct fake_script){.match = "deaf", .ignores_term = true});
    make_task(s, "deaf", &t);
    struct ctx soon = ctx_with_timeout(X, NSEC_PER_SEC);
    assert_ok(ctrd_task_kill(C, X, "deaf", NULL, 15, false, &e), &e);
    assert_fails(ctrd_task_wait(C, &soon, "deaf", NULL, &x, &e), &e, ERR_DEADLINE_EXCEEDED, "");
    assert_ok(ctrd_task_kill(C, X, "deaf", NULL, 9, false, &e), &e);
    assert_ok(ctrd_task_wait(C, X, "deaf", NULL, &x, &e), &e);
    assert_int_equal(x.status, 137);
}

static void pipes_carry_output_and_input(void **state)
{
    struct scene *s = *state;
    char dir[] = "/tmp/fake-pipes-XXXXXX", in[64], out[64], err[64], text[64];
    assert_non_null(mkdtemp(dir));
    snprintf(in, sizeof(in), "%s/in", dir);
    snprintf(out, sizeof(out), "%s/out", dir);
    snprintf(err, sizeof(err), "%s/err", dir);
    assert_int_equal(mkfifo(in, 0600) | mkfifo(out, 0600) | mkfifo(err, 0600), 0);
    int in_fd = open(in, O_RDWR | O_NONBLOCK | O_CLOEXEC), out_fd = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int err_fd = open(err, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct ctrd_task_create t = {.stdin_path = in, .stdout_path = out, .stderr_path = err};
    fake_script(s->f, &(struct fake_script){.match = "talks", .out = "hello\n", .err_out = "oops\n"});
    make_task(s, "talks", &t);
    assert_int_equal(read(out_fd, text, sizeof(text)), 6);
    assert_memory_equal(text, "hello\n", 6);
    assert_int_equal(read(err_fd, text, sizeof(text)), 5);
    assert_int_equal(fake_output(s->f, "talks", NULL, 1, "more", 4), 4);
    assert_int_equal(read(out_fd, text, sizeof(text)), 4);
    assert_int_equal(read(out_fd, text, sizeof(text)), -1); /* open, and nothing there */
    assert_int_equal(write(in_fd, "typed", 5), 5);
    assert_int_equal(fake_stdin(s->f, "talks", "", text, sizeof(text)), 5);
    assert_memory_equal(text, "typed", 5);
    assert_true(fake_task_exit(s->f, "talks", 0));
    assert_false(fake_task_exit(s->f, "talks", 0));
    assert_int_equal(read(out_fd, text, sizeof(text)), 0); /* the end */
    assert_int_equal(fake_output(s->f, "nobody", NULL, 1, "x", 1), 0);
    close(in_fd);
    close(out_fd);
    close(err_fd);
    unlink(in);
    unlink(out);
    unlink(err);
    assert_int_equal(rmdir(dir), 0);
}

static void faults_hit_the_call_they_name(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    size_t leases = fake_live(s->f).leases;
    fake_fail_call(s->f, 1, FAKE_FAIL_BEFORE, ERR_UNAVAILABLE);
    assert_ok(ctrd_lease_create(C, X, "l0", NULL, &e), &e);
    assert_fails(ctrd_lease_create(C, X, "l1", NULL, &e), &e, ERR_UNAVAILABLE, "injected");
    assert_int_equal(fake_live(s->f).leases, leases + 1);
    fake_fail_method(s->f, "Leases/Create", FAKE_FAIL_AFTER, ERR_INTERNAL, "the answer was lost", 2);
    assert_fails(ctrd_lease_create(C, X, "l1", NULL, &e), &e, ERR_INTERNAL, "lease \"l1\": the answer was lost");
    assert_int_equal(fake_live(s->f).leases, leases + 2); /* it was done all the same */
    assert_ok(ctrd_lease_delete(C, X, "l1", false, &e), &e);
    assert_fails(ctrd_lease_create(C, X, "l1", NULL, &e), &e, ERR_INTERNAL, "lost");
    assert_ok(ctrd_lease_create(C, X, "l2", NULL, &e), &e);
    fake_fail_method(s->f, "Leases/Delete", FAKE_FAIL_BEFORE, ERR_ABORTED, NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_fails(ctrd_lease_delete(C, X, "l1", false, &e), &e, ERR_ABORTED, "injected");
    fake_fail_off(s->f);
    assert_ok(ctrd_lease_delete(C, X, "l1", false, &e), &e);
}

static void calls_are_logged(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    fake_reset(s->f);
    assert_int_equal(fake_calls(s->f), 0);
    assert_int_equal(fake_left_behind(s->f), 0);
    struct ctx leased = CTX_BACKGROUND;
    leased.lease = "L";
    assert_ok(ctrd_lease_create(C, X, "a", NULL, &e), &e);
    assert_ok(ctrd_lease_delete(C, &leased, "a", false, &e), &e);
    assert_fails(ctrd_lease_delete(C, X, "a", false, &e), &e, ERR_NOT_FOUND, "");
    assert_true(fake_calls_are(s->f, (const char *const[]){"Leases/Create", "Leases/Delete", "Leases/Delete", NULL}));
    assert_int_equal(fake_count(s->f, "Leases/Delete"), 2);
    assert_int_equal(fake_index(s->f, "Leases/Delete", 0), 1);
    assert_int_equal(fake_index(s->f, "Leases/Delete", 2), 2);
    assert_int_equal(fake_index(s->f, "Leases/List", 0), -1);
    assert_null(fake_lease_of(s->f, "Leases/Create"));
}

static void what_is_left_behind_is_counted(void **state)
{
    struct scene *s = *state;
    struct fake_live l = fake_live(s->f);
    assert_int_equal(l.containers, 3);
    assert_int_equal(l.tasks, 2);
    assert_int_equal(l.execs, 1);
    assert_int_equal(l.snapshots, 1);
    assert_int_equal(l.layers, 1);
    assert_int_equal(l.leases, 1);
    assert_int_equal(l.ingests, 1);
    assert_int_equal(l.images, 1);
    assert_int_equal(l.blobs, 1);
    assert_int_equal(fake_left_behind(s->f), 3 + 2 + 1 + 1 + 1 + 1);
}

static void rootfs_can_be_a_directory(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(1 << 16);
    struct ctrd_mounts m;
    fake_set_rootfs(s->f, "/some/dir");
    assert_ok(ctrd_snapshot_view(C, X, "overlayfs", "v", "layer", NULL, &a, &m, &e), &e);
    assert_int_equal(m.n, 1);
    assert_string_equal(m.v[0].source, "/some/dir");
    assert_string_equal(m.v[0].options.v[0], "ro");
    arena_done(&a);
}

static void *exit_later(void *arg)
{
    struct scene *s = arg;
    while (fake_count(s->f, "Tasks/Wait") == 0)
        sched_yield();
    fake_task_exit(s->f, "c", 42);
    return NULL;
}

static void threads_wake_each_other(void **state)
{
    struct scene *s = *state;
    struct err e = ERR_INIT;
    struct ctrd_exit x;
    pthread_t thread;
    clock_virtual_off();
    fake_set_threads(s->f, true);
    assert_int_equal(pthread_create(&thread, NULL, exit_later, s), 0);
    assert_ok(ctrd_task_wait(C, X, "c", NULL, &x, &e), &e);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(x.status, 42);
    struct cancel cancel = CANCEL_INIT;
    atomic_store(&cancel.set, true);
    struct ctx cancelled = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    struct ctx late = ctx_with_timeout(X, NSEC_PER_MSEC);
    struct ctrd_events *events;
    struct arena a = ARENA_INIT(1 << 16);
    struct ctrd_event event;
    assert_ok(ctrd_events_open(C, X, NULL, &events, &e), &e);
    assert_int_equal(ctrd_events_next(C, &late, events, &a, &event, &e), -ERR_DEADLINE_EXCEEDED);
    assert_int_equal(ctrd_events_next(C, &cancelled, events, &a, &event, &e), -ERR_CANCELLED);
    ctrd_events_close(C, events);
    arena_done(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(scripted_exits_happen_on_time),  TEST(scripted_failures),
        TEST(terms_can_be_ignored),           TEST(pipes_carry_output_and_input),
        TEST(faults_hit_the_call_they_name),  TEST(calls_are_logged),
        TEST(what_is_left_behind_is_counted), TEST(rootfs_can_be_a_directory),
        TEST(threads_wake_each_other),
    };
    return cmocka_run_group_tests_name("containerd-fake", tests, NULL, NULL);
}
