/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers are asked: directories of hosts.toml and certificate files. */
#include "base/scratch.h"
#include "sweep.h"

#include "image/hosts.h"

static struct arena arena = ARENA_INIT(64 << 20);

static int teardown(void **state)
{
    arena_done(&arena);
    return scratch_teardown(state);
}

static void put_in(const char *dir, const char *name, const char *text)
{
    struct err e = ERR_INIT;
    assert_ok(fs_mkdir_all(at("%s", dir), 0755, &e), &e);
    put(at("%s/%s", dir, name), text);
}

static struct hosts_list find(const char *domain)
{
    struct hosts_list list;
    struct err e = ERR_INIT;
    const char *path = arena_printf(&arena, "%s/a:%s/b", scratch_dir, scratch_dir);
    assert_ok(hosts_find(path, domain, &arena, &list, &e), &e);
    assert_true(list.n > 0);
    return list;
}

static void assert_server(const struct hosts_server *s, const char *schemes, const char *host, const char *path, bool mirror)
{
    char have[32];
    snprintf(have, sizeof(have), "%s%s%s", s->schemes[0], s->schemes[1] ? "," : "", s->schemes[1] ? s->schemes[1] : "");
    assert_string_equal(have, schemes);
    assert_string_equal(s->host, host);
    assert_string_equal(s->path, path);
    assert_int_equal(s->mirror, mirror);
}

