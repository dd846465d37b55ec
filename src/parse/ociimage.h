/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ociimage: the JSON documents of an image: manifest, index and configuration (OCI image specification 1.1; Docker image manifest
 * version 2, schema 2, and its manifest list, which have the same shape under other media types).
 *
 * All of it comes from a registry and is hostile. Documents, strings and lists have maxima; a member that is absent or null is empty;
 * a member of another type than the specification's is refused by name; a whole document that is null, a list, a number or a string
 * is refused. Unknown members are ignored. Schema 1 is refused by name. Results live in the caller's arena.
 */
#ifndef CRI_PARSE_OCIIMAGE_H
#define CRI_PARSE_OCIIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum {
    OCI_MANIFEST_BYTES_MAX = 4 << 20, /* of a manifest or index; what registries must take (distribution specification) */
    OCI_CONFIG_BYTES_MAX = 20 << 20,  /* of an image configuration (CVE-2023-25153: a document without a limit) */
    OCI_LAYERS_MAX = 512,
    OCI_INDEX_MANIFESTS_MAX = 1024,
    OCI_ANNOTATIONS_MAX = 1024, /* annotations or labels */
    OCI_LIST_MAX = 16384,       /* entries of Env, Cmd, Entrypoint */
    OCI_VOLUMES_MAX = 1024,
    OCI_STRING_MAX = 1 << 20,   /* bytes of one string */
};

#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define DOCKER_MEDIA_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_MEDIA_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MEDIA_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_MEDIA_SCHEMA1 "application/vnd.docker.distribution.manifest.v1+json"
#define DOCKER_MEDIA_SCHEMA1_SIGNED "application/vnd.docker.distribution.manifest.v1+prettyjws"

enum oci_media {
    OCI_MEDIA_OTHER = 0,
    OCI_MEDIA_IS_MANIFEST,
    OCI_MEDIA_IS_INDEX,
    OCI_MEDIA_IS_CONFIG,
    OCI_MEDIA_IS_LAYER, /* tar, tar+gzip, tar+zstd, Docker's rootfs.diff.tar.gzip */
    OCI_MEDIA_IS_FOREIGN_LAYER, /* non-distributable, Docker's foreign: its bytes are not in this registry */
    OCI_MEDIA_IS_SCHEMA1,
};
/* Says what a media type stands for; parameters behind ';' and letter case do not matter. */
enum oci_media oci_media_classify(struct view media_type);

/* Strings are "" when absent, never NULL. */
struct oci_platform {
    const char *os, *architecture, *variant, *os_version;
};

struct oci_descriptor {
    const char *media_type; /* "" when absent */
    const char *digest;     /* a valid digest, always */
    int64_t size;           /* bytes, 0 to 2^63-1 */
    bool has_platform;
    struct oci_platform platform;
    bool foreign;        /* the media type says that the bytes lie elsewhere */
    struct strlist urls; /* where */
    struct kvlist annotations;
};

struct oci_manifest {
    const char *media_type;
    struct oci_descriptor config;
    struct oci_descriptor *layers; /* bottom first */
    size_t n_layers;
    struct kvlist annotations;
};

struct oci_index {
    const char *media_type;
    struct oci_descriptor *manifests;
    size_t n_manifests;
};

struct oci_image_config {
    const char *created; /* as written, "" when absent */
    const char *author;
    struct oci_platform platform;
    const char *user, *working_dir, *stop_signal;
    bool args_escaped;
    struct strlist env, entrypoint, cmd;
    bool has_entrypoint, has_cmd; /* present and not null, even if empty */
    struct strlist volumes;       /* the keys, in the document's order, each once */
    struct kvlist labels;
    struct strlist diff_ids; /* valid digests, bottom first */
};

/* What a document is, by its mediaType member if it has one, else by its shape (manifests: index; config and layers: manifest), given
 * what the registry called it (may be empty). -ERR_INVALID_ARGUMENT for what is neither (schema 1 is named), for a document that is
 * both, and when the text and a known content type disagree. */
int oci_document_kind(struct view json, struct view content_type, enum oci_media *ret, struct err *e);

/* Decode. -ERR_INVALID_ARGUMENT names the member ("layers[3].size is negative"); -ERR_RESOURCE_EXHAUSTED when memory or the arena's
 * budget is exhausted; -ERR_OUT_OF_RANGE when the document is longer than its maximum. */
int oci_manifest_parse(struct view json, struct arena *a, struct oci_manifest *ret, struct err *e);
int oci_index_parse(struct view json, struct arena *a, struct oci_index *ret, struct err *e);
int oci_image_config_parse(struct view json, struct arena *a, struct oci_image_config *ret, struct err *e);

/* The platform that this build runs on: "linux", GOARCH name, variant. Static strings. */
struct oci_platform oci_platform_host(void);
/* How well an image for `offered` runs on `want`: 0 not at all, greater is better. Names are normalised first (x86_64 is amd64,
 * aarch64 is arm64/v8, armhf is arm/v7, ...); lower arm variants and 386 on amd64 run, an exact match is best. */
unsigned oci_platform_match(const struct oci_platform *want, const struct oci_platform *offered);
/* The best manifest of an index for a platform, the first of equals; entries that are neither manifest nor index (attestations) or have
 * platform "unknown" are passed over; an entry without a platform counts as the worst match. -ERR_NOT_FOUND names platform and offers. */
int oci_index_select(const struct oci_index *index, const struct oci_platform *want, const struct oci_descriptor **ret, struct err *e);

/* Bytes of config and layers together, as CRI reports the size of an image; -ERR_OUT_OF_RANGE on overflow. */
int oci_manifest_size(const struct oci_manifest *m, uint64_t *ret, struct err *e);

/* Chain id (OCI image specification, config.md, "Layer ChainID"): the next one is the digest of "<chain> <diff id>". This writes that
 * text, without NUL, to out; the hashing belongs to image/. */
enum { OCI_CHAIN_TEXT_MAX = 2 * 135 + 1 };
size_t oci_chain_text(const char *chain, const char *diff_id, char out[OCI_CHAIN_TEXT_MAX + 1]);

#endif
