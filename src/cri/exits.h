/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits: what happens when a task has ended, and how to wait for it. An exit is learnt from containerd's event stream; a look at the
 * task itself fills in when the stream broke, so no exit is missed and none is handled twice.
 */
#ifndef CRI_CRI_EXITS_H
#define CRI_CRI_EXITS_H

#include "cri/service.h"

/* The task of sandbox or container `id` has ended: deletes the task, collects the last output, stores the status, wakes those who wait. Unknown ids and
 * exits that are already handled are ignored. Called on background threads. */
void cri_exit_handle(struct cri_service *s, const char *id, uint32_t exit_status, int64_t exited_at);

/* Looks at the task of an object that is believed to run and handles its exit if it has one. Negative only when containerd could not be asked. */
int cri_exit_check(struct cri_service *s, const struct ctx *ctx, const char *id, struct err *e);

/* Waits until the sandbox's pause process or the container has ended. DEADLINE_EXCEEDED, CANCELLED. */
int cri_exit_wait_sandbox(struct cri_service *s, const struct ctx *ctx, struct sandbox *sb, struct err *e);
int cri_exit_wait_container(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e);

/* The limit of a wait for an exit after SIGKILL: the client's, or CRI_KILL_LIMIT when it set none. */
struct ctx cri_kill_limit(const struct ctx *ctx);

/* Ends a task whatever its state: SIGKILL, wait, delete. Success when there is none. */
int cri_task_destroy(struct cri_service *s, const struct ctx *ctx, const char *id, struct err *e);

/* Marks an object whose task has ended and could not be deleted; and ends such a task before the object is removed (nothing when there is none). A record
 * that goes before its task would leave the shim behind for good. */
void cri_task_left(struct object *o);
int cri_task_destroy_left(struct cri_service *s, const struct ctx *ctx, struct object *o, struct err *e);

/* Sends a signal to a task, or to all of its processes. 1 when there is nothing left to signal: its end may have been missed. */
int cri_task_kill(struct cri_service *s, const struct ctx *ctx, const char *id, uint32_t signal, bool all, struct err *e);

#endif
