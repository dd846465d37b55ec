/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: the changing part of a container and its checkpoint <root>/containers/<id>/status, in the built-in plugin's format. Sandboxes
 * have none: their state is read from their task.
 */
#ifndef CRI_STATE_STATUS_FILE_H
#define CRI_STATE_STATUS_FILE_H

#include "base/arena.h"
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
/* The upper-case name of a CRI state, total (the seed's criContainerStateToString): "CONTAINER_RUNNING", "CONTAINER_UNKNOWN" for any other number. */
const char *container_state_name(int state);

/* The checkpoint's text. resources may be NULL. */
int container_status_encode(const struct container_status *s, const Runtime__V1__ContainerResources *resources, struct buf *out, struct err *e);
int container_status_decode(struct view json, struct container_status *ret, struct arena *a, Runtime__V1__ContainerResources **ret_resources, struct err *e);
/* Writes <dir>/status atomically, mode 0600; reads it (1 MiB at most). NOT_FOUND when there is none. */
int container_status_store(const char *dir, const struct container_status *s, const Runtime__V1__ContainerResources *resources, struct err *e);
int container_status_load(const char *dir, struct container_status *ret, struct arena *a, Runtime__V1__ContainerResources **ret_resources, struct err *e);

#endif
