/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, read with the same parser that connects to them later: two readings of one address are how credentials get lost.
 */
#include <curl/curl.h>
#include <strings.h>

#include "image/registry_internal.h"

static void curlu_free(CURLU **u)
{
    curl_url_cleanup(*u);
}

static int raise_url(CURLUcode code, struct err *e)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return err_oom(e);
    return err_raise(e, ERR_INVALID_ARGUMENT, "an address given by the server cannot be used: %s", curl_url_strerror(code));
}

/* A part, copied into a. */
static int part(CURLU *u, CURLUPart what, unsigned flags, struct arena *a, const char **ret, struct err *e)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(u, what, &text, flags);
    if (code != CURLUE_OK)
        return raise_url(code, e);
    *ret = arena_strdup(a, text);
    curl_free(text);
    return *ret ? 0 : err_oom(e);
}

static bool has_user(CURLU *u)
{
    char *text = NULL;
    bool has = curl_url_get(u, CURLUPART_USER, &text, 0) == CURLUE_OK || curl_url_get(u, CURLUPART_PASSWORD, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

int url_resolve(const char *base, const char *text, struct arena *a, struct url *ret, struct err *e)
{
    _cleanup_(curlu_free) CURLU *u = curl_url();
    if (!u)
        return err_oom(e);
    CURLUcode code = base ? curl_url_set(u, CURLUPART_URL, base, 0) : CURLUE_OK;
    if (code == CURLUE_OK)
        code = curl_url_set(u, CURLUPART_URL, text, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    if (code != CURLUE_OK)
        return raise_url(code, e);
    struct url url;
    TRY(part(u, CURLUPART_SCHEME, 0, a, &url.scheme, e));
    if (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "an address given by the server cannot be used: it is neither http nor https");
    if (has_user(u))
        return err_raise(e, ERR_INVALID_ARGUMENT, "an address given by the server cannot be used: it holds credentials");
    TRY(part(u, CURLUPART_HOST, 0, a, &url.host, e));
    TRY(part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a, &url.port, e));
    TRY(part(u, CURLUPART_URL, 0, a, &url.text, e));
    *ret = url;
    return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

static int escape(struct view v, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
        char text[3] = {'%', digits[c >> 4], digits[c & 15]};
        TRY(plain ? buf_add_char(out, (char)c) : buf_add(out, text, sizeof(text)));
    }
    return 0;
}

static int add_pairs(const struct kvlist *pairs, struct buf *out)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (i > 0)
            TRY(buf_add_char(out, '&'));
        TRY(escape(view_of(pairs->v[i].key), out));
        TRY(buf_add_char(out, '='));
        TRY(escape(view_of(pairs->v[i].value), out));
    }
    return 0;
}

int url_form(const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    if (add_pairs(pairs, &out) < 0)
        return err_oom(e);
    *ret = arena_view(a, buf_view(&out));
    return *ret ? 0 : err_oom(e);
}

int url_add_query(const char *text, const struct kvlist *pairs, struct arena *a, const char **ret, struct err *e)
{
    const char *form;
    TRY(url_form(pairs, a, &form, e));
    *ret = arena_printf(a, "%s%c%s", text, strchr(text, '?') ? '&' : '?', form);
    return *ret ? 0 : err_oom(e);
}

static bool all_digits_and_dots(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != '.' && (v.p[i] < '0' || v.p[i] > '9'))
            return false;
    return true;
}

bool registry_is_loopback(struct view host)
{
    if (view_starts(host, VIEW_LIT("["))) {
        struct view inside = view_slice(host, 1, view_find(host, ']'));
        return view_eq_str(inside, "::1");
    }
    host = view_slice(host, 0, view_find(host, ':'));
    struct view below = VIEW_LIT(".localhost");
    if (view_eq_nocase(host, VIEW_LIT("localhost")) || (view_ends(host, below) && host.n > below.n))
        return true;
    return view_starts(host, VIEW_LIT("127.")) && all_digits_and_dots(host);
}
