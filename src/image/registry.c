/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry: the session, manifests, and blobs that go on where a connection broke.
 */
#include "image/registry.h"

#include <poll.h>

#include "base/mem.h"
#include "base/num.h"
#include "image/hash.h"
#include "image/registry_internal.h"
#include "parse/ociimage.h"

static int fill(struct registry *r, const struct registry_options *o, const struct reference *ref, const struct image_auth *auth,
                struct err *e)
{
    r->options = *o;
    r->options.ca_file = arena_strdup(&r->arena, o->ca_file ? o->ca_file : "");
    r->domain = arena_strdup(&r->arena, ref->domain);
    r->repository = arena_strdup(&r->arena, ref->path);
    if (!r->options.ca_file || !r->domain || !r->repository)
        return err_oom(e);
    r->host = credentials_registry_host(r->domain);
    r->loopback = registry_is_loopback(view_of(r->host));
    r->scheme = "https";
    r->scheme_known = !r->loopback || view_ends(view_of(r->host), VIEW_LIT(":443"));
    TRY(credentials_choose(auth, r->domain, &r->arena, &r->credentials, e));
    if (*r->credentials.registry_token) {
        r->authorization = mem_printf("Bearer %s", r->credentials.registry_token);
        if (!r->authorization)
            return err_oom(e);
    }
    return 0;
}

int registry_open(const struct registry_options *options, const struct reference *ref, const struct image_auth *auth,
                  struct registry **ret, struct err *e)
{
    if (!*ref->domain)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the image reference names no usable registry host");
    struct registry *r = mem_zalloc(sizeof(*r));
    if (!r)
        return err_oom(e);
    arena_init(&r->arena, (size_t)4 << 20);
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        mem_free(r);
        return err_oom(e);
    }
    int code = fill(r, options, ref, auth, e);
    if (code < 0) {
        registry_close(r);
        return code;
    }
    *ret = r;
    return 0;
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    mem_free(r->authorization);
    pthread_mutex_destroy(&r->lock);
    arena_done(&r->arena);
    mem_free(r);
}

/* A manifest that is being read. */
struct manifest_read {
    struct arena *arena;
    struct buf body;
    const char *media_type, *told;
};

static int on_manifest_head(void *user, const struct http_response *response, struct err *e)
{
    struct manifest_read *m = user;
    struct view type = view_of(http_header(response, "content-type"));
    m->media_type = arena_view(m->arena, view_trim(view_slice(type, 0, view_find(type, ';'))));
    m->told = arena_strdup(m->arena, http_header(response, "docker-content-digest"));
    if (!m->media_type || !m->told)
        return err_oom(e);
    if (response->content_length > OCI_MANIFEST_BYTES_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "it is larger than %d bytes", OCI_MANIFEST_BYTES_MAX);
    return 0;
}

static int on_manifest_data(void *user, struct view data, struct err *e)
{
    struct manifest_read *m = user;
    if (data.n > m->body.max - m->body.n)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "it is larger than %d bytes", OCI_MANIFEST_BYTES_MAX);
    return buf_add_view(&m->body, data) < 0 ? err_oom(e) : 0;
}

/* Checks the bytes against what was asked for and what the registry told, and fills *doc. */
static int finish_manifest(const struct manifest_read *m, const char *asked, struct registry_document *doc, struct err *e)
{
    struct view body = buf_view(&m->body);
    struct digest d = {.algorithm = DIGEST_SHA256};
    bool by_digest = digest_classify(view_of(asked), &d) == DIGEST_CLASS_OK;
    TRY(hash_text(d.algorithm, body, doc->digest, e));
    if (by_digest && strcmp(doc->digest, asked) != 0)
        return err_raise(e, ERR_DATA_LOSS, "the registry sent content with digest %s", doc->digest);
    if (*m->told && !by_digest)
        TRY(hash_verify(body, m->told, "Docker-Content-Digest", e));
    doc->media_type = m->media_type;
    doc->bytes.p = arena_memdup(m->arena, body.p ? body.p : "", body.n);
    doc->bytes.n = body.n;
    return doc->bytes.p ? 0 : err_oom(e);
}

