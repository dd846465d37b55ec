/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single files: reading up to a maximum, writing that replaces or leaves alone, and opening below a root that hostile links point
 * out of.
 */
#include "scratch.h"
#include "sweep.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static void reads_up_to_the_maximum(void **state)
{
    static const size_t sizes[] = {0, 1, 63, 64, 16383, 16384, 16385, 50000};
    static char text[50001];
    struct err e = ERR_INIT;
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        size_t n = sizes[i];
        assert_ok(fs_write_file(at("f"), view_make(text, n), 0600, &e), &e);
        for (size_t max = n ? n - 1 : 0; max <= n + 1; max++) {
            _cleanup_buf_ struct buf b = BUF_INIT(max);
            if (max < n) {
                assert_fails(fs_read_file(at("f"), &b, &e), &e, ERR_OUT_OF_RANGE, "is larger than");
                assert_int_equal(b.n, max);
                continue;
            }
            assert_ok(fs_read_file(at("f"), &b, &e), &e);
            assert_true(view_eq(buf_view(&b), view_make(text, n)));
        }
    }
    put(at("f"), "second");
    _cleanup_buf_ struct buf b = BUF_INIT(11);
    assert_int_equal(buf_add_str(&b, "first "), 0); /* counts towards the maximum */
    assert_fails(fs_read_file(at("f"), &b, &e), &e, ERR_OUT_OF_RANGE, "/f is larger than 11 bytes");
    buf_clear(&b);
    assert_int_equal(buf_add_str(&b, "1st: "), 0);
    assert_ok(fs_read_file(at("f"), &b, &e), &e);
    assert_view(buf_view(&b), "1st: second");
}

static void reads_regular_files_only(void **state)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    size_t fds = open_descriptors();
    assert_fails(fs_read_file(at("fifo"), &b, &e), &e, ERR_FAILED_PRECONDITION, "not a regular file"); /* and does not wait */
    assert_fails(fs_read_file(scratch_dir, &b, &e), &e, ERR_FAILED_PRECONDITION, "not a regular file");
    assert_fails(fs_read_file("/dev/zero", &b, &e), &e, ERR_FAILED_PRECONDITION, "not a regular file");
    assert_fails(fs_read_file(at("none"), &b, &e), &e, ERR_NOT_FOUND, "/none");
    assert_int_equal(open_descriptors(), fds);
    assert_int_equal(b.n, 0);
    assert_ok(fs_read_file("/proc/self/status", &b, &e), &e); /* has a size of 0 */
    assert_non_null(strstr(b.p, "Pid:"));
    _cleanup_fd_ int only_write = open(at("w"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_fails(fs_read_fd(only_write, "the file", &b, &e), &e, ERR_UNKNOWN, "read the file: Bad file descriptor");
}

static void reads_a_pipe_to_its_end(void **state)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(100);
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_ok(fs_write_fd(p[1], "pipe", VIEW_LIT("a\0b"), &e), &e);
    assert_ok(fs_write_fd(p[1], "pipe", VIEW_EMPTY, &e), &e);
    fd_close(&p[1]);
    assert_ok(fs_read_fd(p[0], "pipe", &b, &e), &e);
    assert_true(view_eq(buf_view(&b), VIEW_LIT("a\0b")));
    assert_fails(fs_write_fd(p[0], "pipe", VIEW_LIT("x"), &e), &e, ERR_UNKNOWN, "write pipe: Bad file descriptor");
    fd_close(&p[0]);
    _cleanup_fd_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_fails(fs_write_fd(full, "disk", VIEW_LIT("x"), &e), &e, ERR_RESOURCE_EXHAUSTED, "write disk: No space left");
}

static void *drain_slowly(void *arg)
{
    char some[777];
    size_t total = 0;
    for (ssize_t k; (k = read(*(int *)arg, some, sizeof some)) > 0;)
        total += (size_t)k;
    return (void *)total;
}

static void interrupt(int signal)
{
}

struct poke {
    pthread_t target;
    atomic_bool stop;
};

