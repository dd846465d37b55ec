/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling: from a reference to image records, with content, snapshots and labels as containerd's own clients leave them.
 *
 * A pull resolves the reference at its registry, picks the manifest of this platform, writes every blob into containerd's content
 * store under a lease, unpacks the layers into committed snapshots named by chain id, creates the records and only then gives the
 * lease up. So a garbage collection at any moment leaves it whole, and a pull that fails leaves nothing that the collector does
 * not take.
 *
 * A pull runs on a thread of its own and does not stop when the caller's deadline passes or the caller cancels: the caller gets
 * DEADLINE_EXCEEDED or CANCELLED, and a repeat with the same reference and the same credentials joins the pull that is under way.
 */
#ifndef CRI_IMAGE_PULL_H
#define CRI_IMAGE_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ctx.h"
#include "base/err.h"
#include "containerd/containerd.h"
#include "image/store.h"

struct http_ops; /* image/http.h */

/* Credentials of a CRI request (runtime.v1 AuthConfig); NULL members count as empty. Used only for the registry that
 * server_address names, or for the reference's registry when it is empty. Which one counts, in this order: username and password,
 * identity_token, auth, registry_token. */
struct image_auth {
    const char *username, *password;
    const char *auth; /* base64 of "username:password" */
    const char *server_address;
    const char *identity_token; /* exchanged for an access token (OAuth2 refresh token) */
    const char *registry_token; /* sent as bearer token as it is */
};

enum {
    IMAGE_LAYERS_AT_ONCE = 3,                /* as containerd's max_concurrent_downloads */
    IMAGE_PROGRESS_TIMEOUT_SECONDS = 5 * 60, /* as the plugin's image_pull_progress_timeout */
    IMAGE_PULLS_MAX = 64,                    /* pulls under way; RESOURCE_EXHAUSTED beyond */
};

struct image_service_options {
    struct ctrd ctrd;            /* its user pointer must outlive the service */
    struct image_store *store;   /* kept by reference */
    const char *snapshotter;     /* copied */
    const char *registry_ca;     /* PEM file of extra CA certificates, NULL or "": none. Copied */
    size_t layers_at_once;       /* 0: IMAGE_LAYERS_AT_ONCE */
    const char *registry_config_path; /* directories of hosts.toml files, see image/hosts.h; NULL or "": none. Copied */
    uint64_t progress_timeout;   /* ns without a byte after which a pull is given up; 0: IMAGE_PROGRESS_TIMEOUT_SECONDS */
    bool inline_only;            /* tests: no threads, the caller's own thread does everything, one layer after the other */
    const struct http_ops *http; /* tests: scripted answers; NULL: libcurl */
    void *http_user;
};

struct image_service;

/* A service without pulls under way. RESOURCE_EXHAUSTED, INVALID_ARGUMENT. */
int image_service_new(const struct image_service_options *options, struct image_service **ret, struct err *e);
/* Takes registry_config_path, layers_at_once and progress_timeout over, for pulls that begin from now on. RESOURCE_EXHAUSTED changes nothing. */
int image_service_reload(struct image_service *s, const struct image_service_options *options, struct err *e);
/* Cancels the pulls under way, waits for their threads and frees. No caller may be inside a function of it. NULL is allowed. */
void image_service_free(struct image_service *s);

struct image_pulled {
    struct image *image; /* a reference, the caller's (image_unref); its id is the answer's image_ref */
};

/* Pulls `reference` (any form; normalised first) or joins the equal pull that is under way. auth may be NULL. ctx limits only
 * this caller's wait. labels: further labels of the records (the pause image's pinned label), may be NULL. INVALID_ARGUMENT: the
 * reference is not one. NOT_FOUND: the registry has no such image, or none for this platform. PERMISSION_DENIED /
 * UNAUTHENTICATED: the registry refuses. DATA_LOSS: a digest or size is wrong. RESOURCE_EXHAUSTED: too large, too many pulls.
 * UNAVAILABLE: registry or containerd not reachable. No credential is ever part of an error. */
int image_pull(struct image_service *s, const struct ctx *ctx, const char *reference, const struct image_auth *auth,
               const struct kvlist *labels, struct image_pulled *ret, struct err *e);

/* The image that ref_or_id means here, else pulled without credentials. *ret is a reference, the caller's. NOT_FOUND also when
 * the image was removed right after its pull. labels as in image_pull. */
int image_ensure(struct image_service *s, const struct ctx *ctx, const char *ref_or_id, const struct kvlist *labels,
                 struct image **ret, struct err *e);

/* The name of the image with the daemon's own pause program. No registry has it. */
#define IMAGE_BUILTIN_PAUSE "cri-containerd.local/pause:builtin"

/* That image, which is made in containerd when it is not there: content, snapshot and records, of which the one by this name is marked as pinned. When
 * a later daemon has another program the name moves on to it, and what it leaves is an image like any other. *ret is a reference, the caller's.
 * containerd's errors. */
int image_builtin_pause(struct image_service *s, const struct ctx *ctx, struct image **ret, struct err *e);

/* Pulls under way. */
size_t image_service_busy(struct image_service *s);

#endif
