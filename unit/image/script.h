/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripted HTTP: answers for the registry client without a socket, a log of what was asked, and images to serve.
 *
 * The script's own memory comes from the C library and its work pauses injected failures, so a sweep sees the code under test
 * alone.
 */
#ifndef CRI_UNIT_IMAGE_SCRIPT_H
#define CRI_UNIT_IMAGE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "image/http.h"

struct script_answer {
    const char *url;           /* exact, without the query; "*" at the end: prefix */
    const char *method;        /* NULL: any */
    const char *authorization; /* only for requests with this value; "" only for those without one; NULL: any */
    int status;                /* 0: no connection; negative: the exchange fails with this code */
    const char *headers;       /* "Name: value\n..." with names in lower case, NULL: none */
    struct view body;
    bool ranges;        /* answers Range requests with 206 */
    size_t break_after; /* bytes of body after which the connection breaks, 0: never */
    size_t end_after;   /* bytes after which the answer ends as if complete, 0: never */
    unsigned times;     /* 0: for ever */
};

struct script_request {
    char *method, *url, *authorization /* NULL: none */, *range, *body;
    char *headers; /* all of them, one a line */
    char *tls;     /* "ca=... client=... unverified", "" when nothing is said */
    uint64_t dial_timeout;
    bool direct;
};

enum { SCRIPT_ANSWERS_MAX = 128, SCRIPT_REQUESTS_MAX = 4096 };

struct script {
    struct script_answer answers[SCRIPT_ANSWERS_MAX]; /* the first that matches and is not used up counts */
    unsigned used[SCRIPT_ANSWERS_MAX];
    size_t n_answers;
    struct script_request requests[SCRIPT_REQUESTS_MAX];
    size_t n_requests;
    bool threads; /* used from several threads, one at a time: injected failures, which know no threads, are left alone */
    size_t chunk; /* bytes a data call carries at most, 0: 7 */
};

/* Strings and views of answers are kept by reference. */
void script_init(struct script *s);
void script_done(struct script *s);
/* Empties the log and counts uses anew. */
void script_rewind(struct script *s);
void script_add(struct script *s, struct script_answer answer);
/* Requests for a URL (without its query). */
size_t script_count(const struct script *s, const char *url);
/* The i-th request for a URL, NULL when there is none. */
const struct script_request *script_find(const struct script *s, const char *url, size_t i);
/* True when text stands anywhere in any request to a host other than `host`. */
bool script_leaks(const struct script *s, const char *host, const char *text);

extern const struct http_ops script_http_ops; /* user: a struct script */

/* An image as a registry serves it. Free with sample_done. */
enum { SAMPLE_LAYERS_MAX = 8 };
struct sample {
    char *layers[SAMPLE_LAYERS_MAX];
    size_t n_layers;
    char *config, *manifest, *index;
    char layer_digests[SAMPLE_LAYERS_MAX][80], config_digest[80], manifest_digest[80], index_digest[80];
    char chain_id[80]; /* of the top layer */
    char *urls[SAMPLE_LAYERS_MAX + 4];
    size_t n_urls;
    int64_t size; /* manifest, config and layers, without the index */
};
/* An image of n layers (plain tar by name, any text by content). `seed` goes into the layers, so that two samples differ. */
void sample_init(struct sample *m, size_t n_layers, const char *seed);
void sample_done(struct sample *m);
/* Adds answers for it: base is "http://localhost:5000/v2/a/b"; tag NULL: only by digest. with_index: the tag names an index. */
void sample_serve(struct sample *m, struct script *s, const char *base, const char *tag, bool with_index);

#endif
