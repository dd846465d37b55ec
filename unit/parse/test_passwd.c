/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd and group files as an image could ship them.
 */
#include "support.h"

#include "parse/passwd.h"

static const char passwd[] = "# comment:x:1:1\n"
                             "root:x:0:0:root:/root:/bin/sh\n"
                             "\n"
                             "nocolon\n"
                             ":x:9:9::/nameless:\n"
                             "short:x:8\n"
                             "bad:x:abc:1::/:\n"
                             "badgid:x:7:4294967296::/:\n"
                             "big:x:2147483648:1::/:\n"
                             "max:x:2147483647:2147483647::/max:\n"
                             "neg:x:-1:1::/:\n"
                             "nohome:x:5:6\n"
                             "gecos:x:6:6:g\n"
                             "  spaced:x:10:11::/spaced:/bin/s  \r\n"
                             "root:x:12:12::/second:/\n"
                             "last:x:13:14:a,b:/last:/bin/a:b";

static void users(void **state)
{
    struct passwd_entry p;
    struct view file = view_of(passwd);
    assert_true(passwd_find_name(file, view_of("root"), &p));
    assert_int_equal(p.uid, 0);
    assert_view(p.home, "/root");
    assert_view(p.shell, "/bin/sh");
    assert_true(passwd_find_name(file, view_of("max"), &p));
    assert_int_equal(p.uid, 2147483647);
    assert_int_equal(p.gid, 2147483647);
    assert_true(passwd_find_name(file, view_of("nohome"), &p));
    assert_int_equal(p.gid, 6);
    assert_view(p.home, "");
    assert_true(passwd_find_name(file, view_of("gecos"), &p));
    assert_view(p.home, "");
    assert_true(passwd_find_name(file, view_of("spaced"), &p));
    assert_view(p.shell, "/bin/s");
    assert_true(passwd_find_uid(file, 12, &p));
    assert_view(p.home, "/second");
    assert_true(passwd_find_uid(file, 13, &p));
    assert_view(p.name, "last");
    assert_view(p.shell, "/bin/a");
    for (const char *const *name = (const char *const[]){"", "comment", "# comment", "short", "bad", "badgid", "big", "neg", "nocolon", "roo", NULL};
         *name; name++)
        if (passwd_find_name(file, view_of(*name), &p))
            fail_msg("\"%s\" was found", *name);
    assert_false(passwd_find_uid(file, 9, &p));
    assert_false(passwd_find_uid(file, 1, &p));
    assert_false(passwd_find_name(VIEW_EMPTY, view_of("root"), &p));
}

static void lines_with_nul_are_skipped(void **state)
{
    struct passwd_entry p;
    struct group_entry g;
    assert_false(passwd_find_name(VIEW_LIT("root\0:x:0:0::/:\n"), VIEW_LIT("root"), &p));
    assert_false(passwd_find_name(VIEW_LIT("root:x:0:0::/\0:\n"), VIEW_LIT("root"), &p));
    assert_false(group_find_name(VIEW_LIT("root:x:0:\0\n"), VIEW_LIT("root"), &g));
    assert_true(passwd_find_name(VIEW_LIT("\0\nroot:x:0:0\n\0"), VIEW_LIT("root"), &p));
}

static void long_lines(void **state)
{
    static char file[PASSWD_LINE_MAX + 64];
    static const char head[] = "a:x:1:1:";
    struct passwd_entry p;
    for (size_t n = PASSWD_LINE_MAX - 1; n <= PASSWD_LINE_MAX + 1; n++) {
        memset(file, 'g', n);
        memcpy(file, head, sizeof head - 1);
        memcpy(file + n, "\nb:x:2:2", 8);
        assert_int_equal(passwd_find_name(view_make(file, n + 8), VIEW_LIT("a"), &p), n <= PASSWD_LINE_MAX);
        assert_true(passwd_find_name(view_make(file, n + 8), VIEW_LIT("b"), &p));
    }
}

static const char group[] = "root:x:0:\n"
                            "wheel:x:10:alice,bob\n"
                            "#staff:x:11:alice\n"
                            "audio:x:12:bob,,alice\n"
                            "nogid:x\n"
                            "empty:x::alice\n"
                            ":x:13:alice\n"
                            "wide:x:2147483648:alice\n"
                            "bare:x:14\n"
                            "prefix:x:15:alic,alicee\n"
                            "again:x:12:alice\n"
                            "wheel:x:99:\n";

static void groups(void **state)
{
    struct group_entry g;
    struct view file = view_of(group);
    assert_true(group_find_name(file, VIEW_LIT("wheel"), &g));
    assert_int_equal(g.gid, 10);
    assert_view(g.members, "alice,bob");
    assert_true(group_find_gid(file, 14, &g));
    assert_view(g.name, "bare");
    assert_view(g.members, "");
    assert_false(group_find_gid(file, 13, &g));
    assert_false(group_find_name(file, VIEW_LIT("wide"), &g));
    assert_false(group_find_name(file, VIEW_LIT("nogid"), &g));
    assert_false(group_find_name(file, VIEW_LIT("empty"), &g));
    assert_true(group_has_member(VIEW_LIT("a,b"), VIEW_LIT("b")));
    assert_false(group_has_member(VIEW_LIT("a,,b"), VIEW_LIT("")));
    assert_false(group_has_member(VIEW_EMPTY, VIEW_LIT("a")));
}

static void memberships(void **state)
{
    uint32_t gids[3];
    size_t n = 77;
    struct err e = ERR_INIT;
    assert_ok(group_ids_of_user(view_of(group), VIEW_LIT("alice"), gids, 3, &n, &e), &e);
    assert_int_equal(n, 3);
    assert_int_equal(gids[0], 10);
    assert_int_equal(gids[1], 12);
    assert_int_equal(gids[2], 12);
    assert_fails(group_ids_of_user(view_of(group), VIEW_LIT("alice"), gids, 2, &n, &e), &e, ERR_OUT_OF_RANGE, "more than 2 groups");
    assert_int_equal(n, 3);
    assert_ok(group_ids_of_user(view_of(group), VIEW_LIT("carol"), gids, 0, &n, &e), &e);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users),
        cmocka_unit_test(lines_with_nul_are_skipped),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(groups),
        cmocka_unit_test(memberships),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
