/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_answers: a registry, its token server, and whoever stands in between answer a pull with anything they like.
 *
 * Input: parts divided by "\n---\n". The first is flags: 'u' user and password, 'i' identity token, 'r' registry token, 'l' a
 * loopback registry (plain http), 'd' the reference names the digest of part 1's body, 'm' two mirrors are asked first, one of which
 * may not resolve tags. Each further part answers one request, in
 * order: a status and, if wanted, " <n>" (the connection breaks after n bytes of body), lines of header fields, an empty line,
 * the body. In bodies and fields "@@k" stands for the digest of part k's body and "##k" for its length, k being one digit and
 * greater than the part's own number (in fields: not less), so that whole images can be written down. After the last part
 * everything is 404.
 *
 * Reached: image/ (registry, tokens, redirects, resolve, ingest, unpack, records, store), parse/ on the way, the containerd
 * client.
 *
 * Oracle:
 *  - success means that everything reachable from the record has the digest and size that names it, that the layers are what the
 * configuration says, and that the top snapshot is there; containerd then holds no lease, open snapshot or ingest;
 *  - after a failure there is no record, no lease and no open snapshot, and the store is empty;
 *  - no error text holds a secret; no Authorization field follows a redirect to another host; no bearer token leaves the
 * servers that are configured, and the one that the request brought leaves the registry's own host not at all; a header configured for
 * a mirror is seen by it and its token server alone; who may not resolve is asked for no tag;
 *  - code and text of a failure belong together, and text is printable.
 */
#include "fuzz.h"

#include <strings.h>

#include "base/fs.h"
#include "base/num.h"
#include "fake.h"
#include "image/hash.h"
#include "image/http.h"
#include "image/pull.h"
#include "parse/ociimage.h"

#define PASSWORD "a-password-to-keep"
#define IDENTITY "an-identity-token-to-keep"
#define STRAIGHT "a-registry-token-to-keep"
#define HEADER   "a-header-value-to-keep"

enum { PARTS_MAX = 16, REQUESTS_MAX = 400, BODY_MAX = 1 << 16 };

struct part {
    struct buf body;
    struct view head;
    char digest[DIGEST_TEXT_MAX + 1];
};

struct play {
    struct part parts[PARTS_MAX];
    size_t n, next, requests;
    const char *host; /* "reg.example" */
    bool mirrors;     /* one.example and two.example come first */
    bool redirected;  /* the last answer was a redirect */
};

static struct fake *fake;
static char config_dir[] = "/tmp/fuzz-registry-XXXXXX";

static void remove_config(void)
{
    (void)fs_remove_all(config_dir, NULL);
}

static void write_config(void)
{
    static const char text[] = "[host.\"https://one.example/api\"]\ncapabilities = [\"pull\"]\nheader = {X-Key = \"" HEADER "\"}\n"
                               "[host.\"https://two.example\"]\n";
    char path[64];
    struct err e = ERR_INIT;
    FUZZ_CHECK(mkdtemp(config_dir) && atexit(remove_config) == 0);
    snprintf(path, sizeof(path), "%s/reg.example", config_dir);
    FUZZ_CHECK_MSG(fs_mkdir_all(path, 0755, &e) == 0, "%s", e.message);
    snprintf(path, sizeof(path), "%s/reg.example/hosts.toml", config_dir);
    FUZZ_CHECK_MSG(fs_write_file(path, view_of(text), 0644, &e) == 0, "%s", e.message);
}

void fuzz_setup(void)
{
    fake = fake_new();
    write_config();
    /* OpenSSL keeps what it makes when an algorithm is first used. */
    for (int a = 0; a < DIGEST_ALGORITHMS; a++) {
        char out[DIGEST_TEXT_MAX + 1];
        struct err e = ERR_INIT;
        FUZZ_CHECK(hash_text((enum digest_algorithm)a, VIEW_LIT("x"), out, &e) == 0);
    }
}

