/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's event exchange: each subscription is a stream that stays open, with its filters.
 */
#include "containerd/event_types.pb-c.h"
#include "containerd/events_v1.pb-c.h"
#include "model.h"

/* What a subscriber can name in a filter, apart from fields of the event: not modelled. */
struct envelope_view {
    const char *topic;
};

static const char *field(const void *object, const char *const *parts, size_t n)
{
    const struct envelope_view *v = object;
    if (n == 1 && strcmp(parts[0], "topic") == 0)
        return v->topic;
    if (n == 1 && strcmp(parts[0], "namespace") == 0)
        return "k8s.io";
    return NULL;
}

void fake_publish(struct fake *f, const char *topic, const void *message)
{
    const ProtobufCMessage *m = message;
    Containerd__Types__Envelope envelope;
    Google__Protobuf__Any any;
    containerd__types__envelope__init(&envelope);
    google__protobuf__any__init(&any);
    any.type_url = (char *)m->descriptor->name;
    any.value.len = protobuf_c_message_get_packed_size(m);
    any.value.data = fake_zalloc(any.value.len);
    protobuf_c_message_pack(m, any.value.data);
    envelope.timestamp = fake_now(NULL);
    envelope.namespace_ = (char *)"k8s.io";
    envelope.topic = (char *)topic;
    envelope.event = &any;
    struct envelope_view view = {.topic = topic};
    for (size_t i = 0; i < f->streams.n; i++) {
        struct fake_stream *s = f->streams.v[i];
        if (s->subscription && !s->ended && fake_match(s->filters, s->n_filters, field, &view, NULL) > 0)
            fake_stream_push(s, &envelope);
    }
    fake_message_free(envelope.timestamp);
    free(any.value.data);
    pthread_cond_broadcast(&f->changed);
}

static int subscribe(struct fake_ctx *c, struct fake_stream *s, const void *request)
{
    const Containerd__Services__Events__V1__SubscribeRequest *q = request;
    struct envelope_view none = {.topic = ""};
    if (fake_match(q->filters, q->n_filters, field, &none, c->e) < 0) {
        char why[ERR_MESSAGE_MAX];
        memcpy(why, c->e->message, sizeof(why));
        return err_raise(c->e, ERR_UNKNOWN, "subscription error: failed parsing subscription %s", why);
    }
    s->filters = fake_zalloc((q->n_filters + 1) * sizeof(*s->filters));
    for (size_t i = 0; i < q->n_filters; i++)
        s->filters[i] = fake_strdup(q->filters[i]);
    s->n_filters = q->n_filters;
    s->subscription = true;
    return 0;
}

void fake_break_events(struct fake *f)
{
    struct err e = ERR_INIT;
    err_raise(&e, ERR_UNAVAILABLE, "connection closed");
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->streams.n; i++) {
        struct fake_stream *s = f->streams.v[i];
        if (s->subscription && !s->ended) {
            fake_list_done(&s->messages, free);
            fake_stream_end(s, &e);
        }
    }
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

const struct fake_handler fake_handlers_events[] = {
    {CONTAINERD_METHOD_EVENTS_SUBSCRIBE, NULL, subscribe},
    {-1, NULL, NULL},
};
