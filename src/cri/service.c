/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See service.h.
 */
#include "cri/service.h"

#include "cri/image_users.h"

struct ctx cri_background(struct cri_service *s, uint64_t ns)
{
    struct ctx forever = {.deadline = CLOCK_NEVER, .cancel = &s->stopping};
    return ctx_with_timeout(&forever, ns);
}

const char *cri_snapshotter_root(const struct cri_service *s, const char *snapshotter)
{
    const char *root = kvlist_get(&s->snapshotter_roots, snapshotter);
    return root ? root : "";
}

int cri_service_init(struct cri_service *s, struct err *e)
{
    s->stopping.wake_fd = -1;
    TRY(cancel_init(&s->stopping, e));
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
    cancel_done(&s->stopping);
}
