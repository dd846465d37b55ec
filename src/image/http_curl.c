/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP on libcurl's multi interface, which can be woken by a cancelled ctx while it waits. A multi handle owns the connections
 * that it made, so idle handles are kept and handed to the next exchange that says the same about TLS: curl does not know what was
 * verified how, and a connection made without verification must not serve a request that wants it.
 */
#include "image/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <strings.h>

#include "base/mem.h"
#include "base/num.h"
#include "image/http_tls.h"

enum { IDLE_HANDLES_MAX = 16, CONNECT_TIMEOUT_MS = 30000, POLL_MAX_MS = 1000 };

/* Connections, and what was said about TLS when they were made. */
struct handle {
    CURLM *multi;
    struct http_tls tls; /* OpenSSL contexts of the connections point here */
    struct arena arena;  /* of tls */
};

struct http_curl {
    pthread_mutex_t lock;
    struct handle *idle[IDLE_HANDLES_MAX]; /* the one used last stands last */
    size_t n_idle;
};

int http_curl_new(struct http_curl **ret, struct err *e)
{
    struct http_curl *h = mem_zalloc(sizeof(*h));
    if (!h)
        return err_oom(e);
    if (pthread_mutex_init(&h->lock, NULL) != 0) {
        mem_free(h);
        return err_oom(e);
    }
    *ret = h;
    return 0;
}

static void handle_free(struct handle *h)
{
    if (!h)
        return;
    if (h->multi)
        curl_multi_cleanup(h->multi);
    arena_done(&h->arena);
    mem_free(h);
}

void http_curl_free(struct http_curl *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n_idle; i++)
        handle_free(h->idle[i]);
    pthread_mutex_destroy(&h->lock);
    mem_free(h);
}

static int handle_new(const struct http_tls *tls, struct handle **ret, struct err *e)
{
    static const struct http_tls nothing;
    struct handle *h = mem_zalloc(sizeof(*h));
    if (!h)
        return err_oom(e);
    arena_init(&h->arena, (size_t)1 << 20);
    int r = http_tls_copy(tls ? tls : &nothing, &h->arena, &h->tls, e);
    if (r == 0) {
        h->multi = curl_multi_init();
        r = h->multi ? 0 : err_oom(e);
    }
    if (r < 0) {
        handle_free(h);
        return r;
    }
    *ret = h;
    return 0;
}

/* Takes entry i out of the list of idle handles. Under the lock. */
static struct handle *take_idle(struct http_curl *h, size_t i)
{
    struct handle *one = h->idle[i];
    memmove(&h->idle[i], &h->idle[i + 1], (h->n_idle - i - 1) * sizeof(h->idle[0]));
    h->n_idle--;
    return one;
}

static int take_handle(struct http_curl *h, const struct http_tls *tls, struct handle **ret, struct err *e)
{
    struct handle *found = NULL;
    pthread_mutex_lock(&h->lock);
    for (size_t i = h->n_idle; i-- > 0 && !found;)
        if (http_tls_equal(&h->idle[i]->tls, tls))
            found = take_idle(h, i);
    pthread_mutex_unlock(&h->lock);
    if (!found)
        return handle_new(tls, ret, e);
    *ret = found;
    return 0;
}

static void give_handle(struct http_curl *h, struct handle *one)
{
    struct handle *oldest = NULL;
    pthread_mutex_lock(&h->lock);
    if (h->n_idle == IDLE_HANDLES_MAX)
        oldest = take_idle(h, 0);
    h->idle[h->n_idle++] = one;
    pthread_mutex_unlock(&h->lock);
    handle_free(oldest);
}

/* One exchange under way. */
struct exchange {
    const struct http_request *request;
    const struct http_tls *tls; /* the handle's */
    const struct http_sink *sink;
    struct arena *arena;
    struct http_response response;
    size_t header_bytes;
    bool head_given;
    int failed; /* negative code that a callback of ours ended the exchange with */
    uint64_t last_byte;
    struct err *e;
};

static int give_head(struct exchange *x)
{
    if (x->head_given)
        return 0;
    x->head_given = true;
    x->response.content_length = -1;
    uint64_t length;
    const char *text = http_header(&x->response, "content-length");
    if (num_parse_u64(view_of(text), INT64_MAX, &length) == NUM_OK)
        x->response.content_length = (int64_t)length;
    return x->sink->head(x->sink->user, &x->response, x->e);
}

static int add_header(struct exchange *x, struct view line)
{
    struct view name, value;
    if (!view_cut(line, ':', &name, &value))
        return 0;
    name = view_trim(name);
    value = view_trim(value);
    if (x->response.headers.n >= HTTP_HEADERS_MAX)
        return err_raise(x->e, ERR_RESOURCE_EXHAUSTED, "the answer has more than %d header fields", HTTP_HEADERS_MAX);
    char *key = arena_view(x->arena, name);
    if (!key)
        return err_oom(x->e);
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    const char *old = kvlist_get(&x->response.headers, key);
    char *text = old ? arena_printf(x->arena, "%s, %.*s", old, VIEW_ARG(value)) : arena_view(x->arena, value);
    if (!text || kvlist_set(&x->response.headers, x->arena, key, text) < 0)
        return err_oom(x->e);
    return 0;
}

