/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripted HTTP: see the header.
 */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "parse/ociimage.h"

void script_init(struct script *s)
{
    memset(s, 0, sizeof(*s));
}

static void forget_requests(struct script *s)
{
    for (size_t i = 0; i < s->n_requests; i++) {
        struct script_request *q = &s->requests[i];
        free(q->method);
        free(q->url);
        free(q->authorization);
        free(q->range);
        free(q->body);
        free(q->headers);
        free(q->tls);
    }
    s->n_requests = 0;
}

void script_rewind(struct script *s)
{
    forget_requests(s);
    memset(s->used, 0, sizeof(s->used));
}

void script_done(struct script *s)
{
    script_rewind(s);
    s->n_answers = 0;
}

void script_add(struct script *s, struct script_answer answer)
{
    if (s->n_answers == SCRIPT_ANSWERS_MAX)
        abort();
    s->answers[s->n_answers++] = answer;
}

static bool url_matches(const char *pattern, const char *url)
{
    size_t n = strlen(pattern), end = strcspn(url, "?");
    if (n > 0 && pattern[n - 1] == '*')
        return strncmp(pattern, url, n - 1) == 0;
    return n == end && strncmp(pattern, url, n) == 0;
}

const struct script_request *script_find(const struct script *s, const char *url, size_t i)
{
    for (size_t k = 0; k < s->n_requests; k++)
        if (url_matches(url, s->requests[k].url) && i-- == 0)
            return &s->requests[k];
    return NULL;
}

size_t script_count(const struct script *s, const char *url)
{
    size_t n = 0;
    while (script_find(s, url, n))
        n++;
    return n;
}

static bool has(const char *where, const char *text)
{
    return where && strstr(where, text);
}

bool script_leaks(const struct script *s, const char *host, const char *text)
{
    for (size_t i = 0; i < s->n_requests; i++) {
        const struct script_request *q = &s->requests[i];
        const char *at = strstr(q->url, "://");
        if (at && strncmp(at + 3, host, strlen(host)) == 0)
            continue;
        if (has(q->url, text) || has(q->headers, text) || has(q->body, text))
            return true;
    }
    return false;
}

static char *header_of(const struct http_request *request, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < request->headers.n; i++) {
        const char *h = request->headers.v[i];
        if (strncmp(h, name, n) == 0 && h[n] == ':')
            return strdup(h + n + 2);
    }
    return NULL;
}

static char *format(const char *f, ...) __attribute__((format(printf, 1, 2)));

static void append(char **text, char *more);

static char *join_headers(const struct http_request *request)
{
    char *all = strdup("");
    for (size_t i = 0; i < request->headers.n; i++)
        append(&all, format("%s\n", request->headers.v[i]));
    return all;
}

static char *describe_tls(const struct http_tls *tls)
{
    char *all = strdup("");
    for (size_t i = 0; tls && i < tls->ca.n; i++)
        append(&all, format("ca=%s ", tls->ca.v[i]));
    for (size_t i = 0; tls && i < tls->clients.n; i++)
        append(&all, format("client=%s,%s ", tls->clients.v[i].key, tls->clients.v[i].value));
    if (tls && tls->skip_verify)
        append(&all, strdup("unverified "));
    return all;
}

/* Logs the request and returns the index of the answer, -1 for none. */
static int match(struct script *s, const struct http_request *request)
{
    if (s->n_requests == SCRIPT_REQUESTS_MAX)
        return -1;
    struct script_request *q = &s->requests[s->n_requests++];
    *q = (struct script_request){.method = strdup(request->method),
                                 .url = strdup(request->url),
                                 .authorization = header_of(request, "Authorization"),
                                 .range = header_of(request, "Range"),
                                 .body = strndup(request->body.p ? request->body.p : "", request->body.n),
                                 .headers = join_headers(request),
                                 .tls = describe_tls(request->tls),
                                 .dial_timeout = request->dial_timeout,
                                 .direct = request->direct};
    for (size_t i = 0; i < s->n_answers; i++) {
        const struct script_answer *a = &s->answers[i];
        if ((a->times && s->used[i] >= a->times) || !url_matches(a->url, q->url) ||
            (a->method && strcmp(a->method, q->method) != 0))
            continue;
        if (a->authorization && strcmp(a->authorization, q->authorization ? q->authorization : "") != 0)
            continue;
        s->used[i]++;
        return (int)i;
    }
    return -1;
}

