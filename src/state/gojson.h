/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gojson: protobuf messages as Go's encoding/json writes the generated structs: snake_case names, zero values left out, enums and 64-bit
 * numbers as JSON numbers, wrappers as {"value": n}, maps as objects with sorted keys, bytes fields of KeyValue as a plain string.
 * Driven by protobuf-c's descriptors, so a new field needs no code.
 */
#ifndef CRI_STATE_GOJSON_H
#define CRI_STATE_GOJSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/jsonw.h"

/* Writes m as one JSON value. Failures stick in w. */
void gojson_write(struct jsonw *w, const ProtobufCMessage *m);
/* Reads an object into a new message in the arena. Unknown members are ignored; a wrong type is INVALID_ARGUMENT and names the path of the member. */
int gojson_read(const json_t *object, const ProtobufCMessageDescriptor *desc, struct arena *a, ProtobufCMessage **ret, struct err *e);

/* A deep copy of a message into the arena. NULL when the arena is exhausted. */
ProtobufCMessage *message_dup(const ProtobufCMessage *m, struct arena *a);

#endif
