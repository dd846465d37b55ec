/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cio and its pump are made of. Files of this folder only.
 *
 * All that reads and writes happens on the pump's thread; other threads ask for it with pump_call and wait, so no field needs a lock
 * but what cio_wait looks at.
 */
#ifndef CRI_STREAM_CIO_PRIVATE_H
#define CRI_STREAM_CIO_PRIVATE_H

#include <pthread.h>

#include "loop/loop.h"
#include "stream/cio.h"
#include "stream/log_writer.h"

enum { CIO_CHUNK = 64 << 10, CIO_LOG_BATCH_MAX = 32 << 20, CIO_STDIN = 0, CIO_STDOUT = 1, CIO_STDERR = 2, CIO_STREAMS = 3 };

struct cio_pump {
    struct loop *loop;
    bool has_thread;
    pthread_t thread;
    uint64_t turns; /* reads that were tried */
    struct buf batch; /* log lines on their way to a file */
    char chunk[CIO_CHUNK];
};

struct cio_stream {
    struct cio *cio;
    char *path; /* NULL: there is no such stream */
    int fd;
    struct loop_io *io;
    struct log_writer writer;
    struct buf *capture; /* NULL: no capture */
};

struct cio {
    struct cio_pump *pump;
    char *dir; /* to be removed with the pipes; NULL: not ours */
    struct cio_stream stream[CIO_STREAMS];
    char *log_path;
    int log_fd;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned open; /* under lock: output streams that have not ended */
};

/* Runs fn(c, arg) on the pump's thread and returns what it returns. Not from that thread. */
int pump_call(struct cio *c, int (*fn)(struct cio *c, void *arg, struct err *e), void *arg, struct err *e);

#endif
