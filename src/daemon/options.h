/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's command line.
 */
#ifndef CRI_DAEMON_OPTIONS_H
#define CRI_DAEMON_OPTIONS_H

#include "base/log.h"
#include "cri/runtime.h"

enum { CNI_BIN_DIRS_MAX = 16 };

enum log_target {
    LOG_TARGET_AUTO = 0, /* the journal when stderr is connected to it, else text on stderr */
    LOG_TARGET_TEXT,
    LOG_TARGET_JSON,
    LOG_TARGET_JOURNAL,
};

struct options {
    struct cri_runtime_options runtime;
    const char *cni_bin_dirs[CNI_BIN_DIRS_MAX];
    enum log_level log_level;
    enum log_target log_target;
    bool help, version;
};

/* Reads argv. INVALID_ARGUMENT names the argument. Strings of colon-separated lists are cut in place in argv. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);

/* The text of --help. */
extern const char options_help[];

#endif
