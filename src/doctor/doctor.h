/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doctor: looks at a node and says what would keep pods from running, before it does. Nothing on the node is changed: no file, directory or mount is
 * made, no lock taken, nothing is written to containerd. It works beside a daemon that runs, and each question that goes outside has a time limit.
 *
 * Every check adds findings to one list. A check has an identifier that stays as it is, and the level says how it went; the manual page
 * lists the identifiers. The host is seen through what `struct doctor_view` holds, so a test makes one from a scratch directory.
 */
#ifndef CRI_DOCTOR_DOCTOR_H
#define CRI_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/proc.h"
#include "containerd/containerd.h"
#include "cri/runtime.h"

enum {
    DOCTOR_FINDINGS_MAX = 500,    /* that are kept; the rest is counted, and told by the last one */
    DOCTOR_OUTPUT_MAX = 8 << 20,  /* a buffer of this size holds every report */
};

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_NOTE,    /* worth knowing, nothing is wrong */
    DOCTOR_WARNING, /* works now, or for most */
    DOCTOR_ERROR,   /* pods will not run, or not rightly */
    DOCTOR_LEVELS,
};

struct doctor_finding {
    const char *id; /* static */
    enum doctor_level level;
    const char *found;  /* names the thing and, when it is not ok, the cause */
    const char *advice; /* what to do; "" when there is nothing to be done */
};

/* System calls that are looked for. */
enum doctor_call { DOCTOR_CALL_FSOPEN, DOCTOR_CALL_OPEN_TREE, DOCTOR_CALL_MOUNT_SETATTR, DOCTOR_CALL_OPENAT2, DOCTOR_CALL_PIDFD_OPEN, DOCTOR_CALLS };

struct oci_host;
struct http_ops;

/* The host. */
struct doctor_view {
    const char *prefix;         /* stands before /proc, /sys and other fixed paths; "" */
    const char *search_path;    /* where programs are looked for, separated by ':' */
    const struct oci_host *host;
    const struct proc_ops *proc; /* runs the OCI runtimes */
    const struct ctrd *ctrd;     /* containerd, in the namespace k8s.io */
    const struct http_ops *http; /* registries */
    void *http_user;
    bool (*has_call)(enum doctor_call call);                                   /* the kernel has this system call, and this process may use it */
    int (*space)(const char *path, struct statvfs *ret);                       /* statvfs(3); on a thread of its own */
    uint64_t patience; /* ns that a file system is waited for */
};

struct doctor {
    struct doctor_view view;
    struct cri_runtime_options options; /* whole */
    struct arena arena;
    struct doctor_finding *findings;
    size_t n, cap, count[DOCTOR_LEVELS]; /* count: of all, kept or not */
    bool no_memory;                      /* some finding is lost for want of memory */
    bool thread_left;                    /* it waits for a file system; whatever a process does at its end could wait for it: _exit(2) */
};

/* Starts a list of findings. Options and what view points to are borrowed. */
void doctor_init(struct doctor *d, const struct cri_runtime_options *options, const struct doctor_view *view);
/* Frees it. */
void doctor_done(struct doctor *d);

/* All checks, in the order of the report. Whatever is wrong with the node is a finding; fails with RESOURCE_EXHAUSTED only. */
int doctor_run(struct doctor *d, struct err *e);

/* Adds a finding. id is static, the texts are copied; advice may be NULL. */
void doctor_add(struct doctor *d, enum doctor_level level, const char *id, const char *advice, const char *format, ...) _printf_(5, 6);

/* Append the report: for people, or one JSON object {"version","healthy","findings":[{"id","level","found","advice"}],"counts":{...}} with the same content.
 * RESOURCE_EXHAUSTED. */
int doctor_text(const struct doctor *d, struct buf *out, struct err *e);
int doctor_json(const struct doctor *d, struct buf *out, struct err *e);

/* The program's exit status: 1 with an error among the findings, else 0. */
int doctor_status(const struct doctor *d);

/* The whole of it on this host: connects to containerd, runs every check and closes. d was made with doctor_init and an empty view. */
int doctor_run_here(struct doctor *d, struct err *e);

#endif
