/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server makes of a request's head and how it answers (gRPC, doc/PROTOCOL-HTTP2.md; RFC 9113 section 8.3.1). See
 * h2_private.h.
 */
#include <stdio.h>

#include "base/codec.h"
#include "base/num.h"
#include "parse/grpchdr.h"
#include "rpc/h2_private.h"

/* Fields that are HTTP's or gRPC's own and not the application's. */
static bool is_protocol_field(struct view name)
{
    static const char *const own[] = {"te", "content-type", "content-length", "user-agent", "accept-encoding"};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (view_eq_str(name, own[i]))
            return true;
    }
    return view_starts(name, VIEW_LIT("grpc-"));
}

static void pseudo_field(struct h2_stream *s, struct view name, struct view value)
{
    struct h2_block *b = &s->block;
    if (view_eq_str(name, ":method")) {
        h2_block_once(b, H2_SEEN_METHOD);
        s->method_post = view_eq_str(value, "POST");
    } else if (view_eq_str(name, ":path")) {
        if (!h2_block_once(b, H2_SEEN_PATH))
            return;
        s->request.path = arena_view(&s->arena, value);
        if (!s->request.path)
            h2_fatal_oom(s->h2);
    } else if (view_eq_str(name, ":scheme")) {
        h2_block_once(b, H2_SEEN_SCHEME);
    } else if (view_eq_str(name, ":authority")) {
        h2_block_once(b, H2_SEEN_AUTHORITY); /* any value: older clients send the path of the socket */
    } else {
        b->malformed = true;
    }
}

static void add_metadata(struct h2_stream *s, struct view name, struct view value)
{
    char *n = arena_view(&s->arena, name), *v = arena_view(&s->arena, value);
    if (!n || !v || kvlist_set(&s->request.metadata, &s->arena, n, v) < 0)
        h2_fatal_oom(s->h2);
}

void h2_server_header(struct h2_stream *s, struct view name, struct view value)
{
    struct h2_block *b = &s->block;
    if (s->headed) /* a client's trailers mean nothing in gRPC */
        return;
    if (name.p[0] == ':') {
        pseudo_field(s, name, value);
    } else if (view_eq_str(name, "te")) {
        b->malformed = b->malformed || !view_eq_str(value, "trailers");
    } else if (view_eq_str(name, "content-type")) {
        h2_block_once(b, H2_SEEN_CONTENT_TYPE);
        s->content_type_ok = grpc_content_type_ok(value);
    } else if (view_eq_str(name, "content-length")) {
        h2_block_once(b, H2_SEEN_CONTENT_LENGTH);
        if (num_parse_u64(value, INT64_MAX, &s->content_length) != NUM_OK)
            b->malformed = true;
    } else if (view_eq_str(name, "grpc-timeout")) {
        h2_block_once(b, H2_SEEN_TIMEOUT);
        s->timeout_bad = !grpc_timeout_parse(value, &s->request.timeout_ns);
    } else if (view_eq_str(name, "grpc-encoding")) {
        h2_stream_encoding(s, value);
    } else if (!is_protocol_field(name)) {
        add_metadata(s, name, value);
    }
}

/* Answers a request that is HTTP but not gRPC. */
static void answer_http(struct h2_stream *s, const char *http_status)
{
    nghttp2_nv nv[] = {h2_nv(":status", view_of(http_status))};
    s->discard = s->out_ended = s->headers_sent = true;
    h2_check(s->h2, nghttp2_submit_response(s->h2->session, s->id, nv, 1, NULL));
}

static void refuse(struct h2_stream *s, enum err_code code, const char *text)
{
    struct err e = ERR_INIT;
    err_raise(&e, code, "%s", text);
    h2_stream_end(s, &e);
}

static void begin_request(struct h2_stream *s)
{
    struct view service, method;
    struct err e = ERR_INIT;
    if (s->block.too_large) {
        refuse(s, ERR_RESOURCE_EXHAUSTED, "the header fields of the request are larger than 64 KiB");
    } else if (!s->method_post) {
        answer_http(s, "405");
    } else if (!s->content_type_ok) {
        answer_http(s, "415");
    } else if (!grpc_path_split(view_of(s->request.path), &service, &method)) {
        refuse(s, ERR_UNIMPLEMENTED, "the path of the request is not /service/method");
    } else if (s->timeout_bad) {
        refuse(s, ERR_INTERNAL, "malformed grpc-timeout");
    } else {
        s->detached = false;
        int r = s->h2->config.ops->on_request(s->h2->config.user, s, &s->request, &e);
        if (r < 0) {
            s->detached = true;
            h2_stream_end(s, &e);
        }
    }
    arena_done(&s->arena);
    s->request = (struct h2_request){.path = NULL};
}

void h2_server_block_end(struct h2_stream *s, bool end_stream)
{
    const unsigned needed = H2_SEEN_METHOD | H2_SEEN_PATH | H2_SEEN_SCHEME;
    struct h2_block *b = &s->block;
    bool first = !s->headed;
    s->headed = true;
    if (first && !b->too_large)
        b->malformed = b->malformed || (b->seen & needed) != needed;
    if (!first && !end_stream)
        b->malformed = true;
    if (b->malformed)
        h2_stream_rst(s, NGHTTP2_PROTOCOL_ERROR);
    else if (first)
        begin_request(s);
}

void h2_server_in_end(struct h2_stream *s)
{
    if (s->discard)
        return;
    if (s->content_length != UINT64_MAX && s->received != s->content_length) {
        h2_stream_rst(s, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    if (!frame_reader_idle(&s->reader)) {
        struct err e = ERR_INIT;
        err_raise(&e, ERR_INTERNAL, "the request ends within a message");
        h2_stream_fail(s, &e);
        return;
    }
    if (!s->detached)
        s->h2->config.ops->on_end(s->h2->config.user, s);
}

void h2_server_status(struct h2_stream *s, uint32_t error_code)
{
    if (s->end_sent && !s->failed)
        err_clear(&s->status);
    else if (!s->failed)
        err_raise(&s->status, ERR_CANCELLED, "the client ended the call (HTTP/2 error %u)", error_code);
}

size_t h2_status_nv(const struct err *status, nghttp2_nv *nv, char *text, char *number)
{
    int n = snprintf(number, 4, "%u", (unsigned)status->code % 100);
    nv[0] = h2_nv("grpc-status", view_make(number, (size_t)n));
    if (status->code == ERR_OK || !status->message[0])
        return 1;
    char clean[3 * ERR_MESSAGE_MAX];
    size_t n_clean = utf8_sanitize(view_of(status->message), clean);
    nv[1] = h2_nv("grpc-message", view_make(text, grpc_message_encode(view_make(clean, n_clean), text)));
    return 2;
}

void h2_server_trailers(struct h2_stream *s)
{
    char text[9 * ERR_MESSAGE_MAX], number[4];
    nghttp2_nv nv[5];
    size_t n = 0;
    bool only = !s->headers_sent;
    if (only) {
        s->headers_sent = true;
        nv[n++] = h2_nv(":status", VIEW_LIT("200"));
        nv[n++] = h2_nv("content-type", VIEW_LIT("application/grpc"));
        if (s->status.code == ERR_UNIMPLEMENTED) /* asked for where the cause is compression */
            nv[n++] = h2_nv("grpc-accept-encoding", VIEW_LIT("identity"));
    }
    n += h2_status_nv(&s->status, nv + n, text, number);
    if (only)
        h2_check(s->h2, nghttp2_submit_response(s->h2->session, s->id, nv, n, NULL));
    else
        h2_check(s->h2, nghttp2_submit_trailer(s->h2->session, s->id, nv, n));
}
