/* SPDX-License-Identifier: Apache-2.0 */
/* The registry client with several servers: who is asked, in what order, and who sees which secret. */
#include "registry_fixture.h"

#include <unistd.h>

#include "base/fs.h"

#define M1 "https://one.example/v2/team/app"
#define M2 "https://two.example/v2/team/app"

/* Two mirrors; the first one may not resolve tags. */
#define TWO                                                                                                                      \
    "[host.\"https://one.example\"]\ncapabilities = [\"pull\"]\n"                                                                \
    "[host.\"https://two.example\"]\ncapabilities = [\"pull\", \"resolve\"]\n"

static int mirrors_setup(void **state)
{
    static char dir[32];
    strcpy(dir, "/tmp/unit-mirrors-XXXXXX");
    if (!mkdtemp(dir) || setup(state) < 0)
        return -1;
    struct fixture *f = *state;
    f->config_path = dir;
    return 0;
}

static int mirrors_teardown(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    int r = fs_remove_all(f->config_path, &e);
    return teardown(state) < 0 || r < 0 ? -1 : 0;
}

static void configure(struct fixture *f, const char *text, const struct image_auth *auth)
{
    struct err e = ERR_INIT;
    char dir[64], path[96];
    snprintf(dir, sizeof(dir), "%s/reg.example", f->config_path);
    snprintf(path, sizeof(path), "%s/hosts.toml", dir);
    assert_ok(fs_mkdir_all(dir, 0755, &e), &e);
    assert_ok(fs_write_file(path, view_of(text), 0644, &e), &e);
    script_done(&f->script);
    open_with(f, "reg.example/team/app:1", auth);
}

static void assert_asked(struct fixture *f, size_t i, const char *url)
{
    assert_true(i < f->script.n_requests);
    assert_string_equal(f->script.requests[i].url, url);
}

static int layer(struct fixture *f, struct buf *out)
{
    buf_clear(out);
    return blob(f, f->image.layer_digests[0], (int64_t)strlen(f->image.layers[0]), 0, out);
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    struct buf out = BUF_INIT(1 << 20);
    configure(f, TWO, NULL);
    sample_serve(&f->image, &f->script, M2, "1", false);
    /* Who may not resolve is not asked for a tag; everything else comes from the first one that has it. */
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_int_equal(f->script.n_requests, 1);
    assert_asked(f, 0, M2 "/manifests/1?ns=reg.example");
    assert_ok(manifest(f, f->image.manifest_digest, &doc), &f->e);
    assert_int_equal(script_count(&f->script, M1 "/*"), 1);
    assert_ok(layer(f, &out), &f->e);
    assert_int_equal(script_count(&f->script, M1 "/*"), 2);
    assert_int_equal(script_count(&f->script, REPO "/*"), 0);
    buf_done(&out);
}

static void test_next(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const int statuses[] = {0, 400, 401, 403, 404, 429, 500, 502, 503};
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        configure(f, TWO, NULL);
        script_add(&f->script, (struct script_answer){.url = M1 "/*", .status = statuses[i]});
        script_add(&f->script, (struct script_answer){.url = M2 "/*", .status = statuses[i]});
        script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 200, .body = view_of(f->image.manifest)});
        assert_ok(manifest(f, "1", &doc), &f->e);
        assert_int_equal(f->script.n_requests, 2); /* nobody is asked twice while another one is left */
        assert_asked(f, 1, REPO "/manifests/1");   /* the registry itself is not told its own name */
    }
}

