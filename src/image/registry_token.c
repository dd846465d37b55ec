/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering challenges: Basic (RFC 7617) and the token flow of Docker and OCI registries (Bearer, RFC 6750; GET for user name and
 * password or nobody, POST with a refresh token for identity tokens). Only a challenge that came from the registry's own origin
 * gets here.
 */
#include "base/codec.h"
#include "base/mem.h"
#include "image/registry_internal.h"
#include "parse/jsonscan.h"
#include "parse/wwwauth.h"

int registry_authorization(struct registry_host *h, struct arena *a, const char **ret, struct err *e)
{
    pthread_mutex_lock(&h->registry->lock);
    const char *now = h->authorization;
    const char *copy = now ? arena_strdup(a, now) : NULL;
    pthread_mutex_unlock(&h->registry->lock);
    if (now && !copy)
        return err_oom(e);
    *ret = copy;
    return 0;
}

static int remember(struct registry_host *h, const char *value, struct err *e)
{
    char *copy = mem_strdup(value);
    if (!copy)
        return err_oom(e);
    pthread_mutex_lock(&h->registry->lock);
    char *old = h->authorization;
    h->authorization = copy;
    pthread_mutex_unlock(&h->registry->lock);
    mem_free(old);
    return 0;
}

static int basic_value(const struct credentials *c, struct arena *a, const char **ret, struct err *e)
{
    const char *pair = arena_printf(a, "%s:%s", c->user, c->password);
    size_t n = pair ? strlen(pair) : 0;
    char *text = pair ? arena_alloc(a, base64_encoded_len(n) + 1) : NULL;
    if (!text)
        return err_oom(e);
    base64_encode((const uint8_t *)pair, n, false, text);
    *ret = arena_printf(a, "Basic %s", text);
    return *ret ? 0 : err_oom(e);
}

/* The body of a token server's answer. */
struct token_answer {
    int status;
    struct http_response response; /* headers live in the request's arena */
    struct buf body;
};

static int on_token_head(void *user, const struct http_response *response, struct err *e)
{
    struct token_answer *t = user;
    (void)e;
    t->status = response->status;
    t->response = *response;
    return 0;
}

static int on_token_data(void *user, struct view data, struct err *e)
{
    struct token_answer *t = user;
    if (data.n > t->body.max - t->body.n)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "its answer is larger than %zu bytes", t->body.max);
    return buf_add_view(&t->body, data) < 0 ? err_oom(e) : 0;
}

static bool token_is_printable(const char *s)
{
    for (; *s; s++)
        if (*s <= 0x20 || *s >= 0x7f)
            return false;
    return true;
}

static int read_token(struct view body, struct arena *a, const char **ret, struct err *e)
{
    struct jsonscan_value doc;
    TRY(jsonscan_parse(body, &doc, e));
    char *token = NULL;
    TRY(jsonscan_str(jsonscan_get(doc, "token"), "token", REGISTRY_TOKEN_BYTES_MAX, a, &token, e));
    if (!token || !*token)
        TRY(jsonscan_str(jsonscan_get(doc, "access_token"), "access_token", REGISTRY_TOKEN_BYTES_MAX, a, &token, e));
    if (!token || !*token)
        return err_raise(e, ERR_UNAUTHENTICATED, "its answer holds no token");
    if (!token_is_printable(token))
        return err_raise(e, ERR_UNAUTHENTICATED, "its answer holds a token with blanks or control characters");
    *ret = token;
    return 0;
}

static int raise_token_status(const struct token_answer *t, struct arena *a, struct err *e)
{
    const char *text = registry_error_text(buf_view(&t->body), a);
    enum err_code code = t->status == 401 || t->status == 403 || t->status == 400 ? ERR_PERMISSION_DENIED
                         : t->status == 429                                       ? ERR_RESOURCE_EXHAUSTED
                                                                                  : ERR_UNAVAILABLE;
    return err_raise(e, code, "it answered with status %d%s%s", t->status, *text ? ": " : "", text);
}

/* Fills the request for a token in. */
static int token_request(const struct registry_host *h, const struct wwwauth *c, const struct url *realm, struct arena *a,
                         struct http_request *q, struct err *e)
{
    const struct credentials *have = &h->credentials;
    struct kvlist pairs = {0};
    const char *scope = *c->scope ? c->scope : arena_printf(a, "repository:%s:pull", h->registry->repository);
    bool refresh = *have->identity_token != '\0';
    int bad = !scope;
    if (refresh) {
        bad |= kvlist_set(&pairs, a, "grant_type", "refresh_token") < 0;
        bad |= kvlist_set(&pairs, a, "client_id", "cri-containerd") < 0;
        bad |= kvlist_set(&pairs, a, "refresh_token", have->identity_token) < 0;
    }
    if (*c->service)
        bad |= kvlist_set(&pairs, a, "service", c->service) < 0;
    if (scope)
        bad |= kvlist_set(&pairs, a, "scope", scope) < 0;
    if (bad)
        return err_oom(e);
    if (refresh) {
        const char *form;
        TRY(url_form(&pairs, a, &form, e));
        q->method = "POST";
        q->url = realm->text;
        q->body = view_of(form);
        return strlist_add(&q->headers, a, "Content-Type: application/x-www-form-urlencoded") < 0 ? err_oom(e) : 0;
    }
    q->method = "GET";
    TRY(url_add_query(realm->text, &pairs, a, &q->url, e));
    if (!*have->user)
        return 0;
    const char *basic;
    TRY(basic_value(have, a, &basic, e));
    return strlist_addf(&q->headers, a, "Authorization: %s", basic) < 0 ? err_oom(e) : 0;
}

