/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking messages on the wire, see wirecheck.h.
 */
#include "rpc/wirecheck.h"

#include <string.h>

#include "base/codec.h"

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

enum { TAG_MAX = 5, VARINT_MAX = 10, LENGTH_MAX = 5, FIELD_NUMBER_MAX = (1 << 29) - 1 };

struct check {
    const ProtobufCFieldDescriptor *path[WIRECHECK_DEPTH_MAX + 1];
    size_t depth; /* entries of path */
    size_t elements;
};

/* Raises an error about the field that path ends in. */
static int bad(const struct check *c, struct err *e, enum err_code code, const char *what)
{
    char name[256];
    size_t n = 0;
    for (size_t i = 0; i < c->depth; i++) {
        const char *part = c->path[i]->name;
        size_t len = strlen(part);
        if (n + len + 2 > sizeof(name))
            break;
        if (i > 0)
            name[n++] = '.';
        memcpy(name + n, part, len);
        n += len;
    }
    name[n] = '\0';
    return err_raise(e, code, "%s: %s", n ? name : "message", what);
}

static int malformed(const struct check *c, struct err *e, const char *what)
{
    return bad(c, e, ERR_INVALID_ARGUMENT, what);
}

/* Takes a varint of at most max bytes off *v. False when there is none. The value is cut to 64 bits. */
static bool take_varint(struct view *v, size_t max, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < v->n && i < max; i++) {
        unsigned char b = (unsigned char)v->p[i];
        value |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b < 0x80) {
            *v = view_slice(*v, i + 1, v->n);
            *ret = value;
            return true;
        }
    }
    return false;
}

/* Takes the length and the bytes of a length-delimited field off *v. */
static bool take_bytes(struct view *v, struct view *ret)
{
    uint64_t n;
    struct view rest = *v;
    if (!take_varint(&rest, LENGTH_MAX, &n) || n > rest.n)
        return false;
    *ret = view_slice(rest, 0, (size_t)n);
    *v = view_slice(rest, (size_t)n, rest.n);
    return true;
}

static bool take_fixed(struct view *v, size_t n)
{
    if (v->n < n)
        return false;
    *v = view_slice(*v, n, v->n);
    return true;
}

static enum wire wire_of(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LEN;
    default:
        return WIRE_VARINT;
    }
}

static int count(struct check *c, size_t n, struct err *e)
{
    if (n > (size_t)WIRECHECK_ELEMENTS_MAX - c->elements)
        return bad(c, e, ERR_RESOURCE_EXHAUSTED, "too many elements");
    c->elements += n;
    return 0;
}

/* The elements of a packed list whose elements have this wire type. */
static int check_packed(struct check *c, enum wire wire, struct view body, struct err *e)
{
    if (wire == WIRE_VARINT) {
        while (body.n > 0) {
            uint64_t ignored;
            if (!take_varint(&body, VARINT_MAX, &ignored))
                return malformed(c, e, "a packed list is cut short");
            int r = count(c, 1, e);
            if (r < 0)
                return r;
        }
        return 0;
    }
    size_t width = wire == WIRE_32 ? 4 : 8;
    if (body.n % width != 0)
        return malformed(c, e, "a packed list is cut short");
    return count(c, body.n / width, e);
}

static int check_message(struct check *c, const ProtobufCMessageDescriptor *type, struct view data, struct err *e);

/* The bytes of a known length-delimited field. */
static int check_bytes(struct check *c, const ProtobufCFieldDescriptor *f, struct view body, struct err *e)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (!utf8_valid(body))
            return malformed(c, e, "not valid UTF-8");
        if (body.n > 0 && memchr(body.p, '\0', body.n))
            return malformed(c, e, "contains a NUL byte");
        return 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return check_message(c, f->descriptor, body, e);
    default:
        return 0;
    }
}

/* The value of one field; f is NULL when its number is not known. */
static int check_value(struct check *c, const ProtobufCFieldDescriptor *f, enum wire wire, struct view *data, struct err *e)
{
    uint64_t ignored;
    struct view body;
    bool packed = f && f->label == PROTOBUF_C_LABEL_REPEATED && wire == WIRE_LEN && wire_of(f->type) != WIRE_LEN;
    if (f && !packed && wire != wire_of(f->type))
        return malformed(c, e, "has the wrong wire type");
    switch ((int)wire) {
    case WIRE_VARINT:
        return take_varint(data, VARINT_MAX, &ignored) ? 0 : malformed(c, e, "a number is cut short or too long");
    case WIRE_64:
        return take_fixed(data, 8) ? 0 : malformed(c, e, "cut short");
    case WIRE_32:
        return take_fixed(data, 4) ? 0 : malformed(c, e, "cut short");
    case WIRE_LEN:
        if (!take_bytes(data, &body))
            return malformed(c, e, "cut short");
        if (packed)
            return check_packed(c, wire_of(f->type), body, e);
        return f ? check_bytes(c, f, body, e) : 0;
    default:
        return malformed(c, e, "a field has a wire type that is not supported");
    }
}

static int check_message(struct check *c, const ProtobufCMessageDescriptor *type, struct view data, struct err *e)
{
    if (c->depth > WIRECHECK_DEPTH_MAX)
        return bad(c, e, ERR_RESOURCE_EXHAUSTED, "nested too deeply");
    while (data.n > 0) {
        uint64_t tag;
        if (!take_varint(&data, TAG_MAX, &tag))
            return malformed(c, e, "a field tag is cut short or too long");
        uint64_t number = tag >> 3;
        if (number == 0 || number > FIELD_NUMBER_MAX)
            return malformed(c, e, "a field number is out of range");
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(type, (unsigned)number);
        if (f)
            c->path[c->depth++] = f;
        int r = count(c, 1, e);
        if (r < 0)
            return r;
        r = check_value(c, f, (enum wire)(tag & 7), &data, e);
        if (r < 0)
            return r;
        if (f)
            c->depth--;
    }
    return 0;
}

int wirecheck(const ProtobufCMessageDescriptor *type, struct view data, struct err *e)
{
    struct check c = {.depth = 0};
    return check_message(&c, type, data, e);
}
