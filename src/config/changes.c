/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two configurations, for a daemon that reads its own again. See config.h.
 */
#include "config/key.h"

#include <string.h>

static const struct cri_runtime_handler *handler_of(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->runtime.n_handlers; i++)
        if (strcmp(c->handlers[i].name, name) == 0)
            return &c->handlers[i];
    return NULL;
}

static int compare_handler(const struct cri_runtime_handler *old, const struct cri_runtime_handler *now, struct arena *a, struct strlist *ret)
{
    static const char prefix[] = "containerd.runtimes.*";
    for (size_t i = 0; i < config_n_keys; i++) {
        bool equal = true;
        if (config_keys[i].in_handler)
            TRY(config_value_equal(&config_keys[i], old, now, &equal));
        if (!equal)
            TRY(strlist_addf(ret, a, "containerd.runtimes.%s%s", old->name, config_keys[i].path + sizeof prefix - 1));
    }
    return 0;
}

/* The handlers of `from` that the other one has not. */
static int lone_handlers(const struct config *from, const struct config *other, struct arena *a, struct strlist *ret)
{
    for (size_t i = 0; i < from->runtime.n_handlers; i++)
        if (!handler_of(other, from->handlers[i].name))
            TRY(strlist_addf(ret, a, "containerd.runtimes.%s", from->handlers[i].name));
    return 0;
}

static int compare(const struct config *old, const struct config *now, struct arena *a, struct strlist *ret)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        bool equal = true;
        if (!k->in_handler && !k->live && !k->omit)
            TRY(config_value_equal(k, old, now, &equal));
        if (!equal)
            TRY(strlist_add(ret, a, k->path));
    }
    for (size_t i = 0; i < old->runtime.n_handlers; i++) {
        const struct cri_runtime_handler *h = handler_of(now, old->handlers[i].name);
        if (h)
            TRY(compare_handler(&old->handlers[i], h, a, ret));
    }
    TRY(lone_handlers(old, now, a, ret));
    return lone_handlers(now, old, a, ret);
}

int config_changes(const struct config *old, const struct config *now, struct arena *a, struct strlist *ret, struct err *e)
{
    struct strlist found = {0};
    if (compare(old, now, a, &found) < 0)
        return err_oom(e);
    *ret = found;
    return 0;
}
