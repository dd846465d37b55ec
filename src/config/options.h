/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's command line.
 */
#ifndef CRI_CONFIG_OPTIONS_H
#define CRI_CONFIG_OPTIONS_H

#include "config/config.h"

/* What is to be done: nothing but serving, "config VERB", or "doctor". */
enum verb { VERB_SERVE = 0, VERB_DEFAULT, VERB_CHECK, VERB_DUMP, VERB_MIGRATE, VERB_DOCTOR };

/* What has to be known before the configuration file is read. */
struct options {
    const char *config; /* the file that was named; NULL: none */
    enum verb verb;
    bool json; /* of doctor */
    bool help, version;
};

/* Reads argv; values are not looked at. INVALID_ARGUMENT names the argument. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);

/* Puts what argv says over what the configuration file said; any number of times, after options_parse. INVALID_ARGUMENT names the argument. c borrows from
 * argv. */
int options_apply(int argc, char **argv, struct config *c, struct err *e);

/* Appends the text of --help. */
int options_help(struct buf *out);

#endif
