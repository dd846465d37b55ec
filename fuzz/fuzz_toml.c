/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: configuration files that an administrator, or whoever may write below the registry folder, puts on the node. Reaches parse/toml.
 *
 * Oracle: each view of the tree lies outside of the text, is valid UTF-8 without a NUL inside and has one behind it; positions lie in the
 * text; every key is found by its name, once; counts and links agree. The tree written out as TOML in two ways - values as inline tables, and
 * tables with headers - and read again is the same tree. The same text gives the same answer again; a failing allocation leaves nothing.
 */
#include <math.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "fuzz.h"
#include "parse/toml.h"

static void check_text(struct view v, struct view input)
{
    FUZZ_CHECK(v.p && v.p[v.n] == '\0' && strlen(v.p) == v.n && utf8_valid(v));
    FUZZ_CHECK(input.n == 0 || v.p + v.n < input.p || v.p >= input.p + input.n);
}

static void check_node(const struct toml *v, struct view input, unsigned depth, size_t *values)
{
    size_t n = 0;
    check_text(v->key, input);
    FUZZ_CHECK(depth <= TOML_DEPTH_MAX && ++*values <= TOML_VALUES_MAX + 1);
    FUZZ_CHECK(v->line >= 1 && v->column >= 1 && v->line - 1 + v->column - 1 <= input.n);
    if (v->type == TOML_STRING)
        check_text(v->string, input);
    if (v->type == TOML_DATETIME) {
        check_text(v->datetime.text, input);
        FUZZ_CHECK(v->datetime.text.n >= 8 && v->datetime.kind >= TOML_OFFSET_DATETIME && v->datetime.kind <= TOML_LOCAL_TIME);
    }
    if (v->type != TOML_TABLE && v->type != TOML_ARRAY)
        return;
    for (const struct toml *c = v->children.first; c; c = c->next, n++) {
        FUZZ_CHECK(v->type == TOML_TABLE ? toml_get(v, c->key.p) == c : c->key.n == 0);
        check_node(c, input, depth + 1, values);
    }
    FUZZ_CHECK(n == v->children.n);
}

/* Equal but for positions and the order of a table's members. */
static bool equal(const struct toml *a, const struct toml *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case TOML_STRING:
        return view_eq(a->string, b->string);
    case TOML_INTEGER:
        return a->integer == b->integer;
    case TOML_FLOAT:
        return isnan(a->real) ? isnan(b->real) : a->real == b->real && !signbit(a->real) == !signbit(b->real);
    case TOML_BOOL:
        return a->boolean == b->boolean;
    case TOML_DATETIME:
        return a->datetime.kind == b->datetime.kind && view_eq(a->datetime.text, b->datetime.text);
    default:
        break;
    }
    const struct toml *other = b->children.first;
    for (const struct toml *c = a->children.first; c; c = c->next) {
        const struct toml *match = a->type == TOML_TABLE ? toml_get(b, c->key.p) : other;
        if (!match || !equal(c, match))
            return false;
        other = other->next;
    }
    return a->children.n == b->children.n;
}

static void write_text(struct buf *out, struct view v)
{
    int r = buf_add_char(out, '"');
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c < 0x20 || c == 0x7f)
            r |= buf_printf(out, i % 2 ? "\\u%04x" : "\\U%08X", c);
        else if (c == '"' || c == '\\')
            r |= buf_printf(out, "\\%c", c);
        else
            r |= buf_add_char(out, (char)c);
    }
    r |= buf_add_char(out, '"');
    FUZZ_CHECK(r == 0);
}

static void write_value(struct buf *out, const struct toml *v)
{
    static const char brackets[2][2] = {{'{', '}'}, {'[', ']'}};
    char number[64];
    switch (v->type) {
    case TOML_STRING:
        write_text(out, v->string);
        return;
    case TOML_INTEGER:
        FUZZ_CHECK(buf_printf(out, v->integer >= 0 && v->integer % 2 ? "0x%llx" : "%lld", (long long)v->integer) == 0);
        return;
    case TOML_FLOAT:
        snprintf(number, sizeof number, "%.16e", v->real);
        FUZZ_CHECK(buf_add_str(out, isnan(v->real) ? "nan" : number) == 0);
        return;
    case TOML_BOOL:
        FUZZ_CHECK(buf_add_str(out, v->boolean ? "true" : "false") == 0);
        return;
    case TOML_DATETIME:
        FUZZ_CHECK(buf_add_view(out, v->datetime.text) == 0);
        return;
    default:
        break;
    }
    FUZZ_CHECK(buf_add_char(out, brackets[v->type == TOML_ARRAY][0]) == 0);
    for (const struct toml *c = v->children.first; c; c = c->next) {
        if (v->type == TOML_TABLE) {
            write_text(out, c->key);
            FUZZ_CHECK(buf_add_char(out, '=') == 0);
        }
        write_value(out, c);
        FUZZ_CHECK(!c->next || buf_add_char(out, ',') == 0);
    }
    FUZZ_CHECK(buf_add_char(out, brackets[v->type == TOML_ARRAY][1]) == 0);
}

