/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output on its way into log files, as a whole: pipes, pump, lines and file; with rotation, restarts, full disks and many containers.
 */
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "fixture.h"
#include "sweep.h"

static void log_to(struct cio *c, const char *path, size_t line_max)
{
    struct err e = ERR_INIT;
    assert_ok(cio_log_to(c, path, line_max, &e), &e);
}

static void test_both_streams(void **state)
{
    struct fixture *f = *state;
    struct content t = CONTENT_INIT;
    struct cio *c = fixture_cio(f, "abc", false, false);
    log_to(c, f->log, 8);
    int o = open_writer(cio_stdout_path(c)), x = open_writer(cio_stderr_path(c));
    write_text(o, "one\r\ntwo and three\n\nno end");
    write_text(x, "bad\n");
    close(o);
    close(x);
    wait_end(c);
    content_add_file(&t, f->log);
    assert_view(buf_view(&t.stream[LOGLINE_STDOUT]), "one\ntwo and three\n\nno end");
    assert_view(buf_view(&t.stream[LOGLINE_STDERR]), "bad\n");
    assert_int_equal(t.longest, 8);
    assert_int_equal(t.partial, 2);
    cio_free(c);
    content_done(&t);
}

/* A log that cannot be opened starts nothing; another one can be tried. */
static void test_no_log(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct content t = CONTENT_INIT;
    struct cio *c = fixture_cio(f, "abc", false, true);
    int o = open_writer(cio_stdout_path(c));
    write_text(o, "kept\n");
    close(o);
    assert_fails(cio_log_to(c, "/proc/no-such/0.log", 0, &e), &e, ERR_NOT_FOUND, "/proc/no-such");
    assert_fails(cio_log_to(c, "/dev/null", 0, &e), &e, ERR_FAILED_PRECONDITION, "regular");
    log_to(c, f->log, 0);
    wait_end(c);
    content_add_file(&t, f->log);
    assert_view(buf_view(&t.stream[0]), "kept\n");
    cio_free(c);
    content_done(&t);
}

/* Without a log the container is not held up. */
static void test_dropped(void **state)
{
    struct fixture *f = *state;
    struct numbered w;
    struct cio *c = fixture_cio(f, "abc", false, true);
    log_to(c, "", CIO_LOG_LINE_DEFAULT);
    numbered_start(&w, "x", open_writer(cio_stdout_path(c)), 100000);
    numbered_join(&w);
    wait_end(c);
    cio_free(c);
}

/* Freed in the middle of a line: what was written is in the file. */
static void test_free_drains(void **state)
{
    struct fixture *f = *state;
    struct content t = CONTENT_INIT;
    for (int i = 0; i < 50; i++) {
        unlink(f->log);
        struct cio *c = fixture_cio(f, "abc", false, false);
        log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
        int o = open_writer(cio_stdout_path(c)), x = open_writer(cio_stderr_path(c));
        write_text(o, "a line\nthe beginning of");
        write_text(x, "more");
        cio_free(c);
        close(o);
        close(x);
        content_add_file(&t, f->log);
        assert_view(buf_view(&t.stream[0]), "a line\nthe beginning of");
        assert_view(buf_view(&t.stream[1]), "more");
        assert_true(t.open[0] && t.open[1]);
        content_done(&t);
    }
}

/* False when the output has ended. */
static bool wait_for_lines(struct cio *c, const char *path)
{
    struct stat st = {0};
    while (stat(path, &st) == 0 && st.st_size == 0) {
        struct err e = ERR_INIT;
        struct ctx now = {.deadline = 0};
        if (cio_wait(c, &now, &e) == 0)
            return false;
    }
    assert_true(st.st_size > 0);
    return true;
}

/* Freeing does not wait for a writer that goes on for ever. */
static void *endless(void *arg)
{
    static const char line[] = "y\ny\ny\ny\ny\ny\ny\ny\n";
    int fd = *(int *)arg;
    while (write_all(fd, line, sizeof line - 1))
        ;
    close(fd);
    return NULL;
}

static void test_free_ends(void **state)
{
    struct fixture *f = *state;
    struct content t = CONTENT_INIT;
    pthread_t thread;
    struct cio *c = fixture_cio(f, "abc", false, true);
    log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
    int fd = open_writer(cio_stdout_path(c));
    assert_int_equal(pthread_create(&thread, NULL, endless, &fd), 0);
    assert_true(wait_for_lines(c, f->log));
    cio_free(c);
    assert_int_equal(pthread_join(thread, NULL), 0);
    content_add_file(&t, f->log);
    content_done(&t);
}

