/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: Protocol Buffers to and from bytes, the only way in and out of this program. What comes in is checked on the wire
 * first and unpacked within a budget; what goes out is valid UTF-8, because one bad string makes a Go client refuse a whole list.
 */
#ifndef CRI_RPC_MESSAGE_H
#define CRI_RPC_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "rpc/frame.h"

/* Unpacks a message from outside into the arena, whose budget bounds it. Absent strings are "", absent sub-messages NULL.
 * -ERR_INVALID_ARGUMENT naming the field when it is not sound (rpc/wirecheck.h), -ERR_RESOURCE_EXHAUSTED when it would not fit.
 * Nothing of *ret is freed by itself: it ends with the arena. */
int rpc_message_unpack(const ProtobufCMessageDescriptor *type, struct view data, struct arena *a, ProtobufCMessage **ret,
                       struct err *e);

/* An empty message of this type in the arena, NULL when exhausted. */
ProtobufCMessage *rpc_message_new(const ProtobufCMessageDescriptor *type, struct arena *a);

/* Packs a message into a frame accounted in budget (may be NULL). Bytes that are not UTF-8 become U+FFFD on the wire; the message
 * itself is as before when the function returns, but must not be read by another thread meanwhile. -ERR_RESOURCE_EXHAUSTED when
 * it passes FRAME_MESSAGE_MAX, or memory or budget is short. */
int rpc_message_pack(const ProtobufCMessage *m, struct frame_budget *budget, struct frame **ret, struct err *e);

#endif
