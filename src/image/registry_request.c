/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One authorised request: address, Authorization, redirects, one challenge, repeats, and what a refusal means.
 *
 * The Authorization field, configured headers and client certificates go to the server's own origin only, and a challenge is answered
 * only when it comes from there: a redirect to another host must see no credential, neither at once nor by asking for it
 * (CVE-2020-15157).
 */
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>

#include "base/num.h"
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
    h->reply->answered = true;
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

int registry_add_headers(const struct registry_host *h, bool has_authorization, struct strlist *headers, struct arena *a, struct err *e)
{
    static const char authorization[] = "Authorization:";
    for (size_t i = 0; i < h->server->headers.n; i++) {
        const char *line = h->server->headers.v[i];
        if (has_authorization && strncasecmp(line, authorization, strlen(authorization)) == 0)
            continue;
        if (strlist_add(headers, a, line) < 0)
            return err_oom(e);
    }
    return 0;
}

/* What goes to the server itself and nowhere else. */
static int add_secrets(const struct registry_host *h, const char *authorization, struct strlist *headers, struct arena *a, struct err *e)
{
    TRY(registry_add_headers(h, authorization != NULL, headers, a, e));
    return authorization && strlist_addf(headers, a, "Authorization: %s", authorization) < 0 ? err_oom(e) : 0;
}

static int run_hop(struct registry_host *host, const struct ctx *ctx, const struct url *at, bool home, const char *authorization,
                   struct hop *h, struct arena *a, struct err *e)
{
    const struct registry_options *o = &host->registry->options;
    struct http_tls tls = host->tls;
    struct http_request q = {.method = "GET",
                             .url = at->text,
                             .tls = &tls,
                             .dial_timeout = host->server->dial_timeout,
                             .idle_timeout = o->idle_timeout,
                             .direct = url_is_loopback(view_of(at->host))};
    for (size_t i = 0; i < h->get->headers.n; i++)
        if (strlist_add(&q.headers, a, h->get->headers.v[i]) < 0)
            return err_oom(e);
    if (home)
        TRY(add_secrets(host, authorization, &q.headers, a, e));
    else
        tls.clients = (struct kvlist){0};
    buf_clear(&h->reply->body);
    h->reply->status = 0;
    (void)snprintf(h->reply->by, sizeof(h->reply->by), "%s:%s", at->host, at->port);
    h->response = (struct http_response){0};
    h->enough = false;
    const struct http_sink sink = {.user = h, .head = on_head, .data = on_data};
    int code = o->http->exchange(o->http_user, ctx, &q, a, &sink, e);
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
    if (weaker && !url_is_loopback(view_of(to.host)))
        return err_raise(e, ERR_PERMISSION_DENIED, "redirect from https to plain http on %s is not followed", to.host);
    *ret = to;
    return 0;
}

static int origin_url(const struct registry_host *h, const char *scheme, const struct registry_get *get, struct arena *a,
                      struct url *ret, struct err *e)
{
    const char *text =
        arena_printf(a, "%s://%s%s/%s/%s%s", scheme, h->name, h->server->path, h->registry->repository, get->path, h->query);
    return text ? url_resolve(NULL, text, a, ret, e) : err_oom(e);
}

/* How long the server asks to wait, in ns (RFC 9110, section 10.2.3); UINT64_MAX when it does not say. */
static uint64_t told_wait(const char *retry_after)
{
    uint64_t seconds;
    if (num_parse_u64(view_of(retry_after), UINT64_MAX / NSEC_PER_SEC - 1, &seconds) == NUM_OK)
        return seconds * NSEC_PER_SEC;
    int64_t at = *retry_after ? (int64_t)curl_getdate(retry_after, NULL) : -1, now = clock_real() / (int64_t)NSEC_PER_SEC;
    if (at < 0)
        return UINT64_MAX;
    return at > now ? (uint64_t)(at - now) * NSEC_PER_SEC : 0;
}

int registry_wait(const struct ctx *ctx, uint64_t ns, struct err *e)
{
    struct pollfd wake = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN};
    TRY(ctx_check(ctx, "a repeat of the request", e));
    if (ns > 0)
        (void)poll(&wake, 1, clock_poll_ms(MIN_OF(clock_deadline(ns), ctx->deadline)));
    return ctx_check(ctx, "a repeat of the request", e);
}

bool registry_repeat(struct registry *r, const struct ctx *ctx, int status, const char *retry_after, unsigned n)
{
    bool busy = status == 429 || status == 503, stumbled = status == 408 || status == 500 || status == 502 || status == 504;
    if (!(busy && n < REGISTRY_REPEATS_MAX) && !(stumbled && n == 0))
        return false;
    uint64_t wait = told_wait(retry_after);
    if (wait == UINT64_MAX)
        wait = r->options.retry_delay << n;
    else if (r->options.retry_delay == 0)
        wait = 0;
    if (wait > REGISTRY_WAIT_SECONDS_MAX * NSEC_PER_SEC || clock_deadline(wait) > ctx->deadline)
        return false;
    struct err ignored = ERR_INIT;
    return registry_wait(ctx, wait, &ignored) == 0;
}

