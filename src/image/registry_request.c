/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One authorised request: address, Authorization, redirects, one challenge, and what a refusal means.
 *
 * The Authorization field goes to the registry's own origin only, and a challenge is answered only when it comes from there: a
 * redirect to another host must see no credential, neither at once nor by asking for it (CVE-2020-15157).
 */
#include <stdio.h>

#include "image/registry_internal.h"
#include "parse/jsonscan.h"

enum { CHALLENGES_MAX = 2, ERROR_TEXT_MAX = 256 };

/* One hop of a request. */
struct hop {
    const struct registry_get *get;
    struct registry_reply *reply;
    struct http_response response; /* headers live in the request's arena */
    bool wanted;                   /* 2xx: the body goes to the caller's sink */
    bool enough;                   /* the error body's limit is reached: the rest is not read */
};

static int on_head(void *user, const struct http_response *response, struct err *e)
{
    struct hop *h = user;
    h->response = *response;
    h->reply->status = response->status;
    h->wanted = response->status >= 200 && response->status <= 299;
    return h->wanted ? h->get->sink->head(h->get->sink->user, response, e) : 0;
}

static int on_data(void *user, struct view data, struct err *e)
{
    struct hop *h = user;
    if (h->wanted)
        return h->get->sink->data(h->get->sink->user, data, e);
    struct buf *body = &h->reply->body;
    struct view part = view_slice(data, 0, body->max - body->n);
    if (buf_add_view(body, part) < 0)
        return err_oom(e);
    h->enough = part.n < data.n;
    return h->enough ? -ERR_CANCELLED : 0;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int run_hop(struct registry *r, const struct ctx *ctx, const struct url *at, const char *authorization, struct hop *h,
                   struct arena *a, struct err *e)
{
    struct http_request q = {.method = "GET",
                             .url = at->text,
                             .ca_file = r->options.ca_file,
                             .idle_timeout = r->options.idle_timeout,
                             .direct = registry_is_loopback(view_of(at->host))};
    for (size_t i = 0; i < h->get->headers.n; i++)
        if (strlist_add(&q.headers, a, h->get->headers.v[i]) < 0)
            return err_oom(e);
    if (authorization && strlist_addf(&q.headers, a, "Authorization: %s", authorization) < 0)
        return err_oom(e);
    buf_clear(&h->reply->body);
    h->reply->status = 0;
    (void)snprintf(h->reply->by, sizeof(h->reply->by), "%s:%s", at->host, at->port);
    h->response = (struct http_response){0};
    h->enough = false;
    const struct http_sink sink = {.user = h, .head = on_head, .data = on_data};
    int code = r->options.http->exchange(r->options.http_user, ctx, &q, a, &sink, e);
    if (code < 0 && h->enough) {
        err_clear(e);
        return 0;
    }
    return code;
}

/* Where a redirect leads. */
static int follow(const struct hop *h, const struct url *from, struct arena *a, struct url *ret, struct err *e)
{
    const char *location = http_header(&h->response, "location");
    if (!*location)
        return err_raise(e, ERR_UNAVAILABLE, "redirect (status %d) without an address", h->reply->status);
    struct url to;
    TRY(url_resolve(from->text, location, a, &to, e));
    bool weaker = strcmp(from->scheme, "https") == 0 && strcmp(to.scheme, "http") == 0;
    if (weaker && !registry_is_loopback(view_of(to.host)))
        return err_raise(e, ERR_PERMISSION_DENIED, "redirect from https to plain http on %s is not followed", to.host);
    *ret = to;
    return 0;
}

static int origin_url(struct registry *r, const char *scheme, const struct registry_get *get, struct arena *a, struct url *ret,
                      struct err *e)
{
    const char *text = arena_printf(a, "%s://%s/v2/%s/%s", scheme, r->host, r->repository, get->path);
    return text ? url_resolve(NULL, text, a, ret, e) : err_oom(e);
}

/* The whole request under one scheme. */
static int request_by(struct registry *r, const struct ctx *ctx, const char *scheme, const struct registry_get *get,
                      struct registry_reply *reply, struct arena *a, struct err *e)
{
    struct url origin, at;
    TRY(origin_url(r, scheme, get, a, &origin, e));
    const char *authorization;
    TRY(registry_authorization(r, a, &authorization, e));
    struct hop h = {.get = get, .reply = reply};
    bool home = true;
    unsigned challenges = 0, redirects = 0;
    at = origin;
    for (;;) {
        TRY(run_hop(r, ctx, &at, home ? authorization : NULL, &h, a, e));
        if (is_redirect(reply->status)) {
            if (++redirects > REGISTRY_REDIRECTS_MAX)
                return err_raise(e, ERR_UNAVAILABLE, "more than %d redirects", REGISTRY_REDIRECTS_MAX);
            TRY(follow(&h, &at, a, &at, e));
            home = home && url_same_origin(&at, &origin);
        } else if (reply->status == 401 && home && challenges < CHALLENGES_MAX && *http_header(&h.response, "www-authenticate")) {
            challenges++;
            if (!r->scheme_known)
                r->scheme = scheme; /* the token flow asks for it; once known, several threads read it */
            TRY(registry_authorize(r, ctx, http_header(&h.response, "www-authenticate"), authorization, a, &authorization, e));
            at = origin;
        } else {
            return 0;
        }
    }
}

/* A loopback host that has not answered yet: plain http, then https when the answer looks like that of a TLS server. */
static int request_first(struct registry *r, const struct ctx *ctx, const struct registry_get *get, struct registry_reply *reply,
                         struct arena *a, struct err *e)
{
    struct err plain = ERR_INIT;
    int code = request_by(r, ctx, "http", get, reply, a, &plain);
    bool maybe_tls = code == -ERR_UNAVAILABLE || (code == 0 && reply->status == 400);
    if (!maybe_tls) {
        r->scheme = "http";
        r->scheme_known = code == 0;
        if (code < 0 && e)
            *e = plain;
        return code;
    }
    struct err tls = ERR_INIT;
    struct registry_reply other = {.body = BUF_INIT(REGISTRY_ERROR_BYTES_MAX)};
    int tls_code = request_by(r, ctx, "https", get, &other, a, &tls);
    if (tls_code == -ERR_UNAVAILABLE && code < 0) { /* nothing answers at all */
        buf_done(&other.body);
        if (e)
            *e = plain;
        return code;
    }
    buf_done(&reply->body);
    *reply = other;
    r->scheme = "https";
    r->scheme_known = tls_code == 0;
    if (tls_code < 0 && e)
        *e = tls;
    return tls_code;
}

int registry_request(struct registry *r, const struct ctx *ctx, const struct registry_get *get, struct registry_reply *reply,
                     struct err *e)
{
    struct arena a = ARENA_INIT((size_t)8 << 20);
    int code = r->scheme_known ? request_by(r, ctx, r->scheme, get, reply, &a, e) : request_first(r, ctx, get, reply, &a, e);
    arena_done(&a);
    return code;
}

const char *registry_error_text(struct view body, struct arena *a)
{
    struct jsonscan_value doc, list, first = {0};
    if (jsonscan_check(body, &doc, NULL) != JSONSCAN_OK)
        return "";
    list = jsonscan_get(doc, "errors");
    struct jsonscan_iter it = jsonscan_iter(list);
    if (!jsonscan_next(&it, NULL, &first))
        first = doc; /* token servers answer with members of their own */
    static const char *const names[] = {"code", "message", "details", "error_description"};
    char text[2][ERROR_TEXT_MAX] = {"", ""};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names) && n < 2; i++) {
        struct jsonscan_value v = jsonscan_get(first, names[i]);
        if (v.kind != JSONSCAN_STRING)
            continue;
        char *whole = jsonscan_strdup(v.raw, a);
        if (whole && *whole)
            (void)snprintf(text[n++], ERROR_TEXT_MAX, "%s", whole);
    }
    if (n == 0)
        return "";
    const char *joined = arena_printf(a, "%s%s%s", text[0], n > 1 ? ": " : "", text[1]);
    return joined ? joined : "";
}

