/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire check: reads a message from outside against its descriptor before anything is unpacked (Protocol Buffers, "Encoding").
 * protobuf-c neither checks UTF-8 nor keeps the length of a string, so a NUL would silently cut a name; and it bounds nothing.
 * Pure: no memory, no state, recursion bounded.
 */
#ifndef CRI_RPC_WIRECHECK_H
#define CRI_RPC_WIRECHECK_H

#include <protobuf-c/protobuf-c.h>

#include "base/err.h"
#include "base/view.h"

enum {
    WIRECHECK_DEPTH_MAX = 32,        /* messages within messages */
    WIRECHECK_ELEMENTS_MAX = 4 << 20 /* fields, known or not, and elements of packed lists, in all */
};

/* 0 when `data` is a message of this type that protobuf-c unpacks without losing a byte: every string UTF-8 and free of NUL,
 * every known field of the right wire type, nothing cut short, no group. Else -ERR_INVALID_ARGUMENT (-ERR_RESOURCE_EXHAUSTED for
 * the limits above), and the message names the field: "config.metadata.name: not valid UTF-8". */
int wirecheck(const ProtobufCMessageDescriptor *type, struct view data, struct err *e);

#endif
