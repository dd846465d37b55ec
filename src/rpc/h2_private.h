/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the HTTP/2 connection share: h2.c holds what both roles do, h2_server.c and h2_client.c what a request and an
 * answer mean to each.
 */
#ifndef CRI_RPC_H2_PRIVATE_H
#define CRI_RPC_H2_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "base/view.h"
#include "rpc/h2.h"

/* The pseudo fields and the fields that mean something here, as bits of h2_block.seen. */
enum {
    H2_SEEN_METHOD = 1 << 0,
    H2_SEEN_SCHEME = 1 << 1,
    H2_SEEN_PATH = 1 << 2,
    H2_SEEN_AUTHORITY = 1 << 3,
    H2_SEEN_STATUS = 1 << 4,
    H2_SEEN_CONTENT_TYPE = 1 << 5,
    H2_SEEN_CONTENT_LENGTH = 1 << 6,
    H2_SEEN_GRPC_STATUS = 1 << 7,
    H2_SEEN_TIMEOUT = 1 << 8,
};

enum { H2_ENCODING_MAX = 24 };

/* A header block while it arrives. */
struct h2_block {
    size_t bytes;
    unsigned seen;
    bool regular;   /* a field that is no pseudo field came */
    bool malformed; /* RFC 9113 section 8.1.1 */
    bool too_large;
};

struct h2_stream {
    struct h2 *h2;
    struct h2_stream *prev, *next;
    int32_t id;
    void *user;
    bool detached; /* the owner is not told of anything (any more, or yet) */
    bool headed;   /* the first header block is over: another is trailers */
    bool in_ended; /* the peer closed its side */
    bool discard;  /* what still arrives is dropped */
    bool hold;
    size_t held; /* bytes whose window is kept back */
    struct h2_block block;
    struct frame_reader reader;
    char encoding[H2_ENCODING_MAX]; /* grpc-encoding, cut and cleaned for a message; empty: none */

    bool headers_sent; /* server: HEADERS of the answer are submitted */
    bool out_ended;    /* nothing follows what is queued */
    bool end_sent;     /* END_STREAM went out */
    bool deferred;     /* nghttp2 waits for resume */
    struct frame_queue out;
    size_t out_at;     /* bytes of out.head that are gone */
    uint64_t progress; /* when bytes last went out, or began to wait */

    /* Server: the request's head, until on_request. */
    struct arena arena;
    struct h2_request request;
    bool method_post, content_type_ok, timeout_bad;
    uint64_t content_length, received; /* content_length UINT64_MAX: not told */

    /* Client: the answer's head. */
    unsigned http_status;

    bool failed;       /* status was set here, whatever the peer says */
    struct err status; /* server: of the answer; client: of the call, as soon as has_status */
    bool has_status;
};

/* Where the bytes from the peer are within a frame. */
struct h2_input {
    bool whole;        /* all of it is for the session: the client's side */
    bool in_block;     /* within a header block, which no other frame may interrupt */
    size_t rest;       /* bytes that go on as they are: of the preface, then of a frame's payload */
    uint8_t frame[13]; /* the beginning of a frame, n bytes of it */
    size_t n;
};

struct h2 {
    struct h2_config config;
    nghttp2_session *session;
    struct h2_input input;
    struct h2_stream *streams;
    size_t n_streams;
    const uint8_t *pending; /* bytes that nghttp2 gave and that did not fit */
    size_t n_pending;
    unsigned empty_frames;
    bool ping_follows;                 /* on the GOAWAY to be sent next */
    uint64_t opened, opened_at, heard; /* for keepalive_facts */
    bool goaway;                       /* the peer takes no new streams */
    bool dead;                         /* h2_fail ran */
    bool failed;
    struct err why;
};

/* Makes the connection fail: the callback that saw it returns what this returns. */
int h2_fatal(struct h2 *h, enum err_code code, const char *text);
int h2_fatal_oom(struct h2 *h);
/* Notes that an nghttp2 call ran out of memory; other failures are of no consequence (a stream that is gone already). */
void h2_check(struct h2 *h, int rv);

struct h2_stream *h2_stream_new(struct h2 *h, int32_t id);
/* The stream with this id, or NULL. */
struct h2_stream *h2_find(struct h2 *h, int32_t id);
/* Tells the owner that it is over, with s->status, and frees it. */
void h2_stream_close(struct h2_stream *s);
void h2_stream_rst(struct h2_stream *s, uint32_t error_code);
/* Ends a stream for a reason found here. */
void h2_stream_fail(struct h2_stream *s, const struct err *why);
ssize_t h2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
                     nghttp2_data_source *source, void *user);

/* A field of a header block: marks a pseudo field or a field that may come once. False (and malformed set) when it came before.
 */
bool h2_block_once(struct h2_block *b, unsigned bit);
/* Keeps the value of grpc-encoding. */
void h2_stream_encoding(struct h2_stream *s, struct view value);
/* An nghttp2 field that copies its text. */
nghttp2_nv h2_nv(const char *name, struct view value);
/* Fills nv (room for 2) with grpc-status and grpc-message; text needs 9 * ERR_MESSAGE_MAX bytes, number 4. Returns how many. */
size_t h2_status_nv(const struct err *status, nghttp2_nv *nv, char *text, char *number);

void h2_input_init(struct h2_input *in, enum h2_role role);
/* Hands bytes to the session. 0, or nghttp2's error. */
int h2_input_feed(struct h2 *h, const uint8_t *p, size_t n);

/* The roles. */
void h2_server_header(struct h2_stream *s, struct view name, struct view value);
void h2_server_block_end(struct h2_stream *s, bool end_stream);
void h2_server_in_end(struct h2_stream *s);
void h2_server_status(struct h2_stream *s, uint32_t error_code);
void h2_server_trailers(struct h2_stream *s);

void h2_client_header(struct h2_stream *s, struct view name, struct view value);
void h2_client_block_end(struct h2_stream *s, bool end_stream);
void h2_client_in_end(struct h2_stream *s);
void h2_client_status(struct h2_stream *s, uint32_t error_code);

#endif