static int fill_headers(const struct script_answer *a, struct arena *arena, struct http_response *response, struct err *e)
{
    struct view rest = view_of(a->headers), line, name, value;
    response->content_length = -1;
    while (view_next_line(&rest, &line)) {
        view_cut(line, ':', &name, &value);
        char *key = arena_view(arena, name), *text = arena_view(arena, view_trim(value));
        if (!key || !text || kvlist_set(&response->headers, arena, key, text) < 0)
            return err_oom(e);
    }
    return 0;
}

static int give(const struct script *s, const struct script_answer *a, struct view body, const struct http_sink *sink,
                struct err *e)
{
    size_t chunk = s->chunk ? s->chunk : 7, limit = body.n;
    if (a->break_after && a->break_after < limit)
        limit = a->break_after;
    if (a->end_after && a->end_after < limit)
        limit = a->end_after;
    for (size_t at = 0; at < limit; at += chunk) {
        int r = sink->data(sink->user, view_slice(body, at, at + chunk < limit ? at + chunk : limit), e);
        if (r < 0)
            return r;
    }
    if (a->break_after && limit < body.n)
        return err_raise(e, ERR_UNAVAILABLE, "the connection broke");
    return 0;
}

static int exchange(void *user, const struct ctx *ctx, const struct http_request *request, struct arena *arena,
                    const struct http_sink *sink, struct err *e)
{
    struct script *s = user;
    TRY(ctx_check(ctx, "the script", e));
    if (!s->threads)
        mem_fail_pause();
    int i = match(s, request);
    if (!s->threads)
        mem_fail_resume();
    if (i < 0) {
        struct http_response missing = {.status = 404, .content_length = -1};
        return sink->head(sink->user, &missing, e);
    }
    const struct script_answer *a = &s->answers[i];
    if (a->status <= 0)
        return a->status ? err_raise(e, (enum err_code) - a->status, "failed") : err_raise(e, ERR_UNAVAILABLE, "connection refused");
    struct http_response response = {.status = a->status};
    TRY(fill_headers(a, arena, &response, e));
    struct view body = a->body;
    const char *range = s->requests[s->n_requests - 1].range;
    if (a->ranges && range && a->status == 200) {
        size_t from = strtoul(range + strlen("bytes="), NULL, 10);
        char text[80];
        snprintf(text, sizeof(text), "bytes %zu-%zu/%zu", from, body.n - 1, body.n);
        body = view_slice(body, from, body.n);
        response.status = 206;
        char *copy = arena_strdup(arena, text);
        if (!copy || kvlist_set(&response.headers, arena, "content-range", copy) < 0)
            return err_oom(e);
    }
    TRY(sink->head(sink->user, &response, e));
    return give(s, a, body, sink, e);
}

const struct http_ops script_http_ops = {.exchange = exchange};

/* --- samples ---------------------------------------------------------------------------------------------------------------- */

static void sha256(const char *p, size_t n, char out[80])
{
    unsigned char md[32];
    unsigned len;
    EVP_Digest(p, n, md, &len, EVP_sha256(), NULL);
    strcpy(out, "sha256:");
    for (int i = 0; i < 32; i++)
        sprintf(out + 7 + 2 * i, "%02x", md[i]);
}

static char *format(const char *f, ...)
{
    char *p = NULL;
    va_list ap;
    va_start(ap, f);
    if (vasprintf(&p, f, ap) < 0)
        abort();
    va_end(ap);
    return p;
}

static void append(char **text, char *more)
{
    char *old = *text;
    *text = format("%s%s", old ? old : "", more);
    free(old);
    free(more);
}

