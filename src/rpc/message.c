/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing and unpacking, see message.h.
 */
#include "rpc/message.h"

#include <string.h>

#include "base/codec.h"
#include "rpc/wirecheck.h"

struct arena_allocator {
    struct arena *arena;
    bool over_budget, failed;
};

static void *allocator_alloc(void *user, size_t n)
{
    struct arena_allocator *al = user;
    al->over_budget = al->over_budget || n > al->arena->budget - MIN_OF(al->arena->used, al->arena->budget);
    void *p = arena_alloc(al->arena, n);
    al->failed = al->failed || !p;
    return p;
}

static void allocator_free(void *user, void *p)
{
}

int rpc_message_unpack(const ProtobufCMessageDescriptor *type, struct view data, struct arena *a, ProtobufCMessage **ret,
                       struct err *e)
{
    TRY(wirecheck(type, data, e));
    struct arena_allocator al = {.arena = a};
    ProtobufCAllocator allocator = {.alloc = allocator_alloc, .free = allocator_free, .allocator_data = &al};
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator, data.n, (const uint8_t *)data.p);
    if (m) {
        *ret = m;
        return 0;
    }
    if (al.over_budget)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "%s: needs more than %zu MiB unpacked", type->short_name, a->budget >> 20);
    if (al.failed)
        return err_oom(e);
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s: malformed", type->short_name);
}

ProtobufCMessage *rpc_message_new(const ProtobufCMessageDescriptor *type, struct arena *a)
{
    ProtobufCMessage *m = arena_alloc(a, type->sizeof_message);
    if (m)
        type->message_init(m);
    return m;
}

/* ---- strings on the way out */

struct patch {
    struct patch *next;
    char **slot;
    char *old;
};

/* Walks a message and all below it. Without an arena it only looks for a bad string; with one it replaces each and notes it down.
 */
struct walk {
    struct arena *arena;
    struct patch *patches;
    bool found;
};

static int walk_message(struct walk *w, const ProtobufCMessage *m);

static int walk_string(struct walk *w, char **slot)
{
    struct view v = view_of(*slot);
    if (utf8_valid(v))
        return 0;
    w->found = true;
    if (!w->arena)
        return 0;
    struct patch *p = ARENA_NEW(w->arena, struct patch);
    char *clean = arena_alloc(w->arena, 3 * v.n + 1);
    if (!p || !clean)
        return -ERR_RESOURCE_EXHAUSTED;
    clean[utf8_sanitize(v, clean)] = '\0';
    *p = (struct patch){.next = w->patches, .slot = slot, .old = *slot};
    w->patches = p;
    *slot = clean;
    return 0;
}

static int walk_element(struct walk *w, ProtobufCType type, void *member)
{
    if (type == PROTOBUF_C_TYPE_STRING)
        return walk_string(w, member);
    const ProtobufCMessage *sub = *(ProtobufCMessage *const *)member;
    return sub ? walk_message(w, sub) : 0;
}

static int walk_field(struct walk *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    char *base = (char *)(uintptr_t)m;
    void *member = base + f->offset;
    if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(size_t *)(void *)(base + f->quantifier_offset);
        char *elements = *(char **)member;
        for (size_t i = 0; i < n; i++)
            TRY(walk_element(w, f->type, elements + i * sizeof(char *)));
        return 0;
    }
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(uint32_t *)(void *)(base + f->quantifier_offset) != f->id)
        return 0;
    return walk_element(w, f->type, member);
}

static int walk_message(struct walk *w, const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++)
        TRY(walk_field(w, m, &m->descriptor->fields[i]));
    return 0;
}

static int pack_plain(const ProtobufCMessage *m, struct frame_budget *budget, struct frame **ret, struct err *e)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    int r = frame_new(n, budget, ret, e);
    if (r < 0)
        return err_wrap(e, r, "%s", m->descriptor->short_name);
    protobuf_c_message_pack(m, (*ret)->data + FRAME_HEAD);
    return 0;
}

int rpc_message_pack(const ProtobufCMessage *m, struct frame_budget *budget, struct frame **ret, struct err *e)
{
    struct walk w = {.arena = NULL};
    walk_message(&w, m);
    if (!w.found)
        return pack_plain(m, budget, ret, e);
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    w.arena = &a;
    int r = walk_message(&w, m);
    if (r < 0)
        err_oom(e);
    else
        r = pack_plain(m, budget, ret, e);
    for (struct patch *p = w.patches; p; p = p->next)
        *p->slot = p->old;
    return r;
}
