/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containerd: the operations of a containerd that this runtime uses, as plain structs (seam A of ARCHITECTURE.md).
 *
 * One table of functions, listed once in CTRD_OPS below. The real implementation (ctrd_client_new) packs each into a call on an
 * rpc_channel; unit tests plug in mocks made from the same list. Results live in the arena that the caller gives. Every operation
 * blocks, obeys ctx (deadline, cancel, lease), returns 0 or the negative code that containerd answered with (its message is kept and the object is
 * named before it), and UNAVAILABLE when containerd cannot be reached. Source of all of them: containerd's API, api/services/<name>/v1.
 * The containerd namespace ("k8s.io") is a property of the channel.
 */
#ifndef CRI_CONTAINERD_CONTAINERD_H
#define CRI_CONTAINERD_CONTAINERD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

/* A google.protobuf.Any. */
struct ctrd_any {
    const char *type_url; /* NULL: absent */
    struct view value;
};

struct ctrd_extension {
    const char *key;
    struct ctrd_any any;
};

struct ctrd_container {
    const char *id, *image, *runtime_name, *snapshotter, *snapshot_key, *sandbox_id;
    struct kvlist labels;
    struct ctrd_any runtime_options, spec;
    struct ctrd_extension *extensions;
    size_t n_extensions;
    int64_t created_at, updated_at; /* ns since 1970 */
};

struct ctrd_mount {
    const char *type, *source, *target;
    struct strlist options;
};
struct ctrd_mounts {
    struct ctrd_mount *v;
    size_t n;
};

struct ctrd_task_create {
    const char *container_id;
    struct ctrd_mounts rootfs;
    const char *stdin_path, *stdout_path, *stderr_path; /* FIFO paths, "" or NULL: none */
    bool terminal;
    struct ctrd_any options; /* runtime options (containerd.runc.v1.Options) or absent */
    const char *runtime_path; /* NULL: by name */
};

enum ctrd_task_status { CTRD_TASK_UNKNOWN = 0, CTRD_TASK_CREATED = 1, CTRD_TASK_RUNNING = 2, CTRD_TASK_STOPPED = 3, CTRD_TASK_PAUSED = 4, CTRD_TASK_PAUSING = 5 };

struct ctrd_process {
    const char *container_id, *exec_id; /* exec_id "" for the task itself */
    uint32_t pid;
    enum ctrd_task_status status;
    const char *stdin_path, *stdout_path, *stderr_path;
    bool terminal;
    uint32_t exit_status;
    int64_t exited_at;
};
struct ctrd_processes {
    struct ctrd_process *v;
    size_t n;
};

struct ctrd_exit {
    uint32_t pid, status;
    int64_t exited_at;
};

struct ctrd_exec {
    const char *container_id, *exec_id;
    const char *stdin_path, *stdout_path, *stderr_path;
    bool terminal;
    struct ctrd_any process; /* OCI process JSON */
};

struct ctrd_descriptor {
    const char *media_type, *digest;
    int64_t size;
    struct kvlist annotations;
};

struct ctrd_image {
    const char *name;
    struct kvlist labels;
    struct ctrd_descriptor target;
    int64_t created_at, updated_at;
};
struct ctrd_images {
    struct ctrd_image *v;
    size_t n;
};

struct ctrd_content_info {
    const char *digest;
    int64_t size, created_at, updated_at;
    struct kvlist labels;
};

/* State of an ingest. */
struct ctrd_ingest {
    const char *ref, *expected;
    int64_t offset, total, started_at, updated_at;
};
struct ctrd_ingests {
    struct ctrd_ingest *v;
    size_t n;
};

struct ctrd_snapshot_info {
    const char *name, *parent;
    int kind; /* 1 view, 2 active, 3 committed */
    struct kvlist labels;
    int64_t created_at, updated_at;
};
struct ctrd_snapshots {
    struct ctrd_snapshot_info *v;
    size_t n;
};
struct ctrd_usage {
    int64_t size, inodes;
};
struct ctrd_snapshot_key {
    const char *snapshotter, *key;
};

