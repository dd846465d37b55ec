/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See configure.h.
 */
#include "daemon/configure.h"

#include <stdio.h>

#include "daemon/journal.h"

int complain(const char *what, const char *hint)
{
    fprintf(stderr, "cri-containerd: %s%s\n", what, hint);
    return STATUS_FAILED;
}

void set_log(const struct config *c)
{
    log_set_level(c->log_level);
    log_set_format(c->log_target == LOG_TARGET_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
    if (c->log_target == LOG_TARGET_JOURNAL || (c->log_target == LOG_TARGET_AUTO && journal_is_stderr()))
        journal_start();
}

const char *configure_path(const struct options *o)
{
    return o->config ? o->config : o->verb == VERB_MIGRATE ? CONFIG_PATH_CONTAINERD : CONFIG_PATH_DEFAULT;
}

int configure_read(const struct daemon *d, struct config *c, int *ret_status, struct err *e)
{
    *ret_status = STATUS_FAILED;
    TRY(config_load(c, configure_path(&d->options), d->options.config || d->options.verb == VERB_MIGRATE, e));
    int r = options_apply(d->argc, d->argv, c, e);
    if (r < 0)
        *ret_status = STATUS_USAGE;
    return r < 0 ? r : config_finish(c, e);
}

int configure(const struct daemon *d, struct config *c)
{
    struct err e = ERR_INIT;
    int status;
    if (configure_read(d, c, &status, &e) >= 0)
        return 0;
    for (size_t i = 0; i < c->problems.n; i++)
        complain(c->problems.v[i], "");
    if (c->n_problems > c->problems.n)
        fprintf(stderr, "cri-containerd: and %zu more\n", c->n_problems - c->problems.n);
    if (status == STATUS_USAGE || c->problems.n == 0)
        complain(e.message, status == STATUS_USAGE ? "; see cri-containerd --help" : "");
    return status;
}

void reconfigure(struct daemon *d)
{
    struct config now;
    struct strlist changed = {0};
    struct err e = ERR_INIT;
    int status;
    config_init(&now);
    if (configure_read(d, &now, &status, &e) < 0 || config_changes(&d->config, &now, &now.arena, &changed, &e) < 0 ||
        cri_runtime_reload(d->rt, &now.runtime, &e) < 0) {
        log_error("the configuration stays as it was: %s", e.message);
        for (size_t i = 1; i < now.problems.n; i++)
            log_error("%s", now.problems.v[i]);
    } else {
        log_set_level(now.log_level);
        for (size_t i = 0; i < changed.n; i++)
            log_warning("configuration: %s has changed, which counts from the next start on", changed.v[i]);
        log_info("the configuration has been read again");
    }
    config_done(&now);
}

static int print(const struct config *c, enum config_dump_what what)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(CONFIG_DUMP_MAX);
    if (config_dump(c, what, &out, &e) < 0)
        return complain(e.message, "");
    return fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 ? 0 : complain("cannot write the configuration", "");
}

int config_command(struct daemon *d)
{
    if (d->options.verb == VERB_DEFAULT)
        return print(&d->config, CONFIG_DUMP_EXPLAINED);
    int status = configure(d, &d->config);
    if (status != 0)
        return status;
    for (size_t i = 0; i < d->config.notes.n; i++)
        complain(d->config.notes.v[i], "");
    if (d->options.verb != VERB_CHECK)
        return print(&d->config, d->options.verb == VERB_DUMP ? CONFIG_DUMP_ALL : CONFIG_DUMP_CHANGED);
    printf("%s: ok\n", configure_path(&d->options));
    return 0;
}
