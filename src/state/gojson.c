/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gojson, see gojson.h. A message is walked through its descriptor; message and descriptor agree by
 * construction (protobuf-c made both), so the pointer arithmetic here is the whole risk and is kept in few
 * functions.
 */
#include "state/gojson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/num.h"

/* Bytes of one value of a type inside a message or list. 0: a type that no record contains. */
static size_t type_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 0;
    }
}

/* protobuf-c does not say that a field is a map; the entry's name, which protoc makes and reserves, does. */
static bool is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *f)
{
    if (f->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = f->descriptor;
    size_t n = strlen(parent->name);
    return strncmp(entry->name, parent->name, n) == 0 && entry->name[n] == '.' &&
           view_ends(view_of(entry->short_name), VIEW_LIT("Entry")) && entry->n_fields == 2 &&
           strcmp(entry->fields[0].name, "key") == 0 && entry->fields[0].type == PROTOBUF_C_TYPE_STRING &&
           strcmp(entry->fields[1].name, "value") == 0;
}

/* The one field of bytes that is text: an environment variable's value. */
static bool is_text(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_BYTES && strcmp(parent->short_name, "KeyValue") == 0 &&
           strcmp(f->name, "value") == 0;
}

static const void *field_at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return (const char *)m + f->offset;
}

static size_t *field_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return (size_t *)((char *)(uintptr_t)m + f->quantifier_offset);
}

/* ---- writing ---- */

static void fail(struct jsonw *w, int code)
{
    if (w->failed == 0)
        w->failed = code;
}

static void write_base64(struct jsonw *w, const ProtobufCBinaryData *b)
{
    size_t n = base64_encoded_len(b->len);
    _cleanup_free_ char *text = mem_alloc(n);
    if (!text) {
        fail(w, -ERR_RESOURCE_EXHAUSTED);
        return;
    }
    base64_encode(b->data, b->len, false, text);
    jsonw_view(w, view_make(text, n));
}

static void write_message(struct jsonw *w, const ProtobufCMessage *m)
{
    if (m)
        gojson_write(w, m);
    else
        jsonw_null(w);
}

static void write_value(struct jsonw *w, ProtobufCType type, bool text, const void *at)
{
    const ProtobufCBinaryData *bytes = at;
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        jsonw_i64(w, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        jsonw_u64(w, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
        jsonw_i64(w, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        jsonw_u64(w, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        jsonw_bool(w, *(const protobuf_c_boolean *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        jsonw_str(w, *(const char *const *)at);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        if (text)
            jsonw_view(w, view_make((const char *)bytes->data, bytes->len));
        else
            write_base64(w, bytes);
        break;
    default:
        write_message(w, *(const ProtobufCMessage *const *)at);
        break;
    }
}

static bool is_zero(ProtobufCType type, const void *at)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *s = *(const char *const *)at;
        return !s || !*s;
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return !*(const void *const *)at;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return *(const uint64_t *)at == 0;
    default:
        return *(const uint32_t *)at == 0;
    }
}

struct map_entry {
    const ProtobufCMessage *m;
    const char *key;
    size_t place;
};

static int compare_entries(const void *a, const void *b)
{
    const struct map_entry *x = a, *y = b;
    int r = strcmp(x->key, y->key);
    return r ? r : (x->place > y->place) - (x->place < y->place);
}

static void write_map(struct jsonw *w, ProtobufCMessage *const *v, size_t n)
{
    const ProtobufCFieldDescriptor *fields = v[0]->descriptor->fields;
    _cleanup_free_ struct map_entry *sorted = mem_calloc(n, sizeof *sorted);
    if (!sorted) {
        fail(w, -ERR_RESOURCE_EXHAUSTED);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *key = *(const char *const *)field_at(v[i], &fields[0]);
        sorted[i] = (struct map_entry){v[i], key ? key : "", i};
    }
    qsort(sorted, n, sizeof *sorted, compare_entries);
    jsonw_object(w);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && strcmp(sorted[i].key, sorted[i + 1].key) == 0)
            continue;
        jsonw_key(w, sorted[i].key);
        write_value(w, fields[1].type, false, field_at(sorted[i].m, &fields[1]));
    }
    jsonw_object_end(w);
}

static void write_list(struct jsonw *w, ProtobufCType type, const char *v, size_t n)
{
    jsonw_array(w);
    for (size_t i = 0; i < n; i++)
        write_value(w, type, false, v + i * type_size(type));
    jsonw_array_end(w);
}

static void write_field(struct jsonw *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    const void *at = field_at(m, f);
    if (type_size(f->type) == 0) {
        fail(w, -ERR_INTERNAL);
        return;
    }
    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        if (is_zero(f->type, at))
            return;
        jsonw_key(w, f->name);
        write_value(w, f->type, is_text(m->descriptor, f), at);
        return;
    }
    size_t n = *field_count(m, f);
    if (n == 0)
        return;
    jsonw_key(w, f->name);
    if (is_map(m->descriptor, f))
        write_map(w, *(ProtobufCMessage *const *const *)at, n);
    else
        write_list(w, f->type, *(const char *const *)at, n);
}

