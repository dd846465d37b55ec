/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fake containerd (seam B): containerd's services as a model in memory, behind an rpc_channel. What a caller sees is what a real
 * containerd 1.6 answers, error codes and texts included; unit/fake/contract.c holds both against one table, and a difference is
 * a bug of the fake.
 *
 * Every message makes its way through bytes: it is packed, unpacked, worked on, and so is the answer. The model's own memory
 * comes from the C library and not from base/mem, and injected allocation failures pause inside it: a sweep or a leak count sees
 * the code under test alone.
 *
 * Time. Without threads (the default) a call that would block moves the virtual clock (base/clock.h) to the next scripted exit or
 * to the ctx's deadline, and fails with INTERNAL when neither is there, so that no test can hang. With fake_set_threads(f, true)
 * it waits for other threads, on the real clock. Every function may be called from any thread.
 */
#ifndef CRI_UNIT_FAKE_H
#define CRI_UNIT_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "containerd/containerd.h"
#include "rpc/channel.h"

struct fake;

/* An empty containerd with the plugins of a Debian 12 one whose CRI plugin is off. */
struct fake *fake_new(void);
/* Frees it. Every stream must be closed. NULL is allowed. */
void fake_free(struct fake *f);
/* Takes away everything that calls brought in (not scripts, injections, plugins); the log and the call counter start anew. */
void fake_reset(struct fake *f);

/* The channel and the typed client on it; valid as long as the fake. */
const struct rpc_channel *fake_channel(struct fake *f);
struct ctrd fake_ctrd(struct fake *f);

/* Blocking calls wait for other threads in place of moving the virtual clock. */
void fake_set_threads(struct fake *f, bool threads);
void fake_set_version(struct fake *f, const char *version);
/* Methods that answer UNIMPLEMENTED, as an older containerd does ("Containers/ListStream"). */
void fake_unimplement(struct fake *f, const char *method);
/* Adds a plugin to introspection; error "" or NULL: it runs. */
void fake_add_plugin(struct fake *f, const char *type, const char *id, const char *error);

/* --- scripts ---------------------------------------------------------------------------------------------------------------- */

/* How a process behaves. The newest script that matches counts; without one a task runs until it is killed, and an exec ends at
 * once with status 0. */
struct fake_script {
    bool exec;         /* for execs; else for tasks */
    const char *match; /* substring of the exec's process JSON, or of the task's container id, image or spec; NULL: any */
    enum err_code create_fails; /* Tasks.Create or Tasks.Exec fails with this code */
    enum err_code start_fails;  /* Tasks.Start fails with this code */
    const char *message;        /* ... and this text */
    const char *out, *err_out;  /* written to the output pipes when it starts */
    bool exits;                 /* it ends by itself */
    bool runs;                  /* exec: it does not end by itself */
    uint32_t status;
    uint64_t after;    /* ... this many ns after its start; 0: at once */
    bool ignores_term; /* only SIGKILL ends it */
};
/* Strings are copied. */
void fake_script(struct fake *f, const struct fake_script *s);

/* Ends a process now: state, exit event, wake-ups. exec_id NULL or "": the task. False when there is no such running process. */
bool fake_exit(struct fake *f, const char *id, const char *exec_id, uint32_t status);
/* The resources of the last Tasks.Update, as JSON text that is valid until the next; NULL when there was none. */
const char *fake_task_resources(struct fake *f, const char *id);
#define fake_task_exit(f, id, status) fake_exit((f), (id), NULL, (status))
/* Sends /tasks/oom. */
void fake_task_oom(struct fake *f, const char *id);
/* Writes to the process's stdout (1) or stderr (2) pipe. Returns how many bytes the pipe took. */
size_t fake_output(struct fake *f, const char *id, const char *exec_id, int fd, const void *p, size_t n);
/* Reads what has arrived on the process's stdin pipe. Returns bytes, 0 when nothing is there or it is closed. */
size_t fake_stdin(struct fake *f, const char *id, const char *exec_id, void *p, size_t max);
/* Breaks every open event stream with UNAVAILABLE, as a restart of containerd does. */
void fake_break_events(struct fake *f);

