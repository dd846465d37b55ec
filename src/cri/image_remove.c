/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RemoveImage: every name of the image, whatever the request calls it. An image that is not there is removed already. Containers of it live on:
 * their snapshots stand on its layers, which therefore stay until the last of them is gone.
 */
#include "cri/handlers.h"

int cri_remove_image(struct cri_service *s, struct rpc_call *call, const Runtime__V1__RemoveImageRequest *req, Runtime__V1__RemoveImageResponse *resp,
                     struct err *e)
{
    if (!req->image || req->image->image[0] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "image is missing");
    int r = image_remove(s->images, &call->ctx, req->image->image, e);
    return r < 0 ? err_wrap(e, r, "remove image \"%s\"", req->image->image) : 0;
}
