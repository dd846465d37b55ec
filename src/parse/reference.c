/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references, see reference.h. The grammar:
 *
 *   reference = name [":" tag] ["@" digest]          name      = [host "/"] component *("/" component)
 *   host      = label *("." label) [":" digits]      label     = letters and digits, '-' inside only
 *   component = run *(separator run)                 run       = lower-case letters and digits
 *   separator = "." / "_" / "__" / 1*"-"             tag       = word-character, then at most 127 of those, '.' and '-'
 *
 * The text is split first, the way the familiar form wants it (what stands before the first '/' is a host when it has a '.' or ':' or is
 * "localhost"), and each part is then checked against the grammar.
 */
#include "parse/reference.h"

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN "index.docker.io"
#define OFFICIAL_PREFIX "library/"
#define DEFAULT_TAG "latest"

enum { IDENTIFIER_LEN = 64 };

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_alnum(c) || c == '_';
}

/* One component of a path: runs of letters and digits, between them one '.', one or two '_', or any number of '-'. */
static bool component_valid(struct view v)
{
    size_t i = 0;
    for (;;) {
        size_t start = i;
        while (i < v.n && is_lower_alnum(v.p[i]))
            i++;
        if (i == start)
            return false;
        if (i == v.n)
            return true;
        char c = v.p[i++];
        if (c == '_' && i < v.n && v.p[i] == '_')
            i++;
        else if (c == '-')
            while (i < v.n && v.p[i] == '-')
                i++;
        else if (c != '.' && c != '_')
            return false;
    }
}

static bool path_valid(struct view v)
{
    struct view component;
    bool more;
    do {
        more = view_cut(v, '/', &component, &v);
        if (!component_valid(component))
            return false;
    } while (more);
    return true;
}

static bool digits_valid(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
    return v.n > 0;
}

static bool label_valid(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_alnum(v.p[i]) && v.p[i] != '-')
            return false;
    return v.n > 0 && v.p[0] != '-' && v.p[v.n - 1] != '-';
}

static bool domain_valid(struct view v)
{
    struct view host, port, label;
    bool more;
    if (view_cut(v, ':', &host, &port) && !digits_valid(port))
        return false;
    do {
        more = view_cut(host, '.', &label, &host);
        if (!label_valid(label))
            return false;
    } while (more);
    return true;
}

static bool tag_valid(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_word(v.p[i]) && v.p[i] != '.' && v.p[i] != '-')
            return false;
    return v.n > 0 && v.n <= REFERENCE_TAG_MAX && is_word(v.p[0]);
}

static bool has_upper(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] >= 'A' && v.p[i] <= 'Z')
            return true;
    return false;
}

/* Appends to a buffer that the caller has found large enough; returns the new length. */
static size_t put(char *out, size_t at, struct view v)
{
    if (v.n > 0)
        memcpy(out + at, v.p, v.n);
    out[at + v.n] = '\0';
    return at + v.n;
}

struct parts {
    struct view domain, path, tag, digest;
    bool has_tag, has_digest, official;
};

static struct parts split(struct view text)
{
    struct parts s = {.domain = VIEW_LIT(DEFAULT_DOMAIN), .path = text};
    struct view first, rest;
    if (view_cut(text, '/', &first, &rest) &&
        (view_find(first, '.') < first.n || view_find(first, ':') < first.n || view_eq_str(first, "localhost"))) {
        s.domain = first;
        s.path = rest;
    }
    if (view_eq_str(s.domain, LEGACY_DOMAIN))
        s.domain = VIEW_LIT(DEFAULT_DOMAIN);
    s.official = view_eq_str(s.domain, DEFAULT_DOMAIN) && view_find(s.path, '/') == s.path.n;
    s.has_digest = view_cut(s.path, '@', &s.path, &s.digest);
    s.has_tag = view_cut(s.path, ':', &s.path, &s.tag);
    return s;
}

static bool is_identifier(struct view v)
{
    return v.n == IDENTIFIER_LEN && digest_is_hex(v);
}

enum reference_class reference_classify(struct view text, struct reference *ret)
{
    if (text.n == 0)
        return REFERENCE_EMPTY;
    if (is_identifier(text))
        return REFERENCE_IDENTIFIER;
    struct parts s = split(text);
    if (has_upper(s.path))
        return REFERENCE_UPPERCASE;
    bool domain_ok = domain_valid(s.domain);
    if (!path_valid(s.path) || (!domain_ok && !component_valid(s.domain)))
        return REFERENCE_BAD_NAME;
    if (s.has_tag && !tag_valid(s.tag))
        return REFERENCE_BAD_TAG;
    if (s.has_digest && digest_classify(s.digest, NULL) != DIGEST_CLASS_OK)
        return REFERENCE_BAD_DIGEST;
    struct view prefix = s.official ? VIEW_LIT(OFFICIAL_PREFIX) : VIEW_EMPTY;
    if (s.domain.n >= REFERENCE_NAME_MAX || s.path.n > REFERENCE_NAME_MAX - 1 - s.domain.n ||
        prefix.n > REFERENCE_NAME_MAX - 1 - s.domain.n - s.path.n)
        return REFERENCE_NAME_TOO_LONG;

