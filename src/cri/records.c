/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See records.h.
 */
#include "cri/records.h"

#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "cri/convert.h"
#include "state/gojson.h"

enum { CANONICAL_MAX = 64 << 20 };

static bool reserved(const char *key)
{
    return strncmp(key, "containerd.io/", strlen("containerd.io/")) == 0 || strncmp(key, "io.cri-containerd", strlen("io.cri-containerd")) == 0;
}

int cri_record_labels(struct arena *a, const struct kvlist *image_labels, const void *labels, size_t n, const char *kind, struct kvlist *ret,
                      struct err *e)
{
    const struct map_entry *const *own = labels;
    *ret = (struct kvlist){0};
    for (size_t i = 0; i < image_labels->n; i++) {
        const struct kv *kv = &image_labels->v[i];
        /* containerd refuses a label of more than 4096 bytes; one of the image is no reason to refuse the container. */
        if (!reserved(kv->key) && strlen(kv->key) + strlen(kv->value) <= 4096 && kvlist_set(ret, a, kv->key, kv->value) < 0)
            return err_oom(e);
    }
    for (size_t i = 0; i < n; i++)
        if (kvlist_set(ret, a, own[i]->key, own[i]->value) < 0)
            return err_oom(e);
    return kvlist_set(ret, a, META_LABEL_KIND, kind) < 0 ? err_oom(e) : 0;
}

/* Asks the registry, unless it was out of reach a moment ago. */
static int ensure_configured(struct cri_service *s, const struct ctx *ctx, struct image **ret, struct err *e)
{
    struct kv pinned = {(char *)IMAGE_LABEL_PINNED, (char *)IMAGE_LABEL_PINNED_VALUE};
    struct kvlist labels = {.v = &pinned, .n = 1, .cap = 1};
    int here = image_resolve_local(s->images, s->config.sandbox_image, ret, e);
    if (here != 0)
        return here < 0 ? here : 0;
    if (clock_mono() < atomic_load(&s->pause_retry_at))
        return err_raise(e, ERR_UNAVAILABLE, "its registry could not be reached a moment ago");
    return image_ensure(s->image_service, ctx, s->config.sandbox_image, &labels, ret, e);
}

int cri_ensure_sandbox_image(struct cri_service *s, const struct ctx *ctx, struct image **ret, const char **ret_name, struct err *e)
{
    struct err why = ERR_INIT, builtin = ERR_INIT;
    bool chosen = strcmp(s->config.sandbox_image, IMAGE_BUILTIN_PAUSE) == 0;
    int r = chosen ? -ERR_UNAVAILABLE : ensure_configured(s, ctx, ret, &why);
    if (r == 0) {
        *ret_name = s->config.sandbox_image;
        return 0;
    }
    bool unreachable = r == -ERR_UNAVAILABLE || r == -ERR_DEADLINE_EXCEEDED;
    if (unreachable && image_builtin_pause(s->image_service, ctx, ret, &builtin) == 0) {
        *ret_name = IMAGE_BUILTIN_PAUSE;
        if (!chosen && clock_mono() >= atomic_load(&s->pause_retry_at)) {
            atomic_store(&s->pause_retry_at, clock_deadline(CRI_PAUSE_RETRY));
            if (!atomic_exchange(&s->pause_told, true))
                log_warning("sandbox image \"%s\": %s; pods are started with the daemon's own \"%s\" until it can be pulled", s->config.sandbox_image,
                            why.message, IMAGE_BUILTIN_PAUSE);
        }
        return 0;
    }
    if (e)
        *e = chosen ? builtin : why;
    return err_wrap(e, chosen ? -(int)builtin.code : r, "sandbox image \"%s\"", s->config.sandbox_image);
}

int cri_message_canonical(const ProtobufCMessage *m, struct arena *a, struct view *ret, struct err *e)
{
    _cleanup_buf_ struct buf json = BUF_INIT(CANONICAL_MAX);
    struct jsonw w;
    jsonw_init(&w, &json);
    gojson_write(&w, m);
    TRY(jsonw_finish(&w, e));
    char *text = arena_view(a, buf_view(&json));
    *ret = view_make(text, json.n);
    return text ? 0 : err_oom(e);
}

bool cri_message_equal(const ProtobufCMessage *x, const ProtobufCMessage *y)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view vx, vy;
    return cri_message_canonical(x, &a, &vx, NULL) == 0 && cri_message_canonical(y, &a, &vy, NULL) == 0 && view_eq(vx, vy);
}

void cri_mark_unclaimed(struct store *store, const char *id, uint64_t since)
{
    struct object *o;
    if (store_get(store, id, &o, NULL) < 0)
        return;
    object_lock(o);
    o->unclaimed_since = since;
    object_unlock(o);
    object_unref(o);
}

int cri_snapshot_remove(struct cri_service *s, const struct ctx *ctx, const struct object *o, struct err *e)
{
    int r = ctrd_snapshot_remove(&s->ctrd, ctx, o->snapshotter, o->id, e);
    return r < 0 && !ctrd_is_not_found(r, e) ? r : 0;
}

int cri_record_remove(struct cri_service *s, const struct ctx *ctx, const struct object *o, struct err *e)
{
    int r = ctrd_container_delete(&s->ctrd, ctx, o->id, e);
    if (r < 0 && !ctrd_is_not_found(r, e))
        return r;
    return cri_snapshot_remove(s, ctx, o, e);
}

struct undo_report {
    struct cri_service *s;
    const char *rpc, *id;
};

enum { UNDO_TRIES = 30 };

/* containerd is back after a second or two when it restarts; the pauses add up to about half a minute. A daemon that stops does not wait. */
static bool try_again(void *user, const char *what, const struct err *e, unsigned failures)
{
    const struct undo_report *r = user;
    if (e->code == ERR_UNAVAILABLE && failures < UNDO_TRIES && !atomic_load(&r->s->stopping.set)) {
        struct pollfd stop = {.fd = r->s->stopping.wake_fd, .events = POLLIN};
        poll(&stop, 1, (int)(r->s->config.undo_pause / NSEC_PER_MSEC));
        return true;
    }
    log_warning("%s %s: rollback: %s: %s", r->rpc, r->id, what, e->message);
    return false;
}

size_t cri_undo(struct cri_service *s, struct undo *u, const char *rpc, const char *id)
{
    struct undo_report r = {s, rpc, id};
    return undo_run(u, CRI_UNDO_LIMIT, try_again, &r);
}