static int take_header_line(struct exchange *x, struct view line)
{
    if (x->head_given) /* a trailer */
        return 0;
    x->header_bytes += line.n;
    if (x->header_bytes > HTTP_HEADER_BYTES_MAX)
        return err_raise(x->e, ERR_RESOURCE_EXHAUSTED, "the answer's header is larger than %d bytes", HTTP_HEADER_BYTES_MAX);
    if (view_starts(line, VIEW_LIT("HTTP/"))) {
        struct view rest;
        uint64_t status;
        view_cut(line, ' ', NULL, &rest);
        if (num_parse_u64(view_slice(view_trim(rest), 0, 3), 599, &status) != NUM_OK)
            return err_raise(x->e, ERR_UNAVAILABLE, "the answer's status line is malformed");
        x->response.status = (int)status;
        x->response.headers = (struct kvlist){0};
        return 0;
    }
    if (view_trim(line).n == 0)
        return x->response.status >= 200 ? give_head(x) : 0;
    return add_header(x, line);
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    struct exchange *x = user;
    x->last_byte = clock_mono();
    x->failed = take_header_line(x, view_make(p, size * n));
    return x->failed < 0 ? 0 : size * n;
}

static size_t on_data(char *p, size_t size, size_t n, void *user)
{
    struct exchange *x = user;
    x->last_byte = clock_mono();
    x->failed = give_head(x);
    if (x->failed >= 0 && size * n > 0)
        x->failed = x->sink->data(x->sink->user, view_make(p, size * n), x->e);
    return x->failed < 0 ? 0 : size * n;
}

static CURLcode on_ssl_ctx(CURL *curl, void *ssl_ctx, void *user)
{
    struct exchange *x = user;
    (void)curl;
    x->failed = http_tls_apply(x->tls, ssl_ctx, x->e);
    return x->failed < 0 ? CURLE_SSL_CERTPROBLEM : CURLE_OK;
}

#define SET(option, value)                                                                                                       \
    do {                                                                                                                         \
        CURLcode set_ = curl_easy_setopt(c, (option), (value));                                                                  \
        if (set_ != CURLE_OK)                                                                                                    \
            return set_;                                                                                                         \
    } while (0)

static long connect_ms(const struct http_request *q)
{
    uint64_t ms = (q->dial_timeout + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return ms == 0 ? CONNECT_TIMEOUT_MS : ms > INT32_MAX ? INT32_MAX : (long)ms;
}

static CURLcode configure(CURL *c, struct exchange *x, struct curl_slist *headers, char *error_text)
{
    const struct http_request *q = x->request;
    SET(CURLOPT_URL, q->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, "cri-containerd/" PROJECT_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_ERRORBUFFER, error_text);
    SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms(q));
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name that nobody resolves is left to its thread, which cleans up behind itself */
    SET(CURLOPT_BUFFERSIZE, 256L * 1024);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_data);
    SET(CURLOPT_WRITEDATA, x);
    if (q->direct)
        SET(CURLOPT_NOPROXY, "*");
    if (strcmp(q->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        SET(CURLOPT_POSTFIELDS, q->body.n ? q->body.p : "");
    }
    SET(CURLOPT_SSL_VERIFYPEER, x->tls->skip_verify ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, x->tls->skip_verify ? 0L : 2L);
    if (x->tls->ca.n > 0 || x->tls->clients.n > 0) {
        SET(CURLOPT_CA_CACHE_TIMEOUT, 0L); /* a cached store would carry the extra certificates elsewhere */
        SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
        SET(CURLOPT_SSL_CTX_DATA, x);
    }
    return CURLE_OK;
}

/* curl's own words, unless they may hold the password of a proxy: where it cannot use a proxy's address, it says the address back. */
static const char *words(CURLcode code, const char *error_text)
{
    if (strchr(error_text, '@'))
        return "the address of the proxy, which comes from the environment, cannot be used";
    bool cut = strlen(error_text) + 1 >= CURL_ERROR_SIZE; /* before the '@', maybe */
    return error_text[0] && !cut ? error_text : curl_easy_strerror(code);
}

/* What a failed exchange is to be called. Only codes that have a code of their own are looked at. */
static int raise_curl(struct exchange *x, CURLcode code, const char *error_text)
{
    if (x->failed < 0)
        return x->failed;
    const char *text = words(code, error_text);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return err_oom(x->e);
    case CURLE_URL_MALFORMAT:
        return err_raise(x->e, ERR_INVALID_ARGUMENT, "the address cannot be used: %s", curl_easy_strerror(code));
    case CURLE_PEER_FAILED_VERIFICATION: /* asking again does not help, and asking without TLS must not */
        return err_raise(x->e, ERR_FAILED_PRECONDITION, "%s", text);
    default:
        return err_raise(x->e, ERR_UNAVAILABLE, "%s", text);
    }
}

