/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See http_server.h. A connection reads a head, sends its answer whole, and reads on. At its end it says so (FIN) and drops what still comes until
 * the client has closed too, since closing at once would reset the connection and could take the answer from the client.
 */
#include "stream/http_server.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { HEAD_ROOM = 512, ACCEPTS_PER_ROUND = 8 };

enum state { READS, WRITES, LINGERS };

struct connection {
    struct connection *prev, *next;
    struct http_server *server;
    int fd;
    struct loop_io *io;
    struct loop_timer *timer;
    enum state state;
    bool last; /* the connection ends with this answer */
    unsigned requests;
    struct buf out;
    size_t sent;
    size_t n_in;
    char in[HTTPHEAD_MAX];
    struct httphead head;
};

struct http_server {
    struct loop *loop;
    struct http_server_config config;
    int listen_fd;
    struct loop_io *listen_io;
    struct loop_timer *retry; /* descriptors were short */
    struct connection *connections;
    size_t n;
};

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } known[] = {{200, "OK"}, {400, "Bad Request"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {413, "Content Too Large"},
                 {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}, {503, "Service Unavailable"},
                 {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i].status == status)
            return known[i].reason;
    return "";
}

static unsigned status_of(enum err_code code)
{
    return code == ERR_INVALID_ARGUMENT     ? 400
           : code == ERR_RESOURCE_EXHAUSTED ? 431
           : code == ERR_UNIMPLEMENTED      ? 501
           : code == ERR_OUT_OF_RANGE       ? 505
                                            : 500;
}

static void accepts(struct http_server *s, bool yes)
{
    if (s->listen_io)
        loop_io_set(s->listen_io, yes ? EPOLLIN : 0);
}

static void connection_free(struct connection *c)
{
    struct http_server *s = c->server;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (s->n-- == HTTP_SERVER_CONNECTIONS_MAX)
        accepts(s, true);
    loop_io_free(c->io);
    loop_timer_free(c->timer);
    close(c->fd);
    buf_done(&c->out);
    mem_free(c);
}

static void expects(struct connection *c, enum state state)
{
    c->state = state;
    loop_io_set(c->io, state == WRITES ? EPOLLOUT : EPOLLIN);
    loop_timer_set(c->timer, clock_deadline(HTTP_SERVER_SECONDS * NSEC_PER_SEC));
}

/* Puts the answer together. False without memory. */
static bool compose(struct connection *c, unsigned status, const char *type, struct view body)
{
    buf_clear(&c->out);
    c->sent = 0;
    return buf_printf(&c->out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n%s%s\r\n", status, reason_of(status),
                      type, body.n, status == 405 ? "Allow: GET\r\n" : "", c->last ? "Connection: close\r\n" : "") == 0 &&
           buf_add_view(&c->out, body) == 0;
}

static const char text_type[] = "text/plain; charset=utf-8";

static bool complain(struct connection *c, unsigned status, const struct err *e)
{
    _cleanup_buf_ struct buf body = BUF_INIT(ERR_MESSAGE_MAX + 2);
    return buf_printf(&body, "%s\n", e->message) == 0 && compose(c, status, text_type, buf_view(&body));
}

static bool handle(struct connection *c)
{
    struct err e = ERR_INIT;
    struct http_answer answer = {.status = 200, .type = text_type, .body = BUF_INIT(HTTP_SERVER_BODY_MAX)};
    int r = c->server->config.handle(c->server->config.user, &c->head, &answer, &e);
    bool ok = r < 0 ? complain(c, 500, &e) : compose(c, answer.status, answer.type, buf_view(&answer.body));
    buf_done(&answer.body);
    return ok;
}

