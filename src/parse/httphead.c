/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See httphead.h. Lines are taken one by one and each is judged when its end is there, so that a head in pieces gets the same answer as a whole one.
 */
#include "parse/httphead.h"

#include "base/macro.h"
#include "base/num.h"

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

/* RFC 9110, section 5.6.2. */
static bool is_token(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_alphanumeric(v.p[i]) && !is_one_of(v.p[i], "!#$%&'*+-.^_`|~"))
            return false;
    return v.n > 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Characters of a URI (RFC 3986), percent signs with two hex digits behind them; no fragment. */
static bool is_uri(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '%' ? v.n - i < 3 || !is_hex(v.p[i + 1]) || !is_hex(v.p[i + 2]) : !is_alphanumeric(c) && !is_one_of(c, "-._~:/?[]@!$&'()*+,;="))
            return false;
    }
    return v.n > 0;
}

static bool is_host(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_alphanumeric(v.p[i]) && !is_one_of(v.p[i], "-._~%:[]!$&'()*+,;="))
            return false;
    return true;
}

static bool is_value(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (((unsigned char)v.p[i] < 0x20 && v.p[i] != '\t') || v.p[i] == 0x7f)
            return false;
    return true;
}

static struct view trim(struct view v)
{
    while (v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
        v = view_slice(v, 1, v.n);
    while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
        v.n--;
    return v;
}

static int bad(struct err *e, const char *what)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "HTTP request: %s", what);
}

/* The line that begins at *at, which moves behind it. 1, 0 when its end is not there, or the error. */
static int next_line(struct view in, size_t *at, struct view *ret, struct err *e)
{
    struct view rest = view_slice(in, *at, in.n);
    size_t end = view_find(rest, '\n');
    if (end == rest.n)
        return 0;
    if (end == 0 || rest.p[end - 1] != '\r')
        return bad(e, "a line ends without CR");
    *ret = view_slice(rest, 0, end - 1);
    *at += end + 1;
    return view_find(*ret, '\r') == ret->n ? 1 : bad(e, "CR within a line");
}

/* Cuts a target that is_uri into path and query. False when it is none of the forms that are taken (RFC 9112, section 3.2; a CONNECT is none). */
static bool read_target(struct httphead *h)
{
    static const struct view root = VIEW_LIT("/"), http = VIEW_LIT("http://"), https = VIEW_LIT("https://");
    struct view t = h->target;
    if (view_eq_str(t, "*")) {
        h->path = t;
        h->query = VIEW_EMPTY;
        return view_eq_str(h->method, "OPTIONS");
    }
    bool absolute = view_eq_nocase(view_slice(t, 0, http.n), http), secure = view_eq_nocase(view_slice(t, 0, https.n), https);
    if (absolute || secure) {
        t = view_slice(t, absolute ? http.n : https.n, t.n);
        size_t end = 0;
        while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
            end++;
        if (end == 0)
            return false;
        t = view_slice(t, end, t.n);
    } else if (t.p[0] != '/') {
        return false;
    }
    view_cut(t, '?', &h->path, &h->query);
    if (h->path.n == 0)
        h->path = root;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_version(struct view v, struct httphead *h, struct err *e)
{
    if (v.n != 8 || !view_starts(v, VIEW_LIT("HTTP/")) || !is_digit(v.p[5]) || v.p[6] != '.' || !is_digit(v.p[7]))
        return bad(e, "the version is not HTTP/<digit>.<digit>");
    if (v.p[5] != '1')
        return err_raise(e, ERR_OUT_OF_RANGE, "HTTP request: version %c.%c is not served, 1.1 is", v.p[5], v.p[7]);
    h->minor = v.p[7] == '0' ? 0 : 1;
    return 0;
}

static int read_request_line(struct view line, struct httphead *h, struct err *e)
{
    struct view rest, version;
    if (!view_cut(line, ' ', &h->method, &rest) || !view_cut(rest, ' ', &h->target, &version))
        return bad(e, "the request line is not method, target and version");
    if (!is_token(h->method))
        return bad(e, "the method is not a token");
    if (h->method.n > HTTPHEAD_METHOD_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "HTTP request: the method is longer than %d bytes", HTTPHEAD_METHOD_MAX);
    if (!is_uri(h->target) || !read_target(h))
        return bad(e, "the target is neither a path nor an absolute URI");
    return read_version(version, h, e);
}

static int read_field(struct view line, struct httphead *h, struct err *e)
{
    struct view name, value;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(e, "a folded line");
    if (!view_cut(line, ':', &name, &value) || !is_token(name))
        return bad(e, "a field is not a name, a colon and a value");
    if (!is_value(value))
        return err_raise(e, ERR_INVALID_ARGUMENT, "HTTP request: field %.*s: a control character", (int)MIN_OF(name.n, 64), name.p);
    if (h->n_fields == HTTPHEAD_FIELDS_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "HTTP request: more than %d fields", HTTPHEAD_FIELDS_MAX);
    h->fields[h->n_fields++] = (struct httphead_field){name, trim(value)};
    return 0;
}

static size_t count(const struct httphead *h, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_fields; i++)
        n += view_eq_nocase(h->fields[i].name, view_of(name));
    return n;
}

