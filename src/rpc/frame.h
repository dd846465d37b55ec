/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: gRPC messages as they stand in the DATA of a stream, a byte of flags and four of length before each (gRPC,
 * doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). A reader puts them together from pieces of any size. Bytes in, bytes out;
 * nothing here knows of HTTP/2 or of sockets.
 */
#ifndef CRI_RPC_FRAME_H
#define CRI_RPC_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum {
    FRAME_HEAD = 5,
    FRAME_MESSAGE_MAX = 16 << 20 /* bytes of a message, both ways */
};

/* Bytes that all messages of one direction together may hold. Shared by the streams of a server or client. From any thread. */
struct frame_budget {
    atomic_size_t used;
    size_t max;
};
#define FRAME_BUDGET_INIT(bytes)                                                                                                 \
    {                                                                                                                            \
        .max = (bytes)                                                                                                           \
    }

/* One message in memory, head and all. */
struct frame {
    struct frame *next;
    struct frame_budget *budget; /* NULL: not accounted */
    size_t charged;              /* bytes taken from the budget */
    size_t n;                    /* bytes of `data` in use, head included */
    size_t cap;
    uint8_t data[];
};

/* An uncompressed frame with room for n bytes of message and the head filled in. -ERR_RESOURCE_EXHAUSTED when n passes
 * FRAME_MESSAGE_MAX, the budget is used up, or memory is short. The budget must outlive the frame. */
int frame_new(size_t n, struct frame_budget *budget, struct frame **ret, struct err *e);
/* Frees it and gives its bytes back to the budget. NULL is allowed. */
void frame_free(struct frame *f);
/* Frees a list of frames linked by next. */
void frame_free_list(struct frame *f);
/* The message without its head. */
struct view frame_message(const struct frame *f);

/* A queue of frames. Init with {0} and queue_init. */
struct frame_queue {
    struct frame *head, **tail;
    size_t bytes; /* of all its frames, heads included */
};
void frame_queue_init(struct frame_queue *q);
void frame_queue_add(struct frame_queue *q, struct frame *f);
/* The first frame, or NULL. */
struct frame *frame_queue_take(struct frame_queue *q);
/* Appends all of `from`, which is empty after it. */
void frame_queue_move(struct frame_queue *q, struct frame_queue *from);
void frame_queue_done(struct frame_queue *q);

/* Puts frames together. Init with {0}, or .budget set. */
struct frame_reader {
    struct frame_budget *budget;
    uint8_t head[FRAME_HEAD];
    size_t n_head;
    size_t length;   /* of the message, once the head is complete */
    struct frame *f; /* the frame being filled */
};

/* Takes bytes off *data. 1: *ret is a whole frame, owned by the caller, and *data is what follows it. 0: *data is used up and
 * more is needed. -ERR_RESOURCE_EXHAUSTED: the message claims more than FRAME_MESSAGE_MAX, or memory or budget is short;
 * -ERR_UNIMPLEMENTED: it is compressed; -ERR_INTERNAL: the flags byte has no meaning. After an error the reader must not be fed
 * again. Memory grows with the bytes that have come, never with the length that was claimed. */
int frame_reader_feed(struct frame_reader *r, struct view *data, struct frame **ret, struct err *e);
/* True between two frames: the stream may end here. */
bool frame_reader_idle(const struct frame_reader *r);
void frame_reader_done(struct frame_reader *r);

#endif