struct ctrd_lease {
    const char *id;
    struct kvlist labels;
    int64_t created_at;
};
struct ctrd_leases {
    struct ctrd_lease *v;
    size_t n;
};

struct ctrd_plugin {
    const char *type, *id; /* "io.containerd.grpc.v1", "cri" */
    bool ok;               /* loaded: no init error */
    const char *error;     /* init error message or "" */
    struct kvlist exports; /* snapshotters export "root" */
    struct strlist capabilities;
};
struct ctrd_plugins {
    struct ctrd_plugin *v;
    size_t n;
};

/* An event envelope; the payload is left packed. */
struct ctrd_event {
    int64_t timestamp;
    const char *topic; /* "/tasks/exit" */
    struct ctrd_any event;
};
/* Payloads that the runtime reads: filled by ctrd_event_decode. */
enum ctrd_event_kind { CTRD_EVENT_OTHER, CTRD_EVENT_TASK_EXIT, CTRD_EVENT_TASK_OOM, CTRD_EVENT_IMAGE /* created, updated or deleted */ };
struct ctrd_event_info {
    enum ctrd_event_kind kind;
    const char *container_id, *process_id; /* task exit: process_id == container_id for the task's first process */
    uint32_t pid, exit_status;
    int64_t exited_at;
    const char *image_name;
    bool image_deleted;
};
int ctrd_event_decode(const struct ctrd_event *event, struct arena *a, struct ctrd_event_info *ret, struct err *e);

struct ctrd_events;  /* an open subscription */
struct ctrd_writer;  /* an open content write */

/* Field masks of container_update. */
#define CTRD_FIELD_LABELS "labels"
#define CTRD_FIELD_EXTENSIONS "extensions"
#define CTRD_FIELD_SPEC "spec"

/*
 * X(name, (parameters behind ctx), (arguments)); every operation is
 * int name(void *user, const struct ctx *ctx, <parameters>, struct err *e).
 *
 * container_*: Containers service. container_list streams (ListStream), so it is bounded by the arena and not by a message; filters is a
 *   NULL-terminated list in containerd's filter syntax, or NULL. container_update sends the given fields (a NULL-terminated list of paths).
 * task_*: Tasks service. exec_id NULL or "" means the task itself. task_wait blocks until the process has exited.
 *   task_update: resources is an OCI LinuxResources Any.
 * image_*: Images service. image_create answers ALREADY_EXISTS; image_delete with sync waits for garbage collection.
 * content_read appends the whole blob to out, whose maximum bounds it. content_read_range reads [offset, offset+len).
 * writer_*: Content.Write. writer_open(ref, total size (0 unknown), expected digest or NULL) tells the offset that was reached earlier (resume);
 *   ALREADY_EXISTS when the blob is there. writer_write appends; writer_commit (labels) ends; writer_close always frees.
 * snapshot_*: Snapshots service, each with the snapshotter's name. parent "" for none. labels may be NULL.
 *   snapshot_usages asks about n snapshots at once; one that is gone, or whose usage the snapshotter cannot tell, gets a size of -1. It fails when containerd
 *   cannot be reached, when ctx ends or memory is short.
 * diff_apply: Diff.Apply of a layer descriptor onto mounts; *ret is the descriptor of the uncompressed diff (its digest is the diff id).
 * events_open/next/close: Events.Subscribe. events_next blocks (obeying ctx); 1: an event; 0: the stream ended; negative: it broke.
 * namespace_ensure: creates the channel's namespace when it is missing.
 */
