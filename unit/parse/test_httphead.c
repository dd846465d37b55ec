/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of HTTP requests: what is taken and how it is read, each way to be refused, the limits. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "parse/httphead.h"

static struct httphead h;
static char text[HTTPHEAD_MAX + 1024];

static int parse(const char *s, struct err *e)
{
    return httphead_parse(view_of(s), &h, e);
}

static void takes(const char *s)
{
    struct err e = ERR_INIT;
    int r = parse(s, &e);
    if (r != 1)
        fail_msg("%d %s: %s", r, e.message, s);
    assert_int_equal(h.size, strlen(s));
}

static void test_whole(void **state)
{
    struct err e = ERR_INIT;
    assert_int_equal(parse("GET /metrics?a=b&c HTTP/1.1\r\nHost: [::1]:9100\r\nX-Empty:\r\naccept: \t text/plain ; q=0.5\t\r\n\r\nrest", &e), 1);
    assert_view(h.method, "GET");
    assert_view(h.target, "/metrics?a=b&c");
    assert_view(h.path, "/metrics");
    assert_view(h.query, "a=b&c");
    assert_int_equal(h.minor, 1);
    assert_int_equal(h.n_fields, 3);
    assert_view(h.fields[1].name, "X-Empty");
    assert_view(h.fields[1].value, "");
    assert_view(httphead_get(&h, "Accept"), "text/plain ; q=0.5");
    assert_view(httphead_get(&h, "accept-charset"), "");
    assert_int_equal(h.content_length, 0);
    assert_false(h.chunked);
    assert_int_equal(h.size, sizeof "GET /metrics?a=b&c HTTP/1.1\r\nHost: [::1]:9100\r\nX-Empty:\r\naccept: \t text/plain ; q=0.5\t\r\n\r\n" - 1);
}

