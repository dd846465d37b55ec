/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mountinfo: lines of /proc/<pid>/mountinfo (proc(5)). Pure code, open to proof.
 */
#ifndef CRI_PARSE_MOUNTINFO_H
#define CRI_PARSE_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

/* Views point into the line. root, mount_point and source are still escaped (\040 for a blank): see mountinfo_unescape. */
struct mountinfo {
    uint32_t id, parent;
    uint32_t major, minor;
    struct view root, mount_point;
    struct view options;       /* per mount */
    uint32_t shared, master;   /* peer group from "shared:N" and "master:N", 0 when absent */
    uint32_t propagate_from;
    bool unbindable;
    struct view fstype, source;
    struct view super_options; /* per file system */
};

/* Parses one line (without '\n'). False when it is malformed. Unknown optional fields are passed over. */
bool mountinfo_parse(struct view line, struct mountinfo *ret);

/* Replaces \ooo (three octal digits, up to \377) in v by the byte it stands for; other backslashes stay. out needs v.n bytes; returns
 * the length. */
size_t mountinfo_unescape(struct view v, char *out);

/* True when the comma-separated options hold this one ("ro"). */
bool mountinfo_has_option(struct view options, const char *name);

/* Finds the mount a path lies on: the last line whose mount point is the path or a parent of it and is the longest such. False when
 * there is none. path is absolute and clean. */
bool mountinfo_find(struct view file, struct view path, struct mountinfo *ret);

#endif
