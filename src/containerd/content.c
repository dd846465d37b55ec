/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.content.v1, the reading side and the records: blobs by digest, and the ingests under way. Writing is in
 * writer.c.
 */
#include "containerd/content_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Content__V1__##name

static int wrap(struct err *e, int r, const char *digest)
{
    return r < 0 ? err_wrap(e, r, "content %s", digest) : r;
}

int ctrd_op_content_info(void *user, const struct ctx *ctx, const char *digest, struct arena *a, struct ctrd_content_info *ret,
                         struct err *e)
{
    CTRD_REQUEST(MSG(InfoRequest), q, CONTAINERD_METHOD_CONTENT_INFO);
    MSG(InfoResponse) *p;
    q.digest = ctrd_str(digest);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_CONTENT_INFO, &q, a, &p, e);
    if (r == 0 && !p->info)
        r = ctrd_incomplete(CONTAINERD_METHOD_CONTENT_INFO, "a blob", e);
    if (r < 0)
        return wrap(e, r, digest);
    struct ctrd_content_info info = {
        .digest = p->info->digest,
        .size = p->info->size,
        .created_at = ctrd_unpack_time(p->info->created_at),
        .updated_at = ctrd_unpack_time(p->info->updated_at),
    };
    TRY(ctrd_unpack_labels(p->info->n_labels, p->info->labels, a, &info.labels, e));
    *ret = info;
    return 0;
}

/* Receives one chunk and appends it. 1: go on; 0: the end. */
static int read_chunk(struct ctrd_stream *st, const struct ctx *ctx, int64_t offset, int64_t *got, int64_t len, struct buf *out,
                      struct err *e)
{
    CTRD_SCRATCH(scratch);
    MSG(ReadContentResponse) *p;
    int r = ctrd_stream_recv(st, ctx, &scratch, &p, e);
    if (r <= 0)
        return r;
    /* containerd counts from the start of the answer, not of the blob; a server that counts from the blob's start is as clear. */
    if (p->offset != *got && p->offset != offset + *got)
        return err_raise(e, ERR_DATA_LOSS, "containerd sent bytes at offset %lld, expected %lld", (long long)p->offset,
                         (long long)*got);
    if (len > 0 && (p->data.len > (uint64_t)len || (uint64_t)*got > (uint64_t)len - p->data.len))
        return err_raise(e, ERR_DATA_LOSS, "containerd sent more than the %lld bytes asked for", (long long)len);
    if (p->data.len > out->max || out->n > out->max - p->data.len)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "larger than the limit of %zu bytes", out->max);
    if (buf_add(out, p->data.data, p->data.len) < 0)
        return err_oom(e);
    *got += (int64_t)p->data.len;
    return 1;
}

/* len 0: to the end, as on the wire. What was appended before a failure is taken back. */
static int read_blob(void *user, const struct ctx *ctx, const char *digest, int64_t offset, int64_t len, struct buf *out,
                     struct err *e)
{
    CTRD_REQUEST(MSG(ReadContentRequest), q, CONTAINERD_METHOD_CONTENT_READ);
    q.digest = ctrd_str(digest);
    q.offset = offset;
    q.size = len;
    struct ctrd_stream st;
    int64_t got = 0;
    size_t before = out->n;
    TRY(ctrd_stream_ask(&st, user, ctx, CONTAINERD_METHOD_CONTENT_READ, &q, e));
    int r;
    while ((r = read_chunk(&st, ctx, offset, &got, len, out, e)) > 0)
        continue;
    ctrd_stream_close(&st);
    if (r < 0 && out->p) {
        out->n = before;
        out->p[before] = '\0';
    }
    return r;
}

int ctrd_op_content_read(void *user, const struct ctx *ctx, const char *digest, struct buf *out, struct err *e)
{
    return wrap(e, read_blob(user, ctx, digest, 0, 0, out, e), digest);
}

int ctrd_op_content_read_range(void *user, const struct ctx *ctx, const char *digest, int64_t offset, int64_t len,
                               struct buf *out, struct err *e)
{
    if (offset < 0 || len < 0 || offset > INT64_MAX - len)
        return err_raise(e, ERR_INVALID_ARGUMENT, "content %s: range of %lld bytes at %lld is not valid", digest, (long long)len,
                         (long long)offset);
    if (len == 0)
        return 0;
    return wrap(e, read_blob(user, ctx, digest, offset, len, out, e), digest);
}

/* One mask path a label, so that labels that others put on the blob stay. */
int ctrd_op_content_set_labels(void *user, const struct ctx *ctx, const char *digest, const struct kvlist *labels, struct err *e)
{
    if (!labels || labels->n == 0)
        return 0;
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(UpdateRequest), q, CONTAINERD_METHOD_CONTENT_UPDATE);
    MSG(Info) info;
    protobuf_c_message_init(&containerd__services__content__v1__info__descriptor, &info);
    info.digest = ctrd_str(digest);
    q.info = &info;
    const char **paths = ARENA_NEW_N(&scratch, const char *, labels->n + 1);
    if (!paths)
        return err_oom(e);
    for (size_t i = 0; i < labels->n; i++) {
        paths[i] = arena_printf(&scratch, "labels.%s", labels->v[i].key);
        if (!paths[i])
            return err_oom(e);
    }
    TRY(ctrd_pack_mask(paths, &scratch, &q.update_mask, e));
    TRY(ctrd_pack_labels(labels, &containerd__services__content__v1__info__labels_entry__descriptor, &scratch, &info.n_labels,
                         &info.labels, e));
    return wrap(e, ctrd_call_plain(user, ctx, CONTAINERD_METHOD_CONTENT_UPDATE, &q, e), digest);
}

int ctrd_op_content_delete(void *user, const struct ctx *ctx, const char *digest, struct err *e)
{
    CTRD_REQUEST(MSG(DeleteContentRequest), q, CONTAINERD_METHOD_CONTENT_DELETE);
    q.digest = ctrd_str(digest);
    return wrap(e, ctrd_call_plain(user, ctx, CONTAINERD_METHOD_CONTENT_DELETE, &q, e), digest);
}

int ctrd_op_content_ingests(void *user, const struct ctx *ctx, struct arena *a, struct ctrd_ingests *ret, struct err *e)
{
    CTRD_REQUEST(MSG(ListStatusesRequest), q, CONTAINERD_METHOD_CONTENT_LIST_STATUSES);
    MSG(ListStatusesResponse) *p;
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_CONTENT_LIST_STATUSES, &q, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "list of ingests");
    struct ctrd_ingest *v = ARENA_NEW_N(a, struct ctrd_ingest, p->n_statuses + 1);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < p->n_statuses; i++) {
        const MSG(Status) *m = p->statuses[i];
        v[i] = (struct ctrd_ingest){
            .ref = m->ref,
            .expected = m->expected,
            .offset = m->offset,
            .total = m->total,
            .started_at = ctrd_unpack_time(m->started_at),
            .updated_at = ctrd_unpack_time(m->updated_at),
        };
    }
    *ret = (struct ctrd_ingests){.v = v, .n = p->n_statuses};
    return 0;
}

int ctrd_op_content_abort(void *user, const struct ctx *ctx, const char *ref, struct err *e)
{
    CTRD_REQUEST(MSG(AbortRequest), q, CONTAINERD_METHOD_CONTENT_ABORT);
    q.ref = ctrd_str(ref);
    int r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_CONTENT_ABORT, &q, e);
    return r < 0 ? err_wrap(e, r, "ingest \"%s\"", ref) : 0;
}
