/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.images.v1: names for content. CRI's image id is such a name too.
 */
#include "containerd/images_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Images__V1__##name

static int pack(const struct ctrd_image *image, struct arena *a, MSG(Image) **ret, struct err *e)
{
    MSG(Image) *m = ARENA_NEW(a, MSG(Image));
    if (!m)
        return err_oom(e);
    protobuf_c_message_init(&containerd__services__images__v1__image__descriptor, m);
    m->name = ctrd_str(image->name);
    TRY(ctrd_pack_labels(&image->labels, &containerd__services__images__v1__image__labels_entry__descriptor, a, &m->n_labels,
                         &m->labels, e));
    TRY(ctrd_pack_descriptor(&image->target, a, &m->target, e));
    *ret = m;
    return 0;
}

static int unpack(const MSG(Image) *m, struct arena *a, struct ctrd_image *ret, struct err *e)
{
    struct ctrd_image image = {
        .name = m->name,
        .created_at = ctrd_unpack_time(m->created_at),
        .updated_at = ctrd_unpack_time(m->updated_at),
    };
    TRY(ctrd_unpack_labels(m->n_labels, m->labels, a, &image.labels, e));
    TRY(ctrd_unpack_descriptor(m->target, a, &image.target, e));
    *ret = image;
    return 0;
}

int ctrd_op_image_get(void *user, const struct ctx *ctx, const char *name, struct arena *a, struct ctrd_image *ret, struct err *e)
{
    CTRD_REQUEST(MSG(GetImageRequest), q, CONTAINERD_METHOD_IMAGES_GET);
    MSG(GetImageResponse) *p;
    q.name = ctrd_str(name);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_IMAGES_GET, &q, a, &p, e);
    if (r == 0)
        r = p->image ? unpack(p->image, a, ret, e) : ctrd_incomplete(CONTAINERD_METHOD_IMAGES_GET, "an image", e);
    return r < 0 ? err_wrap(e, r, "image \"%s\"", name) : 0;
}

int ctrd_op_image_list(void *user, const struct ctx *ctx, const char *const *filters, struct arena *a, struct ctrd_images *ret,
                       struct err *e)
{
    CTRD_REQUEST(MSG(ListImagesRequest), q, CONTAINERD_METHOD_IMAGES_LIST);
    MSG(ListImagesResponse) *p;
    ctrd_pack_strings(filters, &q.n_filters, &q.filters);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_IMAGES_LIST, &q, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "list of images");
    struct ctrd_image *v = ARENA_NEW_N(a, struct ctrd_image, p->n_images + 1);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < p->n_images; i++)
        TRY(unpack(p->images[i], a, &v[i], e));
    *ret = (struct ctrd_images){.v = v, .n = p->n_images};
    return 0;
}

int ctrd_op_image_create(void *user, const struct ctx *ctx, const struct ctrd_image *image, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(CreateImageRequest), q, CONTAINERD_METHOD_IMAGES_CREATE);
    int r = pack(image, &scratch, &q.image, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_IMAGES_CREATE, &q, e);
    return r < 0 ? err_wrap(e, r, "image \"%s\"", image->name) : 0;
}

/* Without a field mask containerd replaces labels and target and keeps the creation time. */
int ctrd_op_image_update(void *user, const struct ctx *ctx, const struct ctrd_image *image, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(UpdateImageRequest), q, CONTAINERD_METHOD_IMAGES_UPDATE);
    int r = pack(image, &scratch, &q.image, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_IMAGES_UPDATE, &q, e);
    return r < 0 ? err_wrap(e, r, "image \"%s\"", image->name) : 0;
}

int ctrd_op_image_delete(void *user, const struct ctx *ctx, const char *name, bool sync, struct err *e)
{
    CTRD_REQUEST(MSG(DeleteImageRequest), q, CONTAINERD_METHOD_IMAGES_DELETE);
    q.name = ctrd_str(name);
    q.sync = sync;
    int r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_IMAGES_DELETE, &q, e);
    return r < 0 ? err_wrap(e, r, "image \"%s\"", name) : 0;
}
