/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built in: see the header. Nothing in the image depends on time, host or user but the architecture.
 */
#include "image/builtin.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonw.h"
#include "image/hash.h"

enum {
    TAR_BLOCK = 512,
    JSON_MAX = 8 << 10,
};

#define CREATED    "1970-01-01T00:00:00Z"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"

/* A header of POSIX.1-1988 "ustar": numbers are octal text, the check sum counts its own field as blanks. */
static void tar_header(char h[TAR_BLOCK], const char *name, size_t size)
{
    unsigned sum = 0;
    memset(h, 0, TAR_BLOCK);
    (void)snprintf(h, 100, "%s", name);
    memcpy(h + 100, "0000755", 8);
    memcpy(h + 108, "0000000", 8);
    memcpy(h + 116, "0000000", 8);
    (void)snprintf(h + 124, 12, "%011zo", size);
    memcpy(h + 136, "00000000000", 12);
    memset(h + 148, ' ', 8);
    h[156] = '0';
    memcpy(h + 257, "ustar", 6);
    memcpy(h + 263, "00", 2);
    memcpy(h + 329, "0000000", 8);
    memcpy(h + 337, "0000000", 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)h[i];
    (void)snprintf(h + 148, 8, "%06o", sum & 0777777);
}

/* One file and two blocks of zeroes. */
static int make_layer(struct arena *a, struct view *ret, struct err *e)
{
    size_t padded = (pause_program_size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK, n = TAR_BLOCK + padded + 2 * TAR_BLOCK;
    char *p = arena_alloc(a, n);
    if (!p)
        return err_oom(e);
    memset(p, 0, n);
    tar_header(p, "pause", pause_program_size);
    memcpy(p + TAR_BLOCK, pause_program, pause_program_size);
    *ret = view_make(p, n);
    return 0;
}

static int finish(struct jsonw *w, struct buf *json, struct arena *a, struct view *ret, struct err *e)
{
    TRY(jsonw_finish(w, e));
    char *text = arena_view(a, buf_view(json));
    *ret = view_make(text, json->n);
    return text ? 0 : err_oom(e);
}

static int make_config(const char *diff_id, struct arena *a, struct view *ret, struct err *e)
{
    const struct oci_platform host = oci_platform_host();
    _cleanup_buf_ struct buf json = BUF_INIT(JSON_MAX);
    struct jsonw w;
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key_str(&w, "created", CREATED);
    jsonw_key_str(&w, "architecture", host.architecture);
    if (host.variant && *host.variant)
        jsonw_key_str(&w, "variant", host.variant);
    jsonw_key_str(&w, "os", "linux");
    jsonw_key(&w, "config");
    jsonw_object(&w);
    jsonw_key(&w, "Entrypoint");
    jsonw_array(&w);
    jsonw_str(&w, "/pause");
    jsonw_array_end(&w);
    jsonw_key_str(&w, "WorkingDir", "/");
    jsonw_object_end(&w);
    jsonw_key(&w, "rootfs");
    jsonw_object(&w);
    jsonw_key_str(&w, "type", "layers");
    jsonw_key(&w, "diff_ids");
    jsonw_array(&w);
    jsonw_str(&w, diff_id);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return finish(&w, &json, a, ret, e);
}

static void descriptor(struct jsonw *w, const char *type, const char *digest, size_t size)
{
    jsonw_object(w);
    jsonw_key_str(w, "mediaType", type);
    jsonw_key_str(w, "digest", digest);
    jsonw_key_u64(w, "size", size);
    jsonw_object_end(w);
}

static int make_manifest(struct view config, const char *config_digest, struct view layer, const char *layer_digest, struct arena *a, struct view *ret,
                         struct err *e)
{
    _cleanup_buf_ struct buf json = BUF_INIT(JSON_MAX);
    struct jsonw w;
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key_u64(&w, "schemaVersion", 2);
    jsonw_key_str(&w, "mediaType", OCI_MEDIA_MANIFEST);
    jsonw_key(&w, "config");
    descriptor(&w, OCI_MEDIA_CONFIG, config_digest, config.n);
    jsonw_key(&w, "layers");
    jsonw_array(&w);
    descriptor(&w, LAYER_TYPE, layer_digest, layer.n);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return finish(&w, &json, a, ret, e);
}

int builtin_pause(struct arena *a, struct resolved *ret, struct view *ret_layer, struct err *e)
{
    char layer_digest[DIGEST_TEXT_MAX + 1], config_digest[DIGEST_TEXT_MAX + 1], digest[DIGEST_TEXT_MAX + 1];
    struct view layer;
    struct resolved_document *d = &ret->documents[0];
    memset(ret, 0, sizeof(*ret));
    TRY(make_layer(a, &layer, e));
    TRY(hash_text(DIGEST_SHA256, layer, layer_digest, e));
    TRY(make_config(layer_digest, a, &ret->config_bytes, e));
    TRY(hash_text(DIGEST_SHA256, ret->config_bytes, config_digest, e));
    TRY(make_manifest(ret->config_bytes, config_digest, layer, layer_digest, a, &d->bytes, e));
    TRY(hash_text(DIGEST_SHA256, d->bytes, digest, e));
    d->media_type = OCI_MEDIA_MANIFEST;
    d->digest = arena_strdup(a, digest);
    if (!d->digest)
        return err_oom(e);
    ret->n_documents = 1;
    TRY(oci_manifest_parse(d->bytes, a, &ret->manifest, e));
    TRY(resolve_check(ret, a, e));
    *ret_layer = layer;
    return 0;
}
