/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams of a connection, both roles: their life, what waits to be sent, flow control. See h2_private.h.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rpc/h2_private.h"

struct h2_stream *h2_stream_new(struct h2 *h, int32_t id)
{
    struct h2_stream *s = mem_zalloc(sizeof(*s));
    if (!s)
        return NULL;
    s->h2 = h;
    s->id = id;
    s->reader.budget = h->config.in;
    s->content_length = UINT64_MAX;
    s->request.timeout_ns = UINT64_MAX;
    arena_init(&s->arena, 4 * H2_HEADERS_MAX);
    frame_queue_init(&s->out);
    s->next = h->streams;
    if (h->streams)
        h->streams->prev = s;
    h->streams = s;
    h->n_streams++;
    return s;
}

static void stream_free(struct h2_stream *s)
{
    struct h2 *h = s->h2;
    if (s->prev)
        s->prev->next = s->next;
    else
        h->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
    h->n_streams--;
    frame_queue_done(&s->out);
    frame_reader_done(&s->reader);
    arena_done(&s->arena);
    mem_free(s);
}

void h2_stream_close(struct h2_stream *s)
{
    if (!s->detached) {
        s->detached = true;
        s->h2->config.ops->on_close(s->h2->config.user, s, &s->status);
    }
    stream_free(s);
}

struct h2_stream *h2_find(struct h2 *h, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h->session, id);
}

void h2_stream_set_user(struct h2_stream *s, void *user)
{
    s->user = user;
}

void *h2_stream_user(const struct h2_stream *s)
{
    return s->user;
}

void h2_stream_encoding(struct h2_stream *s, struct view value)
{
    size_t n = MIN_OF(value.n, sizeof(s->encoding) - 1);
    for (size_t i = 0; i < n; i++)
        s->encoding[i] = value.p[i] > ' ' && value.p[i] <= '~' ? value.p[i] : '?';
    s->encoding[n] = '\0';
}

void h2_stream_rst(struct h2_stream *s, uint32_t error_code)
{
    s->discard = true;
    h2_check(s->h2, nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, error_code));
}

void h2_stream_reset(struct h2_stream *s)
{
    s->detached = true;
    frame_queue_done(&s->out);
    h2_stream_rst(s, s->h2->config.role == H2_CLIENT ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
}

void h2_stream_fail(struct h2_stream *s, const struct err *why)
{
    if (s->failed)
        return;
    s->failed = true;
    if (s->h2->config.role == H2_SERVER) {
        h2_stream_end(s, why);
    } else {
        s->has_status = true;
        s->status = *why;
        h2_stream_rst(s, NGHTTP2_CANCEL);
    }
}

/* nghttp2 is told that there is data again. */
static void resume(struct h2_stream *s)
{
    if (!s->deferred)
        return;
    s->deferred = false;
    h2_check(s->h2, nghttp2_session_resume_data(s->h2->session, s->id));
}

void h2_stream_send(struct h2_stream *s, struct frame *f)
{
    if (s->out_ended || s->h2->dead) {
        frame_free(f);
        return;
    }
    if (!s->out.head)
        s->progress = clock_mono();
    frame_queue_add(&s->out, f);
    if (s->h2->config.role == H2_SERVER && !s->headers_sent) {
        s->headers_sent = true;
        nghttp2_nv nv[] = {h2_nv(":status", VIEW_LIT("200")), h2_nv("content-type", VIEW_LIT("application/grpc"))};
        nghttp2_data_provider provider = {.read_callback = h2_read_data};
        h2_check(s->h2, nghttp2_submit_response(s->h2->session, s->id, nv, ARRAY_SIZE(nv), &provider));
        return;
    }
    resume(s);
}

void h2_stream_half_close(struct h2_stream *s)
{
    s->out_ended = true;
    resume(s);
}

void h2_stream_end(struct h2_stream *s, const struct err *status)
{
    if (s->out_ended || s->h2->dead)
        return;
    s->discard = true;
    frame_reader_done(&s->reader);
    s->progress = clock_mono();
    s->status = *status;
    if (status->code != ERR_OK && s->out_at == 0)
        frame_queue_done(&s->out);
    s->out_ended = true;
    if (!s->headers_sent)
        h2_server_trailers(s);
    else
        resume(s);
}

void h2_stream_hold(struct h2_stream *s, bool hold)
{
    s->hold = hold;
    if (hold || s->held == 0)
        return;
    h2_check(s->h2, nghttp2_session_consume_stream(s->h2->session, s->id, s->held));
    s->held = 0;
}

ssize_t h2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
                     nghttp2_data_source *source, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = h2_find(h, id);
    if (!s)
        return NGHTTP2_ERR_DEFERRED;
    size_t n = 0;
    while (s->out.head && n < length) {
        struct frame *f = s->out.head;
        size_t take = MIN_OF(length - n, f->n - s->out_at);
        memcpy(buf + n, f->data + s->out_at, take);
        n += take;
        s->out_at += take;
        if (s->out_at == f->n) {
            frame_free(frame_queue_take(&s->out));
            s->out_at = 0;
        }
    }
    if (n > 0) {
        s->progress = clock_mono();
        if (!s->detached && h->config.ops->on_sent)
            h->config.ops->on_sent(h->config.user, s, n);
    }
    if (!s->out.head && s->out_ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (h->config.role == H2_SERVER) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            h2_server_trailers(s);
        }
    } else if (n == 0) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return h->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : (ssize_t)n;
}

size_t h2_stream_count(const struct h2 *h)
{
    return h->n_streams;
}

size_t h2_reset_stalled(struct h2 *h, uint64_t before)
{
    size_t n = 0;
    for (struct h2_stream *s = h->streams; s; s = s->next) {
        if (s->end_sent || (!s->out.head && !(s->out_ended && h->config.role == H2_SERVER)) || s->progress >= before)
            continue;
        h2_stream_rst(s, NGHTTP2_CANCEL);
        n++;
    }
    return n;
}
