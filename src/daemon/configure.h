/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configure: the daemon's configuration from its files and its command line, at start and on SIGHUP, and the commands "config ...".
 */
#ifndef CRI_DAEMON_CONFIGURE_H
#define CRI_DAEMON_CONFIGURE_H

#include <stdatomic.h>

#include "config/options.h"

struct daemon {
    int argc;
    char **argv;
    struct options options;
    struct config config;   /* as it was at the start */
    struct cri_runtime *rt; /* while it runs */
    atomic_bool serves;     /* from the moment when readiness is told until the stop */
};

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Writes a sentence to stderr; STATUS_FAILED. */
int complain(const char *what, const char *hint);

/* Files first, then the command line, then everything that is wrong with the files; *ret_status is the exit status when it fails. */
int configure_read(const struct daemon *d, struct config *c, int *ret_status, struct err *e);
/* The file that is read. */
const char *configure_path(const struct options *o);

/* Reads files and command line into c, which has been made with config_init. 0, or the exit status, with everything that is wrong told on stderr. */
int configure(const struct daemon *d, struct config *c);

/* Reads them again and makes what can change in a running daemon count; the log says what has changed and does not count yet, and what is wrong: then all
 * stays as it was. */
void reconfigure(struct daemon *d);

/* Sets where the log goes, and from which level on. */
void set_log(const struct config *c);

/* "doctor": the exit status. */
int examine(struct daemon *d);

/* "config VERB": the exit status. */
int config_command(struct daemon *d);

#endif
