/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way into nghttp2's session. On the server's side one kind of frame is taken out of them: RST_STREAM for a stream that was
 * never opened. gRPC's C core sends it when a call is cancelled between getting its stream's number and its HEADERS being written, as happens
 * with short deadlines. To HTTP/2 that is a connection error (RFC 9113 section 5.1, "idle"), and nghttp2 takes every other call of that
 * client down with the connection; to Go's servers it means nothing, and so it does here. See h2_private.h.
 */
#include "rpc/h2_private.h"

#include <string.h>

enum { PREFACE_SIZE = 24, HEAD_SIZE = 9, RST_SIZE = 4 };
_Static_assert(HEAD_SIZE + RST_SIZE == sizeof(((struct h2_input *)NULL)->frame), "room for one RST_STREAM");

void h2_input_init(struct h2_input *in, enum h2_role role)
{
    *in = (struct h2_input){.whole = role == H2_CLIENT, .rest = PREFACE_SIZE};
}

/* RFC 9113 section 4.1: length (24 bits), type, flags, one reserved bit, stream (31 bits). */
static size_t length_of(const uint8_t *frame)
{
    return (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
}

static uint32_t stream_of(const uint8_t *frame)
{
    return (uint32_t)(frame[5] & 0x7f) << 24 | (uint32_t)frame[6] << 16 | (uint32_t)frame[7] << 8 | frame[8];
}

static int pass(struct h2 *h, const uint8_t *p, size_t n)
{
    ssize_t rv = nghttp2_session_mem_recv(h->session, p, n);
    return rv < 0 ? (int)rv : h->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* True for a client's stream that is yet to be opened. */
static bool is_idle(const struct h2 *h, uint32_t id)
{
    return id % 2 == 1 && (int64_t)id > nghttp2_session_get_last_proc_stream_id(h->session);
}

/* The head of a frame is here, and of an RST_STREAM all of it: passes it on, or not. */
static int take_head(struct h2 *h)
{
    struct h2_input *in = &h->input;
    uint8_t type = in->frame[3], flags = in->frame[4];
    size_t n = in->n;
    in->n = 0;
    if (type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION)
        in->in_block = !(flags & NGHTTP2_FLAG_END_HEADERS);
    if (n > HEAD_SIZE && !in->in_block && is_idle(h, stream_of(in->frame)))
        return ++h->empty_frames > H2_EMPTY_FRAMES_MAX
                   ? h2_fatal(h, ERR_RESOURCE_EXHAUSTED, "the peer floods the connection with resets of streams that it never opened")
                   : 0;
    in->rest = n > HEAD_SIZE ? 0 : length_of(in->frame);
    return pass(h, in->frame, n);
}

static bool is_reset(const struct h2_input *in)
{
    return in->frame[3] == NGHTTP2_RST_STREAM && length_of(in->frame) == RST_SIZE;
}

int h2_input_feed(struct h2 *h, const uint8_t *p, size_t n)
{
    struct h2_input *in = &h->input;
    if (in->whole)
        return pass(h, p, n);
    int rv = 0;
    while (n > 0 && rv == 0) {
        size_t want = in->rest ? in->rest : (in->n < HEAD_SIZE ? HEAD_SIZE : sizeof(in->frame)) - in->n;
        size_t take = MIN_OF(n, want);
        if (in->rest) {
            in->rest -= take;
            rv = pass(h, p, take);
        } else {
            memcpy(in->frame + in->n, p, take);
            in->n += take;
            if (in->n == sizeof(in->frame) || (in->n == HEAD_SIZE && !is_reset(in)))
                rv = take_head(h);
        }
        p += take;
        n -= take;
    }
    return rv;
}
