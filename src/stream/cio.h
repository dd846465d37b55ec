/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cio: the streams of a container process: named pipes that the shim writes to, and what is done with what comes out of them: written to
 * a CRI log file, kept up to a maximum (ExecSync), or dropped.
 *
 * One pump thread (later a small pool) reads all pipes with large reads; a reader never blocks on one container because another's log
 * is slow. A pipe is opened for reading before the shim opens it for writing, and non-blocking, so its end of file counts only after
 * a writer was there.
 */
#ifndef CRI_STREAM_CIO_H
#define CRI_STREAM_CIO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/err.h"

struct cio_pump;
struct cio;

enum { CIO_LOG_LINE_DEFAULT = 16384 };

int cio_pump_new(struct cio_pump **ret, struct err *e);
/* A pump without a thread, for deterministic tests: output is read inside cio_wait, by its caller, and nowhere else. */
int cio_pump_new_inline(struct cio_pump **ret, struct err *e);
/* Stops the thread; every cio must be freed before. NULL is allowed. */
void cio_pump_free(struct cio_pump *p);

struct cio_config {
    const char *dir; /* <state>/containers/<id>/io; a fresh sub-directory (0700) of it holds the pipes */
    const char *id;  /* names the pipes <id>-stdin, <id>-stdout, <id>-stderr */
    bool want_stdin, terminal; /* a terminal has no stderr pipe */
};

/* Makes and opens the pipes (the seed's prepareStreamingPipes: all closed and removed if one fails). Output is held in the pipes until a sink is set. */
int cio_new(struct cio_pump *p, const struct cio_config *config, struct cio **ret, struct err *e);
/* Opens pipes that exist, after a restart, by the paths that Tasks.Get tells ("" for none). */
int cio_reopen(struct cio_pump *p, const char *stdin_path, const char *stdout_path, const char *stderr_path, struct cio **ret, struct err *e);

/* The pipes' paths for Tasks.Create and Tasks.Exec; "" for a stream that is not there. Valid as long as the cio. */
const char *cio_stdin_path(const struct cio *c);
const char *cio_stdout_path(const struct cio *c);
const char *cio_stderr_path(const struct cio *c);

/* Starts to read: into a CRI log file (created 0640, missing directories 0755; path "" or NULL drops the output), lines longer than line_max split into partial ones. */
int cio_log_to(struct cio *c, const char *path, size_t line_max, struct err *e);
/* Opens the log file anew (it was renamed by the kubelet): the new one first, then the swap, then the old one is closed; no line is lost. */
int cio_log_reopen(struct cio *c, struct err *e);
/* Starts to read into memory; each stream is cut silently at its buffer's maximum. The buffers are the caller's and must live until cio_wait returned 0 or cio_free. */
int cio_capture(struct cio *c, struct buf *out, struct buf *err_out, struct err *e);

/* Waits until all output pipes have reached their end and everything is handed to the sink. DEADLINE_EXCEEDED or CANCELLED else. */
int cio_wait(struct cio *c, const struct ctx *ctx, struct err *e);

/* Opens our end of stdin for writing (it must have been wanted); owned by the caller. NOT_FOUND when there is no stdin pipe. */
int cio_open_stdin(struct cio *c, int *ret_fd, struct err *e);

/* Closes everything; a cio made by cio_new also removes its directory, so does one from cio_reopen when the paths look like ours. What the sink was given is complete in the file. Not from the pump's thread. NULL is allowed. */
void cio_free(struct cio *c);
/* The same without removing the pipes: the daemon stops and the container lives on. */
void cio_detach(struct cio *c);

#endif
