/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truncindex: finds an id by any unique prefix of it. Not locked: the stores that hold one lock around it.
 */
#ifndef CRI_STATE_TRUNCINDEX_H
#define CRI_STATE_TRUNCINDEX_H

#include <stddef.h>

#include "base/err.h"
#include "base/view.h"

/* Init with {0}. Ids are kept sorted. */
struct truncindex {
    char **ids;
    size_t n, cap;
};

/* Adds a copy of id. -ERR_ALREADY_EXISTS, -ERR_INVALID_ARGUMENT (empty), -ERR_RESOURCE_EXHAUSTED. */
int truncindex_add(struct truncindex *t, const char *id, struct err *e);
void truncindex_remove(struct truncindex *t, const char *id);
/* *ret is the id that is equal to prefix or the only one that begins with it; valid until the next change.
 * NOT_FOUND, INVALID_ARGUMENT for an empty prefix, FAILED_PRECONDITION
 * ("... is ambiguous") for several. `what` ("sandbox") is for the message. */
int truncindex_get(const struct truncindex *t, const char *what, struct view prefix, const char **ret,
                   struct err *e);
void truncindex_done(struct truncindex *t);

#endif
