/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroupfile: lines of /proc/<pid>/cgroup, "<hierarchy>:<controllers>:<path>" (cgroups(7)), and the key-value lines that cgroup files
 * and /proc use ("usage_usec 123"). Pure code, open to proof.
 */
#ifndef CRI_PARSE_CGROUPFILE_H
#define CRI_PARSE_CGROUPFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct cgroup_line {
    uint32_t hierarchy; /* 0 is cgroup v2 */
    struct view controllers; /* comma separated; empty for v2; "name=systemd" for a named one */
    struct view path;        /* absolute */
};

/* Parses one line (without '\n'); false when it is malformed. */
bool cgroup_line_parse(struct view line, struct cgroup_line *ret);

/* Path of a controller in the file: of the v1 hierarchy that has it, or, with an empty controller, of cgroup v2. */
bool cgroup_find(struct view file, struct view controller, struct view *ret_path);

/* The value of a flat-keyed file ("key value" lines): false when the key is absent or its value is no number up to 2^64-1. "max" reads
 * as UINT64_MAX. */
bool cgroup_flat_value(struct view file, struct view key, uint64_t *ret);
/* A file that holds one number or "max". */
bool cgroup_single_value(struct view file, uint64_t *ret);

#endif
