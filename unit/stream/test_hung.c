/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log disks that hang: a FUSE file system that answers nothing until it is told to. Other containers' logs go on, nobody waits for ever, and
 * when the disk comes back the log is whole.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "fixture.h"
#include "fuse_disk.h"

enum { LINES = 20000, HELD = 60000 /* more than a pipe holds, less than the disk */ };

static struct fuse_disk disks[2]; /* large; one for each test in turn, and two for some */

struct mounted {
    struct fuse_disk *disk;
    int root; /* descriptor of its folder, or -errno */
    char log[64];
};

/* Mounts in a namespace that only this thread sees; others reach it through the descriptor. */
static void *mount_thread(void *arg)
{
    char dir[] = "/tmp/cri-stream-disk-XXXXXX";
    struct mounted *m = arg;
    m->root = -EPERM;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(dir))
        return NULL;
    m->root = fuse_disk_start(m->disk, dir);
    if (m->root == 0) {
        m->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        umount2(dir, MNT_DETACH);
    }
    rmdir(dir);
    return NULL;
}

static struct mounted mount_disk(int which)
{
    pthread_t thread;
    struct mounted m = {.disk = &disks[which]};
    memset(m.disk, 0, sizeof *m.disk);
    assert_int_equal(pthread_create(&thread, NULL, mount_thread, &m), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (m.root < 0) {
        print_message("no FUSE file system can be mounted here (%s): a log disk that hangs is not tested\n", strerror(-m.root));
        skip();
    }
    snprintf(m.log, sizeof m.log, "/proc/self/fd/%d/0.log", m.root);
    return m;
}

static void unmount_disk(struct mounted *m)
{
    close(m->root);
    fuse_disk_stop(m->disk);
}

#define SHORT_LIMIT (100 * NSEC_PER_MSEC) /* for disks that hang; one that does not may be slow on a busy machine */
#define LONG_LIMIT (20 * NSEC_PER_SEC)

static int setup(void **state)
{
    fixture_setup(state);
    cio_pump_set_limit(((struct fixture *)*state)->pump, SHORT_LIMIT);
    return 0;
}

static struct cio *log_to(struct fixture *f, const char *id, const char *path)
{
    struct err e = ERR_INIT;
    struct cio *c = fixture_cio(f, id, false, true);
    cio_pump_set_limit(f->pump, LONG_LIMIT);
    assert_ok(cio_log_to(c, path, CIO_LOG_LINE_DEFAULT, &e), &e);
    cio_pump_set_limit(f->pump, SHORT_LIMIT);
    return c;
}

/* Returns when the lane has taken what was written, and so is at the disk. */
static void wait_read(int fd)
{
    int left = 1;
    while (left > 0) {
        assert_int_equal(ioctl(fd, FIONREAD, &left), 0);
        poll(NULL, 0, 1);
    }
}

static void check_log(const char *path, const char *name, int lines)
{
    struct content t = CONTENT_INIT;
    content_add_file(&t, path);
    assert_int_equal(t.partial, 0);
    numbered_check(name, lines, buf_view(&t.stream[0]));
    content_done(&t);
}

/* A container on a disk that hangs blocks when its pipe is full; one beside it does not notice. Then everything arrives. */
static void test_others_go_on(void **state)
{
    struct fixture *f = *state;
    struct mounted m = mount_disk(0);
    struct numbered held, free_one;
    struct cio *a = log_to(f, "held", m.log);
    fuse_disk_hang(m.disk, true);
    int keep = open_writer(cio_stdout_path(a));
    numbered_start(&held, "held", open_writer(cio_stdout_path(a)), HELD);
    for (int i = 0; i < 3; i++) {
        struct cio *b = log_to(f, "free", f->log);
        numbered_start(&free_one, "free", open_writer(cio_stdout_path(b)), LINES);
        numbered_join(&free_one);
        wait_end(b);
        cio_free(b);
        check_log(f->log, "free", LINES);
        unlink(f->log);
    }
    int left = 0;
    assert_int_equal(ioctl(keep, FIONREAD, &left), 0);
    assert_true(left > 0); /* its own output waits in the pipe: bounded */
    fuse_disk_hang(m.disk, false);
    numbered_join(&held);
    close(keep);
    wait_end(a);
    cio_free(a);
    check_log(m.log, "held", HELD);
    unmount_disk(&m);
}

/* Output that goes to no disk, a command's, is apart from every log. */
static void test_capture_goes_on(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct mounted m = mount_disk(0);
    struct cio *a = log_to(f, "held", m.log);
    fuse_disk_hang(m.disk, true);
    int o = open_writer(cio_stdout_path(a));
    write_text(o, "line\n");
    wait_read(o);
    struct buf out = BUF_INIT(100);
    struct cio *b = fixture_cio(f, "exec", false, true);
    assert_ok(cio_capture(b, &out, NULL, &e), &e);
    int p = open_writer(cio_stdout_path(b));
    write_text(p, "answer");
    close(p);
    wait_end(b);
    assert_view(buf_view(&out), "answer");
    cio_free(b);
    buf_done(&out);
    fuse_disk_hang(m.disk, false);
    close(o);
    wait_end(a);
    cio_free(a);
    unmount_disk(&m);
}

/* Two disks hang, a third works. */
static void test_two_hang(void **state)
{
    struct fixture *f = *state;
    struct mounted m[2] = {mount_disk(0), mount_disk(1)};
    struct cio *held[2];
    int o[2];
    for (int i = 0; i < 2; i++) {
        held[i] = log_to(f, "held", m[i].log);
        fuse_disk_hang(m[i].disk, true);
        o[i] = open_writer(cio_stdout_path(held[i]));
        write_text(o[i], "held 0\n");
        wait_read(o[i]);
    }
    struct cio *c = log_to(f, "free", f->log);
    int p = open_writer(cio_stdout_path(c));
    write_text(p, "free 0\n");
    close(p);
    wait_end(c);
    cio_free(c);
    check_log(f->log, "free", 1);
    for (int i = 0; i < 2; i++) {
        fuse_disk_hang(m[i].disk, false);
        close(o[i]);
        wait_end(held[i]);
        cio_free(held[i]);
        check_log(m[i].log, "held", 1);
        unmount_disk(&m[i]);
    }
}

/* Opening and reopening end with an error that names the file, are refused while the last one is held, and work when the disk is back. */
static void test_open_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct mounted m = mount_disk(0);
    struct cio *a = log_to(f, "a", m.log), *b = fixture_cio(f, "b", false, true);
    fuse_disk_hang(m.disk, true);
    assert_fails(cio_log_to(b, m.log, 0, &e), &e, ERR_DEADLINE_EXCEEDED, m.log);
    err_clear(&e);
    assert_fails(cio_log_to(b, m.log, 0, &e), &e, ERR_DEADLINE_EXCEEDED, "still being opened");
    err_clear(&e);
    assert_fails(cio_log_reopen(a, &e), &e, ERR_DEADLINE_EXCEEDED, "still being opened");
    fuse_disk_hang(m.disk, false);
    int r = -1;
    for (int i = 0; r < 0 && i < 10000; i++) {
        err_clear(&e);
        r = cio_log_to(b, m.log, 0, &e);
        assert_true(r == 0 || r == -ERR_DEADLINE_EXCEEDED);
        poll(NULL, 0, r < 0);
    }
    assert_ok(r, &e);
    assert_ok(cio_log_reopen(a, &e), &e);
    cio_free(a);
    cio_free(b);
    unmount_disk(&m);
}

