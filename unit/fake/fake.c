/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake containerd's life, what tests look at, and what they script. Calls come in through dispatch.c.
 */
#include "fake.h"

#include <signal.h>

#include "containerd/event_types.pb-c.h"
#include "containerd/introspection_v1.pb-c.h"
#include "dispatch.h"
#include "google/rpc/status.pb-c.h"
#include "model.h"

#define PLUGIN Containerd__Services__Introspection__V1__Plugin

static void script_free(void *p)
{
    struct fake_script *s = p;
    free((char *)s->match);
    free((char *)s->message);
    free((char *)s->out);
    free((char *)s->err_out);
    free(s);
}

static void add_plugin(struct fake *f, const char *type, const char *id, const char *error, const char *root)
{
    PLUGIN p;
    Google__Rpc__Status status;
    protobuf_c_message_init(&containerd__services__introspection__v1__plugin__descriptor, &p);
    google__rpc__status__init(&status);
    Containerd__Services__Introspection__V1__Plugin__ExportsEntry exports, *list[] = {&exports};
    protobuf_c_message_init(&containerd__services__introspection__v1__plugin__exports_entry__descriptor, &exports);
    p.type = (char *)type;
    p.id = (char *)id;
    if (error && *error) {
        status.code = ERR_UNKNOWN;
        status.message = (char *)error;
        p.init_err = &status;
    }
    if (root) {
        exports.key = (char *)"root";
        exports.value = (char *)root;
        p.exports = list;
        p.n_exports = 1;
    }
    fake_list_add(&f->plugins, fake_copy(&p));
}

struct fake *fake_new(void)
{
    struct fake *f = fake_zalloc(sizeof(*f));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, &attr);
    pthread_condattr_destroy(&attr);
    /* A test closes the reading end of a pipe and the fake writes on: as the shim, it must live on. */
    signal(SIGPIPE, SIG_IGN);
    f->version = fake_strdup("1.6.20~ds1");
    f->next_number = 1000;
    f->collect_at = FAKE_NO_POINT;
    f->channel = (struct rpc_channel){.ops = &fake_channel_ops, .user = f};
    add_plugin(f, "io.containerd.content.v1", "content", NULL, "/var/lib/containerd/io.containerd.content.v1.content");
    add_plugin(f, "io.containerd.snapshotter.v1", "native", NULL, "/var/lib/containerd/io.containerd.snapshotter.v1.native");
    add_plugin(f, "io.containerd.snapshotter.v1", "overlayfs", NULL,
               "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs");
    add_plugin(f, "io.containerd.snapshotter.v1", "zfs",
               "path must be a zfs filesystem to be used with the zfs snapshotter: skip plugin", NULL);
    add_plugin(f, "io.containerd.runtime.v2", "task", NULL, NULL);
    add_plugin(f, "io.containerd.grpc.v1", "containers", NULL, NULL);
    add_plugin(f, "io.containerd.grpc.v1", "tasks", NULL, NULL);
    return f;
}

static void empty(struct fake *f)
{
    fake_list_done(&f->namespaces, free);
    fake_list_done(&f->containers, fake_message_free);
    fake_list_done(&f->images, fake_message_free);
    fake_list_done(&f->leases, fake_message_free);
    fake_list_done(&f->held, fake_held_free);
    fake_list_done(&f->processes, fake_process_free);
    fake_list_done(&f->snapshots, fake_snapshot_free);
    fake_list_done(&f->blobs, fake_blob_free);
    fake_list_done(&f->ingests, fake_ingest_free);
    fake_list_done(&f->log, fake_log_entry_free);
}

