/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duration: times as Go writes them in configuration files ("30s", "1m30s", "1.5h", "250ms"; package time, ParseDuration). Pure code.
 */
#ifndef CRI_PARSE_DURATION_H
#define CRI_PARSE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

/* Reads a duration that is not negative into nanoseconds; what is below one does not count. "0" needs no unit. False when it is
 * malformed or larger than Go's largest (INT64_MAX ns, 292 years). */
bool duration_read(struct view text, int64_t *ret);
/* Appends ns (not negative), so that duration_read gives it back. 0 or -ERR_RESOURCE_EXHAUSTED. */
int duration_write(int64_t ns, struct buf *out);

#endif
