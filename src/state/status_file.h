/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: the changing part of a container and its checkpoint <root>/containers/<id>/status, in the built-in
 * plugin's format. Sandboxes have none: their state is read from their task.
 */
#ifndef CRI_STATE_STATUS_FILE_H
#define CRI_STATE_STATUS_FILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "cri/runtime_v1.pb-c.h"

enum { STATUS_TEXT_MAX = 4096 };

struct container_status {
    uint32_t pid;
    int64_t created_at, started_at, finished_at; /* ns since 1970, 0: not yet */
    int32_t exit_code;
    char reason[64];
    char message[STATUS_TEXT_MAX];
    bool unknown; /* the checkpoint was missing or unreadable; never written */
};

/* EXITED, RUNNING, CREATED or UNKNOWN, derived from the times. */
Runtime__V1__ContainerState container_status_state(const struct container_status *s);
/* The upper-case name of a CRI state, total (the seed's criContainerStateToString): "CONTAINER_RUNNING",
 * "CONTAINER_UNKNOWN" for any other number. */
const char *container_state_name(int state);

/* Appends the checkpoint's text to out. resources may be NULL. RESOURCE_EXHAUSTED. */
int container_status_encode(const struct container_status *s,
                            const Runtime__V1__ContainerResources *resources, struct buf *out, struct err *e);
/* Reads a checkpoint. Unknown members are ignored, absent ones are zero; texts that are too long are cut at a
 * character. *ret_resources, in the arena, is NULL when there are none. INVALID_ARGUMENT names the member
 * that is wrong; RESOURCE_EXHAUSTED. */
int container_status_decode(struct view json, struct container_status *ret, struct arena *a,
                            Runtime__V1__ContainerResources **ret_resources, struct err *e);
/* Writes <dir>/status atomically, mode 0600; at most 1 MiB (RESOURCE_EXHAUSTED). Errors of the file system as
 * base/fs.h. */
int container_status_store(const char *dir, const struct container_status *s,
                           const Runtime__V1__ContainerResources *resources, struct err *e);
/* Reads it. NOT_FOUND when there is none; INVALID_ARGUMENT when it is damaged or larger than 1 MiB;
 * FAILED_PRECONDITION when it is no regular file. For a container with a checkpoint like that the caller sets
 * `unknown`. */
int container_status_load(const char *dir, struct container_status *ret, struct arena *a,
                          Runtime__V1__ContainerResources **ret_resources, struct err *e);

#endif
