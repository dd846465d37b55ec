/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See monitor.h.
 */
#include "cri/monitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "stream/http_server.h"

struct cri_monitor {
    struct http_server *http;
    struct cri_service *service;
    const struct rpc_server *server;
    struct executor *handlers;
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool read_address(const char *text, union address *ret, socklen_t *ret_n)
{
    struct view all = view_of(text), host;
    size_t colon = view_rfind(all, ':');
    uint64_t port;
    char name[INET6_ADDRSTRLEN];
    if (colon == all.n || num_parse_u64(view_slice(all, colon + 1, all.n), UINT16_MAX, &port) != NUM_OK || port == 0)
        return false;
    host = view_slice(all, 0, colon);
    bool v6 = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (v6)
        host = view_slice(host, 1, host.n - 1);
    if (host.n == 0 || host.n >= sizeof name)
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    memset(ret, 0, sizeof *ret);
    ret->any.sa_family = v6 ? AF_INET6 : AF_INET;
    *(v6 ? &ret->v6.sin6_port : &ret->v4.sin_port) = htons((uint16_t)port);
    *ret_n = v6 ? sizeof ret->v6 : sizeof ret->v4;
    return inet_pton(ret->any.sa_family, name, v6 ? (void *)&ret->v6.sin6_addr : (void *)&ret->v4.sin_addr) == 1;
}

bool cri_monitor_address_ok(const char *address)
{
    union address a;
    socklen_t n;
    return read_address(address, &a, &n);
}

static int make_listener(const char *address, int *ret_fd, struct err *e)
{
    union address a;
    socklen_t n;
    int on = 1;
    if (!read_address(address, &a, &n))
        return err_raise(e, ERR_INVALID_ARGUMENT, "metrics address \"%s\" is not an IP address and a port", address);
    _cleanup_fd_ int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(e, errno, "create a socket for metrics");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &a.any, n) < 0 || listen(fd, SOMAXCONN) < 0)
        return err_errno(e, errno, "listen on the metrics address %s", address);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int answer_text(struct http_answer *answer, unsigned status, const char *text, struct err *e)
{
    answer->status = status;
    return buf_printf(&answer->body, "%s\n", text) < 0 ? err_oom(e) : 0;
}

static int answer_ready(const struct cri_service *s, struct http_answer *answer, struct err *e)
{
    if (!atomic_load(&s->serving))
        return answer_text(answer, 503, "the daemon is starting: calls are not served yet", e);
    if (!atomic_load(&s->event_state.follows))
        return answer_text(answer, 503, "containerd does not answer: its events are not followed", e);
    return answer_text(answer, 200, "ok", e);
}

static int handle(void *user, const struct httphead *head, struct http_answer *answer, struct err *e)
{
    struct cri_monitor *m = user;
    if (view_eq_str(head->path, "/healthz"))
        return answer_text(answer, 200, "ok", e);
    if (view_eq_str(head->path, "/readyz"))
        return answer_ready(m->service, answer, e);
    if (!view_eq_str(head->path, "/metrics"))
        return answer_text(answer, 404, "there are /metrics, /healthz and /readyz", e);
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    return cri_metrics_write(m->service, m->server, m->handlers, &answer->body, e);
}

int cri_monitor_new(struct loop *l, const char *address, struct cri_service *s, const struct rpc_server *server, struct executor *handlers,
                    struct cri_monitor **ret, struct err *e)
{
    struct cri_monitor *m = mem_zalloc(sizeof *m);
    if (!m)
        return err_oom(e);
    *m = (struct cri_monitor){.service = s, .server = server, .handlers = handlers};
    struct http_server_config config = {.handle = handle, .user = m};
    int fd = -1, r = make_listener(address, &fd, e);
    if (r == 0)
        r = http_server_new(l, &config, &m->http, e);
    if (r == 0)
        r = http_server_listen(m->http, TAKE_FD(fd), e);
    fd_close(&fd);
    if (r < 0) {
        cri_monitor_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

void cri_monitor_free(struct cri_monitor *m)
{
    if (!m)
        return;
    http_server_free(m->http);
    mem_free(m);
}
