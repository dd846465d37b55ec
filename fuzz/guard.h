/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both drivers check around one input: live allocations, open descriptors, threads. Counting descriptors means reading a
 * directory, so the full count is for the replay driver and for every 64th input of a campaign; in between, the lowest free
 * descriptor and the link count of /proc/self/task tell nearly as much for two system calls.
 */
#ifndef CRI_FUZZ_GUARD_H
#define CRI_FUZZ_GUARD_H

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

struct guard {
    size_t live;
    int lowest_fd;
    long descriptors, threads;
};

static inline long guard_count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    long n = 0;
    if (!d)
        return -1;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* The kernel counts a thread for a moment after pthread_join has returned. */
static inline long guard_settled_threads(long wanted)
{
    struct stat st;
    for (int tries = 0; stat("/proc/self/task", &st) == 0; tries++) {
        if ((long)st.st_nlink == wanted || tries == 100)
            return (long)st.st_nlink;
        poll(NULL, 0, 1);
    }
    return -1;
}

static inline struct guard guard_take(bool full)
{
    struct guard g = {.descriptors = -1, .threads = -1};
    struct stat st;
    g.live = mem_live();
    g.lowest_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (g.lowest_fd >= 0)
        close(g.lowest_fd);
    if (stat("/proc/self/task", &st) == 0)
        g.threads = (long)st.st_nlink;
    if (full)
        g.descriptors = guard_count_descriptors();
    return g;
}

static inline void guard_check(const struct guard *before, bool full)
{
    struct guard after = guard_take(full);
    if (after.threads != before->threads)
        after.threads = guard_settled_threads(before->threads);
    FUZZ_CHECK_MSG(after.live == before->live, "The input leaves %zd allocations behind.", (ssize_t)(after.live - before->live));
    FUZZ_CHECK_MSG(after.lowest_fd == before->lowest_fd && after.descriptors == before->descriptors,
                   "The input leaves descriptors behind: %ld before, %ld after.", before->descriptors, after.descriptors);
    FUZZ_CHECK_MSG(after.threads == before->threads, "The input leaves threads behind: %ld before, %ld after.", before->threads - 2,
                   after.threads - 2);
}

/* Runs the target once with the checks around it. The input is copied to a block of its exact size, so that a sanitizer sees a read past
 * its end. */
static inline void guard_run(const uint8_t *data, size_t size, bool full)
{
    struct guard before = guard_take(full);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    fuzz_one(copy, size);
    free(copy);
    guard_check(&before, full);
}

#endif
