/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over socketpairs, in one thread and on virtual time: answers, bad requests, clients that are slow or many, memory that is short. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "stream/http_server.h"
#include "sweep.h"

static struct loop *loop;
static struct http_server *server;
static int client = -1;
static char got[HTTP_SERVER_BODY_MAX + 4096];
static size_t n_got;
static bool closed;

static int handle(void *user, const struct httphead *head, struct http_answer *answer, struct err *e)
{
    if (view_eq_str(head->path, "/fail"))
        return err_raise(e, ERR_INTERNAL, "it is broken");
    if (view_eq_str(head->path, "/large")) {
        char *p = buf_reserve(&answer->body, HTTP_SERVER_BODY_MAX);
        if (!p)
            return err_oom(e);
        memset(p, 'x', HTTP_SERVER_BODY_MAX);
        buf_commit(&answer->body, HTTP_SERVER_BODY_MAX);
        return buf_add_char(&answer->body, 'x') < 0 ? 0 : err_raise(e, ERR_INTERNAL, "no maximum");
    }
    if (view_eq_str(head->path, "/away"))
        answer->status = 503;
    return buf_printf(&answer->body, "path %.*s", VIEW_ARG(head->path)) < 0 ? err_oom(e) : 0;
}

static int start(struct err *e)
{
    int pair[2];
    struct http_server_config config = {.handle = handle};
    TRY(loop_new(&loop, e));
    TRY(http_server_new(loop, &config, &server, e));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    client = pair[1];
    n_got = 0;
    closed = false;
    return http_server_adopt(server, pair[0], e);
}

static void end(void)
{
    http_server_free(server);
    loop_free(loop);
    if (client >= 0)
        close(client);
    server = NULL;
    loop = NULL;
    client = -1;
}

static int setup(void **state)
{
    struct err e = ERR_INIT;
    clock_virtual(NSEC_PER_SEC, 0);
    assert_ok(start(&e), &e);
    return 0;
}

static int teardown(void **state)
{
    end();
    clock_virtual_off();
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void say(const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(client, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Lets the server work until nothing moves, and reads what it says. */
static int listen_to(struct err *e)
{
    for (int quiet = 0; quiet < 4; quiet++) {
        TRY(loop_run_once(loop, 0, e));
        ssize_t n = closed ? -1 : recv(client, got + n_got, sizeof got - 1 - n_got, 0);
        if (n > 0) {
            n_got += (size_t)n;
            quiet = 0;
        }
        closed = closed || n == 0 || (n < 0 && errno == ECONNRESET);
    }
    got[n_got] = '\0';
    return 0;
}

static const char *answer_to(const char *text)
{
    struct err e = ERR_INIT;
    n_got = 0;
    say(text);
    assert_ok(listen_to(&e), &e);
    return got;
}

static void test_answers(void **state)
{
    assert_string_equal(answer_to("GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n"
                                                                          "Cache-Control: no-store\r\n\r\npath /a");
    assert_non_null(strstr(answer_to("GET /away HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(answer_to("GET /fail HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 500 Internal Server Error\r\n"));
    assert_non_null(strstr(got, "\r\n\r\nit is broken\n"));
    assert_non_null(strstr(answer_to("PUT / HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed\r\n"));
    assert_non_null(strstr(got, "\r\nAllow: GET\r\n"));
    assert_false(closed);
    assert_non_null(strstr(answer_to("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), "\r\nConnection: close\r\n"));
    assert_true(closed);
}

static void test_pieces_and_pipeline(void **state)
{
    assert_string_equal(answer_to("GET /one HTT"), "");
    assert_non_null(strstr(answer_to("P/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\n\r\nGET /thr"), "path /one"));
    assert_non_null(strstr(got, "path /two"));
    assert_null(strstr(got, "path /thr"));
    assert_non_null(strstr(answer_to("ee HTTP/1.0\r\n\r\n"), "path /three"));
    assert_true(closed);
}

static void test_bad_requests(void **state)
{
    static const struct {
        const char *text, *status;
    } cases[] = {
        {"GET / HTTP/1.1\n\n", "400"},
        {"\x16\x03\x01\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "505"},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: br\r\n\r\n", "501"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", "413"},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "413"},
    };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *text = answer_to(cases[i].text);
        assert_memory_equal(text, "HTTP/1.1 ", 9);
        assert_memory_equal(text + 9, cases[i].status, 3);
        assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
        assert_true(closed);
        say("more of it, which is dropped");
        assert_ok(listen_to(&e), &e);
        end();
        assert_ok(start(&e), &e);
    }
    static char long_head[HTTPHEAD_MAX + 2];
    memset(long_head, 'G', HTTPHEAD_MAX + 1);
    assert_non_null(strstr(answer_to(long_head), "HTTP/1.1 431 "));
    assert_true(closed);
}

/* A head that does not end, an answer that is not taken, a client that does not close: each has its time. */
static void test_slow_clients(void **state)
{
    struct err e = ERR_INIT;
    answer_to("GET / HTTP/1.1\r\n");
    clock_advance(HTTP_SERVER_SECONDS * NSEC_PER_SEC - 1);
    answer_to("Host: h\r\n");
    assert_false(closed);
    clock_advance(1);
    assert_ok(listen_to(&e), &e);
    assert_true(closed);
    end();
    assert_ok(start(&e), &e);
    say("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 8; i++)
        assert_ok(loop_run_once(loop, 0, &e), &e);
    clock_advance(HTTP_SERVER_SECONDS * NSEC_PER_SEC);
    for (int i = 0; i < 8; i++)
        assert_ok(loop_run_once(loop, 0, &e), &e);
    assert_ok(listen_to(&e), &e);
    assert_true(closed);
    assert_true(n_got < HTTP_SERVER_BODY_MAX);
    end();
    assert_ok(start(&e), &e);
    answer_to("GET / HTTP/1.0\r\n\r\n");
    assert_true(closed); /* for reading; what is said still has its answer until the time is over */
    assert_int_equal(send(client, "x", 1, MSG_NOSIGNAL), 1);
    clock_advance(HTTP_SERVER_SECONDS * NSEC_PER_SEC);
    assert_ok(listen_to(&e), &e);
    assert_int_equal(send(client, "x", 1, MSG_NOSIGNAL), -1);
}

static void test_large(void **state)
{
    const char *text = answer_to("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(text, "\r\nContent-Length: 1048576\r\n"));
    assert_int_equal(n_got - (size_t)(strstr(text, "\r\n\r\n") + 4 - text), HTTP_SERVER_BODY_MAX);
}

static void test_requests_of_a_connection(void **state)
{
    for (int i = 1; i < HTTP_SERVER_REQUESTS_MAX; i++)
        answer_to("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_null(strstr(got, "Connection: close"));
    assert_false(closed);
    assert_non_null(strstr(answer_to("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "Connection: close"));
    assert_true(closed);
}

static int request(void *arg, struct err *e)
{
    int r = start(e);
    if (r == 0) {
        say("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /fail HTTP/1.1\r\nHost: h\r\n\r\nbad\r\n");
        r = listen_to(e);
        if (r == 0 && (!strstr(got, "path /a") || !strstr(got, " 400 ")))
            r = err_oom(e); /* the connection was closed for want of memory */
    }
    end();
    return r;
}

static void test_sweep(void **state)
{
    end();
    assert_true(sweep("http request", request, NULL) > 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_answers), T(test_pieces_and_pipeline), T(test_bad_requests), T(test_slow_clients), T(test_large), T(test_requests_of_a_connection), T(test_sweep),
    };
    return cmocka_run_group_tests_name("stream-http-server", tests, NULL, NULL);
}
