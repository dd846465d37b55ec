/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.events.v1: the subscription that tells of exits and out-of-memory kills, and the payloads that are read
 * from it.
 *
 * containerd confirms a subscription by nothing but its first event, and does not repeat events, so whoever depends on them asks
 * for the tasks' state after opening one.
 */
#include "containerd/event_types.pb-c.h"
#include "containerd/events_v1.pb-c.h"
#include "containerd/images_v1.pb-c.h"
#include "containerd/wire.h"

#include "base/mem.h"
#include "rpc/message.h"

struct ctrd_events {
    struct ctrd_stream st;
};

int ctrd_op_events_open(void *user, const struct ctx *ctx, const char *const *filters, struct ctrd_events **ret, struct err *e)
{
    struct ctrd_events *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    CTRD_REQUEST(Containerd__Services__Events__V1__SubscribeRequest, q, CONTAINERD_METHOD_EVENTS_SUBSCRIBE);
    ctrd_pack_strings(filters, &q.n_filters, &q.filters);
    int r = ctrd_stream_ask(&s->st, user, ctx, CONTAINERD_METHOD_EVENTS_SUBSCRIBE, &q, e);
    if (r < 0) {
        mem_free(s);
        return err_wrap(e, r, "subscription to containerd's events");
    }
    *ret = s;
    return 0;
}

int ctrd_op_events_next(void *user, const struct ctx *ctx, struct ctrd_events *s, struct arena *a, struct ctrd_event *ret,
                        struct err *e)
{
    Containerd__Types__Envelope *p;
    int r = ctrd_stream_recv(&s->st, ctx, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "containerd's events");
    if (r == 0)
        return 0;
    *ret = (struct ctrd_event){.timestamp = ctrd_unpack_time(p->timestamp), .topic = p->topic};
    ctrd_unpack_any(p->event, &ret->event);
    return 1;
}

void ctrd_op_events_close(void *user, struct ctrd_events *s)
{
    if (!s)
        return;
    ctrd_stream_close(&s->st);
    mem_free(s);
}

static void decode_exit(const void *message, struct ctrd_event_info *ret)
{
    const Containerd__Events__TaskExit *m = message;
    ret->kind = CTRD_EVENT_TASK_EXIT;
    ret->container_id = m->container_id;
    ret->process_id = m->id;
    ret->pid = m->pid;
    ret->exit_status = m->exit_status;
    ret->exited_at = ctrd_unpack_time(m->exited_at);
}

static void decode_oom(const void *message, struct ctrd_event_info *ret)
{
    const Containerd__Events__TaskOOM *m = message;
    ret->kind = CTRD_EVENT_TASK_OOM;
    ret->container_id = m->container_id;
}

/* The name is field 1 of all three. */
static void decode_image(const void *message, struct ctrd_event_info *ret)
{
    const Containerd__Services__Images__V1__ImageDelete *m = message;
    ret->kind = CTRD_EVENT_IMAGE;
    ret->image_name = m->name;
    ret->image_deleted = m->base.descriptor == &containerd__services__images__v1__image_delete__descriptor;
}

/* What a payload of this type is unpacked as. */
static const struct payload {
    const char *type;
    const ProtobufCMessageDescriptor *descriptor;
    void (*decode)(const void *message, struct ctrd_event_info *ret);
} payloads[] = {
    {"containerd.events.TaskExit", &containerd__events__task_exit__descriptor, decode_exit},
    {"containerd.events.TaskOOM", &containerd__events__task_oom__descriptor, decode_oom},
    {"containerd.services.images.v1.ImageCreate", &containerd__services__images__v1__image_create__descriptor, decode_image},
    {"containerd.services.images.v1.ImageUpdate", &containerd__services__images__v1__image_update__descriptor, decode_image},
    {"containerd.services.images.v1.ImageDelete", &containerd__services__images__v1__image_delete__descriptor, decode_image},
};

/* containerd writes the bare type name; others write it behind a host name and a slash. */
static const struct payload *payload_of(const char *type_url)
{
    struct view type = view_of(type_url);
    size_t slash = view_rfind(type, '/');
    if (slash < type.n)
        type = view_slice(type, slash + 1, type.n);
    for (size_t i = 0; i < ARRAY_SIZE(payloads); i++)
        if (view_eq_str(type, payloads[i].type))
            return &payloads[i];
    return NULL;
}

int ctrd_event_decode(const struct ctrd_event *event, struct arena *a, struct ctrd_event_info *ret, struct err *e)
{
    struct ctrd_event_info info = {.kind = CTRD_EVENT_OTHER, .container_id = "", .process_id = "", .image_name = ""};
    const struct payload *kind = payload_of(event->event.type_url);
    if (kind) {
        ProtobufCMessage *m;
        int r = rpc_message_unpack(kind->descriptor, event->event.value, a, &m, e);
        if (r < 0)
            return err_wrap(e, r, "event %s", event->topic ? event->topic : "");
        kind->decode(m, &info);
    }
    *ret = info;
    return 0;
}
