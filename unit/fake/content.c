/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's content store: blobs by digest, ingests by reference, with the write call's way of doing things.
 */
#include "model.h"

#define MSG(name) Containerd__Services__Content__V1__##name

void fake_blob_free(void *p)
{
    struct fake_blob *b = p;
    fake_message_free(b->info);
    free(b->p);
    free(b);
}

void fake_ingest_free(void *p)
{
    struct fake_ingest *i = p;
    fake_message_free(i->status);
    free(i->p);
    free(i);
}

struct fake_blob *fake_find_blob(struct fake *f, const char *digest, size_t *ret_i)
{
    for (size_t i = 0; i < f->blobs.n; i++) {
        struct fake_blob *b = f->blobs.v[i];
        if (strcmp(b->info->digest, digest) == 0) {
            if (ret_i)
                *ret_i = i;
            return b;
        }
    }
    return NULL;
}

static struct fake_blob *add_blob(struct fake *f, const char *digest, const uint8_t *p, size_t n)
{
    MSG(Info) info;
    protobuf_c_message_init(&containerd__services__content__v1__info__descriptor, &info);
    info.digest = (char *)digest;
    info.size = (int64_t)n;
    struct fake_blob *b = fake_zalloc(sizeof(*b));
    b->info = fake_copy(&info);
    fake_touch(&b->info->created_at);
    fake_touch(&b->info->updated_at);
    b->p = fake_zalloc(n);
    if (n)
        memcpy(b->p, p, n);
    b->n = n;
    fake_list_add(&f->blobs, b);
    return b;
}

void fake_add_blob(struct fake *f, const void *p, size_t n, char ret[FAKE_DIGEST_MAX])
{
    fake_sha256(p, n, ret);
    pthread_mutex_lock(&f->lock);
    if (!fake_find_blob(f, ret, NULL))
        add_blob(f, ret, p, n);
    pthread_mutex_unlock(&f->lock);
}

/* The blob of a digest, with the errors for a bad digest and a missing blob. */
static int find(struct fake_ctx *c, const char *digest, struct fake_blob **ret, size_t *ret_i)
{
    if (!fake_digest_ok(digest))
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "\"%s\" failed validation: invalid checksum digest format", digest);
    *ret = fake_find_blob(c->f, digest, ret_i);
    return *ret ? 0 : err_raise(c->e, ERR_NOT_FOUND, "content digest %s: not found", digest);
}

static int info(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(InfoRequest) *q = request;
    MSG(InfoResponse) *p = answer;
    struct fake_blob *b;
    TRY(find(c, q->digest, &b, NULL));
    p->info = b->info;
    return 0;
}

/* Sets or, with an empty value, takes away one label. The two label lists belong to messages of the C library. */
static void set_label(MSG(Info) *m, const char *key, const char *value)
{
    size_t at = 0;
    while (at < m->n_labels && strcmp(m->labels[at]->key, key) != 0)
        at++;
    if (at == m->n_labels && *value) {
        MSG(Info__LabelsEntry) **v = fake_zalloc((m->n_labels + 1) * sizeof(*v));
        if (m->n_labels)
            memcpy(v, m->labels, m->n_labels * sizeof(*v));
        free(m->labels);
        m->labels = v;
        v[at] = fake_zalloc(sizeof(**v));
        protobuf_c_message_init(&containerd__services__content__v1__info__labels_entry__descriptor, v[at]);
        fake_set(&v[at]->key, key);
        fake_set(&v[at]->value, value);
        m->n_labels++;
    } else if (at < m->n_labels && *value) {
        fake_set(&m->labels[at]->value, value);
    } else if (at < m->n_labels) {
        fake_message_free(m->labels[at]);
        m->labels[at] = m->labels[--m->n_labels];
    }
}

