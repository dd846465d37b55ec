/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log writer: turns the bytes of one stream of a container into lines of a CRI log (Kubernetes, kubelet-cri-logging). Sans I/O: it
 * appends to a buffer; who owns it writes that to the file. So it is tested and fuzzed as a function.
 *
 * The lines depend on the bytes alone, not on the pieces in which they come: a '\r' at the end of a piece waits for what follows it.
 */
#ifndef CRI_STREAM_LOG_WRITER_H
#define CRI_STREAM_LOG_WRITER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "parse/logline.h"

enum {
    LOG_WRITER_UNLIMITED_MAX = 16 << 20, /* what "without a limit" means: a container must not fill the memory */
    LOG_WRITER_KEEP_MAX = 64 << 10,      /* a line buffer that grew beyond this is given back after the line */
};

struct log_writer {
    enum logline_stream stream;
    size_t max;      /* bytes of content after which a line is split, 1 to LOG_WRITER_UNLIMITED_MAX */
    struct buf line; /* the beginning of a line whose end has not come yet; max bytes, and a '\r' that may belong to the end */
};

/* A writer that keeps nothing yet. line_max: the most bytes of content in a line; 0 or more than LOG_WRITER_UNLIMITED_MAX: that maximum. */
void log_writer_init(struct log_writer *w, enum logline_stream stream, size_t line_max);
/* Frees what is kept. A zeroed writer is allowed. */
void log_writer_done(struct log_writer *w);

/* Appends the log lines that data completes to out: each "<time> <stream> F <content>\n"; content longer than the maximum as several P
 * lines and a last F one. One '\r' before the '\n' is dropped. time is RFC 3339 text of at most LOGLINE_TIME_MAX bytes. What does not
 * end in '\n' is kept. RESOURCE_EXHAUSTED when memory or out is short: the lines that did not fit are lost, all others are there. */
int log_writer_feed(struct log_writer *w, struct view data, struct view time, struct buf *out);
/* The stream has ended, or somebody else reads on: what was kept becomes P lines. Errors as above. */
int log_writer_end(struct log_writer *w, struct view time, struct buf *out);

#endif
