/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's image records.
 */
#include "model.h"

#define MSG(name) Containerd__Services__Images__V1__##name

static MSG(Image) *find(struct fake *f, const char *name, size_t *ret_i)
{
    for (size_t i = 0; i < f->images.n; i++) {
        MSG(Image) *m = f->images.v[i];
        if (strcmp(m->name, name) == 0) {
            if (ret_i)
                *ret_i = i;
            return m;
        }
    }
    return NULL;
}

static int not_found(struct fake_ctx *c, const char *name)
{
    return err_raise(c->e, ERR_NOT_FOUND, "image \"%s\": not found", name);
}

static int validate(const MSG(Image) *m, struct err *e)
{
    if (!m || !*m->name)
        return err_raise(e, ERR_INVALID_ARGUMENT, "image name must not be empty: invalid argument");
    TRY(fake_check_labels(m->n_labels, m->labels, "image.Labels", e));
    if (!m->target || !fake_digest_ok(m->target->digest))
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "Target.Digest \"%s\" invalid: invalid checksum digest format: invalid argument",
                         m->target ? m->target->digest : "");
    if (m->target->size <= 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "Target.Size must be greater than zero: invalid argument");
    if (!*m->target->media_type)
        return err_raise(e, ERR_INVALID_ARGUMENT, "Target.MediaType must be set: invalid argument");
    return 0;
}

/* Create and update events have the same shape and differ in type. */
static void publish(struct fake *f, const char *topic, const ProtobufCMessageDescriptor *type, const MSG(Image) *m)
{
    MSG(ImageCreate) event;
    protobuf_c_message_init(type, &event);
    event.name = m->name;
    fake_publish(f, topic, &event);
}

static int get(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(GetImageRequest) *q = request;
    MSG(GetImageResponse) *p = answer;
    p->image = find(c->f, q->name, NULL);
    return p->image ? 0 : not_found(c, q->name);
}

static const char *field(const void *object, const char *const *parts, size_t n)
{
    const MSG(Image) *m = object;
    if (n == 1 && strcmp(parts[0], "name") == 0)
        return m->name;
    if (n == 2 && strcmp(parts[0], "target") == 0 && strcmp(parts[1], "digest") == 0)
        return m->target->digest;
    if (n == 2 && strcmp(parts[0], "target") == 0 && strcmp(parts[1], "mediatype") == 0)
        return m->target->media_type;
    if (n >= 2 && strcmp(parts[0], "labels") == 0)
        return fake_map_get(m->n_labels, m->labels, parts[1]);
    return NULL;
}

static int list(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(ListImagesRequest) *q = request;
    MSG(ListImagesResponse) *p = answer;
    p->images = ARENA_NEW_N(c->a, MSG(Image) *, c->f->images.n + 1);
    for (size_t i = 0; i < c->f->images.n; i++) {
        int r = fake_match(q->filters, q->n_filters, field, c->f->images.v[i], c->e);
        TRY(r);
        if (r)
            p->images[p->n_images++] = c->f->images.v[i];
    }
    return 0;
}

static int create(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(CreateImageRequest) *q = request;
    MSG(CreateImageResponse) *p = answer;
    if (!q->image || !*q->image->name)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "Image.Name required");
    TRY(validate(q->image, c->e));
    if (find(c->f, q->image->name, NULL))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "image \"%s\": already exists", q->image->name);
    MSG(Image) *m = fake_copy(q->image);
    fake_touch(&m->created_at);
    fake_touch(&m->updated_at);
    fake_list_add(&c->f->images, m);
    publish(c->f, "/images/create", &containerd__services__images__v1__image_create__descriptor, m);
    p->image = m;
    return 0;
}

/* A full replace; the client sends no mask. */
static int update(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(UpdateImageRequest) *q = request;
    MSG(UpdateImageResponse) *p = answer;
    size_t at;
    if (!q->image || !*q->image->name)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "Image.Name required");
    if (q->update_mask && q->update_mask->n_paths > 0)
        return err_raise(c->e, ERR_INTERNAL, "fake: updates of images with a mask are not modelled");
    MSG(Image) *old = find(c->f, q->image->name, &at);
    if (!old)
        return not_found(c, q->image->name);
    TRY(validate(q->image, c->e));
    MSG(Image) *m = fake_copy(q->image);
    fake_message_free(m->created_at);
    m->created_at = fake_copy(old->created_at);
    fake_touch(&m->updated_at);
    fake_message_free(old);
    c->f->images.v[at] = m;
    publish(c->f, "/images/update", &containerd__services__images__v1__image_update__descriptor, m);
    p->image = m;
    return 0;
}

static int delete (struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(DeleteImageRequest) *q = request;
    size_t at;
    if (!find(c->f, q->name, &at))
        return not_found(c, q->name);
    fake_message_free(fake_list_take(&c->f->images, at));
    MSG(ImageDelete) event;
    protobuf_c_message_init(&containerd__services__images__v1__image_delete__descriptor, &event);
    event.name = q->name;
    fake_publish(c->f, "/images/delete", &event);
    if (q->sync)
        fake_gc(c->f);
    return 0;
}

const struct fake_handler fake_handlers_images[] = {
    {CONTAINERD_METHOD_IMAGES_GET, get, NULL},       {CONTAINERD_METHOD_IMAGES_LIST, list, NULL},
    {CONTAINERD_METHOD_IMAGES_CREATE, create, NULL}, {CONTAINERD_METHOD_IMAGES_UPDATE, update, NULL},
    {CONTAINERD_METHOD_IMAGES_DELETE, delete, NULL}, {-1, NULL, NULL},
};
