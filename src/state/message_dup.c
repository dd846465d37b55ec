/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message_dup, see gojson.h: a message outlives the request that it came with by being copied, field by
 * field, along its descriptor.
 */
#include "state/gojson.h"

#include <string.h>

static size_t value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}

/* Replaces what *at points to by a copy; plain numbers have been copied already. */
static bool own_value(ProtobufCType type, void *at, struct arena *a)
{
    if (type == PROTOBUF_C_TYPE_STRING) {
        char **s = at;
        if (!*s || *s == protobuf_c_empty_string)
            return true;
        *s = arena_strdup(a, *s);
        return *s != NULL;
    }
    if (type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData *b = at;
        if (b->len == 0)
            return true;
        b->data = arena_memdup(a, b->data, b->len);
        return b->data != NULL;
    }
    if (type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage **m = at;
        if (!*m)
            return true;
        *m = message_dup(*m, a);
        return *m != NULL;
    }
    return true;
}

static bool own_list(ProtobufCType type, void *at, size_t n, struct arena *a)
{
    void **list = at;
    size_t size = value_size(type);
    if (n == 0) {
        *list = NULL;
        return true;
    }
    *list = arena_memdup(a, *list, n * size);
    bool good = *list != NULL;
    for (size_t i = 0; good && i < n; i++)
        good = own_value(type, (char *)*list + i * size, a);
    return good;
}

ProtobufCMessage *message_dup(const ProtobufCMessage *m, struct arena *a)
{
    ProtobufCMessage *copy = arena_memdup(a, m, m->descriptor->sizeof_message);
    bool good = copy != NULL;
    for (unsigned i = 0; good && i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        void *at = (char *)copy + f->offset;
        if (f->label == PROTOBUF_C_LABEL_REPEATED)
            good = own_list(f->type, at, *(size_t *)((char *)copy + f->quantifier_offset), a);
        else
            good = own_value(f->type, at, a);
    }
    if (!good)
        return NULL;
    copy->n_unknown_fields = 0;
    copy->unknown_fields = NULL;
    return copy;
}
