/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel that writes down every request as text and hands it on to another channel: what a test compares to see that each
 * field of a struct arrives in its place.
 */
#ifndef CRI_UNIT_CONTAINERD_RECORD_H
#define CRI_UNIT_CONTAINERD_RECORD_H

#include "rpc/channel.h"

enum { RECORD_MAX = 8192 };

struct record {
    struct rpc_channel channel; /* the recording one; user is this struct */
    const struct rpc_channel *inner;
    /* One line a message: `Tasks/Kill container_id:"c" signal:9`, in the order of the fields; fields that are zero or empty are
     * left out. */
    char text[RECORD_MAX];
    size_t n;
    uint64_t deadline; /* of the last call, or the last message of a stream */
};

void record_init(struct record *r, const struct rpc_channel *inner);
void record_clear(struct record *r);

#endif
