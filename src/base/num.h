/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers: arithmetic that says when it would overflow, and decimal text to numbers with a range. Pure code, open to proof.
 */
#ifndef CRI_BASE_NUM_H
#define CRI_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

/* Sum and product; false, and *ret untouched, when the result does not fit. */
bool num_add_size(size_t a, size_t b, size_t *ret);
bool num_mul_size(size_t a, size_t b, size_t *ret);
bool num_add_u64(uint64_t a, uint64_t b, uint64_t *ret);
bool num_mul_u64(uint64_t a, uint64_t b, uint64_t *ret);
bool num_add_i64(int64_t a, int64_t b, int64_t *ret);

/* What became of a decimal text. */
enum num_status {
    NUM_OK = 0,
    NUM_NOT_A_NUMBER, /* empty, or a byte that is no digit (one leading '-' is allowed for signed numbers) */
    NUM_OUT_OF_RANGE, /* digits only, but outside [min, max] */
};

/* Read all of v as a decimal number. No blanks, no '+', leading zeros allowed. *ret is set on NUM_OK only. */
enum num_status num_parse_u64(struct view v, uint64_t max, uint64_t *ret);
enum num_status num_parse_i64(struct view v, int64_t min, int64_t max, int64_t *ret);
/* As num_parse_u64, base 16 (no prefix) and base 8. */
enum num_status num_parse_hex(struct view v, uint64_t max, uint64_t *ret);
enum num_status num_parse_octal(struct view v, uint64_t max, uint64_t *ret);

/* v limited to [min, max]. */
int64_t num_clamp_i64(int64_t v, int64_t min, int64_t max);

#endif
