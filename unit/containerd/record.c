/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recording channel; see record.h.
 */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct record *r, const char *format, ...) _printf_(2, 3);
static void put(struct record *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(r->text + r->n, RECORD_MAX - r->n, format, ap);
    va_end(ap);
    r->n = MIN_OF(r->n + (size_t)n, (size_t)RECORD_MAX - 1);
}

static void put_message(struct record *r, const ProtobufCMessage *m);

/* True when something was written: zero and empty values are not. */
static bool put_value(struct record *r, const ProtobufCFieldDescriptor *f, const void *p)
{
    size_t before = r->n;
    const ProtobufCBinaryData *bytes = p;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (*(char *const *)p && **(char *const *)p)
            put(r, "%s:\"%s\" ", f->name, *(char *const *)p);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        if (bytes->len)
            put(r, "%s:\"%.*s\" ", f->name, (int)bytes->len, (const char *)bytes->data);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(ProtobufCMessage *const *)p) {
            put(r, "%s{", f->name);
            put_message(r, *(ProtobufCMessage *const *)p);
            put(r, "} ");
        }
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        if (*(const int64_t *)p)
            put(r, "%s:%" PRId64 " ", f->name, *(const int64_t *)p);
        break;
    default:
        if (*(const int32_t *)p)
            put(r, "%s:%" PRId32 " ", f->name, *(const int32_t *)p);
    }
    return r->n > before;
}

static void put_message(struct record *r, const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const char *base = (const char *)m;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            put_value(r, f, base + f->offset);
            continue;
        }
        /* Repeated fields of these services are strings and messages: arrays of pointers. */
        size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);
        const void *const *v = *(const void *const *const *)(const void *)(base + f->offset);
        for (size_t k = 0; k < n; k++)
            if (!put_value(r, f, &v[k]))
                put(r, "%s:\"\" ", f->name);
    }
    if (r->n && r->text[r->n - 1] == ' ')
        r->text[--r->n] = '\0';
}

static void note(struct record *r, const char *path, const ProtobufCMessage *m)
{
    const char *service = strrchr(path, '.');
    put(r, "%s ", service ? service + 1 : path);
    if (m)
        put_message(r, m);
    put(r, "\n");
}

static int record_unary(void *user, const struct ctx *ctx, const char *path, const ProtobufCMessage *request,
                        const ProtobufCMessageDescriptor *response, struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct record *r = user;
    note(r, path, request);
    r->deadline = ctx->deadline;
    return r->inner->ops->unary(r->inner->user, ctx, path, request, response, a, ret, e);
}

static int record_open(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e)
{
    struct record *r = user;
    put(r, "open ");
    note(r, path, NULL);
    return r->inner->ops->open(r->inner->user, ctx, path, ret, e);
}

static int record_send(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last,
                       struct err *e)
{
    struct record *r = user;
    note(r, last ? "last" : "send", m);
    r->deadline = ctx->deadline;
    return r->inner->ops->send(r->inner->user, s, ctx, m, last, e);
}

static int record_recv(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessageDescriptor *message,
                       struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct record *r = user;
    r->deadline = ctx->deadline;
    return r->inner->ops->recv(r->inner->user, s, ctx, message, a, ret, e);
}

static void record_close(void *user, struct rpc_client_stream *s)
{
    struct record *r = user;
    r->inner->ops->close(r->inner->user, s);
}

static const struct rpc_channel_ops record_ops = {
    .unary = record_unary,
    .open = record_open,
    .send = record_send,
    .recv = record_recv,
    .close = record_close,
};

void record_init(struct record *r, const struct rpc_channel *inner)
{
    r->channel = (struct rpc_channel){.ops = &record_ops, .user = r};
    r->inner = inner;
    record_clear(r);
}

void record_clear(struct record *r)
{
    r->n = 0;
    r->text[0] = '\0';
}
