/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ContainerStatus, and the details that crictl inspect prints.
 */
#include <stdio.h>

#include "cri/container.h"
#include "cri/convert.h"
#include "cri/handlers.h"
#include "parse/signal.h"
#include "state/gojson.h"

enum { INFO_MAX = 16 << 20 };

static int fill_state(struct container *c, struct arena *a, Runtime__V1__ContainerStatus *st, struct err *e)
{
    object_lock(&c->o);
    struct container_status now = c->status;
    if (c->resources)
        st->resources = (Runtime__V1__ContainerResources *)message_dup(&c->resources->base, a);
    bool lost = c->resources && !st->resources;
    object_unlock(&c->o);
    st->state = container_status_state(&now);
    st->created_at = now.created_at;
    st->started_at = now.started_at;
    st->finished_at = now.finished_at;
    st->exit_code = now.exit_code;
    if (now.unknown)
        snprintf(now.reason, sizeof now.reason, "%s", CRI_REASON_UNKNOWN);
    st->reason = convert_str(a, now.reason);
    st->message = convert_str(a, now.message);
    return lost || !st->reason || !st->message ? err_oom(e) : 0;
}

static int fill_mounts(const Runtime__V1__ContainerConfig *config, struct arena *a, Runtime__V1__ContainerStatus *st, struct err *e)
{
    st->mounts = ARENA_NEW_N(a, Runtime__V1__Mount *, config->n_mounts);
    if (!st->mounts)
        return err_oom(e);
    for (size_t i = 0; i < config->n_mounts; i++) {
        st->mounts[i] = (Runtime__V1__Mount *)message_dup(&config->mounts[i]->base, a);
        if (!st->mounts[i])
            return err_oom(e);
        st->n_mounts++;
    }
    return 0;
}

/* The reference to show: a tag of the image, else a digest, else what the request said. */
static int fill_image(struct cri_service *s, const struct container *c, struct arena *a, Runtime__V1__ContainerStatus *st, struct err *e)
{
    _cleanup_image_ struct image *image = NULL;
    const Runtime__V1__ImageSpec *spec = c->meta.config->image;
    const char *name = spec->image, *ref = c->meta.image_ref;
    if (image_resolve_local(s->images, c->meta.image_ref, &image, NULL) == 1)
        ref = image->repo_digests.n ? image->repo_digests.v[0] : ref;
    if (image)
        name = image->repo_tags.n ? image->repo_tags.v[0] : image->repo_digests.n ? image->repo_digests.v[0] : name;
    if (spec->user_specified_image[0])
        name = spec->user_specified_image;
    st->image = convert_image_spec(a, name);
    st->image_ref = convert_str(a, ref);
    st->image_id = convert_str(a, c->meta.image_ref);
    return st->image && st->image_ref && st->image_id ? 0 : err_oom(e);
}

int container_fill_status(struct cri_service *s, struct container *c, struct arena *a, Runtime__V1__ContainerStatus *st, struct err *e)
{
    const Runtime__V1__ContainerConfig *config = c->meta.config;
    runtime__v1__container_status__init(st);
    st->id = convert_str(a, c->o.id);
    st->metadata = convert_container_metadata(a, config->metadata);
    st->log_path = convert_str(a, c->meta.log_path);
    st->stop_signal = (Runtime__V1__Signal)signal_to_cri(signal_number(view_of(c->meta.stop_signal)));
    if (!st->id || !st->metadata || !st->log_path ||
        convert_map(a, config->labels, config->n_labels, &runtime__v1__container_status__labels_entry__descriptor, &st->labels, &st->n_labels) < 0 ||
        convert_map(a, config->annotations, config->n_annotations, &runtime__v1__container_status__annotations_entry__descriptor, &st->annotations,
                    &st->n_annotations) < 0)
        return err_oom(e);
    TRY(fill_state(c, a, st, e));
    TRY(fill_image(s, c, a, st, e));
    return fill_mounts(config, a, st, e);
}

/* The map entry "info". The spec is containerd's to tell; without it the rest is still worth having. */
static int fill_info(struct cri_service *s, struct rpc_call *call, struct container *c, Runtime__V1__ContainerStatusResponse *resp, struct err *e)
{
    _cleanup_buf_ struct buf json = BUF_INIT(INFO_MAX);
    struct ctrd_container record;
    struct jsonw w;
    bool known = ctrd_container_get(&s->ctrd, &call->ctx, c->o.id, &call->arena, &record, e) == 0;
    object_lock(&c->o);
    uint32_t pid = c->status.pid;
    bool removing = c->removing;
    object_unlock(&c->o);
    err_clear(e);
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key_str(&w, "sandboxID", c->meta.sandbox_id);
    jsonw_key_u64(&w, "pid", pid);
    jsonw_key_bool(&w, "removing", removing);
    jsonw_key_str(&w, "snapshotKey", c->o.id);
    jsonw_key_str(&w, "snapshotter", c->o.snapshotter);
    if (known)
        jsonw_key_str(&w, "runtimeType", record.runtime_name);
    jsonw_key(&w, "config");
    gojson_write(&w, &c->meta.config->base);
    if (known && record.spec.value.n) {
        jsonw_key(&w, "runtimeSpec");
        jsonw_raw(&w, record.spec.value);
    }
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    return convert_map_one(&call->arena, "info", json.p, &runtime__v1__container_status_response__info_entry__descriptor, &resp->info,
                           &resp->n_info) < 0
               ? err_oom(e)
               : 0;
}

int cri_container_status(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ContainerStatusRequest *req,
                         Runtime__V1__ContainerStatusResponse *resp, struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    TRY(container_find(s, req->container_id, &c, e));
    resp->status = ARENA_NEW(&call->arena, Runtime__V1__ContainerStatus);
    if (!resp->status)
        return err_oom(e);
    TRY(container_fill_status(s, c, &call->arena, resp->status, e));
    return req->verbose ? fill_info(s, call, c, resp, e) : 0;
}
