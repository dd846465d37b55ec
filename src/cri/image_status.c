/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ImageStatus. An image that is not there is an answer without an image, not an error.
 */
#include "cri/convert.h"
#include "cri/handlers.h"
#include "cri/image_convert.h"

enum { INFO_MAX = 24 << 20 };

static int fill_info(const struct image *image, struct arena *a, Runtime__V1__ImageStatusResponse *resp, struct err *e)
{
    _cleanup_buf_ struct buf json = BUF_INIT(INFO_MAX);
    struct jsonw w;
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key_str(&w, "chainID", image->chain_id);
    if (image->config_json.n) {
        jsonw_key(&w, "imageSpec");
        jsonw_raw(&w, image->config_json);
    }
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    return convert_map_one(a, "info", json.p, &runtime__v1__image_status_response__info_entry__descriptor, &resp->info, &resp->n_info) < 0
               ? err_oom(e)
               : 0;
}

int cri_image_status(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ImageStatusRequest *req, Runtime__V1__ImageStatusResponse *resp,
                     struct err *e)
{
    _cleanup_image_ struct image *image = NULL;
    if (!req->image || req->image->image[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "image is missing");
    int r = image_resolve_local(s->images, req->image->image, &image, e);
    if (r <= 0)
        return r;
    TRY(image_convert(image, &call->arena, &resp->image, e));
    return req->verbose ? fill_info(image, &call->arena, resp, e) : 0;
}
