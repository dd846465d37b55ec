/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's connection: connecting when first used, back-off after a failure, a new connection when the peer says GOAWAY. See
 * client.h.
 */
#include "rpc/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "rpc/client_private.h"

/* ---- what a connection reports */

static void on_message(void *user, struct h2_stream *h2s, struct frame *f)
{
    client_stream_message(h2_stream_user(h2s), f);
}

static void on_close(void *user, struct h2_stream *h2s, const struct err *status)
{
    struct client_conn *cc = user;
    if (status->code != ERR_UNAVAILABLE && !cc->proven) {
        cc->proven = true;
        cc->client->backoff_ms = 0;
    }
    client_stream_close(h2_stream_user(h2s), status);
}

static void on_sent(void *user, struct h2_stream *h2s, size_t n)
{
    client_stream_sent(h2_stream_user(h2s), n);
}

/* The peer ends this connection once its calls are done; new calls need another. */
static void on_goaway(void *user)
{
    struct client_conn *cc = user;
    if (cc->client->current == cc)
        cc->client->current = NULL;
}

static const struct h2_ops conn_ops = {
    .on_message = on_message, .on_close = on_close, .on_sent = on_sent, .on_goaway = on_goaway};

static void conn_free(struct client_conn *cc)
{
    struct rpc_client *c = cc->client;
    if (c->current == cc)
        c->current = NULL;
    rpc_conn_free(cc->conn);
    if (cc->prev)
        cc->prev->next = cc->next;
    else
        c->conns = cc->next;
    if (cc->next)
        cc->next->prev = cc->prev;
    mem_free(cc);
}

static void back_off(struct rpc_client *c)
{
    c->backoff_ms = c->backoff_ms ? MIN_OF(c->backoff_ms * 2, (unsigned)CLIENT_BACKOFF_MAX_MS) : CLIENT_BACKOFF_MIN_MS;
    c->next_attempt = clock_deadline(c->backoff_ms * NSEC_PER_MSEC);
}

static void on_gone(void *user, const struct err *why)
{
    struct client_conn *cc = user;
    snprintf(cc->client->reason, sizeof(cc->client->reason), "%s", why->message);
    struct err e = *why;
    err_wrap(&e, -(int)e.code, "connection to %s broke", cc->client->socket_path ? cc->client->socket_path : "the peer");
    rpc_conn_fail(cc->conn, &e);
    if (!cc->proven) /* something listens there that does not speak */
        back_off(cc->client);
    conn_free(cc);
}

/* ---- connecting */

static int add_conn(struct rpc_client *c, int fd, struct err *e)
{
    struct client_conn *cc = mem_zalloc(sizeof(*cc));
    if (!cc) {
        close(fd);
        return err_oom(e);
    }
    cc->client = c;
    struct h2_config config = {.role = H2_CLIENT, .ops = &conn_ops, .user = cc, .in = &c->in};
    int r = rpc_conn_new(c->loop, fd, &config, &c->keepalive, on_gone, cc, &cc->conn, e);
    if (r < 0) {
        mem_free(cc);
        return r;
    }
    cc->next = c->conns;
    if (c->conns)
        c->conns->prev = cc;
    c->conns = c->current = cc;
    return 0;
}

/* A connected socket, or a negative errno. A unix socket connects at once or not at all. */
static int connect_unix(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr.sun_path))
        return -ENAMETOOLONG;
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int saved = errno;
        close(fd);
        return -saved;
    }
    return fd;
}

static int unavailable(struct rpc_client *c, struct err *e)
{
    return err_raise(e, ERR_UNAVAILABLE, "%s: %s", c->socket_path ? c->socket_path : "connection",
                     c->reason[0] ? c->reason : "not connected");
}

int client_connect(struct rpc_client *c, struct client_conn **ret, struct err *e)
{
    if (!c->current) {
        if (c->adopted || !c->socket_path || clock_mono() < c->next_attempt)
            return unavailable(c, e);
        int fd = connect_unix(c->socket_path);
        if (fd < 0) {
            snprintf(c->reason, sizeof(c->reason), "%s", strerrordesc_np(-fd));
            back_off(c);
            return unavailable(c, e);
        }
        TRY(add_conn(c, fd, e));
    }
    *ret = c->current;
    return 0;
}

int rpc_client_adopt(struct rpc_client *c, int fd, struct err *e)
{
    c->adopted = true;
    return add_conn(c, fd, e);
}

/* ---- life */

static int copy_metadata(struct rpc_client *c, const char *const *metadata, struct err *e)
{
    size_t n = 0;
    while (metadata && metadata[n])
        n++;
    if (n % 2 != 0 || n > 16)
        return err_raise(e, ERR_INVALID_ARGUMENT, "metadata is at most 8 pairs of name and value");
    c->metadata = mem_calloc(n + 1, sizeof(*c->metadata));
    if (!c->metadata)
        return err_oom(e);
    for (size_t i = 0; i < n; i++) {
        c->metadata[i] = mem_strdup(metadata[i]);
        if (!c->metadata[i])
            return err_oom(e);
    }
    return 0;
}

int rpc_client_new(struct loop *l, const struct rpc_client_config *config, struct rpc_client **ret, struct err *e)
{
    struct rpc_client *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom(e);
    c->loop = l;
    c->keepalive = config->keepalive;
    c->in.max = c->out.max = (size_t)CLIENT_BUDGET_MIB << 20;
    pthread_mutex_init(&c->mu, NULL);
    int r = copy_metadata(c, config->metadata, e);
    if (r == 0 && config->socket_path) {
        c->socket_path = mem_strdup(config->socket_path);
        if (!c->socket_path)
            r = err_oom(e);
    }
    if (r < 0) {
        rpc_client_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

struct rpc_channel rpc_client_channel(struct rpc_client *c)
{
    return (struct rpc_channel){.ops = &client_channel_ops, .user = c};
}

void rpc_client_free(struct rpc_client *c)
{
    if (!c)
        return;
    while (c->conns)
        conn_free(c->conns);
    for (;;) {
        pthread_mutex_lock(&c->mu);
        struct rpc_client_stream *s = c->calls;
        pthread_mutex_unlock(&c->mu);
        if (!s)
            break;
        client_stream_orphan(s);
    }
    for (size_t i = 0; c->metadata && c->metadata[i]; i++)
        mem_free(c->metadata[i]);
    mem_free(c->metadata);
    mem_free(c->socket_path);
    pthread_mutex_destroy(&c->mu);
    mem_free(c);
}
