/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: who is making which image record. Two pulls of one image, with different credentials, make the same records at the same
 * time; one that fails late must not remove what the other relies on. A record goes only when everybody who claimed its name has failed.
 */
#ifndef CRI_IMAGE_CLAIMS_H
#define CRI_IMAGE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct claims;
struct claim;

/* RESOURCE_EXHAUSTED. */
int claims_new(struct claims **ret, struct err *e);
/* Nobody may hold a claim. NULL is allowed. */
void claims_free(struct claims *c);

/* Claims a name, together with those who hold it already; first waits while somebody removes the record. RESOURCE_EXHAUSTED. */
int claims_enter(struct claims *c, const char *name, struct claim **ret, struct err *e);
/* The record was made by this claimant, or may have been, at or after `since` (clock_real). */
void claims_made(struct claims *c, struct claim *one, int64_t since);
/* Gives the claim up. True: everybody has failed and the record is to be removed, if it was made at or after *ret_since; then
 * claims_removed must be called, and until then nobody enters. False: `one` is gone. */
bool claims_leave(struct claims *c, struct claim *one, bool success, int64_t *ret_since);
void claims_removed(struct claims *c, struct claim *one);

#endif
