/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cpuset: lists of ranges, "0-3,7" (cpuset(7), "List format"), as cpus and memory nodes are given. Pure code, open to proof.
 */
#ifndef CRI_PARSE_CPUSET_H
#define CRI_PARSE_CPUSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum { CPUSET_MAX = 8191 }; /* highest number taken: NR_CPUS of the largest kernels, less one */

/* Takes the next range off *rest. 1 with *ret_first <= *ret_last; 0 at the end; -ERR_INVALID_ARGUMENT when it is malformed, backwards or
 * above CPUSET_MAX. A blank list is empty; a blank or newline at the ends of the text is allowed. */
int cpuset_next(struct view *rest, uint32_t *ret_first, uint32_t *ret_last, struct err *e);

/* Checks all of it and counts numbers, each as often as it is named. */
int cpuset_check(struct view v, uint64_t *ret_count, struct err *e);

/* True when the list is valid and holds the number. */
bool cpuset_has(struct view v, uint32_t number);

#endif
