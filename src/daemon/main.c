/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: arguments, signals and readiness around cri/runtime.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/mem.h"
#include "daemon/journal.h"
#include "daemon/options.h"

static void on_signal(void *arg, int signo)
{
    sd_notify(0, "STOPPING=1");
    cri_runtime_stop(arg);
}

static void on_ready(void *user, const char *listen)
{
    sd_notifyf(0, "READY=1\nSTATUS=Serving CRI on %s", listen);
}

/* Blocked before the first thread starts, so that every thread inherits it and only the loop sees them. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void set_log(const struct config *c)
{
    log_set_level(c->log_level);
    if (c->log_target == LOG_TARGET_JSON)
        log_set_format(LOG_FORMAT_JSON);
    if (c->log_target == LOG_TARGET_JOURNAL || (c->log_target == LOG_TARGET_AUTO && journal_is_stderr()))
        journal_start();
}

static int serve(struct config *c, struct err *e)
{
    struct cri_runtime *rt;
    c->runtime.ready = on_ready;
    int n = sd_listen_fds(1);
    if (n < 0)
        return err_errno(e, -n, "take the sockets that were handed over");
    if (n > 1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%d sockets were handed over (LISTEN_FDS), one is served", n);
    if (n == 1)
        c->runtime.listen_fd = SD_LISTEN_FDS_START;
    TRY(cri_runtime_new(&c->runtime, &rt, e));
    int r = cri_runtime_on_signal(rt, SIGTERM, on_signal, rt, e);
    if (r == 0)
        r = cri_runtime_on_signal(rt, SIGINT, on_signal, rt, e);
    if (r == 0)
        r = cri_runtime_run(rt, e);
    cri_runtime_free(rt);
    return r;
}

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };

static int complain(const char *what, const char *hint)
{
    fprintf(stderr, "cri-containerd: %s%s\n", what, hint);
    return STATUS_FAILED;
}

static int usage(const struct err *e)
{
    complain(e->message, "; see cri-containerd --help");
    return STATUS_USAGE;
}

/* Files first, then the command line, then everything that is wrong with the files. 0, or the exit status. */
static int configure(struct config *c, const char *path, int argc, char **argv)
{
    struct err e = ERR_INIT;
    if (config_load(c, path ? path : CONFIG_PATH_DEFAULT, path != NULL, &e) < 0)
        return complain(e.message, "");
    if (options_apply(argc, argv, c, &e) < 0)
        return usage(&e);
    int r = config_finish(c, &e);
    for (size_t i = 0; i < c->problems.n; i++)
        complain(c->problems.v[i], "");
    if (c->n_problems > c->problems.n)
        fprintf(stderr, "cri-containerd: and %zu more\n", c->n_problems - c->problems.n);
    if (r < 0 && c->problems.n == 0)
        complain(e.message, "");
    return r < 0 ? STATUS_FAILED : 0;
}

static int run(struct config *c)
{
    struct err e = ERR_INIT;
    set_log(c);
    block_signals();
    mem_install_hooks();
    return serve(c, &e) < 0 ? complain(e.message, "") : 0;
}

int main(int argc, char **argv)
{
    struct options o;
    struct config config;
    struct err e = ERR_INIT;
    if (options_parse(argc, argv, &o, &e) < 0)
        return usage(&e);
    if (o.help || o.version) {
        fputs(o.help ? options_help : "cri-containerd " PROJECT_VERSION "\n", stdout);
        return 0;
    }
    config_init(&config);
    int status = configure(&config, o.config, argc, argv);
    if (status == 0)
        status = run(&config);
    config_done(&config);
    return status;
}
