/* SPDX-License-Identifier: Apache-2.0 */
/* The registry client with scripted answers: documents, blobs that go on, addresses, limits. */
#include "registry_fixture.h"

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
    assert_fails(manifest(f, f->image.manifest_digest, &doc), &f->e, ERR_DATA_LOSS,
                 "the registry sent content with digest sha256:");
}

static void test_told_digest(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(
        &f->script,
        (struct script_answer){
            .url = REPO "/manifests/1",
            .status = 200,
            .body = VIEW_LIT("{}"),
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
    script_add(&f->script,
               (struct script_answer){.url = REPO "/manifests/less", .status = 200, .body = view_make(text, most - 1)});
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/most", .status = 200, .body = view_make(text, most)});
    script_add(&f->script,
               (struct script_answer){.url = REPO "/manifests/more", .status = 200, .body = view_make(text, most + 1)});
    assert_ok(manifest(f, "less", &doc), &f->e);
    assert_ok(manifest(f, "most", &doc), &f->e);
    assert_int_equal(doc.bytes.n, most);
    assert_fails(manifest(f, "more", &doc), &f->e, ERR_RESOURCE_EXHAUSTED,
                 "manifest team/app:more from reg.example: it is larger than 4194304 bytes");
    free(text);
}

static void test_not_found(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    script_add(&f->script,
               (struct script_answer){
                   .url = REPO "/manifests/1",
                   .status = 404,
                   .body = VIEW_LIT("{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}")});
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_NOT_FOUND,
                 "manifest team/app:1: not found: reg.example answered with status 404: MANIFEST_UNKNOWN: manifest unknown");
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
        script_add(&f->script, (struct script_answer){
                                   .url = REPO "/*", .status = cases[i].status, .body = VIEW_LIT("<html>not json</html>")});
        assert_fails(manifest(f, "1", &doc), &f->e, cases[i].code, cases[i].text);
    }
}

/* A server that has no time now is asked again, but not for ever. */
static void test_busy(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const struct {
        int status;
        unsigned times; /* it answers so, 0: always */
        uint64_t delay;
        const char *headers;
        size_t requests;
        enum err_code code;
    } cases[] = {
        {429, 2, 0, "retry-after: 30\n", 3, ERR_OK},
        {503, REGISTRY_REPEATS_MAX, 0, NULL, 1 + REGISTRY_REPEATS_MAX, ERR_OK},
        {429, 0, 0, NULL, 1 + REGISTRY_REPEATS_MAX, ERR_RESOURCE_EXHAUSTED},
        {503, 0, 0, NULL, 1 + REGISTRY_REPEATS_MAX, ERR_UNAVAILABLE},
        {500, 1, 0, NULL, 2, ERR_OK},
        {502, 0, 0, NULL, 2, ERR_UNAVAILABLE},
        {404, 0, 0, "retry-after: 0\n", 1, ERR_NOT_FOUND},
        /* How long to wait is what the server says ... */
        {429, 2, 1, "retry-after: 0\n", 3, ERR_OK},
        {503, 1, 1, "retry-after: Fri, 31 Dec 1999 23:59:59 GMT\n", 2, ERR_OK},
        {503, 1, 1, "retry-after: soon\n", 2, ERR_OK},
        /* ... and too long is a refusal. */
        {429, 0, 1, "retry-after: 61\n", 1, ERR_RESOURCE_EXHAUSTED},
        {429, 0, 1, "retry-after: 18446744073709551615\n", 5, ERR_RESOURCE_EXHAUSTED},
        {503, 0, 1, "retry-after: Fri, 31 Dec 2100 23:59:59 GMT\n", 1, ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        script_done(&f->script);
        f->retry_delay = cases[i].delay;
        open_with(f, "reg.example/team/app:1", NULL);
        script_add(&f->script, (struct script_answer){
                                   .url = REPO "/*", .status = cases[i].status, .times = cases[i].times, .headers = cases[i].headers});
        script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 200, .body = VIEW_LIT("{}")});
        int r = manifest(f, "1", &doc);
        if (r != -(int)cases[i].code || f->script.n_requests != cases[i].requests)
            fail_msg("case %zu: %d after %zu requests: %s", i, r, f->script.n_requests, f->e.message);
    }
    /* No wait that goes on behind the deadline. */
    const struct ctx ctx = {.deadline = clock_deadline(10 * NSEC_PER_SEC)};
    script_done(&f->script);
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .status = 429, .headers = "retry-after: 60\n"});
    assert_fails(registry_manifest(f->registry, &ctx, "1", &f->arena, &doc, &f->e), &f->e, ERR_RESOURCE_EXHAUSTED, "status 429");
    assert_int_equal(f->script.n_requests, 1);
}