static int manifest_headers(struct strlist *headers, struct arena *a, struct err *e)
{
    static const char accept[] =
        "Accept: " OCI_MEDIA_INDEX ", " OCI_MEDIA_MANIFEST ", " DOCKER_MEDIA_LIST ", " DOCKER_MEDIA_MANIFEST ", */*;q=0.1";
    return strlist_add(headers, a, accept) < 0 ? err_oom(e) : 0;
}

int registry_manifest(struct registry *r, const struct ctx *ctx, const char *tag_or_digest, struct arena *a,
                      struct registry_document *ret, struct err *e)
{
    bool by_digest = digest_classify(view_of(tag_or_digest), NULL) == DIGEST_CLASS_OK;
    const char *what = arena_printf(a, "manifest %s%c%s", r->repository, by_digest ? '@' : ':', tag_or_digest);
    const char *path = arena_printf(a, "manifests/%s", tag_or_digest);
    if (!what || !path)
        return err_oom(e);
    struct manifest_read m = {.arena = a, .body = BUF_INIT(OCI_MANIFEST_BYTES_MAX)};
    const struct http_sink sink = {.user = &m, .head = on_manifest_head, .data = on_manifest_data};
    struct registry_get get = {.path = path, .sink = &sink};
    TRY(manifest_headers(&get.headers, a, e));
    struct registry_reply reply = {.body = BUF_INIT(REGISTRY_ERROR_BYTES_MAX)};
    struct registry_document doc = {0};
    int code = registry_request(r, ctx, &get, &reply, e);
    if (code < 0)
        err_wrap(e, code, "%s from %s", what, r->host);
    else if (reply.status != 200)
        code = registry_raise_status(r, what, &reply, e);
    else {
        code = finish_manifest(&m, tag_or_digest, &doc, e);
        if (code < 0)
            err_wrap(e, code, "%s from %s", what, r->host);
    }
    buf_done(&reply.body);
    buf_done(&m.body);
    if (code == 0)
        *ret = doc;
    return registry_scrub(r, code, e);
}

/* A blob that is being read. */
struct blob_read {
    const char *digest;
    int64_t size;
    int64_t at;   /* bytes [.., at) were handed on */
    int64_t skip; /* bytes of this answer that were handed on before */
    struct hash hash;
    bool hashing;
    const struct registry_sink *sink;
    bool sink_failed; /* the failure is the sink's: no repeat helps */
};

/* Where the bytes of a partial answer start ("bytes 100-199/200", RFC 9110 section 14.4), -1 when it does not say. */
static int64_t range_start(const char *text)
{
    struct view v = view_of(text), unit, rest, first;
    uint64_t n;
    if (!view_cut(v, ' ', &unit, &rest) || !view_eq_nocase(unit, VIEW_LIT("bytes")) || !view_cut(rest, '-', &first, NULL) ||
        num_parse_u64(first, INT64_MAX, &n) != NUM_OK)
        return -1;
    return (int64_t)n;
}

static int on_blob_head(void *user, const struct http_response *response, struct err *e)
{
    struct blob_read *b = user;
    b->skip = b->at;
    if (response->status == 206) {
        if (range_start(http_header(response, "content-range")) != b->at)
            return err_raise(e, ERR_DATA_LOSS, "the registry sent another range than the one asked for");
        b->skip = 0;
    }
    int64_t length = response->content_length;
    if (length >= 0 && length != b->size - (b->at - b->skip))
        return err_raise(e, ERR_DATA_LOSS, "the registry sends %lld bytes, expected %lld", (long long)length,
                         (long long)(b->size - (b->at - b->skip)));
    return 0;
}

static int on_blob_data(void *user, struct view data, struct err *e)
{
    struct blob_read *b = user;
    size_t known = b->skip < (int64_t)data.n ? (size_t)b->skip : data.n;
    b->skip -= (int64_t)known;
    data = view_slice(data, known, data.n);
    if (data.n == 0)
        return 0;
    if ((int64_t)data.n > b->size - b->at)
        return err_raise(e, ERR_DATA_LOSS, "the registry sent more than the expected %lld bytes", (long long)b->size);
    if (b->hashing)
        TRY(hash_update(&b->hash, data, e));
    int code = b->sink->write(b->sink->user, data, e);
    if (code < 0) {
        b->sink_failed = true;
        return code;
    }
    b->at += (int64_t)data.n;
    return 0;
}

