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

static void set_log(const struct options *o)
{
    log_set_level(o->log_level);
    if (o->log_target == LOG_TARGET_JSON)
        log_set_format(LOG_FORMAT_JSON);
    if (o->log_target == LOG_TARGET_JOURNAL || (o->log_target == LOG_TARGET_AUTO && journal_is_stderr()))
        journal_start();
}

static int serve(struct options *o, struct err *e)
{
    struct cri_runtime *rt;
    o->runtime.ready = on_ready;
    int n = sd_listen_fds(1);
    if (n < 0)
        return err_errno(e, -n, "take the sockets that were handed over");
    if (n > 1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%d sockets were handed over (LISTEN_FDS), one is served", n);
    if (n == 1)
        o->runtime.listen_fd = SD_LISTEN_FDS_START;
    TRY(cri_runtime_new(&o->runtime, &rt, e));
    int r = cri_runtime_on_signal(rt, SIGTERM, on_signal, rt, e);
    if (r == 0)
        r = cri_runtime_on_signal(rt, SIGINT, on_signal, rt, e);
    if (r == 0)
        r = cri_runtime_run(rt, e);
    cri_runtime_free(rt);
    return r;
}

int main(int argc, char **argv)
{
    struct options o;
    struct err e = ERR_INIT;
    if (options_parse(argc, argv, &o, &e) < 0) {
        fprintf(stderr, "cri-containerd: %s; see cri-containerd --help\n", e.message);
        return 2;
    }
    if (o.help || o.version) {
        fputs(o.help ? options_help : "cri-containerd " PROJECT_VERSION "\n", stdout);
        return 0;
    }
    set_log(&o);
    block_signals();
    mem_install_hooks();
    if (serve(&o, &e) < 0) {
        fprintf(stderr, "cri-containerd: %s\n", e.message);
        return 1;
    }
    return 0;
}
