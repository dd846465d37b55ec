/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingest: see the header.
 */
#include "image/ingest.h"

#include <poll.h>

#include "base/mem.h"

enum {
    LOCKED_WAIT_MS = 100,
    REOPEN_MAX = 3,
    SOURCES_MAX = 3072 /* containerd takes labels of at most 4096 bytes, key and value */
};

/* An open write, seen as a registry sink. */
struct write_target {
    const struct ctrd *ctrd;
    const struct ctx *ctx;
    struct ctrd_writer *writer;
    bool failed; /* containerd refused bytes, the source is not to blame */
};

static int write_on(void *user, struct view data, struct err *e)
{
    struct write_target *t = user;
    int r = ctrd_writer_write(t->ctrd, t->ctx, t->writer, data, e);
    t->failed = r < 0;
    return r;
}

/* True when containerd says that another client holds the ingest. It has no code of its own for that. */
static bool is_locked(int r, const struct err *e)
{
    return r == -ERR_UNAVAILABLE && strstr(e->message, "locked") != NULL;
}

/* Opens the write, waiting while another client has it. */
static int open_writer(const struct ctrd *c, const struct ctx *ctx, const char *ref, const struct ingest_blob *b,
                       struct ctrd_writer **ret, int64_t *ret_offset, struct err *e)
{
    for (;;) {
        struct err mine = ERR_INIT;
        int r = ctrd_writer_open(c, ctx, ref, b->size, b->digest, ret, ret_offset, &mine);
        if (r < 0 && e)
            *e = mine;
        if (!is_locked(r, &mine))
            return r;
        TRY(ctx_check(ctx, "another client that writes the same content", e));
        struct pollfd wake = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN};
        (void)poll(&wake, 1, LOCKED_WAIT_MS);
    }
}

/* The source label's value: repositories in order, each once, separated by commas (containerd's content-flow.md). */
static int merge_source(const char *old, const char *repository, struct arena *a, const char **ret, struct err *e)
{
    struct view rest = view_of(old), one;
    while (rest.n > 0) {
        view_cut(rest, ',', &one, &rest);
        if (view_eq_str(one, repository)) {
            *ret = old;
            return 0;
        }
    }
    if (!old || !*old || strlen(old) > SOURCES_MAX)
        *ret = repository;
    else
        *ret =
            strcmp(old, repository) < 0 ? arena_printf(a, "%s,%s", old, repository) : arena_printf(a, "%s,%s", repository, old);
    return *ret ? 0 : err_oom(e);
}

static int all_labels(const struct ingest_blob *b, const struct kvlist *present, struct arena *a, struct kvlist *ret,
                      struct err *e)
{
    struct kvlist out = {0};
    for (size_t i = 0; b->labels && i < b->labels->n; i++)
        if (kvlist_set(&out, a, b->labels->v[i].key, b->labels->v[i].value) < 0)
            return err_oom(e);
    if (!b->source_host) {
        *ret = out;
        return 0;
    }
    const char *key = arena_printf(a, "%s%s", LABEL_SOURCE, b->source_host), *value;
    if (!key)
        return err_oom(e);
    TRY(merge_source(present ? kvlist_get(present, key) : NULL, b->source_repository, a, &value, e));
    if (kvlist_set(&out, a, key, value) < 0)
        return err_oom(e);
    *ret = out;
    return 0;
}

/* The blob was there already: adds the labels that it lacks. */
static int label_present(const struct ctrd *c, const struct ctx *ctx, const struct ingest_blob *b, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)4 << 20);
    struct ctrd_content_info info;
    struct kvlist want, missing = {0};
    TRY(ctrd_content_info(c, ctx, b->digest, &a, &info, e));
    if (info.size != b->size)
        return err_raise(e, ERR_DATA_LOSS, "content %s has %lld bytes, its descriptor says %lld", b->digest, (long long)info.size,
                         (long long)b->size);
    TRY(all_labels(b, &info.labels, &a, &want, e));
    for (size_t i = 0; i < want.n; i++) {
        const char *have = kvlist_get(&info.labels, want.v[i].key);
        if (have && strcmp(have, want.v[i].value) == 0)
            continue;
        if (kvlist_set(&missing, &a, want.v[i].key, want.v[i].value) < 0)
            return err_oom(e);
    }
    return missing.n ? ctrd_content_set_labels(c, ctx, b->digest, &missing, e) : 0;
}

