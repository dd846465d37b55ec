/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: its listening socket, its connections, the way from a path to a method, and draining. See server.h; what happens
 * within a call is in server_call.c.
 */
#include "rpc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "rpc/server_private.h"

enum { ACCEPTS_PER_ROUND = 16 };

/* ---- methods */

static int compare_methods(const void *a, const void *b)
{
    return strcmp((*(const struct rpc_method *const *)a)->path, (*(const struct rpc_method *const *)b)->path);
}

static const struct rpc_method *find_method(const struct rpc_server *s, const char *path)
{
    struct rpc_method wanted = {.path = path};
    const struct rpc_method *key = &wanted;
    const struct rpc_method **m = bsearch(&key, s->by_path, s->config.n_methods, sizeof(*s->by_path), compare_methods);
    return m ? *m : NULL;
}

/* ---- what a connection reports */

static int on_request(void *user, struct h2_stream *h2s, const struct h2_request *r, struct err *e)
{
    struct server_conn *c = user;
    const struct rpc_method *m = find_method(c->server, r->path);
    if (!m)
        return err_raise(e, ERR_UNIMPLEMENTED, "unknown method %s", r->path);
    if (c->server->draining && m->stream)
        return err_raise(e, ERR_UNAVAILABLE, "the server is stopping");
    return server_call_new(c, m, h2s, r, e);
}

static void on_message(void *user, struct h2_stream *h2s, struct frame *f)
{
    server_call_message(h2_stream_user(h2s), f);
}

static void on_end(void *user, struct h2_stream *h2s)
{
    server_call_end(h2_stream_user(h2s));
}

static void on_close(void *user, struct h2_stream *h2s, const struct err *status)
{
    server_call_close(h2_stream_user(h2s));
}

static void on_sent(void *user, struct h2_stream *h2s, size_t n)
{
    server_call_sent(h2_stream_user(h2s), n);
}

static void final_goaway(struct server_conn *c)
{
    if (c->final_goaway)
        return;
    c->final_goaway = true;
    h2_shutdown(rpc_conn_h2(c->conn));
    rpc_conn_kick(c->conn);
}

static void on_pong(void *user)
{
    struct server_conn *c = user;
    if (c->server->draining)
        final_goaway(c);
}

static const struct h2_ops conn_ops = {.on_request = on_request,
                                       .on_message = on_message,
                                       .on_end = on_end,
                                       .on_close = on_close,
                                       .on_sent = on_sent,
                                       .on_pong = on_pong};

/* ---- connections */

static void conn_free(struct server_conn *c)
{
    struct rpc_server *s = c->server;
    rpc_conn_free(c->conn);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->n_conns--;
    mem_free(c);
}

static void on_gone(void *user, const struct err *why)
{
    struct server_conn *c = user;
    struct rpc_server *s = c->server;
    conn_free(c);
    server_check_drained(s);
}

int rpc_server_adopt(struct rpc_server *s, int fd, struct err *e)
{
    struct server_conn *c = s->n_conns < SERVER_CONNECTIONS_MAX ? mem_zalloc(sizeof(*c)) : NULL;
    if (!c) {
        close(fd);
        return s->n_conns < SERVER_CONNECTIONS_MAX ? err_oom(e) : err_raise(e, ERR_RESOURCE_EXHAUSTED, "too many connections");
    }
    c->server = s;
    struct h2_config config = {.role = H2_SERVER, .ops = &conn_ops, .user = c, .in = &s->in};
    int r = rpc_conn_new(s->loop, fd, &config, &s->config.keepalive, on_gone, c, &c->conn, e);
    if (r < 0) {
        mem_free(c);
        return r;
    }
    c->next = s->conns;
    if (s->conns)
        s->conns->prev = c;
    s->conns = c;
    if (s->n_conns++ == 0)
        loop_timer_set(s->tick, clock_deadline(SERVER_TICK_SECONDS * NSEC_PER_SEC));
    return 0;
}

static void on_accept(void *arg, uint32_t revents)
{
    struct rpc_server *s = arg;
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            rpc_server_adopt(s, fd, NULL);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The connection stays in the backlog and would wake the loop again at once. */
            s->listen_paused = true;
            loop_io_set(s->listen_io, 0);
            loop_timer_set(s->tick, clock_deadline(NSEC_PER_SEC));
        }
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

int rpc_server_listen(struct rpc_server *s, int listen_fd, struct err *e)
{
    if (s->listen_fd >= 0)
        return err_raise(e, ERR_FAILED_PRECONDITION, "the server listens already");
    TRY(loop_io_add(s->loop, listen_fd, EPOLLIN, on_accept, s, &s->listen_io, e));
    s->listen_fd = listen_fd;
    return 0;
}

