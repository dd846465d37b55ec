/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H2: one HTTP/2 connection that speaks gRPC, as bytes in and bytes out, for either role, on nghttp2. It owns no socket, no
 * thread and no timer, so that tests and fuzz targets drive it byte by byte. rpc/conn.h puts it on a socket; rpc/server.h and
 * rpc/client.h stand on that.
 *
 * nghttp2's own check of messages is off, because older kubelets send the raw socket path as :authority, which it would refuse
 * (RFC 9113 section 8 is checked here instead, any :authority accepted). Nothing that a peer sends makes memory grow without a
 * bound: streams, bytes of a header block, bytes of messages in flight, queued acknowledgements and empty frames all have a
 * maximum.
 *
 * Not thread-safe: one thread at a time. Callbacks run inside h2_feed, h2_drain, h2_fail and h2_free and may call everything here
 * but these four.
 */
#ifndef CRI_RPC_H2_H
#define CRI_RPC_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "rpc/frame.h"
#include "rpc/keepalive.h"

struct h2;
struct h2_stream;

enum h2_role { H2_SERVER, H2_CLIENT };

enum {
    H2_STREAMS_MAX = 128,       /* streams that a client may have open on a connection of ours */
    H2_STREAM_WINDOW = 1 << 20, /* bytes of flow control, of a stream and of the connection */
    H2_CONN_WINDOW = 4 << 20,
    H2_HEADERS_MAX = 64 << 10, /* bytes of a header block (RFC 9113 section 10.5.1: names, values, 32 a field) that is answered */
    H2_HEADERS_HARD_MAX = 1 << 20, /* bytes of a header block that ends the connection */
    H2_EMPTY_FRAMES_MAX = 1024,    /* empty DATA frames in a row that end the connection */
    H2_READ_CHUNK = 64 << 10       /* bytes that a connection reads in one wake-up, which bounds the frames of a wake-up too */
};

/* The head of a request. Valid only during the call that gets it. */
struct h2_request {
    const char *path;
    uint64_t timeout_ns;    /* UINT64_MAX: none */
    struct kvlist metadata; /* fields of the application: not HTTP's, not gRPC's own */
};

struct h2_ops {
    /* Server: the head of a request is complete and sound. A negative code answers it with *e at once, and no other callback
     * follows. */
    int (*on_request)(void *user, struct h2_stream *s, const struct h2_request *r, struct err *e);
    /* A whole message; f belongs to the callee. */
    void (*on_message)(void *user, struct h2_stream *s, struct frame *f);
    /* Server: the client will send no more on this stream. */
    void (*on_end)(void *user, struct h2_stream *s);
    /* The stream is over and its handle dies with this call. Server: status OK when the answer was handed over in full, CANCELLED
     * when the client reset it or went away. Client: the status of the call. Not called after h2_stream_reset. */
    void (*on_close)(void *user, struct h2_stream *s, const struct err *status);
    /* n bytes of queued frames (heads included) went out. May be NULL. */
    void (*on_sent)(void *user, struct h2_stream *s, size_t n);
    /* Client: the peer takes no new calls on this connection. Server: not called. May be NULL. */
    void (*on_goaway)(void *user);
    /* Server: the client has seen the notice of h2_shutdown_notice. May be NULL. */
    void (*on_pong)(void *user);
};

struct h2_config {
    enum h2_role role;
    const struct h2_ops *ops;
    void *user;
    struct frame_budget *in; /* bytes of messages that arrive; shared, must outlive the connection and its frames */
};

/* A connection with its SETTINGS (and preface) ready to be drained. */
int h2_new(const struct h2_config *config, struct h2 **ret, struct err *e);
/* Frees it. Streams still open are closed first with UNAVAILABLE (client) or CANCELLED (server). NULL is allowed. */
void h2_free(struct h2 *h);

/* Takes bytes from the peer. A negative code: the connection is beyond use; what is left to drain (a GOAWAY) may still be sent.
 */
int h2_feed(struct h2 *h, const uint8_t *p, size_t n, struct err *e);
/* Writes up to cap bytes for the peer to out and returns how many. 0: nothing to send now. Negative: out of memory; the
 * connection is beyond use. */
int64_t h2_drain(struct h2 *h, uint8_t *out, size_t cap, struct err *e);
/* True when neither side has anything more to say: time to close. */
bool h2_finished(const struct h2 *h);
/* Closes all streams with this status; no further callback comes. */
void h2_fail(struct h2 *h, const struct err *status);

/* Open streams. */
size_t h2_stream_count(const struct h2 *h);
/* What rpc/keepalive.h goes by. */
struct keepalive_facts h2_facts(const struct h2 *h);
/* Queues a PING, to see whether the peer still answers; on_pong is not told of its answer. */
void h2_ping(struct h2 *h);
/* Resets streams that had something to send and have not been able to since `before` (a clock_mono value). Returns how many. */
size_t h2_reset_stalled(struct h2 *h, uint64_t before);
/* Server: announces the end (GOAWAY with the highest stream id, then a PING whose answer on_pong tells of), and then the real
 * end, after which no new call is taken (RFC 9113 section 6.8). */
void h2_shutdown_notice(struct h2 *h);
void h2_shutdown(struct h2 *h);

/* Client: opens a call. timeout_ns UINT64_MAX: no deadline. metadata: NULL-terminated name, value, name, value ...; may be NULL;
 * extra_name/extra_value one more pair, may be NULL. All is copied. */
int h2_open(struct h2 *h, const char *path, uint64_t timeout_ns, const char *const *metadata, const char *extra_name,
            const char *extra_value, void *stream_user, struct h2_stream **ret, struct err *e);

/* What the owner of a stream keeps with it. */
void h2_stream_set_user(struct h2_stream *s, void *user);
void *h2_stream_user(const struct h2_stream *s);
/* Queues a message, which the stream owns from now on. */
void h2_stream_send(struct h2_stream *s, struct frame *f);
/* Client: no more messages follow. */
void h2_stream_half_close(struct h2_stream *s);
/* Server: ends the call with this status after what is queued; an error drops what is queued. on_close follows. */
void h2_stream_end(struct h2_stream *s, const struct err *status);
/* Ends the call at once (client: CANCEL; server: the error code is INTERNAL_ERROR). No callback follows and the handle is dead.
 */
void h2_stream_reset(struct h2_stream *s);
/* While held, the peer is not allowed to send more than the stream's window in this stream. */
void h2_stream_hold(struct h2_stream *s, bool hold);

#endif