static void without_files(void **state)
{
    static const struct {
        const char *domain, *schemes, *host;
        bool unverified;
    } cases[] = {
        {"docker.io", "https", "registry-1.docker.io", false},
        {"reg.example:5000", "https", "reg.example:5000", false},
        {"localhost:5000", "http,https", "localhost:5000", true},
        {"127.0.0.1", "http,https", "127.0.0.1", true},
        {"localhost:443", "https", "localhost:443", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct hosts_list list = find(cases[i].domain), none;
        struct err e = ERR_INIT;
        assert_int_equal(list.n, 1);
        assert_server(&list.v[0], cases[i].schemes, cases[i].host, "/v2", false);
        assert_int_equal(list.v[0].capabilities, HOSTS_EVERYTHING);
        assert_int_equal(list.v[0].tls.skip_verify, cases[i].unverified);
        assert_ok(hosts_find(i % 2 ? "" : NULL, cases[i].domain, &arena, &none, &e), &e);
        assert_string_equal(none.v[0].host, cases[i].host);
    }
}

/* The first directory with an entry counts, and in it the first name. */
static void order_of_directories(void **state)
{
    put_in("b/reg.example:5000", "hosts.toml", "server = \"https://b-colon\"\n");
    assert_string_equal(find("reg.example:5000").v[0].host, "b-colon");
    put_in("b/reg.example_5000_", "hosts.toml", "server = \"https://b-under\"\n");
    assert_string_equal(find("reg.example:5000").v[0].host, "b-under");
    put_in("a/_default", "hosts.toml", "server = \"https://a-default\"\n");
    assert_string_equal(find("reg.example:5000").v[0].host, "a-default");
    assert_string_equal(find("other.example").v[0].host, "a-default");
    put_in("a/reg.example:5000", "hosts.toml", "server = \"https://a-colon\"\n");
    assert_string_equal(find("reg.example:5000").v[0].host, "a-colon");
    assert_string_equal(find("reg.example").v[0].host, "a-default");
    put_in("a/reg.example:5000", "hosts.toml", "server = \"https://a-changed\"\n"); /* counts at once */
    assert_string_equal(find("reg.example:5000").v[0].host, "a-changed");
    put_in("a/[__1]_5000_", "hosts.toml", "server = \"https://no\"\n");
    put_in("a/[::1]_5000_", "hosts.toml", "server = \"https://six\"\n");
    assert_string_equal(find("[::1]:5000").v[0].host, "six");
}

static void servers_of_a_file(void **state)
{
    put_in("a/docker.io", "hosts.toml",
           "[host.\"https://mirror.example/x\"]\n"
           "capabilities = [\"pull\"]\n"
           "ca = [\"ca.pem\", \"/abs/ca.pem\"]\n"
           "client = [[\"c.pem\", \"k.pem\"], [\"/abs/both.pem\", \"\"]]\n"
           "dial_timeout = \"3s\"\n"
           "[host.\"https://mirror.example/x\".header]\n"
           "X-Key = \"v\"\n"
           "[host.\"http://plain.example\"]\n"
           "[host.\"http://plain.example:5000\"]\n"
           "skip_verify = false\n"
           "[host.\"http://plain.example:80\"]\n"
           "skip_verify = true\n"
           "[host.\"https://registry-1.docker.io\"]\n"
           "[host.\"https://docker.io\"]\n");
    struct hosts_list list = find("docker.io");
    assert_int_equal(list.n, 7);
    const struct hosts_server *s = &list.v[0];
    assert_server(s, "https", "mirror.example", "/x/v2", true);
    assert_int_equal(s->capabilities, HOSTS_PULL);
    assert_string_equal(s->tls.ca.v[0], at("a/docker.io/ca.pem"));
    assert_string_equal(s->tls.ca.v[1], "/abs/ca.pem");
    assert_string_equal(s->tls.clients.v[0].key, at("a/docker.io/c.pem"));
    assert_string_equal(s->tls.clients.v[0].value, at("a/docker.io/k.pem"));
    assert_string_equal(s->tls.clients.v[1].key, "/abs/both.pem");
    assert_string_equal(s->tls.clients.v[1].value, "");
    assert_int_equal(s->dial_timeout, 3000000000);
    assert_string_equal(s->headers.v[0], "X-Key: v");
    assert_server(&list.v[1], "http", "plain.example", "/v2", true);
    assert_server(&list.v[2], "https,http", "plain.example:5000", "/v2", true);
    assert_false(list.v[2].tls.skip_verify);
    assert_server(&list.v[3], "http", "plain.example:80", "/v2", true);
    assert_server(&list.v[4], "https", "registry-1.docker.io", "/v2", false);
    assert_server(&list.v[5], "https", "docker.io", "/v2", false);
    assert_server(&list.v[6], "https", "registry-1.docker.io", "/v2", false);
}

/* Keys of the file as a whole are those of the registry itself, also when no server is named. */
static void default_server(void **state)
{
    put_in("a/reg.example", "hosts.toml", "ca = \"x.pem\"\ncapabilities = [\"push\"]\nskip_verify = true\n");
    struct hosts_list list = find("reg.example");
    assert_server(&list.v[0], "https", "reg.example", "/v2", false);
    assert_int_equal(list.v[0].capabilities, HOSTS_EVERYTHING); /* as containerd has it */
    assert_string_equal(list.v[0].tls.ca.v[0], at("a/reg.example/x.pem"));
    assert_true(list.v[0].tls.skip_verify);
    put_in("a/localhost:5000", "hosts.toml", "skip_verify = false\n");
    list = find("localhost:5000");
    assert_server(&list.v[0], "https,http", "localhost:5000", "/v2", false);
    assert_false(list.v[0].tls.skip_verify);
}

static void certificate_files(void **state)
{
    put_in("a/reg.example", "b.crt", "");
    put_in("a/reg.example", "a.crt", "");
    put_in("a/reg.example", "two.cert", "");
    put_in("a/reg.example", "one.cert", "");
    put_in("a/reg.example", "one.key", "");
    put_in("a/reg.example", "readme", "");
    put_in("a/reg.example/dir.crt", "x", "");
    for (int i = 0; i < 2; i++) {
        struct hosts_list list = find("reg.example");
        assert_int_equal(list.n, 1);
        const struct http_tls *tls = &list.v[0].tls;
        assert_server(&list.v[0], "https", "reg.example", "/v2", false);
        assert_int_equal(tls->ca.n, 2);
        assert_string_equal(tls->ca.v[0], at("a/reg.example/a.crt"));
        assert_string_equal(tls->ca.v[1], at("a/reg.example/b.crt"));
        assert_int_equal(tls->clients.n, 2);
        assert_string_equal(tls->clients.v[0].key, at("a/reg.example/one.cert"));
        assert_string_equal(tls->clients.v[0].value, at("a/reg.example/one.key"));
        assert_string_equal(tls->clients.v[1].key, at("a/reg.example/two.cert"));
        assert_string_equal(tls->clients.v[1].value, "");
        put_in("a/reg.example", "hosts.toml", ""); /* an empty file is as none */
    }
}

static void refused(void **state)
{
    struct hosts_list list;
    struct err e = ERR_INIT;
    put_in("a/reg.example", "hosts.toml", "server = \"https://x\"\n[host.\"https://m\"]\nskip_verify = 5\n");
    const char *root = at("a");
    assert_fails(hosts_find(root, "reg.example", &arena, &list, &e), &e, ERR_INVALID_ARGUMENT,
                 at("a/reg.example/hosts.toml: line 3: host \"https://m\": skip_verify: expected a boolean"));
    put_in("a/reg.example", "hosts.toml", "server = \n");
    assert_fails(hosts_find(root, "reg.example", &arena, &list, &e), &e, ERR_INVALID_ARGUMENT, at("a/reg.example/hosts.toml: line 1"));
    /* What stands in the file may be a secret. */
    static const char *const bad[] = {"[header]\nx = hidden\n", "[header]\nx = [\"\" hidden]\n", "[header]\nx = \"\\hidden\"\n", "[header]\nx = \"\" hidden\n",
                                      "[header]\nhidden\n"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        put_in("a/reg.example", "hosts.toml", bad[i]);
        assert_fails(hosts_find(root, "reg.example", &arena, &list, &e), &e, ERR_INVALID_ARGUMENT, at("a/reg.example/hosts.toml: line 2, column "));
        assert_null(strstr(e.message, "hid"));
    }
    /* A file in the place of a directory, and a directory in the place of a file. */
    put_in("a", "file.example", "");
    assert_true(hosts_find(root, "file.example", &arena, &list, &e) < 0);
    assert_non_null(strstr(e.message, at("a/file.example")));
    put_in("a/dir.example/hosts.toml", "x", "");
    assert_true(hosts_find(root, "dir.example", &arena, &list, &e) < 0);
    assert_non_null(strstr(e.message, at("a/dir.example/hosts.toml")));
    assert_true(hosts_find(at("a/file.example"), "reg.example", &arena, &list, &e) < 0);
    assert_non_null(strstr(e.message, at("a/file.example/reg.example")));
}

static void sizes(void **state)
{
    struct hosts_list list;
    struct err e = ERR_INIT;
    static char text[HOSTS_FILE_BYTES_MAX + 2];
    for (int more = -1; more <= 1; more++) {
        memset(text, '\n', sizeof(text));
        text[HOSTS_FILE_BYTES_MAX + more] = '\0';
        put_in("a/reg.example", "hosts.toml", text);
        int r = hosts_find(at("a"), "reg.example", &arena, &list, &e);
        if (more <= 0)
            assert_ok(r, &e);
        else
            assert_fails(r, &e, ERR_OUT_OF_RANGE, "is larger than 1048576 bytes");
    }
}

static int find_once(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct hosts_list list;
    TRY(hosts_find(arg, "reg.example:5000", &a, &list, e));
    return hosts_find(arg, "other.example", &a, &list, e);
}

static void allocations(void **state)
{
    put_in("a/reg.example_5000_", "hosts.toml", "ca = \"x\"\nclient = [[\"a\",\"b\"]]\n[host.m]\nheader = {a = \"b\"}\n");
    put_in("a/other.example", "x.crt", "");
    put_in("a/other.example", "x.cert", "");
    put_in("a/other.example", "x.key", "");
    assert_true(sweep("hosts_find", find_once, at("a")) > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, scratch_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_files), T(order_of_directories), T(servers_of_a_file), T(default_server), T(certificate_files), T(refused), T(sizes), T(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
