/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 connection, both roles: nghttp2's session and its callbacks, the data of streams, the limits. See h2.h.
 */
#include "rpc/h2_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "parse/grpchdr.h"

/* ---- memory and errors */

static void *nv_malloc(size_t n, void *user)
{
    return mem_alloc(n);
}

static void nv_free(void *p, void *user)
{
    mem_free(p);
}

static void *nv_calloc(size_t count, size_t size, void *user)
{
    return mem_calloc(count, size);
}

static void *nv_realloc(void *p, size_t n, void *user)
{
    return mem_realloc(p, n);
}

static nghttp2_mem hooks = {.malloc = nv_malloc, .free = nv_free, .calloc = nv_calloc, .realloc = nv_realloc};

int h2_fatal(struct h2 *h, enum err_code code, const char *text)
{
    if (!h->failed)
        err_raise(&h->why, code, "%s", text);
    h->failed = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int h2_fatal_oom(struct h2 *h)
{
    if (!h->failed)
        err_oom(&h->why);
    h->failed = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void h2_check(struct h2 *h, int rv)
{
    if (rv == NGHTTP2_ERR_NOMEM)
        h2_fatal_oom(h);
}

static int callback_result(struct h2 *h)
{
    return h->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- header fields */

bool h2_block_once(struct h2_block *b, unsigned bit)
{
    if (b->seen & bit)
        b->malformed = true;
    b->seen |= bit;
    return !b->malformed;
}

nghttp2_nv h2_nv(const char *name, struct view value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)(uintptr_t)(value.p ? value.p : ""),
                        .valuelen = value.n};
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct h2_stream *s = h2_find(h, frame->hd.stream_id);
    if (!s && h->config.role == H2_SERVER && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s = h2_stream_new(h, frame->hd.stream_id);
        if (!s)
            return h2_fatal_oom(h);
        s->detached = true; /* until the owner knows of it */
        nghttp2_session_set_stream_user_data(session, s->id, s);
    }
    h->empty_frames = 0;
    if (s)
        s->block = (struct h2_block){.bytes = 0};
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t n_name,
                     const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = h2_find(h, frame->hd.stream_id);
    if (!s)
        return 0;
    struct h2_block *b = &s->block;
    b->bytes += n_name + n_value + 32;
    if (b->bytes > H2_HEADERS_HARD_MAX)
        return h2_fatal(h, ERR_RESOURCE_EXHAUSTED, "the peer sent a header block of more than 1 MiB");
    b->too_large = b->bytes > H2_HEADERS_MAX;
    if (b->too_large || b->malformed)
        return 0;
    struct view nv = view_make((const char *)name, n_name), vv = view_make((const char *)value, n_value);
    bool pseudo = n_name > 0 && name[0] == ':';
    b->regular = b->regular || !pseudo;
    if (pseudo ? b->regular || s->headed : !grpc_header_name_ok(nv) || grpc_header_connection_specific(nv))
        b->malformed = true;
    else if (!grpc_header_value_ok(vv))
        b->malformed = true;
    else if (h->config.role == H2_SERVER)
        h2_server_header(s, nv, vv);
    else
        h2_client_header(s, nv, vv);
    return callback_result(h);
}

/* ---- frames */

/* Tells the answer to the keepalive's PING from that to the notice of the end. */
static const uint8_t keepalive_mark[8] = {'a', 'l', 'i', 'v', 'e', '?', 0, 0};

static void in_end(struct h2_stream *s)
{
    if (s->in_ended)
        return;
    s->in_ended = true;
    if (s->h2->config.role == H2_SERVER)
        h2_server_in_end(s);
    else
        h2_client_in_end(s);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    bool end_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        h->goaway = true;
        if (h->config.role == H2_CLIENT && h->config.ops->on_goaway)
            h->config.ops->on_goaway(h->config.user);
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) && h->config.ops->on_pong &&
        memcmp(frame->ping.opaque_data, keepalive_mark, sizeof(keepalive_mark)) != 0)
        h->config.ops->on_pong(h->config.user);
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !end_stream && ++h->empty_frames > H2_EMPTY_FRAMES_MAX)
        return h2_fatal(h, ERR_RESOURCE_EXHAUSTED, "the peer floods the connection with empty frames");
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
        return callback_result(h);
    h->heard++;
    struct h2_stream *s = h2_find(h, frame->hd.stream_id);
    if (s && frame->hd.type == NGHTTP2_HEADERS) {
        if (h->config.role == H2_SERVER)
            h2_server_block_end(s, end_stream);
        else
            h2_client_block_end(s, end_stream);
    }
    if (s && end_stream)
        in_end(s);
    return callback_result(h);
}

