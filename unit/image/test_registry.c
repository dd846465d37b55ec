/* SPDX-License-Identifier: Apache-2.0 */
/* The registry client against scripted answers: addresses, digests, limits, tokens, redirects, resumed blobs. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "image/pull.h"
#include "image/registry.h"
#include "image/registry_internal.h"
#include "parse/ociimage.h"
#include "script.h"
#include "sweep.h"

#define REPO "https://reg.example/v2/team/app"
#define PASSWORD "correct horse battery"
#define BASIC "Basic YWxpY2U6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"
#define TOKEN "the-access-token"
#define CHALLENGE "www-authenticate: Bearer realm=\"https://auth.example/token\",service=\"reg.example\",scope=\"repository:team/app:pull\"\n"

struct fixture {
    struct script script;
    struct sample image;
    struct registry *registry;
    struct arena arena;
    struct err e;
};

static struct registry_options options_for(struct fixture *f)
{
    return (struct registry_options){.http = &script_http_ops, .http_user = &f->script};
}

static void open_with(struct fixture *f, const char *reference, const struct image_auth *auth)
{
    struct reference ref;
    const struct registry_options o = options_for(f);
    assert_ok(reference_normalize(view_of(reference), &ref, &f->e), &f->e);
    registry_close(f->registry);
    f->registry = NULL;
    assert_ok(registry_open(&o, &ref, auth, &f->registry, &f->e), &f->e);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    script_init(&f->script);
    sample_init(&f->image, 2, "registry");
    arena_init(&f->arena, 64 << 20);
    open_with(f, "reg.example/team/app:1", NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    registry_close(f->registry);
    arena_done(&f->arena);
    sample_done(&f->image);
    script_done(&f->script);
    free(f);
    return 0;
}

static int manifest(struct fixture *f, const char *name, struct registry_document *doc)
{
    const struct ctx ctx = CTX_BACKGROUND;
    return registry_manifest(f->registry, &ctx, name, &f->arena, doc, &f->e);
}

static int collect(void *user, struct view data, struct err *e)
{
    return buf_add_view(user, data) < 0 ? err_oom(e) : 0;
}

static int blob(struct fixture *f, const char *digest, int64_t size, int64_t offset, struct buf *out)
{
    const struct ctx ctx = CTX_BACKGROUND;
    const struct registry_sink sink = {.user = out, .write = collect};
    return registry_blob(f->registry, &ctx, digest, size, offset, &sink, &f->e);
}

static void test_manifest(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_view(doc.bytes, f->image.manifest);
    assert_string_equal(doc.digest, f->image.manifest_digest);
    assert_string_equal(doc.media_type, OCI_MEDIA_MANIFEST);
    assert_ok(manifest(f, f->image.manifest_digest, &doc), &f->e);
    assert_int_equal(f->script.n_requests, 2);
    assert_null(f->script.requests[0].authorization);
}

static void test_wrong_digest(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/*", .status = 200, .body = VIEW_LIT("{\"other\":1}")});
    assert_fails(manifest(f, f->image.manifest_digest, &doc), &f->e, ERR_DATA_LOSS, "the registry sent content with digest sha256:");
}

static void test_told_digest(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 200, .body = VIEW_LIT("{}"),
                                                  .headers = "docker-content-digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_DATA_LOSS, "Docker-Content-Digest");
}

static void test_oversized_manifest(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    size_t most = OCI_MANIFEST_BYTES_MAX;
    char *text = malloc(most + 1);
    memset(text, ' ', most + 1);
    f->script.chunk = 1 << 16;
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/less", .status = 200, .body = view_make(text, most - 1)});
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/most", .status = 200, .body = view_make(text, most)});
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/more", .status = 200, .body = view_make(text, most + 1)});
    assert_ok(manifest(f, "less", &doc), &f->e);
    assert_ok(manifest(f, "most", &doc), &f->e);
    assert_int_equal(doc.bytes.n, most);
    assert_fails(manifest(f, "more", &doc), &f->e, ERR_RESOURCE_EXHAUSTED, "manifest more from reg.example: it is larger than 4194304 bytes");
    free(text);
}

static void test_not_found(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 404,
                                                  .body = VIEW_LIT("{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}")});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_NOT_FOUND, "manifest 1: not found: reg.example answered with status 404: MANIFEST_UNKNOWN: manifest unknown");
}

static void test_statuses(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const struct {
        int status;
        enum err_code code;
        const char *text;
    } cases[] = {
        {403, ERR_PERMISSION_DENIED, "pull access denied, the repository does not exist or may require authorization"},
        {429, ERR_RESOURCE_EXHAUSTED, "too many requests"},
        {500, ERR_UNAVAILABLE, "status 500"},
        {503, ERR_UNAVAILABLE, "status 503"},
        {418, ERR_UNKNOWN, "status 418"},
        {204, ERR_UNKNOWN, "status 204"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        script_done(&f->script);
        script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = cases[i].status, .body = VIEW_LIT("<html>not json</html>")});
        assert_fails(manifest(f, "1", &doc), &f->e, cases[i].code, cases[i].text);
    }
}

/* A huge error page is neither kept nor read to its end. */
static void test_error_body(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    size_t n = 1 << 20;
    char *text = malloc(n);
    memset(text, 'x', n);
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 404, .body = view_make(text, n)});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_NOT_FOUND, "not found");
    free(text);
}

