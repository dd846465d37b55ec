/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's container records.
 */
#include "containerd/event_types.pb-c.h"
#include "model.h"

#define MSG(name) Containerd__Services__Containers__V1__##name

const MSG(Container) *fake_find_container(struct fake *f, const char *id, size_t *ret_i)
{
    for (size_t i = 0; i < f->containers.n; i++) {
        const MSG(Container) *m = f->containers.v[i];
        if (strcmp(m->id, id) == 0) {
            if (ret_i)
                *ret_i = i;
            return m;
        }
    }
    return NULL;
}

static int validate(const MSG(Container) *m, struct err *e)
{
    int r = fake_check_id(m->id, e);
    if (r < 0)
        return err_wrap(e, r, "container.ID");
    for (size_t i = 0; i < m->n_extensions; i++)
        if (!*m->extensions[i]->key)
            return err_raise(e, ERR_INVALID_ARGUMENT, "container.Extension keys must not be zero-length: invalid argument");
    TRY(fake_check_labels(m->n_labels, m->labels, "containers.Labels", e));
    if (!m->runtime || !*m->runtime->name)
        return err_raise(e, ERR_INVALID_ARGUMENT, "container.Runtime.Name must be set: invalid argument");
    if (!m->spec)
        return err_raise(e, ERR_INVALID_ARGUMENT, "container.Spec must be set: invalid argument");
    if (*m->snapshot_key && !*m->snapshotter)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "container.Snapshotter must be set if container.SnapshotKey is set: invalid argument");
    return 0;
}

static int get(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(GetContainerRequest) *q = request;
    MSG(GetContainerResponse) *p = answer;
    p->container = (MSG(Container) *)fake_find_container(c->f, q->id, NULL);
    if (!p->container)
        return err_raise(c->e, ERR_NOT_FOUND, "container \"%s\" in namespace \"k8s.io\": not found", q->id);
    return 0;
}

static const char *field(const void *object, const char *const *parts, size_t n)
{
    const MSG(Container) *m = object;
    if (n == 1 && strcmp(parts[0], "id") == 0)
        return m->id;
    if (n == 1 && strcmp(parts[0], "image") == 0)
        return *m->image ? m->image : NULL;
    if (n == 2 && strcmp(parts[0], "runtime") == 0 && strcmp(parts[1], "name") == 0)
        return m->runtime->name;
    if (n >= 2 && strcmp(parts[0], "labels") == 0)
        return fake_map_get(m->n_labels, m->labels, parts[1]);
    return NULL;
}

static int list(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(ListContainersRequest) *q = request;
    MSG(ListContainersResponse) *p = answer;
    p->containers = ARENA_NEW_N(c->a, MSG(Container) *, c->f->containers.n + 1);
    for (size_t i = 0; i < c->f->containers.n; i++) {
        int r = fake_match(q->filters, q->n_filters, field, c->f->containers.v[i], c->e);
        TRY(r);
        if (r)
            p->containers[p->n_containers++] = c->f->containers.v[i];
    }
    return 0;
}

static int list_stream(struct fake_ctx *c, struct fake_stream *s, const void *request)
{
    MSG(ListContainersResponse) all;
    protobuf_c_message_init(&containerd__services__containers__v1__list_containers_response__descriptor, &all);
    TRY(list(c, request, &all));
    for (size_t i = 0; i < all.n_containers; i++) {
        MSG(ListContainerMessage) m;
        protobuf_c_message_init(&containerd__services__containers__v1__list_container_message__descriptor, &m);
        m.container = all.containers[i];
        fake_stream_push(s, &m);
    }
    fake_stream_end(s, NULL);
    return 0;
}

static int create(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(CreateContainerRequest) *q = request;
    MSG(CreateContainerResponse) *p = answer;
    if (!q->container)
        return err_raise(c->e, ERR_INVALID_ARGUMENT,
                         "create container failed validation: container.ID: identifier must not be empty: invalid argument");
    int r = validate(q->container, c->e);
    if (r < 0)
        return err_wrap(c->e, r, "create container failed validation");
    if (fake_find_container(c->f, q->container->id, NULL))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "container \"%s\": already exists", q->container->id);
    MSG(Container) *m = fake_copy(q->container);
    fake_touch(&m->created_at);
    fake_touch(&m->updated_at);
    fake_list_add(&c->f->containers, m);
    p->container = m;
    Containerd__Events__ContainerCreate event;
    protobuf_c_message_init(&containerd__events__container_create__descriptor, &event);
    event.id = m->id;
    event.image = m->image;
    fake_publish(c->f, "/containers/create", &event);
    return 0;
}

/* An update replaces whole members by those of the request; the parts change places, so that each stays owned by one message. */
#define SWAP(a, b)                                                                                                               \
    do {                                                                                                                         \
        __typeof__(a) t_ = (a);                                                                                                  \
        (a) = (b);                                                                                                               \
        (b) = t_;                                                                                                                \
    } while (0)

/* One entry of a map<string, ...> is exchanged, added or taken away. Entries of every map begin alike. */
struct any_entry {
    ProtobufCMessage base;
    char *key;
};