/* The codes are those of gRPC's doc/compression.md; UNIMPLEMENTED as a client's result would speak of the method. */
static void name_encoding(struct h2_stream *s, struct err *e)
{
    if (!s->encoding[0] || strcmp(s->encoding, "identity") == 0)
        err_raise(e, ERR_INTERNAL, "a message is marked as compressed, but grpc-encoding names no compression");
    else
        err_raise(e, s->h2->config.role == H2_SERVER ? ERR_UNIMPLEMENTED : ERR_INTERNAL,
                  "compressed messages are not supported (grpc-encoding: %s)", s->encoding);
}

static void feed_stream(struct h2_stream *s, struct view data)
{
    s->received += data.n;
    if (s->received > s->content_length) {
        h2_stream_rst(s, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    struct err e = ERR_INIT;
    struct frame *f;
    int r;
    while (!s->discard && (r = frame_reader_feed(&s->reader, &data, &f, &e)) != 0) {
        if (r < 0) {
            if (r == -ERR_UNIMPLEMENTED)
                name_encoding(s, &e);
            h2_stream_fail(s, &e);
            return;
        }
        if (s->detached)
            frame_free(f);
        else
            s->h2->config.ops->on_message(s->h2->config.user, s, f);
    }
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = h2_find(h, id);
    h->empty_frames = 0;
    if (!s) {
        h2_check(h, nghttp2_session_consume(session, id, n));
        return callback_result(h);
    }
    /* The connection's window is given back at once, so that one slow reader holds up nobody else. */
    h2_check(h, nghttp2_session_consume_connection(session, n));
    if (s->hold && !s->discard)
        s->held += n;
    else
        h2_check(h, nghttp2_session_consume_stream(session, id, n));
    if (h->config.role == H2_CLIENT && !s->headed && !s->discard) {
        struct err e = ERR_INIT;
        err_raise(&e, ERR_INTERNAL, "the peer sent data before the head of its answer");
        h2_stream_fail(s, &e);
    }
    if (!s->discard)
        feed_stream(s, view_make((const char *)p, n));
    return callback_result(h);
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    if (frame->hd.type == NGHTTP2_GOAWAY && h->ping_follows) {
        h->ping_follows = false;
        h2_check(h, nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL));
    }
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    struct h2_stream *s = h2_find(h, frame->hd.stream_id);
    if (!s)
        return 0;
    s->end_sent = true;
    /* The answer is complete; a client that still sends is told to stop (RFC 9113 section 8.1). */
    if (h->config.role == H2_SERVER && !s->in_ended)
        h2_stream_rst(s, NGHTTP2_NO_ERROR);
    return callback_result(h);
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
    struct h2 *h = user;
    if (code == NGHTTP2_ERR_HEADER_COMP) /* out of memory within HPACK: its state is lost */
        return h2_fatal_oom(h);
    if (h->config.role != H2_CLIENT || frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *s = h->streams;
    while (s && s->id != frame->hd.stream_id)
        s = s->next;
    if (!s)
        return 0;
    nghttp2_session_set_stream_user_data(session, s->id, NULL);
    if (!s->has_status)
        err_raise(&s->status, ERR_UNAVAILABLE, "the connection takes no new calls");
    h2_stream_close(s);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = h2_find(h, id);
    if (!s)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    if (h->config.role == H2_SERVER)
        h2_server_status(s, error_code);
    else
        h2_client_status(s, error_code);
    h2_stream_close(s);
    return callback_result(h);
}

/* ---- the connection */

static int set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_http_messaging(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_no_auto_window_update(o, 1);
#ifdef HAVE_NGHTTP2_STREAM_RESET_RATE_LIMIT
    /* The default takes a burst of cancelled calls of one client for an attack, and innocent calls go down with the connection.
     */
    nghttp2_option_set_stream_reset_rate_limit(o, 20000, 2000);
#endif
    return 0;
}

static int make_session(struct h2 *h)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *option = NULL;
    int rv = NGHTTP2_ERR_NOMEM;
    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0)
        goto out;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    set_options(option);
    if (h->config.role == H2_SERVER)
        rv = nghttp2_session_server_new3(&h->session, cb, h, option, &hooks);
    else
        rv = nghttp2_session_client_new3(&h->session, cb, h, option, &hooks);
out:
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    return rv;
}