static void test_everybody_fails(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    configure(f, TWO "[host.\"https://three.example\"]\n", NULL);
    script_add(&f->script, (struct script_answer){.url = M2 "/*", .status = 0});
    script_add(&f->script, (struct script_answer){.url = "https://three.example/*", .status = 403});
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 404});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_NOT_FOUND,
                 "manifest team/app:1: two.example: connection refused; pull access denied, the repository does not exist or may "
                 "require authorization: three.example answered with status 403; not found: reg.example answered with status 404");
    /* Many servers with much to say are still all named. */
    struct buf text = BUF_INIT(1 << 16), url = BUF_INIT(1 << 10);
    for (int i = 0; i < 12; i++)
        buf_printf(&text, "[host.\"https://m%d.example\"]\n", i);
    configure(f, text.p, NULL);
    script_add(&f->script, (struct script_answer){.url = "*", .status = 0});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_UNAVAILABLE, "reg.example");
    for (int i = 0; i < 12; i++) {
        buf_clear(&url);
        buf_printf(&url, "m%d.example", i);
        assert_non_null(strstr(f->e.message, url.p));
    }
    buf_done(&text);
    buf_done(&url);
}

/* The code is the last one's: what a mirror lacks may be at the registry. */
static void test_code_of_the_last(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    configure(f, TWO, NULL);
    script_add(&f->script, (struct script_answer){.url = M2 "/*", .status = 404});
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 0});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_UNAVAILABLE, "two.example answered with status 404; reg.example: connection refused");
}

static void test_nobody_may(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    configure(f, "server = \"https://one.example\"\ncapabilities = [\"pull\"]\n", NULL);
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_NOT_FOUND, "none of the servers configured for reg.example may resolve a tag");
    configure(f, "server = \"https://one.example\"\ncapabilities = [\"push\"]\n", NULL);
    assert_fails(manifest(f, f->image.manifest_digest, &doc), &f->e, ERR_NOT_FOUND, "may be pulled from");
    assert_int_equal(f->script.n_requests, 0);
}

/* A server that does not answer is asked once, not for each of forty layers. */
static void test_down(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    struct buf out = BUF_INIT(1 << 20);
    configure(f, "[host.\"https://one.example\"]\n", NULL);
    script_add(&f->script, (struct script_answer){.url = M1 "/*", .status = 0});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_ok(layer(f, &out), &f->e);
    assert_int_equal(script_count(&f->script, M1 "/*"), 1);
    /* But it is asked again when nobody else has it. */
    assert_fails(manifest(f, "2", &doc), &f->e, ERR_UNAVAILABLE, "reg.example answered with status 404; one.example: connection refused");
    buf_done(&out);
}

/* A mirror that lies: a digest holds whoever sends. */
static void test_wrong_content(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    char *wrong = strdup(text);
    wrong[5] ^= 1;
    configure(f, "[host.\"https://one.example\"]\n", NULL);
    script_add(&f->script, (struct script_answer){.url = M1 "/manifests/*", .status = 200, .body = VIEW_LIT("{\"other\":1}")});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, f->image.manifest_digest, &doc), &f->e);
    assert_view(doc.bytes, f->image.manifest);
    assert_ok(layer(f, &out), &f->e);
    assert_int_equal(script_count(&f->script, M1 "/*"), 1);
    /* A blob was written before that shows: the caller begins anew, and the liar is out. */
    configure(f, "[host.\"https://one.example\"]\n", NULL);
    script_add(&f->script, (struct script_answer){.url = M1 "/blobs/*", .status = 200, .body = view_of(wrong)});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_fails(layer(f, &out), &f->e, ERR_ABORTED, "from one.example: content has digest sha256:");
    assert_ok(layer(f, &out), &f->e);
    assert_view(buf_view(&out), text);
    assert_int_equal(script_count(&f->script, M1 "/*"), 1);
    /* When all of them lie that is said. */
    configure(f, "[host.\"https://one.example\"]\n", NULL);
    script_add(&f->script, (struct script_answer){.url = "*", .status = 200, .body = view_of(wrong)});
    assert_fails(layer(f, &out), &f->e, ERR_ABORTED, "one.example");
    assert_fails(layer(f, &out), &f->e, ERR_DATA_LOSS, "from reg.example: content has digest");
    assert_fails(layer(f, &out), &f->e, ERR_DATA_LOSS, "every server sent content with a wrong digest");
    free(wrong);
    buf_done(&out);
}

