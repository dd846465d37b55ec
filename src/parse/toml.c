/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML documents, see toml.h: lines, comments, and the headers of tables and arrays of tables.
 */
#include "base/codec.h"
#include "parse/toml_read.h"

struct toml_spot toml_here(const struct toml_reader *r)
{
    return (struct toml_spot){r->line, (uint32_t)(r->at - r->line_start) + 1};
}

int toml_placed(struct toml_reader *r, struct toml_spot spot, int code)
{
    return err_wrap(r->e, code, "line %u, column %u", (unsigned)spot.line, (unsigned)spot.column);
}

int toml_unexpected(struct toml_reader *r, const char *wanted)
{
    int c = toml_peek(r, 0);
    if (c < 0 || c == '\n' || (c == '\r' && toml_peek(r, 1) == '\n'))
        return toml_bad(r, toml_here(r), "%s is missing", wanted);
    if (toml_is_control(c))
        return toml_bad(r, toml_here(r), "the control character 0x%02X where %s should be", (unsigned)c, wanted);
    size_t n = utf8_sequence(r->at, (size_t)(r->end - r->at));
    return toml_bad(r, toml_here(r), "\"%.*s\" where %s should be", (int)n, r->at, wanted);
}

struct view toml_shown(struct view v)
{
    return view_slice(v, 0, 64);
}

void toml_skip_blanks(struct toml_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
        r->at++;
}

bool toml_skip_newline(struct toml_reader *r)
{
    size_t n = toml_peek(r, 0) == '\r' ? 2 : 1;
    if (toml_peek(r, n - 1) != '\n')
        return false;
    r->at += n;
    r->line++;
    r->line_start = r->at;
    return true;
}

int toml_skip_comment(struct toml_reader *r)
{
    if (toml_peek(r, 0) != '#')
        return 0;
    while (r->at < r->end && *r->at != '\n' && !(*r->at == '\r' && toml_peek(r, 1) == '\n')) {
        if (toml_is_control((unsigned char)*r->at))
            return toml_bad(r, toml_here(r), "the control character 0x%02X in a comment", (unsigned char)*r->at);
        r->at++;
    }
    return 0;
}

int toml_skip_lines(struct toml_reader *r)
{
    do {
        toml_skip_blanks(r);
        TRY(toml_skip_comment(r));
    } while (toml_skip_newline(r));
    return 0;
}

/* The member of *table on the way to a header's last key; it is made when there is none. */
static int pass_through(struct toml_reader *r, struct toml **table, struct view key, struct toml_spot spot)
{
    struct toml *next = toml_member(*table, key);
    if (!next) {
        TRY(toml_add(r, *table, key, spot, &next));
        next->type = TOML_TABLE;
        next->origin_ = TOML_IMPLIED;
    }
    if (next->type == TOML_ARRAY && next->origin_ == TOML_ELEMENTS) {
        next = next->children.last_;
        r->depth++;
    }
    if (next->type == TOML_TABLE && next->origin_ != TOML_CLOSED) {
        r->depth++;
        *table = next;
        return 0;
    }
    key = toml_shown(key);
    if (next->type == TOML_TABLE)
        return toml_bad(r, spot, "inline table \"%.*s\" of line %u cannot be added to", VIEW_ARG(key), (unsigned)next->line);
    return toml_bad(r, spot, "key \"%.*s\" is %s, defined in line %u, and has no tables below it", VIEW_ARG(key), toml_type_name(next->type),
                    (unsigned)next->line);
}

/* Why a header cannot name this member. */
static int refuse_header(struct toml_reader *r, struct toml_spot spot, const struct toml *member, bool array)
{
    struct view key = toml_shown(member->key);
    unsigned line = (unsigned)member->line;
    if (member->origin_ == TOML_ELEMENTS)
        return toml_bad(r, spot, "\"%.*s\" is an array of tables since line %u: its header needs \"[[\" and \"]]\"", VIEW_ARG(key), line);
    if (member->type == TOML_TABLE && !array)
        return toml_bad(r, spot, "duplicate table \"%.*s\", first defined in line %u", VIEW_ARG(key), line);
    return toml_bad(r, spot, "key \"%.*s\" is %s, defined in line %u, and cannot become %s", VIEW_ARG(key), toml_type_name(member->type), line,
                    array ? "an array of tables" : "a table");
}

