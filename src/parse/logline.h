/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logline: the head of a line of a container's log, "<RFC 3339 time> <stdout|stderr> <P|F> ", as the kubelet reads it (Kubernetes,
 * kubelet-cri-logging design). P marks a line that goes on in the next one, F one that is complete. Pure code, open to proof.
 */
#ifndef CRI_PARSE_LOGLINE_H
#define CRI_PARSE_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

enum logline_stream { LOGLINE_STDOUT = 0, LOGLINE_STDERR = 1 };

enum {
    LOGLINE_TIME_MAX = 35, /* bytes of the longest time stamp: "2026-11-23T21:08:19.000000001+05:30" */
    LOGLINE_HEAD_MAX = LOGLINE_TIME_MAX + 1 + 6 + 1 + 1 + 1,
};

/* Writes the head for a time stamp that is already text (base/clock's clock_rfc3339) to out (LOGLINE_HEAD_MAX bytes, no NUL) and
 * returns its length; 0 when the time stamp is longer than LOGLINE_TIME_MAX. */
size_t logline_head(char *out, struct view time, enum logline_stream stream, bool partial);

struct logline {
    struct view time; /* as written */
    enum logline_stream stream;
    bool partial;
    struct view content; /* without the line's end */
};
/* Parses one line without its '\n'. A tag may carry more parts behind ':' ("F:x"), which readers must ignore. False when it is no such
 * line; the time stamp must look like RFC 3339 (digits and separators in place). */
bool logline_parse(struct view line, struct logline *ret);

/* True when v has the form of an RFC 3339 time stamp with a plausible date and time; fraction of 1 to 9 digits, 'Z' or an offset. */
bool logline_time_valid(struct view v);

#endif