/* Appends text with @@k and ##k replaced. */
static void expand(const struct play *p, size_t own, struct view text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        bool mark = i + 2 < text.n && (text.p[i] == '@' || text.p[i] == '#') && text.p[i + 1] == text.p[i];
        size_t k = mark ? (size_t)(text.p[i + 2] - '0') : 0;
        if (!mark || k <= own || k >= p->n) {
            (void)buf_add_char(out, text.p[i]);
            continue;
        }
        if (text.p[i] == '@')
            (void)buf_add_str(out, p->parts[k].digest);
        else
            (void)buf_printf(out, "%zu", p->parts[k].body.n);
        i += 2;
    }
}

static void read_parts(struct play *p, struct view input)
{
    struct view raw[PARTS_MAX];
    struct view rest = input;
    while (p->n < PARTS_MAX && rest.n > 0)
        raw[p->n++] = fuzz_part(&rest);
    for (size_t i = p->n; i-- > 1;) {
        struct part *part = &p->parts[i];
        struct view empty = VIEW_LIT("\n\n");
        const char *at = raw[i].n ? memmem(raw[i].p, raw[i].n, empty.p, empty.n) : NULL;
        size_t n = at ? (size_t)(at - raw[i].p) : raw[i].n;
        part->head = view_slice(raw[i], 0, n);
        buf_init(&part->body, BODY_MAX);
        expand(p, i, view_slice(raw[i], n + 2, raw[i].n), &part->body);
        struct err e = ERR_INIT;
        FUZZ_CHECK(hash_text(DIGEST_SHA256, buf_view(&part->body), part->digest, &e) == 0);
    }
}

static const char *authorization_of(const struct http_request *q)
{
    for (size_t i = 0; i < q->headers.n; i++)
        if (strncmp(q->headers.v[i], "Authorization: ", 15) == 0)
            return q->headers.v[i] + 15;
    return NULL;
}

static const char *const mirrors[] = {"one.example", "two.example"};

static bool at_host(const char *rest, const char *host)
{
    size_t n = strlen(host);
    return strncasecmp(rest, host, n) == 0 && (rest[n] == '/' || strncmp(rest + n, ":443/", 5) == 0);
}

static void check_request(const struct play *p, const struct http_request *q)
{
    const char *host = strstr(q->url, "://"), *authorization = authorization_of(q);
    FUZZ_CHECK(host != NULL);
    FUZZ_CHECK(strncmp(q->url, "https://", 8) == 0 || strncmp(q->url, "http://", 7) == 0);
    for (const char *c = q->url; *c; c++)
        FUZZ_CHECK(*c > 0x20 && *c < 0x7f);
    for (size_t i = 0; i < q->headers.n; i++)
        FUZZ_CHECK_MSG(!strpbrk(q->headers.v[i], "\r\n"), "%s", q->headers.v[i]);
    bool server = at_host(host + 3, p->host), to_token_server = strstr(q->url, "scope=") || strcmp(q->method, "POST") == 0;
    for (size_t i = 0; p->mirrors && i < ARRAY_SIZE(mirrors); i++)
        server |= at_host(host + 3, mirrors[i]);
    bool one = p->mirrors && at_host(host + 3, "one.example");
    if (!one && !to_token_server)
        for (size_t i = 0; i < q->headers.n; i++)
            FUZZ_CHECK_MSG(!strstr(q->headers.v[i], HEADER), "%s got the header of another server", q->url);
    FUZZ_CHECK_MSG(!one || p->redirected || !strstr(q->url, "/manifests/1?"), "%s must not be asked for a tag", q->url);
    if (!authorization)
        return;
    FUZZ_CHECK_MSG(!strstr(authorization, STRAIGHT) || at_host(host + 3, p->host), "%s got %s", q->url, authorization);
    if (server)
        return;
    FUZZ_CHECK_MSG(!p->redirected, "%s got %s after a redirect", q->url, authorization);
    FUZZ_CHECK_MSG(strncmp(authorization, "Basic ", 6) == 0 && strstr(q->url, "scope="), "%s got %s", q->url, authorization);
}

