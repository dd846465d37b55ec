/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of streams share: a temporary directory, the shim's side of the pipes, and a reader of log files that puts the
 * container's bytes together again.
 */
#ifndef CRI_UNIT_STREAM_FIXTURE_H
#define CRI_UNIT_STREAM_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "parse/logline.h"
#include "stream/cio.h"
#include "support.h"

struct fixture {
    char dir[64], io[80], log[96];
    struct cio_pump *pump;
};

static inline int fixture_setup_with(void **state, int (*pump_new)(struct cio_pump **ret, struct err *e))
{
    struct err e = ERR_INIT;
    struct fixture *f = mem_zalloc(sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/cri-stream-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->io, sizeof f->io, "%s/io", f->dir);
    snprintf(f->log, sizeof f->log, "%s/pod/c/0.log", f->dir);
    assert_ok(pump_new(&f->pump, &e), &e);
    *state = f;
    return 0;
}

static inline int fixture_setup(void **state)
{
    return fixture_setup_with(state, cio_pump_new);
}

static inline int fixture_setup_inline(void **state)
{
    return fixture_setup_with(state, cio_pump_new_inline);
}

static inline int fixture_teardown(void **state)
{
    struct err e = ERR_INIT;
    struct fixture *f = *state;
    assert_true(cio_pump_free(f->pump));
    assert_ok(fs_remove_all(f->dir, &e), &e);
    mem_free(f);
    return 0;
}

static inline struct cio *fixture_cio(struct fixture *f, const char *id, bool want_stdin, bool terminal)
{
    struct err e = ERR_INIT;
    struct cio *c = NULL;
    struct cio_config config = {.dir = f->io, .id = id, .want_stdin = want_stdin, .terminal = terminal};
    assert_ok(cio_new(f->pump, &config, &c, &e), &e);
    return c;
}

/* Open descriptors of this process. */
static inline unsigned count_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *d = opendir(path);
    if (!d)
        return 0;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

/* The shim's writing end; blocking, as the shim's is. */
static inline int open_writer(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* False when the pipe is broken or not all was taken. For threads, which must not fail by assertions. */
static inline bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static inline void write_text(int fd, const char *text)
{
    assert_true(write_all(fd, text, strlen(text)));
}

static inline void wait_end(struct cio *c)
{
    struct err e = ERR_INIT;
    struct ctx background = CTX_BACKGROUND, ctx = ctx_with_timeout(&background, 100 * NSEC_PER_SEC);
    assert_ok(cio_wait(c, &ctx, &e), &e);
}

/* What a log file or several, one after the other, say about the streams. */
struct content {
    struct buf stream[2]; /* bytes, '\n' after complete lines */
    size_t lines, partial, longest;
    bool open[2]; /* the last line of the stream is partial */
};

#define CONTENT_INIT {.stream = {BUF_INIT(256 << 20), BUF_INIT(256 << 20)}}

static inline void content_done(struct content *t)
{
    buf_done(&t->stream[0]);
    buf_done(&t->stream[1]);
    *t = (struct content)CONTENT_INIT;
}

/* Every line must parse, and the text end in a whole line. */
static inline void content_add(struct content *t, struct view text)
{
    struct view line;
    if (text.n > 0 && text.p[text.n - 1] != '\n')
        fail_msg("the log ends in half a line");
    while (view_next_line(&text, &line)) {
        struct logline l;
        if (!logline_parse(line, &l))
            fail_msg("no log line: \"%.*s\"", (int)MIN_OF(line.n, 200), line.p);
        assert_int_equal(buf_add_view(&t->stream[l.stream], l.content), 0);
        if (!l.partial)
            assert_int_equal(buf_add_char(&t->stream[l.stream], '\n'), 0);
        t->open[l.stream] = l.partial;
        t->lines++;
        t->partial += l.partial;
        t->longest = MAX_OF(t->longest, l.content.n);
    }
}

static inline void content_add_file(struct content *t, const char *path)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(256 << 20);
    assert_ok(fs_read_file(path, &text, &e), &e);
    content_add(t, buf_view(&text));
}

/* A thread that writes numbered lines "<name> <number>" to a pipe, and closes it. */
struct numbered {
    pthread_t thread;
    const char *name;
    int fd, first, count;
    bool ok;
};

static inline void *numbered_run(void *arg)
{
    struct numbered *w = arg;
    char text[64];
    w->ok = true;
    for (int i = w->first; w->ok && i < w->first + w->count; i++) {
        int n = snprintf(text, sizeof text, "%s %d\n", w->name, i);
        w->ok = write_all(w->fd, text, (size_t)n);
    }
    close(w->fd);
    return NULL;
}

static inline void numbered_start(struct numbered *w, const char *name, int fd, int count)
{
    *w = (struct numbered){.name = name, .fd = fd, .count = count};
    assert_int_equal(pthread_create(&w->thread, NULL, numbered_run, w), 0);
}

static inline void numbered_join(struct numbered *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    assert_true(w->ok);
}

/* Every line once and in order. */
static inline void numbered_check(const char *name, int count, struct view text)
{
    char want[64];
    struct view line;
    for (int i = 0; i < count; i++) {
        snprintf(want, sizeof want, "%s %d", name, i);
        if (!view_next_line(&text, &line))
            fail_msg("the output ends before \"%s\"", want);
        if (!view_eq_str(line, want))
            fail_msg("\"%.*s\" where \"%s\" was written", (int)MIN_OF(line.n, 200), line.p, want);
    }
    assert_int_equal(text.n, 0);
}

#endif