static void test_targets(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } good[] = {
        {"/", "/", ""},          {"/a%2Fb/..?", "/a%2Fb/..", ""}, {"//h/x", "//h/x", ""},      {"http://h", "/", ""},
        {"HTTP://h?q", "/", "q"}, {"https://h:1/a?b?c", "/a", "b?c"}, {"/a:@!$&'()*+,;=[]~", "/a:@!$&'()*+,;=[]~", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost:\r\n\r\n", good[i].target);
        takes(text);
        assert_view(h.path, good[i].path);
        assert_view(h.query, good[i].query);
    }
    takes("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_view(h.path, "*");
    static const char *const bad[] = {"*", "a", "h:1", "http://", "http:///a", "ftp://h/", "/a#b", "/%", "/%2", "/%2g", "/\"", "/\x80", "/\x7f", "?", "/a\tb"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = ERR_INIT;
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", bad[i]);
        assert_fails(parse(text, &e), &e, ERR_INVALID_ARGUMENT, "the target is neither");
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
        const char *message;
    } cases[] = {
        {"\r\n", ERR_INVALID_ARGUMENT, "request line"},
        {"GET\r\n", ERR_INVALID_ARGUMENT, "request line"},
        {"GET /\r\n", ERR_INVALID_ARGUMENT, "request line"},
        {"GET  / HTTP/1.1\r\n", ERR_INVALID_ARGUMENT, "target"},
        {" GET / HTTP/1.1\r\n", ERR_INVALID_ARGUMENT, "method"},
        {"G(T / HTTP/1.1\r\n", ERR_INVALID_ARGUMENT, "the method is not a token"},
        {"GET / HTTP/1.1 \r\n", ERR_INVALID_ARGUMENT, "version"},
        {"GET / HTTP/11\r\n", ERR_INVALID_ARGUMENT, "version"},
        {"GET / http/1.1\r\n", ERR_INVALID_ARGUMENT, "version"},
        {"GET / HTTP/1.x\r\n", ERR_INVALID_ARGUMENT, "version"},
        {"GET / HTTP/x.1\r\n", ERR_INVALID_ARGUMENT, "version"},
        {"GET / HTTP/1-1\r\n", ERR_INVALID_ARGUMENT, "version"},
        {"PRI * HTTP/2.0\r\n", ERR_INVALID_ARGUMENT, "target"},
        {"GET / HTTP/2.0\r\n", ERR_OUT_OF_RANGE, "version 2.0"},
        {"GET / HTTP/0.9\r\n", ERR_OUT_OF_RANGE, "version 0.9"},
        {"GET / HTTP/1.1\n", ERR_INVALID_ARGUMENT, "without CR"},
        {"\n", ERR_INVALID_ARGUMENT, "without CR"},
        {"GET / HTTP/1.1\r\r\n", ERR_INVALID_ARGUMENT, "CR within"},
        {"GET / HTTP/1.1\r\nHost: h\rX: y\r\n", ERR_INVALID_ARGUMENT, "CR within"},
        {"GET / HTTP/1.1\r\nHost: h\n", ERR_INVALID_ARGUMENT, "without CR"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\n", ERR_INVALID_ARGUMENT, "without CR"},
        {"GET / HTTP/1.1\r\n Host: h\r\n", ERR_INVALID_ARGUMENT, "folded"},
        {"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", ERR_INVALID_ARGUMENT, "folded"},
        {"GET / HTTP/1.1\r\nHost : h\r\n", ERR_INVALID_ARGUMENT, "a name, a colon"},
        {"GET / HTTP/1.1\r\n: h\r\n", ERR_INVALID_ARGUMENT, "a name, a colon"},
        {"GET / HTTP/1.1\r\nHost\r\n", ERR_INVALID_ARGUMENT, "a name, a colon"},
        {"GET / HTTP/1.1\r\nA: \x01\r\n", ERR_INVALID_ARGUMENT, "field A: a control character"},
        {"GET / HTTP/1.1\r\nA: \x7f\r\n", ERR_INVALID_ARGUMENT, "control character"},
        {"GET / HTTP/1.1\r\n\r\n", ERR_INVALID_ARGUMENT, "no Host"},
        {"GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", ERR_INVALID_ARGUMENT, "more than one Host"},
        {"GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n\r\n", ERR_INVALID_ARGUMENT, "more than one Host"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ERR_INVALID_ARGUMENT, "not a host"},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ERR_INVALID_ARGUMENT, "not a host"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", ERR_INVALID_ARGUMENT, "more than one Content-Length"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID_ARGUMENT, "more than one Content-Length"},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID_ARGUMENT, "more than one"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", ERR_INVALID_ARGUMENT, "not a length"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", ERR_INVALID_ARGUMENT, "not a length"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", ERR_INVALID_ARGUMENT, "not a length"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\n", ERR_INVALID_ARGUMENT, "not a length"},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID_ARGUMENT, "in HTTP/1.0"},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ERR_UNIMPLEMENTED, "only chunked"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e = ERR_INIT;
        assert_fails(parse(cases[i].text, &e), &e, cases[i].code, cases[i].message);
    }
}

static void test_bodies_and_versions(void **state)
{
    takes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n");
    assert_true(h.content_length == INT64_MAX);
    takes("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n");
    assert_true(h.chunked);
    takes("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(h.minor, 0);
    assert_false(h.chunked);
    takes("GET / HTTP/1.9\r\nHost: h\r\n\r\n");
    assert_int_equal(h.minor, 1);
    takes("GET / HTTP/1.1\r\nHost: h\r\nX: \x80\xff\t.\r\n\r\n");
}

/* Every beginning of a head asks for more. */
static void test_pieces(void **state)
{
    static const char whole[] = "GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    for (size_t n = 0; n < sizeof whole - 1; n++)
        assert_int_equal(httphead_parse(view_make(whole, n), &h, NULL), 0);
    takes(whole);
}

static void test_tokens(void **state)
{
    takes("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive,\t Upgrade\r\nConnection: ,x\r\nUpgrade: SPDY/3.1, websocket\r\n\r\n");
    assert_true(httphead_has_token(&h, "connection", "upgrade"));
    assert_true(httphead_has_token(&h, "Connection", "X"));
    assert_true(httphead_has_token(&h, "Upgrade", "SPDY/3.1"));
    assert_true(httphead_has_token(&h, "Upgrade", "WebSocket"));
    assert_false(httphead_has_token(&h, "Upgrade", "socket"));
    assert_false(httphead_has_token(&h, "Accept", "x"));
    assert_true(httphead_keeps(&h));
    takes("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n");
    assert_false(httphead_keeps(&h));
    takes("GET / HTTP/1.0\r\n\r\n");
    assert_false(httphead_keeps(&h));
    takes("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(httphead_keeps(&h));
    takes("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
    assert_false(httphead_keeps(&h));
}

/* A head of exactly n bytes. */
static const char *head_of(size_t n)
{
    int at = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    memset(text + at, 'x', n - 4 - (size_t)at);
    memcpy(text + n - 4, "\r\n\r\n", 5);
    return text;
}

static void test_limits(void **state)
{
    struct err e = ERR_INIT;
    takes(head_of(HTTPHEAD_MAX - 1));
    takes(head_of(HTTPHEAD_MAX));
    assert_fails(parse(head_of(HTTPHEAD_MAX + 1), &e), &e, ERR_RESOURCE_EXHAUSTED, "longer than 8192 bytes");
    head_of(HTTPHEAD_MAX + 1);
    assert_int_equal(httphead_parse(view_make(text, HTTPHEAD_MAX - 1), &h, &e), 0);
    assert_fails(httphead_parse(view_make(text, HTTPHEAD_MAX), &h, &e), &e, ERR_RESOURCE_EXHAUSTED, "longer than 8192 bytes");
    for (int n = HTTPHEAD_FIELDS_MAX - 1; n <= HTTPHEAD_FIELDS_MAX + 1; n++) {
        int at = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (int i = 1; i < n; i++)
            at += snprintf(text + at, sizeof text - (size_t)at, "X: y\r\n");
        snprintf(text + at, sizeof text - (size_t)at, "\r\n");
        if (n <= HTTPHEAD_FIELDS_MAX)
            takes(text);
        else
            assert_fails(parse(text, &e), &e, ERR_RESOURCE_EXHAUSTED, "more than 64 fields");
    }
    for (int n = HTTPHEAD_METHOD_MAX - 1; n <= HTTPHEAD_METHOD_MAX + 1; n++) {
        snprintf(text, sizeof text, "%0*d / HTTP/1.1\r\nHost: h\r\n\r\n", n, 0);
        if (n <= HTTPHEAD_METHOD_MAX)
            takes(text);
        else
            assert_fails(parse(text, &e), &e, ERR_RESOURCE_EXHAUSTED, "method is longer than 32 bytes");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_targets), cmocka_unit_test(test_refused), cmocka_unit_test(test_bodies_and_versions),
        cmocka_unit_test(test_pieces),  cmocka_unit_test(test_tokens),  cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("parse-httphead", tests, NULL, NULL);
}