static int read_head(struct view head, struct arena *a, struct http_response *ret, uint64_t *breaks, struct err *e)
{
    struct view line = VIEW_EMPTY, status, rest;
    uint64_t n = 0;
    view_next_line(&head, &line);
    view_cut(line, ' ', &status, &rest);
    ret->status = num_parse_u64(status, 599, &n) == NUM_OK && n >= 100 ? (int)n : 200;
    if (num_parse_u64(rest, BODY_MAX, breaks) != NUM_OK)
        *breaks = UINT64_MAX;
    ret->content_length = -1;
    while (view_next_line(&head, &line)) {
        struct view name, value;
        if (!view_cut(line, ':', &name, &value))
            continue;
        char *key = arena_view(a, name), *text = arena_view(a, view_trim(value));
        if (!key || !text || kvlist_set(&ret->headers, a, key, text) < 0)
            return err_oom(e);
        if (strcmp(key, "content-length") == 0 && num_parse_u64(view_trim(value), INT64_MAX, &n) == NUM_OK)
            ret->content_length = (int64_t)n;
    }
    return 0;
}

static int exchange(void *user, const struct ctx *ctx, const struct http_request *q, struct arena *a,
                    const struct http_sink *sink, struct err *e)
{
    struct play *p = user;
    struct http_response r = {.status = 404, .content_length = -1};
    uint64_t breaks = UINT64_MAX;
    TRY(ctx_check(ctx, "the script", e));
    FUZZ_CHECK_MSG(++p->requests < REQUESTS_MAX, "%zu requests", p->requests);
    check_request(p, q);
    struct part *part = p->next < p->n ? &p->parts[p->next++] : NULL;
    if (part) {
        struct buf head = BUF_INIT(BODY_MAX);
        expand(p, (size_t)(part - p->parts) - 1, part->head, &head);
        int code = read_head(buf_view(&head), a, &r, &breaks, e);
        buf_done(&head);
        if (code < 0)
            return code;
    }
    p->redirected = r.status >= 300 && r.status <= 399;
    TRY(sink->head(sink->user, &r, e));
    struct view body = part ? buf_view(&part->body) : VIEW_EMPTY;
    size_t n = breaks < body.n ? (size_t)breaks : body.n;
    for (size_t at = 0; at < n; at += 1000)
        TRY(sink->data(sink->user, view_slice(body, at, MIN_OF(at + 1000, n)), e));
    return breaks < body.n ? err_raise(e, ERR_UNAVAILABLE, "the connection broke") : 0;
}

static const struct http_ops ops = {.exchange = exchange};

static struct view blob(const struct ctrd *c, const char *digest, struct arena *a)
{
    const struct ctx ctx = CTX_BACKGROUND;
    struct buf b = BUF_INIT(8 << 20);
    struct err e = ERR_INIT;
    FUZZ_CHECK_MSG(ctrd_content_read(c, &ctx, digest, &b, &e) == 0, "%s", e.message);
    FUZZ_CHECK_MSG(hash_verify(buf_view(&b), digest, "blob", &e) == 0, "%s", e.message);
    struct view v = view_make(arena_memdup(a, b.p ? b.p : "", b.n), b.n);
    buf_done(&b);
    return v;
}

/* Everything that the record stands for is there and is what it is called. */
static void check_image(const struct ctrd *c, const struct image *img)
{
    const struct ctx ctx = CTX_BACKGROUND;
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct err e = ERR_INIT;
    struct oci_manifest m;
    enum oci_media kind;
    const char *digest = img->target.digest;
    struct view doc = blob(c, digest, &a);
    const struct oci_platform host = oci_platform_host();
    for (int depth = 0; depth < 5; depth++) {
        struct oci_index index;
        const struct oci_descriptor *best;
        FUZZ_CHECK(oci_document_kind(doc, VIEW_EMPTY, &kind, &e) == 0);
        if (kind == OCI_MEDIA_IS_MANIFEST)
            break;
        FUZZ_CHECK(oci_index_parse(doc, &a, &index, &e) == 0 && oci_index_select(&index, &host, &best, &e) == 0);
        doc = blob(c, best->digest, &a);
        FUZZ_CHECK((int64_t)doc.n == best->size);
    }
    FUZZ_CHECK(oci_manifest_parse(doc, &a, &m, &e) == 0);
    FUZZ_CHECK(strcmp(m.config.digest, img->id) == 0);
    struct view config = blob(c, m.config.digest, &a);
    FUZZ_CHECK(view_eq(config, img->config_json) && (int64_t)config.n == m.config.size);
    FUZZ_CHECK(img->config.diff_ids.n == m.n_layers);
    for (size_t i = 0; i < m.n_layers; i++) {
        FUZZ_CHECK((int64_t)blob(c, m.layers[i].digest, &a).n == m.layers[i].size);
        FUZZ_CHECK(oci_media_classify(view_of(m.layers[i].media_type)) == OCI_MEDIA_IS_LAYER);
    }
    struct ctrd_snapshot_info s;
    FUZZ_CHECK(m.n_layers == 0 || ctrd_snapshot_stat(c, &ctx, "overlayfs", img->chain_id, &a, &s, &e) == 0);
    arena_done(&a);
}