static int apply_label_path(MSG(Info) *m, const MSG(Info) *from, const char *path, struct err *e)
{
    static const char prefix[] = "labels.";
    if (strncmp(path, prefix, sizeof(prefix) - 1) == 0) {
        const char *key = path + sizeof(prefix) - 1, *value = fake_map_get(from->n_labels, from->labels, key);
        set_label(m, key, value ? value : "");
        return 0;
    }
    if (strcmp(path, "labels") != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "cannot update \"%s\" field on content info \"%s\": invalid argument", path,
                         m->digest);
    while (m->n_labels)
        set_label(m, m->labels[0]->key, "");
    for (size_t i = 0; i < from->n_labels; i++)
        set_label(m, from->labels[i]->key, from->labels[i]->value);
    return 0;
}

static int update(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(UpdateRequest) *q = request;
    MSG(UpdateResponse) *p = answer;
    struct fake_blob *b;
    TRY(find(c, q->info ? q->info->digest : "", &b, NULL));
    TRY(fake_check_labels(q->info->n_labels, q->info->labels, "info.Labels", c->e));
    for (size_t i = 0; q->update_mask && i < q->update_mask->n_paths; i++)
        TRY(apply_label_path(b->info, q->info, q->update_mask->paths[i], c->e));
    fake_touch(&b->info->updated_at);
    p->info = b->info;
    return 0;
}

static int delete (struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(DeleteContentRequest) *q = request;
    struct fake_blob *b;
    size_t i;
    TRY(find(c, q->digest, &b, &i));
    fake_lease_drop(c, FAKE_CONTENT, q->digest);
    fake_blob_free(fake_list_take(&c->f->blobs, i));
    return 0;
}

/* containerd sends 32 KiB at a time and counts offsets from the start of the answer. */
static int read_blob(struct fake_ctx *c, struct fake_stream *s, const void *request)
{
    enum { CHUNK = 32 << 10 };
    const MSG(ReadContentRequest) *q = request;
    struct fake_blob *b;
    TRY(find(c, q->digest, &b, NULL));
    int64_t size = (int64_t)b->n, offset = q->offset > 0 ? q->offset : 0, n = q->size;
    if (offset > size)
        return err_raise(c->e, ERR_OUT_OF_RANGE, "read past object length %lld bytes", (long long)size);
    if (n <= 0 || n > size - offset)
        n = size - offset;
    for (int64_t done = 0; done < n; done += CHUNK) {
        MSG(ReadContentResponse) m;
        protobuf_c_message_init(&containerd__services__content__v1__read_content_response__descriptor, &m);
        m.offset = done;
        m.data.data = b->p + offset + done;
        m.data.len = (size_t)MIN_OF((int64_t)CHUNK, n - done);
        fake_stream_push(s, &m);
    }
    fake_stream_end(s, NULL);
    return 0;
}

struct fake_ingest *fake_find_ingest(struct fake *f, const char *ref, size_t *ret_i)
{
    for (size_t i = 0; i < f->ingests.n; i++) {
        struct fake_ingest *g = f->ingests.v[i];
        if (strcmp(g->status->ref, ref) == 0) {
            if (ret_i)
                *ret_i = i;
            return g;
        }
    }
    return NULL;
}

void fake_drop_ingest(struct fake *f, const char *ref)
{
    size_t at;
    struct fake_ingest *g = fake_find_ingest(f, ref, &at);
    for (size_t i = 0; g && i < f->streams.n; i++) {
        struct fake_stream *s = f->streams.v[i];
        if (s->ingest == g)
            s->ingest = NULL;
    }
    if (g)
        fake_ingest_free(fake_list_take(&f->ingests, at));
}

static int list_statuses(struct fake_ctx *c, const void *request, void *answer)
{
    MSG(ListStatusesResponse) *p = answer;
    p->statuses = ARENA_NEW_N(c->a, MSG(Status) *, c->f->ingests.n + 1);
    for (size_t i = 0; i < c->f->ingests.n; i++) {
        struct fake_ingest *g = c->f->ingests.v[i];
        g->status->offset = (int64_t)g->n;
        p->statuses[p->n_statuses++] = g->status;
    }
    return 0;
}