void gojson_write(struct jsonw *w, const ProtobufCMessage *m)
{
    jsonw_object(w);
    for (unsigned i = 0; i < m->descriptor->n_fields; i++)
        write_field(w, m, &m->descriptor->fields[i]);
    jsonw_object_end(w);
}

/* ---- reading ---- */

/* Where the reader is, for messages: a chain on the stack. */
struct path {
    const struct path *up;
    struct view name; /* empty: index counts */
    size_t index;
};

enum { PATH_DEPTH_MAX = 32, PATH_TEXT_MAX = 400 };

struct reader {
    struct arena *a;
    struct err *e;
};

static int read_message(const struct reader *r, const struct path *path, struct jsonscan_value v,
                        const ProtobufCMessageDescriptor *desc, ProtobufCMessage **ret);

static void path_text(const struct path *path, char out[PATH_TEXT_MAX])
{
    const struct path *chain[PATH_DEPTH_MAX];
    size_t n = 0;
    for (; path && n < PATH_DEPTH_MAX; path = path->up)
        chain[n++] = path;
    size_t at = 0;
    out[0] = '\0';
    while (n-- > 0 && at + 1 < PATH_TEXT_MAX) {
        int k = chain[n]->name.n ? snprintf(out + at, PATH_TEXT_MAX - at, "%s%.*s", at ? "." : "",
                                            VIEW_ARG(chain[n]->name))
                                 : snprintf(out + at, PATH_TEXT_MAX - at, "[%zu]", chain[n]->index);
        at += k < 0 ? 0 : (size_t)k;
    }
}

static int bad(const struct reader *r, const struct path *path, const char *problem)
{
    char text[PATH_TEXT_MAX];
    path_text(path, text);
    return err_raise(r->e, ERR_INVALID_ARGUMENT, "%s%s%s", text, *text ? " " : "", problem);
}

static int bad_kind(const struct reader *r, const struct path *path, struct jsonscan_value v,
                    const char *want)
{
    char text[PATH_TEXT_MAX];
    path_text(path, text);
    return err_raise(r->e, ERR_INVALID_ARGUMENT, "%s%sis %s, not %s", text, *text ? " " : "",
                     jsonscan_kind_name(v.kind), want);
}

static int read_signed(const struct reader *r, const struct path *path, struct jsonscan_value v, int64_t min,
                       int64_t max, int64_t *ret)
{
    if (v.kind != JSONSCAN_NUMBER)
        return bad_kind(r, path, v, "a number");
    if (num_parse_i64(v.raw, min, max, ret) != NUM_OK)
        return bad(r, path, "is not an integer of its field's range");
    return 0;
}

static int read_unsigned(const struct reader *r, const struct path *path, struct jsonscan_value v,
                         uint64_t max, uint64_t *ret)
{
    if (v.kind != JSONSCAN_NUMBER)
        return bad_kind(r, path, v, "a number");
    if (num_parse_u64(v.raw, max, ret) != NUM_OK)
        return bad(r, path, "is not an integer of its field's range");
    return 0;
}

