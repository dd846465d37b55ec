/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PullImage. The pull itself, its joining and its life beyond the client's deadline are image/pull's.
 */
#include "cri/convert.h"
#include "cri/handlers.h"

int cri_pull_image(struct cri_service *s, struct rpc_call *call, const Runtime__V1__PullImageRequest *req, Runtime__V1__PullImageResponse *resp,
                   struct err *e)
{
    if (!req->image || req->image->image[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "image is missing");
    struct image_auth auth = {0};
    if (req->auth) {
        auth = (struct image_auth){
            .username = req->auth->username,
            .password = req->auth->password,
            .auth = req->auth->auth,
            .server_address = req->auth->server_address,
            .identity_token = req->auth->identity_token,
            .registry_token = req->auth->registry_token,
        };
    }
    struct image_pulled pulled = {0};
    int r = image_pull(s->image_service, &call->ctx, req->image->image, req->auth ? &auth : NULL, NULL, &pulled, e);
    if (r < 0)
        return err_wrap(e, r, "pull image \"%s\"", req->image->image);
    resp->image_ref = convert_str(&call->arena, pulled.image->id);
    image_unref(pulled.image);
    return resp->image_ref ? 0 : err_oom(e);
}
