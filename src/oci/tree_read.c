/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree: reading. The document is validated as a whole first; then the upper levels, which this layer looks into, become nodes,
 * and whatever lies deeper stays text. So the recursion is bounded whatever the document is.
 */
#include "oci/tree.h"

#include <string.h>

#include "base/macro.h"
#include "parse/jsonscan.h"

enum {
    READ_DEPTH = 8, /* levels that become nodes; linux.resources.devices[].major is the sixth */
};

/* A string without quotes and escapes: in place where it has none, else a copy. */
static bool unquote(struct tree_mem *m, struct view raw, struct view *ret)
{
    struct view inner = view_slice(raw, 1, raw.n - 1);
    if (view_find(inner, '\\') == inner.n) {
        *ret = inner;
        return true;
    }
    size_t n = jsonscan_unescape(raw, NULL, 0);
    char *p = m->failed ? NULL : arena_alloc(m->a, n + 1);
    if (!p) {
        m->failed = true;
        return false;
    }
    jsonscan_unescape(raw, p, n);
    *ret = view_make(p, n);
    return true;
}

static struct tree *read_value(struct tree_mem *m, struct jsonscan_value value, unsigned depth);

static struct tree *read_members(struct tree_mem *m, struct jsonscan_value value, unsigned depth)
{
    bool object = value.kind == JSONSCAN_OBJECT;
    struct tree *t = object ? tree_object(m) : tree_array(m);
    struct jsonscan_iter it = jsonscan_iter(value);
    struct view raw_key, key;
    struct jsonscan_value child;
    while (!m->failed && jsonscan_next(&it, &raw_key, &child)) {
        struct tree *node = read_value(m, child, depth + 1);
        if (!object)
            tree_push(m, t, node);
        else if (unquote(m, raw_key, &key))
            tree_set_view(m, t, key, node);
    }
    return t;
}

static struct tree *read_value(struct tree_mem *m, struct jsonscan_value value, unsigned depth)
{
    struct view text;
    switch (value.kind) {
    case JSONSCAN_TRUE:
    case JSONSCAN_FALSE:
        return tree_bool(m, value.kind == JSONSCAN_TRUE);
    case JSONSCAN_STRING:
        return unquote(m, value.raw, &text) ? tree_string_view(m, text) : NULL;
    case JSONSCAN_ARRAY:
    case JSONSCAN_OBJECT:
        return depth < READ_DEPTH ? read_members(m, value, depth) : tree_text(m, value.raw);
    case JSONSCAN_NULL:
    case JSONSCAN_NUMBER:
    case JSONSCAN_NONE:
        break;
    }
    return tree_text(m, value.raw);
}

int tree_read(struct tree_mem *m, struct view json, const char *what, struct tree **ret, struct err *e)
{
    struct jsonscan_value top;
    struct err cause = ERR_INIT;
    if (jsonscan_parse(json, &top, &cause) < 0)
        return err_raise(e, ERR_DATA_LOSS, "%s cannot be read: %s", what, cause.message);
    if (top.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_DATA_LOSS, "%s cannot be read: it is %s, not an object", what, jsonscan_kind_name(top.kind));
    struct tree *t = read_value(m, top, 0);
    TRY(tree_ok(m, e));
    *ret = t;
    return 0;
}
