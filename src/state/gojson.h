/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gojson: protobuf messages as Go's encoding/json writes the generated structs of cri-api: the names of the
 * .proto (its json tags are exactly these), zero scalars, empty strings, lists and maps and absent messages
 * left out, messages that are there written even when they are empty, enums and 64-bit numbers as JSON
 * numbers, wrappers as {"value": n}, maps as objects with sorted keys, bytes as base64 but for
 * KeyValue.value, which cri-api writes as a plain string (api_json.go). Driven by protobuf-c's descriptors,
 * so a new field needs no code. Members come in the order of the field numbers, which Go's do not; for JSON
 * that is the same object. Floating point, which only CRI's pressure figures have and no record, is refused;
 * CRI has no oneof, no optional field and only maps with string keys.
 */
#ifndef CRI_STATE_GOJSON_H
#define CRI_STATE_GOJSON_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "parse/jsonscan.h"

/* Writes m as one JSON value. Failures stick in w: INTERNAL for a field that is refused, else jsonw's. Bytes
 * that are not UTF-8 become U+FFFD, one each. Of map entries with one key the last is written. */
void gojson_write(struct jsonw *w, const ProtobufCMessage *m);
/* Reads an object of a validated document into a new message in the arena. Unknown members are ignored, null
 * is as good as absent (as an element of a list it is the zero value), of members with one name the last
 * counts. A value of the wrong kind, a number that does not fit its field, a string with U+0000 and bytes
 * that are not base64 are INVALID_ARGUMENT, which names the path of the member
 * ("linux.resources.cpu_period"). RESOURCE_EXHAUSTED when the arena is. */
int gojson_read(struct jsonscan_value object, const ProtobufCMessageDescriptor *desc, struct arena *a,
                ProtobufCMessage **ret, struct err *e);

/* A deep copy of a message into the arena, without unknown fields. NULL when the arena is exhausted. */
ProtobufCMessage *message_dup(const ProtobufCMessage *m, struct arena *a);

#endif
