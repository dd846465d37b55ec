/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convert: parts of answers copied from stored objects into a call's arena, and the filters of the list calls. Answers never point into a
 * stored object: it may be removed before the answer is packed.
 */
#ifndef CRI_CRI_CONVERT_H
#define CRI_CRI_CONVERT_H

#include "base/arena.h"
#include "containerd/containerd.h"
#include "cri/runtime_v1.pb-c.h"
#include "state/store.h"

/* One entry of any map<string, string>: protobuf-c gives each map a type of its own, all of this shape. */
struct map_entry {
    ProtobufCMessage base;
    char *key, *value;
};

/* A copy of s, "" when it is NULL. NULL when the arena is exhausted. */
char *convert_str(struct arena *a, const char *s);

/* Copies the n entries of a map into one whose entries have the descriptor desc. *ret is NULL for an empty map. 0 or RESOURCE_EXHAUSTED. */
int convert_map(struct arena *a, const void *entries, size_t n, const ProtobufCMessageDescriptor *desc, void *ret, size_t *ret_n);
/* Adds key=value to a map of *ret_n entries. 0 or RESOURCE_EXHAUSTED. */
int convert_map_one(struct arena *a, const char *key, const char *value, const ProtobufCMessageDescriptor *desc, void *ret, size_t *ret_n);

/* True when every selector pair is among the labels. */
bool convert_labels_match(const void *labels, size_t n_labels, const void *selector, size_t n_selector);

Runtime__V1__PodSandboxMetadata *convert_sandbox_metadata(struct arena *a, const Runtime__V1__PodSandboxMetadata *m);
Runtime__V1__ContainerMetadata *convert_container_metadata(struct arena *a, const Runtime__V1__ContainerMetadata *m);
/* An ImageSpec with this name. */
Runtime__V1__ImageSpec *convert_image_spec(struct arena *a, const char *image);

/* A number that may be absent, present. */
Runtime__V1__UInt64Value *convert_u64(struct arena *a, uint64_t value);
/* What is used of the file system that is mounted at (or holds) mountpoint, as it was at `at` (ns since 1970). */
Runtime__V1__FilesystemUsage *convert_filesystem_usage(struct arena *a, const char *mountpoint, const struct ctrd_usage *usage, int64_t at);

Runtime__V1__PodSandboxState convert_sandbox_state(enum sandbox_state state);

#endif
