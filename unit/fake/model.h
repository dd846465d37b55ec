/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model: what the files of the fake containerd share. Private to unit/fake/.
 */
#ifndef CRI_UNIT_FAKE_MODEL_H
#define CRI_UNIT_FAKE_MODEL_H

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "containerd/content_v1.pb-c.h"
#include "containerd/containers_v1.pb-c.h"
#include "containerd/images_v1.pb-c.h"
#include "containerd/leases_v1.pb-c.h"
#include "containerd/snapshots_v1.pb-c.h"
#include "containerd/tasks_v1.pb-c.h"
#include "containerd/types.pb-c.h"
#include "fake.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/methods.h"

/* A list of pointers; the model is small, so it is searched from end to end. */
struct fake_list {
    void **v;
    size_t n, cap;
};
void fake_list_add(struct fake_list *l, void *p);
/* Takes the i-th out, keeping the order. */
void *fake_list_take(struct fake_list *l, size_t i);
void fake_list_done(struct fake_list *l, void (*free_one)(void *));

/* Memory of the C library; ends the program when there is none. */
void *fake_zalloc(size_t n);
char *fake_strdup(const char *s);
/* A deep copy of a message, in memory of the C library. Freed with fake_message_free (NULL is allowed). */
void *fake_copy(const void *message);
void fake_message_free(void *message);

struct fake_process {
    char *container_id, *exec_id; /* exec_id "": the task */
    uint32_t pid, exit_status;
    int status; /* enum ctrd_task_status */
    int64_t exited_at;
    char *stdin_path, *stdout_path, *stderr_path;
    int stdin_fd, stdout_fd, stderr_fd; /* -1: not open */
    bool terminal;
    char *text;   /* what scripts match */
    char *resources; /* what Tasks.Update said last, or NULL */
    uint64_t due; /* scripted exit, CLOCK_NEVER for none */
    uint32_t due_status;
    const struct fake_script *script; /* or NULL */
};

struct fake_snapshot {
    char *snapshotter;
    uint64_t number;
    bool kept; /* by the collection that runs */
    Containerd__Services__Snapshots__V1__Info *info;
};

struct fake_blob {
    Containerd__Services__Content__V1__Info *info;
    uint8_t *p;
    size_t n;
    bool kept;
};

struct fake_ingest {
    Containerd__Services__Content__V1__Status *status;
    uint8_t *p;
    size_t n, cap;
    bool locked; /* a writer is open */
    bool leased; /* begun under a lease: goes when that goes */
    bool kept;
};

/* A stream, seen from the fake. */
struct fake_stream {
    struct fake *f;
    const struct proto_method *method;
    char *lease; /* of the call, NULL: none */
    struct fake_list messages; /* struct fake_bytes: packed answers that wait */
    bool ended, closed;
    struct err end;        /* code 0: OK */
    struct err last_error; /* FAKE_FAIL_AFTER: what the peer sees in place of the end */
    bool asked, subscription;
    char **filters;
    size_t n_filters;
    struct fake_ingest *ingest; /* Content.Write */
    int64_t total;
    char *expected;
};
struct fake_bytes {
    size_t n;
    uint8_t p[];
};

struct fake {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool threads;
    char *version, *rootfs;
    struct fake_list unimplemented; /* char * */
    struct fake_list plugins;       /* Introspection Plugin messages */
    struct fake_list namespaces;    /* char * */
    struct fake_list containers;    /* Container messages */
    struct fake_list images, leases;
    struct fake_list processes; /* struct fake_process */
    struct fake_list snapshots; /* struct fake_snapshot */
    struct fake_list blobs, ingests;
    struct fake_list diff_ids; /* char *, layer and diff id in turn */
    struct fake_list scripts;  /* struct fake_script */
    struct fake_list streams;  /* open ones */
    struct fake_list faults;   /* struct fake_fault_rule */
    struct fake_list log;      /* struct fake_log_entry */
    struct fake_list held;     /* what leases hold */
    uint64_t next_number;      /* pids, snapshot numbers */
    uint64_t points, collect_at; /* moments between calls so far; the one at which a collection runs */
    bool collect_always;
    const void *answer;
    size_t answer_n;
    struct rpc_channel channel;
};

/* A call in the model: its scratch memory and its error. */
struct fake_ctx {
    struct fake *f;
    const struct ctx *ctx;
    struct arena *a;
    struct err *e;
};

/* The handlers: fill `answer`, whose parts may point into the model or the scratch arena. 0 or a negative code. The lock is held.
 */