void fake_reset(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->streams.n; i++)
        ((struct fake_stream *)f->streams.v[i])->ingest = NULL;
    empty(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_free(struct fake *f)
{
    if (!f)
        return;
    empty(f);
    fake_list_done(&f->unimplemented, free);
    fake_list_done(&f->plugins, fake_message_free);
    fake_list_done(&f->diff_ids, free);
    fake_list_done(&f->scripts, script_free);
    fake_list_done(&f->faults, fake_fault_rule_free);
    free(f->streams.v);
    free(f->version);
    free(f->rootfs);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

const struct rpc_channel *fake_channel(struct fake *f)
{
    return &f->channel;
}

struct ctrd fake_ctrd(struct fake *f)
{
    return ctrd_client(&f->channel);
}

void fake_set_threads(struct fake *f, bool threads)
{
    f->threads = threads;
}

void fake_set_version(struct fake *f, const char *version)
{
    fake_set(&f->version, version);
}

void fake_unimplement(struct fake *f, const char *method)
{
    pthread_mutex_lock(&f->lock);
    fake_list_add(&f->unimplemented, fake_strdup(method));
    pthread_mutex_unlock(&f->lock);
}

void fake_add_plugin(struct fake *f, const char *type, const char *id, const char *error)
{
    pthread_mutex_lock(&f->lock);
    add_plugin(f, type, id, error, NULL);
    pthread_mutex_unlock(&f->lock);
}

static char *dup_or_null(const char *s)
{
    return s ? fake_strdup(s) : NULL;
}

void fake_script(struct fake *f, const struct fake_script *script)
{
    struct fake_script *s = fake_zalloc(sizeof(*s));
    *s = *script;
    s->match = dup_or_null(script->match);
    s->message = dup_or_null(script->message);
    s->out = dup_or_null(script->out);
    s->err_out = dup_or_null(script->err_out);
    pthread_mutex_lock(&f->lock);
    fake_list_add(&f->scripts, s);
    pthread_mutex_unlock(&f->lock);
}

bool fake_exit(struct fake *f, const char *id, const char *exec_id, uint32_t status)
{
    pthread_mutex_lock(&f->lock);
    struct fake_process *p = fake_find_process(f, id, exec_id);
    bool ok = p && (p->status == CTRD_TASK_RUNNING || p->status == CTRD_TASK_CREATED);
    if (ok)
        fake_end_process(f, p, status);
    pthread_mutex_unlock(&f->lock);
    return ok;
}

const char *fake_task_resources(struct fake *f, const char *id)
{
    pthread_mutex_lock(&f->lock);
    struct fake_process *p = fake_find_process(f, id, NULL);
    const char *text = p ? p->resources : NULL;
    pthread_mutex_unlock(&f->lock);
    return text;
}

void fake_task_oom(struct fake *f, const char *id)
{
    Containerd__Events__TaskOOM m;
    protobuf_c_message_init(&containerd__events__task_oom__descriptor, &m);
    m.container_id = (char *)id;
    pthread_mutex_lock(&f->lock);
    fake_publish(f, "/tasks/oom", &m);
    pthread_mutex_unlock(&f->lock);
}

void fake_set_diff_id(struct fake *f, const char *layer_digest, const char *diff_id)
{
    pthread_mutex_lock(&f->lock);
    fake_list_add(&f->diff_ids, fake_strdup(layer_digest));
    fake_list_add(&f->diff_ids, fake_strdup(diff_id));
    pthread_mutex_unlock(&f->lock);
}

void fake_set_rootfs(struct fake *f, const char *dir)
{
    pthread_mutex_lock(&f->lock);
    free(f->rootfs);
    f->rootfs = dup_or_null(dir);
    pthread_mutex_unlock(&f->lock);
}

void fake_drop_snapshots(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    fake_list_done(&f->snapshots, fake_snapshot_free);
    pthread_mutex_unlock(&f->lock);
}

static bool left_over(int kind)
{
    return kind != CONTAINERD__SERVICES__SNAPSHOTS__V1__KIND__COMMITTED;
}

struct fake_live fake_live(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    fake_run_due(f);
    struct fake_live l = {
        .containers = f->containers.n,
        .leases = f->leases.n,
        .ingests = f->ingests.n,
        .images = f->images.n,
        .blobs = f->blobs.n,
    };
    for (size_t i = 0; i < f->processes.n; i++)
        *(((struct fake_process *)f->processes.v[i])->exec_id[0] ? &l.execs : &l.tasks) += 1;
    for (size_t i = 0; i < f->snapshots.n; i++)
        *(left_over((int)((struct fake_snapshot *)f->snapshots.v[i])->info->kind) ? &l.snapshots : &l.layers) += 1;
    for (size_t i = 0; i < f->streams.n; i++)
        l.subscriptions += ((struct fake_stream *)f->streams.v[i])->subscription;
    pthread_mutex_unlock(&f->lock);
    return l;
}

size_t fake_left_behind(struct fake *f)
{
    struct fake_live l = fake_live(f);
    return l.containers + l.tasks + l.execs + l.snapshots + l.leases + l.ingests;
}
