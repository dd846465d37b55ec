/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cio: the streams of a container process: named pipes that the shim writes to, and what is done with what comes out of them: written to
 * a CRI log file, kept up to a maximum (ExecSync), or dropped.
 *
 * One pump thread reads all pipes, one large read a turn, so that no container starves another. It also writes the logs, so a log file
 * system that hangs holds up all of them. A pipe is opened for reading before the shim opens it for writing, and non-blocking, so its end
 * of file counts only after a writer was there.
 *
 * A cio has one owner: its functions are not called at the same time from several threads, but for cio_wait beside cio_log_reopen.
 * Those that talk to the pump's thread must not be called on it.
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

/* Starts the thread. RESOURCE_EXHAUSTED when memory, descriptors or threads are short. */
int cio_pump_new(struct cio_pump **ret, struct err *e);
/* A pump without a thread, for deterministic tests: output is read inside cio_wait, by its caller, and at cio_detach and cio_free. */
int cio_pump_new_inline(struct cio_pump **ret, struct err *e);
/* Stops the thread; every cio must be freed before. NULL is allowed. */
void cio_pump_free(struct cio_pump *p);

struct cio_config {
    const char *dir; /* <state>/containers/<id>/io, made when missing; a fresh sub-directory (0700) of it holds the pipes */
    const char *id;  /* names the pipes <id>-stdin, <id>-stdout, <id>-stderr */
    bool want_stdin, terminal; /* a terminal has no stderr pipe */
};

/* Makes and opens the pipes; all are closed and removed again if one fails. Output is held in the pipes until a sink is set. Errors: those
 * of the file system, naming the path; RESOURCE_EXHAUSTED. */
int cio_new(struct cio_pump *p, const struct cio_config *config, struct cio **ret, struct err *e);
/* Opens pipes that exist, after a restart, by the paths that Tasks.Get tells (NULL or "" for none). The writers were there before: a pipe
 * that nobody writes to any more is at its end. NOT_FOUND when a pipe is gone, FAILED_PRECONDITION when a path is no pipe. */
int cio_reopen(struct cio_pump *p, const char *stdin_path, const char *stdout_path, const char *stderr_path, struct cio **ret,
               struct err *e);

/* The pipes' paths for Tasks.Create and Tasks.Exec; "" for a stream that is not there. Valid as long as the cio. */
const char *cio_stdin_path(const struct cio *c);
const char *cio_stdout_path(const struct cio *c);
const char *cio_stderr_path(const struct cio *c);

/* Starts to read: into a CRI log file (appended to; created 0640, missing directories 0755; path "" or NULL drops the output), lines with
 * more than line_max bytes of content split into partial ones (0: no limit but LOG_WRITER_UNLIMITED_MAX). The path's last part must not be a
 * symbolic link nor anything but a regular file (FAILED_PRECONDITION). After an error nothing is read and a sink can be set again.
 * FAILED_PRECONDITION when there is a sink already. */
int cio_log_to(struct cio *c, const char *path, size_t line_max, struct err *e);
/* Opens the log file anew (it was renamed by the kubelet): the new one first, then the swap, then the old one is closed; no line is lost.
 * After an error the old one stays in use. Does nothing when the output is not logged. */
int cio_log_reopen(struct cio *c, struct err *e);
/* Starts to read into memory; each stream is cut silently at its buffer's maximum (or where memory ends), never with a gap. A NULL buffer
 * drops the stream. The buffers are the caller's and must live until cio_wait returned 0 or cio_free or cio_detach returned; nobody looks
 * at them before. FAILED_PRECONDITION when there is a sink already. */
int cio_capture(struct cio *c, struct buf *out, struct buf *err_out, struct err *e);

/* Waits until all output pipes have reached their end and everything is handed to the sink. DEADLINE_EXCEEDED or CANCELLED else. */
int cio_wait(struct cio *c, const struct ctx *ctx, struct err *e);

/* Opens our end of stdin for writing, non-blocking; owned by the caller. NOT_FOUND when there is no stdin pipe. */
int cio_open_stdin(struct cio *c, int *ret_fd, struct err *e);

/* Hands what is in the pipes at that moment to the sink (a line without its end as a partial one), then closes everything and removes the
 * pipes and their directory; those of a cio from cio_reopen when the path looks like ours. NULL is allowed. */
void cio_free(struct cio *c);
/* The same without removing the pipes: the daemon stops and the container lives on. A cio_reopen goes on where this left off: the rest of
 * a line continues its partial one. NULL is allowed. */
void cio_detach(struct cio *c);

#endif
