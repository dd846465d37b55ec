/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, blobs: bytes that go on where a connection broke, at the next server if need be: a blob is the same wherever it lies.
 */
#include "base/num.h"
#include "image/hash.h"
#include "image/registry_internal.h"

/* A blob that is being read. */
struct blob_read {
    const char *digest;
    int64_t size;
    int64_t at;   /* bytes [.., at) were handed on */
    int64_t skip; /* bytes of this answer that were handed on before */
    struct hash hash;
    bool hashing;
    const struct registry_sink *sink;
    bool sink_failed;               /* the failure is the sink's: no repeat helps */
    struct registry_host *host;     /* the server that is asked now */
    struct registry_host *suspect;  /* sent bytes: if the whole turns out wrong it is taken for the one to blame */
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
    if (!b->suspect || b->host->server->mirror)
        b->suspect = b->host;
    int code = b->sink->write(b->sink->user, data, e);
    if (code < 0) {
        b->sink_failed = true;
        return code;
    }
    b->at += (int64_t)data.n;
    return 0;
}

/* One request for what is missing. 0: the answer ended as it should, though it may have been short. */
static int blob_once(struct registry_turn *t, const struct ctx *ctx, struct blob_read *b, struct err *e)
{
    struct arena a = ARENA_INIT((size_t)1 << 20);
    const struct http_sink sink = {.user = b, .head = on_blob_head, .data = on_blob_data};
    struct registry_get get = {.path = arena_printf(&a, "blobs/%s", b->digest), .sink = &sink, .patient = t->last};
    struct registry_reply reply = {.body = BUF_INIT(REGISTRY_ERROR_BYTES_MAX)};
    int code = get.path ? 0 : err_oom(e);
    if (code == 0 && strlist_add(&get.headers, &a, "Accept: */*") < 0)
        code = err_oom(e);
    if (code == 0 && b->at > 0 && strlist_addf(&get.headers, &a, "Range: bytes=%lld-", (long long)b->at) < 0)
        code = err_oom(e);
    if (code == 0)
        code = registry_request(t->host, ctx, &get, &reply, e);
    if (code == 0 && reply.status != 200 && reply.status != 206) {
        t->named = true;
        code = registry_raise_status(t->host, &reply, e);
    }
    t->final = b->sink_failed;
    buf_done(&reply.body);
    arena_done(&a);
    return code;
}

/* One server's turn: repeats until all bytes are there, no byte comes any more, or something fails that a repeat does not mend. */
static int blob_turn(struct registry_turn *t, const struct ctx *ctx, void *arg, struct err *e)
{
    struct blob_read *b = arg;
    unsigned idle = 0, idle_max = t->last ? REGISTRY_IDLE_MAX : 1;
    b->host = t->host;
    for (unsigned tries = 0;; tries++) {
        int64_t before = b->at;
        int code = blob_once(t, ctx, b, e);
        if (code == 0 && b->at == b->size)
            return 0;
        if (code < 0 && (code != -ERR_UNAVAILABLE || t->final || t->named))
            return code;
        idle = b->at > before ? 0 : idle + 1;
        if (idle >= idle_max || tries + 1 >= REGISTRY_RESUMES_MAX) {
            if (code < 0)
                return code;
            return err_raise(e, ERR_DATA_LOSS, "ends after %lld of %lld bytes", (long long)b->at, (long long)b->size);
        }
        TRY(registry_wait(ctx, t->host->registry->options.retry_delay << idle, e));
        err_clear(e);
    }
}

/* All bytes were written: are they the right ones? */
static int verify(struct registry *r, struct blob_read *b, const char *what, struct err *e)
{
    char have[DIGEST_TEXT_MAX + 1];
    TRY(hash_end(&b->hash, have, e));
    if (strcmp(have, b->digest) == 0)
        return 0;
    const struct registry_host *by = b->suspect ? b->suspect : b->host;
    if (b->suspect)
        registry_set_state(b->suspect, REGISTRY_LIED);
    bool others = b->suspect && registry_anybody_left(r, HOSTS_PULL);
    return err_raise(e, others ? ERR_ABORTED : ERR_DATA_LOSS, "%s from %s: content has digest %s", what, by->name, have);
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
    int code = registry_take_turns(r, ctx, HOSTS_PULL, what, blob_turn, &b, e);
    if (code == 0 && b.hashing)
        code = verify(r, &b, what, e);
    hash_done(&b.hash);
    return registry_scrub(r, code, e);
}
