/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry: the session, servers taking turns, and manifests. Blobs are in registry_blob.c.
 */
#include "image/registry.h"

#include <stdio.h>

#include "base/mem.h"
#include "image/hash.h"
#include "image/pull.h"
#include "image/registry_internal.h"
#include "parse/ociimage.h"

enum {
    SESSION_BUDGET = 24 << 20, /* a hosts.toml of the largest size fits */
    CAUSES_BYTES_MAX = 560,    /* of what is said about all servers together: it fits an error with what stands before it */
    CAUSE_BYTES_MIN = 40,
};

static int add_header_secrets(struct registry *r, const struct hosts_server *s, struct err *e)
{
    for (size_t i = 0; i < s->headers.n; i++) {
        struct view value;
        view_cut(view_of(s->headers.v[i]), ':', NULL, &value);
        const char *whole = arena_view(&r->arena, view_trim(value)), *space = whole ? strchr(whole, ' ') : NULL;
        /* Of "Basic abc" the second word is what must not be seen alone, too. */
        if (!whole || strlist_add(&r->secrets, &r->arena, whole) < 0 || (space && strlist_add(&r->secrets, &r->arena, space + 1) < 0))
            return err_oom(e);
    }
    return 0;
}

/* What the caller brought for this server. A bearer token is sent without being asked for: a mirror sees it only when it is named. */
static int choose_credentials(struct registry_host *h, const struct image_auth *auth, struct err *e)
{
    struct registry *r = h->registry;
    TRY(credentials_choose(auth, h->server->mirror ? h->name : r->domain, &r->arena, &h->credentials, e));
    if (!*h->credentials.registry_token)
        return 0;
    if (h->server->mirror && (!auth->server_address || !*auth->server_address)) {
        h->credentials.registry_token = "";
        return 0;
    }
    h->authorization = mem_printf("Bearer %s", h->credentials.registry_token);
    return h->authorization ? 0 : err_oom(e);
}

static int fill_host(struct registry *r, const struct hosts_server *s, const struct image_auth *auth, struct registry_host *h,
                     struct err *e)
{
    *h = (struct registry_host){.registry = r, .server = s, .tls = s->tls, .name = s->host, .query = ""};
    if (*r->options.ca_file && strlist_add(&h->tls.ca, &r->arena, r->options.ca_file) < 0)
        return err_oom(e);
    if (s->mirror) {
        struct kvlist ns = {0};
        if (kvlist_set(&ns, &r->arena, "ns", r->domain) < 0)
            return err_oom(e);
        TRY(url_add_query("", &ns, &r->arena, &h->query, e));
    }
    TRY(add_header_secrets(r, s, e));
    return choose_credentials(h, auth, e);
}

