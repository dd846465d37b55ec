/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's command line.
 */
#ifndef CRI_DAEMON_OPTIONS_H
#define CRI_DAEMON_OPTIONS_H

#include "config/config.h"

/* What has to be known before the configuration file is read. */
struct options {
    const char *config; /* --config; NULL: not given */
    bool help, version;
};

/* Reads argv; values are not looked at. INVALID_ARGUMENT names the argument. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);

/* Puts what argv says over what the configuration file said. INVALID_ARGUMENT names the argument. c borrows from argv; lists that are separated by colons are
 * cut in place there. */
int options_apply(int argc, char **argv, struct config *c, struct err *e);

/* The text of --help. */
extern const char options_help[];

#endif
