/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwd: look-ups in the bytes of a container's /etc/passwd and /etc/group (passwd(5), group(5)).
 *
 * Both files come from the image, so they are hostile. A line that is not well formed is skipped and never half read: a NUL in it, a
 * missing field, an id that is no number or above 2^31-1, longer than the maximum. The first match wins. Blanks around a line and
 * lines that begin with '#' are ignored, as glibc does. Pure code, open to proof.
 */
#ifndef CRI_PARSE_PASSWD_H
#define CRI_PARSE_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum {
    PASSWD_LINE_MAX = 64 * 1024,  /* bytes of a passwd line that is read */
    GROUP_LINE_MAX = 1024 * 1024, /* bytes of a group line */
    GROUPS_MAX = 65536,           /* NGROUPS_MAX of Linux: most supplementary groups of a process */
};

/* Views point into the file's bytes. home and shell are empty when the line ends before them. */
struct passwd_entry {
    struct view name, home, shell;
    uint32_t uid, gid;
};
struct group_entry {
    struct view name;
    struct view members; /* comma separated */
    uint32_t gid;
};

/* Take the next well-formed entry off *rest; false at the end. */
bool passwd_next(struct view *rest, struct passwd_entry *ret);
bool group_next(struct view *rest, struct group_entry *ret);

/* First entry with this name or id; false when there is none. The empty name matches nothing. */
bool passwd_find_name(struct view file, struct view name, struct passwd_entry *ret);
bool passwd_find_uid(struct view file, uint32_t uid, struct passwd_entry *ret);
bool group_find_name(struct view file, struct view name, struct group_entry *ret);
bool group_find_gid(struct view file, uint32_t gid, struct group_entry *ret);

/* True when user is one of the comma-separated members. */
bool group_has_member(struct view members, struct view user);

/* The gids of all groups that list the user as a member, in the file's order (twice if the file has them twice), written to gids (room
 * for max). *ret_n gets how many there are; -ERR_OUT_OF_RANGE when there are more than max. The user's own gid is not looked at. */
int group_ids_of_user(struct view file, struct view user, uint32_t *gids, size_t max, size_t *ret_n, struct err *e);

#endif
