/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflight: work that is identified by a name, done once and joined by everybody who asks for it again
 * meanwhile. It is what makes RunPodSandbox, CreateContainer and PullImage idempotent: a retry with an equal
 * request waits for the first one and gets its result, an unequal one is refused by name; a name is reserved
 * exactly as long as somebody works on it or an object with it exists.
 */
#ifndef CRI_STATE_INFLIGHT_H
#define CRI_STATE_INFLIGHT_H

#include <pthread.h>
#include <stdbool.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/id.h"
#include "base/strv.h"
#include "base/view.h"

struct inflight_op;

struct inflight {
    pthread_mutex_t lock;
    struct strmap ops;
};
int inflight_init(struct inflight *f, struct err *e);
/* All work must have been finished. */
void inflight_done(struct inflight *f);

/* Begins or joins the work called `name`. `request` is what must be equal (the packed request; a copy is
 * kept while the work is done). Returns 0: the caller does the work and must call inflight_finish with *ret.
 * 1: somebody else did it while we waited: result holds its result text (an id), copied; 2: somebody else did
 * it and failed: *e holds that error, the caller may begin again. -ERR_ALREADY_EXISTS: an unequal request
 * under this name is under way. -ERR_DEADLINE_EXCEEDED/-ERR_CANCELLED: ctx ended while waiting; the text
 * names the work. -ERR_RESOURCE_EXHAUSTED: no memory. */
enum { INFLIGHT_RESULT_MAX = 256 }; /* the NUL included */
int inflight_begin(struct inflight *f, const char *name, struct view request, const struct ctx *ctx,
                   struct inflight_op **ret, char result[INFLIGHT_RESULT_MAX], struct err *e);
/* Ends the work with a result (r == 0; not NULL, shorter than INFLIGHT_RESULT_MAX) or an error (r < 0; e may
 * be NULL), wakes the joiners, and forgets the name. Returns how many were still waiting and so get the
 * outcome: 0 says that nobody but the caller knows of it. op is freed with the last user. */
size_t inflight_finish(struct inflight *f, struct inflight_op *op, int r, const char *result,
                       const struct err *e);
/* How many wait for the work called `name` just now; 0 also when there is no such work. */
size_t inflight_waiting(struct inflight *f, const char *name);

#endif
