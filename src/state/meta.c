/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meta, see meta.h. Go writes the fields of both structs under their own names and leaves none out; what it
 * reads may come from any version of the plugin, so members that are not known here (ImageDigest, ImageName
 * of 2.4) are passed over.
 */
#include "state/meta.h"

#include "base/jsonw.h"
#include "parse/jsonscan.h"
#include "state/gojson.h"

#define RECORD_VERSION "v1"

enum { ID_MAX = 76 }; /* of containerd's identifiers */

/* ---- encoding ---- */

static void begin_record(struct jsonw *w, struct buf *out, const char *id, const char *name)
{
    jsonw_init(w, out);
    jsonw_object(w);
    jsonw_key_str(w, "Version", RECORD_VERSION);
    jsonw_key(w, "Metadata");
    jsonw_object(w);
    jsonw_key_str(w, "ID", id);
    jsonw_key_str(w, "Name", name);
}

static int end_record(struct jsonw *w, const char *what, struct err *e)
{
    jsonw_object_end(w);
    jsonw_object_end(w);
    int r = jsonw_finish(w, e);
    return r < 0 ? err_wrap(e, r, "%s record", what) : 0;
}

static void write_config(struct jsonw *w, const ProtobufCMessage *config)
{
    jsonw_key(w, "Config");
    if (config)
        gojson_write(w, config);
    else
        jsonw_null(w);
}

static void write_list(struct jsonw *w, const struct strlist *l)
{
    if (l->n == 0) {
        jsonw_null(w);
        return;
    }
    jsonw_array(w);
    for (size_t i = 0; i < l->n; i++)
        jsonw_str(w, l->v[i]);
    jsonw_array_end(w);
}

static int check_cni_result(struct view raw, struct err *e)
{
    struct jsonscan_value v;
    if (raw.n == 0)
        return 0;
    int r = jsonscan_parse(raw, &v, e);
    if (r < 0)
        return err_wrap(e, r, "sandbox record: CNIResult");
    if (v.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "sandbox record: CNIResult is %s, not an object",
                         jsonscan_kind_name(v.kind));
    return 0;
}

int meta_sandbox_encode(const struct sandbox_meta *m, struct buf *out, struct err *e)
{
    struct jsonw w;
    TRY(check_cni_result(m->cni_result, e));
    begin_record(&w, out, m->id, m->name);
    write_config(&w, m->config ? &m->config->base : NULL);
    jsonw_key_str(&w, "NetNSPath", m->netns_path);
    jsonw_key_str(&w, "IP", m->ip);
    jsonw_key(&w, "AdditionalIPs");
    write_list(&w, &m->additional_ips);
    jsonw_key_str(&w, "RuntimeHandler", m->runtime_handler);
    jsonw_key(&w, "CNIResult");
    jsonw_raw(&w, m->cni_result.n ? m->cni_result : VIEW_LIT("null"));
    jsonw_key_str(&w, "ProcessLabel", m->process_label);
    return end_record(&w, "sandbox", e);
}

int meta_container_encode(const struct container_meta *m, struct buf *out, struct err *e)
{
    struct jsonw w;
    begin_record(&w, out, m->id, m->name);
    jsonw_key_str(&w, "SandboxID", m->sandbox_id);
    write_config(&w, m->config ? &m->config->base : NULL);
    jsonw_key_str(&w, "ImageRef", m->image_ref);
    jsonw_key_str(&w, "LogPath", m->log_path);
    jsonw_key_str(&w, "StopSignal", m->stop_signal);
    jsonw_key_str(&w, "ProcessLabel", m->process_label);
    return end_record(&w, "container", e);
}

/* ---- decoding ---- */

/* The member Metadata of a record whose Version is known. */
static int open_record(struct view json, struct jsonscan_value *ret, struct err *e)
{
    static const char *const names[] = {"Version", "Metadata"};
    struct jsonscan_value record, member[2];
    TRY(jsonscan_parse(json, &record, e));
    if (record.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "it is %s, not an object", jsonscan_kind_name(record.kind));
    jsonscan_pick(record, names, 2, member);
    if (member[0].kind != JSONSCAN_STRING)
        return err_raise(e, ERR_INVALID_ARGUMENT, "Version is %s, not a string",
                         jsonscan_kind_name(member[0].kind));
    if (!jsonscan_str_eq(member[0].raw, RECORD_VERSION))
        return err_raise(e, ERR_INVALID_ARGUMENT, "Version is %.*s, not \"" RECORD_VERSION "\"",
                         VIEW_ARG(view_slice(member[0].raw, 0, 64)));
    if (member[1].kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "Metadata is %s, not an object",
                         jsonscan_kind_name(member[1].kind));
    *ret = member[1];
    return 0;
}

struct string_member {
    const char *name;
    const char **to;
};

static int read_strings(struct jsonscan_value metadata, const struct string_member *m, size_t n,
                        struct arena *a, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        char *s = NULL;
        TRY(jsonscan_str(jsonscan_get(metadata, m[i].name), m[i].name, metadata.raw.n, a, &s, e));
        *m[i].to = s ? s : "";
    }
    return 0;
}

/* An id names directories, so it is held to what containerd allows: letters and digits, with single '.', '_'
 * and '-' between them. */