/* Answers the request that stands at the beginning of what came. False: there is none yet, or it cannot be answered (*ret_broken). */
static bool answer_next(struct connection *c, bool *ret_broken)
{
    struct err e = ERR_INIT;
    int r = httphead_parse(view_make(c->in, c->n_in), &c->head, &e);
    if (r == 0)
        return false;
    bool ok;
    c->requests++;
    if (r < 0) {
        c->last = true;
        ok = complain(c, status_of(e.code), &e);
    } else if (c->head.content_length > 0 || c->head.chunked) {
        c->last = true;
        err_raise(&e, ERR_INVALID_ARGUMENT, "HTTP request: no body is taken here");
        ok = complain(c, 413, &e);
    } else {
        c->last = !httphead_keeps(&c->head) || c->requests >= HTTP_SERVER_REQUESTS_MAX;
        if (view_eq_str(c->head.method, "GET")) {
            ok = handle(c);
        } else {
            err_raise(&e, ERR_UNIMPLEMENTED, "HTTP request: only GET is served here");
            ok = complain(c, 405, &e);
        }
        c->n_in -= c->head.size;
        memmove(c->in, c->in + c->head.size, c->n_in);
    }
    *ret_broken = !ok;
    return ok;
}

/* Sends what is left of the answer. 1: all of it, 0: not yet, -1: the client is gone. */
static int send_rest(struct connection *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->sent += (size_t)n;
    }
    return 1;
}

/* Makes the next answer, if its request is there. It is sent when the loop comes back: of many requests that came at once each has its round. */
static void go_on(struct connection *c)
{
    bool broken = false;
    if (answer_next(c, &broken))
        expects(c, WRITES);
    else if (broken)
        connection_free(c);
}

static void on_writable(struct connection *c)
{
    int r = send_rest(c);
    if (r < 0)
        return connection_free(c);
    if (r == 0)
        return;
    buf_done(&c->out);
    if (c->last) {
        shutdown(c->fd, SHUT_WR);
        return expects(c, LINGERS);
    }
    expects(c, READS);
    go_on(c);
}

static void on_readable(struct connection *c)
{
    if (c->state == LINGERS)
        c->n_in = 0;
    ssize_t n = recv(c->fd, c->in + c->n_in, sizeof c->in - c->n_in, 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0)
        return connection_free(c);
    c->n_in += (size_t)n;
    if (c->state == READS)
        go_on(c);
}

static void on_io(void *arg, uint32_t revents)
{
    struct connection *c = arg;
    if (c->state == WRITES)
        on_writable(c);
    else
        on_readable(c);
}

static void on_timer(void *arg)
{
    connection_free(arg);
}

int http_server_adopt(struct http_server *s, int fd, struct err *e)
{
    struct connection *c = mem_zalloc(sizeof *c);
    if (!c) {
        close(fd);
        return err_oom(e);
    }
    c->server = s;
    c->fd = fd;
    buf_init(&c->out, HTTP_SERVER_BODY_MAX + HEAD_ROOM);
    c->next = s->connections;
    if (c->next)
        c->next->prev = c;
    s->connections = c;
    if (++s->n == HTTP_SERVER_CONNECTIONS_MAX)
        accepts(s, false);
    int r = loop_io_add(s->loop, fd, EPOLLIN, on_io, c, &c->io, e);
    if (r == 0)
        r = loop_timer_add(s->loop, on_timer, c, &c->timer, e);
    if (r < 0) {
        connection_free(c);
        return r;
    }
    expects(c, READS);
    return 0;
}

static void on_retry(void *arg)
{
    struct http_server *s = arg;
    accepts(s, s->n < HTTP_SERVER_CONNECTIONS_MAX);
}

static void on_accept(void *arg, uint32_t revents)
{
    struct http_server *s = arg;
    for (int i = 0; i < ACCEPTS_PER_ROUND && s->n < HTTP_SERVER_CONNECTIONS_MAX; i++) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            http_server_adopt(s, fd, NULL);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            accepts(s, false); /* it stays in the backlog and would wake the loop at once */
            loop_timer_set(s->retry, clock_deadline(NSEC_PER_SEC));
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

int http_server_new(struct loop *l, const struct http_server_config *config, struct http_server **ret, struct err *e)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_oom(e);
    s->loop = l;
    s->config = *config;
    s->listen_fd = -1;
    int r = loop_timer_add(l, on_retry, s, &s->retry, e);
    if (r < 0) {
        http_server_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

int http_server_listen(struct http_server *s, int fd, struct err *e)
{
    s->listen_fd = fd;
    return loop_io_add(s->loop, fd, EPOLLIN, on_accept, s, &s->listen_io, e);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    loop_io_free(s->listen_io);
    s->listen_io = NULL;
    while (s->connections)
        connection_free(s->connections);
    loop_timer_free(s->retry);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    mem_free(s);
}
