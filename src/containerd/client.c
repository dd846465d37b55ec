/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ops table of the real client: seam A on top of seam B. Each function is in the file of its service.
 */
#include "containerd/wire.h"

#define OP_ENTRY_(name, params, args) .name = ctrd_op_##name,
static const struct ctrd_ops client_ops = {
    CTRD_OPS(OP_ENTRY_)
    .events_close = ctrd_op_events_close,
    .writer_close = ctrd_op_writer_close,
};

struct ctrd ctrd_client(const struct rpc_channel *channel)
{
    /* The table's user is not const because a mock's is; the client only reads the channel. */
    return (struct ctrd){.ops = &client_ops, .user = (void *)channel};
}
