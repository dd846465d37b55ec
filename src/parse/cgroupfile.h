/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroupfile: lines of /proc/<pid>/cgroup, "<hierarchy>:<controllers>:<path>" (cgroups(7)), the key-value lines that cgroup files
 * and /proc use ("usage_usec 123"), and pressure files. Pure code, open to proof.
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

/* Cuts a cgroup's path at the first element that contains id, which is not empty: *ret_own is the path up to that element, *ret_parent what is above it ("/" at the top).
 * A process may have moved on to a cgroup of its own below (systemd in a container). False when no element contains it. */
bool cgroup_path_cut(struct view path, struct view id, struct view *ret_own, struct view *ret_parent);

/* The value of a flat-keyed file ("key value" lines): false when the key is absent or its value is no number up to 2^64-1. "max" reads
 * as UINT64_MAX. */
bool cgroup_flat_value(struct view file, struct view key, uint64_t *ret);
/* A file that holds one number or "max". */
bool cgroup_single_value(struct view file, uint64_t *ret);

/* One line of a pressure file (kernel: Documentation/accounting/psi.rst). */
struct cgroup_pressure_line {
    bool there;
    double avg10, avg60, avg300; /* per cent of the last 10, 60 and 300 seconds */
    uint64_t total;              /* nanoseconds */
};
struct cgroup_pressure {
    struct cgroup_pressure_line some, full;
};
/* Reads a pressure file ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0", the same with "full"; the latter is missing from cpu files of older kernels).
 * Other lines are passed over. False when neither line is there, or when one of them is malformed or too large. */
bool cgroup_pressure_parse(struct view file, struct cgroup_pressure *ret);

#endif