static int read_string(const struct reader *r, const struct path *path, struct jsonscan_value v, char **ret)
{
    if (v.kind != JSONSCAN_STRING)
        return bad_kind(r, path, v, "a string");
    int k = jsonscan_str(v, "string", v.raw.n, r->a, ret, r->e);
    return k == -ERR_INVALID_ARGUMENT ? bad(r, path, "contains U+0000") : k;
}

/* Bytes as text are taken as they are; U+0000 is a byte like any other. */
static int read_bytes(const struct reader *r, const struct path *path, struct jsonscan_value v, bool text,
                      ProtobufCBinaryData *ret)
{
    if (v.kind != JSONSCAN_STRING)
        return bad_kind(r, path, v, "a string");
    char *plain = arena_alloc(r->a, v.raw.n);
    uint8_t *decoded = text ? (uint8_t *)plain : arena_alloc(r->a, v.raw.n);
    if (!plain || !decoded)
        return err_oom(r->e);
    size_t n = jsonscan_unescape(v.raw, plain, v.raw.n);
    if (!text)
        n = base64_decode(view_make(plain, n), false, decoded, v.raw.n);
    if (n == (size_t)-1)
        return bad(r, path, "is not base64");
    *ret = (ProtobufCBinaryData){n, decoded};
    return 0;
}

static int read_number(const struct reader *r, const struct path *path, struct jsonscan_value v,
                       ProtobufCType type, void *at)
{
    int64_t i = 0;
    uint64_t u = 0;
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
        TRY(read_signed(r, path, v, INT64_MIN, INT64_MAX, &i));
        *(int64_t *)at = i;
        return 0;
    case PROTOBUF_C_TYPE_UINT64:
        TRY(read_unsigned(r, path, v, UINT64_MAX, &u));
        *(uint64_t *)at = u;
        return 0;
    case PROTOBUF_C_TYPE_UINT32:
        TRY(read_unsigned(r, path, v, UINT32_MAX, &u));
        *(uint32_t *)at = (uint32_t)u;
        return 0;
    default: /* INT32 and ENUM, which is open in proto3 */
        TRY(read_signed(r, path, v, INT32_MIN, INT32_MAX, &i));
        *(int32_t *)at = (int32_t)i;
        return 0;
    }
}

static int read_value(const struct reader *r, const struct path *path, struct jsonscan_value v,
                      const ProtobufCFieldDescriptor *f, bool text, void *at)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_BOOL:
        if (v.kind != JSONSCAN_TRUE && v.kind != JSONSCAN_FALSE)
            return bad_kind(r, path, v, "true or false");
        *(protobuf_c_boolean *)at = v.kind == JSONSCAN_TRUE;
        return 0;
    case PROTOBUF_C_TYPE_STRING:
        return read_string(r, path, v, at);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(r, path, v, text, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(r, path, v, f->descriptor, at);
    default:
        return read_number(r, path, v, f->type, at);
    }
}

static ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *desc, struct arena *a)
{
    ProtobufCMessage *m = arena_alloc(a, desc->sizeof_message);
    if (m)
        protobuf_c_message_init(desc, m);
    return m;
}

/* The zero value of a list's element or of a map's value: never a NULL pointer. */
static int zero_value(const struct reader *r, const ProtobufCFieldDescriptor *f, void *at)
{
    if (f->type == PROTOBUF_C_TYPE_STRING)
        *(const char **)at = protobuf_c_empty_string;
    else if (f->type == PROTOBUF_C_TYPE_MESSAGE &&
             !(*(ProtobufCMessage **)at = message_new(f->descriptor, r->a)))
        return err_oom(r->e);
    return 0;
}

static int read_element(const struct reader *r, const struct path *path, struct jsonscan_value v,
                        const ProtobufCFieldDescriptor *f, void *at)
{
    return v.kind == JSONSCAN_NULL ? zero_value(r, f, at) : read_value(r, path, v, f, false, at);
}