/* What decides where this request is to go and where it ends must be said once and clearly (RFC 9112, sections 3.2 and 6.3). */
static int read_framing(struct httphead *h, struct err *e)
{
    size_t hosts = count(h, "Host"), lengths = count(h, "Content-Length"), codings = count(h, "Transfer-Encoding");
    if (hosts > 1 || (hosts == 0 && h->minor > 0))
        return bad(e, hosts > 1 ? "more than one Host" : "no Host");
    if (!is_host(httphead_get(h, "Host")))
        return bad(e, "field Host: not a host and a port");
    if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0))
        return bad(e, "more than one Content-Length or Transfer-Encoding");
    if (lengths == 1 && num_parse_u64(httphead_get(h, "Content-Length"), INT64_MAX, &h->content_length) != NUM_OK)
        return bad(e, "field Content-Length: not a length");
    if (codings == 0)
        return 0;
    if (h->minor == 0)
        return bad(e, "Transfer-Encoding in HTTP/1.0");
    if (!view_eq_nocase(httphead_get(h, "Transfer-Encoding"), VIEW_LIT("chunked")))
        return err_raise(e, ERR_UNIMPLEMENTED, "HTTP request: field Transfer-Encoding: only chunked is served");
    h->chunked = true;
    return 0;
}

int httphead_parse(struct view in, struct httphead *ret, struct err *e)
{
    struct view most = view_slice(in, 0, HTTPHEAD_MAX), line;
    ret->size = 0;
    ret->n_fields = 0;
    ret->content_length = 0;
    ret->chunked = false;
    for (bool first = true;; first = false) {
        int r = next_line(most, &ret->size, &line, e);
        if (r == 0)
            return in.n < HTTPHEAD_MAX ? 0 : err_raise(e, ERR_RESOURCE_EXHAUSTED, "HTTP request: the head is longer than %d bytes", HTTPHEAD_MAX);
        if (r < 0)
            return r;
        if (!first && line.n == 0)
            break;
        TRY(first ? read_request_line(line, ret, e) : read_field(line, ret, e));
    }
    TRY(read_framing(ret, e));
    return 1;
}

struct view httphead_get(const struct httphead *h, const char *name)
{
    for (size_t i = 0; i < h->n_fields; i++)
        if (view_eq_nocase(h->fields[i].name, view_of(name)))
            return h->fields[i].value;
    return VIEW_EMPTY;
}

bool httphead_has_token(const struct httphead *h, const char *name, const char *token)
{
    for (size_t i = 0; i < h->n_fields; i++) {
        if (!view_eq_nocase(h->fields[i].name, view_of(name)))
            continue;
        struct view rest = h->fields[i].value, member;
        for (bool more = true; more;) {
            more = view_cut(rest, ',', &member, &rest);
            if (view_eq_nocase(trim(member), view_of(token)))
                return true;
        }
    }
    return false;
}

bool httphead_keeps(const struct httphead *h)
{
    if (httphead_has_token(h, "Connection", "close"))
        return false;
    return h->minor > 0 || httphead_has_token(h, "Connection", "keep-alive");
}