static const struct image_auth alice = {.username = "alice", .password = PASSWORD};

static void serve_token(struct fixture *f)
{
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .method = "GET", .authorization = BASIC, .status = 200,
                                                  .body = VIEW_LIT("{\"token\":\"" TOKEN "\"}")});
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .method = "GET", .authorization = "", .status = 200,
                                                  .body = VIEW_LIT("{\"access_token\":\"" TOKEN "\"}")});
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .authorization = "", .status = 401, .headers = CHALLENGE});
}

static void test_token(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "reg.example/team/app:1", &alice);
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    const struct script_request *q = script_find(&f->script, "https://auth.example/token", 0);
    assert_string_equal(q->url, "https://auth.example/token?service=reg.example&scope=repository%3Ateam%2Fapp%3Apull");
    assert_string_equal(q->authorization, BASIC);
    assert_string_equal(script_find(&f->script, REPO "/*", 1)->authorization, "Bearer " TOKEN);
    /* The token serves the next request, too. */
    assert_ok(manifest(f, f->image.manifest_digest, &doc), &f->e);
    assert_int_equal(script_count(&f->script, "https://auth.example/token"), 1);
}

static void test_token_anonymous(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_null(script_find(&f->script, "https://auth.example/token", 0)->authorization);
}

static void test_token_expired(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = VIEW_LIT("{\"token\":\"old-token\"}"), .times = 1});
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .authorization = "Bearer old-token", .status = 200, .body = VIEW_LIT("{}"), .times = 1});
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .authorization = "Bearer old-token", .status = 401, .headers = CHALLENGE});
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_view(doc.bytes, f->image.manifest);
    assert_int_equal(script_count(&f->script, "https://auth.example/token"), 2);
}

static void test_identity_token(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    const struct image_auth auth = {.identity_token = "refresh&me=1"};
    open_with(f, "reg.example/team/app:1", &auth);
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .method = "POST", .status = 200,
                                                  .body = VIEW_LIT("{\"access_token\":\"" TOKEN "\",\"expires_in\":60}")});
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    const struct script_request *q = script_find(&f->script, "https://auth.example/token", 0);
    assert_string_equal(q->method, "POST");
    assert_string_equal(q->body, "grant_type=refresh_token&client_id=cri-containerd&refresh_token=refresh%26me%3D1&service=reg.example&"
                                 "scope=repository%3Ateam%2Fapp%3Apull");
}

static void test_registry_token(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    const struct image_auth auth = {.registry_token = "straight-token"};
    open_with(f, "reg.example/team/app:1", &auth);
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/2", .status = 401, .headers = CHALLENGE});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_string_equal(f->script.requests[0].authorization, "Bearer straight-token");
    assert_fails(manifest(f, "2", &doc), &f->e, ERR_UNAUTHENTICATED, "does not take the registry token");
}

static void test_basic(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "reg.example/team/app:1", &alice);
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .authorization = "", .status = 401, .headers = "www-authenticate: Basic realm=\"x\"\n"});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_string_equal(script_find(&f->script, REPO "/*", 1)->authorization, BASIC);
}

static void test_wrong_password(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "reg.example/team/app:1", &alice);
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 401, .headers = "www-authenticate: Basic realm=\"x\"\n"});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_UNAUTHENTICATED, "does not take the credentials");
    assert_int_equal(f->script.n_requests, 2);
    open_with(f, "reg.example/team/app:1", NULL);
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_UNAUTHENTICATED, "wants a user name and a password");
}