/* A blob goes on where the first server broke off, at the second one. */
static void test_resume_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    for (int kind = 0; kind < 2; kind++) {
        configure(f, TWO, NULL);
        struct script_answer a = {.url = M1 "/blobs/*", .status = 200, .body = view_of(text), .times = 1};
        *(kind ? &a.end_after : &a.break_after) = 20;
        script_add(&f->script, a);
        script_add(&f->script, (struct script_answer){.url = M2 "/blobs/*", .status = 200, .body = view_of(text), .ranges = true});
        script_add(&f->script, (struct script_answer){.url = M1 "/blobs/*", .status = 0});
        assert_ok(layer(f, &out), &f->e);
        assert_view(buf_view(&out), text);
        assert_string_equal(f->script.requests[f->script.n_requests - 1].range, "bytes=20-");
        assert_int_equal(script_count(&f->script, M2 "/*"), 1);
    }
    /* The bytes of the first one were wrong: it is the mirror that is blamed. */
    char *wrong = strdup(text);
    wrong[5] ^= 1;
    configure(f, "[host.\"https://one.example\"]\n", NULL);
    script_add(&f->script,
               (struct script_answer){.url = M1 "/blobs/*", .status = 200, .body = view_of(wrong), .break_after = 20, .times = 1});
    script_add(&f->script, (struct script_answer){.url = M1 "/blobs/*", .status = 0});
    script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 200, .body = view_of(text), .ranges = true});
    assert_fails(layer(f, &out), &f->e, ERR_ABORTED, "from one.example: content has digest");
    assert_ok(layer(f, &out), &f->e);
    assert_view(buf_view(&out), text);
    free(wrong);
    buf_done(&out);
}

