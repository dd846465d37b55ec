/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Once: what RunPodSandbox and CreateContainer share: work identified by a name is done once, joined by equal repeats, and marked when it was finished for
 * a client that is gone.
 */
#ifndef CRI_CRI_ONCE_H
#define CRI_CRI_ONCE_H

#include "cri/service.h"

enum { CRI_ID_SIZE = 80 }; /* room for an id: containerd takes up to 76 bytes, ours have 64 */

/* Does the work, or finds that it is done already: writes the id of the object to id. */
typedef int (*cri_once_fn)(void *arg, const char *name, char id[CRI_ID_SIZE], struct err *e);

/* Runs work(arg) under `name`, or joins whoever does it for an equal request. *ret_id is in the call's arena. Errors: those of the work (a joiner gets
 * the same one); ALREADY_EXISTS when an unequal request under this name is under way; DEADLINE_EXCEEDED, CANCELLED for a joiner. `store` is where the object is. */
int cri_once(struct cri_service *s, struct rpc_call *call, struct store *store, const char *name, const ProtobufCMessage *request, cri_once_fn work,
             void *arg, char **ret_id, struct err *e);

#endif
