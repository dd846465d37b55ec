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
    CIO_STDIN = 0,
    CIO_STDOUT = 1,
    CIO_STDERR = 2,
    CIO_STREAMS = 3
};

struct cio_pump {
    struct loop *loop;
    bool has_thread;
    atomic_bool stopping;
    pthread_t thread;
    uint64_t turns;   /* reads that were tried */
    struct buf batch; /* log lines on their way to a file */
    char chunk[CIO_CHUNK];
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

struct cio {
    struct cio_pump *pump;
    char *dir; /* to be removed with the pipes; NULL: not ours */
    struct cio_stream stream[CIO_STREAMS];
    enum cio_sink sink;
    struct log_file log;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned open; /* under lock: output streams that have not ended */
};

/* Reads what is in the pipes, hands it to the sink and stops reading. Not from the pump's thread. */
void pump_finish(struct cio *c);

#endif
