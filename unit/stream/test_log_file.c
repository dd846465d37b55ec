/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log file by itself: how it is made, what is refused, and that a failed write leaves whole lines only.
 */
#include <signal.h>
#include <sys/resource.h>

#include "fixture.h"
#include "stream/log_file.h"
#include "sweep.h"

static void check_content(const char *path, const char *want)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    assert_ok(fs_read_file(path, &text, &e), &e);
    assert_view(buf_view(&text), want);
}

static void test_made(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct log_file file;
    struct stat st;
    char path[128];
    mode_t mask = umask(022);
    assert_ok(log_file_open(f->log, &file, &e), &e);
    assert_int_equal(fcntl(file.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    umask(mask);
    assert_int_equal(stat(f->log, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    snprintf(path, sizeof path, "%s/pod/c", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_ok(log_file_write(&file, VIEW_LIT("one\n"), &e), &e);
    assert_ok(log_file_write(&file, VIEW_EMPTY, &e), &e);
    log_file_close(&file, NULL);
    assert_ok(log_file_open(f->log, &file, &e), &e);
    assert_ok(log_file_write(&file, VIEW_LIT("two\n"), &e), &e);
    log_file_close(&file, NULL);
    check_content(f->log, "one\ntwo\n");
}

static void check_refused(const char *path, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    struct log_file file;
    unsigned before = count_descriptors();
    assert_fails(log_file_open(path, &file, &e), &e, code, text);
    assert_int_equal(count_descriptors(), before);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    char path[96], below[128];
    snprintf(path, sizeof path, "%s/it", f->dir);
    snprintf(below, sizeof below, "%s/it/0.log", f->dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    check_refused(path, ERR_FAILED_PRECONDITION, "not a regular file");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused(path, ERR_FAILED_PRECONDITION, "not a regular file"); /* nobody reads it */
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    check_refused(path, ERR_FAILED_PRECONDITION, "not a regular file"); /* somebody does */
    close(reader);
    unlink(path);
    check_refused("/dev/null", ERR_FAILED_PRECONDITION, "not a regular file");
    assert_ok(fs_write_file(path, VIEW_LIT("x"), 0600, &e), &e);
    struct log_file file;
    assert_true(log_file_open(below, &file, &e) < 0);
    assert_non_null(strstr(e.message, path));
    check_refused(f->dir, err_code_from_errno(EISDIR), f->dir);
    check_refused("/proc/no-such/0.log", ERR_NOT_FOUND, "/proc/no-such");
}

/* Names without a directory are below the working directory, and directly below the root there is none to make. */
static void test_no_directory(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct log_file file;
    char cwd[4096];
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(f->dir), 0);
    int r = log_file_open("0.log", &file, &e);
    assert_int_equal(chdir(cwd), 0);
    assert_ok(r, &e);
    log_file_close(&file, NULL);
    check_refused("/proc", err_code_from_errno(EISDIR), "/proc");
}

/* As a full disk does: the file takes `limit` bytes and no more. */
static void set_file_limit(rlim_t limit, struct rlimit *ret_before)
{
    assert_int_equal(getrlimit(RLIMIT_FSIZE, ret_before), 0);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {limit, ret_before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
}

/* Asserts later than the limit is in force: cmocka may write to a file. */
static void check_full(struct fixture *f, rlim_t limit, const char *lines, const char *want)
{
    struct err e = ERR_INIT, e2 = ERR_INIT;
    struct log_file file;
    struct rlimit before;
    unlink(f->log);
    assert_ok(log_file_open(f->log, &file, &e), &e);
    assert_ok(log_file_write(&file, VIEW_LIT("first\n"), &e), &e);
    set_file_limit(limit, &before);
    int r = log_file_write(&file, view_of(lines), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_fails(r, &e, err_code_from_errno(EFBIG), f->log);
    assert_int_equal(file.lost, strlen("first\n") + strlen(lines) + strlen("last\n") - strlen(want));
    assert_ok(log_file_write(&file, VIEW_LIT("last\n"), &e2), &e2);
    log_file_close(&file, NULL);
    check_content(f->log, want);
}

static void test_full(void **state)
{
    struct fixture *f = *state;
    check_full(f, 6, "second\n", "first\nlast\n");
    check_full(f, 7, "second\n", "first\nlast\n");
    check_full(f, 12, "second\n", "first\nlast\n");
    check_full(f, 12, "second\nthird\n", "first\nlast\n");
    check_full(f, 13, "second\nthird\n", "first\nsecond\nlast\n");
    check_full(f, 14, "second\nthird\n", "first\nsecond\nlast\n");
    check_full(f, 18, "second\nthird\n", "first\nsecond\nlast\n");
}

/* Half a line that cannot be taken off is at least ended before the next one. */
static void test_torn(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct log_file file;
    assert_ok(log_file_open(f->log, &file, &e), &e);
    assert_int_equal(write(file.fd, "hal", 3), 3);
    file.torn = true;
    assert_ok(log_file_write(&file, VIEW_LIT("whole\n"), &e), &e);
    assert_ok(log_file_write(&file, VIEW_LIT("more\n"), &e), &e);
    log_file_close(&file, NULL);
    check_content(f->log, "hal\nwhole\nmore\n");
    /* Nothing can be written to it: it stays torn. */
    file = (struct log_file){.path = mem_strdup(f->log), .fd = open(f->log, O_RDONLY | O_CLOEXEC), .torn = true};
    assert_fails(log_file_write(&file, VIEW_LIT("whole\n"), &e), &e, err_code_from_errno(EBADF), f->log);
    assert_true(file.torn);
    assert_int_equal(file.lost, 6);
    log_file_close(&file, NULL);
    check_content(f->log, "hal\nwhole\nmore\n");
}

/* ADA-CRIO-22-05: what close() reports is not ignored. */
static void test_close_error(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct log_file file;
    assert_ok(log_file_open(f->log, &file, &e), &e);
    assert_int_equal(close(file.fd), 0);
    assert_fails(log_file_close(&file, &e), &e, err_code_from_errno(EBADF), f->log);
    assert_null(file.path);
    file = (struct log_file){0};
    struct err none = ERR_INIT;
    assert_ok(log_file_close(&file, &none), &none);
}

static int sweep_op(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct log_file file;
    TRY(log_file_open(f->log, &file, e));
    log_file_close(&file, NULL);
    return 0;
}

static void test_sweep(void **state)
{
    assert_true(sweep("log_file_open", sweep_op, *state) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made, fixture_setup_inline, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_refused, fixture_setup_inline, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_directory, fixture_setup_inline, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_full, fixture_setup_inline, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_torn, fixture_setup_inline, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_close_error, fixture_setup_inline, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sweep, fixture_setup_inline, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
