/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 by hand: frames as a peer of any kind might write them, and a reader that turns what our side answers into text that a
 * test can look for: "HEADERS 1 end [:status: 200] [grpc-status: 0] | RST 3 1 | DATA 1 12 | GOAWAY 0 | PING ack | ...".
 */
#ifndef CRI_UNIT_RPC_H2_RAW_H
#define CRI_UNIT_RPC_H2_RAW_H

#include <nghttp2/nghttp2.h>

#include <stdlib.h>

#include "base/buf.h"

#define RAW_PREFACE VIEW_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

enum { RAW_END_STREAM = 1, RAW_ACK = 1, RAW_END_HEADERS = 4, RAW_PADDED = 8 };

static inline _unused_ void raw_frame(struct buf *b, unsigned type, unsigned flags, uint32_t stream, struct view payload)
{
    uint8_t head[9] = {
        (uint8_t)(payload.n >> 16), (uint8_t)(payload.n >> 8), (uint8_t)payload.n,     (uint8_t)type,  (uint8_t)flags,
        (uint8_t)(stream >> 24),    (uint8_t)(stream >> 16),   (uint8_t)(stream >> 8), (uint8_t)stream};
    if (buf_add(b, head, sizeof(head)) < 0 || buf_add_view(b, payload) < 0)
        abort();
}

static inline _unused_ void raw_settings(struct buf *b)
{
    raw_frame(b, 4, 0, 0, VIEW_EMPTY);
}

/* The length of a string in HPACK, not Huffman-coded (RFC 7541 section 5.1). */
static inline _unused_ void raw_length(struct buf *b, size_t n)
{
    if (n < 127) {
        buf_add_char(b, (char)n);
        return;
    }
    buf_add_char(b, 127);
    for (n -= 127; n >= 128; n >>= 7)
        buf_add_char(b, (char)(n | 128));
    buf_add_char(b, (char)n);
}

/* One field, literal without indexing. */
static inline _unused_ void raw_field(struct buf *block, struct view name, struct view value)
{
    buf_add_char(block, 0);
    raw_length(block, name.n);
    buf_add_view(block, name);
    raw_length(block, value.n);
    buf_add_view(block, value);
}

/* HEADERS (and CONTINUATION) from lines "name: value\n". */
static inline _unused_ void raw_headers(struct buf *b, uint32_t stream, unsigned flags, const char *lines)
{
    struct buf block = BUF_INIT(16 << 20);
    struct view rest = view_of(lines), line, value;
    while (view_next_line(&rest, &line)) {
        /* The name may start with a colon. */
        size_t at = 1 + view_find(view_slice(line, 1, line.n), ':');
        value = view_slice(line, at + 2, line.n);
        raw_field(&block, view_slice(line, 0, at), value);
    }
    struct view all = buf_view(&block), first = view_slice(all, 0, 16384);
    all = view_slice(all, first.n, all.n);
    raw_frame(b, 1, flags | (all.n ? 0 : RAW_END_HEADERS), stream, first);
    while (all.n > 0) {
        first = view_slice(all, 0, 16384);
        all = view_slice(all, first.n, all.n);
        raw_frame(b, 9, all.n ? 0 : RAW_END_HEADERS, stream, first);
    }
    buf_done(&block);
}

#define RAW_REQUEST(path)                                                                                                        \
    ":method: POST\n:scheme: http\n:path: " path "\n:authority: localhost\ncontent-type: application/grpc\nte: trailers\n"

static inline _unused_ void raw_data(struct buf *b, uint32_t stream, unsigned flags, struct view payload)
{
    raw_frame(b, 0, flags, stream, payload);
}

/* A whole message in one DATA frame. */
static inline _unused_ void raw_message(struct buf *b, uint32_t stream, unsigned flags, struct view message)
{
    struct buf body = BUF_INIT(16 << 20);
    char head[5] = {0, (char)(message.n >> 24), (char)(message.n >> 16), (char)(message.n >> 8), (char)message.n};
    buf_add(&body, head, 5);
    buf_add_view(&body, message);
    raw_data(b, stream, flags, buf_view(&body));
    buf_done(&body);
}

/* Reads what a peer wrote. */
struct raw_reader {
    nghttp2_hd_inflater *inflater;
    struct buf text; /* what came so far */
};

static inline _unused_ void raw_reader_init(struct raw_reader *r)
{
    nghttp2_hd_inflate_new(&r->inflater);
    buf_init(&r->text, 16 << 20);
}

static inline _unused_ void raw_reader_done(struct raw_reader *r)
{
    nghttp2_hd_inflate_del(r->inflater);
    buf_done(&r->text);
}

static inline void raw_read_block(struct raw_reader *r, struct view block)
{
    while (block.n > 0) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(r->inflater, &nv, &flags, (const uint8_t *)block.p, block.n, 1);
        if (n < 0)
            abort();
        block = view_slice(block, (size_t)n, block.n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            buf_printf(&r->text, " [%.*s: %.*s]", (int)nv.namelen, (char *)nv.name, (int)nv.valuelen, (char *)nv.value);
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            nghttp2_hd_inflate_end_headers(r->inflater);
    }
}

/* Appends a description of all frames in `bytes`, which holds whole frames, to r->text. */
static inline _unused_ void raw_read(struct raw_reader *r, struct view bytes)
{
    while (bytes.n >= 9) {
        const uint8_t *p = (const uint8_t *)bytes.p;
        size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        uint32_t stream = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
        const uint8_t *q = p + 9;
        uint32_t word = n >= 4 ? (uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 | (uint32_t)q[2] << 8 | q[3] : 0;
        bool end = p[4] & RAW_END_STREAM;
        switch (p[3]) {
        case 0:
            buf_printf(&r->text, "DATA %u %zu%s", stream, n, end ? " end" : "");
            break;
        case 1:
            buf_printf(&r->text, "HEADERS %u%s", stream, end ? " end" : "");
            raw_read_block(r, view_slice(bytes, 9, 9 + n));
            break;
        case 3:
            buf_printf(&r->text, "RST %u %u", stream, word);
            break;
        case 4:
            buf_printf(&r->text, "SETTINGS%s", end ? " ack" : "");
            break;
        case 6:
            buf_printf(&r->text, "PING%s", end ? " ack" : "");
            break;
        case 7:
            buf_printf(&r->text, "GOAWAY %u %u", word, (uint32_t)q[4] << 24 | (uint32_t)q[5] << 16 | (uint32_t)q[6] << 8 | q[7]);
            break;
        case 8:
            buf_printf(&r->text, "WINDOW %u %u", stream, word);
            break;
        default:
            buf_printf(&r->text, "TYPE %u", p[3]);
        }
        buf_add_str(&r->text, "|");
        bytes = view_slice(bytes, 9 + n, bytes.n);
    }
}

#endif
