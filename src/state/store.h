/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store: the sandboxes and containers that exist, by id, by unique prefix of an id and by name. Objects are
 * counted: whoever gets one releases it, and one that has been removed from its store lives on until the last
 * user is done.
 *
 * Rules: meta is immutable once the object is in its store. Everything under `lock` is read and changed only
 * with the object's lock held; no lock is held across an RPC, an exec or a log write. `changed` is broadcast
 * whenever something under the lock changes.
 */
#ifndef CRI_STATE_STORE_H
#define CRI_STATE_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "containerd/containerd.h"
#include "state/meta.h"
#include "state/status_file.h"
#include "state/truncindex.h"
#include "stats/rate.h"

/* What every stored object begins with. */
struct object {
    atomic_uint refs;
    struct arena arena; /* owns meta; written only before the object is stored */
    const char *id, *name;
    const char *snapshotter; /* that has its snapshot, whose key is the id */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    void (*destroy)(struct object *o);
    /* under lock */
    bool hidden;              /* still being made: not listed, not found by clients */
    uint64_t unclaimed_since; /* clock_mono when finished for a client that was gone; 0: it is known */
    struct stats_rate cpu_rate; /* readings of its cgroup's counter */
    bool task_left;           /* it has ended, but containerd did not delete its task: removal does that first */
};

enum sandbox_state { SANDBOX_STATE_UNKNOWN, SANDBOX_STATE_READY, SANDBOX_STATE_NOTREADY };

struct sandbox {
    struct object o;
    struct sandbox_meta meta;
    int64_t created_at;
    const char *image_name; /* of its pause container, as its record names it */
    /* under o.lock */
    enum sandbox_state state;
    uint32_t pid;
    bool stopping, removing; /* somebody is at it */
    bool network_down;       /* CNI DEL is done and the netns is gone (or there never was one) */
    bool checking_network;   /* CNI CHECK runs: no other command may */
    char *network_problem;   /* what the plugins said when they were asked after a restart; owned, NULL for nothing */
};

/* The last answer about a container's writable layer. */
struct container_layer {
    struct ctrd_usage usage;
    int64_t at;    /* ns since 1970, 0: there is none */
    uint64_t mono; /* clock_mono */
};

struct cio;
struct container {
    struct object o;
    struct container_meta meta;
    bool tty, stdin_open;
    /* under o.lock */
    struct container_status status;
    Runtime__V1__ContainerResources *resources; /* in resources_arena; NULL for none */
    struct arena resources_arena;
    bool starting, updating, removing, exiting; /* somebody is at it */
    bool removed;
    bool saving;        /* somebody writes the checkpoint: one at a time, or an older state could overwrite a newer one */
    bool stop_signaled; /* the stop signal has been sent */
    bool oom_killed;
    struct container_layer layer;
    struct cio *io; /* streams of the task; NULL when not attached */
    bool io_busy;   /* somebody works with them: nobody takes or frees them meanwhile */
    void (*io_free)(struct cio *io);
};

/* New objects with one reference, zeroed but for locks and arena (default budget); fill meta from o.arena,
 * set o.id and o.name, then add. NULL without memory. */
struct sandbox *sandbox_new(void);
struct container *container_new(void);
void object_ref(struct object *o);
/* Drops a reference; frees with the last one. NULL is allowed. */
void object_unref(struct object *o);
static inline void sandbox_unref(struct sandbox *s)
{
    object_unref(s ? &s->o : NULL);
}
static inline void container_unref(struct container *c)
{
    object_unref(c ? &c->o : NULL);
}
DEFINE_CLEANUP(struct sandbox *, sandbox_unref);
DEFINE_CLEANUP(struct container *, container_unref);
#define _cleanup_sandbox_   _cleanup_(sandbox_unref_p)
#define _cleanup_container_ _cleanup_(container_unref_p)

void object_lock(struct object *o);
void object_unlock(struct object *o);
/* With the lock held: wakes those who wait. */
void object_changed(struct object *o);
/* With the lock held: waits for a change or for ctx to end (cancel is noticed within 100 ms). 0 after a
 * change (or a spurious wake-up), else DEADLINE_EXCEEDED or CANCELLED naming `what`. */
int object_wait(struct object *o, const struct ctx *ctx, const char *what, struct err *e);

/* A store of one kind. */
struct store {
    const char *what; /* "sandbox", "container": for messages */
    pthread_mutex_t lock;
    struct strmap by_id, by_name;
    struct truncindex index;
};
int store_init(struct store *s, const char *what, struct err *e);
void store_done(struct store *s); /* releases what it holds */

/* Adds an object (the store takes a reference of its own). ALREADY_EXISTS names the id or name that is
 * taken; RESOURCE_EXHAUSTED: no memory, and nothing was added. */
int store_add(struct store *s, struct object *o, struct err *e);
/* Takes the object out and drops the store's reference. Unknown ids are ignored. */
void store_remove(struct store *s, const char *id);
/* The object with this id or unique prefix, with a reference for the caller; errors as truncindex_get (the
 * seed's getSandbox). */
int store_get(struct store *s, const char *id, struct object **ret, struct err *e);
/* By full name; NULL when there is none. With a reference for the caller. */
struct object *store_find_name(struct store *s, const char *name);
/* All objects, ordered by id, each with a reference, in an array from the arena. */
int store_list(struct store *s, struct arena *a, struct object ***ret, size_t *ret_n, struct err *e);
size_t store_count(struct store *s);

static inline int sandbox_get(struct store *s, const char *id, struct sandbox **ret, struct err *e)
{
    struct object *o;
    int r = store_get(s, id, &o, e);
    if (r == 0)
        *ret = (struct sandbox *)o;
    return r;
}
static inline int container_get(struct store *s, const char *id, struct container **ret, struct err *e)
{
    struct object *o;
    int r = store_get(s, id, &o, e);
    if (r == 0)
        *ret = (struct container *)o;
    return r;
}

#endif