enum { LOAD = 60000, ROTATIONS = 25 };

static void rotate(struct fixture *f, struct cio *c, int number)
{
    struct err e = ERR_INIT;
    char path[128];
    snprintf(path, sizeof path, "%s.%d", f->log, number);
    assert_int_equal(rename(f->log, path), 0);
    if (number == ROTATIONS / 2) { /* a failure in between changes nothing */
        assert_int_equal(symlink("/etc/passwd", f->log), 0);
        assert_fails(cio_log_reopen(c, &e), &e, ERR_FAILED_PRECONDITION, "regular");
        unlink(f->log);
    }
    assert_ok(cio_log_reopen(c, &e), &e);
}

/* The kubelet renames the file and asks to reopen it, while both streams are written to: no line is lost, doubled, torn or out of order. */
static void test_reopen_under_load(void **state)
{
    struct fixture *f = *state;
    struct content t = CONTENT_INIT;
    struct numbered o, x;
    char path[128];
    int rotations = 0;
    struct cio *c = fixture_cio(f, "abc", false, false);
    log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
    numbered_start(&o, "out", open_writer(cio_stdout_path(c)), LOAD);
    numbered_start(&x, "err", open_writer(cio_stderr_path(c)), LOAD);
    while (rotations < ROTATIONS && wait_for_lines(c, f->log))
        rotate(f, c, rotations++);
    numbered_join(&o);
    numbered_join(&x);
    wait_end(c);
    cio_free(c);
    assert_true(rotations > 1);
    for (int i = 0; i < rotations; i++) {
        snprintf(path, sizeof path, "%s.%d", f->log, i);
        content_add_file(&t, path);
    }
    content_add_file(&t, f->log);
    assert_int_equal(t.partial, 0);
    numbered_check("out", LOAD, buf_view(&t.stream[0]));
    numbered_check("err", LOAD, buf_view(&t.stream[1]));
    content_done(&t);
}

/* The daemon restarts again and again while the container writes, its shim holding both ends of the pipe. */
static void test_restart_under_load(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct content t = CONTENT_INIT;
    struct numbered o, x;
    char out[160], err_path[160];
    struct cio *c = fixture_cio(f, "abc", false, false);
    snprintf(out, sizeof out, "%s", cio_stdout_path(c));
    snprintf(err_path, sizeof err_path, "%s", cio_stderr_path(c));
    log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
    int shim[2] = {open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC), open(err_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    numbered_start(&o, "out", open_writer(out), LOAD);
    numbered_start(&x, "err", open_writer(err_path), LOAD);
    for (int i = 0; i < 50; i++) {
        if (i % 2)
            cio_detach(c);
        else { /* not even the pump lives on */
            cio_detach(c);
            cio_pump_free(f->pump);
            assert_ok(cio_pump_new(&f->pump, &e), &e);
        }
        assert_ok(cio_reopen(f->pump, "", out, err_path, &c, &e), &e);
        log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
    }
    numbered_join(&o);
    numbered_join(&x);
    close(shim[0]);
    close(shim[1]);
    wait_end(c);
    cio_free(c);
    assert_int_equal(count_entries(f->io), 0);
    content_add_file(&t, f->log);
    numbered_check("out", LOAD, buf_view(&t.stream[0]));
    numbered_check("err", LOAD, buf_view(&t.stream[1]));
    content_done(&t);
}

/* A line that was half read when the daemon stopped is one line to who joins partial ones. */
static void test_restart_in_a_line(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct content t = CONTENT_INIT;
    char out[160];
    struct cio *c = fixture_cio(f, "abc", false, true);
    snprintf(out, sizeof out, "%s", cio_stdout_path(c));
    log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
    int shim = open(out, O_RDWR | O_CLOEXEC);
    write_text(shim, "begun ");
    cio_detach(c);
    content_add_file(&t, f->log);
    assert_view(buf_view(&t.stream[0]), "begun ");
    assert_int_equal(t.partial, 1);
    content_done(&t);
    write_text(shim, "and ");
    assert_ok(cio_reopen(f->pump, "", out, "", &c, &e), &e);
    log_to(c, f->log, CIO_LOG_LINE_DEFAULT);
    write_text(shim, "ended\n");
    close(shim);
    wait_end(c);
    cio_free(c);
    content_add_file(&t, f->log);
    assert_view(buf_view(&t.stream[0]), "begun and ended\n");
    assert_int_equal(t.lines, 2);
    content_done(&t);
}

/* Twenty containers, two streams each, one of them with long lines. */
static void test_many(void **state)
{
    enum { MANY = 20, LINES = 4000 };
    struct fixture *f = *state;
    struct cio *c[MANY];
    struct numbered o[MANY], x[MANY];
    char path[128];
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "%s/pods/%d/0.log", f->dir, i);
        c[i] = fixture_cio(f, "abc", i % 2, false);
        log_to(c[i], path, i == 7 ? 3 : CIO_LOG_LINE_DEFAULT);
        numbered_start(&o[i], "out", open_writer(cio_stdout_path(c[i])), LINES);
        numbered_start(&x[i], "err", open_writer(cio_stderr_path(c[i])), LINES);
    }
    for (int i = 0; i < MANY; i++) {
        struct content t = CONTENT_INIT;
        numbered_join(&o[i]);
        numbered_join(&x[i]);
        wait_end(c[i]);
        snprintf(path, sizeof path, "%s/pods/%d/0.log", f->dir, i);
        content_add_file(&t, path);
        numbered_check("out", LINES, buf_view(&t.stream[0]));
        numbered_check("err", LINES, buf_view(&t.stream[1]));
        assert_int_equal(t.partial > 0, i == 7);
        content_done(&t);
        cio_free(c[i]);
    }
    assert_int_equal(count_entries(f->io), 0);
}