/* The lane is held by a write: whoever wants something of it is told, and what was asked for is done when it comes back. */
static void test_lane_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct mounted m = mount_disk(0);
    size_t live = mem_live();
    unsigned descriptors = count_descriptors();
    struct cio *a = log_to(f, "a", m.log);
    int o = open_writer(cio_stdout_path(a));
    fuse_disk_hang(m.disk, true);
    write_text(o, "a 0\n");
    wait_read(o);
    write_text(o, "a 1\n");
    assert_true(cio_log_reopen(a, &e) == -ERR_DEADLINE_EXCEEDED);
    cio_free(a); /* and the container is gone */
    assert_int_equal(count_entries(f->io), 0);
    close(o);
    fuse_disk_hang(m.disk, false);
    for (int i = 0; i < 10000 && (count_descriptors() > descriptors + 3 || mem_live() > live + 8); i++)
        poll(NULL, 0, 1);
    assert_true(count_descriptors() <= descriptors + 3); /* the lane's loop */
    check_log(m.log, "a", 2);
    unmount_disk(&m);
}

/* The daemon stops while a disk hangs: it leaves; should the disk come back, what was in hand is written. */
static void test_stop_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct mounted m = mount_disk(0);
    size_t live = mem_live();
    struct cio_pump *pump;
    struct cio *c[3];
    int o[3];
    struct cio_config config = {.dir = f->io, .id = "abc", .terminal = true};
    assert_ok(cio_pump_new(&pump, &e), &e);
    cio_pump_set_limit(pump, LONG_LIMIT);
    for (int i = 0; i < 3; i++) {
        assert_ok(cio_new(pump, &config, &c[i], &e), &e);
        assert_ok(cio_log_to(c[i], m.log, 0, &e), &e);
        o[i] = open_writer(cio_stdout_path(c[i]));
    }
    cio_pump_set_limit(pump, SHORT_LIMIT);
    fuse_disk_hang(m.disk, true);
    write_text(o[0], "a 0\n");
    wait_read(o[0]);
    for (int i = 0; i < 3; i++)
        cio_free(c[i]);
    assert_false(cio_pump_free(pump));
    for (int i = 0; i < 3; i++)
        close(o[i]);
    fuse_disk_hang(m.disk, false);
    for (int i = 0; i < 10000 && mem_live() > live; i++)
        poll(NULL, 0, 1);
    assert_int_equal(mem_live(), live);
    check_log(m.log, "a", 1);
    unmount_disk(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_others_go_on), TEST(test_capture_goes_on), TEST(test_two_hang),
        TEST(test_open_is_bounded), TEST(test_lane_is_bounded), TEST(test_stop_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