static void test_token_refused(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "reg.example/team/app:1", &alice);
    /* The answer repeats the password: it must not get into the error. */
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .status = 401,
                                                  .body = VIEW_LIT("{\"details\":\"incorrect password " PASSWORD "\"}")});
    serve_token(f);
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_PERMISSION_DENIED, "token server of reg.example: it answered with status 401: incorrect password ****");
    assert_null(strstr(f->e.message, PASSWORD));
}

static void test_oversized_token(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    char *text = malloc(REGISTRY_TOKEN_BYTES_MAX + 1);
    f->script.chunk = 1 << 14;
    static const char head[] = "{\"token\":\"";
    for (int more = -1; more <= 1; more++) {
        size_t n = (size_t)(REGISTRY_TOKEN_BYTES_MAX + more);
        memset(text, ' ', n);
        memcpy(text, "{\"token\":\"t\"}", 13);
        script_done(&f->script);
        open_with(f, "reg.example/team/app:1", NULL);
        script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = view_make(text, n)});
        serve_token(f);
        sample_serve(&f->image, &f->script, REPO, NULL, false);
        if (more <= 0)
            assert_ok(manifest(f, f->image.manifest_digest, &doc), &f->e);
        else
            assert_fails(manifest(f, f->image.manifest_digest, &doc), &f->e, ERR_RESOURCE_EXHAUSTED, "larger than 1048576 bytes");
        sample_done(&f->image);
        sample_init(&f->image, 2, "registry");
    }
    (void)head;
    free(text);
}

static void test_hostile_token(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const char *const answers[] = {"", "null", "[]", "{", "{\"token\":5}", "{\"token\":\"\"}", "{\"token\":\"a\\r\\nX: y\"}", "{\"token\":\"a b\"}",
                                          "{\"token\":\"a\\u0000b\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        script_done(&f->script);
        script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = view_of(answers[i])});
        serve_token(f);
        int r = manifest(f, "1", &doc);
        assert_true(r == -ERR_INVALID_ARGUMENT || r == -ERR_UNAUTHENTICATED);
    }
}

/* Challenges that must not be answered. */
static void test_hostile_challenge(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const char *const challenges[] = {
        "www-authenticate: Bearer realm=\"ftp://auth.example/\"\n",  "www-authenticate: Bearer realm=\"https://u:p@auth.example/\"\n",
        "www-authenticate: Bearer realm=\"http://auth.example/\"\n", "www-authenticate: Negotiate\n",
        "www-authenticate: Bearer realm=\"\n",                       "www-authenticate: Bearer realm=\"file:///etc/passwd\"\n",
        NULL,
    };
    for (size_t i = 0; i < ARRAY_SIZE(challenges); i++) {
        script_done(&f->script);
        open_with(f, "reg.example/team/app:1", &alice);
        script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 401, .headers = challenges[i]});
        script_add(&f->script, (struct script_answer){.url = "*", .status = 200, .body = VIEW_LIT("{\"token\":\"x\"}")});
        assert_true(manifest(f, "1", &doc) < 0);
        assert_int_equal(f->script.n_requests, 1);
    }
}

/* CVE-2020-15157: a redirect must carry no credential to another host, whether the field goes along or that host asks for it. */
static void cve_2020_15157(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    static const char *const elsewhere[] = {"location: https://evil.example/blob?sig=1\n", "location: //evil.example/blob\n",
                                            "location: https://reg.example:8443/blob\n", "location: https://reg.example.evil.example/blob\n"};
    const struct image_auth kinds[] = {alice, {.registry_token = "registry-token-secret"}, {.identity_token = "identity-token-secret"}};
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
            for (int asks = 0; asks < 2; asks++) {
                script_done(&f->script);
                open_with(f, "reg.example/team/app:1", &kinds[k]);
                script_add(&f->script, (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = VIEW_LIT("{\"token\":\"" TOKEN "\"}")});
                script_add(&f->script, (struct script_answer){.url = REPO "/*", .authorization = "", .status = 401, .headers = CHALLENGE});
                script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 307, .headers = elsewhere[i]});
                script_add(&f->script,
                           (struct script_answer){.url = "*", .status = asks ? 401 : 200, .body = view_of(f->image.layers[0]),
                                                  .headers = asks ? "www-authenticate: Bearer realm=\"https://evil.example/token\"\n" : NULL});
                buf_clear(&out);
                int r = blob(f, f->image.layer_digests[0], (int64_t)strlen(f->image.layers[0]), 0, &out);
                if (asks)
                    assert_int_equal(r, -ERR_UNAUTHENTICATED);
                else
                    assert_ok(r, &f->e);
                for (size_t q = 0; q < f->script.n_requests; q++) {
                    bool home = strncmp(f->script.requests[q].url, "https://reg.example/", 20) == 0;
                    bool token = strncmp(f->script.requests[q].url, "https://auth.example/", 21) == 0;
                    if (!home && !token)
                        assert_null(f->script.requests[q].authorization);
                    assert_null(strstr(f->script.requests[q].url, "evil.example/token"));
                }
            }
        }
    }
    buf_done(&out);
}

