/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP on libcurl against a server on a loopback socket that sends scripted bytes. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "image/http.h"

/* Serves connections one after the other: reads a request's head (and a body of `body` bytes), sends `answer`, then closes or
 * reads the next. */
struct server {
    int fd, stop[2];
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    char answer[2 * HTTP_HEADER_BYTES_MAX]; /* under lock */
    size_t answer_n;
    size_t body; /* bytes of request body to read */
    bool keep;   /* the connection stays open after the answer, for the next request or until the client closes */
    unsigned accepted, requests;
    char request[4096]; /* the last one */
};

/* Reads until text is complete. False at the end of the connection. */
static bool read_request(struct server *s, int c)
{
    size_t n = 0;
    memset(s->request, 0, sizeof(s->request));
    for (;;) {
        const char *end = strstr(s->request, "\r\n\r\n");
        if (end && n >= (size_t)(end - s->request) + 4 + s->body)
            return true;
        struct pollfd p[2] = {{.fd = c, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
        poll(p, 2, -1);
        if (p[1].revents)
            return false;
        ssize_t r = read(c, s->request + n, sizeof(s->request) - 1 - n);
        if (r <= 0)
            return false;
        n += (size_t)r;
    }
}

static bool send_answer(struct server *s, int c)
{
    pthread_mutex_lock(&s->lock);
    s->requests++;
    bool ok = send(c, s->answer, s->answer_n, MSG_NOSIGNAL) >= 0;
    pthread_mutex_unlock(&s->lock);
    return ok && s->keep;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (;;) {
        struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
        poll(p, 2, -1);
        if (p[1].revents)
            return NULL;
        int c = accept(s->fd, NULL, NULL);
        s->accepted++;
        while (c >= 0 && read_request(s, c) && send_answer(s, c))
            continue;
        close(c);
    }
}

struct fixture {
    struct server server;
    struct http_curl *http;
    struct arena arena;
    struct err e;
    struct http_response response;
    struct buf body;
    int refuse; /* code that data answers with */
    unsigned heads;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    pthread_mutex_init(&f->server.lock, NULL);
    f->server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(f->server.fd, (struct sockaddr *)&a, len) < 0 || listen(f->server.fd, 8) < 0 ||
        getsockname(f->server.fd, (struct sockaddr *)&a, &len) < 0 || pipe(f->server.stop) < 0)
        return -1;
    f->server.port = ntohs(a.sin_port);
    pthread_create(&f->server.thread, NULL, serve, &f->server);
    arena_init(&f->arena, 8 << 20);
    buf_init(&f->body, 1 << 20);
    if (http_curl_new(&f->http, &f->e) < 0)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_curl_free(f->http);
    close(f->server.stop[1]);
    pthread_join(f->server.thread, NULL);
    close(f->server.stop[0]);
    close(f->server.fd);
    buf_done(&f->body);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static int on_head(void *user, const struct http_response *response, struct err *e)
{
    struct fixture *f = user;
    f->response = *response;
    f->heads++;
    return 0;
}

static int on_data(void *user, struct view data, struct err *e)
{
    struct fixture *f = user;
    assert_int_equal(f->heads, 1);
    if (f->refuse)
        return err_raise(e, (enum err_code) - f->refuse, "not wanted");
    return buf_add_view(&f->body, data) < 0 ? err_oom(e) : 0;
}

static int ask_with(struct fixture *f, const struct ctx *ctx, struct http_request q)
{
    char url[64];
    const struct http_sink sink = {.user = f, .head = on_head, .data = on_data};
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/path?secret=1", f->server.port);
    if (!q.url)
        q.url = url;
    if (!q.method)
        q.method = "GET";
    q.direct = true;
    buf_clear(&f->body);
    f->heads = 0;
    err_clear(&f->e);
    return http_curl_ops.exchange(f->http, ctx, &q, &f->arena, &sink, &f->e);
}

static void set_answer(struct fixture *f, const char *answer)
{
    pthread_mutex_lock(&f->server.lock);
    f->server.answer_n = strlen(answer);
    memcpy(f->server.answer, answer, f->server.answer_n);
    pthread_mutex_unlock(&f->server.lock);
}

static int ask(struct fixture *f, const char *answer)
{
    const struct ctx ctx = CTX_BACKGROUND;
    set_answer(f, answer);
    return ask_with(f, &ctx, (struct http_request){0});
}

static void test_get(void **state)
{
    struct fixture *f = *state;
    assert_ok(ask(f, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\nx-one:  b \r\nDocker-Content-Digest: z\r\n\r\nhello"),
              &f->e);
    assert_int_equal(f->response.status, 200);
    assert_int_equal(f->response.content_length, 5);
    assert_string_equal(http_header(&f->response, "x-one"), "a, b");
    assert_string_equal(http_header(&f->response, "docker-content-digest"), "z");
    assert_string_equal(http_header(&f->response, "nothing"), "");
    assert_view(buf_view(&f->body), "hello");
    assert_memory_equal(f->server.request, "GET /path?secret=1 HTTP/1.1\r\n", 29);
    assert_non_null(strstr(f->server.request, "User-Agent: cri-containerd/"));
}

static void test_bodies(void **state)
{
    struct fixture *f = *state;
    assert_ok(ask(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer-Field: x\r\n\r\n"),
              &f->e);
    assert_view(buf_view(&f->body), "abcde");
    assert_int_equal(f->response.content_length, -1);
    assert_ok(ask(f, "HTTP/1.1 200 OK\r\n\r\nuntil the end"), &f->e);
    assert_view(buf_view(&f->body), "until the end");
    assert_ok(ask(f, "HTTP/1.1 204 No\r\n\r\n"), &f->e);
    assert_int_equal(f->heads, 1);
    assert_ok(ask(f, "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"), &f->e);
    assert_int_equal(f->response.status, 404);
    assert_string_equal(http_header(&f->response, "x"), "");
    /* A redirect is an answer like any other. */
    assert_ok(ask(f, "HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), &f->e);
    assert_int_equal(f->response.status, 307);
}

static void test_post(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    struct http_request q = {.method = "POST", .body = VIEW_LIT("a=1&b=2")};
    strlist_add(&q.headers, &f->arena, "Content-Type: application/x-www-form-urlencoded");
    f->server.body = 7;
    set_answer(f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    assert_ok(ask_with(f, &ctx, q), &f->e);
    assert_memory_equal(f->server.request, "POST ", 5);
    assert_non_null(strstr(f->server.request, "\r\n\r\na=1&b=2"));
    f->server.body = 0;
}

static void test_broken(void **state)
{
    struct fixture *f = *state;
    assert_fails(ask(f, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"), &f->e, ERR_UNAVAILABLE, "");
    assert_view(buf_view(&f->body), "short");
    assert_null(strstr(f->e.message, "secret"));
    assert_fails(ask(f, ""), &f->e, ERR_UNAVAILABLE, "");
    assert_fails(ask(f, "no http at all\r\n\r\n"), &f->e, ERR_UNAVAILABLE, "");
    assert_fails(ask(f, "HTTP/1.1 2 OK\r\n\r\n"), &f->e, ERR_UNAVAILABLE, "");
    const struct ctx ctx = CTX_BACKGROUND;
    assert_fails(ask_with(f, &ctx, (struct http_request){.url = "http://127.0.0.1:1/"}), &f->e, ERR_UNAVAILABLE, "127.0.0.1");
    assert_fails(ask_with(f, &ctx, (struct http_request){.url = "file:///etc/passwd"}), &f->e, ERR_INVALID_ARGUMENT, "");
}

static void test_refused_by_sink(void **state)
{
    struct fixture *f = *state;
    f->refuse = -ERR_DATA_LOSS;
    assert_fails(ask(f, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), &f->e, ERR_DATA_LOSS, "not wanted");
    f->refuse = 0;
}

static void test_header_limits(void **state)
{
    struct fixture *f = *state;
    struct buf text = BUF_INIT(1 << 20);
    for (int n = HTTP_HEADERS_MAX - 1; n <= HTTP_HEADERS_MAX + 1; n++) {
        buf_clear(&text);
        buf_add_str(&text, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        for (int i = 1; i < n; i++)
            buf_printf(&text, "h%d: v\r\n", i);
        buf_add_str(&text, "\r\n");
        if (n <= HTTP_HEADERS_MAX)
            assert_ok(ask(f, text.p), &f->e);
        else
            assert_fails(ask(f, text.p), &f->e, ERR_RESOURCE_EXHAUSTED, "more than 256 header fields");
    }
    /* Status line, fields and the empty line, to the byte. */
    for (int more = -1; more <= 1; more++) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", name[] = "x: ";
        size_t fields = 8, left = (size_t)(HTTP_HEADER_BYTES_MAX + more) - strlen(head) - 2;
        buf_clear(&text);
        buf_add_str(&text, head);
        for (size_t i = 0; i < fields; i++) {
            size_t n = i + 1 < fields ? left / fields : left - (fields - 1) * (left / fields);
            buf_add_str(&text, name);
            for (size_t k = strlen(name) + 2; k < n; k++)
                buf_add_char(&text, 'v');
            buf_add_str(&text, "\r\n");
        }
        buf_add_str(&text, "\r\n");
        assert_int_equal(text.n, HTTP_HEADER_BYTES_MAX + more);
        if (more <= 0)
            assert_ok(ask(f, text.p), &f->e);
        else
            assert_fails(ask(f, text.p), &f->e, ERR_RESOURCE_EXHAUSTED, "larger than 65536 bytes");
    }
    buf_done(&text);
}

static void test_connection_is_kept(void **state)
{
    struct fixture *f = *state;
    f->server.keep = true;
    for (int i = 0; i < 3; i++)
        assert_ok(ask(f, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), &f->e);
    assert_int_equal(f->server.requests, 3);
    assert_int_equal(f->server.accepted, 1);
}

/* A server that stops in the middle. */
static void test_limits(void **state)
{
    struct fixture *f = *state;
    f->server.keep = true;
    set_answer(f, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
    const struct ctx forever = CTX_BACKGROUND;
    assert_fails(ask_with(f, &forever, (struct http_request){.idle_timeout = 50 * NSEC_PER_MSEC}), &f->e, ERR_DEADLINE_EXCEEDED,
                 "no byte arrived");
    const struct ctx soon = {.deadline = clock_deadline(50 * NSEC_PER_MSEC)};
    assert_fails(ask_with(f, &soon, (struct http_request){0}), &f->e, ERR_DEADLINE_EXCEEDED, "registry");
    const struct ctx past = {.deadline = clock_mono()};
    assert_fails(ask_with(f, &past, (struct http_request){0}), &f->e, ERR_DEADLINE_EXCEEDED, "registry");
}

struct canceller {
    struct fixture *f;
    struct cancel cancel;
};

static void *cancel_later(void *arg)
{
    struct canceller *c = arg;
    unsigned n = 0;
    while (n == 0) {
        pthread_mutex_lock(&c->f->server.lock);
        n = c->f->server.requests;
        pthread_mutex_unlock(&c->f->server.lock);
        poll(NULL, 0, 1);
    }
    cancel_fire(&c->cancel);
    return NULL;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct canceller c = {.f = f};
    pthread_t t;
    f->server.keep = true;
    set_answer(f, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
    assert_ok(cancel_init(&c.cancel, &f->e), &f->e);
    pthread_create(&t, NULL, cancel_later, &c);
    const struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &c.cancel};
    assert_fails(ask_with(f, &ctx, (struct http_request){0}), &f->e, ERR_CANCELLED, "");
    pthread_join(t, NULL);
    cancel_done(&c.cancel);
}

static void test_ca_file(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", f->server.port);
    struct http_tls tls = {0};
    strlist_add(&tls.ca, &f->arena, "/nonexistent/ca.pem");
    assert_fails(ask_with(f, &ctx, (struct http_request){.url = url, .tls = &tls}), &f->e, ERR_FAILED_PRECONDITION,
                 "cannot use the CA certificates in /nonexistent/ca.pem");
    tls.ca = (struct strlist){0};
    kvlist_set(&tls.clients, &f->arena, "/nonexistent/client.pem", "");
    assert_fails(ask_with(f, &ctx, (struct http_request){.url = url, .tls = &tls}), &f->e, ERR_FAILED_PRECONDITION,
                 "cannot use the client certificate /nonexistent/client.pem");
}

/* An address of a proxy that curl does not understand is one that it says back, with the password. */
static void test_bad_proxy(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    const struct http_sink sink = {.user = f, .head = on_head, .data = on_data};
    const struct http_request q = {.method = "GET", .url = "http://registry.test/"};
    static char tail[CURL_ERROR_SIZE], longer[2 * CURL_ERROR_SIZE];
    memset(tail, 'x', sizeof(tail) - 1);
    snprintf(longer, sizeof(longer), "http://u:password%s@bad host:1", tail);
    const char *const proxies[] = {"http://u:password@bad host:1", "http://u:password@x:port", "nothing://u:password@x", longer};
    for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) {
        setenv("http_proxy", proxies[i], 1);
        err_clear(&f->e);
        assert_fails(http_curl_ops.exchange(f->http, &ctx, &q, &f->arena, &sink, &f->e), &f->e, ERR_UNAVAILABLE, "proxy");
        assert_null(strstr(f->e.message, "passw"));
    }
    unsetenv("http_proxy");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_get),
        T(test_bodies),
        T(test_post),
        T(test_broken),
        T(test_refused_by_sink),
        T(test_header_limits),
        T(test_connection_is_kept),
        T(test_limits),
        T(test_cancel),
        T(test_ca_file),
        T(test_bad_proxy),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return r;
}
