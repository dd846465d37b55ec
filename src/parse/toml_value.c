/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of TOML (sections "Keys", "Array" and "Inline Table"), see toml_read.h. Arrays and inline tables recurse, TOML_DEPTH_MAX deep.
 */
#include "parse/toml_read.h"

static int not_closed(struct toml_reader *r, const struct toml *node, const char *expected)
{
    const char *what = node->type == TOML_ARRAY ? "array" : "inline table";
    int c = toml_peek(r, 0);
    if (node->type == TOML_TABLE && (c == '\n' || c == '\r'))
        return toml_bad(r, toml_here(r), "an inline table must end on the line that it starts on");
    if (c < 0)
        return toml_bad(r, toml_here(r), "the %s that starts in line %u does not end", what, (unsigned)node->line);
    return toml_bad(r, toml_here(r), "expected %s in the %s that starts in line %u", expected, what, (unsigned)node->line);
}

static int read_array(struct toml_reader *r, struct toml *array)
{
    array->type = TOML_ARRAY;
    r->at++;
    r->depth++;
    for (;;) {
        struct toml *element;
        TRY(toml_skip_lines(r));
        if (toml_peek(r, 0) == ']')
            break;
        if (toml_peek(r, 0) < 0)
            return not_closed(r, array, "a value");
        TRY(toml_add(r, array, VIEW_EMPTY, toml_here(r), &element));
        TRY(toml_read_value(r, element));
        TRY(toml_skip_lines(r));
        if (toml_peek(r, 0) == ']')
            break;
        if (toml_peek(r, 0) != ',')
            return not_closed(r, array, "\",\" or \"]\"");
        r->at++;
    }
    r->at++;
    r->depth--;
    return 0;
}

/* The members of an inline table, up to its closing brace. */
static int read_members(struct toml_reader *r, struct toml *table)
{
    for (bool first = true;; first = false) {
        toml_skip_blanks(r);
        int c = toml_peek(r, 0);
        if (c == '}' && first)
            return 0;
        if (c == '}')
            return toml_bad(r, toml_here(r), "no \",\" may stand before the \"}\" of an inline table");
        if (c == '\n' || c == '\r' || c < 0)
            return not_closed(r, table, "a key");
        TRY(toml_read_pair(r, table));
        toml_skip_blanks(r);
        if (toml_peek(r, 0) == '}')
            return 0;
        if (toml_peek(r, 0) != ',')
            return not_closed(r, table, "\",\" or \"}\"");
        r->at++;
    }
}

static int read_inline_table(struct toml_reader *r, struct toml *table)
{
    table->type = TOML_TABLE;
    r->at++;
    r->depth++;
    TRY(read_members(r, table));
    r->depth--;
    r->at++;
    return 0;
}

int toml_read_value(struct toml_reader *r, struct toml *node)
{
    switch (toml_peek(r, 0)) {
    case '"':
    case '\'':
        node->type = TOML_STRING;
        return toml_read_string(r, &node->string);
    case '[':
        return read_array(r, node);
    case '{':
        return read_inline_table(r, node);
    default:
        return toml_read_scalar(r, node);
    }
}

/* Why a dotted key cannot lead through this member. */
static int refuse_dotted(struct toml_reader *r, struct toml_spot spot, const struct toml *member)
{
    struct view key = toml_shown(member->key);
    if (member->type == TOML_TABLE && member->origin_ != TOML_CLOSED)
        return toml_bad(r, spot, "table \"%.*s\" is already defined in line %u; a dotted key cannot add to it", VIEW_ARG(key), (unsigned)member->line);
    if (member->type == TOML_TABLE)
        return toml_bad(r, spot, "inline table \"%.*s\" of line %u cannot be added to", VIEW_ARG(key), (unsigned)member->line);
    return toml_bad(r, spot, "key \"%.*s\" is %s, defined in line %u, and has no keys below it", VIEW_ARG(key), toml_type_name(member->type),
                    (unsigned)member->line);
}

/* Goes from *table into its table `key`, which is made when there is none. */
static int step_into(struct toml_reader *r, struct toml **table, struct view key, struct toml_spot spot)
{
    struct toml *next = toml_member(*table, key);
    if (!next) {
        TRY(toml_add(r, *table, key, spot, &next));
        next->type = TOML_TABLE;
    } else if (next->type != TOML_TABLE || (next->origin_ != TOML_IMPLIED && next->origin_ != TOML_DOTTED)) {
        return refuse_dotted(r, spot, next);
    }
    next->origin_ = TOML_DOTTED;
    r->depth++;
    *table = next;
    return 0;
}

/* The last part of the key, and the value. */
static int read_definition(struct toml_reader *r, struct toml *table, struct view key, struct toml_spot spot)
{
    const struct toml *first = toml_member(table, key);
    struct toml *node;
    if (first)
        return toml_bad(r, spot, "duplicate key \"%.*s\", first defined in line %u", VIEW_ARG(toml_shown(key)), (unsigned)first->line);
    if (toml_peek(r, 0) != '=')
        return toml_bad(r, toml_here(r), "expected \"=\" after the key \"%.*s\"", VIEW_ARG(toml_shown(key)));
    r->at++;
    toml_skip_blanks(r);
    TRY(toml_add(r, table, key, spot, &node));
    return toml_read_value(r, node);
}

int toml_read_pair(struct toml_reader *r, struct toml *table)
{
    uint32_t depth = r->depth;
    for (;;) {
        struct toml_spot spot = toml_here(r);
        struct view key;
        TRY(toml_read_key(r, &key));
        toml_skip_blanks(r);
        if (toml_peek(r, 0) != '.') {
            TRY(read_definition(r, table, key, spot));
            r->depth = depth;
            return 0;
        }
        r->at++;
        toml_skip_blanks(r);
        TRY(step_into(r, &table, key, spot));
    }
}