/* [key]: the table that the next lines fill. */
static int open_table(struct toml_reader *r, struct toml **table, struct view key, struct toml_spot spot)
{
    struct toml *own = toml_member(*table, key);
    if (!own)
        TRY(toml_add(r, *table, key, spot, &own));
    else if (own->type != TOML_TABLE || own->origin_ != TOML_IMPLIED)
        return refuse_header(r, spot, own, false);
    own->type = TOML_TABLE;
    own->origin_ = TOML_HEADER;
    own->line = spot.line;
    own->column = spot.column;
    r->depth++;
    *table = own;
    return 0;
}

/* [[key]]: a new element of the array of tables. */
static int open_element(struct toml_reader *r, struct toml **table, struct view key, struct toml_spot spot)
{
    struct toml *array = toml_member(*table, key), *element;
    if (!array) {
        TRY(toml_add(r, *table, key, spot, &array));
        array->type = TOML_ARRAY;
        array->origin_ = TOML_ELEMENTS;
    } else if (array->origin_ != TOML_ELEMENTS) {
        return refuse_header(r, spot, array, true);
    }
    r->depth++;
    TRY(toml_add(r, array, VIEW_EMPTY, spot, &element));
    element->type = TOML_TABLE;
    element->origin_ = TOML_HEADER;
    r->depth++;
    *table = element;
    return 0;
}

/* The reader stands at "[". *table becomes the table that the lines behind the header fill. */
static int read_header(struct toml_reader *r, struct toml **table)
{
    bool array = toml_peek(r, 1) == '[';
    r->at += array ? 2 : 1;
    r->depth = 0;
    *table = r->root;
    for (;;) {
        toml_skip_blanks(r);
        struct toml_spot spot = toml_here(r);
        struct view key;
        TRY(toml_read_key(r, &key));
        toml_skip_blanks(r);
        if (toml_peek(r, 0) == '.') {
            r->at++;
            TRY(pass_through(r, table, key, spot));
            continue;
        }
        if (toml_peek(r, 0) != ']' || (array && toml_peek(r, 1) != ']'))
            return toml_bad(r, toml_here(r), "expected \"%s\" after \"%.*s\"", array ? "]]" : "]", VIEW_ARG(toml_shown(key)));
        r->at += array ? 2 : 1;
        return array ? open_element(r, table, key, spot) : open_table(r, table, key, spot);
    }
}

static int read_line(struct toml_reader *r, struct toml **table)
{
    toml_skip_blanks(r);
    int c = toml_peek(r, 0);
    if (c == '[')
        TRY(read_header(r, table));
    else if (c >= 0 && c != '#' && c != '\n' && c != '\r')
        TRY(toml_read_pair(r, *table));
    toml_skip_blanks(r);
    TRY(toml_skip_comment(r));
    if (toml_skip_newline(r) || r->at == r->end)
        return 0;
    return toml_unexpected(r, "the end of the line");
}

/* Everything behind this can rely on well-formed text. */
static int check_text(struct toml_reader *r)
{
    static const char mark[] = "\xef\xbb\xbf";
    const char *start = r->at;
    if (view_starts(view_make(start, (size_t)(r->end - start)), VIEW_LIT(mark)))
        return toml_bad(r, toml_here(r), "a byte order mark (U+FEFF) where the document should start");
    while (r->at < r->end) {
        size_t n = utf8_sequence(r->at, (size_t)(r->end - r->at));
        if (n == 0)
            return toml_bad(r, toml_here(r), "the byte 0x%02X is not UTF-8 here", (unsigned char)*r->at);
        if (!toml_skip_newline(r))
            r->at += n;
    }
    r->at = r->line_start = start;
    r->line = 1;
    return 0;
}

int toml_parse(struct view text, struct arena *a, const struct toml **ret, struct err *e)
{
    struct toml root = {.type = TOML_TABLE, .line = 1, .column = 1, .key = {"", 0}, .origin_ = TOML_HEADER};
    if (text.n > TOML_BYTES_MAX)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "the text has %zu bytes; at most %d are read", text.n, TOML_BYTES_MAX);
    struct toml_reader r = {.at = text.n ? text.p : "", .line = 1, .root = arena_memdup(a, &root, sizeof root), .arena = a, .e = e};
    if (!r.root)
        return err_oom(e);
    r.end = r.at + text.n;
    r.line_start = r.at;
    TRY(check_text(&r));
    struct toml *table = r.root;
    while (r.at < r.end)
        TRY(read_line(&r, &table));
    *ret = r.root;
    return 0;
}
