/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log writer: turns the bytes of one stream of a container into lines of a CRI log (Kubernetes, kubelet-cri-logging). Sans I/O: it
 * appends to a buffer; who owns it writes that to the file. So it is tested and fuzzed as a function.
 */
#ifndef CRI_STREAM_LOG_WRITER_H
#define CRI_STREAM_LOG_WRITER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "parse/logline.h"

struct log_writer {
    enum logline_stream stream;
    size_t line_max;  /* bytes of content after which a line is split; 0: never */
    struct buf line;  /* the beginning of a line whose end has not come yet; at most line_max bytes, or LOG_WRITER_UNLIMITED_MAX without a limit */
};

enum { LOG_WRITER_UNLIMITED_MAX = 16 << 20 };

void log_writer_init(struct log_writer *w, enum logline_stream stream, size_t line_max);
void log_writer_done(struct log_writer *w);

/* Appends the log lines that data completes to out: each "<time> <stream> F <content>\n"; content longer than line_max as several P lines and a last F one.
 * A '\r' before the '\n' is dropped. time is RFC 3339 text. What does not end in '\n' is kept. RESOURCE_EXHAUSTED when memory or out is short; the
 * part of data that was taken so far is lost then, later calls go on. */
int log_writer_feed(struct log_writer *w, struct view data, struct view time, struct buf *out);
/* The stream has ended: what was kept becomes a P line. */
int log_writer_end(struct log_writer *w, struct view time, struct buf *out);

#endif