/* Looks after clients that take nothing. */
static void on_tick(void *arg)
{
    struct rpc_server *s = arg;
    uint64_t now = clock_mono(), stall = SERVER_STALL_SECONDS * NSEC_PER_SEC, before = now > stall ? now - stall : 0;
    if (s->listen_paused && s->listen_io) {
        s->listen_paused = false;
        loop_io_set(s->listen_io, EPOLLIN);
    }
    for (struct server_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (rpc_conn_stalled(c->conn, before))
            conn_free(c);
        else if (h2_reset_stalled(rpc_conn_h2(c->conn), before) > 0)
            rpc_conn_kick(c->conn);
    }
    if (s->n_conns > 0)
        loop_timer_set(s->tick, clock_deadline(SERVER_TICK_SECONDS * NSEC_PER_SEC));
    server_check_drained(s);
}

/* ---- draining */

static void on_drained(void *arg)
{
    struct rpc_server *s = arg;
    s->drain_done(s->drain_arg); /* may free s */
}

void server_check_drained(struct rpc_server *s)
{
    if (!s->draining || s->drained || s->n_conns > 0 || s->calls)
        return;
    s->drained = true;
    loop_post(s->loop, &s->drain_post);
}

static void on_drain_timer(void *arg)
{
    struct rpc_server *s = arg;
    if (clock_mono() < s->drain_deadline) {
        for (struct server_conn *c = s->conns; c; c = c->next)
            final_goaway(c); /* the client did not answer the PING: a call that it makes now is one that it may make again elsewhere */
        loop_timer_set(s->drain_timer, s->drain_deadline);
        return;
    }
    while (s->conns)
        conn_free(s->conns);
    if (!s->drained) { /* handlers that still run are not waited for any longer */
        s->drained = true;
        loop_post(s->loop, &s->drain_post);
    }
}

static void close_listener(struct rpc_server *s)
{
    loop_io_free(TAKE_PTR(s->listen_io));
    fd_close(&s->listen_fd);
}

void rpc_server_drain(struct rpc_server *s, uint64_t deadline, void (*done)(void *arg), void *arg)
{
    close_listener(s);
    s->draining = true;
    s->drain_deadline = deadline;
    s->drain_done = done;
    s->drain_arg = arg;
    for (struct server_conn *c = s->conns; c; c = c->next) {
        h2_shutdown_notice(rpc_conn_h2(c->conn));
        rpc_conn_kick(c->conn);
    }
    for (struct rpc_stream *call = s->calls; call; call = call->next) {
        if (call->method->stream) /* it waits for events and would never end by itself */
            server_call_answer(call, ERR_UNAVAILABLE, "the server is stopping");
    }
    loop_timer_set(s->drain_timer, MIN_OF(deadline, clock_deadline(SERVER_NOTICE_MS * NSEC_PER_MSEC)));
    server_check_drained(s);
}

/* ---- life */

static int index_methods(struct rpc_server *s, struct err *e)
{
    size_t n = s->config.n_methods;
    s->by_path = mem_calloc(n, sizeof(*s->by_path));
    if (!s->by_path)
        return err_oom(e);
    for (size_t i = 0; i < n; i++)
        s->by_path[i] = &s->config.methods[i];
    qsort(s->by_path, n, sizeof(*s->by_path), compare_methods);
    return 0;
}

int rpc_server_new(struct loop *l, const struct rpc_server_config *config, struct rpc_server **ret, struct err *e)
{
    struct rpc_server *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    s->loop = l;
    s->config = *config;
    s->listen_fd = -1;
    s->in.max = (size_t)SERVER_IN_BUDGET_MIB << 20;
    s->out.max = (size_t)SERVER_OUT_BUDGET_MIB << 20;
    s->drain_post = (struct loop_post){.fn = on_drained, .arg = s};
    int r = index_methods(s, e);
    if (r == 0)
        r = loop_timer_add(l, on_tick, s, &s->tick, e);
    if (r == 0)
        r = loop_timer_add(l, on_drain_timer, s, &s->drain_timer, e);
    if (r < 0) {
        rpc_server_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct rpc_server_counts rpc_server_count(const struct rpc_server *s)
{
    struct rpc_server_counts n = {.connections = s->n_conns};
    for (const struct rpc_stream *call = s->calls; call; call = call->next) {
        n.calls++;
        n.streams += call->h2s != NULL;
    }
    return n;
}

void rpc_server_each_call(const struct rpc_server *s, void (*fn)(void *arg, const struct rpc_call *call, enum rpc_call_state state), void *arg)
{
    for (const struct rpc_stream *call = s->calls; call; call = call->next)
        fn(arg, &call->call, call->job ? RPC_CALL_RUNS : call->answered ? RPC_CALL_ENDS : RPC_CALL_ARRIVES);
}

void rpc_server_free(struct rpc_server *s)
{
    if (!s)
        return;
    close_listener(s);
    while (s->conns)
        conn_free(s->conns);
    s->drained = true; /* nobody is told any more */
    for (struct rpc_stream *call = s->calls, *next; call; call = next) {
        next = call->next;
        server_call_settle(call);
    }
    /* What is left are streams whose keeper has yet to end them. */
    for (struct rpc_stream *call = s->calls, *next; call; call = next) {
        next = call->next;
        call->server = NULL;
        call->prev = call->next = NULL;
    }
    loop_post_cancel(s->loop, &s->drain_post);
    loop_timer_free(s->tick);
    loop_timer_free(s->drain_timer);
    mem_free(s->by_path);
    mem_free(s);
}