/* Milliseconds to wait at most, so that neither deadline nor idle limit is passed unseen. */
static int wait_ms(const struct exchange *x, const struct ctx *ctx)
{
    int ms = POLL_MAX_MS;
    int left = clock_poll_ms(ctx->deadline);
    if (left >= 0 && left < ms)
        ms = left;
    if (x->request->idle_timeout > 0) {
        left = clock_poll_ms(x->last_byte + x->request->idle_timeout);
        if (left >= 0 && left < ms)
            ms = left;
    }
    return ms < 1 ? 1 : ms;
}

static int check_limits(struct exchange *x, const struct ctx *ctx)
{
    TRY(ctx_check(ctx, "an answer of the registry", x->e));
    uint64_t idle = x->request->idle_timeout;
    if (idle > 0 && clock_mono() - x->last_byte >= idle)
        return err_raise(x->e, ERR_DEADLINE_EXCEEDED, "no byte arrived for %llu s", (unsigned long long)(idle / NSEC_PER_SEC));
    return 0;
}

static int run(CURLM *multi, struct exchange *x, const struct ctx *ctx, const char *error_text)
{
    for (;;) {
        int running = 0, left = 0;
        CURLMcode mc = curl_multi_perform(multi, &running);
        if (mc != CURLM_OK)
            return mc == CURLM_OUT_OF_MEMORY ? err_oom(x->e) : err_raise(x->e, ERR_INTERNAL, "%s", curl_multi_strerror(mc));
        const CURLMsg *m = curl_multi_info_read(multi, &left);
        if (m && m->msg == CURLMSG_DONE) {
            if (m->data.result != CURLE_OK)
                return raise_curl(x, m->data.result, error_text);
            x->failed = give_head(x);
            return x->failed < 0 ? x->failed : 0;
        }
        TRY(check_limits(x, ctx));
        struct curl_waitfd wake = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = CURL_WAIT_POLLIN};
        (void)curl_multi_poll(multi, &wake, wake.fd >= 0 ? 1 : 0, wait_ms(x, ctx), NULL);
    }
}

static int make_headers(const struct http_request *q, struct curl_slist **ret, struct err *e)
{
    struct curl_slist *all = NULL;
    for (size_t i = 0; i < q->headers.n; i++) {
        /* "Name: " would take the field away; with a semicolon it is sent without a value. */
        const char *line = q->headers.v[i], *colon = strchr(line, ':');
        bool empty = colon && view_trim(view_of(colon + 1)).n == 0;
        char *text = empty ? mem_printf("%.*s;", (int)(colon - line), line) : mem_strdup(line);
        struct curl_slist *more = text ? curl_slist_append(all, text) : NULL;
        mem_free(text);
        if (!more) {
            curl_slist_free_all(all);
            return err_oom(e);
        }
        all = more;
    }
    *ret = all;
    return 0;
}

static int exchange_by(CURLM *multi, CURL *easy, struct exchange *x, const struct ctx *ctx, struct curl_slist *headers)
{
    char error_text[CURL_ERROR_SIZE] = "";
    CURLcode code = configure(easy, x, headers, error_text);
    if (code != CURLE_OK)
        return raise_curl(x, code, error_text);
    if (curl_multi_add_handle(multi, easy) != CURLM_OK)
        return err_oom(x->e);
    int r = run(multi, x, ctx, error_text);
    curl_multi_remove_handle(multi, easy);
    return r;
}

static int exchange(void *user, const struct ctx *ctx, const struct http_request *request, struct arena *a,
                    const struct http_sink *sink, struct err *e)
{
    struct http_curl *h = user;
    struct handle *handle;
    struct curl_slist *headers;
    struct exchange x = {.request = request, .sink = sink, .arena = a, .last_byte = clock_mono(), .e = e};
    TRY(ctx_check(ctx, "the registry", e));
    /* Here, because curl has the same code for an answer that is no HTTP. */
    if (strncmp(request->url, "http://", 7) != 0 && strncmp(request->url, "https://", 8) != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the address is neither http nor https");
    TRY(make_headers(request, &headers, e));
    int r = take_handle(h, request->tls, &handle, e);
    if (r == 0) {
        CURL *easy = curl_easy_init();
        x.tls = &handle->tls;
        r = easy ? exchange_by(handle->multi, easy, &x, ctx, headers) : err_oom(e);
        curl_easy_cleanup(easy);
        give_handle(h, handle);
    }
    curl_slist_free_all(headers);
    return r;
}

const struct http_ops http_curl_ops = {.exchange = exchange};
