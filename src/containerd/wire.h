/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: what the service files of this folder share: making a call by its index in proto/methods.h, and the pieces that occur in
 * many messages (labels, Any, timestamps, mounts, descriptors). Packing borrows: a request points into the caller's structs and
 * into a scratch arena. Unpacking borrows too: an answer lives in the caller's arena and the structs point into it, so nothing is
 * copied. Private to src/containerd/.
 */
#ifndef CRI_CONTAINERD_WIRE_H
#define CRI_CONTAINERD_WIRE_H

#include "containerd/containerd.h"
#include "containerd/types.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/methods.h"
#include "rpc/channel.h"

/* The functions behind the ops table, ctrd_op_container_get and so on; their contract is in containerd.h. */
#define CTRD_OP_DECLARE_(name, params, args)                                                                                     \
    int ctrd_op_##name(void *user, const struct ctx *ctx, CTRD_STRIP_ params, struct err *e);
CTRD_OPS(CTRD_OP_DECLARE_)
void ctrd_op_events_close(void *user, struct ctrd_events *s);
void ctrd_op_writer_close(void *user, struct ctrd_writer *w);

/* Scratch memory of one call: a request and an answer that is not handed on. */
#define CTRD_SCRATCH(name) _cleanup_arena_ struct arena name = ARENA_INIT(ARENA_BUDGET_DEFAULT)

/* Defines an empty request of the method with this index. */
#define CTRD_REQUEST(type, name, method)                                                                                         \
    type name;                                                                                                                   \
    ctrd_request_init(&(name), sizeof(name), (method))
void ctrd_request_init(void *message, size_t size, int method);

/* The longest that containerd may take for one call, or for one message of a stream: a piece of work that is made of calls goes on for
 * hours, and one of them that never comes back must not hold it until then. Calls that move a layer's bytes have longer; waiting for a
 * task's exit and for events has no limit. */
#define CTRD_CALL_LIMIT (UINT64_C(600) * NSEC_PER_SEC)
#define CTRD_LONG_LIMIT (UINT64_C(3600) * NSEC_PER_SEC)
struct ctx ctrd_limit(const struct ctx *ctx, int method);

/* A unary call, within its limit; the answer (never NULL) is unpacked into a, *ret is a pointer to the method's response type. */
int ctrd_call(void *user, const struct ctx *ctx, int method, const void *request, struct arena *a, void *ret, struct err *e);
/* A unary call whose answer is of no interest. */
int ctrd_call_plain(void *user, const struct ctx *ctx, int method, const void *request, struct err *e);

/* A call with streams: open, then send and receive, then close, which also frees. */
struct ctrd_stream {
    const struct rpc_channel *channel;
    struct rpc_client_stream *s;
    int method;
};
int ctrd_stream_open(struct ctrd_stream *st, void *user, const struct ctx *ctx, int method, struct err *e);
/* Opens and sends the one request of a server-streaming call. */
int ctrd_stream_ask(struct ctrd_stream *st, void *user, const struct ctx *ctx, int method, const void *request, struct err *e);
int ctrd_stream_send(struct ctrd_stream *st, const struct ctx *ctx, const void *request, bool last, struct err *e);
/* 1 and *ret set; 0 at the end; or negative. */
int ctrd_stream_recv(struct ctrd_stream *st, const struct ctx *ctx, struct arena *a, void *ret, struct err *e);
void ctrd_stream_close(struct ctrd_stream *st);

/* The error for an answer that lacks a part it always has. */
int ctrd_incomplete(int method, const char *what, struct err *e);

/* A string for a message; protobuf-c's members are not const, packing only reads them. */
static inline char *ctrd_str(const char *s)
{
    return s ? (char *)s : (char *)protobuf_c_empty_string;
}
/* "" becomes NULL's equal in tests for "was it given". */
static inline bool ctrd_given(const char *s)
{
    return s && *s;
}

/* Packing. Each ret_v is a `T ***` of the message's repeated member, ret_n its n_ member. l may be NULL: none. */
int ctrd_pack_labels(const struct kvlist *l, const ProtobufCMessageDescriptor *entry, struct arena *a, size_t *ret_n, void *ret_v,
                     struct err *e);
/* NULL when absent. */
int ctrd_pack_any(const struct ctrd_any *any, struct arena *a, Google__Protobuf__Any **ret, struct err *e);
int ctrd_pack_mounts(const struct ctrd_mounts *m, struct arena *a, size_t *ret_n, Containerd__Types__Mount ***ret_v,
                     struct err *e);
int ctrd_pack_descriptor(const struct ctrd_descriptor *d, struct arena *a, Containerd__Types__Descriptor **ret, struct err *e);
/* A NULL-terminated list; fields or filters may be NULL. */
void ctrd_pack_strings(const char *const *list, size_t *ret_n, char ***ret_v);
int ctrd_pack_mask(const char *const *fields, struct arena *a, Google__Protobuf__FieldMask **ret, struct err *e);

/* Unpacking, each into borrowed views of the message. v is the `T **` of a map<string, string> member. */
int ctrd_unpack_labels(size_t n, void *v, struct arena *a, struct kvlist *ret, struct err *e);
void ctrd_unpack_any(const Google__Protobuf__Any *m, struct ctrd_any *ret);
/* ns since 1970; 0 for an absent, a malformed or an unrepresentable time (Go's zero time is in the year 1). */
int64_t ctrd_unpack_time(const Google__Protobuf__Timestamp *m);
int ctrd_unpack_mounts(size_t n, Containerd__Types__Mount **v, struct arena *a, struct ctrd_mounts *ret, struct err *e);
int ctrd_unpack_descriptor(const Containerd__Types__Descriptor *m, struct arena *a, struct ctrd_descriptor *ret, struct err *e);

/* Room for one more element of `size` bytes behind n elements in an array that grows in the arena. The array moves. NULL:
 * exhausted. */
void *ctrd_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size);

#endif
