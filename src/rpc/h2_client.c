/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a client asks and what it makes of the answer's head and trailers (gRPC, doc/PROTOCOL-HTTP2.md). See h2_private.h.
 */
#include "base/clock.h"
#include "base/codec.h"
#include "base/num.h"
#include "parse/grpchdr.h"
#include "rpc/h2_private.h"

enum { FIXED_FIELDS = 9, METADATA_MAX = 8 };

int h2_open(struct h2 *h, const char *path, uint64_t timeout_ns, const char *const *metadata, const char *extra_name,
            const char *extra_value, void *stream_user, struct h2_stream **ret, struct err *e)
{
    if (h->dead || h->failed)
        return err_raise(e, ERR_UNAVAILABLE, "the connection was closed");
    if (h->goaway)
        return err_raise(e, ERR_UNAVAILABLE, "the connection takes no new calls");
    char timeout[GRPC_TIMEOUT_MAX];
    nghttp2_nv nv[FIXED_FIELDS + METADATA_MAX + 1] = {
        h2_nv(":method", VIEW_LIT("POST")),
        h2_nv(":scheme", VIEW_LIT("http")),
        h2_nv(":path", view_of(path)),
        h2_nv(":authority", VIEW_LIT("localhost")),
        h2_nv("te", VIEW_LIT("trailers")),
        h2_nv("content-type", VIEW_LIT("application/grpc")),
        h2_nv("user-agent", VIEW_LIT("cri-containerd/" PROJECT_VERSION)),
        h2_nv("grpc-accept-encoding", VIEW_LIT("identity")),
    };
    size_t n = FIXED_FIELDS - 1;
    if (timeout_ns != UINT64_MAX)
        nv[n++] = h2_nv("grpc-timeout", view_make(timeout, grpc_timeout_format(timeout_ns, timeout)));
    for (size_t i = 0; metadata && metadata[2 * i] && i < METADATA_MAX; i++)
        nv[n++] = h2_nv(metadata[2 * i], view_of(metadata[2 * i + 1]));
    if (extra_name && extra_value)
        nv[n++] = h2_nv(extra_name, view_of(extra_value));
    struct h2_stream *s = h2_stream_new(h, 0);
    if (!s)
        return err_oom(e);
    nghttp2_data_provider provider = {.read_callback = h2_read_data};
    int32_t id = nghttp2_submit_request(h->session, NULL, nv, n, &provider, s);
    if (id < 0) {
        s->detached = true;
        h2_stream_close(s);
        if (id == NGHTTP2_ERR_NOMEM)
            return err_oom(e);
        return err_raise(e, ERR_UNAVAILABLE, "the connection takes no new calls (%s)", nghttp2_strerror(id));
    }
    s->id = id;
    s->user = stream_user;
    s->headers_sent = true;
    s->progress = h->opened_at = clock_mono();
    h->opened++;
    *ret = s;
    return 0;
}

/* Sets the status of the call, once. */
static void set_status(struct h2_stream *s, enum err_code code, const char *text)
{
    if (s->has_status)
        return;
    s->has_status = true;
    if (code == ERR_OK)
        err_clear(&s->status);
    else
        err_raise(&s->status, code, "%s", text);
}

static void take_message(struct h2_stream *s, struct view value)
{
    char decoded[ERR_MESSAGE_MAX], clean[3 * ERR_MESSAGE_MAX + 1];
    size_t n = grpc_message_decode(view_slice(value, 0, sizeof(decoded)), decoded);
    clean[utf8_sanitize(view_make(decoded, n), clean)] = '\0';
    enum err_code code = s->status.code;
    err_raise(&s->status, ERR_UNKNOWN, "%s", clean);
    s->status.code = code;
}

void h2_client_header(struct h2_stream *s, struct view name, struct view value)
{
    struct h2_block *b = &s->block;
    uint64_t http;
    if (view_eq_str(name, ":status")) {
        if (!h2_block_once(b, H2_SEEN_STATUS) || num_parse_u64(value, 999, &http) != NUM_OK)
            b->malformed = true;
        else
            s->http_status = (unsigned)http;
    } else if (name.p[0] == ':') {
        b->malformed = true;
    } else if (view_eq_str(name, "content-type")) {
        h2_block_once(b, H2_SEEN_CONTENT_TYPE);
        s->content_type_ok = grpc_content_type_ok(value);
    } else if (view_eq_str(name, "grpc-encoding")) {
        h2_stream_encoding(s, value);
    } else if (view_eq_str(name, "grpc-status") && !s->has_status) {
        h2_block_once(b, H2_SEEN_GRPC_STATUS);
        if (!grpc_status_parse(value, &s->status.code))
            s->status.code = ERR_UNKNOWN;
    } else if (view_eq_str(name, "grpc-message") && !s->has_status) {
        take_message(s, value);
    }
}

static void fail(struct h2_stream *s, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    err_raise(&e, code, "%s", text);
    h2_stream_fail(s, &e);
}

/* The head of the answer, which may be all of it. */
static void answer_head(struct h2_stream *s, bool end_stream)
{
    if (s->http_status != 200) {
        struct err e = ERR_INIT;
        err_raise(&e, grpc_status_from_http(s->http_status), "the peer answered with HTTP status %u", s->http_status);
        if (!(s->block.seen & H2_SEEN_GRPC_STATUS))
            h2_stream_fail(s, &e);
    } else if (!s->content_type_ok) {
        fail(s, ERR_UNKNOWN, "the peer's answer is not gRPC (content-type)");
    }
    if (s->block.seen & H2_SEEN_GRPC_STATUS && end_stream)
        s->has_status = true;
    else if (!s->has_status)
        err_clear(&s->status);
}

void h2_client_block_end(struct h2_stream *s, bool end_stream)
{
    struct h2_block *b = &s->block;
    bool first = !s->headed;
    if (s->has_status)
        return;
    if (first && !(b->seen & H2_SEEN_STATUS))
        b->malformed = true;
    if (!first && !end_stream)
        b->malformed = true;
    if (b->malformed) {
        fail(s, ERR_INTERNAL, "the peer's answer has malformed header fields");
        return;
    }
    if (b->too_large) {
        fail(s, ERR_INTERNAL, "the header fields of the peer's answer are larger than 64 KiB");
        return;
    }
    if (first && s->http_status / 100 == 1 && !end_stream) /* interim: the real head follows */
        return;
    s->headed = true;
    if (first)
        answer_head(s, end_stream);
    else if (b->seen & H2_SEEN_GRPC_STATUS)
        s->has_status = true;
}

void h2_client_in_end(struct h2_stream *s)
{
    if (!frame_reader_idle(&s->reader) && !(s->has_status && s->status.code != ERR_OK)) {
        s->has_status = false;
        set_status(s, ERR_INTERNAL, "the peer's answer ends within a message");
    }
    set_status(s, ERR_INTERNAL, "the peer ended the call without a status");
    if (!s->end_sent)
        h2_stream_rst(s, NGHTTP2_NO_ERROR);
}

void h2_client_status(struct h2_stream *s, uint32_t error_code)
{
    struct err e = ERR_INIT;
    if (s->has_status)
        return;
    err_raise(&e, grpc_status_from_h2(error_code), "the peer reset the call (HTTP/2 error %u)", error_code);
    set_status(s, e.code, e.message);
}
