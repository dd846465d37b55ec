/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references. Controlled by whoever writes a pod (CRI ImageSpec) and by image names stored in containerd.
 * Reaches all of parse/reference.
 *
 * Oracle: what is accepted prints to a text that is accepted with equal parts (a fixed point); parts are within their limits and made of
 * the characters that the grammar knows; the normal form has a tag or a digest, never both; the familiar form means the same again, but for
 * names whose path begins like a host; the repo digest is name@digest, the repo tag is the reference when it has a tag.
 */
#include "fuzz.h"
#include "parse/reference.h"

static void check_parts(const struct reference *r)
{
    FUZZ_CHECK(r->path[0] && strlen(r->domain) + 1 + strlen(r->path) <= REFERENCE_NAME_MAX + !r->domain[0]);
    FUZZ_CHECK(strlen(r->tag) <= REFERENCE_TAG_MAX && strlen(r->digest) <= DIGEST_TEXT_MAX);
    for (const char *p = r->path; *p; p++)
        FUZZ_CHECK((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("/._-", *p));
    for (const char *p = r->tag; *p; p++)
        FUZZ_CHECK((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("._-", *p));
    FUZZ_CHECK(!strchr(r->domain, '/') && !strchr(r->domain, '@') && !strstr(r->path, "//"));
    FUZZ_CHECK(!r->digest[0] || digest_classify(view_of(r->digest), NULL) == DIGEST_CLASS_OK);
}

static void check_equal(const struct reference *a, const struct reference *b)
{
    FUZZ_CHECK(strcmp(a->domain, b->domain) == 0 && strcmp(a->path, b->path) == 0);
    FUZZ_CHECK(strcmp(a->tag, b->tag) == 0 && strcmp(a->digest, b->digest) == 0);
}

/* "docker.io/localhost/x" is familiarly "localhost/x", which is something else. */
static bool path_begins_like_a_host(const struct reference *r)
{
    struct view first;
    if (!view_cut(view_of(r->path), '/', &first, NULL))
        return false;
    return view_find(first, '.') < first.n || view_eq_str(first, "localhost");
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view text = view_make((const char *)data, size);
    struct reference r, again;
    struct err e = ERR_INIT;
    char printed[REFERENCE_TEXT_MAX + 1], digest[REFERENCE_TEXT_MAX + 1], tag[REFERENCE_TEXT_MAX + 1];
    int code = reference_parse_normalized(text, &r, &e);
    fuzz_check_result(code, &e);
    FUZZ_CHECK((code == 0) == (reference_classify(text, &again) == REFERENCE_OK));
    if (code < 0)
        return 0;
    check_parts(&r);
    FUZZ_CHECK(reference_format(&r, printed) == strlen(printed) && strlen(printed) <= REFERENCE_TEXT_MAX);
    FUZZ_CHECK(reference_parse_normalized(view_of(printed), &again, &e) == 0);
    check_equal(&r, &again);

    reference_default_tag(&r);
    FUZZ_CHECK(!r.tag[0] != !r.digest[0]);
    FUZZ_CHECK(reference_normalize(text, &again, &e) == 0);
    check_equal(&r, &again);
    reference_familiar(&r, printed);
    if (strcmp(r.domain, "docker.io") != 0 || !path_begins_like_a_host(&r)) {
        FUZZ_CHECK_MSG(reference_normalize(view_of(printed), &again, &e) == 0, "%s", printed);
        check_equal(&r, &again);
    }
    static const char some[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    FUZZ_CHECK(reference_repo_digest_and_tag(&r, view_of(some), digest, tag, &e) == 0);
    size_t n = reference_name(&r, printed);
    FUZZ_CHECK(strncmp(digest, printed, n) == 0 && digest[n] == '@' && strcmp(digest + n + 1, some) == 0);
    reference_format(&r, printed);
    FUZZ_CHECK(strcmp(tag, r.tag[0] ? printed : "") == 0);
    return 0;
}
