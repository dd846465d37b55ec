/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's command line.
 */
#ifndef CRI_DAEMON_OPTIONS_H
#define CRI_DAEMON_OPTIONS_H

#include "base/log.h"
#include "cri/runtime.h"

enum { CNI_BIN_DIRS_MAX = 16 };

struct options {
    struct cri_runtime_options runtime;
    const char *cni_bin_dirs[CNI_BIN_DIRS_MAX];
    enum log_level log_level;
    bool help, version;
};

/* Reads argv. INVALID_ARGUMENT names the argument. Strings of colon-separated lists are cut in place in argv. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);

/* The text of --help. */
extern const char options_help[];

#endif