static int abort_ingest(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(AbortRequest) *q = request;
    struct fake_ingest *g = fake_find_ingest(c->f, q->ref, NULL);
    if (!g)
        return err_raise(c->e, ERR_NOT_FOUND, "reference %s: not found", q->ref);
    fake_lease_drop(c, FAKE_INGEST, q->ref);
    fake_drop_ingest(c->f, q->ref);
    return 0;
}

/* The first message of a write: takes the ingest. */
static int open_ingest(struct fake_ctx *c, struct fake_stream *s, const MSG(WriteContentRequest) *q)
{
    if (!*q->ref)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "first message must have a reference");
    TRY(fake_lease_check(c));
    if (*q->expected && fake_find_blob(c->f, q->expected, NULL)) {
        fake_lease_add(c, FAKE_CONTENT, q->expected);
        return err_raise(c->e, ERR_ALREADY_EXISTS, "content %s: already exists", q->expected);
    }
    struct fake_ingest *g = fake_find_ingest(c->f, q->ref, NULL);
    if (g && g->locked)
        return err_raise(c->e, ERR_UNAVAILABLE, "ref k8s.io/1/%s locked for 1s (since an hour ago): unavailable", q->ref);
    if (g && q->total > 0 && g->status->total > 0 && q->total != g->status->total)
        return err_raise(c->e, ERR_UNKNOWN, "provided total differs from status: %lld != %lld", (long long)q->total,
                         (long long)g->status->total);
    if (!g) {
        MSG(Status) status;
        protobuf_c_message_init(&containerd__services__content__v1__status__descriptor, &status);
        status.ref = q->ref;
        status.total = q->total;
        status.expected = q->expected;
        g = fake_zalloc(sizeof(*g));
        g->status = fake_copy(&status);
        fake_touch(&g->status->started_at);
        g->leased = true;
        fake_list_add(&c->f->ingests, g);
    }
    g->leased = g->leased && c->ctx && c->ctx->lease; /* outside of a lease it stays for a day */
    fake_lease_add(c, FAKE_INGEST, q->ref);
    fake_touch(&g->status->updated_at);
    g->locked = true;
    s->ingest = g;
    s->total = q->total;
    s->expected = fake_strdup(q->expected);
    s->asked = true;
    return 0;
}

static void append(struct fake_ingest *g, const void *p, size_t n)
{
    if (g->cap - g->n < n) {
        size_t cap = (g->n + n) * 2;
        uint8_t *bigger = fake_zalloc(cap);
        if (g->n)
            memcpy(bigger, g->p, g->n);
        free(g->p);
        g->p = bigger;
        g->cap = cap;
    }
    if (n)
        memcpy(g->p + g->n, p, n);
    g->n += n;
}

static int commit(struct fake_ctx *c, struct fake_stream *s, const MSG(WriteContentRequest) *q)
{
    struct fake_ingest *g = s->ingest;
    char digest[FAKE_DIGEST_MAX];
    fake_sha256(g->p, g->n, digest);
    if (s->total > 0 && s->total != (int64_t)g->n)
        return err_raise(c->e, ERR_FAILED_PRECONDITION, "\"%s\" failed size validation: %zu != %lld: failed precondition",
                         g->status->ref, g->n, (long long)s->total);
    if (*s->expected && strcmp(s->expected, digest) != 0)
        return err_raise(c->e, ERR_FAILED_PRECONDITION, "unexpected commit digest %s, expected %s: failed precondition", digest,
                         s->expected);
    TRY(fake_check_labels(q->n_labels, q->labels, "info.Labels", c->e));
    bool there = fake_find_blob(c->f, digest, NULL) != NULL;
    if (!there) {
        struct fake_blob *b = add_blob(c->f, digest, g->p, g->n);
        for (size_t i = 0; i < q->n_labels; i++)
            set_label(b->info, q->labels[i]->key, q->labels[i]->value);
    }
    TRY(fake_lease_check(c));
    char *ref = arena_strdup(c->a, g->status->ref);
    fake_lease_drop(c, FAKE_INGEST, ref ? ref : "");
    fake_lease_add(c, FAKE_CONTENT, digest);
    fake_drop_ingest(c->f, ref ? ref : "");
    return there ? err_raise(c->e, ERR_ALREADY_EXISTS, "content %s: already exists", digest) : 0;
}

