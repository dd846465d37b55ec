/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Http server: a small HTTP/1.1 server (RFC 9110, 9112) on an event loop, for answers that are made at once and in one piece: metrics and health. GET
 * only. Connections, bytes and time are bounded; a client that sends nonsense is told so once and its connection ends.
 */
#ifndef CRI_STREAM_HTTP_SERVER_H
#define CRI_STREAM_HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "loop/loop.h"
#include "parse/httphead.h"

enum {
    HTTP_SERVER_CONNECTIONS_MAX = 32, /* what comes while so many are open waits in the backlog */
    HTTP_SERVER_REQUESTS_MAX = 1000,  /* of one connection */
    HTTP_SERVER_SECONDS = 10,         /* for a request to arrive, and for its answer to be taken */
    HTTP_SERVER_BODY_MAX = 1 << 20,
};

struct http_answer {
    unsigned status;  /* 200 when handle begins */
    const char *type; /* Content-Type; text/plain when handle begins */
    struct buf body;  /* empty, of at most HTTP_SERVER_BODY_MAX bytes */
};

struct http_server_config {
    /* Answers a GET, on the loop's thread: it must not block. On an error the answer is 500 with its message. */
    int (*handle)(void *user, const struct httphead *head, struct http_answer *answer, struct err *e);
    void *user;
};

struct http_server;

/* The functions below: on the loop's thread, or when it does not run. RESOURCE_EXHAUSTED. */
int http_server_new(struct loop *l, const struct http_server_config *config, struct http_server **ret, struct err *e);
/* Serves a listening, non-blocking socket, which becomes the server's, also after an error. */
int http_server_listen(struct http_server *s, int fd, struct err *e);
/* Serves one connected, non-blocking socket (tests), which becomes the server's, also after an error. */
int http_server_adopt(struct http_server *s, int fd, struct err *e);
/* Closes everything. NULL is allowed. */
void http_server_free(struct http_server *s);

#endif
