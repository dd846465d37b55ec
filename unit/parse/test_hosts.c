/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meaning of hosts.toml files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "parse/budget.h"
#include "support.h"
#include "sweep.h"

#include "parse/hosts.h"

static int parse(const char *text, struct arena *a, struct hosts *ret, struct err *e)
{
    const struct toml *root;
    TRY(toml_parse(view_of(text), a, &root, e));
    return hosts_parse(root, a, ret, e);
}

static const char everything[] = "server = \"https://upstream.example:8443\"\n"
                                 "ca = \"server.pem\"\n"
                                 "\n"
                                 "[host.\"https://one.example\"]\n"
                                 "  capabilities = [\"pull\", \"Resolve\"]\n"
                                 "  ca = [\"/etc/one.pem\", \"two.pem\"]\n"
                                 "  client = [[\"a.cert\", \"a.key\"], [\"b.pem\", \"\"], \"c.pem\"]\n"
                                 "  skip_verify = false\n"
                                 "  dial_timeout = \"1m\"\n"
                                 "  unknown = 7\n"
                                 "  [host.\"https://one.example\".header]\n"
                                 "    x-one = \"value\"\n"
                                 "    x-two = [\"a\", \"\"]\n"
                                 "    Host = \"elsewhere\"\n"
                                 "[host.\"http://two.example:5000/mirror/\"]\n"
                                 "  skip_verify = true\n"
                                 "  client = \"both.pem\"\n"
                                 "[host.\"three.example/api/v2\"]\n"
                                 "[host.\"https://four.example/./a/../b//c?q\"]\n"
                                 "  override_path = true\n"
                                 "[host.\"https://five.example\"]\n"
                                 "  override_path = true\n"
                                 "  capabilities = []\n";

static void whole_file(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct hosts hosts;
    struct err e = ERR_INIT;
    assert_ok(parse(everything, &a, &hosts, &e), &e);
    assert_int_equal(hosts.n, 6);
    const struct hosts_host *h = &hosts.v[0];
    assert_string_equal(h->name, "https://one.example");
    assert_int_equal(h->line, 4);
    assert_string_equal(h->scheme, "https");
    assert_string_equal(h->host, "one.example");
    assert_string_equal(h->path, "/v2");
    assert_int_equal(h->capabilities, HOSTS_PULL | HOSTS_RESOLVE);
    assert_int_equal(h->ca.n, 2);
    assert_string_equal(h->ca.v[1], "two.pem");
    assert_int_equal(h->clients.n, 3);
    assert_string_equal(h->clients.v[0].key, "a.cert");
    assert_string_equal(h->clients.v[0].value, "a.key");
    assert_string_equal(h->clients.v[1].value, "");
    assert_string_equal(h->clients.v[2].key, "c.pem");
    assert_true(h->has_skip_verify);
    assert_false(h->skip_verify);
    assert_int_equal(h->dial_timeout, 60 * NSEC_PER_SEC);
    assert_int_equal(h->headers.n, 3);
    assert_string_equal(h->headers.v[0], "x-one: value");
    assert_string_equal(h->headers.v[1], "x-two: a");
    assert_string_equal(h->headers.v[2], "x-two: ");
    h++;
    assert_string_equal(h->scheme, "http");
    assert_string_equal(h->host, "two.example:5000");
    assert_string_equal(h->path, "/mirror/v2");
    assert_int_equal(h->capabilities, HOSTS_EVERYTHING);
    assert_true(h->skip_verify);
    assert_string_equal(kvlist_get(&h->clients, "both.pem"), "");
    h++;
    assert_string_equal(h->scheme, "https");
    assert_string_equal(h->host, "three.example");
    assert_string_equal(h->path, "/api/v2");
    h++;
    assert_string_equal(h->path, "/b/c");
    h++;
    assert_string_equal(h->path, "");
    assert_int_equal(h->capabilities, HOSTS_EVERYTHING);
    h++;
    assert_string_equal(h->name, "https://upstream.example:8443");
    assert_string_equal(h->host, "upstream.example:8443");
    assert_string_equal(h->ca.v[0], "server.pem");
}

static void without_server(void **state)
{
    static const char *const texts[] = {"", "server = \"\"\n", "[host]\n", "skip_verify = true\n"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct hosts hosts;
        struct err e = ERR_INIT;
        assert_ok(parse(texts[i], &a, &hosts, &e), &e);
        assert_int_equal(hosts.n, 1);
        assert_string_equal(hosts.v[0].name, "");
        assert_string_equal(hosts.v[0].host, "");
        assert_int_equal(hosts.v[0].skip_verify, i == 3);
    }
}

#define HOST "\n[host.\"https://m\"]\n"

