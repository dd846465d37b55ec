/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See service.h.
 */
#include "cri/service.h"

#include "cri/image_users.h"

int cri_service_init(struct cri_service *s, struct err *e)
{
    TRY(store_init(&s->sandboxes, "sandbox", e));
    TRY(store_init(&s->containers, "container", e));
    TRY(inflight_init(&s->inflight, e));
    s->users = users_cache_new();
    return s->users ? 0 : err_oom(e);
}

void cri_service_done(struct cri_service *s)
{
    users_cache_free(s->users);
    inflight_done(&s->inflight);
    store_done(&s->containers);
    store_done(&s->sandboxes);
}
