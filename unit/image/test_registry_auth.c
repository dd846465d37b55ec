/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, tokens and redirects of the registry client, with scripted answers. */
#include "registry_fixture.h"

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
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token",
                                                  .status = 200,
                                                  .body = VIEW_LIT("{\"token\":\"old-token\"}"),
                                                  .times = 1});
    script_add(&f->script,
               (struct script_answer){
                   .url = REPO "/*", .authorization = "Bearer old-token", .status = 200, .body = VIEW_LIT("{}"), .times = 1});
    script_add(&f->script, (struct script_answer){
                               .url = REPO "/*", .authorization = "Bearer old-token", .status = 401, .headers = CHALLENGE});
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
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token",
                                                  .method = "POST",
                                                  .status = 200,
                                                  .body = VIEW_LIT("{\"access_token\":\"" TOKEN "\",\"expires_in\":60}")});
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    const struct script_request *q = script_find(&f->script, "https://auth.example/token", 0);
    assert_string_equal(q->method, "POST");
    assert_string_equal(q->body,
                        "grant_type=refresh_token&client_id=cri-containerd&refresh_token=refresh%26me%3D1&service=reg.example&"
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
    script_add(&f->script,
               (struct script_answer){
                   .url = REPO "/*", .authorization = "", .status = 401, .headers = "www-authenticate: Basic realm=\"x\"\n"});
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_string_equal(script_find(&f->script, REPO "/*", 1)->authorization, BASIC);
}

static void test_wrong_password(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "reg.example/team/app:1", &alice);
    script_add(&f->script,
               (struct script_answer){.url = REPO "/*", .status = 401, .headers = "www-authenticate: Basic realm=\"x\"\n"});
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
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token",
                                                  .status = 401,
                                                  .body = VIEW_LIT("{\"details\":\"incorrect password " PASSWORD "\"}")});
    serve_token(f);
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_PERMISSION_DENIED,
                 "token server of reg.example: it answered with status 401: incorrect password ****");
    assert_null(strstr(f->e.message, PASSWORD));
}

static void test_token_server_is_busy(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script, (struct script_answer){
                               .url = "https://auth.example/token", .status = 429, .headers = "retry-after: 1\n", .times = 2});
    serve_token(f);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(manifest(f, "1", &doc), &f->e);
    assert_int_equal(script_count(&f->script, "https://auth.example/token"), 3);
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
        script_add(&f->script,
                   (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = view_make(text, n)});
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
    static const char *const answers[] = {"",
                                          "null",
                                          "[]",
                                          "{",
                                          "{\"token\":5}",
                                          "{\"token\":\"\"}",
                                          "{\"token\":\"a\\r\\nX: y\"}",
                                          "{\"token\":\"a b\"}",
                                          "{\"token\":\"a\\u0000b\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        script_done(&f->script);
        script_add(&f->script,
                   (struct script_answer){.url = "https://auth.example/token", .status = 200, .body = view_of(answers[i])});
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
        "www-authenticate: Bearer realm=\"ftp://auth.example/\"\n",
        "www-authenticate: Bearer realm=\"https://u:p@auth.example/\"\n",
        "www-authenticate: Bearer realm=\"http://auth.example/\"\n",
        "www-authenticate: Negotiate\n",
        "www-authenticate: Bearer realm=\"\n",
        "www-authenticate: Bearer realm=\"file:///etc/passwd\"\n",
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

/* CVE-2020-15157: a redirect must carry no credential to another host, whether the field goes along or that host asks for
 * it. */
static void cve_2020_15157(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    static const char *const elsewhere[] = {"location: https://evil.example/blob?sig=1\n", "location: //evil.example/blob\n",
                                            "location: https://reg.example:8443/blob\n",
                                            "location: https://reg.example.evil.example/blob\n"};
    const struct image_auth kinds[] = {
        alice, {.registry_token = "registry-token-secret"}, {.identity_token = "identity-token-secret"}};
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
            for (int asks = 0; asks < 2; asks++) {
                script_done(&f->script);
                open_with(f, "reg.example/team/app:1", &kinds[k]);
                script_add(&f->script, (struct script_answer){.url = "https://auth.example/token",
                                                              .status = 200,
                                                              .body = VIEW_LIT("{\"token\":\"" TOKEN "\"}")});
                script_add(&f->script,
                           (struct script_answer){.url = REPO "/*", .authorization = "", .status = 401, .headers = CHALLENGE});
                script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 307, .headers = elsewhere[i]});
                script_add(&f->script,
                           (struct script_answer){
                               .url = "*",
                               .status = asks ? 401 : 200,
                               .body = view_of(f->image.layers[0]),
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
    script_add(&f->script, (struct script_answer){.url = "https://reg.example/mirror/m",
                                                  .authorization = "Bearer " TOKEN,
                                                  .status = 200,
                                                  .body = VIEW_LIT("{}")});
    script_add(&f->script, (struct script_answer){
                               .url = REPO "/manifests/2", .status = 302, .headers = "location: https://evil.example/x\n"});
    script_add(&f->script, (struct script_answer){.url = "https://evil.example/x",
                                                  .status = 302,
                                                  .headers = "location: https://reg.example/admin\n"});
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
    static const char *const bad[] = {NULL, "location: http://plain.example/\n", "location: file:///etc/passwd\n",
                                      "location: https://a:b@c.example/\n", "location: https://\n"};
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

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_token),           T(test_token_anonymous), T(test_token_expired),        T(test_identity_token),
        T(test_registry_token),  T(test_basic),           T(test_wrong_password),       T(test_token_refused),
        T(test_token_server_is_busy), T(test_oversized_token), T(test_hostile_token),   T(test_hostile_challenge),    T(cve_2020_15157),
        T(test_redirect_home),   T(test_redirect_limits), T(test_other_server_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