#define CTRD_OPS(X)                                                                                                                          \
    X(version, (struct arena *a, const char **ret_version, const char **ret_revision), (a, ret_version, ret_revision))                      \
    X(plugins, (const char *const *filters, struct arena *a, struct ctrd_plugins *ret), (filters, a, ret))                                  \
    X(namespace_ensure, (const char *name), (name))                                                                                          \
    X(container_get, (const char *id, struct arena *a, struct ctrd_container *ret), (id, a, ret))                                            \
    X(container_list, (const char *const *filters, struct arena *a, struct ctrd_container **ret, size_t *ret_n), (filters, a, ret, ret_n))   \
    X(container_create, (const struct ctrd_container *c), (c))                                                                               \
    X(container_update, (const struct ctrd_container *c, const char *const *fields), (c, fields))                                            \
    X(container_delete, (const char *id), (id))                                                                                              \
    X(task_create, (const struct ctrd_task_create *t, uint32_t *ret_pid), (t, ret_pid))                                                      \
    X(task_start, (const char *id, const char *exec_id, uint32_t *ret_pid), (id, exec_id, ret_pid))                                          \
    X(task_delete, (const char *id, struct ctrd_exit *ret), (id, ret))                                                                       \
    X(task_delete_process, (const char *id, const char *exec_id, struct ctrd_exit *ret), (id, exec_id, ret))                                 \
    X(task_get, (const char *id, const char *exec_id, struct arena *a, struct ctrd_process *ret), (id, exec_id, a, ret))                     \
    X(task_list, (struct arena *a, struct ctrd_processes *ret), (a, ret))                                                                    \
    X(task_kill, (const char *id, const char *exec_id, uint32_t signal, bool all), (id, exec_id, signal, all))                               \
    X(task_exec, (const struct ctrd_exec *x), (x))                                                                                           \
    X(task_resize_pty, (const char *id, const char *exec_id, uint32_t width, uint32_t height), (id, exec_id, width, height))                 \
    X(task_close_io, (const char *id, const char *exec_id), (id, exec_id))                                                                   \
    X(task_wait, (const char *id, const char *exec_id, struct ctrd_exit *ret), (id, exec_id, ret))                                           \
    X(task_update, (const char *id, const struct ctrd_any *resources), (id, resources))                                                      \
    X(image_get, (const char *name, struct arena *a, struct ctrd_image *ret), (name, a, ret))                                                \
    X(image_list, (const char *const *filters, struct arena *a, struct ctrd_images *ret), (filters, a, ret))                                 \
    X(image_create, (const struct ctrd_image *image), (image))                                                                               \
    X(image_update, (const struct ctrd_image *image), (image))                                                                               \
    X(image_delete, (const char *name, bool sync), (name, sync))                                                                             \
    X(content_info, (const char *digest, struct arena *a, struct ctrd_content_info *ret), (digest, a, ret))                                  \
    X(content_read, (const char *digest, struct buf *out), (digest, out))                                                                    \
    X(content_read_range, (const char *digest, int64_t offset, int64_t len, struct buf *out), (digest, offset, len, out))                    \
    X(content_set_labels, (const char *digest, const struct kvlist *labels), (digest, labels))                                               \
    X(content_delete, (const char *digest), (digest))                                                                                        \
    X(content_ingests, (struct arena *a, struct ctrd_ingests *ret), (a, ret))                                                                \
    X(content_abort, (const char *ref), (ref))                                                                                               \
    X(writer_open, (const char *ref, int64_t total, const char *expected, struct ctrd_writer **ret, int64_t *ret_offset),                    \
      (ref, total, expected, ret, ret_offset))                                                                                               \
    X(writer_write, (struct ctrd_writer *w, struct view data), (w, data))                                                                    \
    X(writer_commit, (struct ctrd_writer *w, int64_t total, const char *expected, const struct kvlist *labels), (w, total, expected, labels)) \
    X(snapshot_prepare, (const char *snapshotter, const char *key, const char *parent, const struct kvlist *labels, struct arena *a,         \
                         struct ctrd_mounts *ret), (snapshotter, key, parent, labels, a, ret))                                               \
    X(snapshot_view, (const char *snapshotter, const char *key, const char *parent, const struct kvlist *labels, struct arena *a,            \
                      struct ctrd_mounts *ret), (snapshotter, key, parent, labels, a, ret))                                                  \
    X(snapshot_mounts, (const char *snapshotter, const char *key, struct arena *a, struct ctrd_mounts *ret), (snapshotter, key, a, ret))     \
    X(snapshot_commit, (const char *snapshotter, const char *name, const char *key, const struct kvlist *labels), (snapshotter, name, key, labels)) \
    X(snapshot_remove, (const char *snapshotter, const char *key), (snapshotter, key))                                                       \
    X(snapshot_stat, (const char *snapshotter, const char *key, struct arena *a, struct ctrd_snapshot_info *ret), (snapshotter, key, a, ret)) \
    X(snapshot_list, (const char *snapshotter, struct arena *a, struct ctrd_snapshots *ret), (snapshotter, a, ret))                          \
    X(snapshot_usage, (const char *snapshotter, const char *key, struct ctrd_usage *ret), (snapshotter, key, ret))                           \
    X(snapshot_usages, (const struct ctrd_snapshot_key *keys, size_t n, struct ctrd_usage *ret), (keys, n, ret))                             \
    X(lease_create, (const char *id, const struct kvlist *labels), (id, labels))                                                             \
    X(lease_delete, (const char *id, bool sync), (id, sync))                                                                                 \
    X(lease_list, (struct arena *a, struct ctrd_leases *ret), (a, ret))                                                                      \
    X(diff_apply, (const struct ctrd_descriptor *layer, const struct ctrd_mounts *mounts, struct arena *a, struct ctrd_descriptor *ret),     \
      (layer, mounts, a, ret))                                                                                                               \
    X(events_open, (const char *const *filters, struct ctrd_events **ret), (filters, ret))                                                   \
    X(events_next, (struct ctrd_events *s, struct arena *a, struct ctrd_event *ret), (s, a, ret))

