/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content.Write: one bidirectional call a blob. The first message (STAT) takes the lock on the ingest and tells how far it is;
 * each WRITE is answered with the new offset; COMMIT ends it. On the wire an offset of 0 truncates and any other offset is
 * checked against the ingest, so the offset is counted here and sent with every message.
 */
#include "containerd/content_v1.pb-c.h"
#include "containerd/wire.h"

#include "base/mem.h"

#define MSG(name) Containerd__Services__Content__V1__##name

/* containerd and its clients take messages of at most 16 MiB; small chunks keep other calls on the connection moving. */
enum { CHUNK_MAX = 1 << 20 };

struct ctrd_writer {
    struct ctrd_stream st;
    char *ref;
    int64_t offset;
    bool done; /* committed, or broken: the call has ended */
};

static int wrap(struct err *e, int r, const struct ctrd_writer *w)
{
    return r < 0 ? err_wrap(e, r, "ingest \"%s\"", w->ref) : r;
}

/* Sends a message and takes its answer's offset. Only a commit may take long. */
static int exchange(struct ctrd_writer *w, const struct ctx *unlimited, const MSG(WriteContentRequest) *q, bool last,
                    int64_t *ret_offset, struct err *e)
{
    const struct ctx limited = last ? *unlimited : ctx_with_timeout(unlimited, CTRD_CALL_LIMIT), *ctx = &limited;
    CTRD_SCRATCH(scratch);
    MSG(WriteContentResponse) *p;
    struct err sent = ERR_INIT;
    int s = ctrd_stream_send(&w->st, ctx, q, last, &sent);
    /* When containerd ended the call early, its status is why sending failed, and it is what the caller needs. */
    int r = ctrd_stream_recv(&w->st, ctx, &scratch, &p, e);
    if (r > 0 && s < 0) {
        *e = sent;
        r = s;
    }
    if (r == 0)
        r = s < 0 ? (*e = sent, s) : err_raise(e, ERR_DATA_LOSS, "containerd ended the write early");
    if (r < 0) {
        w->done = true;
        return r;
    }
    if (p->offset < 0) {
        w->done = true;
        return err_raise(e, ERR_DATA_LOSS, "containerd told a negative offset");
    }
    *ret_offset = p->offset;
    return 0;
}

int ctrd_op_writer_open(void *user, const struct ctx *ctx, const char *ref, int64_t total, const char *expected,
                        struct ctrd_writer **ret, int64_t *ret_offset, struct err *e)
{
    struct ctrd_writer *w = mem_zalloc(sizeof(*w));
    if (!w)
        return err_oom(e);
    w->ref = mem_strdup(ref ? ref : "");
    int r = w->ref ? ctrd_stream_open(&w->st, user, ctx, CONTAINERD_METHOD_CONTENT_WRITE, e) : err_oom(e);
    if (r == 0) {
        CTRD_REQUEST(MSG(WriteContentRequest), q, CONTAINERD_METHOD_CONTENT_WRITE);
        q.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__STAT;
        q.ref = ctrd_str(ref);
        q.total = total;
        q.expected = ctrd_str(expected);
        r = exchange(w, ctx, &q, false, &w->offset, e);
    }
    if (r < 0) {
        if (w->ref)
            wrap(e, r, w);
        ctrd_op_writer_close(user, w);
        return r;
    }
    *ret_offset = w->offset;
    *ret = w;
    return 0;
}

static int write_chunk(struct ctrd_writer *w, const struct ctx *ctx, struct view data, struct err *e)
{
    CTRD_REQUEST(MSG(WriteContentRequest), q, CONTAINERD_METHOD_CONTENT_WRITE);
    q.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__WRITE;
    q.ref = w->ref;
    q.offset = w->offset;
    q.data.data = (uint8_t *)data.p;
    q.data.len = data.n;
    int64_t offset;
    TRY(exchange(w, ctx, &q, false, &offset, e));
    if (offset != w->offset + (int64_t)data.n) {
        w->done = true;
        return err_raise(e, ERR_DATA_LOSS, "containerd is at offset %lld after a write that ends at %lld", (long long)offset,
                         (long long)(w->offset + (int64_t)data.n));
    }
    w->offset = offset;
    return 0;
}

int ctrd_op_writer_write(void *user, const struct ctx *ctx, struct ctrd_writer *w, struct view data, struct err *e)
{
    if (w->done)
        return err_raise(e, ERR_FAILED_PRECONDITION, "ingest \"%s\": the write has ended", w->ref);
    while (data.n > 0) {
        size_t n = MIN_OF(data.n, (size_t)CHUNK_MAX);
        int r = write_chunk(w, ctx, view_slice(data, 0, n), e);
        if (r < 0)
            return wrap(e, r, w);
        data = view_slice(data, n, data.n);
    }
    return 0;
}

/* containerd repeats its last message before the status; reading to the end means that the lock on the ingest is gone when we
 * return. */
static void drain(struct ctrd_writer *w, const struct ctx *ctx)
{
    enum { DRAIN_MAX = 4 };
    struct err ignored = ERR_INIT;
    for (int i = 0; i < DRAIN_MAX; i++) {
        CTRD_SCRATCH(scratch);
        MSG(WriteContentResponse) *p;
        if (ctrd_stream_recv(&w->st, ctx, &scratch, &p, &ignored) <= 0)
            return;
    }
}

int ctrd_op_writer_commit(void *user, const struct ctx *ctx, struct ctrd_writer *w, int64_t total, const char *expected,
                          const struct kvlist *labels, struct err *e)
{
    if (w->done)
        return err_raise(e, ERR_FAILED_PRECONDITION, "ingest \"%s\": the write has ended", w->ref);
    /* An offset that does not match is sent as 0 when nothing was written, and 0 truncates: catch it here, where the cause is
     * known. */
    if (total > 0 && total != w->offset)
        return err_raise(e, ERR_FAILED_PRECONDITION, "ingest \"%s\": %lld bytes written, %lld expected", w->ref,
                         (long long)w->offset, (long long)total);
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(WriteContentRequest), q, CONTAINERD_METHOD_CONTENT_WRITE);
    q.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__COMMIT;
    q.ref = w->ref;
    q.total = total;
    q.expected = ctrd_str(expected);
    q.offset = w->offset;
    TRY(ctrd_pack_labels(labels, &containerd__services__content__v1__write_content_request__labels_entry__descriptor, &scratch,
                         &q.n_labels, &q.labels, e));
    int64_t offset;
    int r = exchange(w, ctx, &q, true, &offset, e);
    if (r < 0)
        return wrap(e, r, w);
    drain(w, ctx);
    w->done = true;
    return 0;
}

void ctrd_op_writer_close(void *user, struct ctrd_writer *w)
{
    if (!w)
        return;
    ctrd_stream_close(&w->st);
    mem_free(w->ref);
    mem_free(w);
}
