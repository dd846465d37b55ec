/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Config: the configuration file, as the options of a runtime.
 *
 * A file in TOML, and beside it a folder of drop-ins that change single keys of it. Keys are named as in the CRI plugin of containerd: the top level of the
 * file is what stands below [plugins."io.containerd.grpc.v1.cri"] there. keys.c is the one list of them all. A file in the layout of containerd's own
 * configuration (version 2, 3 or 4) is read as it is: its CRI tables, its folders and its socket.
 */
#ifndef CRI_CONFIG_CONFIG_H
#define CRI_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/view.h"
#include "cri/runtime.h"

#define CONFIG_PATH_DEFAULT "/etc/cri-containerd/config.toml"
#define CONFIG_PATH_CONTAINERD "/etc/containerd/config.toml"

enum {
    CONFIG_FILE_MAX = 1 << 20,  /* bytes of one file */
    CONFIG_DROP_INS_MAX = 64,   /* files beside the main one; and so many that are imported */
    CONFIG_HANDLERS_MAX = 32,   /* runtime handlers */
    CONFIG_LIST_MAX = 64,       /* entries of a list */
    CONFIG_STRING_MAX = 4095,   /* bytes of a value */
    CONFIG_PROBLEMS_MAX = 20,   /* that are told; the rest is counted */
    CONFIG_DUMP_MAX = 16 << 20, /* a buffer of this size holds every dump */
};

/* Where the log goes. */
enum log_target {
    LOG_TARGET_AUTO = 0, /* the journal when stderr is connected to it, else text on stderr */
    LOG_TARGET_TEXT,
    LOG_TARGET_JSON,
    LOG_TARGET_JOURNAL,
};

struct config_mark;

/* What a configuration comes to. The members of `runtime` borrow from it; it must not be moved. */
struct config {
    struct cri_runtime_options runtime;
    enum log_level log_level;
    enum log_target log_target;
    struct strlist problems; /* sentences "FILE: line N: KEY: what is wrong", at most CONFIG_PROBLEMS_MAX */
    size_t n_problems;       /* all of them */
    struct strlist notes;    /* the same for what is known and has no effect, also when all is well */
    /* Private. */
    struct cri_runtime_handler handlers[CONFIG_HANDLERS_MAX]; /* runtime.handlers; [0] is "runc" */
    const char *cni_bin_dir;      /* the older form of runtime.cni_bin_dirs */
    bool netns_under_state;
    struct strlist imports;       /* patterns of further files of containerd's */
    struct arena arena;
    struct config_mark *marks; /* where keys were set */
};

/* The defaults: the configuration that an empty file gives. */
void config_init(struct config *c);
/* Frees it. NULL is allowed. */
void config_done(struct config *c);

/* Reads `path` and then path.d/<name>.toml in the order of their bytes (names that start with a dot do not count). Tables are merged; of numbers, texts and
 * lists the last one counts. Without `required` a missing file is as an empty one; the drop-ins count all the same. What the files say wrong is collected for
 * config_finish, so is what has no effect. A file of containerd's brings its `imports`, which come before the drop-ins. The errors here are of a file that cannot be read (NOT_FOUND, ...) and RESOURCE_EXHAUSTED. */
int config_load(struct config *c, const char *path, bool required, struct err *e);

/* The same with one document (called `name` in messages). RESOURCE_EXHAUSTED only. */
int config_read(struct config *c, const char *name, struct view text, struct err *e);

/* Sets one key by its path ("cni.conf_dir"), for the command line: a key outside of the runtime handlers, and a text that it takes. INVALID_ARGUMENT says what is
 * wrong with the text, RESOURCE_EXHAUSTED. */
int config_set(struct config *c, const char *path, const char *text, struct err *e);

/* To be called at the end, when files and command line have been read: checks what holds between keys. INVALID_ARGUMENT when anything that was read is not
 * understood: the message is the first problem, c->problems has all, and c is good for nothing else. RESOURCE_EXHAUSTED. */
int config_finish(struct config *c, struct err *e);

/* The handler that pods without a runtime handler get. */
struct cri_runtime_handler *config_default_handler(struct config *c);

enum config_dump_what {
    CONFIG_DUMP_ALL,       /* every key, defaults included */
    CONFIG_DUMP_EXPLAINED, /* the same, each with a comment that says what it does */
    CONFIG_DUMP_CHANGED,   /* the keys that differ from the defaults */
};
/* Appends the configuration as TOML: read again, it is the same. RESOURCE_EXHAUSTED. */
int config_dump(const struct config *c, enum config_dump_what what, struct buf *out, struct err *e);

/* The keys that differ between the two, but for those that a running daemon takes over (`live` in keys.c). In the arena. RESOURCE_EXHAUSTED. */
int config_changes(const struct config *old, const struct config *now, struct arena *a, struct strlist *ret, struct err *e);

#endif
