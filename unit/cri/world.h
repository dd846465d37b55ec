/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fixture share. */
#ifndef CRI_UNIT_CRI_WORLD_H
#define CRI_UNIT_CRI_WORLD_H

#include "base/err.h"

/* Ends the program: the fixture itself is broken. */
_Noreturn void fx_die(const char *what, const struct err *e);

#endif