static int fill(struct registry *r, const struct registry_options *o, const struct reference *ref, const struct image_auth *auth,
                struct err *e)
{
    struct hosts_list list;
    r->options = *o;
    r->options.config_path = NULL; /* not needed any more */
    r->options.ca_file = arena_strdup(&r->arena, o->ca_file ? o->ca_file : "");
    r->domain = arena_strdup(&r->arena, ref->domain);
    r->repository = arena_strdup(&r->arena, ref->path);
    if (!r->options.ca_file || !r->domain || !r->repository)
        return err_oom(e);
    TRY(hosts_find(o->config_path, r->domain, &r->arena, &list, e));
    r->hosts = ARENA_NEW_N(&r->arena, struct registry_host, list.n);
    if (!r->hosts)
        return err_oom(e);
    for (size_t i = 0; i < list.n; i++) {
        r->n_hosts = i + 1; /* also when it fails: registry_close frees what it has */
        TRY(fill_host(r, &list.v[i], auth, &r->hosts[i], e));
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
    arena_init(&r->arena, SESSION_BUDGET);
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
    for (size_t i = 0; i < r->n_hosts; i++)
        mem_free(r->hosts[i].authorization);
    pthread_mutex_destroy(&r->lock);
    arena_done(&r->arena);
    mem_free(r);
}

/* --- turns ------------------------------------------------------------------------------------------------------------------ */

void registry_set_state(struct registry_host *h, enum registry_state state)
{
    pthread_mutex_lock(&h->registry->lock);
    h->state = state;
    pthread_mutex_unlock(&h->registry->lock);
}

/* The servers to ask, in order; those that did not answer before come last. */
static size_t order_hosts(struct registry *r, unsigned capabilities, struct registry_host *ret[HOSTS_MAX + 1])
{
    size_t n = 0;
    pthread_mutex_lock(&r->lock);
    for (int state = REGISTRY_FINE; state <= REGISTRY_DOWN; state++)
        for (size_t i = 0; i < r->n_hosts; i++)
            if ((int)r->hosts[i].state == state && (r->hosts[i].server->capabilities & capabilities) == capabilities)
                ret[n++] = &r->hosts[i];
    pthread_mutex_unlock(&r->lock);
    return n;
}

bool registry_anybody_left(struct registry *r, unsigned capabilities)
{
    struct registry_host *order[HOSTS_MAX + 1];
    return order_hosts(r, capabilities, order) > 0;
}

static int raise_nobody(const struct registry *r, const char *what, unsigned capabilities, struct err *e)
{
    for (size_t i = 0; i < r->n_hosts; i++)
        if ((r->hosts[i].server->capabilities & capabilities) == capabilities)
            return err_raise(e, ERR_DATA_LOSS, "%s: every server sent content with a wrong digest", what);
    return err_raise(e, ERR_NOT_FOUND, "%s: none of the servers configured for %s may %s", what, r->domain,
                     capabilities & HOSTS_RESOLVE ? "resolve a tag" : "be pulled from");
}

/* Why servers failed, for one message. */
struct causes {
    char text[CAUSES_BYTES_MAX];
    size_t each; /* bytes for one */
};

static void add_cause(struct causes *c, const struct registry_turn *t, const char *message)
{
    size_t n = strlen(c->text);
    (void)snprintf(c->text + n, sizeof(c->text) - n, "%s%s%s%.*s", n > 0 ? "; " : "", t->named ? "" : t->host->name,
                   t->named ? "" : ": ", (int)c->each, message);
}

/* One server's turn is over with this failure. True when it is the last one. */
static bool turn_failed(struct registry_turn *t, const struct ctx *ctx, int code, const struct err *e)
{
    bool silent = code == -ERR_UNAVAILABLE || code == -ERR_DEADLINE_EXCEEDED || code == -ERR_FAILED_PRECONDITION;
    bool over = ctx_check(ctx, "", NULL) < 0;
    if (silent && !over && !t->named && !t->final)
        registry_set_state(t->host, REGISTRY_DOWN);
    return t->last || t->final || over || err_is_oom(e);
}

int registry_take_turns(struct registry *r, const struct ctx *ctx, unsigned capabilities, const char *what, registry_turn_fn fn,
                        void *arg, struct err *e)
{
    struct registry_host *order[HOSTS_MAX + 1];
    size_t n = order_hosts(r, capabilities, order);
    if (n == 0)
        return raise_nobody(r, what, capabilities, e);
    struct causes causes = {.each = MAX_OF(sizeof(causes.text) / n, (size_t)CAUSE_BYTES_MIN)};
    for (size_t i = 0;; i++) {
        struct registry_turn t = {.host = order[i], .last = i + 1 == n};
        struct err mine = ERR_INIT;
        int code = fn(&t, ctx, arg, &mine);
        if (code == 0)
            return 0;
        bool over = turn_failed(&t, ctx, code, &mine);
        (void)registry_scrub(r, code, &mine); /* before it is cut: half a secret is not found */
        if (!over) {
            add_cause(&causes, &t, mine.message);
            continue;
        }
        if (e)
            *e = mine;
        if (t.final)
            return code;
        if (i == 0)
            return t.named ? err_wrap(e, code, "%s", what) : err_wrap(e, code, "%s from %s", what, t.host->name);
        add_cause(&causes, &t, mine.message);
        return err_raise(e, (enum err_code) - code, "%s: %s", what, causes.text);
    }
}

/* --- manifests -------------------------------------------------------------------------------------------------------------- */

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

/* Manifests are small: one that was sent wrongly costs nothing, and the next server is asked. */
struct manifest_turn {
    const char *asked;
    bool by_digest;
    struct arena *arena;
    struct registry_document doc;
};

static int read_manifest(struct registry_turn *t, const struct ctx *ctx, struct manifest_turn *w, struct manifest_read *m,
                         struct registry_reply *reply, struct err *e)
{
    static const char accept[] =
        "Accept: " OCI_MEDIA_INDEX ", " OCI_MEDIA_MANIFEST ", " DOCKER_MEDIA_LIST ", " DOCKER_MEDIA_MANIFEST ", */*;q=0.1";
    const struct http_sink sink = {.user = m, .head = on_manifest_head, .data = on_manifest_data};
    struct registry_get get = {.path = arena_printf(w->arena, "manifests/%s", w->asked), .sink = &sink, .patient = t->last};
    if (!get.path || strlist_add(&get.headers, w->arena, accept) < 0)
        return err_oom(e);
    TRY(registry_request(t->host, ctx, &get, reply, e));
    if (reply->status != 200) {
        t->named = true;
        return registry_raise_status(t->host, reply, e);
    }
    return finish_manifest(m, w->asked, &w->doc, e);
}

static int manifest_turn(struct registry_turn *t, const struct ctx *ctx, void *arg, struct err *e)
{
    struct manifest_turn *w = arg;
    struct manifest_read m = {.arena = w->arena, .body = BUF_INIT(OCI_MANIFEST_BYTES_MAX)};
    struct registry_reply reply = {.body = BUF_INIT(REGISTRY_ERROR_BYTES_MAX)};
    int code = read_manifest(t, ctx, w, &m, &reply, e);
    if (code == -ERR_DATA_LOSS && !t->last)
        registry_set_state(t->host, REGISTRY_LIED);
    buf_done(&reply.body);
    buf_done(&m.body);
    return code;
}

int registry_manifest(struct registry *r, const struct ctx *ctx, const char *tag_or_digest, struct arena *a,
                      struct registry_document *ret, struct err *e)
{
    struct manifest_turn w = {.asked = tag_or_digest, .arena = a};
    w.by_digest = digest_classify(view_of(tag_or_digest), NULL) == DIGEST_CLASS_OK;
    const char *what = arena_printf(a, "manifest %s%c%s", r->repository, w.by_digest ? '@' : ':', tag_or_digest);
    if (!what)
        return err_oom(e);
    unsigned needed = w.by_digest ? HOSTS_PULL : HOSTS_PULL | HOSTS_RESOLVE;
    int code = registry_take_turns(r, ctx, needed, what, manifest_turn, &w, e);
    if (code == 0)
        *ret = w.doc;
    return registry_scrub(r, code, e);
}
