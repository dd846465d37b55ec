/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of its own for each test that touches files, and paths below it.
 */
#ifndef CRI_UNIT_BASE_SCRATCH_H
#define CRI_UNIT_BASE_SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "support.h"

static char scratch_dir[64];
static struct arena scratch_arena = ARENA_INIT(ARENA_BUDGET_DEFAULT);

/* A path below the scratch directory, valid until the test ends. */
static inline _unused_ _printf_(1, 2) char *at(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *tail = arena_vprintf(&scratch_arena, format, ap);
    va_end(ap);
    char *path = arena_printf(&scratch_arena, "%s/%s", scratch_dir, tail);
    assert_non_null(path);
    return path;
}

static inline _unused_ int scratch_setup(void **state)
{
    snprintf(scratch_dir, sizeof scratch_dir, "/tmp/unit-base-XXXXXX");
    return mkdtemp(scratch_dir) ? 0 : -1;
}

/* Fails when the test has left something that cannot be removed. */
static inline _unused_ int scratch_teardown(void **state)
{
    struct err e = ERR_INIT;
    int r = fs_remove_all(scratch_dir, &e);
    if (r < 0)
        print_error("%s\n", e.message);
    arena_done(&scratch_arena);
    return r;
}

static inline _unused_ void put(const char *path, const char *text)
{
    struct err e = ERR_INIT;
    assert_ok(fs_write_file(path, view_of(text), 0644, &e), &e);
}

/* The file has exactly these contents. */
static inline _unused_ void holds(const char *path, const char *text)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    assert_ok(fs_read_file(path, &b, &e), &e);
    assert_view(buf_view(&b), text);
}

/* How many entries the directory has. */
static inline _unused_ size_t entries(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(d);
    return n;
}

static inline _unused_ size_t open_descriptors(void)
{
    return entries("/proc/self/fd");
}

/* Runs an operation with room for 0, 1, 2 ... more descriptors until it succeeds. Before that it must say that there are too many
 * open files and leave none behind. Returns with how much room it succeeded. */
static inline _unused_ rlim_t descriptor_sweep(int (*op)(void *arg, struct err *e), void *arg)
{
    struct rlimit old, limit;
    struct err e = ERR_INIT;
    int r = -1;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    size_t fds = open_descriptors();
    int lowest = dup(STDERR_FILENO); /* descriptors are given out from the lowest that is free */
    close(lowest);
    limit.rlim_max = old.rlim_max;
    for (limit.rlim_cur = (rlim_t)lowest; r < 0 && limit.rlim_cur < (rlim_t)lowest + 50; limit.rlim_cur++) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        r = op(arg, &e);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_int_equal(open_descriptors(), fds);
        if (r < 0)
            assert_fails(r, &e, ERR_RESOURCE_EXHAUSTED, "Too many open files");
    }
    assert_ok(r, &e);
    return limit.rlim_cur - 1 - (rlim_t)lowest;
}

#endif
