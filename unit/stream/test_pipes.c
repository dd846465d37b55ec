/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes: what is made and opened, what is removed, and that nothing is left when one of them fails.
 */
#include <sys/resource.h>

#include "fixture.h"
#include "sweep.h"

static void check_pipe(const char *path, const char *suffix)
{
    struct stat st;
    assert_true(view_ends(view_of(path), view_of(suffix)));
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFIFO | 0600);
}

static void test_made_and_removed(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    unsigned before = count_descriptors();
    struct cio *c = fixture_cio(f, "abc", true, false);
    check_pipe(cio_stdin_path(c), "/abc-stdin");
    check_pipe(cio_stdout_path(c), "/abc-stdout");
    check_pipe(cio_stderr_path(c), "/abc-stderr");
    assert_int_equal(count_descriptors(), before + 3);
    _cleanup_free_ char *dir = mem_strndup(cio_stdin_path(c), strlen(cio_stdin_path(c)) - strlen("/abc-stdin"));
    assert_true(view_starts(view_of(dir), view_of(f->io)));
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    assert_int_equal(count_entries(dir), 3);
    cio_free(c);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(count_entries(f->io), 0);
    assert_int_equal(stat(f->io, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

static void test_terminal_without_stdin(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    int fd;
    struct cio *c = fixture_cio(f, "abc", false, true);
    assert_string_equal(cio_stdin_path(c), "");
    check_pipe(cio_stdout_path(c), "/abc-stdout");
    assert_string_equal(cio_stderr_path(c), "");
    assert_fails(cio_open_stdin(c, &fd, &e), &e, ERR_NOT_FOUND, "no stdin");
    cio_free(c);
    assert_int_equal(count_entries(f->io), 0);
}

/* Two cios of one name are apart: an exec that is repeated finds fresh pipes. */
static void test_same_name_twice(void **state)
{
    struct fixture *f = *state;
    struct cio *a = fixture_cio(f, "abc", false, false), *b = fixture_cio(f, "abc", false, false);
    assert_string_not_equal(cio_stdout_path(a), cio_stdout_path(b));
    assert_int_equal(count_entries(f->io), 2);
    cio_free(a);
    check_pipe(cio_stdout_path(b), "/abc-stdout");
    cio_free(b);
    assert_int_equal(count_entries(f->io), 0);
}

static void check_fails(struct fixture *f, const char *dir, const char *id, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    struct cio *c = NULL;
    struct cio_config config = {.dir = dir, .id = id, .want_stdin = true};
    unsigned before = count_descriptors();
    size_t live = mem_live();
    assert_fails(cio_new(f->pump, &config, &c, &e), &e, code, text);
    assert_null(c);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(mem_live(), live);
}

static void test_failing_points(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    char id[300], path[128];
    memset(id, 'x', sizeof id);
    /* stdin's name is as long as a name may be, stdout's one byte longer: stdin was made and must go. */
    id[255 - strlen("-stdin")] = '\0';
    check_fails(f, f->io, id, err_code_from_errno(ENAMETOOLONG), "-stdout");
    assert_int_equal(count_entries(f->io), 0);
    check_fails(f, f->io, "no/such", ERR_NOT_FOUND, "create pipe");
    assert_int_equal(count_entries(f->io), 0);
    /* What is there already is refused, and stays. */
    snprintf(path, sizeof path, "%s/file", f->dir);
    assert_ok(fs_write_file(path, VIEW_LIT("kept"), 0600, &e), &e);
    check_fails(f, path, "abc", ERR_FAILED_PRECONDITION, path);
    check_fails(f, f->io, "../../file/x", err_code_from_errno(ENOTDIR), "create pipe");
    assert_true(fs_exists(path));
    assert_int_equal(count_entries(f->io), 0);
}

/* stdin's path exists: an error, and what is there stays. */
static void test_existing_path(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    char path[128];
    snprintf(path, sizeof path, "%s/other-stdin", f->dir);
    assert_ok(fs_write_file(path, VIEW_LIT("kept"), 0600, &e), &e);
    check_fails(f, f->io, "../../other", ERR_ALREADY_EXISTS, "other-stdin");
    assert_true(fs_exists(path));
    unlink(path);
    /* stdout's: stdin was made and must go. */
    snprintf(path, sizeof path, "%s/other-stdout", f->dir);
    assert_ok(fs_write_file(path, VIEW_LIT("kept"), 0600, &e), &e);
    check_fails(f, f->io, "../../other", ERR_ALREADY_EXISTS, "other-stdout");
    assert_true(fs_exists(path));
    snprintf(path, sizeof path, "%s/other-stdin", f->dir);
    assert_false(fs_exists(path));
    assert_int_equal(count_entries(f->io), 0);
}

static void test_no_permission(void **state)
{
    struct fixture *f = *state;
    char path[128];
    assert_int_equal(chmod(f->dir, 0555), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    struct err e = ERR_INIT;
    struct cio *c = NULL;
    snprintf(path, sizeof path, "%s/io", f->dir);
    struct cio_config config = {.dir = path, .id = "abc"};
    int r = cio_new(f->pump, &config, &c, &e);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(f->dir, 0700), 0);
    assert_fails(r, &e, ERR_PERMISSION_DENIED, path);
    assert_null(c);
}

/* Descriptors run out at the first, second, third pipe. */
static void test_no_descriptors(void **state)
{
    struct fixture *f = *state;
    struct cio_config config = {.dir = f->io, .id = "abc", .want_stdin = true};
    struct rlimit before, few;
    unsigned failed = 0, open_before = count_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int r = -1, next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next); /* the lowest free number */
    for (rlim_t room = 0; r < 0 && room < 16; room++) {
        struct err e = ERR_INIT;
        struct cio *c = NULL;
        few = (struct rlimit){(rlim_t)next + room, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        r = cio_new(f->pump, &config, &c, &e);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (r == 0)
            cio_free(c);
        else
            assert_fails(r, &e, err_code_from_errno(EMFILE), "");
        failed += r < 0;
        assert_int_equal(count_descriptors(), open_before);
        assert_int_equal(count_entries(f->io), 0);
    }
    assert_int_equal(r, 0);
    assert_true(failed >= 3);
}

/* What a client writes reaches the container, which sees no end of file before, between and after clients. */
static void test_stdin(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    char text[16];
    struct cio *c = fixture_cio(f, "abc", true, false);
    int shim = open(cio_stdin_path(c), O_RDONLY | O_NONBLOCK | O_CLOEXEC), fd;
    assert_true(shim >= 0);
    assert_int_equal(read(shim, text, sizeof text), -1);
    assert_int_equal(errno, EAGAIN);
    for (int client = 0; client < 2; client++) {
        assert_ok(cio_open_stdin(c, &fd, &e), &e);
        write_text(fd, "hello");
        close(fd);
        assert_int_equal(read(shim, text, sizeof text), 5);
        assert_int_equal(read(shim, text, sizeof text), -1);
        assert_int_equal(errno, EAGAIN);
    }
    cio_free(c);
    assert_int_equal(read(shim, text, sizeof text), 0);
    close(shim);
}

static void test_detach_keeps_pipes(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    char in[160], out[160], err_path[160];
    struct cio *c = fixture_cio(f, "abc", true, false);
    snprintf(in, sizeof in, "%s", cio_stdin_path(c));
    snprintf(out, sizeof out, "%s", cio_stdout_path(c));
    snprintf(err_path, sizeof err_path, "%s", cio_stderr_path(c));
    unsigned before = count_descriptors();
    cio_detach(c);
    assert_int_equal(count_descriptors(), before - 3);
    check_pipe(in, "/abc-stdin");
    check_pipe(out, "/abc-stdout");
    check_pipe(err_path, "/abc-stderr");
    assert_ok(cio_reopen(f->pump, in, out, err_path, &c, &e), &e);
    assert_string_equal(cio_stdin_path(c), in);
    assert_string_equal(cio_stdout_path(c), out);
    assert_string_equal(cio_stderr_path(c), err_path);
    assert_int_equal(count_descriptors(), before);
    cio_free(c);
    assert_int_equal(count_entries(f->io), 0);
    assert_int_equal(count_descriptors(), before - 3);
}

static void check_reopen_fails(struct fixture *f, const char *out, const char *err_path, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    struct cio *c = NULL;
    unsigned before = count_descriptors();
    size_t live = mem_live();
    assert_fails(cio_reopen(f->pump, "", out, err_path, &c, &e), &e, code, text);
    assert_null(c);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(mem_live(), live);
}

static void test_reopen_fails(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    char path[128], gone[128], fifo[128];
    snprintf(path, sizeof path, "%s/thing", f->dir);
    snprintf(gone, sizeof gone, "%s/gone", f->dir);
    snprintf(fifo, sizeof fifo, "%s/fifo", f->dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    check_reopen_fails(f, gone, NULL, ERR_NOT_FOUND, gone);
    check_reopen_fails(f, fifo, gone, ERR_NOT_FOUND, gone);
    assert_true(fs_exists(fifo));
    assert_ok(fs_write_file(path, VIEW_LIT("x"), 0600, &e), &e);
    check_reopen_fails(f, path, NULL, ERR_FAILED_PRECONDITION, "not a named pipe");
    unlink(path);
    assert_int_equal(symlink(fifo, path), 0);
    check_reopen_fails(f, path, NULL, ERR_FAILED_PRECONDITION, "not a named pipe");
    check_reopen_fails(f, f->dir, NULL, ERR_FAILED_PRECONDITION, "not a named pipe");
}

/* Pipes of others are opened, and not removed. */
static void check_foreign(struct fixture *f, const char *name, bool removed)
{
    struct err e = ERR_INIT;
    struct cio *c = NULL;
    char dir[128], path[160];
    snprintf(dir, sizeof dir, "%s/%s", f->dir, name);
    snprintf(path, sizeof path, "%s/x-stdout", dir);
    assert_ok(fs_mkdir_all(dir, 0700, &e), &e);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_ok(cio_reopen(f->pump, NULL, path, NULL, &c, &e), &e);
    cio_free(c);
    assert_int_equal(fs_exists(path), !removed);
    assert_int_equal(fs_exists(dir), !removed);
}

static void test_reopen_of_others(void **state)
{
    struct fixture *f = *state;
    check_foreign(f, "io/0123456789abcdef", true);
    check_foreign(f, "io/0123456789abcde", false);
    check_foreign(f, "io/0123456789abcdef0", false);
    check_foreign(f, "io/0123456789abcdeF", false);
    check_foreign(f, "oi/0123456789abcdef", false);
    check_foreign(f, "0123456789abcdef", false);
    check_foreign(f, "xio/0123456789abcdef", false);
    check_foreign(f, "io/0123456789abcdef/more", false);
}

static void test_reopen_nothing(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct cio *c = NULL;
    assert_ok(cio_reopen(f->pump, NULL, "", NULL, &c, &e), &e);
    assert_string_equal(cio_stdin_path(c), "");
    assert_string_equal(cio_stdout_path(c), "");
    assert_ok(cio_log_to(c, f->log, 0, &e), &e);
    wait_end(c);
    cio_free(c);
    cio_free(NULL);
    cio_detach(NULL);
    assert_true(cio_pump_free(NULL));
}

static int sweep_new(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct cio_config config = {.dir = f->io, .id = "abc", .want_stdin = true};
    struct cio *c, *again;
    TRY(cio_new(f->pump, &config, &c, e));
    int r = cio_reopen(f->pump, cio_stdin_path(c), cio_stdout_path(c), cio_stderr_path(c), &again, e);
    if (r == 0)
        cio_detach(again);
    cio_free(c);
    return r;
}

static void test_sweep_new(void **state)
{
    struct fixture *f = *state;
    unsigned before = count_descriptors();
    assert_true(sweep("cio_new", sweep_new, f) >= 20);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(count_entries(f->io), 0);
}

static int sweep_pump(void *arg, struct err *e)
{
    struct cio_pump *p;
    TRY(cio_pump_new_inline(&p, e));
    cio_pump_free(p);
    return 0;
}

static void test_sweep_pump(void **state)
{
    assert_true(sweep("cio_pump_new", sweep_pump, NULL) >= 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_INLINE(name) cmocka_unit_test_setup_teardown(name, fixture_setup_inline, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_made_and_removed),  TEST(test_terminal_without_stdin), TEST(test_same_name_twice), TEST(test_failing_points),
        TEST(test_existing_path),     TEST(test_no_permission),          TEST(test_no_descriptors),  TEST(test_stdin),
        TEST(test_detach_keeps_pipes), TEST(test_reopen_fails),          TEST(test_reopen_of_others), TEST(test_reopen_nothing),
        TEST_INLINE(test_sweep_new),  TEST_INLINE(test_sweep_pump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