/* Puts the message's bytes behind those that are there; offset 0 starts over. */
static int put(struct fake_ctx *c, struct fake_ingest *g, const MSG(WriteContentRequest) *q)
{
    if (q->offset > 0 && q->offset != (int64_t)g->n)
        return err_raise(c->e, ERR_OUT_OF_RANGE, "write @%lld must occur at current offset %zu", (long long)q->offset, g->n);
    if (q->offset == 0)
        g->n = 0;
    append(g, q->data.data, q->data.len);
    fake_touch(&g->status->updated_at);
    return 0;
}

static int check_expected(struct fake_ctx *c, struct fake_stream *s, const MSG(WriteContentRequest) *q)
{
    if (!*q->expected)
        return 0;
    free(s->expected);
    s->expected = fake_strdup(q->expected);
    if (!fake_find_blob(c->f, q->expected, NULL))
        return 0;
    char *ref = arena_strdup(c->a, s->ingest->status->ref);
    s->ingest = NULL;
    fake_drop_ingest(c->f, ref ? ref : "");
    return err_raise(c->e, ERR_ALREADY_EXISTS, "blob with expected digest %s exists", q->expected);
}

static int write_message(struct fake_ctx *c, struct fake_stream *s, const void *request)
{
    const MSG(WriteContentRequest) *q = request;
    MSG(WriteContentResponse) m;
    if (!s->asked)
        TRY(open_ingest(c, s, q));
    if (!s->ingest)
        return err_raise(c->e, ERR_UNKNOWN, "the ingest was aborted under the write");
    TRY(check_expected(c, s, q));
    if (q->total > 0)
        s->total = q->total;
    protobuf_c_message_init(&containerd__services__content__v1__write_content_response__descriptor, &m);
    m.action = q->action;
    m.total = s->total;
    m.started_at = fake_copy(s->ingest->status->started_at);
    m.updated_at = fake_copy(s->ingest->status->updated_at);
    int r = q->action == CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__STAT ? 0 : put(c, s->ingest, q);
    m.offset = (int64_t)s->ingest->n;
    bool committed = q->action == CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__COMMIT;
    if (r == 0 && committed)
        r = commit(c, s, q);
    if (r == 0)
        fake_stream_push(s, &m);
    if (r == 0 && committed) {
        fake_stream_push(s, &m); /* containerd says it twice */
        fake_stream_end(s, NULL);
    }
    fake_message_free(m.started_at);
    fake_message_free(m.updated_at);
    if (r < 0 && s->ingest)
        s->ingest->locked = false;
    return r;
}

const struct fake_handler fake_handlers_content[] = {
    {CONTAINERD_METHOD_CONTENT_INFO, info, NULL},
    {CONTAINERD_METHOD_CONTENT_UPDATE, update, NULL},
    {CONTAINERD_METHOD_CONTENT_DELETE, delete, NULL},
    {CONTAINERD_METHOD_CONTENT_READ, NULL, read_blob},
    {CONTAINERD_METHOD_CONTENT_LIST_STATUSES, list_statuses, NULL},
    {CONTAINERD_METHOD_CONTENT_ABORT, abort_ingest, NULL},
    {CONTAINERD_METHOD_CONTENT_WRITE, NULL, write_message},
    {-1, NULL, NULL},
};
