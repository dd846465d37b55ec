/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log file: the file that a container's lines are appended to. A write that fails never leaves half a line behind, so that the lines
 * written when there is room again are whole.
 */
#ifndef CRI_STREAM_LOG_FILE_H
#define CRI_STREAM_LOG_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/view.h"

struct log_file {
    char *path; /* NULL: not open */
    int fd;
    dev_t dev;     /* the file system that it lies on */
    bool torn;     /* the file ends in half a line that could not be taken off */
    uint64_t lost; /* bytes that could not be written */
};

/* Opens path for appending: created 0640, missing directories 0755. Never waits for a reader of a pipe. FAILED_PRECONDITION when path is
 * no regular file or a symbolic link; else the file system's error, or RESOURCE_EXHAUSTED. */
int log_file_open(const char *path, struct log_file *ret, struct err *e);
/* Closes. A zeroed one is allowed. An error says that what was written before may be lost (a network file system writes late); it is closed
 * all the same. */
int log_file_close(struct log_file *f, struct err *e);

/* Appends whole lines (each ends in '\n'). When not all can be written (a full disk) the file is cut back to the last whole line, and the
 * rest is lost and counted: the error says why. */
int log_file_write(struct log_file *f, struct view lines, struct err *e);

#endif
