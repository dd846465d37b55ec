/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the registry client share: a session with scripted answers.
 */
#ifndef CRI_UNIT_IMAGE_REGISTRY_FIXTURE_H
#define CRI_UNIT_IMAGE_REGISTRY_FIXTURE_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "image/pull.h"
#include "image/registry.h"
#include "image/registry_internal.h"
#include "parse/ociimage.h"
#include "script.h"
#include "sweep.h"

#define REPO     "https://reg.example/v2/team/app"
#define PASSWORD "correct horse battery"
#define BASIC    "Basic YWxpY2U6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"
#define TOKEN    "the-access-token"
#define CHALLENGE                                                                                                                \
    "www-authenticate: Bearer realm=\"https://auth.example/token\",service=\"reg.example\",scope=\"repository:team/app:pull\"\n"

struct fixture {
    struct script script;
    struct sample image;
    struct registry *registry;
    struct arena arena;
    struct err e;
    const char *config_path; /* NULL: none */
    uint64_t retry_delay;
};

static inline struct registry_options options_for(struct fixture *f)
{
    return (struct registry_options){.http = &script_http_ops, .http_user = &f->script, .config_path = f->config_path, .retry_delay = f->retry_delay};
}

static inline void open_with(struct fixture *f, const char *reference, const struct image_auth *auth)
{
    struct reference ref;
    const struct registry_options o = options_for(f);
    assert_ok(reference_normalize(view_of(reference), &ref, &f->e), &f->e);
    registry_close(f->registry);
    f->registry = NULL;
    assert_ok(registry_open(&o, &ref, auth, &f->registry, &f->e), &f->e);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    script_init(&f->script);
    sample_init(&f->image, 2, "registry");
    arena_init(&f->arena, 64 << 20);
    open_with(f, "reg.example/team/app:1", NULL);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    registry_close(f->registry);
    arena_done(&f->arena);
    sample_done(&f->image);
    script_done(&f->script);
    free(f);
    return 0;
}

static inline int manifest(struct fixture *f, const char *name, struct registry_document *doc)
{
    const struct ctx ctx = CTX_BACKGROUND;
    return registry_manifest(f->registry, &ctx, name, &f->arena, doc, &f->e);
}

static inline int collect(void *user, struct view data, struct err *e)
{
    return buf_add_view(user, data) < 0 ? err_oom(e) : 0;
}

static inline int blob(struct fixture *f, const char *digest, int64_t size, int64_t offset, struct buf *out)
{
    const struct ctx ctx = CTX_BACKGROUND;
    const struct registry_sink sink = {.user = out, .write = collect};
    return registry_blob(f->registry, &ctx, digest, size, offset, &sink, &f->e);
}

static const struct image_auth alice _unused_ = {.username = "alice", .password = PASSWORD};

static inline void serve_token(struct fixture *f)
{
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token",
                                                  .method = "GET",
                                                  .authorization = BASIC,
                                                  .status = 200,
                                                  .body = VIEW_LIT("{\"token\":\"" TOKEN "\"}")});
    script_add(&f->script, (struct script_answer){.url = "https://auth.example/token",
                                                  .method = "GET",
                                                  .authorization = "",
                                                  .status = 200,
                                                  .body = VIEW_LIT("{\"access_token\":\"" TOKEN "\"}")});
    script_add(&f->script, (struct script_answer){.url = REPO "/*", .authorization = "", .status = 401, .headers = CHALLENGE});
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
