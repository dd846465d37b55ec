/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp: reads a seccomp profile, the file behind a Localhost profile, in the form of the OCI runtime specification's linux.seccomp. A
 * profile says what a container may not do, so nothing in it is passed over: an action, operator, architecture, flag or member that is not
 * known is an error that names it, and a member that is there twice is one, too. What comes out is the profile written anew, of known parts only.
 * Pure code, open to proof, but for the buffer that is written to.
 */
#ifndef CRI_PARSE_SECCOMP_H
#define CRI_PARSE_SECCOMP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum {
    SECCOMP_PROFILE_MAX = 1 << 20, /* bytes of a profile */
    SECCOMP_RULES_MAX = 4096,      /* entries of syscalls */
    SECCOMP_NAMES_MAX = 2048,      /* names of one entry; Linux has about 500 system calls */
    SECCOMP_ARGS_MAX = 32,         /* conditions of one entry */
    SECCOMP_ARCHES_MAX = 32,
    SECCOMP_FLAGS_MAX = 16,
    SECCOMP_NAME_MAX = 64,         /* bytes of a system call's name */
    SECCOMP_TEXT_MAX = 4096,       /* bytes of listenerPath and of listenerMetadata, as written */
    SECCOMP_ERRNO_MAX = 65535,     /* a filter's answer has 16 bits of data, see seccomp(2) */
    SECCOMP_ARG_INDEX_MAX = 5,     /* a system call has six arguments */
};

/* Checks a profile and appends it to out, which must be empty and have room for text.n bytes, without blanks, without members that are null
 * and without comments; never longer than text. Values of arguments keep all of their 64 bits. Names of system calls are not compared with any
 * list, as the runtime passes over those that its libseccomp does not know. On failure out is empty. OUT_OF_RANGE for more than
 * SECCOMP_PROFILE_MAX bytes, INVALID_ARGUMENT for anything that is wrong in it, RESOURCE_EXHAUSTED. (OCI runtime-spec, config-linux.md,
 * "Seccomp".) */
int seccomp_profile_read(struct view text, struct buf *out, struct err *e);

#endif