/* One request for what is missing. 0: the answer ended as it should, though it may have been short. */
static int blob_once(struct registry *r, const struct ctx *ctx, struct blob_read *b, const char *what, struct err *e)
{
    struct arena a = ARENA_INIT((size_t)1 << 20);
    const struct http_sink sink = {.user = b, .head = on_blob_head, .data = on_blob_data};
    struct registry_get get = {.path = arena_printf(&a, "blobs/%s", b->digest), .sink = &sink};
    struct registry_reply reply = {.body = BUF_INIT(REGISTRY_ERROR_BYTES_MAX)};
    int code = get.path ? 0 : err_oom(e);
    if (code == 0 && strlist_add(&get.headers, &a, "Accept: */*") < 0)
        code = err_oom(e);
    if (code == 0 && b->at > 0 && strlist_addf(&get.headers, &a, "Range: bytes=%lld-", (long long)b->at) < 0)
        code = err_oom(e);
    if (code == 0)
        code = registry_request(r, ctx, &get, &reply, e);
    if (code == 0 && reply.status != 200 && reply.status != 206)
        code = registry_raise_status(r, what, &reply, e);
    else if (code < 0 && !b->sink_failed)
        err_wrap(e, code, "%s from %s", what, r->host);
    buf_done(&reply.body);
    arena_done(&a);
    return code;
}

/* Waits before a repeat; ends early when ctx does. */
static int pause_before_repeat(struct registry *r, const struct ctx *ctx, unsigned n, struct err *e)
{
    uint64_t delay = r->options.retry_delay << (n < 6 ? n : 6);
    TRY(ctx_check(ctx, "a repeat of the request", e));
    if (delay == 0)
        return 0;
    struct pollfd wake = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN};
    (void)poll(&wake, 1, clock_poll_ms(MIN_OF(clock_deadline(delay), ctx->deadline)));
    return ctx_check(ctx, "a repeat of the request", e);
}

/* Repeats until all bytes are there, no byte comes any more, or something fails that a repeat does not mend. */
static int blob_whole(struct registry *r, const struct ctx *ctx, struct blob_read *b, const char *what, struct err *e)
{
    unsigned idle = 0;
    for (unsigned tries = 0;; tries++) {
        int64_t before = b->at;
        int code = blob_once(r, ctx, b, what, e);
        if (code == 0 && b->at == b->size)
            return 0;
        if (code < 0 && (code != -ERR_UNAVAILABLE || b->sink_failed))
            return code;
        idle = b->at > before ? 0 : idle + 1;
        if (idle >= REGISTRY_IDLE_MAX || tries + 1 >= REGISTRY_RESUMES_MAX) {
            if (code < 0)
                return code;
            return err_raise(e, ERR_DATA_LOSS, "%s from %s: ends after %lld of %lld bytes", what, r->host, (long long)b->at,
                             (long long)b->size);
        }
        TRY(pause_before_repeat(r, ctx, idle, e));
        err_clear(e);
    }
}

int registry_blob(struct registry *r, const struct ctx *ctx, const char *digest, int64_t size, int64_t offset,
                  const struct registry_sink *sink, struct err *e)
{
    struct digest d;
    TRY(digest_parse(view_of(digest), &d, e));
    if (offset > size)
        return err_raise(e, ERR_OUT_OF_RANGE, "blob %s: offset %lld is behind its end", digest, (long long)offset);
    if (offset == size && offset > 0)
        return 0;
    char what[sizeof("blob ") + DIGEST_TEXT_MAX];
    memcpy(what, "blob ", 5);
    memcpy(what + 5, d.text.p, d.text.n);
    what[5 + d.text.n] = '\0';
    struct blob_read b = {.digest = digest, .size = size, .at = offset, .hash = HASH_INIT, .hashing = offset == 0, .sink = sink};
    if (b.hashing)
        TRY(hash_begin(&b.hash, d.algorithm, e));
    int code = blob_whole(r, ctx, &b, what, e);
    char have[DIGEST_TEXT_MAX + 1];
    if (code == 0 && b.hashing)
        code = hash_end(&b.hash, have, e);
    if (code == 0 && b.hashing && strcmp(have, digest) != 0)
        code = err_raise(e, ERR_DATA_LOSS, "%s from %s: content has digest %s", what, r->host, have);
    hash_done(&b.hash);
    return registry_scrub(r, code, e);
}
