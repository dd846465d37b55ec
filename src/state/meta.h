/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meta: what is known of a sandbox or a container for good, and its record: the JSON that containerd keeps as
 * an extension of the container object, in the format of containerd's built-in CRI plugin (all versions 1.6
 * to 2.x), so that a node can change between the two. containerd is the only database.
 */
#ifndef CRI_STATE_META_H
#define CRI_STATE_META_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"
#include "cri/runtime_v1.pb-c.h"

#define META_LABEL_KIND          "io.cri-containerd.kind"
#define META_KIND_SANDBOX        "sandbox"
#define META_KIND_CONTAINER      "container"
#define META_SANDBOX_EXTENSION   "io.cri-containerd.sandbox.metadata"
#define META_CONTAINER_EXTENSION "io.cri-containerd.container.metadata"
#define META_SANDBOX_TYPE_URL    "github.com/containerd/cri/pkg/store/sandbox/Metadata"
#define META_CONTAINER_TYPE_URL  "github.com/containerd/cri/pkg/store/container/Metadata"

struct sandbox_meta {
    const char *id, *name;
    Runtime__V1__PodSandboxConfig *config;
    const char *netns_path; /* "" on the host network */
    const char *ip;
    struct strlist additional_ips;
    const char *runtime_handler;
    struct view cni_result; /* raw JSON, empty: null */
    const char *process_label;
};

struct container_meta {
    const char *id, *name, *sandbox_id;
    Runtime__V1__ContainerConfig *config;
    const char *image_ref; /* image id, "sha256:..." */
    const char *log_path;  /* absolute, "" for none */
    const char *stop_signal;
    const char *process_label;
};

/* Append the record's JSON to out, in the form of Go's encoding/json (see gojson.h). NULL strings are written
 * as "", a NULL config as null. A cni_result that is not a JSON object is INVALID_ARGUMENT;
 * RESOURCE_EXHAUSTED when out's maximum or memory does not suffice. */
int meta_sandbox_encode(const struct sandbox_meta *m, struct buf *out, struct err *e);
int meta_container_encode(const struct container_meta *m, struct buf *out, struct err *e);

/* Read a record; everything in *ret lives in the arena. Unknown members are ignored; an unknown Version, an
 * ID that is missing or not one of containerd's identifiers (it names directories) or a wrong type is
 * INVALID_ARGUMENT and names the member. Absent strings become "", an absent config the empty one, never
 * NULL. */
int meta_sandbox_decode(struct view json, struct arena *a, struct sandbox_meta *ret, struct err *e);
int meta_container_decode(struct view json, struct arena *a, struct container_meta *ret, struct err *e);

/* The delimited names that make sandboxes and containers unique (the seed's makeSandboxName and
 * makeContainerName): <pod>_<namespace>_<uid>_<attempt> and <container>_<pod>_<namespace>_<uid>_<attempt>.
 * NULL when the arena is exhausted. */
char *meta_sandbox_name(struct arena *a, const Runtime__V1__PodSandboxMetadata *m);
char *meta_container_name(struct arena *a, const Runtime__V1__ContainerMetadata *c,
                          const Runtime__V1__PodSandboxMetadata *m);

#endif
