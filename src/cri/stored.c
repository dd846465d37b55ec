/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stored.h.
 */
#include "cri/stored.h"

#include <dirent.h>
#include <string.h>

#include "base/id.h"

int stored_list(const struct ctrd *ctrd, const struct ctx *ctx, const char *kind, struct arena *a, struct ctrd_container **ret, size_t *ret_n,
                struct err *e)
{
    const char *filter = arena_printf(a, "labels.\"%s\"==%s", META_LABEL_KIND, kind);
    const char *filters[] = {filter, NULL};
    return filter ? ctrd_container_list(ctrd, ctx, filters, a, ret, ret_n, e) : err_oom(e);
}

static struct view find_extension(const struct ctrd_container *c, const char *key)
{
    for (size_t i = 0; i < c->n_extensions; i++)
        if (strcmp(c->extensions[i].key, key) == 0)
            return c->extensions[i].any.value;
    return VIEW_EMPTY;
}

int stored_sandbox(const struct ctrd_container *record, struct arena *a, struct sandbox_meta *ret, struct err *e)
{
    struct sandbox_meta m;
    TRY(meta_sandbox_decode(find_extension(record, META_SANDBOX_EXTENSION), a, &m, e));
    if (strcmp(m.id, record->id) != 0)
        return err_raise(e, ERR_DATA_LOSS, "its record is that of sandbox \"%s\"", m.id);
    if (!m.config || !m.config->metadata)
        return err_raise(e, ERR_DATA_LOSS, "its record has no configuration");
    *ret = m;
    return 0;
}

int stored_container(const struct ctrd_container *record, struct arena *a, struct container_meta *ret, struct err *e)
{
    struct container_meta m;
    TRY(meta_container_decode(find_extension(record, META_CONTAINER_EXTENSION), a, &m, e));
    if (strcmp(m.id, record->id) != 0)
        return err_raise(e, ERR_DATA_LOSS, "its record is that of container \"%s\"", m.id);
    if (!m.config || !m.config->metadata || !m.config->image)
        return err_raise(e, ERR_DATA_LOSS, "its record has no configuration");
    *ret = m;
    return 0;
}

bool stored_is_id(const char *name)
{
    return strlen(name) == ID_LEN && strspn(name, "0123456789abcdef") == ID_LEN;
}

int stored_folders(const char *folder, struct arena *a, struct strlist *ret, struct err *e)
{
    DIR *d = opendir(folder);
    int r = 0;
    for (struct dirent *entry; d && r == 0 && (entry = readdir(d));)
        if (stored_is_id(entry->d_name))
            r = strlist_add(ret, a, entry->d_name);
    if (d)
        closedir(d);
    return r < 0 ? err_oom(e) : 0;
}