/* A redirect within the registry keeps the credentials; back from elsewhere it does not. */
static void test_redirect_home(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "reg.example/team/app:1", &alice);
    serve_token(f);
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 302, .headers = "location: /mirror/m\n"});
    script_add(&f->script, (struct script_answer){.url = "https://reg.example/mirror/m", .authorization = "Bearer " TOKEN, .status = 200,
                                                  .body = VIEW_LIT("{}")});
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/2", .status = 302, .headers = "location: https://evil.example/x\n"});
    script_add(&f->script, (struct script_answer){.url = "https://evil.example/x", .status = 302, .headers = "location: https://reg.example/admin\n"});
    script_add(&f->script, (struct script_answer){.url = "https://reg.example/admin", .authorization = "", .status = 403});
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_fails(manifest(f, "2", &doc), &f->e, ERR_PERMISSION_DENIED, "");
}

static void test_redirect_limits(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/loop", .status = 302, .headers = "location: loop\n"});
    assert_fails(manifest(f, "loop", &doc), &f->e, ERR_UNAVAILABLE, "more than 10 redirects");
    assert_int_equal(f->script.n_requests, REGISTRY_REDIRECTS_MAX + 1);
    static const char *const bad[] = {NULL, "location: http://plain.example/\n", "location: file:///etc/passwd\n", "location: https://a:b@c.example/\n",
                                      "location: https://\n"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        script_done(&f->script);
        script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 301, .headers = bad[i]});
        assert_true(manifest(f, "1", &doc) < 0);
        assert_int_equal(f->script.n_requests, 1);
    }
}

static void test_other_server_address(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    const struct image_auth auth = {.username = "alice", .password = PASSWORD, .server_address = "https://other.example"};
    open_with(f, "reg.example/team/app:1", &auth);
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    for (size_t i = 0; i < f->script.n_requests; i++)
        assert_true(!f->script.requests[i].authorization || strcmp(f->script.requests[i].authorization, "Bearer " TOKEN) == 0);
}

static void test_blob(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    int64_t n = (int64_t)strlen(text);
    sample_serve(&f->image, &f->script, REPO, NULL, false);
    assert_ok(blob(f, f->image.layer_digests[0], n, 0, &out), &f->e);
    assert_view(buf_view(&out), text);
    buf_clear(&out);
    assert_ok(blob(f, f->image.layer_digests[0], n, 10, &out), &f->e);
    assert_view(buf_view(&out), text + 10);
    assert_string_equal(f->script.requests[1].range, "bytes=10-");
    assert_ok(blob(f, f->image.layer_digests[0], n, n, &out), &f->e);
    assert_int_equal(f->script.n_requests, 2);
    assert_fails(blob(f, f->image.layer_digests[0], n, n + 1, &out), &f->e, ERR_OUT_OF_RANGE, "");
    assert_fails(blob(f, f->image.layer_digests[0], n - 1, 0, &out), &f->e, ERR_DATA_LOSS, "more than the expected");
    assert_fails(blob(f, f->image.layer_digests[0], n + 1, 0, &out), &f->e, ERR_DATA_LOSS, "ends after");
    buf_done(&out);
}

static void test_blob_wrong_digest(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 200, .body = VIEW_LIT("other")});
    assert_fails(blob(f, f->image.layer_digests[0], 5, 0, &out), &f->e, ERR_DATA_LOSS, "content has digest sha256:");
    buf_done(&out);
}

