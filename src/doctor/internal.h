/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks share. One file a subject; each function adds findings and never fails: memory that is short is remembered (doctor_run tells it).
 */
#ifndef CRI_DOCTOR_INTERNAL_H
#define CRI_DOCTOR_INTERNAL_H

#include "cri/owner.h"
#include "cri/runtime_handlers.h"
#include "doctor/doctor.h"
#include "oci/spec.h"

#define DOCTOR_RUN_LIMIT  (5 * NSEC_PER_SEC)  /* of one program */
#define DOCTOR_CALL_LIMIT (5 * NSEC_PER_SEC)  /* of one question to containerd */
#define DOCTOR_DISK_LIMIT (5 * NSEC_PER_SEC)  /* of one look at a file system */
#define DOCTOR_PULL_LIMIT (10 * NSEC_PER_SEC) /* of all questions to a registry */

/* What one check finds out and others need. */
struct doctor_facts {
    bool containerd;        /* it answers */
    struct cri_owner owner; /* if so */
    bool disk_hangs;        /* the daemon's directories must not be touched */
    bool handlers_known;
    struct runtime_handlers handlers; /* if so */
};

void doctor_check_containerd(struct doctor *d, struct doctor_facts *f);
void doctor_check_runtimes(struct doctor *d, struct doctor_facts *f);
void doctor_check_cgroups(struct doctor *d, const struct doctor_facts *f);
void doctor_check_network(struct doctor *d);
void doctor_check_kernel(struct doctor *d);
void doctor_check_disk(struct doctor *d, struct doctor_facts *f);
void doctor_check_daemon(struct doctor *d, bool *ret_runs);
void doctor_check_leftovers(struct doctor *d, const struct doctor_facts *f, bool daemon_runs);
void doctor_check_registry(struct doctor *d);
void doctor_check_sandbox_image(struct doctor *d, const struct doctor_facts *f);

/* What seccomp-less, old and foreign runtimes leave out of `features` stays false. (runtime-spec, features.md) */
struct doctor_features {
    bool cgroup_v2, systemd, seccomp, idmap, rro;
    bool has_cgroup, has_seccomp; /* they are told at all */
};
/* Reads what `runc features` prints. INVALID_ARGUMENT. */
int doctor_features_parse(struct view json, struct doctor_features *ret, struct err *e);

/* A finding about a failed call, with its message behind the text; memory that is short is none. */
void doctor_add_failed(struct doctor *d, enum doctor_level level, const char *id, const char *advice, const struct err *why, const char *format, ...)
    _printf_(6, 7);
/* Remembers that memory was short when e says so; true then. */
bool doctor_is_oom(struct doctor *d, const struct err *e);

/* The path of a file of the host: prefix and path, in the arena; "" without memory. */
const char *doctor_path(struct doctor *d, const char *path);
/* Reads a file of the host, without blanks at the end. False when it cannot be read; the buffer is the caller's. */
bool doctor_read(struct doctor *d, const char *path, struct buf *out);
/* The file that a program's name (or path) stands for, by the search path; NULL when there is none. */
const char *doctor_program(struct doctor *d, const char *name);
/* True for handlers of runc's kind, whose shim runs an OCI runtime that can be asked. */
bool doctor_is_runc(const struct runtime_handler *h);
/* A limit for one question. */
struct ctx doctor_limit(uint64_t ns);
/* True when this word stands in a list separated by blanks. */
bool doctor_has_word(struct view list, const char *word);

#endif