/* Secrets go over plain http only where the registry itself does not ask for more. */
static int check_realm(const struct registry_host *h, const char *scheme, const struct url *realm, struct err *e)
{
    bool secret = *h->credentials.user || *h->credentials.identity_token || h->server->headers.n > 0;
    bool weaker = strcmp(realm->scheme, "http") == 0 && strcmp(scheme, "https") == 0;
    if (secret && weaker && !url_is_loopback(view_of(realm->host)))
        return err_raise(e, ERR_PERMISSION_DENIED, "credentials are not sent there over plain http");
    return 0;
}

static int ask_token(struct registry_host *h, const struct ctx *ctx, const struct http_request *q, struct arena *a,
                     struct token_answer *t, struct err *e)
{
    const struct registry_options *o = &h->registry->options;
    const struct http_sink sink = {.user = t, .head = on_token_head, .data = on_token_data};
    for (unsigned n = 0;; n++) {
        buf_clear(&t->body);
        TRY(o->http->exchange(o->http_user, ctx, q, a, &sink, e));
        if (!registry_repeat(h->registry, ctx, t->status, http_header(&t->response, "retry-after"), n))
            return 0;
    }
}

static bool has_authorization(const struct http_request *q)
{
    for (size_t i = 0; i < q->headers.n; i++)
        if (view_starts(view_of(q->headers.v[i]), VIEW_LIT("Authorization:")))
            return true;
    return false;
}

static int fetch_token(struct registry_host *h, const struct ctx *ctx, const char *scheme, const struct wwwauth *c, struct arena *a,
                       const char **ret, struct err *e)
{
    struct url realm;
    TRY(url_resolve(NULL, c->realm, a, &realm, e));
    TRY(check_realm(h, scheme, &realm, e));
    struct http_request q = {.tls = &h->tls,
                             .dial_timeout = h->server->dial_timeout,
                             .idle_timeout = h->registry->options.idle_timeout,
                             .direct = url_is_loopback(view_of(realm.host))};
    TRY(token_request(h, c, &realm, a, &q, e));
    TRY(registry_add_headers(h, has_authorization(&q), &q.headers, a, e));
    if (strlist_add(&q.headers, a, "Accept: application/json") < 0)
        return err_oom(e);
    struct token_answer t = {.body = BUF_INIT(REGISTRY_TOKEN_BYTES_MAX)};
    int code = ask_token(h, ctx, &q, a, &t, e);
    if (code == 0)
        code = t.status == 200 ? read_token(buf_view(&t.body), a, ret, e) : raise_token_status(&t, a, e);
    buf_done(&t.body);
    return code;
}

int registry_authorize(struct registry_host *h, const struct ctx *ctx, const char *scheme, const char *challenge, const char *used,
                       struct arena *a, const char **ret, struct err *e)
{
    struct wwwauth c;
    int code = wwwauth_find(view_of(challenge), a, &c, e);
    if (code == -ERR_RESOURCE_EXHAUSTED)
        return code;
    if (code < 0)
        return err_raise(e, ERR_UNAUTHENTICATED, "the registry wants authentication of a kind that is not known");
    const char *value;
    if (c.scheme == WWWAUTH_BASIC) {
        if (!*h->credentials.user)
            return err_raise(e, ERR_UNAUTHENTICATED, "the registry wants a user name and a password");
        TRY(basic_value(&h->credentials, a, &value, e));
    } else {
        if (*h->credentials.registry_token)
            return err_raise(e, ERR_UNAUTHENTICATED, "the registry does not take the registry token");
        const char *token = NULL;
        code = fetch_token(h, ctx, scheme, &c, a, &token, e);
        if (code < 0)
            return err_wrap(e, code, "token server of %s", h->name);
        value = arena_printf(a, "Bearer %s", token);
        if (!value)
            return err_oom(e);
    }
    if (used && strcmp(used, value) == 0)
        return err_raise(e, ERR_UNAUTHENTICATED, "the registry does not take the credentials");
    TRY(remember(h, value, e));
    *ret = value;
    return 0;
}

int registry_scrub(struct registry *r, int code, struct err *e)
{
    if (!e || !r || code >= 0)
        return code;
    credentials_scrub(&r->secrets, e->message);
    for (size_t i = 0; i < r->n_hosts; i++) {
        struct registry_host *h = &r->hosts[i];
        credentials_scrub(&h->credentials.secrets, e->message);
        pthread_mutex_lock(&r->lock);
        if (h->authorization) {
            char *space = strchr(h->authorization, ' ');
            const struct strlist one = {.v = (char *[]){space ? space + 1 : h->authorization}, .n = 1};
            credentials_scrub(&one, e->message);
        }
        pthread_mutex_unlock(&r->lock);
    }
    return code;
}
