/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on the wire. Who controls them: any client of the daemon, and containerd's answers.
 * Reached: rpc/wirecheck, rpc/message, and protobuf-c's unpacking below it.
 *
 * Input: a byte that chooses the type, then the message.
 *
 * Oracle: (1) what is accepted unpacks, or passes the budget; (2) a second, simple walk over the accepted bytes finds no string
 * with a NUL or a malformed character; (3) packed again, it is accepted again and packs to the same bytes; (4) a refusal names a
 * field of the type or says what is wrong with the message; (5) a failing allocation leaves nothing.
 */
#include "containerd/containers_v1.pb-c.h"
#include "containerd/content_v1.pb-c.h"
#include "cri/runtime_v1.pb-c.h"
#include "echo_service.h"
#include "fuzz.h"
#include "rpc/message.h"
#include "rpc/wirecheck.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &echo_type,
    &runtime__v1__run_pod_sandbox_request__descriptor,
    &runtime__v1__create_container_request__descriptor,
    &runtime__v1__list_containers_response__descriptor,
    &containerd__services__containers__v1__list_containers_response__descriptor,
    &containerd__services__content__v1__write_content_request__descriptor,
};

/* A number, one byte at a time, for the second opinion. */
static uint64_t number(struct view *v)
{
    uint64_t n = 0;
    unsigned shift = 0;
    for (;;) {
        FUZZ_CHECK(v->n > 0);
        unsigned char c = (unsigned char)*v->p;
        *v = view_slice(*v, 1, v->n);
        if (shift < 64)
            n |= (uint64_t)(c & 127) << shift;
        shift += 7;
        if (c < 128)
            return n;
    }
}

/* Decodes a character; -1 when it is none. */
static long character(struct view *v)
{
    unsigned char c = (unsigned char)*v->p;
    size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    static const long least[] = {0, 0x80, 0x800, 0x10000};
    long u = more == 0 ? c : more == 1 ? c & 0x1f : more == 2 ? c & 0xf : c & 7;
    if ((c >= 0x80 && c < 0xc0) || c >= 0xf8 || v->n <= more)
        return -1;
    for (size_t i = 1; i <= more; i++) {
        if (((unsigned char)v->p[i] & 0xc0) != 0x80)
            return -1;
        u = u << 6 | (v->p[i] & 0x3f);
    }
    *v = view_slice(*v, more + 1, v->n);
    return u < least[more] || u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff) ? -1 : u;
}

static void second_opinion(const ProtobufCMessageDescriptor *type, struct view v)
{
    while (v.n > 0) {
        uint64_t tag = number(&v);
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        switch (tag & 7) {
        case 0:
            number(&v);
            break;
        case 1:
        case 5:
            FUZZ_CHECK(v.n >= ((tag & 7) == 1 ? 8 : 4));
            v = view_slice(v, (tag & 7) == 1 ? 8 : 4, v.n);
            break;
        case 2: {
            uint64_t n = number(&v);
            FUZZ_CHECK(n <= v.n);
            struct view body = view_slice(v, 0, (size_t)n);
            v = view_slice(v, (size_t)n, v.n);
            if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
                second_opinion(f->descriptor, body);
            while (f && f->type == PROTOBUF_C_TYPE_STRING && body.n > 0)
                FUZZ_CHECK_MSG(character(&body) > 0, "%s", f->name);
            break;
        }
        default:
            FUZZ_CHECK(!"a group was accepted");
        }
    }
}

struct input {
    const ProtobufCMessageDescriptor *type;
    struct view data;
};

static int unpack_and_pack(void *arg, struct err *e)
{
    struct input *in = arg;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *m;
    struct frame *f;
    TRY(rpc_message_unpack(in->type, in->data, &a, &m, e));
    TRY(rpc_message_pack(m, NULL, &f, e));
    frame_free(f);
    return 0;
}

static void check_accepted(const ProtobufCMessageDescriptor *type, struct view data)
{
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *m;
    struct frame *f, *g;
    second_opinion(type, data);
    int r = rpc_message_unpack(type, data, &a, &m, &e);
    if (r < 0) {
        FUZZ_CHECK_MSG(r == -ERR_RESOURCE_EXHAUSTED && strstr(e.message, "unpacked"), "%s", e.message);
        return;
    }
    r = rpc_message_pack(m, NULL, &f, &e);
    FUZZ_CHECK_MSG(r == 0, "%s", e.message);
    FUZZ_CHECK_MSG(wirecheck(type, frame_message(f), &e) == 0, "%s", e.message);
    FUZZ_CHECK(rpc_message_unpack(type, frame_message(f), &a, &m, &e) == 0);
    FUZZ_CHECK(rpc_message_pack(m, NULL, &g, &e) == 0);
    FUZZ_CHECK(view_eq(frame_message(f), frame_message(g)));
    frame_free(f);
    frame_free(g);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct input in = {types[data[0] % ARRAY_SIZE(types)], VIEW_EMPTY};
    char *copy = mem_memdup(data + 1, size - 1);
    struct err e = ERR_INIT;
    in.data = view_make(copy, size - 1);
    int r = wirecheck(in.type, in.data, &e);
    fuzz_check_result(r, &e);
    if (r == 0)
        check_accepted(in.type, in.data);
    else
        FUZZ_CHECK_MSG(strstr(e.message, ": "), "%s", e.message);
    fuzz_sweep(unpack_and_pack, &in, 5);
    mem_free(copy);
    return 0;
}
