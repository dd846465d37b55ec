/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop: the event loop of one thread, on sd-event. It owns sockets, timers and signals; other threads reach it through loop_post
 * only.
 */
#ifndef CRI_LOOP_LOOP_H
#define CRI_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_io;
struct loop_timer;

/* Makes an event loop. -ERR_RESOURCE_EXHAUSTED when memory or descriptors are short. */
int loop_new(struct loop **ret, struct err *e);
/* Frees the loop and what is still registered with it; must not run any more. Posted nodes that have not run are forgotten, not
 * touched. NULL is allowed. */
void loop_free(struct loop *l);
/* Runs until loop_stop. The thread that runs the loop is the only one that may call the functions below, but for loop_post. */
int loop_run(struct loop *l, struct err *e);
/* Runs one round: waits at most timeout_ns (CLOCK_NEVER: for ever) and dispatches what is ready. For tests. */
int loop_run_once(struct loop *l, uint64_t timeout_ns, struct err *e);
/* Makes loop_run return. From any thread. */
void loop_stop(struct loop *l);

/* Queues fn(arg) to run on the loop's thread, in order. From any thread. Never fails: the node is the caller's memory (embedded
 * in what arg points to), must stay valid until fn runs, and can be posted again from then on. Posting a node that is queued is a
 * no-op. */
struct loop_post {
    void (*fn)(void *arg);
    void *arg;
    struct loop_post *next; /* private */
    bool queued;            /* private */
};
void loop_post(struct loop *l, struct loop_post *p);
/* Takes a node out of the queue. True when it was queued: its fn is not called. On the loop's thread or when the loop does not
 * run. */
bool loop_post_cancel(struct loop *l, struct loop_post *p);
/* True while the calling thread is inside loop_run or loop_run_once of this loop: there, nothing may block on the loop's work. */
bool loop_in_thread(const struct loop *l);

/* Watches fd for EPOLLIN/EPOLLOUT/...; fn gets the ready events. The fd stays the caller's. */
int loop_io_add(struct loop *l, int fd, uint32_t events, void (*fn)(void *arg, uint32_t revents), void *arg, struct loop_io **ret,
                struct err *e);
int loop_io_set(struct loop_io *io, uint32_t events);
/* Stops watching; may be called from inside fn. NULL is allowed. */
void loop_io_free(struct loop_io *io);

/* A one-shot timer on clock_mono (virtual time included); set it again for another shot; CLOCK_NEVER disarms. On the loop's
 * thread. */
int loop_timer_add(struct loop *l, void (*fn)(void *arg), void *arg, struct loop_timer **ret, struct err *e);
int loop_timer_set(struct loop_timer *t, uint64_t deadline);
/* May be called from inside fn. NULL is allowed. */
void loop_timer_free(struct loop_timer *t);

/* Calls fn on the loop's thread when the signal arrives; the caller has blocked it in all threads. */
int loop_signal_add(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e);

#endif
