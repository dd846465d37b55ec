/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: started with posix_spawn in a process group of their own, fed from memory, their output kept up to a maximum,
 * killed as a group at the deadline. Never fork: this program has threads.
 */
#ifndef CRI_BASE_PROC_H
#define CRI_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/view.h"

#define PROC_KILL_PATIENCE (2 * NSEC_PER_SEC)

struct proc_result {
    bool signaled;   /* ended by a signal */
    int status;      /* exit code, or the signal */
    bool truncated;  /* stderr passed its maximum; the rest was read and dropped */
};

/* Runs argv (argv[0] is a path) with exactly the environment envp, `input` on its standard input, and appends its output to out and
 * err_out (NULL drops it). Returns 0 when the child ran to an end, whatever its status. -ERR_DEADLINE_EXCEEDED or -ERR_CANCELLED when
 * ctx ended first, -ERR_OUT_OF_RANGE when its standard output passed the maximum of out: the child and its process group were killed. A killed child is
 * waited for PROC_KILL_PATIENCE; one that does not end (it sleeps in the kernel, uninterruptibly) is left to a thread of its own, and the error says so.
 * -ERR_NOT_FOUND when argv[0] does not exist. The program must ignore SIGPIPE (a child may close its input early). */
int proc_run(const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input, struct buf *out,
             struct buf *err_out, struct proc_result *ret, struct err *e);

/* The seam for tests: cni/ runs plugins through one of these. */
struct proc_ops {
    int (*run)(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input, struct buf *out,
               struct buf *err_out, struct proc_result *ret, struct err *e);
    void *user;
};
extern const struct proc_ops proc_ops_real;

#endif