/* As containerd: credentials without an address are for every configured server that asks, others for the one that they name. */
static void test_credentials(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const struct {
        const char *address;
        bool mirror, itself;
    } cases[] = {{"", true, true}, {"https://one.example", true, false}, {"reg.example", false, true}, {"other.example", false, false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct image_auth auth = {.username = "alice", .password = PASSWORD, .server_address = cases[i].address};
        configure(f, "[host.\"https://one.example\"]\n", &auth);
        script_add(&f->script, (struct script_answer){.url = "*", .authorization = "", .status = 401, .headers = "www-authenticate: Basic\n"});
        script_add(&f->script, (struct script_answer){.url = "*", .status = 404});
        assert_true(manifest(f, "1", &doc) < 0);
        const struct script_request *q;
        bool mirror = false, itself = false;
        for (size_t k = 0; (q = script_find(&f->script, M1 "/*", k)); k++)
            mirror |= q->authorization != NULL;
        for (size_t k = 0; (q = script_find(&f->script, REPO "/*", k)); k++)
            itself |= q->authorization != NULL;
        assert_int_equal(mirror, cases[i].mirror);
        assert_int_equal(itself, cases[i].itself);
    }
}

/* A bearer token is sent unasked: only where it belongs. */
static void test_registry_token(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    for (int named = 0; named < 2; named++) {
        const struct image_auth auth = {.registry_token = "registry-token-secret", .server_address = named ? "one.example" : NULL};
        configure(f, "[host.\"https://one.example\"]\n", &auth);
        assert_true(manifest(f, "1", &doc) < 0);
        assert_int_equal(f->script.n_requests, 2);
        assert_int_equal(f->script.requests[0].authorization != NULL, named);
        assert_int_equal(f->script.requests[1].authorization != NULL, !named);
    }
}

/* CVE-2020-15157, with mirrors: neither credentials nor configured headers nor client certificates follow a redirect elsewhere. */
static void cve_2020_15157_mirror(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    configure(f,
              "[host.\"https://one.example\"]\nclient = \"/c.pem\"\nskip_verify = true\n"
              "header = {Authorization = \"Basic header-secret\", X-Key = \"key-secret\"}\n",
              &alice);
    script_add(&f->script, (struct script_answer){.url = M1 "/*", .status = 307, .headers = "location: https://evil.example/x\n"});
    script_add(&f->script, (struct script_answer){.url = "https://evil.example/*", .status = 200, .body = VIEW_LIT("{}")});
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_int_equal(f->script.n_requests, 2);
    assert_string_equal(f->script.requests[0].authorization, "Basic header-secret");
    assert_non_null(strstr(f->script.requests[0].headers, "X-Key: key-secret\n"));
    assert_string_equal(f->script.requests[0].tls, "client=/c.pem, unverified ");
    assert_null(strstr(f->script.requests[1].headers, "secret"));
    assert_string_equal(f->script.requests[1].tls, "unverified ");
    /* One server's secrets are not the next one's. */
    configure(f, "[host.\"https://one.example\"]\nheader = {X-Key = \"key-secret\"}\nclient = \"/c.pem\"\n[host.\"https://two.example\"]\n", &alice);
    script_add(&f->script, (struct script_answer){.url = M1 "/*", .status = 404});
    sample_serve(&f->image, &f->script, M2, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_null(strstr(f->script.requests[1].headers, "secret"));
    assert_string_equal(f->script.requests[1].tls, "");
}

static void test_settings(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    configure(f,
              "[host.\"https://one.example:5000/api\"]\noverride_path = true\nca = \"/ca.pem\"\ndial_timeout = \"2s\"\n"
              "header = {Authorization = \"Basic header-secret\", X-Key = [\"a\", \"\"]}\n",
              &alice);
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = VIEW_LIT("{\"token\":\"" TOKEN "\"}")});
    script_add(&f->script, (struct script_answer){.url = "*", .authorization = "Basic header-secret", .status = 401, .headers = CHALLENGE});
    script_add(&f->script, (struct script_answer){.url = "*", .authorization = "Bearer " TOKEN, .status = 200, .body = VIEW_LIT("{}")});
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_int_equal(f->script.n_requests, 3);
    assert_asked(f, 0, "https://one.example:5000/api/team/app/manifests/1?ns=reg.example");
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(f->script.requests[i].tls, "ca=/ca.pem ");
        assert_int_equal(f->script.requests[i].dial_timeout, 2000000000);
        assert_non_null(strstr(f->script.requests[i].headers, "X-Key: a\nX-Key: \n"));
    }
    /* What was asked for takes the place of a configured Authorization. */
    assert_string_equal(f->script.requests[1].authorization, BASIC);
    assert_string_equal(f->script.requests[2].authorization, "Bearer " TOKEN);
    assert_null(strstr(f->script.requests[2].headers, "header-secret"));
}

/* Neither a header's value nor half of it is seen in an error, whoever sends it back. */
static void test_header_is_secret(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    struct buf body = BUF_INIT(1 << 16);
    for (int pad = 0; pad < 300; pad++) {
        configure(f, "[host.\"https://one.example\"]\nheader = {Authorization = \"Basic header-secret\", X-Key = \"key-value-secret\"}\n", NULL);
        buf_clear(&body);
        buf_add_str(&body, "{\"errors\":[{\"code\":\"");
        for (int i = 0; i < pad; i++)
            buf_add_char(&body, '-');
        buf_add_str(&body, "key-value-secret header-secret\",\"message\":\"key-value-secret\"}]}");
        script_add(&f->script, (struct script_answer){.url = "*", .status = 403, .body = buf_view(&body)});
        assert_fails(manifest(f, "1", &doc), &f->e, ERR_PERMISSION_DENIED, "one.example");
        if (strstr(f->e.message, "key-") || strstr(f->e.message, "head"))
            fail_msg("after %d bytes: %s", pad, f->e.message);
    }
    buf_done(&body);
}

