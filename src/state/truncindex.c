/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truncindex, see truncindex.h: a sorted array. All ids that begin with a prefix stand together in it, the
 * prefix itself first, so one binary search and a look at two neighbours answer everything.
 */
#include "state/truncindex.h"

#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

/* Order of bytes; a prefix comes before what it begins. */
static int compare(const char *id, struct view v)
{
    size_t n = strlen(id), common = MIN_OF(n, v.n);
    int r = common ? memcmp(id, v.p, common) : 0;
    return r ? r : (n > v.n) - (n < v.n);
}

/* The first place whose id is not less than v. */
static size_t lower_bound(const struct truncindex *t, struct view v)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(t->ids[middle], v) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool holds(const struct truncindex *t, size_t i, struct view v)
{
    return i < t->n && compare(t->ids[i], v) == 0;
}

static bool begins(const struct truncindex *t, size_t i, struct view prefix)
{
    return i < t->n && view_starts(view_of(t->ids[i]), prefix);
}

static int grow(struct truncindex *t, struct err *e)
{
    if (t->n < t->cap)
        return 0;
    size_t cap = t->cap ? t->cap * 2 : 16;
    char **ids = mem_reallocarray(t->ids, cap, sizeof *ids);
    if (!ids)
        return err_oom(e);
    t->ids = ids;
    t->cap = cap;
    return 0;
}

int truncindex_add(struct truncindex *t, const char *id, struct err *e)
{
    size_t i = lower_bound(t, view_of(id));
    if (!*id)
        return err_raise(e, ERR_INVALID_ARGUMENT, "id is empty");
    if (holds(t, i, view_of(id)))
        return err_raise(e, ERR_ALREADY_EXISTS, "id \"%s\" already exists", id);
    TRY(grow(t, e));
    char *copy = mem_strdup(id);
    if (!copy)
        return err_oom(e);
    memmove(t->ids + i + 1, t->ids + i, (t->n - i) * sizeof *t->ids);
    t->ids[i] = copy;
    t->n++;
    return 0;
}

void truncindex_remove(struct truncindex *t, const char *id)
{
    size_t i = lower_bound(t, view_of(id));
    if (!holds(t, i, view_of(id)))
        return;
    mem_free(t->ids[i]);
    t->n--;
    memmove(t->ids + i, t->ids + i + 1, (t->n - i) * sizeof *t->ids);
}

int truncindex_get(const struct truncindex *t, const char *what, struct view prefix, const char **ret,
                   struct err *e)
{
    size_t i = lower_bound(t, prefix);
    if (prefix.n == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s id is empty", what);
    if (!begins(t, i, prefix))
        return err_raise(e, ERR_NOT_FOUND, "%s \"%.*s\" not found", what,
                         VIEW_ARG(view_slice(prefix, 0, 256)));
    if (!holds(t, i, prefix) && begins(t, i + 1, prefix))
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s id \"%.*s\" is ambiguous", what,
                         VIEW_ARG(view_slice(prefix, 0, 256)));
    *ret = t->ids[i];
    return 0;
}

void truncindex_done(struct truncindex *t)
{
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->ids[i]);
    mem_free(t->ids);
    *t = (struct truncindex){0};
}