/* A container that writes without end does not keep another one's output from being read. */
static void test_fair(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    struct cio *busy = fixture_cio(f, "busy", false, true);
    log_to(busy, "", 0);
    int fd = open_writer(cio_stdout_path(busy));
    assert_int_equal(pthread_create(&thread, NULL, endless, &fd), 0);
    for (int i = 0; i < 100; i++) {
        struct cio *c = fixture_cio(f, "calm", false, true);
        log_to(c, f->log, 0);
        int o = open_writer(cio_stdout_path(c));
        write_text(o, "line\n");
        close(o);
        wait_end(c);
        cio_free(c);
    }
    cio_free(busy);
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct content t = CONTENT_INIT;
    content_add_file(&t, f->log);
    assert_int_equal(t.lines, 100);
    content_done(&t);
}

/* A small file system of its own in a mount namespace that only this thread sees; *arg becomes a descriptor of its root, or -errno. */
static void *small_disk(void *arg)
{
    char dir[] = "/tmp/cri-stream-disk-XXXXXX";
    int *ret = arg;
    *ret = -EPERM;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(dir))
        return NULL;
    *ret = mount("disk", dir, "tmpfs", 0, "size=128k") < 0 ? -errno : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umount2(dir, MNT_DETACH);
    rmdir(dir);
    return NULL;
}

/* Returns when all that was written to the pipe went to the log or was lost. */
static void wait_taken(struct cio *c, int fd)
{
    struct err e = ERR_INIT;
    int left = 1;
    while (left > 0)
        assert_int_equal(ioctl(fd, FIONREAD, &left), 0);
    assert_ok(cio_log_reopen(c, &e), &e); /* comes after the chunk that is in hand */
}

/* The disk is full: lines are lost, whole ones; the container is not held up, and when there is room again its log goes on. */
static void test_disk_full(void **state)
{
    struct fixture *f = *state;
    struct content t = CONTENT_INIT;
    pthread_t thread;
    struct numbered w;
    char log[64], filler[64], line[64];
    int disk;
    assert_int_equal(pthread_create(&thread, NULL, small_disk, &disk), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (disk < 0) {
        print_message("no file system of its own can be mounted here (%s): a full disk is not tested\n", strerror(-disk));
        skip();
    }
    snprintf(log, sizeof log, "/proc/self/fd/%d/0.log", disk);
    snprintf(filler, sizeof filler, "/proc/self/fd/%d/filler", disk);
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf half = BUF_INIT(1 << 20);
    for (int i = 0; i < 64 << 10; i++)
        assert_int_equal(buf_add_char(&half, 'x'), 0);
    assert_ok(fs_write_file(filler, buf_view(&half), 0600, &e), &e);
    struct cio *c = fixture_cio(f, "abc", false, true);
    log_to(c, log, CIO_LOG_LINE_DEFAULT);
    int again = open_writer(cio_stdout_path(c));
    numbered_start(&w, "out", open_writer(cio_stdout_path(c)), 50000); /* 3 MB of log */
    numbered_join(&w);
    wait_taken(c, again);
    assert_int_equal(unlink(filler), 0);
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "after %d\n", i);
        write_text(again, line);
    }
    close(again);
    wait_end(c);
    cio_free(c);
    content_add_file(&t, log); /* fails at a torn line */
    struct cio_counters lost = cio_pump_counters(f->pump);
    assert_true(lost.log_errors > 0 && lost.log_bytes_lost > 1 << 20);
    struct view text = buf_view(&t.stream[0]), last;
    assert_true(t.lines > 500 && t.lines < 50000);
    assert_true(view_starts(text, VIEW_LIT("out 0\nout 1\n")));
    const char *after = memmem(text.p, text.n, "after 0\n", 8);
    assert_non_null(after);
    numbered_check("after", 100, view_slice(text, (size_t)(after - text.p), text.n));
    text.n = (size_t)(after - text.p);
    while (view_next_line(&text, &last))
        assert_true(view_starts(last, VIEW_LIT("out ")));
    content_done(&t);
    close(disk);
}