/* An address of plain http with TLS settings: https first; a wrong certificate is no reason to go without TLS. */
static void test_two_schemes(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const char text[] = "server = \"http://one.example:5000\"\nskip_verify = true\n";
    configure(f, text, NULL);
    script_add(&f->script, (struct script_answer){.url = "https://*", .status = 0});
    script_add(&f->script, (struct script_answer){.url = "http://*", .status = 200, .body = VIEW_LIT("{}")});
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_int_equal(f->script.n_requests, 3);
    configure(f, text, NULL);
    script_add(&f->script, (struct script_answer){.url = "https://*", .status = -ERR_FAILED_PRECONDITION});
    script_add(&f->script, (struct script_answer){.url = "http://*", .status = 200, .body = VIEW_LIT("{}")});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_FAILED_PRECONDITION, "one.example:5000");
    assert_int_equal(f->script.n_requests, 1);
}

/* A server that has answered once is not asked by the other scheme when it breaks off. */
static void test_scheme_stays(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    configure(f, "server = \"http://one.example:5000\"\nskip_verify = true\n", NULL);
    script_add(&f->script, (struct script_answer){.url = "https://*", .status = 200, .body = view_of(text), .break_after = 20, .times = 1});
    script_add(&f->script, (struct script_answer){.url = "https://*", .status = 200, .body = view_of(text), .ranges = true});
    assert_ok(layer(f, &out), &f->e);
    assert_view(buf_view(&out), text);
    assert_int_equal(script_count(&f->script, "http://*"), 0);
    assert_string_equal(f->script.requests[1].range, "bytes=20-");
    /* Nor when its token server is down. */
    configure(f, "server = \"http://one.example:5000\"\nskip_verify = true\n", NULL);
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/*", .status = 0});
    script_add(&f->script, (struct script_answer){.url = "https://*", .status = 401, .headers = CHALLENGE});
    assert_fails(layer(f, &out), &f->e, ERR_UNAVAILABLE, "token server of one.example:5000: connection refused");
    assert_int_equal(script_count(&f->script, "http://*"), 0);
    buf_done(&out);
}

static void test_cancelled(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    struct cancel c = CANCEL_INIT;
    const struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &c};
    configure(f, TWO, NULL);
    cancel_fire(&c);
    assert_fails(registry_manifest(f->registry, &ctx, "1", &f->arena, &doc, &f->e), &f->e, ERR_CANCELLED, "two.example");
    assert_null(strstr(f->e.message, "reg.example"));
}

static int sweep_mirrors(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct reference ref;
    struct registry *r = NULL;
    struct registry_document doc;
    struct arena a = ARENA_INIT(1 << 20);
    struct buf out = BUF_INIT(1 << 20);
    const struct ctx ctx = CTX_BACKGROUND;
    const struct registry_options o = options_for(f);
    const struct registry_sink sink = {.user = &out, .write = collect};
    mem_fail_pause();
    script_rewind(&f->script);
    mem_fail_resume();
    int code = reference_normalize(VIEW_LIT("reg.example/team/app:1"), &ref, e);
    if (code == 0)
        code = registry_open(&o, &ref, &alice, &r, e);
    if (code == 0)
        code = registry_manifest(r, &ctx, "1", &a, &doc, e);
    if (code == 0)
        code = registry_blob(r, &ctx, f->image.layer_digests[0], (int64_t)strlen(f->image.layers[0]), 0, &sink, e);
    buf_done(&out);
    registry_close(r);
    arena_done(&a);
    return code;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    configure(f, TWO "ca = \"/ca.pem\"\nheader = {X-Key = \"key secret\"}\n", NULL);
    script_add(&f->script, (struct script_answer){.url = M2 "/*", .authorization = "", .status = 401, .headers = "www-authenticate: Basic\n"});
    script_add(&f->script, (struct script_answer){.url = M2 "/*", .status = 404});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_true(sweep("registry with mirrors", sweep_mirrors, f) > 10);
}

#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, mirrors_setup, mirrors_teardown)

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_order),         T(test_next),           T(test_everybody_fails),  T(test_code_of_the_last), T(test_nobody_may),
        T(test_down),          T(test_wrong_content),  T(test_resume_elsewhere), T(test_credentials),      T(test_registry_token),
        T(cve_2020_15157_mirror), T(test_settings),    T(test_header_is_secret), T(test_two_schemes), T(test_scheme_stays), T(test_cancelled),
        T(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