/* Drops what was written so far, so that nobody goes on with it. */
static void drop(const struct ctrd *c, const struct ctx *ctx, const char *ref)
{
    struct err ignored = ERR_INIT;
    struct ctx own = {.deadline = clock_deadline(10 * NSEC_PER_SEC), .lease = ctx->lease};
    (void)ctrd_content_abort(c, &own, ref, &ignored);
}

/* From an open writer to a committed blob. 1: what was written turned out wrong and a second try from the start may mend it; 2: so it
 * did, and the source has another server to take it from, of which it has an end. */
static int fill(const struct ctrd *c, const struct ctx *ctx, struct ctrd_writer *w, int64_t offset, const char *ref,
                const struct ingest_blob *b, const struct ingest_source *source, struct err *e)
{
    struct write_target t = {.ctrd = c, .ctx = ctx, .writer = w};
    const struct registry_sink sink = {.user = &t, .write = write_on};
    _cleanup_arena_ struct arena a = ARENA_INIT((size_t)1 << 20);
    struct kvlist labels;
    int r = all_labels(b, NULL, &a, &labels, e);
    if (r == 0 && offset <= b->size)
        r = source->fetch(source->user, ctx, b, offset, &sink, e);
    if (r == -ERR_ABORTED && !t.failed)
        r = 2;
    if (r == 0 && offset <= b->size) {
        r = ctrd_writer_commit(c, ctx, w, b->size, b->digest, &labels, e);
        if (r == -ERR_FAILED_PRECONDITION)
            r = offset > 0 ? 1 : -ERR_DATA_LOSS;
    } else if (r == 0) {
        r = 1;
    }
    ctrd_writer_close(c, w);
    if (r > 0 || r == -ERR_DATA_LOSS)
        drop(c, ctx, ref);
    if (r == -ERR_DATA_LOSS && e)
        e->code = ERR_DATA_LOSS;
    return r;
}

int ingest(const struct ctrd *c, const struct ctx *ctx, const struct ingest_blob *blob, const struct ingest_source *source,
           struct err *e)
{
    char ref[32 + DIGEST_TEXT_MAX];
    struct buf text = BUF_INIT(sizeof(ref) - 1);
    int r = buf_printf(&text, "%s-%s", blob->kind, blob->digest);
    if (r == 0)
        memcpy(ref, text.p, text.n + 1);
    buf_done(&text);
    if (r < 0)
        return err_oom(e);
    for (int i = 0; i < REOPEN_MAX; i++) {
        struct ctrd_writer *w = NULL;
        int64_t offset = 0;
        r = open_writer(c, ctx, ref, blob, &w, &offset, e);
        if (r == 0)
            r = fill(c, ctx, w, offset, ref, blob, source, e);
        else if (r == -ERR_ALREADY_EXISTS) {
            err_clear(e);
            return label_present(c, ctx, blob, e);
        }
        /* Another client committed it first: opening once more puts it under our lease. */
        if (r <= 0 && r != -ERR_ALREADY_EXISTS)
            return r;
        i -= r == 2;
        err_clear(e);
    }
    return err_raise(e, ERR_ABORTED, "content %s: other clients keep changing it", blob->digest);
}

static int fetch_bytes(void *user, const struct ctx *ctx, const struct ingest_blob *blob, int64_t offset,
                       const struct registry_sink *sink, struct err *e)
{
    const struct view *bytes = user;
    struct view rest = view_slice(*bytes, (size_t)offset, bytes->n);
    return rest.n ? sink->write(sink->user, rest, e) : 0;
}

int ingest_bytes(const struct ctrd *c, const struct ctx *ctx, const struct ingest_blob *blob, struct view bytes, struct err *e)
{
    struct view copy = bytes;
    const struct ingest_source source = {.user = &copy, .fetch = fetch_bytes};
    return ingest(c, ctx, blob, &source, e);
}
