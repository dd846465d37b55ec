/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunPodSandbox.
 *
 * The order is what makes it fast and safe (ARCHITECTURE.md, "The life of a RunPodSandbox"): the record with the path of the network namespace is
 * durable in containerd before anything is made, so a killed daemon finds what to undo; then the network is set up on a thread of its own
 * beside the snapshot and the task of the pause container; one update stores address and CNI result; then the pause process starts.
 * Every step pushes its undoing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/undo.h"
#include "cni/netns.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/networks.h"
#include "cri/once.h"
#include "cri/sandbox.h"
#include "cri/records.h"
#include "cri/seccomp.h"
#include "oci/constants.h"
#include "parse/cniresult.h"
#include "proto/methods.h"
#include "state/gojson.h"

enum { SPEC_MAX = 4 << 20, RECORD_MAX = 16 << 20 };

/* Everything that one run knows. The sandbox is counted; the rest lives as long as the call. */
struct run {
    struct cri_service *s;
    struct ctx ctx; /* the work's own limit */
    struct arena *arena;
    struct sandbox *sb;
    struct image *image;
    const struct runtime_handler *handler;
    struct cri_seccomp seccomp;
    struct undo undo;
    struct cni_pod_result network;
    struct ctrd_mounts rootfs;
    uint32_t pid;
    uint64_t runtime_took; /* ns that making the task took */
    bool task_left; /* the rollback could not delete the task */
    /* the network's thread */
    pthread_t thread;
    bool thread_started;
    struct ctx network_ctx;
    struct cancel network_cancel, network_over;
    int network_r;
    struct err network_err;
};

static int validate_namespaces(const Runtime__V1__NamespaceOption *o, struct err *e)
{
    const struct {
        const char *name;
        Runtime__V1__NamespaceMode mode;
    } modes[] = {{"network", o->network}, {"pid", o->pid}, {"ipc", o->ipc}};
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if ((unsigned)modes[i].mode > RUNTIME__V1__NAMESPACE_MODE__TARGET)
            return err_raise(e, ERR_INVALID_ARGUMENT, "namespace_options.%s is %d, which is no mode", modes[i].name, (int)modes[i].mode);
    if (o->userns_options && o->userns_options->mode == RUNTIME__V1__NAMESPACE_MODE__POD)
        return err_raise(e, ERR_UNIMPLEMENTED, "namespace_options.userns_options: user namespaces are not served");
    return 0;
}

static int validate_port(const Runtime__V1__PortMapping *p, size_t i, struct err *e)
{
    char address[CNI_IP_TEXT_MAX];
    bool v6;
    if (p->host_port < 0 || p->host_port > UINT16_MAX || p->container_port < 0 || p->container_port > UINT16_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.port_mappings[%zu]: port %d or %d is outside 0 to %d", i, p->host_port, p->container_port,
                         UINT16_MAX);
    if ((unsigned)p->protocol > RUNTIME__V1__PROTOCOL__SCTP)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.port_mappings[%zu]: protocol is %d, which is none", i, (int)p->protocol);
    /* The portmap plugin would publish the port on every address. */
    if (p->host_ip[0] && !cni_ip_canonical(view_of(p->host_ip), address, &v6))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.port_mappings[%zu]: host_ip \"%s\" is not an address", i, p->host_ip);
    return 0;
}

static int validate_ports(const Runtime__V1__PodSandboxConfig *c, struct err *e)
{
    for (size_t i = 0; i < c->n_port_mappings; i++)
        TRY(validate_port(c->port_mappings[i], i, e));
    return 0;
}

static int validate_security(const struct cri_service *s, const Runtime__V1__LinuxSandboxSecurityContext *sc, struct err *e)
{
    if (!sc)
        return 0;
    if (sc->namespace_options)
        TRY(validate_namespaces(sc->namespace_options, e));
    return sandbox_check_apparmor(s, sc->apparmor, "", e);
}

