/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index that finds an id by a prefix of it, which every client chooses. The input is a list of lines:
 * "+id" adds, "-id" removes, and any other line (without a first '?') is a prefix that is looked up;
 * state/truncindex is reached.
 *
 * Oracle: a model that keeps the ids in no order and looks at every one of them. Each call's code must be the
 * model's, a found id must be the one that the model found, and after each line the index holds as many ids
 * as the model, strictly ascending.
 */
#include "fuzz.h"
#include "state/truncindex.h"

enum { MODEL_MAX = 128, ID_SIZE = 24 };

static struct model {
    char ids[MODEL_MAX][ID_SIZE];
    size_t n;
} model;

static size_t model_find(struct view id)
{
    for (size_t i = 0; i < model.n; i++)
        if (view_eq_str(id, model.ids[i]))
            return i;
    return model.n;
}

static int model_get(struct view prefix, const char **ret)
{
    size_t exact = model_find(prefix), matches = 0;
    *ret = NULL;
    if (prefix.n == 0)
        return -ERR_INVALID_ARGUMENT;
    for (size_t i = 0; i < model.n; i++) {
        if (view_starts(view_of(model.ids[i]), prefix)) {
            matches++;
            *ret = model.ids[i];
        }
    }
    if (exact < model.n) {
        *ret = model.ids[exact];
        return 0;
    }
    return matches == 0 ? -ERR_NOT_FOUND : matches == 1 ? 0 : -ERR_FAILED_PRECONDITION;
}

static void add(struct truncindex *t, const char id[ID_SIZE])
{
    struct err e = ERR_INIT;
    bool known = model_find(view_of(id)) < model.n;
    if (model.n == MODEL_MAX)
        return;
    int r = truncindex_add(t, id, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK_MSG(r == (!*id    ? -ERR_INVALID_ARGUMENT
                         : known ? -ERR_ALREADY_EXISTS
                                 : 0),
                   "adding \"%s\" gives %d", id, r);
    if (r == 0)
        memcpy(model.ids[model.n++], id, ID_SIZE);
}

static void take_out(struct truncindex *t, const char *id)
{
    size_t i = model_find(view_of(id));
    truncindex_remove(t, id);
    if (i < model.n) {
        model.n--;
        memmove(model.ids[i], model.ids[model.n], ID_SIZE);
    }
}

static void look_up(const struct truncindex *t, struct view prefix)
{
    struct err e = ERR_INIT;
    const char *got = NULL, *want;
    int wanted = model_get(prefix, &want), r = truncindex_get(t, "thing", prefix, &got, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK_MSG(r == wanted, "\"%.*s\" gives %d, in the model %d", VIEW_ARG(prefix), r, wanted);
    if (r == 0)
        FUZZ_CHECK_MSG(strcmp(got, want) == 0, "\"%.*s\" gives %s, in the model %s", VIEW_ARG(prefix), got,
                       want);
}

static void check_order(const struct truncindex *t)
{
    FUZZ_CHECK(t->n == model.n && t->n <= t->cap);
    for (size_t i = 0; i + 1 < t->n; i++)
        FUZZ_CHECK(strcmp(t->ids[i], t->ids[i + 1]) < 0);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view rest = view_make((const char *)data, size < 8192 ? size : 8192), line;
    struct truncindex t = {0};
    model.n = 0;
    while (view_next_line(&rest, &line)) {
        char id[ID_SIZE] = "";
        struct view text = view_slice(line, 1, line.n);
        memcpy(id, text.n ? text.p : "", text.n < ID_SIZE ? text.n : ID_SIZE - 1);
        if (line.n && line.p[0] == '+')
            add(&t, id);
        else if (line.n && line.p[0] == '-')
            take_out(&t, id);
        else
            look_up(&t, line.n && line.p[0] == '?' ? text : line);
        check_order(&t);
    }
    truncindex_done(&t);
    return 0;
}
