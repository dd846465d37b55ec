/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListImages, from memory; and the conversion that ImageStatus shares.
 */
#include <string.h>

#include "cri/convert.h"
#include "cri/handlers.h"
#include "cri/image_convert.h"
#include "parse/userspec.h"

static int copy_list(const struct strlist *from, struct arena *a, char ***ret, size_t *ret_n)
{
    char **v = ARENA_NEW_N(a, char *, from->n);
    if (!v)
        return -ERR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < from->n; i++) {
        v[i] = arena_strdup(a, from->v[i]);
        if (!v[i])
            return -ERR_RESOURCE_EXHAUSTED;
    }
    *ret = v;
    *ret_n = from->n;
    return 0;
}

/* A user that is out of range makes an image that cannot be run without a user of the request; it is listed without one. */
static int fill_user(const struct image *image, struct arena *a, Runtime__V1__Image *m)
{
    struct user_part user;
    if (user_from_image(view_of(image->config.user), &user, NULL) < 0)
        return 0;
    if (user.class == USER_NUMERIC) {
        m->uid = ARENA_NEW(a, Runtime__V1__Int64Value);
        if (!m->uid)
            return -ERR_RESOURCE_EXHAUSTED;
        runtime__v1__int64_value__init(m->uid);
        m->uid->value = user.id;
    } else if (user.class == USER_NAME) {
        m->username = arena_view(a, user.name);
        if (!m->username)
            return -ERR_RESOURCE_EXHAUSTED;
    }
    return 0;
}

int image_convert(const struct image *image, struct arena *a, Runtime__V1__Image **ret, struct err *e)
{
    Runtime__V1__Image *m = ARENA_NEW(a, Runtime__V1__Image);
    if (!m)
        return err_oom(e);
    runtime__v1__image__init(m);
    m->id = convert_str(a, image->id);
    m->size = image->size < 0 ? 0 : (uint64_t)image->size;
    m->pinned = image->pinned;
    m->spec = convert_image_spec(a, image->id);
    if (!m->id || !m->spec || copy_list(&image->repo_tags, a, &m->repo_tags, &m->n_repo_tags) < 0 ||
        copy_list(&image->repo_digests, a, &m->repo_digests, &m->n_repo_digests) < 0 || fill_user(image, a, m) < 0)
        return err_oom(e);
    *ret = m;
    return 0;
}

int cri_list_images(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ListImagesRequest *req, Runtime__V1__ListImagesResponse *resp,
                    struct err *e)
{
    _cleanup_(image_list_done) struct image_list list = {0};
    const char *only = req->filter && req->filter->image ? req->filter->image->image : NULL;
    TRY(image_store_list(s->images, only, &list, e));
    resp->images = ARENA_NEW_N(&call->arena, Runtime__V1__Image *, list.n);
    if (!resp->images)
        return err_oom(e);
    for (size_t i = 0; i < list.n; i++) {
        TRY(image_convert(list.v[i], &call->arena, &resp->images[i], e));
        resp->n_images++;
    }
    return 0;
}
