/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cio: the streams of a container process: named pipes that the shim writes to, and what is done with what comes out of them: written to
 * a CRI log file, kept up to a maximum (ExecSync), or dropped.
 *
 * A pump reads the pipes, one large read a turn, so that no container starves another. It has a thread for each file system that logs go to,
 * up to CIO_LANES_MAX: one that hangs holds up only the containers which log to it, whose output then waits in their pipes. So with up to
 * CIO_LANES_MAX - 1 log file systems any number of them may hang and the others' logs go on. Whoever asks for something that such a disk must
 * answer gets DEADLINE_EXCEEDED after a limit. A log that cannot be written (disk full) loses whole lines, and the pipe is still drained. A pipe is opened for reading before the shim opens it for writing, and non-blocking, so its end
 * of file counts only after a writer was there.
 *
 * A cio has one owner: its functions are not called at the same time from several threads, but for cio_wait beside cio_log_reopen.
 * Those that talk to the pump's thread must not be called on it.
 */
#ifndef CRI_STREAM_CIO_H
#define CRI_STREAM_CIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/err.h"

struct cio_pump;
struct cio;

enum { CIO_LOG_LINE_DEFAULT = 16384, CIO_LANES_MAX = 16 };

/* Starts the first thread. RESOURCE_EXHAUSTED when memory, descriptors or threads are short. */
int cio_pump_new(struct cio_pump **ret, struct err *e);
/* A pump without a thread, for deterministic tests: output is read inside cio_wait, by its caller, and at cio_detach and cio_free. */
int cio_pump_new_inline(struct cio_pump **ret, struct err *e);
/* Stops the threads; every cio must be freed before. A thread that a hanging file system holds is given a second and then left alone;
 * when it comes back it writes what it was asked to and frees what is left. NULL is allowed. False when one was left. */
bool cio_pump_free(struct cio_pump *p);
/* How long a caller waits for a disk, in ns; 5 s when not set. Before the first cio. */
void cio_pump_set_limit(struct cio_pump *p, uint64_t ns);

/* Since the pump was made: writes that failed (a full disk, no memory), bytes of log lines that were lost by them. At this moment: threads,
 * those of them that a file system was found to hold up, and containers and execs that they read. */
struct cio_counters {
    uint64_t log_errors, log_bytes_lost;
    unsigned threads, stuck, readers;
};
struct cio_counters cio_pump_counters(struct cio_pump *p);

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
 * symbolic link nor anything but a regular file (FAILED_PRECONDITION). After an error nothing is read and a sink can be set again, but for
 * DEADLINE_EXCEEDED: the file system does not answer. FAILED_PRECONDITION when there is a sink already. */
int cio_log_to(struct cio *c, const char *path, size_t line_max, struct err *e);
/* Opens the log file anew (it was renamed by the kubelet): the new one first, then the swap, then the old one is closed; no line is lost.
 * After an error the old one stays in use. DEADLINE_EXCEEDED when the file system does not answer; the swap may come later then. A file on
 * another file system than before shares the fate of the old one's. Does nothing when the output is not logged. */
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
 * pipes and their directory; those of a cio from cio_reopen when the path looks like ours. What a hanging disk does not take within the limit is
 * given up: it is handed on if the disk comes back. NULL is allowed. */
void cio_free(struct cio *c);
/* The same without removing the pipes: the daemon stops and the container lives on. A cio_reopen goes on where this left off: the rest of
 * a line continues its partial one. NULL is allowed. */
void cio_detach(struct cio *c);

#endif