static void refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"server = 5\n", "line 1: server: expected a string, found an integer"},
        {"server = \"ftp://x\"\n", "line 1: server: the address cannot be used"},
        {"\nserver = \"https://a:secret@x\"\n", "line 2: server: the address cannot be used: it holds credentials"},
        {"host = 1\n", "line 1: host: expected a table"},
        {"host.x = 1\n", "line 1: x: expected a table"},
        {"[host.\"\"]\n", "line 1: host: the address is empty"},
        {"[host.\"https://a b\"]\n", "line 1: host \"https://a b\": address: the address cannot be used"},
        {"[host.\"https://u:secret@h\"]\n", "line 1: address: the address cannot be used: it holds credentials"},
        {"[host.\"https://u:secret@h\"]\nca = 1\n", "line 2: ca: expected"},
        {HOST "capabilities = \"pull\"\n", "line 3: host \"https://m\": capabilities: expected an array"},
        {HOST "capabilities = [\"pull\", \"delete\"]\n", "line 3: host \"https://m\": capabilities: a capability is none of"},
        {HOST "capabilities = [1]\n", "capabilities: expected a string"},
        {HOST "ca = 5\n", "line 3: host \"https://m\": ca: expected a string or an array of strings"},
        {HOST "ca = [5]\n", "ca: expected a string, found an integer"},
        {HOST "ca = \"\"\n", "ca: a file has no name"},
        {HOST "client = true\n", "client: expected"},
        {HOST "client = [true]\n", "client: expected a string"},
        {HOST "client = [[\"a\"]]\n", "client: a pair does not have two files"},
        {HOST "client = [[\"a\",\"b\",\"c\"]]\n", "client: a pair does not have two files"},
        {HOST "client = [[\"a\",1]]\n", "client: expected a string"},
        {HOST "client = [[1,\"a\"]]\n", "client: expected a string"},
        {HOST "client = [[\"\",\"a\"]]\n", "client: a file has no name"},
        {HOST "skip_verify = \"true\"\n", "skip_verify: expected a boolean"},
        {HOST "override_path = 1\n", "override_path: expected a boolean"},
        {HOST "header = \"x\"\n", "header: expected a table"},
        {HOST "header = {\"a b\" = \"secret\"}\n", "header: a name is not that of a header field"},
        {HOST "header = {\"\" = \"secret\"}\n", "header: a name is not"},
        {HOST "header = {\"a:\" = \"secret\"}\n", "header: a name is not"},
        {HOST "header = {x = 5}\n", "x: expected a string"},
        {HOST "header = {x = [\"a\", 5]}\n", "x: expected a string"},
        {HOST "header = {x = \"secret\\r\\nY: z\"}\n", "line 3: host \"https://m\": x: the value holds a control character"},
        {HOST "header = {x = \"secret\\u007f\"}\n", "the value holds a control character"},
        {HOST "dial_timeout = 5\n", "dial_timeout: expected a string"},
        {HOST "dial_timeout = \"5\"\n", "line 3: host \"https://m\": dial_timeout: this is no duration"},
        {HOST "dial_timeout = \"-5s\"\n", "dial_timeout: this is no duration"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct hosts hosts;
        struct err e = ERR_INIT;
        int r = parse(cases[i].text, &a, &hosts, &e);
        if (r != -ERR_INVALID_ARGUMENT || !strstr(e.message, cases[i].why) || strstr(e.message, "secret"))
            fail_msg("%s: %d %s", cases[i].text, r, e.message);
    }
}

/* `before`, n times `one` with '#' replaced by the entry's number, `after`. The caller frees. */
static char *entries(const char *before, const char *one, int n, const char *after)
{
    char *text = calloc(1, strlen(before) + (size_t)n * (strlen(one) + 20) + strlen(after) + 1), *at = stpcpy(text, before);
    for (int i = 0; i < n; i++)
        for (const char *c = one; *c; c++) {
            if (*c == '#')
                at += sprintf(at, "%d", i);
            else
                *at++ = *c;
        }
    strcpy(at, after);
    return text;
}

static void limits(void **state)
{
    static const struct {
        const char *before, *one, *after;
        int most;
    } cases[] = {
        {"", "[host.h#]\n", "", HOSTS_MAX},
        {"ca = [", "\"f#\",", "]\n", HOSTS_LIST_MAX},
        {"client = [", "\"f#\",", "]\n", HOSTS_LIST_MAX},
        {"[header]\nx = [", "\"v#\",", "]\n", HOSTS_LIST_MAX},
        {"[header]\n", "x# = \"v\"\n", "", HOSTS_LIST_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int more = -1; more <= 1; more++) {
            _cleanup_arena_ struct arena a = ARENA_INIT(4 << 20);
            struct hosts hosts;
            struct err e = ERR_INIT;
            char *text = entries(cases[i].before, cases[i].one, cases[i].most + more, cases[i].after);
            int r = parse(text, &a, &hosts, &e);
            if (more <= 0)
                assert_ok(r, &e);
            else
                assert_fails(r, &e, ERR_RESOURCE_EXHAUSTED, "more than 64 entries");
            free(text);
        }
    }
    for (int more = -1; more <= 1; more++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(4 << 20);
        struct hosts hosts;
        struct err e = ERR_INIT;
        char *text = entries("ca = \"", "x", HOSTS_TEXT_MAX + more, "\"\n");
        int r = parse(text, &a, &hosts, &e);
        if (more <= 0)
            assert_ok(r, &e);
        else
            assert_fails(r, &e, ERR_RESOURCE_EXHAUSTED, "line 1: ca: longer than 4096 bytes");
        free(text);
    }
}

static int decode_in(struct arena *a, struct err *e)
{
    struct hosts hosts;
    return parse(everything, a, &hosts, e);
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return decode_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("hosts.toml", decode, NULL) > 0);
    budget_sweep("hosts.toml", decode_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file), cmocka_unit_test(without_server), cmocka_unit_test(refused),
        cmocka_unit_test(limits),    cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