/* A blob is asked for again from where it was. */
static void test_busy_blob(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    const char *text = f->image.layers[0];
    const struct script_answer good = {.url = REPO "/blobs/*", .status = 200, .body = view_of(text), .ranges = true};
    struct script_answer broken = good;
    broken.break_after = 20;
    broken.times = 1;
    script_add(&f->script, broken);
    script_add(&f->script, (struct script_answer){.url = REPO "/blobs/*", .status = 503, .headers = "retry-after: 1\n", .times = 2});
    script_add(&f->script, good);
    assert_ok(blob(f, f->image.layer_digests[0], (int64_t)strlen(text), 0, &out), &f->e);
    assert_view(buf_view(&out), text);
    assert_int_equal(f->script.n_requests, 4);
    assert_string_equal(f->script.requests[3].range, "bytes=20-");
    buf_done(&out);
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
        script_add(&f->script,
                   (struct script_answer){.url = REPO "/blobs/*", .status = 200, .body = view_of(text), .ranges = kind != 1});
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
    script_add(&f->script,
               (struct script_answer){
                   .url = REPO "/blobs/*", .status = 206, .body = view_of(text), .headers = "content-range: bytes 0-9/70\n"});
    assert_fails(blob(f, f->image.layer_digests[0], (int64_t)strlen(text), 5, &out), &f->e, ERR_DATA_LOSS, "another range");
    buf_done(&out);
}

static void test_loopback(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    static const char *const hosts[] = {"localhost:5000", "127.0.0.1:5000", "127.9.9.9", "x.localhost:1"};
    static const char *const others[] = {"localhost.example", "128.0.0.1:5000", "127.0.0.1.example", "reg.example:5000",
                                         "localhost:443"};
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
    assert_fails(manifest(f, "1", &doc), &f->e, ERR_UNAVAILABLE, "manifest a:1 from localhost:5000: connection refused");
}

static void test_docker_hub(void **state)
{
    struct fixture *f = *state;
    struct registry_document doc;
    open_with(f, "busybox", NULL);
    script_add(&f->script, (struct script_answer){.url = "https://registry-1.docker.io/v2/library/busybox/manifests/latest",
                                                  .status = 200,
                                                  .body = VIEW_LIT("{}")});
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
    script_add(&f->script,
               (struct script_answer){.url = REPO "/manifests/1", .status = 302, .headers = "location: /elsewhere\n"});
    script_add(&f->script,
               (struct script_answer){.url = "https://reg.example/elsewhere", .status = 200, .body = view_of(f->image.manifest)});
    sample_serve(&f->image, &f->script, REPO, NULL, false);
    assert_true(sweep("registry_manifest", sweep_manifest, f) > 10);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_manifest),           T(test_wrong_digest),   T(test_told_digest),
        T(test_oversized_manifest), T(test_not_found),      T(test_statuses),
        T(test_error_body),         T(test_busy), T(test_busy_blob), T(test_blob),           T(test_blob_wrong_digest),
        T(test_blob_resume),        T(test_blob_truncated), T(test_blob_wrong_range),
        T(test_loopback),           T(test_docker_hub),
        T(test_limits_of_ctx),      T(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
