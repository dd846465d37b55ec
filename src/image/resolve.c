/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolve: see the header.
 */
#include "image/resolve.h"

#include "base/buf.h"
#include "base/num.h"
#include "image/chainid.h"

/* Reads one document and says whether it is an index. */
static int add_document(struct resolved *res, const struct registry_document *doc, const char *expected_type, struct arena *a,
                        struct err *e)
{
    struct resolved_document *d = &res->documents[res->n_documents];
    enum oci_media kind;
    const char *told = *doc->media_type ? doc->media_type : expected_type;
    TRY(oci_document_kind(doc->bytes, view_of(told), &kind, e));
    d->bytes = doc->bytes;
    d->digest = arena_strdup(a, doc->digest);
    if (!d->digest)
        return err_oom(e);
    if (kind == OCI_MEDIA_IS_INDEX) {
        TRY(oci_index_parse(doc->bytes, a, &d->index, e));
        d->media_type = *d->index.media_type ? d->index.media_type : OCI_MEDIA_INDEX;
        d->is_index = true;
    } else if (kind == OCI_MEDIA_IS_MANIFEST) {
        TRY(oci_manifest_parse(doc->bytes, a, &res->manifest, e));
        d->media_type = *res->manifest.media_type ? res->manifest.media_type : OCI_MEDIA_MANIFEST;
    } else {
        return err_raise(e, ERR_INVALID_ARGUMENT, "it is neither an image manifest nor an index");
    }
    res->n_documents++;
    return 0;
}

static int fetch_document(struct registry *r, const struct ctx *ctx, const char *name, const struct oci_descriptor *expected,
                          struct resolved *res, struct arena *a, struct err *e)
{
    struct registry_document doc;
    TRY(registry_manifest(r, ctx, name, a, &doc, e));
    if (expected && expected->size != (int64_t)doc.bytes.n)
        return err_raise(e, ERR_DATA_LOSS, "manifest %s has %zu bytes, its descriptor says %lld", name, doc.bytes.n,
                         (long long)expected->size);
    int code = add_document(res, &doc, expected ? expected->media_type : "", a, e);
    return code < 0 ? err_wrap(e, code, "manifest %s", name) : 0;
}

/* From what the reference names to a manifest. */
static int fetch_documents(struct registry *r, const struct ctx *ctx, const char *name, struct resolved *res, struct arena *a,
                           struct err *e)
{
    const struct oci_platform host = oci_platform_host();
    TRY(fetch_document(r, ctx, name, NULL, res, a, e));
    while (res->documents[res->n_documents - 1].is_index) {
        if (res->n_documents > RESOLVE_DEPTH_MAX)
            return err_raise(e, ERR_INVALID_ARGUMENT, "more than %d indexes lie inside one another", RESOLVE_DEPTH_MAX);
        const struct oci_descriptor *best;
        TRY(oci_index_select(&res->documents[res->n_documents - 1].index, &host, &best, e));
        TRY(fetch_document(r, ctx, best->digest, best, res, a, e));
    }
    return 0;
}

static int append(void *user, struct view data, struct err *e)
{
    return buf_add_view(user, data) < 0 ? err_oom(e) : 0;
}

static int fetch_config(struct registry *r, const struct ctx *ctx, struct resolved *res, struct arena *a, struct err *e)
{
    const struct oci_descriptor *d = &res->manifest.config;
    if (d->size > OCI_CONFIG_BYTES_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "the image configuration has %lld bytes, more than %d", (long long)d->size,
                         OCI_CONFIG_BYTES_MAX);
    _cleanup_buf_ struct buf bytes = BUF_INIT(OCI_CONFIG_BYTES_MAX);
    const struct registry_sink sink = {.user = &bytes, .write = append};
    int code;
    do {
        buf_clear(&bytes);
        code = registry_blob(r, ctx, d->digest, d->size, 0, &sink, e);
    } while (code == -ERR_ABORTED); /* each time with one server less */
    if (code < 0)
        return code;
    res->config_bytes.p = arena_memdup(a, bytes.p ? bytes.p : "", bytes.n);
    res->config_bytes.n = bytes.n;
    return res->config_bytes.p ? 0 : err_oom(e);
}

static int check_layers(const struct oci_manifest *m, struct err *e)
{
    for (size_t i = 0; i < m->n_layers; i++) {
        const struct oci_descriptor *d = &m->layers[i];
        enum oci_media kind = oci_media_classify(view_of(d->media_type));
        if (d->foreign || kind == OCI_MEDIA_IS_FOREIGN_LAYER)
            return err_raise(e, ERR_FAILED_PRECONDITION,
                             "layer %s is foreign (%s): its bytes are not in this registry, and no other address is asked",
                             d->digest, d->media_type);
        if (kind != OCI_MEDIA_IS_LAYER)
            return err_raise(e, ERR_INVALID_ARGUMENT, "layer %s has media type \"%s\", which is not a file system layer",
                             d->digest, d->media_type);
    }
    return 0;
}

static int add_size(int64_t *sum, int64_t n, struct err *e)
{
    return num_add_i64(*sum, n, sum)
               ? 0
               : err_raise(e, ERR_OUT_OF_RANGE, "the sizes of the image's parts do not add up to a 64-bit number");
}

int resolve_check(struct resolved *res, struct arena *a, struct err *e)
{
    const struct oci_manifest *m = &res->manifest;
    TRY(check_layers(m, e));
    int code = oci_image_config_parse(res->config_bytes, a, &res->config, e);
    if (code < 0)
        return err_wrap(e, code, "image configuration %s", m->config.digest);
    if (res->config.diff_ids.n != m->n_layers)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the image has %zu layers and %zu diff ids", m->n_layers,
                         res->config.diff_ids.n);
    TRY(chainid_all(&res->config.diff_ids, a, &res->chain_ids, e));
    uint64_t parts;
    TRY(oci_manifest_size(m, &parts, e));
    if (parts > INT64_MAX)
        return err_raise(e, ERR_OUT_OF_RANGE, "the image's size does not fit 64 bits");
    res->size = (int64_t)parts;
    for (size_t i = 0; i < res->n_documents; i++)
        TRY(add_size(&res->size, (int64_t)res->documents[i].bytes.n, e));
    return 0;
}

int resolve_image(struct registry *r, const struct ctx *ctx, const char *tag_or_digest, struct arena *a, struct resolved *ret,
                  struct err *e)
{
    memset(ret, 0, sizeof(*ret));
    TRY(fetch_documents(r, ctx, tag_or_digest, ret, a, e));
    TRY(check_layers(&ret->manifest, e));
    TRY(fetch_config(r, ctx, ret, a, e));
    return resolve_check(ret, a, e);
}
