/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executor: where handlers run. The daemon uses an elastic, bounded pool of threads, so that handlers are straight-line blocking
 * code; unit tests, sweeps and fuzz targets run jobs inline on the caller's stack and are deterministic.
 */
#ifndef CRI_LOOP_EXECUTOR_H
#define CRI_LOOP_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Slow jobs (run, create, start, stop, pull, exec) never take the last threads, so that status and list are always answered. */
enum exec_class { EXEC_FAST, EXEC_SLOW };

struct executor;

struct executor_limits {
    size_t threads_max; /* threads in all */
    size_t slow_max;    /* of these, at most so many run slow jobs; < threads_max */
    size_t queue_max;   /* jobs that may wait, per class */
    size_t stack_size;  /* bytes of a thread's stack, 0 for the system's default */
};

/* Runs every job before executor_submit returns. */
int executor_new_inline(struct executor **ret, struct err *e);
int executor_new_pool(const struct executor_limits *limits, struct executor **ret, struct err *e);

/* True when executor_submit runs the job itself: such a job must not wait for anything that its submitter has yet to do. */
bool executor_is_inline(const struct executor *x);

/* Hands a job over: run(arg) is called exactly once, on some thread. -ERR_RESOURCE_EXHAUSTED when the queue of its class is full
 * or no thread can be started; then it is never called. */
int executor_submit(struct executor *x, enum exec_class cls, void (*run)(void *arg), void *arg, struct err *e);

/* What an executor is at; all 0 when it is inline. From any thread. */
struct executor_counts {
    size_t threads, running, running_slow, queued;
};
struct executor_counts executor_count(struct executor *x);

/* Waits until no job is queued or running. Jobs may submit others meanwhile. */
void executor_drain(struct executor *x);
/* Drains, ends the threads and frees. NULL is allowed. */
void executor_free(struct executor *x);

#endif