/* Broken connections: with a server that knows ranges, one that does not, and one that ends the answer too early. */
static void test_blob_resume(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    int64_t n = (int64_t)strlen(text);
    for (int kind = 0; kind < 3; kind++) {
        script_done(&f->script);
        buf_clear(&out);
        struct script_answer a = {.url = REPO "/blobs/*", .status = 200, .body = view_of(text), .ranges = kind != 1, .times = 2};
        *(kind == 2 ? &a.end_after : &a.break_after) = kind == 1 ? 30 : 13;
        script_add(&f->script, a);
        script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 200, .body = view_of(text), .ranges = kind != 1});
        assert_ok(blob(f, f->image.layer_digests[0], n, 0, &out), &f->e);
        assert_view(buf_view(&out), text);
        assert_int_equal(f->script.n_requests, 3);
        assert_string_equal(f->script.requests[2].range, kind == 1 ? "bytes=30-" : "bytes=26-");
    }
    buf_done(&out);
}

static void test_blob_truncated(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 200, .body = view_make(text, 20)});
    assert_fails(blob(f, f->image.layer_digests[0], (int64_t)strlen(text), 0, &out), &f->e, ERR_DATA_LOSS, "ends after 20 of");
    assert_int_equal(f->script.n_requests, 1 + REGISTRY_IDLE_MAX);
    script_done(&f->script);
    script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 0});
    assert_fails(blob(f, f->image.layer_digests[0], 20, 0, &out), &f->e, ERR_UNAVAILABLE, "reg.example: connection refused");
    buf_done(&out);
}

static void test_blob_wrong_range(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 206, .body = view_of(text), .headers = "content-range: bytes 0-9/70\n"});
    assert_fails(blob(f, f->image.layer_digests[0], (int64_t)strlen(text), 5, &out), &f->e, ERR_DATA_LOSS, "another range");
    buf_done(&out);
}

static void test_loopback(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const char *const hosts[] = {"localhost:5000", "127.0.0.1:5000", "127.9.9.9", "x.localhost:1"};
    static const char *const others[] = {"localhost.example", "128.0.0.1:5000", "127.0.0.1.example", "reg.example:5000", "localhost:443"};
    char text[128], url[128];
    for (size_t i = 0; i < ARRAY_SIZE(hosts) + ARRAY_SIZE(others); i++) {
        bool loopback = i < ARRAY_SIZE(hosts);
        const char *host = loopback ? hosts[i] : others[i - ARRAY_SIZE(hosts)];
        snprintf(text, sizeof(text), "%s/a:1", host);
        snprintf(url, sizeof(url), "%s://%s/v2/a/manifests/1", loopback ? "http" : "https", host);
        script_done(&f->script);
        open_with(f, text, NULL);
        script_add(&f->script, (struct script_answer){.url = "*", .status = 200, .body = VIEW_LIT("{}")});
        assert_ok(manifest(f, "1", &doc), &f->e);
        if (strcmp(host, "localhost:443") != 0)
            assert_string_equal(f->script.requests[0].url, url);
        else
            assert_memory_equal(f->script.requests[0].url, "https://", 8);
    }
    /* A TLS server answers plain http with 400, or hangs up. */
    for (int status = 0; status <= 400; status += 400) {
        script_done(&f->script);
        open_with(f, "localhost:5000/a:1", NULL);
        script_add(&f->script, (struct script_answer){.url = "http://localhost:5000/*", .status = status});
        script_add(&f->script, (struct script_answer){.url = "https://localhost:5000/*", .status = 200, .body = VIEW_LIT("{}")});
        assert_ok(manifest(f, "1", &doc), &f->e);
        assert_ok(manifest(f, "1", &doc), &f->e);
        assert_int_equal(f->script.n_requests, 3);
        assert_true(f->script.requests[2].direct);
    }
    script_done(&f->script);
    open_with(f, "localhost:5000/a:1", NULL);
    script_add(&f->script, (struct script_answer){.url = "*", .status = 0});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_UNAVAILABLE, "manifest 1 from localhost:5000: connection refused");
}

