/* SPDX-License-Identifier: Apache-2.0 */
/* ReopenContainerLog: the file is made anew, for a container that runs; not beside an exit that frees the streams. */
#include <unistd.h>

#include "support.h"

#include "base/fs.h"
#include "fixture.h"

static char pod[ID_LEN + 1], container[ID_LEN + 1];

static int setup_with(void **state, int mode)
{
    struct fx *f = fx_new(mode);
    fx_must_run(f, "web", pod);
    fx_must_run_container(f, pod, "web", "a", container);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, FX_INLINE);
}

static int setup_threads(void **state)
{
    return setup_with(state, FX_THREADS);
}

static int teardown(void **state)
{
    struct fx *f = *state;
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
    fx_free(f);
    return 0;
}

static int reopen(struct fx *f, const char *id)
{
    Runtime__V1__ReopenContainerLogRequest q = RUNTIME__V1__REOPEN_CONTAINER_LOG_REQUEST__INIT;
    q.container_id = (char *)id;
    return fx_rpc(f, CRI_METHOD_REOPEN_CONTAINER_LOG, &q);
}

static void check_lines(const char *path, const char *content)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    assert_ok(fs_read_file(path, &text, &e), &e);
    assert_non_null(memmem(buf_view(&text).p, text.n, content, strlen(content)));
}

static void test_reopen(void **state)
{
    struct fx *f = *state;
    char path[200], old[220];
    snprintf(path, sizeof path, "%s/a/0.log", f->logs);
    snprintf(old, sizeof old, "%s.old", path);
    size_t mark = fake_calls(f->fake);
    assert_int_equal(rename(path, old), 0);
    assert_ok(reopen(f, container), &f->e);
    assert_true(fx_exists(path));
    assert_int_equal(fake_calls(f->fake), mark);
    assert_int_equal(fake_output(f->fake, container, NULL, 1, "text\n", 5), 5);
    assert_ok(fx_stop_container(f, container, 0), &f->e);
    check_lines(path, " stdout F text\n");
    unlink(old);
}

/* A new file that cannot be opened: the old one stays in use, and the next try works. */
static void test_fails(void **state)
{
    struct fx *f = *state;
    char path[200], old[220];
    snprintf(path, sizeof path, "%s/a/0.log", f->logs);
    snprintf(old, sizeof old, "%s.old", path);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_fails(reopen(f, container), &f->e, ERR_FAILED_PRECONDITION, path);
    assert_non_null(strstr(f->e.message, container));
    fake_output(f->fake, container, NULL, 1, "before\n", 7);
    unlink(path);
    assert_ok(fx_stop_container(f, container, 0), &f->e);
    check_lines(old, " stdout F before\n");
    unlink(old);
}

static void test_not_running(void **state)
{
    struct fx *f = *state;
    char created[ID_LEN + 1];
    fx_must_create(f, pod, "web", "b", created);
    assert_fails(reopen(f, created), &f->e, ERR_FAILED_PRECONDITION, "not running");
    assert_ok(fx_stop_container(f, container, 0), &f->e);
    assert_fails(reopen(f, container), &f->e, ERR_FAILED_PRECONDITION, "CONTAINER_EXITED");
    assert_fails(reopen(f, "abcdef"), &f->e, ERR_NOT_FOUND, "abcdef");
}

static void test_no_log_path(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char id[ID_LEN + 1];
    fx_pod_init(f, &p, "web");
    fx_container_init(&c, pod, &p, "silent");
    c.config.log_path = (char *)"";
    assert_ok(fx_create(f, &c, id), &f->e);
    assert_ok(fx_start_container(f, id), &f->e);
    assert_ok(reopen(f, id), &f->e);
}

static void *reopen_until_refused(void *arg)
{
    struct fx *f = arg;
    Runtime__V1__ReopenContainerLogRequest q = RUNTIME__V1__REOPEN_CONTAINER_LOG_REQUEST__INIT;
    q.container_id = container;
    int r = 0;
    while (r == 0) {
        struct fx_call c;
        fx_call_init(f, &c, CRI_METHOD_REOPEN_CONTAINER_LOG, &q);
        r = fx_call_run(f, &c);
        fx_call_done(&c);
    }
    return (void *)(intptr_t)r;
}

/* Two clients reopen without end while the container is stopped: what they work with is freed after them. */
static void test_beside_the_exit(void **state)
{
    struct fx *f = *state;
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, reopen_until_refused, f), 0);
    assert_ok(fx_stop_container(f, container, 0), &f->e);
    for (int i = 0; i < 2; i++) {
        void *r;
        assert_int_equal(pthread_join(thread[i], &r), 0);
        assert_int_equal((intptr_t)r, -ERR_FAILED_PRECONDITION);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_running, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_log_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_beside_the_exit, setup_threads, teardown),
    };
    return cmocka_run_group_tests_name("cri/log_reopen", tests, NULL, NULL);
}
