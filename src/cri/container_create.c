/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateContainer: record first, then snapshot (so no lease is needed: the record is what keeps the snapshot from garbage collection), then
 * the status file. Like RunPodSandbox it goes on when its client leaves, is joined by an equal repeat, and undoes every step when one fails.
 */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "cri/container.h"
#include "cri/container_spec.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "cri/once.h"
#include "cri/records.h"
#include "cri/sandbox.h"
#include "oci/constants.h"
#include "parse/signal.h"
#include "state/gojson.h"

enum { SPEC_MAX = 4 << 20, RECORD_MAX = 16 << 20 };

struct create {
    struct cri_service *s;
    struct ctx ctx;
    struct arena *arena;
    struct sandbox *sb;
    struct container *c;
    struct image *image;
    const struct runtime_handler *handler;
    struct undo undo;
};

/* An absolute path, or one with a ".." in it. */
static bool leads_outside(const char *path)
{
    struct view rest = view_of(path), part;
    if (path[0] == '/')
        return true;
    while (rest.n > 0) {
        view_cut(rest, '/', &part, &rest);
        if (view_eq_str(part, ".."))
            return true;
    }
    return false;
}

static int validate(const Runtime__V1__CreateContainerRequest *req, struct err *e)
{
    if (!req->config)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config is missing");
    if (!req->config->metadata)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.metadata is missing");
    if (req->config->metadata->name[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.metadata.name is empty");
    if (req->config->n_cdi_devices > 0)
        return err_raise(e, ERR_UNIMPLEMENTED, "config.CDI_devices: CDI devices are not served");
    if (leads_outside(req->config->log_path))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.log_path \"%s\" leads out of the pod's log directory", req->config->log_path);
    if (!req->config->image || req->config->image->image[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.image is missing");
    return 0;
}

static int undo_record(const struct ctx *ctx, void *arg, struct err *e)
{
    struct create *cr = arg;
    int r = ctrd_container_delete(&cr->s->ctrd, ctx, cr->c->o.id, e);
    return ctrd_is_not_found(r, e) ? 0 : r;
}

static int undo_snapshot(const struct ctx *ctx, void *arg, struct err *e)
{
    struct create *cr = arg;
    return cri_snapshot_remove(cr->s, ctx, &cr->c->o, e);
}

static int undo_files(const struct ctx *ctx, void *arg, struct err *e)
{
    struct create *cr = arg;
    return container_files_remove(cr->s, cr->c->o.id, e);
}

/* The stop signal: the request's, else the image's, else SIGTERM. */
static int stop_signal(const struct create *cr, const Runtime__V1__ContainerConfig *config, const char **ret, struct err *e)
{
    int number = signal_from_cri((int)config->stop_signal);
    if (number == 0 && cr->image->config.stop_signal[0]) {
        int r = signal_parse(view_of(cr->image->config.stop_signal), &number, e);
        if (r < 0)
            return err_wrap(e, r, "stop signal of image \"%s\"", cr->image->id);
    }
    *ret = number ? signal_name(number) : "SIGTERM";
    return 0;
}

/* What ContainerStatus tells of the container's limits until they are changed. */
static int copy_resources(struct container *c, const Runtime__V1__ContainerConfig *config, struct err *e)
{
    if (!config->linux || !config->linux->resources)
        return 0;
    struct arena *a = &c->resources_arena;
    c->resources = ARENA_NEW(a, Runtime__V1__ContainerResources);
    if (!c->resources)
        return err_oom(e);
    runtime__v1__container_resources__init(c->resources);
    c->resources->linux = (Runtime__V1__LinuxContainerResources *)message_dup(&config->linux->resources->base, a);
    return c->resources->linux ? 0 : err_oom(e);
}

static int make_container(struct create *cr, const Runtime__V1__CreateContainerRequest *req, const char *name, struct err *e)
{
    struct container *c = cr->c = container_new();
    if (!c)
        return err_oom(e);
    struct arena *a = &c->o.arena;
    char id[ID_LEN + 1];
    TRY(id_generate(id, e));
    c->meta.id = c->o.id = arena_strdup(a, id);
    c->meta.name = c->o.name = arena_strdup(a, name);
    c->meta.sandbox_id = arena_strdup(a, cr->sb->o.id);
    c->meta.config = (Runtime__V1__ContainerConfig *)message_dup(&req->config->base, a);
    c->meta.image_ref = arena_strdup(a, cr->image->id);
    c->meta.process_label = "";
    c->meta.log_path = "";
    TRY(stop_signal(cr, req->config, &c->meta.stop_signal, e));
    const char *log_dir = cr->sb->meta.config->log_directory;
    if (log_dir[0] && req->config->log_path[0])
        c->meta.log_path = fs_join(a, log_dir, req->config->log_path);
    c->tty = req->config->tty;
    c->status.created_at = clock_real();
    c->o.hidden = true;
    c->o.snapshotter = cr->handler->snapshotter;
    TRY(copy_resources(c, req->config, e));
    bool complete = c->meta.id && c->meta.name && c->meta.sandbox_id && c->meta.config && c->meta.image_ref && c->meta.log_path;
    return complete ? 0 : err_oom(e);
}

static int make_directories(struct create *cr, struct err *e)
{
    char *root = container_root_dir(cr->s, cr->arena, cr->c->o.id), *io = container_io_dir(cr->s, cr->arena, cr->c->o.id);
    if (!root || !io)
        return err_oom(e);
    undo_push(&cr->undo, "remove the container's files", undo_files, cr);
    TRY(fs_mkdir_all(root, 0700, e));
    return fs_mkdir_all(io, 0700, e);
}

static int create_record(struct create *cr, struct err *e)
{
    struct cri_service *s = cr->s;
    struct container *c = cr->c;
    const Runtime__V1__ContainerConfig *config = c->meta.config;
    _cleanup_buf_ struct buf spec = BUF_INIT(SPEC_MAX), json = BUF_INIT(RECORD_MAX);
    TRY(container_spec_make(s, &cr->ctx, cr->handler, cr->sb, c, cr->image, cr->arena, &spec, e));
    TRY(meta_container_encode(&c->meta, &json, e));
    struct ctrd_extension extension = {
        .key = META_CONTAINER_EXTENSION,
        .any = {.type_url = META_CONTAINER_TYPE_URL, .value = buf_view(&json)},
    };
    struct ctrd_container record = {
        .id = c->o.id,
        .image = cr->image->names.n ? cr->image->names.v[0] : cr->image->id,
        .runtime_name = cr->handler->type,
        .snapshotter = c->o.snapshotter,
        .snapshot_key = c->o.id,
        .spec = {.type_url = OCI_TYPE_URL_SPEC, .value = buf_view(&spec)},
        .extensions = &extension,
        .n_extensions = 1,
    };
    TRY(runtime_handler_options(cr->handler, cr->arena, &record.runtime_options, e));
    TRY(cri_record_labels(cr->arena, &cr->image->config.labels, config->labels, config->n_labels, META_KIND_CONTAINER, &record.labels, e));
    undo_push(&cr->undo, "delete the container record", undo_record, cr); /* first: the answer may get lost and the record be there */
    return ctrd_container_create(&s->ctrd, &cr->ctx, &record, e);
}

static int create_snapshot(struct create *cr, struct err *e)
{
    struct ctrd_mounts mounts;
    undo_push(&cr->undo, "remove the snapshot", undo_snapshot, cr);
    return ctrd_snapshot_prepare(&cr->s->ctrd, &cr->ctx, cr->c->o.snapshotter, cr->c->o.id, cr->image->chain_id, NULL, cr->arena, &mounts, e);
}

static int find_image(struct create *cr, const Runtime__V1__ContainerConfig *config, struct err *e)
{
    int r = image_resolve_local(cr->s->images, config->image->image, &cr->image, e);
    if (r <= 0)
        return r < 0 ? r : err_raise(e, ERR_NOT_FOUND, "image \"%s\" is not present", config->image->image);
    TRY(image_unpack(cr->s->images, &cr->ctx, cr->s->config.snapshotter, &cr->image, e)); /* for views of it: users, volumes */
    return image_unpack(cr->s->images, &cr->ctx, cr->handler->snapshotter, &cr->image, e);
}

/* With the pod's lock held, so that a pod that is being stopped or removed either sees the container or refuses it. */
static int add_to_sandbox(struct create *cr, struct err *e)
{
    object_lock(&cr->sb->o);
    int r = cr->sb->stopping || cr->sb->removing || cr->sb->state != SANDBOX_STATE_READY
                ? err_raise(e, ERR_FAILED_PRECONDITION, "sandbox \"%s\" is not running any more", cr->sb->o.id)
                : store_add(&cr->s->containers, &cr->c->o, e);
    object_unlock(&cr->sb->o);
    return r;
}

static int steps(struct create *cr, const Runtime__V1__CreateContainerRequest *req, const char *name, struct err *e)
{
    object_lock(&cr->sb->o);
    bool ready = cr->sb->state == SANDBOX_STATE_READY && !cr->sb->removing;
    object_unlock(&cr->sb->o);
    if (!ready)
        return err_raise(e, ERR_FAILED_PRECONDITION, "sandbox \"%s\" is not running", cr->sb->o.id);
    TRY(runtime_handler_of_pod(&cr->s->handlers, cr->sb->meta.config, cr->sb->meta.runtime_handler, &cr->handler, e));
    TRY(find_image(cr, req->config, e));
    TRY(make_container(cr, req, name, e));
    TRY(make_directories(cr, e));
    TRY(container_checkpoint(cr->s, cr->c, e)); /* before the record: a record without a status would be of unknown state after a crash */
    TRY(create_record(cr, e));
    TRY(create_snapshot(cr, e));
    TRY(add_to_sandbox(cr, e));
    object_lock(&cr->c->o);
    cr->c->o.hidden = false;
    object_unlock(&cr->c->o);
    return 0;
}

/* What could not be undone stays visible, so that somebody removes it; it can never be started. */
static void keep_for_removal(struct cri_service *s, struct container *c)
{
    struct err e = ERR_INIT;
    object_lock(&c->o);
    c->status.finished_at = clock_real();
    c->status.exit_code = CRI_EXIT_START_ERROR;
    c->o.hidden = false;
    object_unlock(&c->o);
    if (c->o.id && c->meta.config && store_add(&s->containers, &c->o, &e) < 0)
        log_error("container %s is neither made nor undone, and forgotten: %s", c->o.id, e.message);
}

static int create_container(struct cri_service *s, struct arena *a, struct sandbox *sb, const Runtime__V1__CreateContainerRequest *req,
                            const char *name, char id[CRI_ID_SIZE], struct err *e)
{
    struct create cr = {.s = s, .arena = a, .sb = sb, .ctx = cri_background(s, CRI_RUN_LIMIT)};
    int r = steps(&cr, req, name, e);
    if (r == 0) {
        undo_commit(&cr.undo);
        snprintf(id, CRI_ID_SIZE, "%s", cr.c->o.id);
    } else {
        size_t failed = cri_undo(s, &cr.undo, "CreateContainer", cr.c ? cr.c->o.id : name);
        if (failed > 0 && cr.c)
            keep_for_removal(s, cr.c);
    }
    image_unref(cr.image);
    container_unref(cr.c);
    return r;
}

/* As in RunPodSandbox: an equal request for a container that has not been started gets it. 1: id is set. */
static int find_existing(struct cri_service *s, const struct sandbox *sb, const Runtime__V1__CreateContainerRequest *req, const char *name,
                         char id[CRI_ID_SIZE], struct err *e)
{
    struct object *o = store_find_name(&s->containers, name);
    if (!o)
        return 0;
    _cleanup_container_ struct container *c = (struct container *)o;
    bool equal = strcmp(c->meta.sandbox_id, sb->o.id) == 0 && cri_message_equal(&c->meta.config->base, &req->config->base);
    object_lock(o);
    bool fresh = container_state(c) == RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED;
    if (equal && fresh)
        o->unclaimed_since = 0;
    object_unlock(o);
    if (!equal || !fresh)
        return err_raise(e, ERR_ALREADY_EXISTS, "container name \"%s\" belongs to container \"%s\", which %s; remove that one first", name, o->id,
                         equal ? "was started already" : "has another configuration");
    snprintf(id, CRI_ID_SIZE, "%s", o->id);
    return 1;
}

struct work {
    struct cri_service *s;
    struct arena *arena;
    struct sandbox *sb;
    const Runtime__V1__CreateContainerRequest *req;
};

static int do_work(void *arg, const char *name, char id[CRI_ID_SIZE], struct err *e)
{
    struct work *w = arg;
    int r = find_existing(w->s, w->sb, w->req, name, id, e);
    return r != 0 ? MIN_OF(r, 0) : create_container(w->s, w->arena, w->sb, w->req, name, id, e);
}

int cri_create_container(struct cri_service *s, struct rpc_call *call, const Runtime__V1__CreateContainerRequest *req,
                         Runtime__V1__CreateContainerResponse *resp, struct err *e)
{
    TRY(validate(req, e));
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    TRY(sandbox_find(s, req->pod_sandbox_id, &sb, e));
    char *name = meta_container_name(&call->arena, req->config->metadata, sb->meta.config->metadata);
    struct work w = {s, &call->arena, sb, req};
    return name ? cri_once(s, call, &s->containers, name, &req->base, do_work, &w, &resp->container_id, e) : err_oom(e);
}