static void check_end(int r, const struct err *e, const struct ctrd *c, struct image_store *store, const struct image *img,
                      const struct image_auth *auth, bool mirrors_asked)
{
    const char *const secrets[] = {auth->password, auth->password ? "YWxpY2U6YS1wYXNzd29yZC10by1rZWVw" : NULL,
                                   auth->identity_token, auth->registry_token, mirrors_asked ? HEADER : NULL};
    struct fake_live live = fake_live(fake);
    fuzz_check_result(r, e);
    FUZZ_CHECK(live.leases == 0 && live.snapshots == 0);
    for (size_t i = 0; r < 0 && i < ARRAY_SIZE(secrets); i++)
        FUZZ_CHECK_MSG(!secrets[i] || !strcasestr(e->message, secrets[i]), "%s", e->message);
    if (r < 0) {
        FUZZ_CHECK(live.images == 0 && image_store_count(store) == 0);
        return;
    }
    FUZZ_CHECK(live.ingests == 0 && live.images >= 2 && image_store_count(store) == 1);
    check_image(c, img);
}

static void pull(struct play *p, struct view flags)
{
    struct ctrd c = fake_ctrd(fake);
    struct image_store *store = NULL;
    struct image_service *service = NULL;
    struct image_pulled pulled = {0};
    struct image_auth auth = {0};
    struct err e = ERR_INIT;
    const struct ctx ctx = CTX_BACKGROUND;
    bool loopback = view_find(flags, 'l') < flags.n, by_digest = view_find(flags, 'd') < flags.n && p->n > 1;
    if (view_find(flags, 'u') < flags.n)
        auth = (struct image_auth){.username = "alice", .password = PASSWORD};
    else if (view_find(flags, 'i') < flags.n)
        auth.identity_token = IDENTITY;
    else if (view_find(flags, 'r') < flags.n)
        auth.registry_token = STRAIGHT;
    p->host = loopback ? "localhost:5000" : "reg.example";
    p->mirrors = !loopback && view_find(flags, 'm') < flags.n;
    char name[256];
    snprintf(name, sizeof(name), "%s/a/b%s%s", p->host, by_digest ? "@" : ":1", by_digest ? p->parts[1].digest : "");
    const struct image_store_options so = {.ctrd = c, .snapshotter = "overlayfs"};
    FUZZ_CHECK(image_store_new(&so, &store, &e) == 0);
    const struct image_service_options o = {
        .ctrd = c, .store = store, .snapshotter = "overlayfs", .inline_only = true, .http = &ops, .http_user = p,
        .registry_config_path = p->mirrors ? config_dir : NULL};
    FUZZ_CHECK(image_service_new(&o, &service, &e) == 0);
    int r = image_pull(service, &ctx, name, &auth, NULL, &pulled, &e);
    check_end(r, &e, &c, store, pulled.image, &auth, p->mirrors);
    image_unref(pulled.image);
    image_service_free(service);
    image_store_free(store);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct play p = {0};
    struct view input = view_make((const char *)data, size), rest = input;
    struct view flags = fuzz_part(&rest);
    read_parts(&p, input);
    p.next = 1;
    fake_reset(fake);
    pull(&p, flags);
    for (size_t i = 1; i < p.n; i++)
        buf_done(&p.parts[i].body);
    return 0;
}
