/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cio and its pump are made of. Files of this folder only.
 *
 * A pump has lanes: a lane is a thread that reads the pipes of the containers which log to one file system, and writes those logs. So a
 * file system that hangs holds up the containers that log to it and nobody else, at the price of one thread; what is not read stays in the
 * pipes, which bounds it. Lane 0 is for output that goes to no disk.
 *
 * All that reads and writes happens on the lane's thread; other threads ask for it with lane_call and wait, with a limit, so no field needs a
 * lock but those marked. A cio that its owner gave up while the lane is stuck is freed by the lane when it comes to it.
 */
#ifndef CRI_STREAM_CIO_PRIVATE_H
#define CRI_STREAM_CIO_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "loop/loop.h"
#include "stream/cio.h"
#include "stream/log_file.h"
#include "stream/log_writer.h"

enum {
    CIO_CHUNK = 64 << 10,          /* bytes of one read */
    CIO_PIPE_SIZE = 256 << 10,     /* what a pipe holds: no faster than the kernel's 64 KiB, but a container writes on while we restart */
    CIO_LOG_BATCH_MAX = 32 << 20,  /* more than the lines of one chunk ever are, with what was kept before */
    CIO_LOG_BATCH_KEEP = 4 << 20,  /* given back beyond this */
    CIO_OPENINGS_MAX = 64,         /* log files whose opening hangs, each with a thread */
    CIO_STDIN = 0,
    CIO_STDOUT = 1,
    CIO_STDERR = 2,
    CIO_STREAMS = 3
};

struct lane {
    struct cio_pump *pump;
    struct loop *loop;
    pthread_t thread;
    dev_t dev;         /* under the pump's lock: whose logs it writes; free for any when there are no users */
    unsigned users;    /* under the pump's lock */
    atomic_uint turns; /* reads that were tried and jobs done: it moves */
    bool ended;        /* under the pump's lock: the thread needs nothing any more */
    bool stuck;        /* under the pump's lock: it did not move for the limit... */
    unsigned stuck_at; /* ... and since this turn */
    struct buf batch;  /* log lines on their way to a file */
    char chunk[CIO_CHUNK];
};

struct log_opening;

struct cio_pump {
    bool has_thread;
    uint64_t limit; /* how long anybody waits for a disk, ns */
    atomic_bool stopping;
    bool orphan; /* under the lock: it was freed while a disk held threads, the last of them frees it */
    atomic_ullong log_errors, log_lost;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* an opening or a lane has ended */
    struct log_opening *openings;
    struct lane *lanes[CIO_LANES_MAX];
    unsigned n_lanes;
};

struct cio_stream {
    struct cio *cio;
    char *path; /* NULL: there is no such stream */
    int fd;
    struct loop_io *io;
    struct log_writer writer;
    struct buf *capture; /* NULL: no capture, or it is full */
};

enum cio_sink { CIO_SINK_NONE, CIO_SINK_DROP, CIO_SINK_LOG, CIO_SINK_CAPTURE };

/* Work of one cio that is done on its lane. */
struct lane_job {
    struct loop_post post;
    struct cio *c;
    int (*fn)(struct cio *c, struct err *e);
    int r;
    struct err e;
    bool pending; /* under the cio's lock */
};

struct cio {
    struct cio_pump *pump;
    struct lane *lane; /* NULL: nothing is read */
    char *dir;         /* to be removed with the pipes; NULL: not ours */
    struct cio_stream stream[CIO_STREAMS];
    enum cio_sink sink;
    struct log_file log, fresh; /* fresh: on its way in, then on its way out */
    uint64_t say_at; /* the next lost lines are worth a word from then on */
    struct lane_job watch, swap, finish;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned open; /* under lock: output streams that have not ended */
    bool orphan;   /* under lock: nobody waits for finish, the lane frees */
};

/* --- lane.c --- */

/* A condition variable whose timed waits go by CLOCK_MONOTONIC. */
void monotonic_cond_init(pthread_cond_t *c);
/* A deadline of clock_mono for pthread_cond_timedwait. */
struct timespec monotonic_time(uint64_t deadline);

/* Gives the cio a lane: for a file system, or lane 0 when dev is NULL. RESOURCE_EXHAUSTED when no thread can be started. */
int lane_take(struct cio *c, const dev_t *dev, struct err *e);
void lane_give_back(struct cio *c);
/* True when a thread that ends is the last user of a pump that was freed, and is to destroy it. With the pump's lock held. */
bool pump_is_left(const struct cio_pump *p);
void pump_destroy(struct cio_pump *p);
/* Runs the job on the cio's lane and returns what it returns. DEADLINE_EXCEEDED when the lane does not come to it in time, and at once when
 * the lane is known to be stuck: the job is pending then. Not on the lane's thread. */
int lane_call(struct lane_job *job, struct err *e);
bool lane_job_pending(struct lane_job *job);

/* --- log_open.c --- */

/* log_file_open, given up when it takes longer than the pump's limit (DEADLINE_EXCEEDED); at once when a file beside it is stuck. */
int log_open_within(struct cio_pump *p, const char *path, struct log_file *ret, struct err *e);

/* --- pump.c --- */

void pump_init(struct cio *c);
/* Reads what is in the pipes, hands it to the sink and stops reading. Not from the lane's thread. DEADLINE_EXCEEDED: it is pending. */
int pump_finish(struct cio *c, struct err *e);
/* Closes the log; what cannot be written even now is counted. */
void pump_close_log(struct cio *c, struct log_file *f);

/* --- cio.c --- */

void cio_free_object(struct cio *c);

#endif
