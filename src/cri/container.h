/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container: what several of the container RPCs share. Where a container's files lie, and the changes of its state.
 */
#ifndef CRI_CRI_CONTAINER_H
#define CRI_CRI_CONTAINER_H

#include "cri/service.h"

/* Finds a container by id or unique prefix and marks it as known to a client. Errors as store_get. */
int container_find(struct cri_service *s, const char *id, struct container **ret, struct err *e);

/* True when ids begin with these ("" takes any) and every selector pair (a map<string,string> of n entries) is among the labels. */
bool container_matches(const struct container *c, const char *id, const char *sandbox_id, const void *labels, size_t n_labels);

char *container_root_dir(const struct cri_service *s, struct arena *a, const char *id);  /* <root>/containers/<id> */
char *container_state_dir(const struct cri_service *s, struct arena *a, const char *id); /* <state>/containers/<id> */
char *container_io_dir(const struct cri_service *s, struct arena *a, const char *id);    /* <state>/containers/<id>/io */
/* Removes both directories. Doing it again is success. */
int container_files_remove(struct cri_service *s, const char *id, struct err *e);

/* The state as CRI reports it. With the lock held. */
Runtime__V1__ContainerState container_state(const struct container *c);

/* Writes the checkpoint of the status as it is now. Takes the lock only to copy. */
int container_checkpoint(struct cri_service *s, struct container *c, struct err *e);

/* Writes the checkpoint as it will be when the container has ended, before anybody is told. */
int container_save_exit(struct cri_service *s, struct container *c, int32_t exit_code, int64_t exited_at, const char *reason, struct err *e);

/* The container has ended: sets time, code and reason (NULL: from the code), wakes those who wait, writes the checkpoint. */
void container_set_exited(struct cri_service *s, struct container *c, int32_t exit_code, int64_t exited_at, const char *reason, const char *message);

/* Gives the container its streams, which are freed with it. */
void container_attach(struct container *c, struct cio *io);

/* Takes them from it again, when nobody works with them; NULL when there are none. */
struct cio *container_detach(struct container *c);

/* FAILED_PRECONDITION naming the state when the container does not run. */
int container_check_running(struct container *c, struct err *e);

/* Claims the streams, which may be none (NULL), so that nobody frees them, until they are released. */
int container_claim_io(struct container *c, const struct ctx *ctx, struct cio **ret, struct err *e);
void container_release_io(struct container *c);

/* Attaches to the pipes of a container that runs and is not attached (after a restart of the daemon): their paths are what the task says, never
 * computed. Success when it is attached already. */
int cri_reattach(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e);

/* Stops a running container: its stop signal once, SIGKILL after timeout seconds (at once when 0). Success when it does not run. */
int container_stop(struct cri_service *s, const struct ctx *ctx, struct container *c, int64_t timeout, struct err *e);
/* Removes a container, stopping it first. Success when somebody else has removed it. */
int container_remove(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e);

/* Fills in the status of a container, in the arena. */
int container_fill_status(struct cri_service *s, struct container *c, struct arena *a, Runtime__V1__ContainerStatus *status, struct err *e);

#endif
