/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC frames, see frame.h.
 */
#include "rpc/frame.h"

#include <string.h>

#include "base/mem.h"

enum { FRAME_FIRST_ALLOC = 64 << 10 }; /* most that is allocated on the word of the peer alone */

static bool budget_take(struct frame_budget *b, size_t n)
{
    if (!b)
        return true;
    size_t used = atomic_load(&b->used);
    do {
        if (n > b->max || used > b->max - n)
            return false;
    } while (!atomic_compare_exchange_weak(&b->used, &used, used + n));
    return true;
}

static void budget_give(struct frame_budget *b, size_t n)
{
    if (b)
        atomic_fetch_sub(&b->used, n);
}

static int too_many_bytes(struct frame_budget *b, struct err *e)
{
    return err_raise(e, ERR_RESOURCE_EXHAUSTED, "the messages in flight hold more than %zu MiB", b->max >> 20);
}

/* A frame with room for `cap` bytes, head included. */
static int frame_alloc(size_t cap, struct frame_budget *budget, struct frame **ret, struct err *e)
{
    if (!budget_take(budget, cap))
        return too_many_bytes(budget, e);
    struct frame *f = mem_alloc(sizeof(*f) + cap);
    if (!f) {
        budget_give(budget, cap);
        return err_oom(e);
    }
    *f = (struct frame){.budget = budget, .charged = cap, .cap = cap};
    *ret = f;
    return 0;
}

int frame_new(size_t n, struct frame_budget *budget, struct frame **ret, struct err *e)
{
    if (n > FRAME_MESSAGE_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "the message has %zu bytes, more than the maximum of %d", n,
                         FRAME_MESSAGE_MAX);
    TRY(frame_alloc(FRAME_HEAD + n, budget, ret, e));
    struct frame *f = *ret;
    f->n = FRAME_HEAD + n;
    f->data[0] = 0;
    f->data[1] = (uint8_t)(n >> 24);
    f->data[2] = (uint8_t)(n >> 16);
    f->data[3] = (uint8_t)(n >> 8);
    f->data[4] = (uint8_t)n;
    return 0;
}

void frame_free(struct frame *f)
{
    if (!f)
        return;
    budget_give(f->budget, f->charged);
    mem_free(f);
}

void frame_free_list(struct frame *f)
{
    while (f) {
        struct frame *next = f->next;
        frame_free(f);
        f = next;
    }
}

struct view frame_message(const struct frame *f)
{
    return view_make((const char *)f->data + FRAME_HEAD, f->n - FRAME_HEAD);
}

void frame_queue_init(struct frame_queue *q)
{
    *q = (struct frame_queue){.tail = &q->head};
}

void frame_queue_add(struct frame_queue *q, struct frame *f)
{
    f->next = NULL;
    *q->tail = f;
    q->tail = &f->next;
    q->bytes += f->n;
}

struct frame *frame_queue_take(struct frame_queue *q)
{
    struct frame *f = q->head;
    if (!f)
        return NULL;
    q->head = f->next;
    if (!q->head)
        q->tail = &q->head;
    q->bytes -= f->n;
    f->next = NULL;
    return f;
}

void frame_queue_move(struct frame_queue *q, struct frame_queue *from)
{
    if (!from->head)
        return;
    *q->tail = from->head;
    q->tail = from->tail;
    q->bytes += from->bytes;
    frame_queue_init(from);
}

void frame_queue_done(struct frame_queue *q)
{
    frame_free_list(q->head);
    frame_queue_init(q);
}

/* Looks at a complete head and makes the frame that it announces. */
static int reader_begin(struct frame_reader *r, struct err *e)
{
    r->length = (size_t)r->head[1] << 24 | (size_t)r->head[2] << 16 | (size_t)r->head[3] << 8 | r->head[4];
    if (r->head[0] == 1)
        return err_raise(e, ERR_UNIMPLEMENTED, "compressed messages are not supported");
    if (r->head[0] != 0)
        return err_raise(e, ERR_INTERNAL, "the flags byte of a message is %u", r->head[0]);
    if (r->length > FRAME_MESSAGE_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "the message has %zu bytes, more than the maximum of %d", r->length,
                         FRAME_MESSAGE_MAX);
    TRY(frame_alloc(FRAME_HEAD + MIN_OF(r->length, (size_t)FRAME_FIRST_ALLOC), r->budget, &r->f, e));
    memcpy(r->f->data, r->head, FRAME_HEAD);
    r->f->n = FRAME_HEAD;
    return 0;
}

/* Doubles the room, up to what the message needs. */
static int reader_grow(struct frame_reader *r, struct err *e)
{
    struct frame *f = r->f;
    size_t cap = MIN_OF(f->cap * 2, FRAME_HEAD + r->length), more = cap - f->cap;
    if (!budget_take(f->budget, more))
        return too_many_bytes(f->budget, e);
    struct frame *bigger = mem_realloc(f, sizeof(*f) + cap);
    if (!bigger) {
        budget_give(f->budget, more);
        return err_oom(e);
    }
    bigger->cap = cap;
    bigger->charged += more;
    r->f = bigger;
    return 0;
}

int frame_reader_feed(struct frame_reader *r, struct view *data, struct frame **ret, struct err *e)
{
    while (r->n_head < FRAME_HEAD) {
        if (data->n == 0)
            return 0;
        r->head[r->n_head++] = (uint8_t)data->p[0];
        *data = view_slice(*data, 1, data->n);
        if (r->n_head == FRAME_HEAD)
            TRY(reader_begin(r, e));
    }
    while (r->f->n < FRAME_HEAD + r->length) {
        if (data->n == 0)
            return 0;
        if (r->f->n == r->f->cap)
            TRY(reader_grow(r, e));
        size_t n = MIN_OF(data->n, r->f->cap - r->f->n);
        memcpy(r->f->data + r->f->n, data->p, n);
        r->f->n += n;
        *data = view_slice(*data, n, data->n);
    }
    *ret = r->f;
    r->f = NULL;
    r->n_head = 0;
    return 1;
}

bool frame_reader_idle(const struct frame_reader *r)
{
    return r->n_head == 0;
}

void frame_reader_done(struct frame_reader *r)
{
    frame_free(r->f);
    r->f = NULL;
    r->n_head = 0;
}