static int validate(const struct cri_service *s, const Runtime__V1__RunPodSandboxRequest *req, struct err *e)
{
    const Runtime__V1__PodSandboxConfig *c = req->config;
    if (!c)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config is missing");
    if (!c->metadata)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.metadata is missing");
    if (c->metadata->name[0] == '\0' || c->metadata->uid[0] == '\0' || c->metadata->namespace_[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.metadata.%s is empty",
                         c->metadata->name[0] == '\0' ? "name" : c->metadata->uid[0] == '\0' ? "uid" : "namespace");
    if (c->log_directory[0] && c->log_directory[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.log_directory \"%s\" is not absolute", c->log_directory);
    TRY(validate_ports(c, e));
    return validate_security(s, c->linux ? c->linux->security_context : NULL, e);
}

static int undo_record(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    if (run->task_left)
        return err_raise(e, ERR_FAILED_PRECONDITION, "it is kept, since its task is still there"); /* a task without a record is found by nobody */
    int r = ctrd_container_delete(&run->s->ctrd, ctx, run->sb->o.id, e);
    return ctrd_is_not_found(r, e) ? 0 : r;
}

static int undo_files(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    return sandbox_files_remove(run->s, run->sb->o.id, e);
}

static int undo_netns(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    return run->s->os->netns_remove(run->sb->meta.netns_path, e);
}

static int undo_network(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    return sandbox_network_down(run->s, ctx, &run->sb->meta, e);
}

static int undo_snapshot(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    return cri_snapshot_remove(run->s, ctx, &run->sb->o, e);
}

static int undo_task(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    int r = cri_task_destroy(run->s, ctx, run->sb->o.id, e);
    run->task_left = r < 0;
    return r;
}

static int undo_store(const struct ctx *ctx, void *arg, struct err *e)
{
    struct run *run = arg;
    store_remove(&run->s->sandboxes, run->sb->o.id);
    return 0;
}

/* A new sandbox object with id, name and a copy of the configuration. */
static int make_sandbox(struct run *run, const Runtime__V1__RunPodSandboxRequest *req, const char *name, struct err *e)
{
    struct sandbox *sb = run->sb = sandbox_new();
    if (!sb)
        return err_oom(e);
    struct arena *a = &sb->o.arena;
    char id[ID_LEN + 1];
    TRY(id_generate(id, e));
    sb->meta.id = sb->o.id = arena_strdup(a, id);
    sb->meta.name = sb->o.name = arena_strdup(a, name);
    sb->meta.config = (Runtime__V1__PodSandboxConfig *)message_dup(&req->config->base, a);
    sb->meta.runtime_handler = arena_strdup(a, req->runtime_handler);
    sb->meta.netns_path = sb->meta.ip = sb->meta.process_label = sb->image_name = "";
    sb->created_at = clock_real();
    sb->o.hidden = true;
    sb->o.snapshotter = run->handler->snapshotter;
    if (!sb->meta.id || !sb->meta.name || !sb->meta.config || !sb->meta.runtime_handler)
        return err_oom(e);
    if (sandbox_host_network(req->config)) {
        sb->network_down = true;
        return 0;
    }
    _cleanup_free_ char *path = NULL;
    TRY(netns_path_new(run->s->config.netns_dir, &path, e));
    sb->meta.netns_path = arena_strdup(a, path);
    return sb->meta.netns_path ? 0 : err_oom(e);
}

/* Read before anything is made, so that a profile that is missing costs nothing. */
static int read_seccomp(struct run *run, const Runtime__V1__PodSandboxConfig *config, struct err *e)
{
    const Runtime__V1__LinuxSandboxSecurityContext *sc = config->linux ? config->linux->security_context : NULL;
    return cri_seccomp_read(&run->s->host, sc ? sc->seccomp : NULL, sc ? sc->seccomp_profile_path : "", run->s->config.unset_seccomp,
                            sc && sc->privileged, run->arena, &run->seccomp, e);
}

static int make_spec(struct run *run, struct buf *out, struct err *e)
{
    struct cri_service *s = run->s;
    const struct sandbox *sb = run->sb;
    const Runtime__V1__LinuxSandboxSecurityContext *sc = sb->meta.config->linux ? sb->meta.config->linux->security_context : NULL;
    struct oci_sandbox_input in = {
        .id = sb->o.id,
        .config = sb->meta.config,
        .image = &run->image->config,
        .image_name = sb->image_name,
        .netns_path = sb->meta.netns_path[0] ? sb->meta.netns_path : NULL,
        .shm_path = sandbox_shm_path(s, run->arena, sb->o.id),
        .resolv_path = sandbox_resolv_path(s, run->arena, sb->o.id),
        .seccomp = run->seccomp.profile,
        .seccomp_default = run->seccomp.runtime_default,
        .oom_score_adj = OCI_SANDBOX_OOM_SCORE_ADJ < s->oom_score_adj_min ? s->oom_score_adj_min : OCI_SANDBOX_OOM_SCORE_ADJ,
        .host = &s->host,
        .policy = &run->handler->policy,
    };
    if (sc && sc->run_as_user)
        in.user.uid = (uint32_t)sc->run_as_user->value;
    if (sc && sc->run_as_group)
        in.user.gid = (uint32_t)sc->run_as_group->value;
    return in.shm_path && in.resolv_path ? oci_sandbox_spec(&in, run->arena, out, e) : err_oom(e);
}

/* Containerd's record: from here on a killed daemon knows of the sandbox. */
static int create_record(struct run *run, struct err *e)
{
    struct cri_service *s = run->s;
    const struct sandbox *sb = run->sb;
    _cleanup_buf_ struct buf spec = BUF_INIT(SPEC_MAX), record = BUF_INIT(RECORD_MAX);
    struct ctrd_extension extension;
    TRY(make_spec(run, &spec, e));
    TRY(sandbox_extension(&sb->meta, &record, &extension, e));
    struct ctrd_container c = {
        .id = sb->o.id,
        .image = sb->image_name,
        .runtime_name = run->handler->type,
        .snapshotter = sb->o.snapshotter,
        .snapshot_key = sb->o.id,
        .spec = {.type_url = OCI_TYPE_URL_SPEC, .value = buf_view(&spec)},
        .extensions = &extension,
        .n_extensions = 1,
    };
    TRY(runtime_handler_options(run->handler, run->arena, &c.runtime_options, e));
    TRY(cri_record_labels(run->arena, &run->image->config.labels, sb->meta.config->labels, sb->meta.config->n_labels, META_KIND_SANDBOX,
                          &c.labels, e));
    undo_push(&run->undo, "delete the container record", undo_record, run); /* first: the answer may get lost and the record be there */
    return ctrd_container_create(&s->ctrd, &run->ctx, &c, e);
}

static void *network_thread(void *arg)
{
    struct run *run = arg;
    run->network_r = sandbox_network_up(run->s, &run->network_ctx, &run->sb->meta, &run->sb->o.arena, &run->network, &run->network_err);
    cancel_fire(&run->network_over);
    return NULL;
}

/* The namespace is made at once, since the task joins it; the plugins then run beside the task's creation. */
static int network_begin(struct run *run, struct err *e)
{
    if (run->sb->meta.netns_path[0] == '\0')
        return 0;
    undo_push(&run->undo, "remove the network namespace", undo_netns, run);
    TRY(run->s->os->netns_create(run->sb->meta.netns_path, e));
    TRY(cancel_init(&run->network_cancel, e));
    TRY(cancel_init(&run->network_over, e));
    run->network_ctx = run->ctx;
    run->network_ctx.cancel = &run->network_cancel;
    run->thread_started = !run->s->config.one_thread && pthread_create(&run->thread, NULL, network_thread, run) == 0;
    if (!run->thread_started) {
        run->network_ctx = run->ctx;
        network_thread(run);
    }
    return 0;
}

/* The plugins are stopped when nobody wants the network any more, and when the daemon stops. */
static void network_join(struct run *run, bool wanted)
{
    struct pollfd p[] = {{.fd = run->network_over.wake_fd, .events = POLLIN}, {.fd = run->s->stopping.wake_fd, .events = POLLIN}};
    if (!wanted)
        cancel_fire(&run->network_cancel);
    while (poll(p, ARRAY_SIZE(p), -1) < 0 && errno == EINTR)
        continue;
    if (p[1].revents)
        cancel_fire(&run->network_cancel);
    pthread_join(run->thread, NULL);
    run->thread_started = false;
}

/* A setup that fails has undone itself. wanted: the pod's other half was made. */
static int network_finish(struct run *run, bool wanted, struct err *e)
{
    if (run->thread_started)
        network_join(run, wanted);
    if (run->sb->meta.netns_path[0] == '\0')
        return 0;
    if (run->network_r < 0) {
        *e = run->network_err;
        return run->network_r;
    }
    undo_push(&run->undo, "tear down the network", undo_network, run);
    struct sandbox_meta *m = &run->sb->meta;
    _cleanup_buf_ struct buf json = BUF_INIT(RECORD_MAX);
    struct jsonw w;
    jsonw_init(&w, &json);
    cni_result_write_json(&w, &run->network);
    TRY(jsonw_finish(&w, e));
    char *text = arena_view(&run->sb->o.arena, buf_view(&json));
    if (!text)
        return err_oom(e);
    m->cni_result = view_make(text, json.n);
    m->ip = run->network.ip;
    m->additional_ips = run->network.additional_ips;
    return 0;
}

/* The time that the record says, so that it is the same after a restart. It is read while the network is being set up and costs nothing. */
static int read_created_at(struct run *run, struct err *e)
{
    struct ctrd_container record;
    TRY(ctrd_container_get(&run->s->ctrd, &run->ctx, run->sb->o.id, run->arena, &record, e));
    run->sb->created_at = record.created_at;
    return 0;
}

static int task_create(struct run *run, struct err *e)
{
    struct cri_service *s = run->s;
    const char *id = run->sb->o.id;
    undo_push(&run->undo, "remove the snapshot", undo_snapshot, run);
    TRY(ctrd_snapshot_prepare(&s->ctrd, &run->ctx, run->sb->o.snapshotter, id, run->image->chain_id, NULL, run->arena, &run->rootfs, e));
    struct ctrd_task_create t = {.container_id = id, .rootfs = run->rootfs};
    TRY(runtime_handler_options(run->handler, run->arena, &t.options, e));
    undo_push(&run->undo, "delete the task", undo_task, run);
    uint64_t began = clock_mono();
    TRY(ctrd_task_create(&s->ctrd, &run->ctx, &t, &run->pid, e));
    run->runtime_took = clock_mono() - began;
    return 0;
}

static int store_network(struct run *run, struct err *e)
{
    if (run->sb->meta.netns_path[0] == '\0')
        return 0;
    _cleanup_buf_ struct buf record = BUF_INIT(RECORD_MAX);
    struct ctrd_extension extension;
    TRY(sandbox_extension(&run->sb->meta, &record, &extension, e));
    struct ctrd_container c = {.id = run->sb->o.id, .extensions = &extension, .n_extensions = 1};
    static const char *const fields[] = {CTRD_FIELD_EXTENSIONS "." META_SANDBOX_EXTENSION, NULL};
    return ctrd_container_update(&run->s->ctrd, &run->ctx, &c, fields, e);
}

/* The sandbox is in its store before it has a network, so that the collection of dead networks spares it, and before its process runs, so that an
 * exit is never missed. Clients see it once it is complete. */
static int add_hidden(struct run *run, struct err *e)
{
    TRY(store_add(&run->s->sandboxes, &run->sb->o, e));
    undo_push(&run->undo, "forget the sandbox", undo_store, run);
    return 0;
}

static int start(struct run *run, struct err *e)
{
    struct sandbox *sb = run->sb;
    uint32_t pid;
    uint64_t began = clock_mono();
    TRY(ctrd_task_start(&run->s->ctrd, &run->ctx, sb->o.id, NULL, &pid, e));
    cri_metrics_time(&run->s->metrics, CRI_TIMER_SANDBOX_RUNTIME_CREATE, began - run->runtime_took); /* without the wait for the network */
    object_lock(&sb->o);
    sb->pid = run->pid;
    if (sb->state == SANDBOX_STATE_UNKNOWN)
        sb->state = SANDBOX_STATE_READY;
    sb->o.hidden = false;
    object_changed(&sb->o);
    object_unlock(&sb->o);
    return 0;
}

static int steps(struct run *run, const Runtime__V1__RunPodSandboxRequest *req, const char *name, struct err *e)
{
    struct cri_service *s = run->s;
    TRY(runtime_handler_of_pod(&s->handlers, req->config, req->runtime_handler, &run->handler, e));
    TRY(read_seccomp(run, req->config, e));
    if (!sandbox_host_network(req->config))
        TRY(cni_ready(network_of_pod(s, req->config, req->runtime_handler), e));
    TRY(make_sandbox(run, req, name, e));
    const char *image_name;
    TRY(cri_ensure_sandbox_image(s, &run->ctx, &run->image, &image_name, e));
    run->sb->image_name = arena_strdup(&run->sb->o.arena, image_name);
    if (!run->sb->image_name)
        return err_oom(e);
    TRY(image_unpack(s->images, &run->ctx, run->handler->snapshotter, &run->image, e));
    undo_push(&run->undo, "remove the pod's files", undo_files, run);
    TRY(sandbox_files_make(s, run->arena, run->sb->o.id, req->config, e));
    TRY(create_record(run, e));
    TRY(add_hidden(run, e));
    TRY(network_begin(run, e));
    int r = task_create(run, e);
    if (r == 0)
        r = read_created_at(run, e);
    struct err network_err = ERR_INIT;
    int nr = network_finish(run, r == 0, &network_err);
    if (r == 0 && nr < 0) {
        *e = network_err;
        r = nr;
    }
    TRY(r);
    TRY(store_network(run, e));
    return start(run, e);
}

/* What could not be undone stays visible as a pod that is not ready, so that somebody removes it. */
static void keep_for_removal(struct cri_service *s, struct sandbox *sb)
{
    object_lock(&sb->o);
    sb->state = SANDBOX_STATE_NOTREADY;
    sb->o.hidden = false;
    object_unlock(&sb->o);
    cri_task_left(&sb->o);
    struct err e = ERR_INIT;
    if (sb->o.id && sb->meta.config && store_add(&s->sandboxes, &sb->o, &e) < 0)
        log_error("sandbox %s is neither made nor undone, and forgotten: %s", sb->o.id, e.message);
}

static int run_sandbox(struct cri_service *s, struct arena *a, const Runtime__V1__RunPodSandboxRequest *req, const char *name, char id[CRI_ID_SIZE],
                       struct err *e)
{
    struct run run = {
        .s = s, .arena = a, .ctx = cri_background(s, CRI_RUN_LIMIT), .network_cancel = CANCEL_INIT, .network_over = CANCEL_INIT};
    int r = steps(&run, req, name, e);
    if (r == 0) {
        undo_commit(&run.undo);
        snprintf(id, CRI_ID_SIZE, "%s", run.sb->o.id);
    } else {
        size_t failed = cri_undo(s, &run.undo, "RunPodSandbox", run.sb ? run.sb->o.id : name);
        if (failed > 0 && run.sb)
            keep_for_removal(s, run.sb);
    }
    cancel_done(&run.network_cancel);
    cancel_done(&run.network_over);
    image_unref(run.image);
    sandbox_unref(run.sb);
    return r;
}

/* An equal request for a sandbox that exists gets it; anything else under its name is refused. 1: id is set. */
static int find_existing(struct cri_service *s, const Runtime__V1__RunPodSandboxRequest *req, const char *name, char id[CRI_ID_SIZE], struct err *e)
{
    struct object *o = store_find_name(&s->sandboxes, name);
    if (!o)
        return 0;
    _cleanup_sandbox_ struct sandbox *sb = (struct sandbox *)o;
    bool equal = cri_message_equal(&sb->meta.config->base, &req->config->base) && strcmp(sb->meta.runtime_handler, req->runtime_handler) == 0;
    object_lock(o);
    bool ready = sb->state == SANDBOX_STATE_READY && !sb->stopping && !sb->removing;
    if (equal && ready)
        o->unclaimed_since = 0;
    object_unlock(o);
    if (!equal || !ready)
        return err_raise(e, ERR_ALREADY_EXISTS, "sandbox name \"%s\" belongs to sandbox \"%s\", which %s; remove that one first", name, o->id,
                         equal ? "has stopped" : "has another configuration");
    snprintf(id, CRI_ID_SIZE, "%s", o->id);
    return 1;
}

struct work {
    struct cri_service *s;
    struct arena *arena;
    const Runtime__V1__RunPodSandboxRequest *req;
};

static int do_work(void *arg, const char *name, char id[CRI_ID_SIZE], struct err *e)
{
    struct work *w = arg;
    int r = find_existing(w->s, w->req, name, id, e);
    return r != 0 ? MIN_OF(r, 0) : run_sandbox(w->s, w->arena, w->req, name, id, e);
}

int cri_run_pod_sandbox(struct cri_service *s, struct rpc_call *call, const Runtime__V1__RunPodSandboxRequest *req,
                        Runtime__V1__RunPodSandboxResponse *resp, struct err *e)
{
    TRY(validate(s, req, e));
    char *name = meta_sandbox_name(&call->arena, req->config->metadata);
    struct work w = {s, &call->arena, req};
    return name ? cri_once(s, call, &s->sandboxes, name, &req->base, do_work, &w, &resp->pod_sandbox_id, e) : err_oom(e);
}
