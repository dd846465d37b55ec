/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references: the grammar's corners, the normal form, its limits, and the seed's two helpers.
 */
#include "support.h"

#include "parse/reference.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64

static void normal_forms(void **state)
{
    static const struct {
        const char *text, *normal, *familiar;
    } cases[] = {
        {"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
        {"library/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"},
        {"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest"},
        {"localhost/a", "localhost/a:latest", "localhost/a:latest"},
        {"localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b"},
        {"host:5000/a", "host:5000/a:latest", "host:5000/a:latest"},
        {"gcr.io/x/y@" DIGEST, "gcr.io/x/y@" DIGEST, "gcr.io/x/y@" DIGEST},
        {"busybox:1@" DIGEST, "docker.io/library/busybox@" DIGEST, "busybox@" DIGEST},
        {"Host.Example/a", "Host.Example/a:latest", "Host.Example/a:latest"},
        {"a_b.c/d", "a_b.c/d:latest", "a_b.c/d:latest"},
        {"my--x.y/d", "my--x.y/d:latest", "my--x.y/d:latest"},
        {"a.b-c__d--e/f", "a.b-c__d--e/f:latest", "a.b-c__d--e/f:latest"},
        {"1.2.3.4:5/x:_Tag-1.0", "1.2.3.4:5/x:_Tag-1.0", "1.2.3.4:5/x:_Tag-1.0"},
        {"0123456789abcdef", "docker.io/library/0123456789abcdef:latest", "0123456789abcdef:latest"},
        {HEX64 ":latest", "docker.io/library/" HEX64 ":latest", HEX64 ":latest"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct reference r, again;
        struct err e = ERR_INIT;
        char text[REFERENCE_TEXT_MAX + 1];
        assert_ok(reference_normalize(view_of(cases[i].text), &r, &e), &e);
        assert_int_equal(reference_format(&r, text), strlen(cases[i].normal));
        assert_string_equal(text, cases[i].normal);
        assert_ok(reference_normalize(view_of(text), &again, &e), &e);
        assert_string_equal(r.domain, again.domain);
        assert_string_equal(r.path, again.path);
        reference_familiar(&r, text);
        assert_string_equal(text, cases[i].familiar);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *text;
        enum reference_class want;
    } cases[] = {
        {"", REFERENCE_EMPTY},
        {HEX64, REFERENCE_IDENTIFIER},
        {"UPPER", REFERENCE_UPPERCASE},
        {"gcr.io/Upper/x", REFERENCE_UPPERCASE},
        {"a//b", REFERENCE_BAD_NAME},
        {"/a", REFERENCE_BAD_NAME},
        {"a/", REFERENCE_BAD_NAME},
        {"-a", REFERENCE_BAD_NAME},
        {"a-", REFERENCE_BAD_NAME},
        {"a..b", REFERENCE_BAD_NAME},
        {"a.", REFERENCE_BAD_NAME},
        {"a___b", REFERENCE_BAD_NAME},
        {"a_.b", REFERENCE_BAD_NAME},
        {"a_", REFERENCE_BAD_NAME},
        {"a b", REFERENCE_BAD_NAME},
        {"a\nb", REFERENCE_BAD_NAME},
        {":5000/a", REFERENCE_BAD_NAME},
        {"host:/a", REFERENCE_BAD_NAME},
        {"host:./a", REFERENCE_BAD_NAME},
        {"a{b", REFERENCE_BAD_NAME},
        {"[a.b/c", REFERENCE_BAD_NAME},
        {"a:{", REFERENCE_BAD_TAG},
        {"gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg", REFERENCE_OK},
        {"host:5x/a", REFERENCE_BAD_NAME},
        {"host:5:5/a", REFERENCE_BAD_NAME},
        {"-h.x/a", REFERENCE_BAD_NAME},
        {"h-.x/a", REFERENCE_BAD_NAME},
        {".x/a", REFERENCE_BAD_NAME},
        {"x_:1/a", REFERENCE_BAD_NAME},
        {"A_b.c/d", REFERENCE_BAD_NAME},
        {"a@b/c:d", REFERENCE_BAD_DIGEST},
        {"localhost", REFERENCE_OK},
        {"localhost/", REFERENCE_BAD_NAME},
        {":tag", REFERENCE_BAD_NAME},
        {"@" DIGEST, REFERENCE_BAD_NAME},
        {"a:", REFERENCE_BAD_TAG},
        {"a:-x", REFERENCE_BAD_TAG},
        {"a:.x", REFERENCE_BAD_TAG},
        {"a:b:c", REFERENCE_BAD_TAG},
        {"a:b c", REFERENCE_BAD_TAG},
        {"a:b/c", REFERENCE_BAD_NAME},
        {"a@", REFERENCE_BAD_DIGEST},
        {"a@sha256:abc", REFERENCE_BAD_DIGEST},
        {"a@md5:0123456789abcdef0123456789abcdef", REFERENCE_BAD_DIGEST},
        {"a@" DIGEST ":b", REFERENCE_BAD_DIGEST},
        {"a@" DIGEST "@" DIGEST, REFERENCE_BAD_DIGEST},
        {"a:b@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", REFERENCE_BAD_DIGEST},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct reference r;
        enum reference_class c = reference_classify(view_of(cases[i].text), &r);
        if (c != cases[i].want)
            fail_msg("\"%s\" is class %d, expected %d", cases[i].text, c, cases[i].want);
    }
}

static void refused_with_the_cause(void **state)
{
    struct reference r;
    struct err e = ERR_INIT;
    char name[300] = "";
    memset(name, 'a', 290);
    assert_fails(reference_normalize(view_of(""), &r, &e), &e, ERR_INVALID_ARGUMENT, "empty");
    assert_fails(reference_normalize(view_of(HEX64), &r, &e), &e, ERR_INVALID_ARGUMENT, "image id");
    assert_fails(reference_normalize(view_of("X"), &r, &e), &e, ERR_INVALID_ARGUMENT, "lower case");
    assert_fails(reference_normalize(view_of(name), &r, &e), &e, ERR_INVALID_ARGUMENT, "255");
    assert_fails(reference_normalize(view_of("a:"), &r, &e), &e, ERR_INVALID_ARGUMENT, "tag");
    assert_fails(reference_normalize(view_of("a@b"), &r, &e), &e, ERR_INVALID_ARGUMENT, "digest");
    assert_fails(reference_normalize(view_of("a..b"), &r, &e), &e, ERR_INVALID_ARGUMENT, "\"a..b\" is not an image reference: the name is malformed");
    assert_fails(reference_normalize(VIEW_LIT("a\0b"), &r, &e), &e, ERR_INVALID_ARGUMENT, "malformed");
}

static void limits(void **state)
{
    char text[600];
    struct reference r;
    /* domain and path: 255 bytes with "docker.io/library/" counted */
    size_t prefix = strlen("docker.io/library/");
    memset(text, 'a', sizeof text);
    assert_int_equal(reference_classify(view_make(text, 254 - prefix), &r), REFERENCE_OK);
    assert_int_equal(reference_classify(view_make(text, 255 - prefix), &r), REFERENCE_OK);
    assert_int_equal(strlen(r.domain) + 1 + strlen(r.path), 255);
    assert_int_equal(reference_classify(view_make(text, 256 - prefix), &r), REFERENCE_NAME_TOO_LONG);
    assert_int_equal(reference_classify(view_make(text, 300), &r), REFERENCE_NAME_TOO_LONG);
    text[3] = '.';
    text[100] = '/';
    assert_int_equal(reference_classify(view_make(text, 255), &r), REFERENCE_OK);
    assert_int_equal(strlen(r.domain), 100);
    assert_int_equal(reference_classify(view_make(text, 256), &r), REFERENCE_NAME_TOO_LONG);
    text[100] = 'a';
    text[254] = '/';
    assert_int_equal(reference_classify(view_make(text, 256), &r), REFERENCE_NAME_TOO_LONG);
    text[254] = 'a';
    text[255] = '/';
    assert_int_equal(reference_classify(view_make(text, 257), &r), REFERENCE_NAME_TOO_LONG);
    /* no legal host, so part of the path */
    text[6] = '_';
    text[255] = 'a';
    text[200] = '/';
    assert_int_equal(reference_classify(view_make(text, 255), &r), REFERENCE_OK);
    assert_string_equal(r.domain, "");
    assert_int_equal(strlen(r.path), 255);
    /* tag: 128 bytes */
    memset(text, 'a', sizeof text);
    text[1] = ':';
    assert_int_equal(reference_classify(view_make(text, 2 + 127), &r), REFERENCE_OK);
    assert_int_equal(reference_classify(view_make(text, 2 + 128), &r), REFERENCE_OK);
    assert_int_equal(strlen(r.tag), 128);
    assert_int_equal(reference_classify(view_make(text, 2 + 129), &r), REFERENCE_BAD_TAG);
}

static void longest_text_fits(void **state)
{
    char text[REFERENCE_TEXT_MAX + 1], out[REFERENCE_TEXT_MAX + 1];
    struct reference r;
    struct err e = ERR_INIT;
    memset(text, 'a', REFERENCE_NAME_MAX);
    text[3] = '.';
    text[9] = '/';
    text[REFERENCE_NAME_MAX] = ':';
    memset(text + REFERENCE_NAME_MAX + 1, 't', REFERENCE_TAG_MAX);
    memcpy(text + REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX, "@sha512:" HEX64 HEX64, 1 + DIGEST_TEXT_MAX + 1);
    assert_ok(reference_parse_normalized(view_of(text), &r, &e), &e);
    assert_int_equal(reference_format(&r, out), REFERENCE_TEXT_MAX);
    assert_string_equal(out, text);
}

static void repo_digest_and_tag(void **state)
{
    struct reference r;
    struct err e = ERR_INIT;
    char digest[REFERENCE_TEXT_MAX + 1], tag[REFERENCE_TEXT_MAX + 1];
    assert_ok(reference_normalize(view_of("gcr.io/a/b:1"), &r, &e), &e);
    assert_ok(reference_repo_digest_and_tag(&r, view_of(DIGEST), digest, tag, &e), &e);
    assert_string_equal(digest, "gcr.io/a/b@" DIGEST);
    assert_string_equal(tag, "gcr.io/a/b:1");
    assert_ok(reference_normalize(view_of("gcr.io/a/b:1@" DIGEST), &r, &e), &e);
    assert_ok(reference_repo_digest_and_tag(&r, view_of(DIGEST), digest, tag, &e), &e);
    assert_string_equal(digest, "gcr.io/a/b@" DIGEST);
    assert_string_equal(tag, "");
    assert_fails(reference_repo_digest_and_tag(&r, view_of("sha256:"), digest, tag, &e), &e, ERR_INVALID_ARGUMENT, "digest");
}

static void setters(void **state)
{
    struct reference r;
    struct err e = ERR_INIT;
    char text[REFERENCE_TEXT_MAX + 1];
    assert_ok(reference_parse_normalized(view_of("a/b"), &r, &e), &e);
    assert_string_equal(r.tag, "");
    assert_int_equal(reference_name(&r, text), strlen("docker.io/a/b"));
    assert_string_equal(text, "docker.io/a/b");
    assert_ok(reference_set_tag(&r, view_of("t"), &e), &e);
    assert_fails(reference_set_tag(&r, VIEW_EMPTY, &e), &e, ERR_INVALID_ARGUMENT, "\"\" is not an image tag");
    assert_fails(reference_set_tag(&r, view_of("t/"), &e), &e, ERR_INVALID_ARGUMENT, "\"t/\" is not an image tag");
    assert_ok(reference_set_digest(&r, view_of(DIGEST), &e), &e);
    assert_fails(reference_set_digest(&r, view_of("x"), &e), &e, ERR_INVALID_ARGUMENT, "digest");
    reference_format(&r, text);
    assert_string_equal(text, "docker.io/a/b:t@" DIGEST);
    reference_familiar_name(&r, text);
    assert_string_equal(text, "a/b");
    struct reference by_hand = {.domain = "docker.io", .path = "x"};
    reference_familiar_name(&by_hand, text);
    assert_string_equal(text, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_forms),
        cmocka_unit_test(refused),
        cmocka_unit_test(refused_with_the_cause),
        cmocka_unit_test(limits),
        cmocka_unit_test(longest_text_fits),
        cmocka_unit_test(repo_digest_and_tag),
        cmocka_unit_test(setters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