static void swap_entry(struct any_entry ***v, size_t *n, struct any_entry **from, size_t n_from, const char *key)
{
    size_t i = 0, k = 0;
    while (i < *n && strcmp((*v)[i]->key, key) != 0)
        i++;
    while (k < n_from && strcmp(from[k]->key, key) != 0)
        k++;
    if (i < *n && k < n_from) {
        SWAP((*v)[i], from[k]);
    } else if (i < *n) {
        fake_message_free((*v)[i]);
        (*v)[i] = (*v)[--*n];
    } else if (k < n_from) {
        *v = realloc(*v, (*n + 1) * sizeof(**v));
        if (!*v)
            abort();
        (*v)[(*n)++] = fake_copy(from[k]);
    }
}

static int update_field(MSG(Container) *m, MSG(Container) *from, const char *path, struct err *e)
{
    if (strncmp(path, "labels.", 7) == 0) {
        swap_entry((struct any_entry ***)&m->labels, &m->n_labels, (struct any_entry **)from->labels, from->n_labels, path + 7);
    } else if (strncmp(path, "extensions.", 11) == 0) {
        swap_entry((struct any_entry ***)&m->extensions, &m->n_extensions, (struct any_entry **)from->extensions, from->n_extensions, path + 11);
    } else if (strcmp(path, "labels") == 0) {
        SWAP(m->labels, from->labels);
        SWAP(m->n_labels, from->n_labels);
    } else if (strcmp(path, "extensions") == 0) {
        SWAP(m->extensions, from->extensions);
        SWAP(m->n_extensions, from->n_extensions);
    } else if (strcmp(path, "spec") == 0) {
        SWAP(m->spec, from->spec);
    } else if (strcmp(path, "image") == 0) {
        SWAP(m->image, from->image);
    } else if (strcmp(path, "snapshotkey") == 0) {
        SWAP(m->snapshot_key, from->snapshot_key);
    } else {
        return err_raise(e, ERR_INVALID_ARGUMENT, "cannot update \"%s\" field on \"%s\": invalid argument", path, m->id);
    }
    return 0;
}

static int apply(MSG(Container) *m, MSG(Container) *from, const MSG(UpdateContainerRequest) *q, struct err *e)
{
    static const char *const all[] = {"labels", "spec", "extensions", "image", "snapshotkey"};
    bool some = q->update_mask && q->update_mask->n_paths > 0;
    if (!some && strcmp(m->snapshotter, from->snapshotter) != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "container.Snapshotter field is immutable: invalid argument");
    if (!some && strcmp(m->runtime->name, from->runtime ? from->runtime->name : "") != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "container.Runtime.Name field is immutable: invalid argument");
    size_t n = some ? q->update_mask->n_paths : ARRAY_SIZE(all);
    for (size_t i = 0; i < n; i++)
        TRY(update_field(m, from, some ? q->update_mask->paths[i] : all[i], e));
    int r = validate(m, e);
    return r < 0 ? err_wrap(e, r, "update failed validation") : 0;
}

static int update(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(UpdateContainerRequest) *q = request;
    MSG(UpdateContainerResponse) *p = answer;
    size_t at;
    if (!q->container || !*q->container->id)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "must specify a container id: invalid argument");
    const MSG(Container) *old = fake_find_container(c->f, q->container->id, &at);
    if (!old)
        return err_raise(c->e, ERR_NOT_FOUND, "container \"%s\": not found", q->container->id);
    MSG(Container) *m = fake_copy(old), *from = fake_copy(q->container);
    int r = apply(m, from, q, c->e);
    fake_message_free(from);
    if (r < 0) {
        fake_message_free(m);
        return r;
    }
    fake_touch(&m->updated_at);
    fake_message_free(c->f->containers.v[at]);
    c->f->containers.v[at] = m;
    p->container = m;
    return 0;
}

static int delete (struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(DeleteContainerRequest) *q = request;
    size_t at;
    if (!fake_find_container(c->f, q->id, &at))
        return err_raise(c->e, ERR_NOT_FOUND, "container %s: not found", q->id);
    Containerd__Events__ContainerDelete event;
    protobuf_c_message_init(&containerd__events__container_delete__descriptor, &event);
    event.id = q->id;
    fake_message_free(fake_list_take(&c->f->containers, at));
    fake_publish(c->f, "/containers/delete", &event);
    return 0;
}

const struct fake_handler fake_handlers_containers[] = {
    {CONTAINERD_METHOD_CONTAINERS_GET, get, NULL},
    {CONTAINERD_METHOD_CONTAINERS_LIST, list, NULL},
    {CONTAINERD_METHOD_CONTAINERS_LIST_STREAM, NULL, list_stream},
    {CONTAINERD_METHOD_CONTAINERS_CREATE, create, NULL},
    {CONTAINERD_METHOD_CONTAINERS_UPDATE, update, NULL},
    {CONTAINERD_METHOD_CONTAINERS_DELETE, delete, NULL},
    {-1, NULL, NULL},
};
