/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status, see status_file.h.
 */
#include "state/status_file.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "parse/jsonscan.h"
#include "state/gojson.h"

#define STATUS_VERSION "v1"
#define STATUS_FILE    "status"

enum { STATUS_FILE_MAX = 1 << 20 };

Runtime__V1__ContainerState container_status_state(const struct container_status *s)
{
    if (s->unknown)
        return RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN;
    if (s->finished_at != 0)
        return RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED;
    if (s->started_at != 0)
        return RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING;
    if (s->created_at != 0)
        return RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED;
    return RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN;
}

const char *container_state_name(int state)
{
    switch (state) {
    case RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED:
        return "CONTAINER_CREATED";
    case RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING:
        return "CONTAINER_RUNNING";
    case RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED:
        return "CONTAINER_EXITED";
    default:
        return "CONTAINER_UNKNOWN";
    }
}

int container_status_encode(const struct container_status *s,
                            const Runtime__V1__ContainerResources *resources, struct buf *out, struct err *e)
{
    struct jsonw w;
    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_key_str(&w, "Version", STATUS_VERSION);
    jsonw_key_u64(&w, "Pid", s->pid);
    jsonw_key_i64(&w, "CreatedAt", s->created_at);
    jsonw_key_i64(&w, "StartedAt", s->started_at);
    jsonw_key_i64(&w, "FinishedAt", s->finished_at);
    jsonw_key_i64(&w, "ExitCode", s->exit_code);
    jsonw_key_str(&w, "Reason", s->reason);
    jsonw_key_str(&w, "Message", s->message);
    jsonw_key(&w, "Resources");
    if (resources)
        gojson_write(&w, &resources->base);
    else
        jsonw_null(&w);
    jsonw_object_end(&w);
    int r = jsonw_finish(&w, e);
    return r < 0 ? err_wrap(e, r, "container status") : 0;
}

/* Copies as much of the text as fits, whole characters only. */
static int read_text(struct jsonscan_value v, const char *what, char *to, size_t max, struct arena *a,
                     struct err *e)
{
    char *s = NULL;
    TRY(jsonscan_str(v, what, v.raw.n, a, &s, e));
    size_t at = 0, n = s ? strlen(s) : 0;
    while (at < n) {
        size_t k = utf8_sequence(s + at, n - at);
        if (k == 0 || at + k >= max)
            break;
        at += k;
    }
    if (at)
        memcpy(to, s, at);
    to[at] = '\0';
    return 0;
}

static int read_resources(struct jsonscan_value v, struct arena *a, Runtime__V1__ContainerResources **ret,
                          struct err *e)
{
    ProtobufCMessage *m = NULL;
    if (v.kind != JSONSCAN_NONE && v.kind != JSONSCAN_NULL) {
        int r = gojson_read(v, &runtime__v1__container_resources__descriptor, a, &m, e);
        if (r < 0)
            return err_wrap(e, r, "Resources");
    }
    *ret = (Runtime__V1__ContainerResources *)m;
    return 0;
}

enum { VERSION, PID, CREATED_AT, STARTED_AT, FINISHED_AT, EXIT_CODE, REASON, MESSAGE, RESOURCES, MEMBERS };
static const char *const member_names[MEMBERS] = {
    "Version", "Pid", "CreatedAt", "StartedAt", "FinishedAt", "ExitCode", "Reason", "Message", "Resources"};

static int decode(struct view json, struct container_status *s, struct arena *a,
                  Runtime__V1__ContainerResources **resources, struct err *e)
{
    struct jsonscan_value object, m[MEMBERS];
    int64_t pid = 0, exit_code = 0;
    TRY(jsonscan_parse(json, &object, e));
    if (object.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "it is %s, not an object", jsonscan_kind_name(object.kind));
    jsonscan_pick(object, member_names, MEMBERS, m);
    if (m[VERSION].kind != JSONSCAN_STRING || !jsonscan_str_eq(m[VERSION].raw, STATUS_VERSION))
        return err_raise(e, ERR_INVALID_ARGUMENT, "Version is %.*s, not \"" STATUS_VERSION "\"",
                         VIEW_ARG(m[VERSION].raw.n ? view_slice(m[VERSION].raw, 0, 64) : VIEW_LIT("absent")));
    TRY(jsonscan_i64(m[PID], "Pid", 0, UINT32_MAX, &pid, e));
    TRY(jsonscan_i64(m[CREATED_AT], "CreatedAt", INT64_MIN, INT64_MAX, &s->created_at, e));
    TRY(jsonscan_i64(m[STARTED_AT], "StartedAt", INT64_MIN, INT64_MAX, &s->started_at, e));
    TRY(jsonscan_i64(m[FINISHED_AT], "FinishedAt", INT64_MIN, INT64_MAX, &s->finished_at, e));
    TRY(jsonscan_i64(m[EXIT_CODE], "ExitCode", INT32_MIN, INT32_MAX, &exit_code, e));
    s->pid = (uint32_t)pid;
    s->exit_code = (int32_t)exit_code;
    TRY(read_text(m[REASON], "Reason", s->reason, sizeof s->reason, a, e));
    TRY(read_text(m[MESSAGE], "Message", s->message, sizeof s->message, a, e));
    return read_resources(m[RESOURCES], a, resources, e);
}

int container_status_decode(struct view json, struct container_status *ret, struct arena *a,
                            Runtime__V1__ContainerResources **ret_resources, struct err *e)
{
    struct container_status s = {0};
    Runtime__V1__ContainerResources *resources = NULL;
    int r = decode(json, &s, a, &resources, e);
    if (r < 0)
        return err_wrap(e, r, "container status");
    *ret = s;
    *ret_resources = resources;
    return 0;
}

int container_status_store(const char *dir, const struct container_status *s,
                           const Runtime__V1__ContainerResources *resources, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(STATUS_FILE_MAX);
    _cleanup_free_ char *path = mem_printf("%s/" STATUS_FILE, dir);
    if (!path)
        return err_oom(e);
    TRY(container_status_encode(s, resources, &text, e));
    return fs_write_atomic(path, buf_view(&text), 0600, e);
}

int container_status_load(const char *dir, struct container_status *ret, struct arena *a,
                          Runtime__V1__ContainerResources **ret_resources, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(STATUS_FILE_MAX);
    _cleanup_free_ char *path = mem_printf("%s/" STATUS_FILE, dir);
    if (!path)
        return err_oom(e);
    int r = fs_read_file(path, &text, e);
    if (r == -ERR_OUT_OF_RANGE)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is larger than %d bytes", path, STATUS_FILE_MAX);
    TRY(r);
    r = container_status_decode(buf_view(&text), ret, a, ret_resources, e);
    return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}
