/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes of images, see ociimage.h.
 */
#include "parse/jsonscan.h"
#include "parse/ociimage.h"

#include "parse/digest.h"

static int read_str(struct jsonscan_value v, const char *what, struct arena *a, const char **ret, struct err *e)
{
    return jsonscan_text(v, what, OCI_STRING_MAX, a, ret, e);
}

static int parse_platform(struct jsonscan_value v, struct arena *a, struct oci_descriptor *d, struct err *e)
{
    static const char *const names[] = {"os", "architecture", "variant", "os.version"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    TRY(jsonscan_object(v, "platform", SIZE_MAX, &d->has_platform, e));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(read_str(m[0], "platform.os", a, &d->platform.os, e));
    TRY(read_str(m[1], "platform.architecture", a, &d->platform.architecture, e));
    TRY(read_str(m[2], "platform.variant", a, &d->platform.variant, e));
    return read_str(m[3], "platform.os.version", a, &d->platform.os_version, e);
}

static int parse_descriptor(struct jsonscan_value v, struct arena *a, struct oci_descriptor *ret, struct err *e)
{
    static const char *const names[] = {"mediaType", "digest", "size", "platform", "urls", "annotations"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    struct oci_descriptor d = {.size = -1};
    if (v.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "it is %s, not an object", jsonscan_kind_name(v.kind));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(read_str(m[0], "mediaType", a, &d.media_type, e));
    TRY(read_str(m[1], "digest", a, &d.digest, e));
    TRY(digest_parse(view_of(d.digest), NULL, e));
    TRY(jsonscan_i64(m[2], "size", 0, INT64_MAX, &d.size, e));
    if (d.size < 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "size is missing");
    TRY(parse_platform(m[3], a, &d, e));
    TRY(jsonscan_strlist(m[4], "urls", OCI_ANNOTATIONS_MAX, OCI_STRING_MAX, a, &d.urls, NULL, e));
    TRY(jsonscan_kvlist(m[5], "annotations", OCI_ANNOTATIONS_MAX, OCI_STRING_MAX, a, &d.annotations, e));
    d.foreign = oci_media_classify(view_of(d.media_type)) == OCI_MEDIA_IS_FOREIGN_LAYER;
    *ret = d;
    return 0;
}

/* A list of descriptors; absent and null are the empty list. */
static int parse_descriptors(struct jsonscan_value v, const char *what, size_t max, struct arena *a, struct oci_descriptor **ret,
                             size_t *ret_n, struct err *e)
{
    struct jsonscan_value element;
    bool present;
    TRY(jsonscan_array(v, what, max, &present, e));
    size_t n = jsonscan_count(v), i = 0;
    struct oci_descriptor *list = ARENA_NEW_N(a, struct oci_descriptor, n);
    if (!list)
        return err_oom(e);
    struct jsonscan_iter it = jsonscan_iter(v);
    while (jsonscan_next(&it, NULL, &element)) {
        int r = parse_descriptor(element, a, &list[i], e);
        if (r < 0)
            return err_wrap(e, r, "%s[%zu]", what, i);
        i++;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

enum { M_MEDIA_TYPE, M_SCHEMA_VERSION, M_CONFIG, M_LAYERS, M_MANIFESTS, M_ANNOTATIONS, M_FS_LAYERS, MEMBERS };

static void pick_members(struct jsonscan_value document, struct jsonscan_value m[MEMBERS])
{
    static const char *const names[MEMBERS] = {"mediaType", "schemaVersion", "config", "layers", "manifests", "annotations", "fsLayers"};
    jsonscan_pick(document, names, MEMBERS, m);
}

static bool is_there(struct jsonscan_value v)
{
    return v.kind != JSONSCAN_NONE && v.kind != JSONSCAN_NULL;
}

static int schema1(struct err *e)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "this is a Docker schema 1 manifest, which is no longer supported; push the image again with a "
                                              "current tool");
}

/* What the members say. The media type is a string by its kind or absent. */
static int kind_of_members(const struct jsonscan_value m[MEMBERS], enum oci_media by_type, enum oci_media *ret, struct err *e)
{
    bool like_index = is_there(m[M_MANIFESTS]), like_manifest = is_there(m[M_CONFIG]) || is_there(m[M_LAYERS]);
    if (by_type == OCI_MEDIA_IS_SCHEMA1 || is_there(m[M_FS_LAYERS]) || view_eq_str(m[M_SCHEMA_VERSION].raw, "1"))
        return schema1(e);
    if (like_index && like_manifest)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the document has both manifests and config or layers, so it could be read as two images");
    if ((by_type == OCI_MEDIA_IS_MANIFEST && like_index) || (by_type == OCI_MEDIA_IS_INDEX && like_manifest))
        return err_raise(e, ERR_INVALID_ARGUMENT, "mediaType and members of the document contradict each other");
    *ret = by_type != OCI_MEDIA_OTHER ? by_type : like_index ? OCI_MEDIA_IS_INDEX : like_manifest ? OCI_MEDIA_IS_MANIFEST : OCI_MEDIA_OTHER;
    return 0;
}

/* The media type of a document: OCI_MEDIA_OTHER when it names none. */
static int media_of_document(struct jsonscan_value v, enum oci_media *ret, struct err *e)
{
    char text[128];
    *ret = OCI_MEDIA_OTHER;
    if (!is_there(v))
        return 0;
    if (v.kind != JSONSCAN_STRING)
        return err_raise(e, ERR_INVALID_ARGUMENT, "mediaType is %s, not a string", jsonscan_kind_name(v.kind));
    size_t n = jsonscan_unescape(v.raw, text, sizeof text);
    struct view type = view_make(text, MIN_OF(n, sizeof text));
    *ret = oci_media_classify(type);
    if (n > 0 && *ret != OCI_MEDIA_IS_MANIFEST && *ret != OCI_MEDIA_IS_INDEX && *ret != OCI_MEDIA_IS_SCHEMA1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "mediaType \"%.*s\" is that of neither a manifest nor an index", (int)type.n, type.p);
    return 0;
}

int oci_document_kind(struct view json, struct view content_type, enum oci_media *ret, struct err *e)
{
    struct jsonscan_value document, m[MEMBERS];
    enum oci_media by_type, kind, by_header = oci_media_classify(content_type);
    if (by_header == OCI_MEDIA_IS_SCHEMA1)
        return schema1(e);
    if (by_header != OCI_MEDIA_IS_MANIFEST && by_header != OCI_MEDIA_IS_INDEX)
        by_header = OCI_MEDIA_OTHER;
    TRY(jsonscan_document(json, "manifest", OCI_MANIFEST_BYTES_MAX, &document, e));
    pick_members(document, m);
    TRY(media_of_document(m[M_MEDIA_TYPE], &by_type, e));
    TRY(kind_of_members(m, by_type, &kind, e));
    if (kind == OCI_MEDIA_OTHER)
        kind = by_header;
    if (kind == OCI_MEDIA_OTHER)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the document is neither a manifest nor an index: it has no config, layers or manifests");
    if (by_header != OCI_MEDIA_OTHER && by_header != kind)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the registry calls the document \"%.*s\", its content says otherwise",
                         (int)view_slice(content_type, 0, 128).n, content_type.p);
    *ret = kind;
    return 0;
}

/* Opens a document that must be of one kind. */
static int open_document(struct view json, enum oci_media want, const char *what, struct jsonscan_value m[MEMBERS], struct err *e)
{
    struct jsonscan_value document;
    enum oci_media by_type, kind;
    TRY(jsonscan_document(json, what, OCI_MANIFEST_BYTES_MAX, &document, e));
    pick_members(document, m);
    TRY(media_of_document(m[M_MEDIA_TYPE], &by_type, e));
    TRY(kind_of_members(m, by_type, &kind, e));
    if (kind != OCI_MEDIA_OTHER && kind != want)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the document is not the %s that was expected", what);
    return 0;
}

int oci_manifest_parse(struct view json, struct arena *a, struct oci_manifest *ret, struct err *e)
{
    struct jsonscan_value m[MEMBERS];
    struct oci_manifest manifest = {.n_layers = 0};
    TRY(open_document(json, OCI_MEDIA_IS_MANIFEST, "manifest", m, e));
    TRY(read_str(m[M_MEDIA_TYPE], "mediaType", a, &manifest.media_type, e));
    if (!is_there(m[M_CONFIG]))
        return err_raise(e, ERR_INVALID_ARGUMENT, "manifest: config is missing");
    int r = parse_descriptor(m[M_CONFIG], a, &manifest.config, e);
    if (r < 0)
        return err_wrap(e, r, "manifest: config");
    TRY(parse_descriptors(m[M_LAYERS], "layers", OCI_LAYERS_MAX, a, &manifest.layers, &manifest.n_layers, e));
    TRY(jsonscan_kvlist(m[M_ANNOTATIONS], "annotations", OCI_ANNOTATIONS_MAX, OCI_STRING_MAX, a, &manifest.annotations, e));
    *ret = manifest;
    return 0;
}

int oci_index_parse(struct view json, struct arena *a, struct oci_index *ret, struct err *e)
{
    struct jsonscan_value m[MEMBERS];
    struct oci_index index = {.n_manifests = 0};
    TRY(open_document(json, OCI_MEDIA_IS_INDEX, "index", m, e));
    TRY(read_str(m[M_MEDIA_TYPE], "mediaType", a, &index.media_type, e));
    TRY(parse_descriptors(m[M_MANIFESTS], "manifests", OCI_INDEX_MANIFESTS_MAX, a, &index.manifests, &index.n_manifests, e));
    *ret = index;
    return 0;
}
