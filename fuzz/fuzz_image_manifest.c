/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes: controlled by registries. An input is what the registry calls the document (one line) and the document.
 * Reaches parse/ocimanifest and parse/ociimage.
 *
 * Oracle: a document has one kind at most: what is a manifest does not decode as an index and the reverse (CVE-2021-41190); schema 1 is
 * never accepted; digests are digests, sizes are not negative and add up without wrapping; the choice from an index is one of its entries,
 * matches at least as well as every other entry, and is none whose media type is known to be something else; jansson sees as many
 * entries; failing allocations leave nothing.
 */
#include "json_oracle.h"
#include "parse/digest.h"
#include "parse/ociimage.h"

static void check_descriptor(const struct oci_descriptor *d)
{
    FUZZ_CHECK(d->size >= 0 && d->media_type && digest_classify(view_of(d->digest), NULL) == DIGEST_CLASS_OK);
    FUZZ_CHECK(d->foreign == (oci_media_classify(view_of(d->media_type)) == OCI_MEDIA_IS_FOREIGN_LAYER));
}

static void check_manifest(const struct oci_manifest *m, json_t *j)
{
    struct err e = ERR_INIT;
    uint64_t size = 0;
    long double sum = (long double)m->config.size;
    check_descriptor(&m->config);
    FUZZ_CHECK(m->n_layers <= OCI_LAYERS_MAX && (!j || m->n_layers == oracle_count(j, "layers")));
    for (size_t i = 0; i < m->n_layers; i++) {
        check_descriptor(&m->layers[i]);
        sum += (long double)m->layers[i].size;
    }
    int r = oci_manifest_size(m, &size, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK((r == 0) == (sum <= 18446744073709551615.0L) && (r < 0 || (long double)size == sum));
}

static void check_index(const struct oci_index *x, const struct oci_platform *want, json_t *j)
{
    struct err e = ERR_INIT;
    const struct oci_descriptor *best = NULL;
    FUZZ_CHECK(x->n_manifests <= OCI_INDEX_MANIFESTS_MAX && (!j || x->n_manifests == oracle_count(j, "manifests")));
    for (size_t i = 0; i < x->n_manifests; i++)
        check_descriptor(&x->manifests[i]);
    int r = oci_index_select(x, want, &best, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK((r == 0) == (best != NULL));
    if (!best)
        return;
    enum oci_media media = oci_media_classify(view_of(best->media_type));
    FUZZ_CHECK(best >= x->manifests && best < x->manifests + x->n_manifests);
    FUZZ_CHECK(!best->media_type[0] || media == OCI_MEDIA_IS_MANIFEST || media == OCI_MEDIA_IS_INDEX);
    unsigned match = best->has_platform ? oci_platform_match(want, &best->platform) : 1;
    FUZZ_CHECK(match > 0);
    for (size_t i = 0; i < x->n_manifests; i++)
        if (strcmp(x->manifests[i].media_type, best->media_type) == 0 && x->manifests[i].has_platform)
            FUZZ_CHECK(oci_platform_match(want, &x->manifests[i].platform) <= match);
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view text = *(struct view *)arg;
    struct oci_manifest m;
    struct oci_index x;
    int r = oci_manifest_parse(text, &a, &m, e);
    return r == -ERR_RESOURCE_EXHAUSTED ? r : oci_index_parse(text, &a, &x, e);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    static const struct oci_platform wanted[] = {{"linux", "amd64", "v3", ""}, {"linux", "arm64", "", ""}, {"linux", "arm", "v7", ""}, {"linux", "s390x", "", ""}};
    struct view text, type;
    struct oci_manifest m;
    struct oci_index x;
    struct err e = ERR_INIT;
    enum oci_media kind = OCI_MEDIA_OTHER;
    view_cut(view_make((const char *)data, size), '\n', &type, &text);
    int k = oci_document_kind(text, type, &kind, &e);
    fuzz_check_result(k, &e);
    int r = oci_manifest_parse(text, &a, &m, &e);
    fuzz_check_result(r, &e);
    int s = oci_index_parse(text, &a, &x, &e);
    fuzz_check_result(s, &e);
    FUZZ_CHECK(r < 0 || s < 0);
    FUZZ_CHECK(k < 0 || kind == OCI_MEDIA_IS_MANIFEST || kind == OCI_MEDIA_IS_INDEX);
    FUZZ_CHECK(k < 0 || kind != OCI_MEDIA_IS_MANIFEST || r == 0 || s < 0 || type.n > 0);
    json_t *j = r == 0 || s == 0 ? oracle_load((const uint8_t *)text.p, text.n) : NULL;
    if (r == 0)
        check_manifest(&m, j);
    for (size_t i = 0; s == 0 && i < ARRAY_SIZE(wanted); i++)
        check_index(&x, &wanted[i], j);
    json_decref(j);
    fuzz_sweep(decode, &text, size < 1024 ? 32 : 0);
    return 0;
}