/* The whole request under one scheme. */
static int request_by(struct registry_host *host, const struct ctx *ctx, const char *scheme, const struct registry_get *get,
                      struct registry_reply *reply, struct arena *a, struct err *e)
{
    struct url origin, at;
    TRY(origin_url(host, scheme, get, a, &origin, e));
    const char *authorization;
    TRY(registry_authorization(host, a, &authorization, e));
    struct hop h = {.get = get, .reply = reply};
    bool home = true;
    unsigned challenges = 0, redirects = 0, repeats = 0;
    at = origin;
    for (;;) {
        TRY(run_hop(host, ctx, &at, home, authorization, &h, a, e));
        const char *challenge = http_header(&h.response, "www-authenticate");
        if (is_redirect(reply->status)) {
            if (++redirects > REGISTRY_REDIRECTS_MAX)
                return err_raise(e, ERR_UNAVAILABLE, "more than %d redirects", REGISTRY_REDIRECTS_MAX);
            TRY(follow(&h, &at, a, &at, e));
            home = home && url_same_origin(&at, &origin);
        } else if (reply->status == 401 && home && challenges < CHALLENGES_MAX && *challenge) {
            challenges++;
            TRY(registry_authorize(host, ctx, scheme, challenge, authorization, a, &authorization, e));
            at = origin;
        } else if (get->patient &&
                   registry_repeat(host->registry, ctx, reply->status, http_header(&h.response, "retry-after"), repeats)) {
            repeats++;
            redirects = 0;
            home = true;
            at = origin;
        } else {
            return 0;
        }
    }
}

static void remember_scheme(struct registry_host *h, const char *scheme)
{
    pthread_mutex_lock(&h->registry->lock);
    h->scheme = scheme;
    pthread_mutex_unlock(&h->registry->lock);
}

/* True when what came of a request says that the server may talk the other scheme. A TLS server answers plain http with 400, or hangs
 * up; a certificate that is not the right one is no reason to go without. */
static bool maybe_other(int code, const struct registry_reply *reply, const char *tried)
{
    return (code == -ERR_UNAVAILABLE && !reply->answered) || (code == 0 && reply->status == 400 && strcmp(tried, "http") == 0);
}

/* A server that has not answered yet and for which two schemes come into question. */
static int request_first(struct registry_host *h, const struct ctx *ctx, const struct registry_get *get, struct registry_reply *reply,
                         struct arena *a, struct err *e)
{
    const char *const *schemes = h->server->schemes;
    struct err first = ERR_INIT, second = ERR_INIT;
    int code = request_by(h, ctx, schemes[0], get, reply, a, &first);
    if (!maybe_other(code, reply, schemes[0])) {
        if (reply->answered)
            remember_scheme(h, schemes[0]);
        if (code < 0 && e)
            *e = first;
        return code;
    }
    struct registry_reply other = {.body = BUF_INIT(REGISTRY_ERROR_BYTES_MAX)};
    int other_code = request_by(h, ctx, schemes[1], get, &other, a, &second);
    if (other_code == -ERR_UNAVAILABLE && code < 0) { /* nothing answers at all */
        buf_done(&other.body);
        if (e)
            *e = first;
        return code;
    }
    buf_done(&reply->body);
    *reply = other;
    if (reply->answered)
        remember_scheme(h, schemes[1]);
    if (other_code < 0 && e)
        *e = second;
    return other_code;
}

int registry_request(struct registry_host *h, const struct ctx *ctx, const struct registry_get *get, struct registry_reply *reply,
                     struct err *e)
{
    struct arena a = ARENA_INIT((size_t)8 << 20);
    pthread_mutex_lock(&h->registry->lock);
    const char *scheme = h->scheme;
    pthread_mutex_unlock(&h->registry->lock);
    if (!scheme && !h->server->schemes[1])
        scheme = h->server->schemes[0];
    int code = scheme ? request_by(h, ctx, scheme, get, reply, &a, e) : request_first(h, ctx, get, reply, &a, e);
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
        if (!whole || !*whole)
            continue;
        (void)snprintf(text[n++], ERROR_TEXT_MAX, "%s", whole);
        if (strlen(whole) >= ERROR_TEXT_MAX) /* nothing may follow where it was cut: secrets are looked for at the end */
            break;
    }
    if (n == 0)
        return "";
    const char *joined = arena_printf(a, "%s%s%s", text[0], n > 1 ? ": " : "", text[1]);
    return joined ? joined : "";
}

int registry_raise_status(struct registry_host *h, const struct registry_reply *reply, struct err *e)
{
    struct arena a = ARENA_INIT((size_t)1 << 20);
    const char *text = registry_error_text(buf_view(&reply->body), &a);
    int s = reply->status;
    /* "reg:443" is "reg" to everybody; only another host's port is worth saying. */
    bool home = strncmp(reply->by, h->name, strlen(h->name)) == 0;
    const char *by = home || !*reply->by ? h->name : reply->by, *why = "";
    enum err_code code = s >= 500 ? ERR_UNAVAILABLE : ERR_UNKNOWN;
    if (s == 404) {
        code = ERR_NOT_FOUND;
        why = "not found: ";
    } else if (s == 401 || s == 403) {
        code = s == 401 ? ERR_UNAUTHENTICATED : ERR_PERMISSION_DENIED;
        why = "pull access denied, the repository does not exist or may require authorization: ";
    } else if (s == 429) {
        code = ERR_RESOURCE_EXHAUSTED;
        why = "too many requests: ";
    }
    int r = err_raise(e, code, "%s%s answered with status %d%s%s", why, by, s, *text ? ": " : "", text);
    arena_done(&a);
    return r;
}
