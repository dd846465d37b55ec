/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every gRPC method that the daemon serves (CRI) and calls (containerd), with what is needed to route and to
 * unpack it. The tables are made from proto/ at build time by methods.py; proto_methods.h, made with them,
 * holds the indices CRI_METHOD_RUN_POD_SANDBOX.. and CONTAINERD_METHOD_TASKS_CREATE.. (service, then method),
 * each list ended by its count. So there is one place where a path is written, and a method that is not in
 * proto/ does not compile.
 */
#ifndef CRI_CONTAINERD_PROTO_METHODS_H
#define CRI_CONTAINERD_PROTO_METHODS_H

#include <stdbool.h>
#include <stddef.h>
#include <protobuf-c/protobuf-c.h>
#include "proto_methods.h"

struct proto_method {
    const char *path;     /* the HTTP/2 :path, "/runtime.v1.RuntimeService/Version" */
    const char *path_old; /* CRI: the same method of runtime.v1alpha2; NULL if that has none */
    const char *name;     /* the last part of path */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    bool client_streaming;
    bool server_streaming;
};

/* In the order of the definitions. All of it is constant and never freed. */
extern const struct proto_method cri_methods[CRI_METHOD_COUNT];
extern const struct proto_method containerd_methods[CONTAINERD_METHOD_COUNT];

/*
 * The CRI method with this :path of len bytes (no terminator needed), under runtime.v1 or runtime.v1alpha2;
 * the caller tells which by comparing with path. NULL when there is none: gRPC's UNIMPLEMENTED.
 */
const struct proto_method *cri_method_find(const char *path, size_t len);

/* The same for the methods of containerd. Callers that know the method index the table instead. */
const struct proto_method *containerd_method_find(const char *path, size_t len);

#endif