static void *poke_always(void *arg)
{
    struct poke *p = arg;
    while (!atomic_load(&p->stop)) {
        pthread_kill(p->target, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

/* A signal without SA_RESTART ends a write early or before it began: all of it must arrive all the same. */
static void writes_on_after_interruptions(void **state)
{
    static char data[3 << 20];
    struct err e = ERR_INIT;
    struct sigaction old, sa = {.sa_handler = interrupt};
    struct poke poke = {.target = pthread_self()};
    pthread_t reader, poker;
    void *total;
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    sigaction(SIGUSR1, &sa, &old);
    assert_int_equal(pthread_create(&reader, NULL, drain_slowly, &p[0]), 0);
    assert_int_equal(pthread_create(&poker, NULL, poke_always, &poke), 0);
    int r = fs_write_fd(p[1], "pipe", view_make(data, sizeof data), &e);
    atomic_store(&poke.stop, true);
    pthread_join(poker, NULL);
    fd_close(&p[1]);
    pthread_join(reader, &total);
    fd_close(&p[0]);
    sigaction(SIGUSR1, &old, NULL);
    assert_ok(r, &e);
    assert_int_equal((size_t)total, sizeof data);
}

static void replaces_atomically(void **state)
{
    struct err e = ERR_INIT;
    struct stat st;
    size_t fds = open_descriptors();
    assert_ok(fs_write_atomic(at("f"), VIEW_LIT("one"), 0640, &e), &e);
    holds(at("f"), "one");
    assert_int_equal(stat(at("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    _cleanup_fd_ int old = open(at("f"), O_RDONLY | O_CLOEXEC);
    assert_ok(fs_write_atomic(at("f"), VIEW_LIT("two"), 0600, &e), &e);
    _cleanup_buf_ struct buf b = BUF_INIT(10);
    assert_ok(fs_read_fd(old, "old", &b, &e), &e); /* who has the old file open keeps it whole */
    assert_view(buf_view(&b), "one");
    fd_close(&old);
    holds(at("f"), "two");
    assert_ok(fs_write_atomic(at("f"), VIEW_EMPTY, 0600, &e), &e);
    holds(at("f"), "");
    assert_int_equal(entries(scratch_dir), 1);
    assert_int_equal(symlink("f", at("link")), 0);
    assert_ok(fs_write_atomic(at("link"), VIEW_LIT("own"), 0600, &e), &e); /* replaces the link itself */
    holds(at("f"), "");
    holds(at("link"), "own");
    assert_int_equal(lstat(at("link"), &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(open_descriptors(), fds);
}

static void writes_names_of_any_length(void **state)
{
    struct err e = ERR_INIT;
    char name[257];
    memset(name, 'n', sizeof name - 1);
    name[255] = '\0';
    assert_ok(fs_write_atomic(at("%s", name), VIEW_LIT("x"), 0600, &e), &e);
    holds(at("%s", name), "x");
    name[255] = 'n';
    name[256] = '\0';
    assert_fails(fs_write_atomic(at("%s", name), VIEW_LIT("x"), 0600, &e), &e, ERR_INVALID_ARGUMENT, "too long");
    assert_int_equal(entries(scratch_dir), 1);
    int old = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(scratch_dir), 0);
    int r = fs_write_atomic("bare", VIEW_LIT("y"), 0600, &e);
    assert_int_equal(fchdir(old), 0);
    close(old);
    assert_ok(r, &e);
    holds(at("bare"), "y");
}

static void a_failed_write_leaves_nothing(void **state)
{
    static char large[1 << 20];
    struct err e = ERR_INIT;
    put(at("f"), "before");
    assert_int_equal(mkdir(at("dir"), 0700), 0);
    assert_int_equal(mkdir(at("dir/in"), 0700), 0);
    size_t fds = open_descriptors();
    assert_fails(fs_write_atomic(at("none/f"), VIEW_LIT("x"), 0600, &e), &e, ERR_NOT_FOUND, "none");
    assert_fails(fs_write_atomic(at("f/f"), VIEW_LIT("x"), 0600, &e), &e, ERR_FAILED_PRECONDITION, "f/");
    assert_fails(fs_write_atomic(at("dir"), VIEW_LIT("x"), 0600, &e), &e, ERR_FAILED_PRECONDITION, "rename");
    struct rlimit old, small = {.rlim_cur = 1000};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int r = fs_write_atomic(at("f"), view_make(large, sizeof large), 0600, &e);
    int plain = fs_write_file(at("g"), view_make(large, sizeof large), 0600, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    assert_fails(r, &e, ERR_OUT_OF_RANGE, "File too large");
    assert_int_equal(plain, -ERR_OUT_OF_RANGE);
    holds(at("f"), "before");
    assert_int_equal(entries(scratch_dir), 3); /* f, dir, and the g of the write that is not atomic */
    assert_int_equal(entries(at("dir")), 1);
    assert_int_equal(open_descriptors(), fds);
}

static void copies_and_sees(void **state)
{
    struct err e = ERR_INIT;
    struct stat st;
    put(at("f"), "contents");
    assert_ok(fs_copy_file(at("f"), at("copy"), 0751, 8, &e), &e);
    holds(at("copy"), "contents");
    assert_int_equal(stat(at("copy"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_fails(fs_copy_file(at("f"), at("other"), 0600, 7, &e), &e, ERR_OUT_OF_RANGE, "larger than 7 bytes");
    assert_false(fs_exists(at("other")));
    assert_fails(fs_copy_file(at("f"), at("none/x"), 0600, 8, &e), &e, ERR_NOT_FOUND, "none/x");
    put(at("copy"), "x"); /* truncates */
    holds(at("copy"), "x");
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    assert_true(fs_exists(at("f")) && fs_exists(scratch_dir) && fs_exists(at("dangling")));
    assert_false(fs_exists(at("none")) || fs_exists(at("f/x")) || fs_exists(""));
}

static void closes_and_keeps_errno(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), none = -1, was = fd;
    errno = EXDEV;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(fcntl(was, F_GETFD), -1);
    fd_close(&none);
    fd_close(&fd);
    int bad = 1 << 20;
    errno = EXDEV;
    fd_close(&bad);
    assert_int_equal(errno, EXDEV);
}

static void joins(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    assert_string_equal(fs_join(&a, "/a", "b"), "/a/b");
    assert_string_equal(fs_join(&a, "/a///", "//b"), "/a/b");
    assert_string_equal(fs_join(&a, "/", "b"), "/b");
    assert_string_equal(fs_join(&a, "///", "/b"), "/b");
    assert_string_equal(fs_join(&a, "a", "b/c/"), "a/b/c/");
    assert_string_equal(fs_join(&a, "/a", ""), "/a/");
    _cleanup_arena_ struct arena small = ARENA_INIT(4);
    assert_null(fs_join(&small, "/a", "b"));
}

/* What is opened below the root directory, or the code of the failure. */
static int opened(int root, const char *path, const char **ret_text)
{
    static char text[64];
    int fd, r = fs_open_in_root(root, path, O_RDONLY, 0, &fd, NULL);
    if (r < 0)
        return r;
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    fd_close(&fd);
    text[n < 0 ? 0 : n] = '\0';
    *ret_text = text;
    return 0;
}

static void links_cannot_leave_the_root(void **state)
{
    static const struct {
        const char *link, *target;
    } links[] = {
        {"root/abs", "/f"},
        {"root/up", "../../../../f"},
        {"root/dir/up", "../../../../../f"},
        {"root/chain", "abs"},
        {"root/outdir", "/../../.."},
        {"root/self", "self"},
        {"root/host", "/proc/self/root"},
        {"root/gone", "/missing"},
    };
    static const char *const inside[] = {"f",     "/f",       "../f", "/../../../f", "abs", "up",          "dir/up",
                                         "chain", "outdir/f", "./f",  "dir/../f",    "//f", "dir/../../f", "dir//../f"};
    struct err e = ERR_INIT;
    const char *text = NULL;
    int fd = -7;
    put(at("f"), "secret");
    assert_ok(fs_mkdir_all(at("root/dir"), 0700, &e), &e);
    put(at("root/f"), "inside");
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        assert_int_equal(symlink(links[i].target, at("%s", links[i].link)), 0);
    _cleanup_fd_ int root = open(at("root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
        int r = opened(root, inside[i], &text);
        if (r < 0 || strcmp(text, "inside") != 0)
            fail_msg("%s: %d, %s", inside[i], r, text);
    }
    assert_int_equal(opened(root, "host/etc/passwd", &text), -ERR_NOT_FOUND);
    assert_int_equal(opened(root, at("f"), &text), -ERR_NOT_FOUND);
    assert_fails(fs_open_in_root(root, "gone", O_RDONLY, 0, &fd, &e), &e, ERR_NOT_FOUND, "open gone below the root directory");
    assert_fails(fs_open_in_root(root, "self", O_RDONLY, 0, &fd, &e), &e, ERR_INVALID_ARGUMENT, "self");
    assert_fails(fs_open_in_root(root, "", O_RDONLY, 0, &fd, &e), &e, ERR_NOT_FOUND, "");
    assert_int_equal(fd, -7);
    /* What is made, is made inside. */
    assert_ok(fs_open_in_root(root, "gone", O_WRONLY | O_CREAT, 0640, &fd, &e), &e);
    fd_close(&fd);
    assert_true(fs_exists(at("root/missing")));
    assert_ok(fs_open_in_root(root, "../made", O_WRONLY | O_CREAT | O_EXCL, 0640, &fd, &e), &e);
    fd_close(&fd);
    struct stat st;
    assert_int_equal(stat(at("root/made"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    /* A mode that does not apply is not held against the call. */
    assert_ok(fs_open_in_root(root, "dir", O_RDONLY | O_DIRECTORY, 0755, &fd, &e), &e);
    fd_close(&fd);
    assert_ok(fs_open_in_root(root, "/..", O_RDONLY | O_DIRECTORY, 0, &fd, &e), &e);
    struct stat top;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(stat(at("root"), &top), 0);
    assert_true(st.st_ino == top.st_ino); /* above the root is the root */
    fd_close(&fd);
    int other = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char self[16];
    snprintf(self, sizeof self, "%d", root);
    assert_int_equal(opened(other, self, &text), -ERR_INVALID_ARGUMENT); /* no magic links */
    fd_close(&other);
}

struct renames {
    char *a, *b;
    atomic_bool stop;
};

static void *rename_always(void *arg)
{
    struct renames *r = arg;
    while (!atomic_load(&r->stop)) {
        rename(r->a, r->b);
        rename(r->b, r->a);
    }
    return NULL;
}

/* The kernel answers EAGAIN to "..", when anything is renamed meanwhile. */
static void renames_elsewhere_do_not_matter(void **state)
{
    struct err e = ERR_INIT;
    struct renames other = {.a = at("elsewhere"), .b = at("elsewhere2")};
    const char *text = NULL;
    pthread_t thread;
    int failed = 0;
    assert_ok(fs_mkdir_all(at("root/dir"), 0700, &e), &e);
    put(at("root/f"), "inside");
    put(other.a, "x");
    _cleanup_fd_ int root = open(at("root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(pthread_create(&thread, NULL, rename_always, &other), 0);
    for (int i = 0; i < 5000; i++)
        failed += opened(root, "dir/../dir/../../dir/../f", &text) < 0;
    atomic_store(&other.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(failed, 0);
}

static int write_and_read(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    const char *dir = arg;
    char path[128];
    snprintf(path, sizeof path, "%s/deep/er", dir);
    TRY(fs_mkdir_all(path, 0700, e));
    snprintf(path, sizeof path, "%s/deep/er/f", dir);
    TRY(fs_write_atomic(path, VIEW_LIT("text"), 0600, e));
    TRY(fs_copy_file(path, path, 0600, 10, e));
    TRY(fs_read_file(path, &b, e));
    snprintf(path, sizeof path, "%s/deep", dir);
    return fs_remove_all(path, e);
}

static void survives_failing_allocations(void **state)
{
    assert_true(sweep("fs", write_and_read, scratch_dir) > 8);
    assert_int_equal(entries(scratch_dir), 0);
}

static void survives_without_descriptors(void **state)
{
    assert_true(descriptor_sweep(write_and_read, scratch_dir) >= 2);
    assert_int_equal(entries(scratch_dir), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_up_to_the_maximum),       TEST(reads_regular_files_only),
        TEST(reads_a_pipe_to_its_end),       TEST(writes_on_after_interruptions),
        TEST(replaces_atomically),           TEST(writes_names_of_any_length),
        TEST(a_failed_write_leaves_nothing), TEST(copies_and_sees),
        TEST(closes_and_keeps_errno),        TEST(joins),
        TEST(links_cannot_leave_the_root),   TEST(renames_elsewhere_do_not_matter),
        TEST(survives_failing_allocations),  TEST(survives_without_descriptors),
    };
    umask(0022);
    return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