    size_t at = 0;
    put(ret->domain, 0, domain_ok ? s.domain : VIEW_EMPTY);
    if (!domain_ok) {
        at = put(ret->path, at, s.domain);
        at = put(ret->path, at, VIEW_LIT("/"));
    }
    at = put(ret->path, at, prefix);
    put(ret->path, at, s.path);
    put(ret->tag, 0, s.tag);
    put(ret->digest, 0, s.digest);
    return REFERENCE_OK;
}

static const char *class_text(enum reference_class c)
{
    switch (c) {
    case REFERENCE_EMPTY:
        return "it is empty";
    case REFERENCE_IDENTIFIER:
        return "64 hex digits are an image id, not a name";
    case REFERENCE_UPPERCASE:
        return "the repository name must be lower case";
    case REFERENCE_NAME_TOO_LONG:
        return "the name is longer than 255 bytes";
    case REFERENCE_BAD_TAG:
        return "the tag behind ':' is malformed";
    case REFERENCE_BAD_DIGEST:
        return "the digest behind '@' is malformed";
    default:
        return "the name is malformed";
    }
}

int reference_parse_normalized(struct view text, struct reference *ret, struct err *e)
{
    enum reference_class c = reference_classify(text, ret);
    if (c == REFERENCE_OK)
        return 0;
    return err_raise(e, ERR_INVALID_ARGUMENT, "\"%.*s\" is not an image reference: %s", VIEW_ARG(view_slice(text, 0, 400)), class_text(c));
}

void reference_default_tag(struct reference *r)
{
    if (r->digest[0])
        r->tag[0] = '\0';
    else if (!r->tag[0])
        put(r->tag, 0, VIEW_LIT(DEFAULT_TAG));
}

int reference_normalize(struct view text, struct reference *ret, struct err *e)
{
    TRY(reference_parse_normalized(text, ret, e));
    reference_default_tag(ret);
    return 0;
}

static size_t put_name(char *out, struct view domain, struct view path)
{
    size_t at = 0;
    if (domain.n > 0) {
        at = put(out, at, domain);
        at = put(out, at, VIEW_LIT("/"));
    }
    return put(out, at, path);
}

static size_t put_suffix(char *out, size_t at, const struct reference *r)
{
    if (r->tag[0]) {
        at = put(out, at, VIEW_LIT(":"));
        at = put(out, at, view_of(r->tag));
    }
    if (r->digest[0]) {
        at = put(out, at, VIEW_LIT("@"));
        at = put(out, at, view_of(r->digest));
    }
    return at;
}

size_t reference_name(const struct reference *r, char out[REFERENCE_NAME_MAX + 1])
{
    return put_name(out, view_of(r->domain), view_of(r->path));
}

size_t reference_format(const struct reference *r, char out[REFERENCE_TEXT_MAX + 1])
{
    return put_suffix(out, put_name(out, view_of(r->domain), view_of(r->path)), r);
}

size_t reference_familiar_name(const struct reference *r, char out[REFERENCE_NAME_MAX + 1])
{
    struct view domain = view_of(r->domain), path = view_of(r->path);
    if (view_eq_str(domain, DEFAULT_DOMAIN)) {
        struct view first, rest;
        domain = VIEW_EMPTY;
        if (view_cut(path, '/', &first, &rest) && view_eq_str(first, "library") && view_find(rest, '/') == rest.n)
            path = rest;
    }
    return put_name(out, domain, path);
}

size_t reference_familiar(const struct reference *r, char out[REFERENCE_TEXT_MAX + 1])
{
    return put_suffix(out, reference_familiar_name(r, out), r);
}

int reference_repo_digest_and_tag(const struct reference *r, struct view digest, char repo_digest[REFERENCE_TEXT_MAX + 1],
                                  char repo_tag[REFERENCE_TEXT_MAX + 1], struct err *e)
{
    TRY(digest_parse(digest, NULL, e));
    size_t at = reference_name(r, repo_digest);
    at = put(repo_digest, at, VIEW_LIT("@"));
    put(repo_digest, at, digest);
    if (r->tag[0])
        reference_format(r, repo_tag);
    else
        repo_tag[0] = '\0';
    return 0;
}

int reference_set_tag(struct reference *r, struct view tag, struct err *e)
{
    if (!tag_valid(tag))
        return err_raise(e, ERR_INVALID_ARGUMENT, "\"%.*s\" is not an image tag", VIEW_ARG(view_slice(tag, 0, 256)));
    put(r->tag, 0, tag);
    return 0;
}

int reference_set_digest(struct reference *r, struct view digest, struct err *e)
{
    TRY(digest_parse(digest, NULL, e));
    put(r->digest, 0, digest);
    return 0;
}
