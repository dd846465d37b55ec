/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd and group files, see passwd.h.
 */
#include "parse/passwd.h"

#include "base/num.h"
#include "parse/userspec.h"

/* Fields of a line, at most this many are told apart; what is behind stays in the last. */
enum { FIELDS_MAX = 7 };

static size_t split_fields(struct view line, struct view fields[FIELDS_MAX])
{
    size_t n = 0;
    bool more = true;
    while (more && n < FIELDS_MAX)
        more = view_cut(line, ':', &fields[n++], &line);
    return n;
}

/* Takes lines off *rest until one may be an entry. */
static bool next_line(struct view *rest, size_t max, struct view *ret)
{
    struct view line;
    while (view_next_line(rest, &line)) {
        if (line.n > max || view_find(line, '\0') < line.n)
            continue;
        line = view_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        *ret = line;
        return true;
    }
    return false;
}

static bool parse_id(struct view v, uint32_t *ret)
{
    uint64_t id;
    if (num_parse_u64(v, USER_ID_MAX, &id) != NUM_OK)
        return false;
    *ret = (uint32_t)id;
    return true;
}

bool passwd_next(struct view *rest, struct passwd_entry *ret)
{
    struct view line, fields[FIELDS_MAX];
    while (next_line(rest, PASSWD_LINE_MAX, &line)) {
        struct passwd_entry entry = {.name = VIEW_EMPTY};
        size_t n = split_fields(line, fields);
        if (n < 4 || fields[0].n == 0 || !parse_id(fields[2], &entry.uid) || !parse_id(fields[3], &entry.gid))
            continue;
        entry.name = fields[0];
        entry.home = n > 5 ? fields[5] : VIEW_EMPTY;
        entry.shell = n > 6 ? fields[6] : VIEW_EMPTY;
        *ret = entry;
        return true;
    }
    return false;
}

bool group_next(struct view *rest, struct group_entry *ret)
{
    struct view line, fields[FIELDS_MAX];
    while (next_line(rest, GROUP_LINE_MAX, &line)) {
        struct group_entry entry = {.name = VIEW_EMPTY};
        size_t n = split_fields(line, fields);
        if (n < 3 || fields[0].n == 0 || !parse_id(fields[2], &entry.gid))
            continue;
        entry.name = fields[0];
        entry.members = n > 3 ? fields[3] : VIEW_EMPTY;
        *ret = entry;
        return true;
    }
    return false;
}

bool passwd_find_name(struct view file, struct view name, struct passwd_entry *ret)
{
    struct passwd_entry entry;
    while (passwd_next(&file, &entry)) {
        if (view_eq(entry.name, name)) {
            *ret = entry;
            return true;
        }
    }
    return false;
}

bool passwd_find_uid(struct view file, uint32_t uid, struct passwd_entry *ret)
{
    struct passwd_entry entry;
    while (passwd_next(&file, &entry)) {
        if (entry.uid == uid) {
            *ret = entry;
            return true;
        }
    }
    return false;
}

bool group_find_name(struct view file, struct view name, struct group_entry *ret)
{
    struct group_entry entry;
    while (group_next(&file, &entry)) {
        if (view_eq(entry.name, name)) {
            *ret = entry;
            return true;
        }
    }
    return false;
}

bool group_find_gid(struct view file, uint32_t gid, struct group_entry *ret)
{
    struct group_entry entry;
    while (group_next(&file, &entry)) {
        if (entry.gid == gid) {
            *ret = entry;
            return true;
        }
    }
    return false;
}

bool group_has_member(struct view members, struct view user)
{
    struct view member;
    bool more = true;
    while (more) {
        more = view_cut(members, ',', &member, &members);
        if (member.n > 0 && view_eq(member, user))
            return true;
    }
    return false;
}

int group_ids_of_user(struct view file, struct view user, uint32_t *gids, size_t max, size_t *ret_n, struct err *e)
{
    struct group_entry entry;
    size_t n = 0;
    while (group_next(&file, &entry)) {
        if (!group_has_member(entry.members, user))
            continue;
        if (n == max)
            return err_raise(e, ERR_OUT_OF_RANGE, "user \"%.*s\" is in more than %zu groups", (int)view_slice(user, 0, 128).n, user.p, max);
        gids[n++] = entry.gid;
    }
    *ret_n = n;
    return 0;
}