int registry_raise_status(struct registry *r, const char *what, const struct registry_reply *reply, struct err *e)
{
    struct arena a = ARENA_INIT((size_t)1 << 20);
    const char *text = registry_error_text(buf_view(&reply->body), &a);
    int s = reply->status;
    /* "reg:443" is "reg" to everybody; only another host's port is worth saying. */
    bool home = strncmp(reply->by, r->host, strlen(r->host)) == 0;
    const char *by = home || !*reply->by ? r->host : reply->by;
    int code;
    if (s == 404)
        code = err_raise(e, ERR_NOT_FOUND, "%s: not found: %s answered with status 404%s%s", what, by, *text ? ": " : "", text);
    else if (s == 401 || s == 403)
        code = err_raise(
            e, s == 401 ? ERR_UNAUTHENTICATED : ERR_PERMISSION_DENIED,
            "%s: pull access denied, the repository does not exist or may require authorization: %s answered with status %d%s%s",
            what, by, s, *text ? ": " : "", text);
    else if (s == 429)
        code = err_raise(e, ERR_RESOURCE_EXHAUSTED, "%s: too many requests: %s answered with status 429%s%s", what, by,
                         *text ? ": " : "", text);
    else
        code = err_raise(e, s >= 500 ? ERR_UNAVAILABLE : ERR_UNKNOWN, "%s: %s answered with status %d%s%s", what, by, s,
                         *text ? ": " : "", text);
    arena_done(&a);
    return code;
}
