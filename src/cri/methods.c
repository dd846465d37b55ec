/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routing table: what handlers.h lists, under both service names, and UNIMPLEMENTED by name for the rest of the CRI.
 * runtime.v1alpha2 is wire-compatible with runtime.v1 (ci/proto-check proves it), so it needs no types of its own.
 */
#include "cri/handlers.h"
#include "proto/methods.h"

#define CRI_HANDLER_ADAPT_(METHOD, function, Prefix, cls, detached)                                                                     \
    static int serve_##function(void *service, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *resp, struct err *e) \
    {                                                                                                                                   \
        return cri_##function(service, call, (const Runtime__V1__##Prefix##Request *)req, (Runtime__V1__##Prefix##Response *)resp, e);  \
    }
CRI_HANDLERS(CRI_HANDLER_ADAPT_)

static const struct handler {
    int (*unary)(void *, struct rpc_call *, const ProtobufCMessage *, ProtobufCMessage *, struct err *);
    enum exec_class cls;
    bool detached;
} handlers[CRI_METHOD_COUNT] = {
#define CRI_HANDLER_ENTRY_(METHOD, function, Prefix, cls, detached) [CRI_METHOD_##METHOD] = {serve_##function, cls, detached},
    CRI_HANDLERS(CRI_HANDLER_ENTRY_)
};

static int unimplemented(void *service, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *resp, struct err *e)
{
    return err_raise(e, ERR_UNIMPLEMENTED, "method %s is not implemented", call->method->path);
}

static int unimplemented_stream(void *service, struct rpc_call *call, const ProtobufCMessage *req, struct rpc_stream *stream, struct err *e)
{
    return unimplemented(service, call, req, NULL, e);
}

static struct rpc_method describe(size_t i, const char *path)
{
    const struct proto_method *m = &cri_methods[i];
    struct rpc_method r = {
        .path = path,
        .request = m->request,
        .response = m->response,
        .cls = handlers[i].cls,
        .detached = handlers[i].detached,
    };
    if (m->server_streaming)
        r.stream = unimplemented_stream;
    else
        r.unary = handlers[i].unary ? handlers[i].unary : unimplemented;
    return r;
}

int cri_methods_table(struct arena *a, const struct rpc_method **ret, size_t *ret_n, struct err *e)
{
    struct rpc_method *table = ARENA_NEW_N(a, struct rpc_method, 2 * CRI_METHOD_COUNT);
    if (!table)
        return err_oom(e);
    size_t n = 0;
    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        table[n++] = describe(i, cri_methods[i].path);
        if (cri_methods[i].path_old)
            table[n++] = describe(i, cri_methods[i].path_old);
    }
    *ret = table;
    *ret_n = n;
    return 0;
}
