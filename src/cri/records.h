/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: what goes into containerd's container objects besides spec and extension, and small helpers about messages and rollback that the creating
 * handlers share.
 */
#ifndef CRI_CRI_RECORDS_H
#define CRI_CRI_RECORDS_H

#include "base/undo.h"
#include "cri/service.h"

/* Labels of a record: the image's own without the reserved prefixes (containerd.io/ and io.cri-containerd: an image must not steer containerd, CVE-2026-53488),
 * then the request's (a map<string,string> of n entries), then the kind. */
int cri_record_labels(struct arena *a, const struct kvlist *image_labels, const void *labels, size_t n, const char *kind, struct kvlist *ret,
                      struct err *e);

/* The pause image, pulled and pinned if it is not there. Where its registry cannot be reached (the pull ends with UNAVAILABLE or DEADLINE_EXCEEDED: no
 * name, no route, no connection, no answer, or an answer that it is out of order) the daemon's own pause program takes its place, and
 * the registry is asked again after CRI_PAUSE_RETRY; every other refusal is the administrator's to mend and fails. *ret is a reference, the caller's;
 * *ret_name is what the pod's record says, borrowed from the configuration. */
int cri_ensure_sandbox_image(struct cri_service *s, const struct ctx *ctx, struct image **ret, const char **ret_name, struct err *e);

/* The canonical form of a message, in the arena: what is equal for a reader has equal bytes, whatever order a client's maps had on the wire, and
 * whether or not the message was kept in a record meanwhile. */
int cri_message_canonical(const ProtobufCMessage *m, struct arena *a, struct view *ret, struct err *e);
/* True when two messages have the same canonical form. */
bool cri_message_equal(const ProtobufCMessage *x, const ProtobufCMessage *y);

/* Says since when (clock_mono) nobody knows of this object, 0 for claimed. What stays unclaimed is removed after CRI_UNCLAIMED_LIMIT. */
void cri_mark_unclaimed(struct store *store, const char *id, uint64_t since);

/* Deletes an object's record and then its snapshot: once the record is gone the snapshot is garbage, even if the daemon dies in between. What is gone already
 * is success. */
int cri_record_remove(struct cri_service *s, const struct ctx *ctx, const struct object *o, struct err *e);
/* The step of a rollback that takes an object's snapshot away. */
int cri_snapshot_remove(struct cri_service *s, const struct ctx *ctx, const struct object *o, struct err *e);

/* Runs a rollback and logs each step that fails, naming the RPC and the object. A step that finds containerd away (it restarts) is tried again for a while.
 * Returns how many steps failed for good. */
size_t cri_undo(struct cri_service *s, struct undo *u, const char *rpc, const char *id);

#endif