static int check_id(const char *id, struct err *e)
{
    size_t n = strlen(id);
    if (n == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "ID is missing");
    bool good = n <= ID_MAX, separator = true;
    for (size_t i = 0; good && i < n; i++) {
        char c = id[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        good = alnum || (!separator && (c == '.' || c == '_' || c == '-'));
        separator = !alnum;
    }
    if (!good || separator)
        return err_raise(e, ERR_INVALID_ARGUMENT, "ID \"%.100s\" is not an identifier", id);
    return 0;
}

/* Never NULL, so that whoever uses it needs to look at its members only. */
static int read_config(struct jsonscan_value metadata, const ProtobufCMessageDescriptor *desc,
                       struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct jsonscan_value v = jsonscan_get(metadata, "Config");
    if (v.kind == JSONSCAN_NONE || v.kind == JSONSCAN_NULL)
        v = (struct jsonscan_value){JSONSCAN_OBJECT, VIEW_LIT("{}")};
    int r = gojson_read(v, desc, a, ret, e);
    return r < 0 ? err_wrap(e, r, "Config") : 0;
}

static int read_list(struct jsonscan_value metadata, const char *name, struct arena *a, struct strlist *ret,
                     struct err *e)
{
    struct jsonscan_value v = jsonscan_get(metadata, name), element;
    bool present;
    TRY(jsonscan_array(v, name, v.raw.n, &present, e));
    struct jsonscan_iter it = jsonscan_iter(v);
    while (present && jsonscan_next(&it, NULL, &element)) {
        char *s = NULL;
        TRY(jsonscan_str(element, name, element.raw.n, a, &s, e));
        if (strlist_add(ret, a, s ? s : "") < 0)
            return err_oom(e);
    }
    return 0;
}

static int read_cni_result(struct jsonscan_value metadata, struct arena *a, struct view *ret, struct err *e)
{
    struct jsonscan_value v = jsonscan_get(metadata, "CNIResult");
    bool present;
    TRY(jsonscan_object(v, "CNIResult", v.raw.n, &present, e));
    if (!present)
        return 0;
    char *copy = arena_view(a, v.raw);
    if (!copy)
        return err_oom(e);
    *ret = view_make(copy, v.raw.n);
    return 0;
}

static int decode_sandbox(struct view json, struct arena *a, struct sandbox_meta *m, struct err *e)
{
    struct jsonscan_value v;
    ProtobufCMessage *config;
    const struct string_member strings[] = {
        {"ID", &m->id},
        {"Name", &m->name},
        {"NetNSPath", &m->netns_path},
        {"IP", &m->ip},
        {"RuntimeHandler", &m->runtime_handler},
        {"ProcessLabel", &m->process_label},
    };
    TRY(open_record(json, &v, e));
    TRY(read_strings(v, strings, ARRAY_SIZE(strings), a, e));
    TRY(check_id(m->id, e));
    TRY(read_config(v, &runtime__v1__pod_sandbox_config__descriptor, a, &config, e));
    m->config = (Runtime__V1__PodSandboxConfig *)config;
    TRY(read_list(v, "AdditionalIPs", a, &m->additional_ips, e));
    return read_cni_result(v, a, &m->cni_result, e);
}

int meta_sandbox_decode(struct view json, struct arena *a, struct sandbox_meta *ret, struct err *e)
{
    struct sandbox_meta m = {0};
    int r = decode_sandbox(json, a, &m, e);
    if (r < 0)
        return err_wrap(e, r, "sandbox record");
    *ret = m;
    return 0;
}

static int decode_container(struct view json, struct arena *a, struct container_meta *m, struct err *e)
{
    struct jsonscan_value v;
    ProtobufCMessage *config;
    const struct string_member strings[] = {
        {"ID", &m->id},
        {"Name", &m->name},
        {"SandboxID", &m->sandbox_id},
        {"ImageRef", &m->image_ref},
        {"LogPath", &m->log_path},
        {"StopSignal", &m->stop_signal},
        {"ProcessLabel", &m->process_label},
    };
    TRY(open_record(json, &v, e));
    TRY(read_strings(v, strings, ARRAY_SIZE(strings), a, e));
    TRY(check_id(m->id, e));
    TRY(read_config(v, &runtime__v1__container_config__descriptor, a, &config, e));
    m->config = (Runtime__V1__ContainerConfig *)config;
    return 0;
}

int meta_container_decode(struct view json, struct arena *a, struct container_meta *ret, struct err *e)
{
    struct container_meta m = {0};
    int r = decode_container(json, a, &m, e);
    if (r < 0)
        return err_wrap(e, r, "container record");
    *ret = m;
    return 0;
}

/* ---- names ---- */

/* Unpacked strings are never NULL; those of messages that were built by hand may be. */
static const char *text(const char *s)
{
    return s ? s : "";
}

char *meta_sandbox_name(struct arena *a, const Runtime__V1__PodSandboxMetadata *m)
{
    return arena_printf(a, "%s_%s_%s_%u", text(m->name), text(m->namespace_), text(m->uid), m->attempt);
}

char *meta_container_name(struct arena *a, const Runtime__V1__ContainerMetadata *c,
                          const Runtime__V1__PodSandboxMetadata *m)
{
    return arena_printf(a, "%s_%s_%s_%s_%u", text(c->name), text(m->name), text(m->namespace_), text(m->uid),
                        c->attempt);
}
