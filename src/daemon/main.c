/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: signals and readiness around cri/runtime.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/configure.h"

static void on_signal(void *arg, int signo)
{
    struct daemon *d = arg;
    atomic_store(&d->serves, false);
    sd_notify(0, "STOPPING=1");
    cri_runtime_stop(d->rt);
}

static void on_ready(void *user, const char *listen)
{
    struct daemon *d = user;
    atomic_store(&d->serves, true);
    sd_notifyf(0, "READY=1\nSTATUS=Serving CRI on %s", listen);
}

/* Blocked before the first thread starts, so that every thread inherits it and only the loop sees them. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void on_hangup(void *arg, int signo)
{
    struct daemon *d = arg;
    if (atomic_load(&d->serves))
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_mono() / 1000));
    reconfigure(d);
    if (atomic_load(&d->serves))
        sd_notify(0, "READY=1");
}

static void on_report(void *arg, int signo)
{
    struct daemon *d = arg;
    cri_runtime_report(d->rt);
}

static int handle_signals(struct cri_runtime *rt, struct daemon *d, struct err *e)
{
    TRY(cri_runtime_on_signal(rt, SIGTERM, on_signal, d, e));
    TRY(cri_runtime_on_signal(rt, SIGINT, on_signal, d, e));
    TRY(cri_runtime_on_signal(rt, SIGUSR1, on_report, d, e));
    return cri_runtime_on_signal(rt, SIGHUP, on_hangup, d, e);
}

static int serve(struct daemon *d, struct err *e)
{
    struct cri_runtime *rt;
    struct cri_runtime_options *o = &d->config.runtime;
    o->ready = on_ready;
    o->user = d;
    int n = sd_listen_fds(1);
    if (n < 0)
        return err_errno(e, -n, "take the sockets that were handed over");
    if (n > 1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%d sockets were handed over (LISTEN_FDS), one is served", n);
    if (n == 1)
        o->listen_fd = SD_LISTEN_FDS_START;
    TRY(cri_runtime_new(o, &rt, e));
    d->rt = rt;
    int r = handle_signals(rt, d, e);
    if (r == 0)
        r = cri_runtime_run(rt, e);
    if (!cri_runtime_free(rt)) /* whatever a process does at its end could wait for the thread that is left */
        _exit(r < 0 ? complain(e->message, "") : 0);
    return r;
}

static int run(struct daemon *d)
{
    struct err e = ERR_INIT;
    int status = configure(d, &d->config);
    if (status != 0)
        return status;
    set_log(&d->config);
    for (size_t i = 0; i < d->config.notes.n; i++)
        log_warning("%s", d->config.notes.v[i]);
    block_signals();
    mem_install_hooks();
    return serve(d, &e) < 0 ? complain(e.message, "") : 0;
}

static int print_help(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64 << 10);
    if (options_help(&text) < 0)
        return complain(ERR_TEXT_OOM, "");
    fputs(text.p, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct daemon d = {.argc = argc, .argv = argv};
    struct err e = ERR_INIT;
    if (options_parse(argc, argv, &d.options, &e) < 0) {
        complain(e.message, "; see cri-containerd --help");
        return STATUS_USAGE;
    }
    if (d.options.help)
        return print_help();
    if (d.options.version) {
        puts("cri-containerd " PROJECT_VERSION);
        return 0;
    }
    config_init(&d.config);
    int status = d.options.verb == VERB_SERVE ? run(&d) : d.options.verb == VERB_DOCTOR ? examine(&d) : config_command(&d);
    config_done(&d.config);
    return status;
}