#define CTRD_STRIP_(...) __VA_ARGS__
#define CTRD_OP_MEMBER_(name, params, args) int (*name)(void *user, const struct ctx *ctx, CTRD_STRIP_ params, struct err *e);
struct ctrd_ops {
    CTRD_OPS(CTRD_OP_MEMBER_)
    void (*events_close)(void *user, struct ctrd_events *s);
    void (*writer_close)(void *user, struct ctrd_writer *w);
};

struct ctrd {
    const struct ctrd_ops *ops;
    void *user;
};

/* ctrd_container_get(c, ctx, id, arena, &container, e) and so on: one inline wrapper an operation. */
#define CTRD_OP_WRAPPER_(name, params, args)                                                                                 \
    static inline _unused_ int ctrd_##name(const struct ctrd *self, const struct ctx *ctx, CTRD_STRIP_ params, struct err *e)   \
    {                                                                                                                        \
        return self->ops->name(self->user, ctx, CTRD_STRIP_ args, e);                                                              \
    }
CTRD_OPS(CTRD_OP_WRAPPER_)

static inline _unused_ void ctrd_events_close(const struct ctrd *c, struct ctrd_events *s)
{
    if (s)
        c->ops->events_close(c->user, s);
}
static inline _unused_ void ctrd_writer_close(const struct ctrd *c, struct ctrd_writer *w)
{
    if (w)
        c->ops->writer_close(c->user, w);
}

/* The real operations over a channel (kept by reference). The result needs no freeing. */
struct rpc_channel;
struct ctrd ctrd_client(const struct rpc_channel *channel);

/* Classification of containerd's and runc's answers, for 1.6, 1.7 and 2.x (the seed's isContainerdContainerNotExistError and
 * isRuncProcessAlreadyFinishedError). r is the negative code a call returned. */
bool ctrd_is_not_found(int r, const struct err *e);
bool ctrd_is_process_finished(int r, const struct err *e);

#endif
