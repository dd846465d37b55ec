/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 on a socket, see conn.h.
 */
#include "rpc/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

enum { OUT_SIZE = 64 << 10, WRITES_PER_ROUND = 16 };

struct rpc_conn {
    struct loop *loop;
    int fd;
    struct loop_io *io;
    struct h2 *h2;
    void (*gone)(void *user, const struct err *why);
    void *user;
    struct loop_post flush;
    struct keepalive keepalive;
    struct loop_timer *alive_timer;
    bool over, told, want_write;
    struct err why;
    uint64_t progress; /* when bytes last left */
    size_t out_at, out_n;
    uint8_t out[OUT_SIZE];
};

static void on_flush(void *arg);
static void on_ready(void *arg, uint32_t revents);
static void on_alive_timer(void *arg);
static void look_alive(struct rpc_conn *c);

int rpc_conn_new(struct loop *l, int fd, const struct h2_config *config, const struct rpc_keepalive *keepalive,
                 void (*gone)(void *user, const struct err *why), void *user, struct rpc_conn **ret, struct err *e)
{
    struct rpc_conn *c = mem_zalloc(sizeof(*c));
    if (!c) {
        fd_close(&fd);
        return err_oom(e);
    }
    c->loop = l;
    c->fd = fd;
    c->gone = gone;
    c->user = user;
    c->flush = (struct loop_post){.fn = on_flush, .arg = c};
    c->progress = clock_mono();
    keepalive_init(&c->keepalive, config->role == H2_CLIENT, keepalive, c->progress);
    int flags = fcntl(fd, F_GETFL), r;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        r = err_errno(e, errno, "set up a connection");
    else
        r = h2_new(config, &c->h2, e);
    if (r == 0)
        r = loop_io_add(l, fd, EPOLLIN, on_ready, c, &c->io, e);
    if (r == 0)
        r = loop_timer_add(l, on_alive_timer, c, &c->alive_timer, e);
    if (r < 0) {
        rpc_conn_free(c);
        return r;
    }
    look_alive(c);
    rpc_conn_kick(c);
    *ret = c;
    return 0;
}

void rpc_conn_free(struct rpc_conn *c)
{
    if (!c)
        return;
    if (c->h2 && c->over)
        h2_fail(c->h2, &c->why);
    h2_free(c->h2);
    loop_post_cancel(c->loop, &c->flush);
    loop_io_free(c->io);
    loop_timer_free(c->alive_timer);
    fd_close(&c->fd);
    mem_free(c);
}

void rpc_conn_fail(struct rpc_conn *c, const struct err *status)
{
    h2_fail(c->h2, status);
}

struct h2 *rpc_conn_h2(struct rpc_conn *c)
{
    return c->h2;
}

void rpc_conn_kick(struct rpc_conn *c)
{
    loop_post(c->loop, &c->flush);
}

bool rpc_conn_stalled(const struct rpc_conn *c, uint64_t before)
{
    return c->out_n > 0 && c->progress < before;
}

static void set_over(struct rpc_conn *c, const struct err *why)
{
    if (c->over)
        return;
    c->over = true;
    c->why = *why;
    if (c->why.code != ERR_RESOURCE_EXHAUSTED)
        c->why.code = ERR_UNAVAILABLE; /* what it means for the calls on it */
    loop_io_set(c->io, 0);
    loop_timer_set(c->alive_timer, CLOCK_NEVER);
}

static void over_errno(struct rpc_conn *c, int errnum, const char *what)
{
    struct err e = ERR_INIT;
    err_raise(&e, ERR_UNAVAILABLE, "%s: %s", what, strerrordesc_np(errnum));
    set_over(c, &e);
}

static void over_text(struct rpc_conn *c, const char *text)
{
    struct err e = ERR_INIT;
    err_raise(&e, ERR_UNAVAILABLE, "%s", text);
    set_over(c, &e);
}

/* Writes what is in `out`. 1: all of it went; 0: the socket is full; negative: the connection is over. */
static int write_out(struct rpc_conn *c)
{
    while (c->out_at < c->out_n) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n < 0) {
            over_errno(c, errno, "write");
            return -1;
        }
        c->out_at += (size_t)n;
        c->progress = clock_mono();
    }
    c->out_at = c->out_n = 0;
    return 1;
}

static void want_write(struct rpc_conn *c, bool want)
{
    if (c->want_write == want)
        return;
    c->want_write = want;
    loop_io_set(c->io, want ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Moves bytes from the session to the socket. */
static void flush(struct rpc_conn *c)
{
    for (int i = 0; i < WRITES_PER_ROUND && !c->over; i++) {
        int r = write_out(c);
        if (r < 0)
            return;
        if (r == 0) {
            want_write(c, true);
            return;
        }
        struct err e = ERR_INIT;
        int64_t n = h2_drain(c->h2, c->out, sizeof(c->out), &e);
        if (n < 0) {
            set_over(c, &e);
            return;
        }
        if (n == 0) {
            want_write(c, false);
            if (h2_finished(c->h2))
                over_text(c, "the connection was ended in order");
            return;
        }
        c->out_n = (size_t)n;
        if (c->progress + NSEC_PER_SEC < clock_mono())
            c->progress = clock_mono(); /* it was idle, not stalled */
    }
    if (!c->over)
        want_write(c, true); /* others have their turn first */
}

static void read_in(struct rpc_conn *c)
{
    uint8_t in[H2_READ_CHUNK];
    ssize_t n;
    do
        n = recv(c->fd, in, sizeof(in), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n > 0)
        keepalive_read(&c->keepalive, clock_mono());
    struct err e = ERR_INIT;
    if (n < 0)
        over_errno(c, errno, "read");
    else if (n == 0)
        over_text(c, "the peer closed the connection");
    else if (h2_feed(c->h2, in, (size_t)n, &e) < 0)
        set_over(c, &e);
}

/* After every entry from the loop: tells the owner if it is over. Last thing done, as c may be gone after it. */
static void settle(struct rpc_conn *c)
{
    if (!c->over || c->told)
        return;
    c->told = true;
    c->gone(c->user, &c->why);
}

/* Does what the keepalive says and sets its timer. */
static void look_alive(struct rpc_conn *c)
{
    struct keepalive_facts facts = h2_facts(c->h2);
    uint64_t again;
    switch (keepalive_check(&c->keepalive, &facts, clock_mono(), &again)) {
    case KEEPALIVE_GONE:
        over_text(c, "the peer does not answer any more (keepalive)");
        return;
    case KEEPALIVE_PING:
        h2_ping(c->h2);
        rpc_conn_kick(c);
        break;
    case KEEPALIVE_WAIT:
        break;
    }
    loop_timer_set(c->alive_timer, again);
}

static void on_alive_timer(void *arg)
{
    struct rpc_conn *c = arg;
    if (c->over)
        return;
    if (c->keepalive.waiting)
        read_in(c); /* the answer may lie there: it may be us who were held up */
    if (!c->over)
        look_alive(c);
    settle(c);
}

static void on_flush(void *arg)
{
    struct rpc_conn *c = arg;
    if (!c->over && c->keepalive.dormant && h2_stream_count(c->h2) > 0)
        look_alive(c);
    if (!c->over)
        flush(c);
    settle(c);
}

static void on_ready(void *arg, uint32_t revents)
{
    struct rpc_conn *c = arg;
    if (c->over)
        return;
    if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_in(c);
    if (!c->over)
        flush(c);
    settle(c);
}
