/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListContainers, with its filters: id (or a unique prefix of one), state, pod, labels.
 */
#include <string.h>

#include "cri/container.h"
#include "cri/convert.h"
#include "cri/handlers.h"

bool container_matches(const struct container *c, const char *id, const char *sandbox_id, const void *labels, size_t n_labels)
{
    return strncmp(c->o.id, id, strlen(id)) == 0 && strncmp(c->meta.sandbox_id, sandbox_id, strlen(sandbox_id)) == 0 &&
           convert_labels_match(c->meta.config->labels, c->meta.config->n_labels, labels, n_labels);
}

static bool matches(const struct container *c, Runtime__V1__ContainerState state, const Runtime__V1__ContainerFilter *f)
{
    if (!f)
        return true;
    if (f->state && f->state->state != state)
        return false;
    return container_matches(c, f->id, f->pod_sandbox_id, f->label_selector, f->n_label_selector);
}

static int fill(const struct container *c, const struct container_status *st, struct arena *a, Runtime__V1__Container *item, struct err *e)
{
    const Runtime__V1__ContainerConfig *config = c->meta.config;
    runtime__v1__container__init(item);
    item->id = convert_str(a, c->o.id);
    item->pod_sandbox_id = convert_str(a, c->meta.sandbox_id);
    item->metadata = convert_container_metadata(a, config->metadata);
    item->image = convert_image_spec(a, config->image->user_specified_image[0] ? config->image->user_specified_image : config->image->image);
    item->image_ref = convert_str(a, c->meta.image_ref);
    item->image_id = convert_str(a, c->meta.image_ref);
    item->state = container_status_state(st);
    item->created_at = st->created_at;
    if (!item->id || !item->pod_sandbox_id || !item->metadata || !item->image || !item->image_ref || !item->image_id ||
        convert_map(a, config->labels, config->n_labels, &runtime__v1__container__labels_entry__descriptor, &item->labels, &item->n_labels) < 0 ||
        convert_map(a, config->annotations, config->n_annotations, &runtime__v1__container__annotations_entry__descriptor, &item->annotations,
                    &item->n_annotations) < 0)
        return err_oom(e);
    return 0;
}

int cri_list_containers(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ListContainersRequest *req,
                        Runtime__V1__ListContainersResponse *resp, struct err *e)
{
    struct arena *a = &call->arena;
    struct object **list;
    size_t n;
    TRY(store_list(&s->containers, a, &list, &n, e));
    resp->containers = ARENA_NEW_N(a, Runtime__V1__Container *, n);
    int r = resp->containers ? 0 : err_oom(e);
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        object_lock(&c->o);
        bool hidden = c->o.hidden;
        struct container_status st = c->status;
        object_unlock(&c->o);
        if (r == 0 && !hidden && matches(c, container_status_state(&st), req->filter)) {
            Runtime__V1__Container *item = ARENA_NEW(a, Runtime__V1__Container);
            r = item ? fill(c, &st, a, item, e) : err_oom(e);
            if (r == 0)
                resp->containers[resp->n_containers++] = item;
        }
        container_unref(c);
    }
    return r;
}