static bool is_table_array(const struct toml *v)
{
    if (v->type != TOML_ARRAY || v->children.n == 0)
        return false;
    for (const struct toml *c = v->children.first; c; c = c->next)
        if (c->type != TOML_TABLE)
            return false;
    return true;
}

/* Members of a table: those on lines of their own; then, below headers, tables and arrays of tables. `path` is what the headers begin with. */
static void write_members(struct buf *out, const struct toml *table, struct view path, bool headers)
{
    for (const struct toml *c = table->children.first; c; c = c->next) {
        if (headers && (c->type == TOML_TABLE || is_table_array(c)))
            continue;
        write_text(out, c->key);
        FUZZ_CHECK(buf_add_str(out, " = ") == 0);
        write_value(out, c);
        FUZZ_CHECK(buf_add_char(out, '\n') == 0);
    }
    for (const struct toml *c = table->children.first; c && headers; c = c->next) {
        if (c->type != TOML_TABLE && !is_table_array(c))
            continue;
        struct buf name = BUF_INIT((size_t)16 << 20);
        FUZZ_CHECK(buf_add_view(&name, path) == 0 && (path.n == 0 || buf_add_char(&name, '.') == 0));
        write_text(&name, c->key);
        bool array = c->type == TOML_ARRAY;
        for (const struct toml *t = array ? c->children.first : c; t; t = array ? t->next : NULL) {
            FUZZ_CHECK(buf_printf(out, array ? "[[%s]]\n" : "[%s]\n", name.p) == 0);
            write_members(out, t, buf_view(&name), true);
        }
        buf_done(&name);
    }
}

static void check_round_trip(const struct toml *root, bool headers)
{
    struct buf out = BUF_INIT((size_t)16 << 20);
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct err e = ERR_INIT;
    const struct toml *again;
    write_members(&out, root, VIEW_EMPTY, headers);
    int r = toml_parse(buf_view(&out), &a, &again, &e);
    FUZZ_CHECK_MSG(r == 0, "%s in:\n%s", e.message, out.p);
    FUZZ_CHECK_MSG(equal(root, again) && equal(again, root), "headers %d:\n%s", headers, out.p ? out.p : "");
    arena_done(&a);
    buf_done(&out);
}

static int parse(void *arg, struct err *e)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    const struct toml *root;
    int r = toml_parse(*(const struct view *)arg, &a, &root, e);
    arena_done(&a);
    return r;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT), b = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view text = view_make((const char *)data, size);
    struct err e = ERR_INIT, e2 = ERR_INIT;
    const struct toml *root = NULL, *again = NULL;
    unsigned line, column;
    size_t values = 0;
    int r = toml_parse(text, &a, &root, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK(toml_parse(text, &b, &again, &e2) == r && strcmp(e.message, e2.message) == 0 && a.used == b.used);
    if (r == 0) {
        FUZZ_CHECK(root->type == TOML_TABLE && root->next == NULL && equal(root, again));
        check_node(root, text, 0, &values);
        check_round_trip(root, false);
        /* Each header repeats the keys above it. */
        if (size <= 2048)
            check_round_trip(root, true);
    } else if (size <= TOML_BYTES_MAX) {
        FUZZ_CHECK_MSG(root == NULL && sscanf(e.message, "line %u, column %u: ", &line, &column) == 2, "%s", e.message);
        FUZZ_CHECK_MSG(line >= 1 && column >= 1 && line - 1 + column - 1 <= size, "%s", e.message);
    }
    arena_done(&a);
    arena_done(&b);
    fuzz_sweep(parse, &text, size < 1024 ? 6 : 0);
    return 0;
}