/* What Diff.Apply answers for a layer; without an entry the layer is unpacked (gzip or plain) and hashed. */
void fake_set_diff_id(struct fake *f, const char *layer_digest, const char *diff_id);
/* Snapshots get this directory as their only mount (a bind), in place of an invented overlay; NULL ends it. */
void fake_set_rootfs(struct fake *f, const char *dir);

/* --- contents that a test puts there or looks at -------------------------------------------------------------------------------
 */

/* Stores a blob and writes its digest ("sha256:<hex>") to ret, which holds FAKE_DIGEST_MAX bytes. */
enum { FAKE_DIGEST_MAX = 72 };
void fake_add_blob(struct fake *f, const void *p, size_t n, char ret[FAKE_DIGEST_MAX]);
/* A committed snapshot of the default snapshotter ("overlayfs"), so that Prepare finds its parent. */
void fake_add_layer(struct fake *f, const char *name, const char *parent);

/* Garbage collection, as containerd does it: now; or at the k-th moment from now (0: right after the next call). Each call and each message that is
 * sent on a stream is followed by a moment. fake_points counts the moments so far. */
void fake_collect(struct fake *f);
#define FAKE_NO_POINT    UINT64_MAX       /* ends it */
#define FAKE_EVERY_POINT (UINT64_MAX - 1) /* at each moment */
void fake_collect_at(struct fake *f, uint64_t k);
uint64_t fake_points(struct fake *f);

/* All snapshots are gone, as if nothing had ever been unpacked. */
void fake_drop_snapshots(struct fake *f);

/* What there is now. "Nothing left behind" is all zero, apart from what the test put there. */
struct fake_live {
    size_t containers, tasks, execs, snapshots /* active and views */, layers /* committed */, leases, ingests, images, blobs,
        subscriptions;
};
struct fake_live fake_live(struct fake *f);
/* Sum of containers, tasks, execs, active snapshots, leases and ingests. */
size_t fake_left_behind(struct fake *f);

/* --- injection and log -------------------------------------------------------------------------------------------------------
 */

enum fake_fault {
    FAKE_FAIL_BEFORE,  /* the call does nothing and fails */
    FAKE_FAIL_AFTER,   /* the call does its work and the answer is lost */
    FAKE_FAIL_GARBLED, /* the call does its work and the answer is not a message: INTERNAL, as the rpc client says */
};
/* The k-th call from now (0 is the next; streams count once, when opened) fails. code is ignored for FAKE_FAIL_GARBLED. */
void fake_fail_call(struct fake *f, uint64_t k, enum fake_fault fault, enum err_code code);
/* Calls of a method ("Tasks/Start") fail with a text (NULL: a standard one), `times` of them (0: all). */
void fake_fail_method(struct fake *f, const char *method, enum fake_fault fault, enum err_code code, const char *message,
                      unsigned times);
/* Ends both kinds. */
void fake_fail_off(struct fake *f);
/* Every answer, streamed ones too, has these bytes in place of its own (kept by reference; NULL ends it). */
void fake_answer_with(struct fake *f, const void *p, size_t n);

/* Number of calls since the start or fake_reset; the name of the i-th ("Tasks/Create"), valid until the next reset. */
size_t fake_calls(struct fake *f);
const char *fake_call(struct fake *f, size_t i);
/* How often a method was called; the index of its first call from `from` on, or -1. */
size_t fake_count(struct fake *f, const char *method);
long fake_index(struct fake *f, const char *method, size_t from);
/* True when the calls since the reset are exactly these, NULL-terminated; prints both lists when not. */
bool fake_calls_are(struct fake *f, const char *const *methods);
/* The lease that the last call of a method was made with, or NULL. */
const char *fake_lease_of(struct fake *f, const char *method);

#endif
