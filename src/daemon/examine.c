/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "doctor": the configuration as findings, then what doctor/ finds.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "daemon/configure.h"
#include "doctor/doctor.h"

static void tell_problems(struct doctor *report, const struct config *c, const struct err *e)
{
    static const char advice[] = "Correct it; cri-containerd config default prints every key with what it does.";
    for (size_t i = 0; i < c->problems.n; i++)
        doctor_add(report, DOCTOR_ERROR, "configuration", advice, "%s", c->problems.v[i]);
    if (c->n_problems > c->problems.n)
        doctor_add(report, DOCTOR_ERROR, "configuration", advice, "and %zu more", c->n_problems - c->problems.n);
    if (c->problems.n == 0)
        doctor_add(report, DOCTOR_ERROR, "configuration", advice, "%s", e->message);
    doctor_add(report, DOCTOR_NOTE, "configuration", NULL, "nothing else was looked at, since what it says counts for all of it");
}

static void tell_notes(struct doctor *report, const struct daemon *d)
{
    const char *path = configure_path(&d->options);
    if (fs_exists(path))
        doctor_add(report, DOCTOR_OK, "configuration", NULL, "%s can be read", path);
    else
        doctor_add(report, DOCTOR_OK, "configuration", NULL, "there is no %s: defaults count", path);
    for (size_t i = 0; i < d->config.notes.n; i++)
        doctor_add(report, DOCTOR_NOTE, "configuration", "Take it out of the file where it is not meant for another program.", "%s", d->config.notes.v[i]);
}

static int print(const struct doctor *report, bool json, struct err *e)
{
    _cleanup_buf_ struct buf out = BUF_INIT(DOCTOR_OUTPUT_MAX);
    TRY(json ? doctor_json(report, &out, e) : doctor_text(report, &out, e));
    if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0)
        return err_raise(e, ERR_UNKNOWN, "the report cannot be written");
    return 0;
}

int examine(struct daemon *d)
{
    const struct doctor_view nothing = {.prefix = ""};
    const struct cri_runtime_options unknown = {0};
    struct doctor report;
    struct err e = ERR_INIT;
    int status = 0;
    signal(SIGPIPE, SIG_IGN);
    mem_install_hooks();
    log_set_level(LOG_LEVEL_ERROR);
    int r = configure_read(d, &d->config, &status, &e);
    if (r < 0 && status == STATUS_USAGE)
        return complain(e.message, "; see cri-containerd --help"), STATUS_USAGE;
    doctor_init(&report, r < 0 ? &unknown : &d->config.runtime, &nothing);
    if (r < 0) {
        tell_problems(&report, &d->config, &e);
        r = 0;
    } else {
        tell_notes(&report, d);
        r = doctor_run_here(&report, &e);
    }
    if (r == 0)
        r = print(&report, d->options.json, &e);
    status = r < 0 ? complain(e.message, "") : doctor_status(&report);
    if (report.thread_left)
        _exit(status);
    doctor_done(&report);
    return status;
}