/* More file systems than there are threads to write to them: they share, and every log is whole. */
static void test_many_disks(void **state)
{
    enum { DISKS = CIO_LANES_MAX + 4, LINES = 500 };
    struct fixture *f = *state;
    struct cio *c[DISKS];
    struct numbered w[DISKS];
    char log[64];
    int disk[DISKS];
    for (int i = 0; i < DISKS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, small_disk, &disk[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (disk[i] < 0) {
            print_message("no file system of its own can be mounted here (%s): many disks are not tested\n", strerror(-disk[i]));
            skip();
        }
        snprintf(log, sizeof log, "/proc/self/fd/%d/0.log", disk[i]);
        c[i] = fixture_cio(f, "abc", false, true);
        log_to(c[i], log, CIO_LOG_LINE_DEFAULT);
        numbered_start(&w[i], "out", open_writer(cio_stdout_path(c[i])), LINES);
    }
    for (int i = 0; i < DISKS; i++) {
        struct content t = CONTENT_INIT;
        numbered_join(&w[i]);
        wait_end(c[i]);
        snprintf(log, sizeof log, "/proc/self/fd/%d/0.log", disk[i]);
        content_add_file(&t, log);
        numbered_check("out", LINES, buf_view(&t.stream[0]));
        content_done(&t);
        cio_free(c[i]);
        close(disk[i]);
    }
}

/* Single-threaded, every allocation failing in turn. What was lost is lost by whole lines. */
static int sweep_log(void *arg, struct err *e)
{
    struct fixture *f = arg;
    static const struct ctx background = CTX_BACKGROUND;
    struct cio_config config = {.dir = f->io, .id = "abc"};
    struct cio_pump *pump; /* of its own: a pump keeps the memory that lines are made in */
    struct cio *c;
    TRY(cio_pump_new_inline(&pump, e));
    int r = cio_new(pump, &config, &c, e);
    if (r < 0) {
        cio_pump_free(pump);
        return r;
    }
    int o = open(cio_stdout_path(c), O_WRONLY | O_CLOEXEC), x = open(cio_stderr_path(c), O_WRONLY | O_CLOEXEC);
    r = cio_log_to(c, f->log, 20, e);
    bool written = write_all(o, "line\r\nanother line that is long\nrest", 36) && write_all(x, "bad\n", 4);
    if (r == 0)
        r = cio_log_reopen(c, e);
    close(o);
    close(x);
    if (r == 0)
        r = cio_wait(c, &background, e);
    cio_free(c);
    cio_pump_free(pump);
    assert_true(written);
    return r;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    struct content t = CONTENT_INIT;
    unsigned before = count_descriptors();
    assert_true(sweep("cio_log_to", sweep_log, f) >= 10);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(count_entries(f->io), 0);
    content_add_file(&t, f->log);
    assert_true(t.longest <= 20);
    content_done(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_both_streams),
        TEST(test_no_log),
        TEST(test_dropped),
        TEST(test_free_drains),
        TEST(test_free_ends),
        TEST(test_reopen_under_load),
        TEST(test_restart_under_load),
        TEST(test_restart_in_a_line),
        TEST(test_many),
        TEST(test_fair),
        TEST(test_disk_full),
        TEST(test_many_disks),
        cmocka_unit_test_setup_teardown(test_sweep, fixture_setup_inline, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