static int submit_settings(struct h2 *h)
{
    nghttp2_settings_entry server[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
                                       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
                                       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX}};
    nghttp2_settings_entry client[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
                                       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX}};
    int rv = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, h->config.role == H2_SERVER ? server : client, 3);
    if (rv == 0)
        rv = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, H2_CONN_WINDOW);
    return rv;
}

int h2_new(const struct h2_config *config, struct h2 **ret, struct err *e)
{
    struct h2 *h = mem_zalloc(sizeof(*h));
    if (!h)
        return err_oom(e);
    h->config = *config;
    h2_input_init(&h->input, config->role);
    int rv = make_session(h);
    if (rv == 0)
        rv = submit_settings(h);
    if (rv != 0) {
        h2_free(h);
        return err_oom(e);
    }
    *ret = h;
    return 0;
}

void h2_fail(struct h2 *h, const struct err *status)
{
    h->dead = true;
    while (h->streams) {
        struct h2_stream *s = h->streams;
        if (!s->has_status)
            s->status = *status;
        nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
        h2_stream_close(s);
    }
}

void h2_free(struct h2 *h)
{
    if (!h)
        return;
    struct err e = ERR_INIT;
    err_raise(&e, h->config.role == H2_CLIENT ? ERR_UNAVAILABLE : ERR_CANCELLED, "the connection was closed");
    h2_fail(h, &e);
    nghttp2_session_del(h->session);
    mem_free(h);
}

static int failure(struct h2 *h, int rv, const char *what, struct err *e)
{
    if (h->failed)
        return err_raise(e, h->why.code, "%s", h->why.message);
    if (rv == NGHTTP2_ERR_NOMEM)
        return err_oom(e);
    return err_raise(e, ERR_INTERNAL, "%s: %s", what, nghttp2_strerror(rv));
}

int h2_feed(struct h2 *h, const uint8_t *p, size_t n, struct err *e)
{
    int rv = h2_input_feed(h, p, n);
    return rv < 0 ? failure(h, rv, "HTTP/2", e) : 0;
}

int64_t h2_drain(struct h2 *h, uint8_t *out, size_t cap, struct err *e)
{
    size_t n = 0;
    while (n < cap) {
        if (h->n_pending == 0) {
            ssize_t rv = nghttp2_session_mem_send(h->session, &h->pending);
            if (rv < 0 || h->failed)
                return failure(h, (int)rv, "HTTP/2", e);
            if (rv == 0)
                break;
            h->n_pending = (size_t)rv;
        }
        size_t take = MIN_OF(h->n_pending, cap - n);
        memcpy(out + n, h->pending, take);
        h->pending += take;
        h->n_pending -= take;
        n += take;
    }
    return (int64_t)n;
}

bool h2_finished(const struct h2 *h)
{
    return h->n_pending == 0 && !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

struct keepalive_facts h2_facts(const struct h2 *h)
{
    return (struct keepalive_facts){.calls = h->n_streams, .opened = h->opened, .opened_at = h->opened_at, .heard = h->heard};
}

void h2_ping(struct h2 *h)
{
    h2_check(h, nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, keepalive_mark));
}

void h2_shutdown_notice(struct h2 *h)
{
    h->ping_follows = true; /* not submitted here: nghttp2 would send it first */
    h2_check(h, nghttp2_submit_shutdown_notice(h->session));
}

void h2_shutdown(struct h2 *h)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(h->session);
    h2_check(h, nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0));
}