typedef int fake_unary_fn(struct fake_ctx *c, const void *request, void *answer);
/* Handles one message on a stream: queues answers with fake_stream_push and ends it with fake_stream_end, or keeps it open. */
typedef int fake_stream_fn(struct fake_ctx *c, struct fake_stream *s, const void *request);

struct fake_handler {
    int method; /* index into containerd_methods */
    fake_unary_fn *unary;
    fake_stream_fn *stream;
};
#define FAKE_TABLES(X)            X(server) X(containers) X(tasks) X(images) X(content) X(snapshots) X(events)
#define FAKE_TABLE_DECLARE_(name) extern const struct fake_handler fake_handlers_##name[];
FAKE_TABLES(FAKE_TABLE_DECLARE_) /* each ends with a method of -1 */

/* Packs a message and queues it for the peer. */
void fake_stream_push(struct fake_stream *s, const void *message);
/* Ends the call; e NULL: OK. */
void fake_stream_end(struct fake_stream *s, const struct err *e);

/* Waits, with the lock, until something may have changed. 0, or negative: ctx ended, or nothing can ever change. */
int fake_wait(struct fake_ctx *c, const char *what);
/* Lets scripted exits happen that are due. */
void fake_run_due(struct fake *f);
uint64_t fake_next_due(struct fake *f);

/* The time now as a message in the scratch arena, or as one of the C library. */
Google__Protobuf__Timestamp *fake_now(struct arena *a);
Google__Protobuf__Timestamp *fake_stamp(struct arena *a, int64_t ns);
/* Replaces *at, a member of a message from fake_copy, by the time now. */
void fake_touch(Google__Protobuf__Timestamp **at);
/* Sets a string member of such a message. */
void fake_set(char **member, const char *value);

/* containerd's filter language. fields tells the value of a dotted path (given as its parts), or NULL when there is none. True
 * when any of the filters matches or there are none. Raises INVALID_ARGUMENT for one that cannot be read: -1. */
typedef const char *fake_field_fn(const void *object, const char *const *parts, size_t n);
int fake_match(char **filters, size_t n_filters, fake_field_fn *field, const void *object, struct err *e);
/* An entry of any map<string, string>. */
struct fake_entry {
    ProtobufCMessage base;
    char *key, *value;
};
/* The value of a key in a map<string, string> member. */
const char *fake_map_get(size_t n, void *entries, const char *key);

/* containerd's rules for names (identifiers.Validate), labels and digests. 0 or INVALID_ARGUMENT. */
int fake_check_id(const char *id, struct err *e);
int fake_check_labels(size_t n, void *entries, const char *what, struct err *e);
bool fake_digest_ok(const char *digest);
void fake_sha256(const void *p, size_t n, char ret[FAKE_DIGEST_MAX]);

/* Publishes an event to the subscriptions. */
void fake_publish(struct fake *f, const char *topic, const void *message);

/* gc.c: what the lease of a call holds. check: NOT_FOUND when the call names a lease that is not there. Snapshots are "<snapshotter>/<name>". */
enum fake_kind { FAKE_CONTENT, FAKE_SNAPSHOT, FAKE_INGEST };
int fake_lease_check(struct fake_ctx *c);
void fake_lease_add(struct fake_ctx *c, enum fake_kind kind, const char *key);
void fake_lease_drop(struct fake_ctx *c, enum fake_kind kind, const char *key);
size_t fake_find_lease(struct fake *f, const char *id);
/* The lease and what it holds are forgotten. */
void fake_lease_end(struct fake *f, const char *id);
void fake_held_free(void *p);
/* Follows the labels that the collector follows. */
void fake_gc_labels(struct fake *f, size_t n, void *entries);
/* A collection, with the lock held; a moment at which one may have been ordered. */
void fake_gc(struct fake *f);
void fake_gc_point(struct fake *f);

struct fake_process *fake_find_process(struct fake *f, const char *id, const char *exec_id);
void fake_process_free(void *p);
void fake_end_process(struct fake *f, struct fake_process *p, uint32_t status);
struct fake_blob *fake_find_blob(struct fake *f, const char *digest, size_t *ret_i);
struct fake_snapshot *fake_find_snapshot(struct fake *f, const char *snapshotter, const char *key, size_t *ret_i);
struct fake_ingest *fake_find_ingest(struct fake *f, const char *ref, size_t *ret_i);
/* Also takes it from the streams that write it. */
void fake_drop_ingest(struct fake *f, const char *ref);
void fake_blob_free(void *p);
void fake_ingest_free(void *p);
void fake_snapshot_free(void *p);
const Containerd__Services__Containers__V1__Container *fake_find_container(struct fake *f, const char *id, size_t *ret_i);

#endif
