/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: the one subscription to containerd that tells of exits, memory kills and image changes, on a thread of its own; and housekeeping
 * that needs no client: what a vanished client asked for and nobody fetched is removed after ten minutes.
 */
#ifndef CRI_CRI_EVENTS_H
#define CRI_CRI_EVENTS_H

#include "cri/service.h"

struct cri_events;

/* Starts the thread. It subscribes, then looks at every task that should run (events from before the subscription are not told again), then
 * follows the stream; when that breaks it begins anew, with back-off. */
int cri_events_start(struct cri_service *s, struct cri_events **ret, struct err *e);
/* Ends it. NULL is allowed. */
void cri_events_stop(struct cri_events *ev);

/* One event, in the caller's thread (the thread's own step; also for tests). */
void cri_event_handle(struct cri_service *s, const struct ctrd_event *event);
/* Looks at the task of every sandbox and container that is believed to run. */
void cri_events_resync(struct cri_service *s, const struct ctx *ctx);
/* Removes what has been unclaimed for too long. */
void cri_remove_unclaimed(struct cri_service *s, const struct ctx *ctx);
/* Tears down networks that belong to no pod: of a daemon that was killed, or of a DEL that failed. */
void cri_collect_networks(struct cri_service *s, const struct ctx *ctx);

#endif
