/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test service on a unix socket, for other implementations of gRPC to call: echo-server PATH. SIGTERM drains and ends it with
 * status 0.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "echo_service.h"

struct program {
    struct loop *loop;
    struct rpc_server *server;
    const char *path;
};

static void on_drained(void *arg)
{
    struct program *p = arg;
    loop_stop(p->loop);
}

static void on_signal(void *arg, int signo)
{
    struct program *p = arg;
    unlink(p->path);
    rpc_server_drain(p->server, clock_deadline(5 * NSEC_PER_SEC), on_drained, p);
}

static int listen_unix(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0)
        return -1;
    return fd;
}

static int run(struct program *p, struct err *e)
{
    static struct echo_service service;
    struct executor_limits limits = {.threads_max = 64, .slow_max = 60, .queue_max = 4096, .stack_size = 256 << 10};
    struct executor *executor;
    TRY(loop_new(&p->loop, e));
    TRY(executor_new_pool(&limits, &executor, e));
    struct rpc_server_config config = {.methods = echo_methods,
                                       .n_methods = n_echo_methods,
                                       .service = &service,
                                       .executor = executor,
                                       .on_done = echo_on_done,
                                       .user = &service};
    TRY(rpc_server_new(p->loop, &config, &p->server, e));
    int fd = listen_unix(p->path);
    if (fd < 0)
        return err_raise(e, ERR_UNAVAILABLE, "cannot listen on %s", p->path);
    TRY(rpc_server_listen(p->server, fd, e));
    TRY(loop_signal_add(p->loop, SIGTERM, on_signal, p, e));
    puts("ready");
    fflush(stdout);
    TRY(loop_run(p->loop, e));
    executor_drain(executor);
    rpc_server_free(p->server);
    executor_free(executor);
    loop_free(p->loop);
    printf("done %d failed %d watch_closed %d cancelled %d\n", service.done, service.done_failed, service.watch_closed,
           service.cancelled);
    return mem_live() == 0 ? 0 : err_raise(e, ERR_INTERNAL, "%zu allocations are left", mem_live());
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct program p = {.path = argc > 1 ? argv[1] : "/tmp/echo.sock"};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    if (run(&p, &e) < 0) {
        fprintf(stderr, "echo-server: %s\n", e.message);
        return 1;
    }
    return 0;
}