static void make_config(struct sample *m)
{
    const struct oci_platform host = oci_platform_host();
    append(&m->config, format("{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"User\":\"7:8\",\"Env\":[\"PATH=/"
                              "bin\"],\"Cmd\":[\"/bin/sh\"]},"
                              "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                              host.architecture));
    for (size_t i = 0; i < m->n_layers; i++)
        append(&m->config, format("%s\"%s\"", i ? "," : "", m->layer_digests[i]));
    append(&m->config, format("]}}"));
    sha256(m->config, strlen(m->config), m->config_digest);
}

static void make_manifest(struct sample *m)
{
    append(&m->manifest,
           format("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
                  "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
                  m->config_digest, strlen(m->config)));
    for (size_t i = 0; i < m->n_layers; i++)
        append(&m->manifest, format("%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}",
                                    i ? "," : "", m->layer_digests[i], strlen(m->layers[i])));
    append(&m->manifest, format("]}"));
    sha256(m->manifest, strlen(m->manifest), m->manifest_digest);
}

static void make_index(struct sample *m)
{
    const struct oci_platform host = oci_platform_host();
    const char *other = strcmp(host.architecture, "s390x") == 0 ? "ppc64le" : "s390x";
    m->index = format("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":["
                      "{\"mediaType\":\"" OCI_MEDIA_MANIFEST
                      "\",\"digest\":\"%s\",\"size\":2,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}},"
                      "{\"mediaType\":\"" OCI_MEDIA_MANIFEST
                      "\",\"digest\":\"%s\",\"size\":%zu,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}]}",
                      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", other, m->manifest_digest,
                      strlen(m->manifest), host.architecture);
    sha256(m->index, strlen(m->index), m->index_digest);
}

void sample_init(struct sample *m, size_t n_layers, const char *seed)
{
    memset(m, 0, sizeof(*m));
    m->n_layers = n_layers;
    for (size_t i = 0; i < n_layers; i++) {
        m->layers[i] = format("layer %zu of %s, which is long enough to be sent in several parts", i, seed);
        sha256(m->layers[i], strlen(m->layers[i]), m->layer_digests[i]);
        m->size += (int64_t)strlen(m->layers[i]);
        if (i == 0) {
            strcpy(m->chain_id, m->layer_digests[0]);
        } else {
            char *text = format("%s %s", m->chain_id, m->layer_digests[i]);
            sha256(text, strlen(text), m->chain_id);
            free(text);
        }
    }
    make_config(m);
    make_manifest(m);
    make_index(m);
    m->size += (int64_t)(strlen(m->config) + strlen(m->manifest));
}

void sample_done(struct sample *m)
{
    for (size_t i = 0; i < m->n_layers; i++)
        free(m->layers[i]);
    for (size_t i = 0; i < m->n_urls; i++)
        free(m->urls[i]);
    free(m->config);
    free(m->manifest);
    free(m->index);
    memset(m, 0, sizeof(*m));
}

static const char *keep_url(struct sample *m, char *url)
{
    if (m->n_urls == SAMPLE_LAYERS_MAX + 4)
        abort();
    m->urls[m->n_urls++] = url;
    return url;
}

void sample_serve(struct sample *m, struct script *s, const char *base, const char *tag, bool with_index)
{
    static const char manifest_type[] = "content-type: " OCI_MEDIA_MANIFEST "\n",
                      index_type[] = "content-type: " OCI_MEDIA_INDEX "; charset=utf-8\n";
    if (tag)
        script_add(s, (struct script_answer){.url = keep_url(m, format("%s/manifests/%s", base, tag)),
                                             .status = 200,
                                             .headers = with_index ? index_type : manifest_type,
                                             .body = view_of(with_index ? m->index : m->manifest)});
    script_add(s, (struct script_answer){.url = keep_url(m, format("%s/manifests/%s", base, m->manifest_digest)),
                                         .status = 200,
                                         .headers = manifest_type,
                                         .body = view_of(m->manifest)});
    script_add(s, (struct script_answer){.url = keep_url(m, format("%s/blobs/%s", base, m->config_digest)),
                                         .status = 200,
                                         .body = view_of(m->config),
                                         .ranges = true});
    for (size_t i = 0; i < m->n_layers; i++)
        script_add(s, (struct script_answer){.url = keep_url(m, format("%s/blobs/%s", base, m->layer_digests[i])),
                                             .status = 200,
                                             .body = view_of(m->layers[i]),
                                             .ranges = true});
}