static int read_list(const struct reader *r, const struct path *path, struct jsonscan_value v,
                     const ProtobufCFieldDescriptor *f, void **ret, size_t *ret_n)
{
    if (v.kind != JSONSCAN_ARRAY)
        return bad_kind(r, path, v, "an array");
    size_t n = jsonscan_count(v), size = type_size(f->type), i = 0;
    char *list = n ? arena_calloc(r->a, n, size) : NULL;
    if (n && !list)
        return err_oom(r->e);
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    for (; i < n && jsonscan_next(&it, NULL, &element); i++) {
        struct path here = {.up = path, .index = i};
        TRY(read_element(r, &here, element, f, list + i * size));
    }
    *ret = list;
    *ret_n = i;
    return 0;
}

static int read_entry(const struct reader *r, const struct path *path, struct view key,
                      struct jsonscan_value v, ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *fields = entry->descriptor->fields;
    struct jsonscan_value name = {JSONSCAN_STRING, key};
    TRY(read_string(r, path, name, (char **)(uintptr_t)field_at(entry, &fields[0])));
    return read_element(r, path, v, &fields[1], (void *)(uintptr_t)field_at(entry, &fields[1]));
}

static int read_map(const struct reader *r, const struct path *path, struct jsonscan_value v,
                    const ProtobufCFieldDescriptor *f, void **ret, size_t *ret_n)
{
    if (v.kind != JSONSCAN_OBJECT)
        return bad_kind(r, path, v, "an object");
    size_t n = jsonscan_count(v), i = 0;
    ProtobufCMessage **entries = n ? ARENA_NEW_N(r->a, ProtobufCMessage *, n) : NULL;
    if (n && !entries)
        return err_oom(r->e);
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value value;
    struct view key;
    for (; i < n && jsonscan_next(&it, &key, &value); i++) {
        struct path here = {.up = path, .name = key};
        entries[i] = message_new(f->descriptor, r->a);
        if (!entries[i])
            return err_oom(r->e);
        TRY(read_entry(r, &here, key, value, entries[i]));
    }
    *ret = entries;
    *ret_n = i;
    return 0;
}

static int read_field(const struct reader *r, const struct path *path, struct jsonscan_value v,
                      ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    void *at = (void *)(uintptr_t)field_at(m, f);
    if (type_size(f->type) == 0)
        return err_raise(r->e, ERR_INTERNAL, "%s.%s is of a kind that is not supported", m->descriptor->name,
                         f->name);
    if (v.kind == JSONSCAN_NULL)
        return 0;
    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return read_value(r, path, v, f, is_text(m->descriptor, f), at);
    if (is_map(m->descriptor, f))
        return read_map(r, path, v, f, at, field_count(m, f));
    return read_list(r, path, v, f, at, field_count(m, f));
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *desc, struct view key)
{
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (jsonscan_str_eq(key, desc->fields[i].name))
            return &desc->fields[i];
    return NULL;
}

static int read_message(const struct reader *r, const struct path *path, struct jsonscan_value v,
                        const ProtobufCMessageDescriptor *desc, ProtobufCMessage **ret)
{
    if (v.kind != JSONSCAN_OBJECT)
        return bad_kind(r, path, v, "an object");
    ProtobufCMessage *m = message_new(desc, r->a);
    if (!m)
        return err_oom(r->e);
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value value;
    struct view key;
    while (jsonscan_next(&it, &key, &value)) {
        const ProtobufCFieldDescriptor *f = find_field(desc, key);
        if (!f)
            continue;
        struct path here = {.up = path, .name = view_of(f->name)};
        TRY(read_field(r, &here, value, m, f));
    }
    *ret = m;
    return 0;
}

int gojson_read(struct jsonscan_value object, const ProtobufCMessageDescriptor *desc, struct arena *a,
                ProtobufCMessage **ret, struct err *e)
{
    struct reader r = {a, e};
    return read_message(&r, NULL, object, desc, ret);
}
