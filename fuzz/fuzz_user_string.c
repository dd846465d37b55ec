/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USER of an image with the image's passwd and group files: three parts, separated by lines "---". All three come from the image.
 * Reaches parse/userspec and parse/passwd.
 *
 * Oracle: digits only are a number within 0 to 2^31-1 or an error, never a name (CVE-2026-46680, CVE-2024-40635), and the number is the
 * digits' value; uid 0 comes only from digits that are all zero or from a passwd entry of that name; an entry that is found is a line of the
 * file: name, id and home stand in it, in place; nothing that is found contains a NUL or a line's end; look-up by the id of an entry that was
 * found by name finds an entry with that id; memberships are groups that list the user, and one place too few is refused.
 */
#include "fuzz.h"
#include "parse/passwd.h"
#include "parse/userspec.h"

static bool inside(struct view part, struct view whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static bool clean(struct view v)
{
    return view_find(v, '\0') == v.n && view_find(v, '\n') == v.n && view_find(v, ':') == v.n;
}

static bool digits_only(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
    return v.n > 0;
}

static void check_part(struct view text, struct user_part part)
{
    FUZZ_CHECK((part.class == USER_EMPTY) == (text.n == 0));
    if (digits_only(text))
        FUZZ_CHECK(part.class == USER_NUMERIC || part.class == USER_OUT_OF_RANGE);
    if (part.class == USER_NAME)
        FUZZ_CHECK(view_eq(part.name, text) && part.id == 0);
    if (part.class != USER_NUMERIC)
        return;
    uint64_t value = 0;
    for (size_t i = text.p[0] == '+'; i < text.n; i++) {
        FUZZ_CHECK(text.p[i] >= '0' && text.p[i] <= '9');
        value = value * 10 + (uint64_t)(text.p[i] - '0');
        FUZZ_CHECK(value <= INT32_MAX);
    }
    FUZZ_CHECK(value == part.id);
}

static void check_passwd(struct view file, struct view name)
{
    struct passwd_entry p, by_id;
    if (!passwd_find_name(file, name, &p))
        return;
    FUZZ_CHECK(name.n > 0 && view_eq(p.name, name) && p.uid <= INT32_MAX && p.gid <= INT32_MAX);
    FUZZ_CHECK(inside(p.name, file) && inside(p.home, file) && inside(p.shell, file));
    FUZZ_CHECK(clean(p.name) && clean(p.home) && clean(p.shell));
    FUZZ_CHECK(passwd_find_uid(file, p.uid, &by_id) && by_id.uid == p.uid && by_id.name.p <= p.name.p);
    if (p.uid == 0) {
        struct view rest = view_make(p.name.p + p.name.n, (size_t)(file.p + file.n - p.name.p) - p.name.n), number;
        FUZZ_CHECK(view_cut(rest, ':', NULL, &rest) && view_cut(rest, ':', NULL, &rest) && view_cut(rest, ':', &number, NULL));
        for (size_t i = 0; i < number.n; i++)
            FUZZ_CHECK(number.p[i] == '0');
    }
}

static void check_groups(struct view file, struct view user)
{
    uint32_t gids[64];
    size_t n = 0, all = 0;
    struct err e = ERR_INIT;
    struct group_entry g;
    struct view rest = file;
    while (group_next(&rest, &g)) {
        FUZZ_CHECK(g.name.n > 0 && g.gid <= INT32_MAX && clean(g.name) && clean(g.members) && inside(g.members, file));
        all += group_has_member(g.members, user);
    }
    int r = group_ids_of_user(file, user, gids, 64, &n, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK((r == 0) == (all <= 64));
    if (r < 0)
        return;
    FUZZ_CHECK(n == all);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(group_find_gid(file, gids[i], &g));
    if (n > 0)
        FUZZ_CHECK(group_ids_of_user(file, user, gids, n - 1, &n, &e) == -ERR_OUT_OF_RANGE);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view rest = view_make((const char *)data, size);
    struct view user = fuzz_part(&rest), passwd = fuzz_part(&rest), group = fuzz_part(&rest), head, tail;
    struct user_part part;
    struct userspec spec;
    struct err e = ERR_INIT;
    bool colon = view_cut(user, ':', &head, &tail);
    check_part(head, user_classify(head));
    int r = user_from_image(user, &part, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK((r < 0) == (user_classify(head).class == USER_OUT_OF_RANGE));
    if (r == 0)
        check_part(head, part);
    r = userspec_parse(user, &spec, &e);
    fuzz_check_result(r, &e);
    if (r == 0) {
        FUZZ_CHECK(spec.has_group == colon);
        check_part(head, spec.user);
        check_part(tail, spec.group);
    }
    check_passwd(passwd, head);
    check_groups(group, head);
    struct passwd_entry p;
    int entries = 0;
    for (struct view file = passwd; entries < 20 && passwd_next(&file, &p); entries++)
        check_groups(group, p.name);
    return 0;
}
