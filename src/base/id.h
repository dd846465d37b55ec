/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Id: random identifiers of pods and containers.
 */
#ifndef CRI_BASE_ID_H
#define CRI_BASE_ID_H

#include <stddef.h>

#include "base/err.h"

enum { ID_LEN = 64 };

/* Writes 64 lower-case hex digits from the kernel's random source and a NUL to out. Never all decimal digits: such an id would read
 * as a number somewhere. Fails only when the kernel has no randomness to give. */
int id_generate(char out[ID_LEN + 1], struct err *e);
/* Fills p with random bytes (getrandom(2)). */
int id_random(void *p, size_t n, struct err *e);

#endif