static void test_addresses(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *base, *text, *want;
    } good[] = {
        {NULL, "https://h/a?b=c#d", "https://h/a?b=c"},
        {NULL, "HTTP://H.x:8080", "http://H.x:8080/"},
        {NULL, "https://[::1]:5/x", "https://[::1]:5/x"},
        {"https://h/a/b?q", "c", "https://h/a/c"},
        {"https://h/a/b?q", "/c", "https://h/c"},
        {"https://h/a/b?q", "?z", "https://h/a/b?z"},
        {"https://h:1/a/b", "//g/c", "https://g/c"},
        {"http://h/a", "https://g:9", "https://g:9/"},
        {"https://h", "c:d/e", NULL},
        {"https://h", "./c:d/e", "https://h/./c:d/e"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct url u;
        int r = url_resolve(good[i].base, good[i].text, &f->arena, &u, &f->e);
        if (!good[i].want)
            assert_int_equal(r, -ERR_INVALID_ARGUMENT);
        else
            assert_ok(r, &f->e);
        if (good[i].want)
            assert_string_equal(u.text, good[i].want);
    }
    static const char *const bad[] = {"", "x", "ftp://h/", "https://", "https:///x", "https://h:0/", "https://h:65536/", "https://h:x/", "https://a@h/",
                                      "https://a:b@h/", "https://h\\@g/", "https://h /", "https://h/\x01", "https://h\xc3\xa4/", "https://[::1/", "https://[]/",
                                      "https://[::1]x/", "https://h%2f/", "https://a,b/"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct url u;
        if (url_resolve(NULL, bad[i], &f->arena, &u, &f->e) != -ERR_INVALID_ARGUMENT)
            fail_msg("accepted: %s", bad[i]);
    }
    assert_true(registry_is_loopback(VIEW_LIT("[::1]:5000")));
    assert_true(registry_is_loopback(VIEW_LIT("LocalHost")));
    assert_false(registry_is_loopback(VIEW_LIT("[::2]:5000")));
    assert_false(registry_is_loopback(VIEW_LIT(".localhost")));
}

static void test_docker_hub(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "busybox", NULL);
    script_add(&f->script, (struct script_answer){.url = "https://registry-1.docker.io/v2/library/busybox/manifests/latest", .status = 200, .body = VIEW_LIT("{}")});
    assert_ok(manifest(f, "latest", &doc), &f->e);
}

static void test_limits_of_ctx(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    struct cancel c = CANCEL_INIT;
    cancel_fire(&c);
    const struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &c};
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_fails(registry_manifest(f->registry, &ctx, "1", &f->arena, &doc, &f->e), &f->e, ERR_CANCELLED, "");
}

static int sweep_manifest(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct reference ref;
    struct registry *r = NULL;
    struct registry_document doc;
    struct arena a = ARENA_INIT(1 << 20);
    const struct ctx ctx = CTX_BACKGROUND;
    const struct registry_options o = options_for(f);
    mem_fail_pause();
    script_rewind(&f->script);
    mem_fail_resume();
    int code = reference_normalize(VIEW_LIT("reg.example/team/app:1"), &ref, e);
    if (code == 0)
        code = registry_open(&o, &ref, &alice, &r, e);
    if (code == 0)
        code = registry_manifest(r, &ctx, "1", &a, &doc, e);
    struct buf out = BUF_INIT(1 << 20);
    const struct registry_sink sink = {.user = &out, .write = collect};
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
    serve_token(f);
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 302, .headers = "location: /elsewhere\n"});
    script_add(&f->script, (struct script_answer){.url = "https://reg.example/elsewhere", .status = 200, .body = view_of(f->image.manifest)});
    sample_serve(&f->image, &f->script, REPO, NULL, false);
    assert_true(sweep("registry_manifest", sweep_manifest, f) > 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_manifest),     T(test_wrong_digest),   T(test_told_digest),      T(test_oversized_manifest),   T(test_not_found),
        T(test_statuses),     T(test_error_body),     T(test_token),            T(test_token_anonymous),      T(test_token_expired),
        T(test_identity_token), T(test_registry_token), T(test_basic),          T(test_wrong_password),       T(test_token_refused),
        T(test_oversized_token), T(test_hostile_token), T(test_hostile_challenge), T(cve_2020_15157),         T(test_redirect_home),
        T(test_redirect_limits), T(test_other_server_address), T(test_blob),    T(test_blob_wrong_digest),    T(test_blob_resume),
        T(test_blob_truncated), T(test_blob_wrong_range), T(test_loopback),     T(test_docker_hub), T(test_addresses),           T(test_limits_of_ctx),
        T(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
