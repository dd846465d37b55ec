/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs over bytes in the caller's buffers: hexadecimal, base64, UTF-8. Pure code, open to proof.
 */
#ifndef CRI_BASE_CODEC_H
#define CRI_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

/* Writes 2*n lower-case hex digits to out (no NUL). */
void hex_encode(const uint8_t *p, size_t n, char *out);
/* The value of a hex digit (either case), or -1. */
int hex_digit(char c);

/* Base64 (RFC 4648 section 4; url: section 5, both with padding). out needs base64_encoded_len(n) bytes; no NUL is written. */
size_t base64_encoded_len(size_t n);
void base64_encode(const uint8_t *p, size_t n, bool url, char *out);
/* Decodes v into out, which holds out_max bytes. Padding may be absent. Returns the length, or (size_t)-1 when v is not base64 or
 * does not fit. */
size_t base64_decode(struct view v, bool url, uint8_t *out, size_t out_max);

/* Length (1 to 4) of the well-formed UTF-8 sequence (RFC 3629) that starts at p and has at most n bytes; 0 when there is none. */
size_t utf8_sequence(const char *p, size_t n);
/* Writes the 1 to 4 bytes of a Unicode scalar value and returns their number. */
size_t utf8_encode(uint32_t c, char out[4]);
/* True when all of v is well-formed UTF-8. An embedded NUL counts as well-formed. */
bool utf8_valid(struct view v);
/* Copies v to out with each bad byte replaced by U+FFFD (3 bytes); out needs 3 * v.n bytes. Returns the length. */
size_t utf8_sanitize(struct view v, char *out);

#endif
