/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a TOML document, see toml.h: nodes, and the index of a table's keys.
 *
 * The index is a PATRICIA trie (Morrison 1968): each node tests one bit of the key, a link that does not lead to a higher bit ends the
 * walk at the node it leads to. A look-up tests at most as many bits as the key has, whatever keys a hostile document chooses,
 * which no hash with a known function promises; and it needs no memory beyond three words in each node.
 */
#include "parse/toml_read.h"

/* Bit `bit` of the key and the NULs behind it, from 1; bit 0 is that of the first node, which has one side only. */
static unsigned bit_of(struct view key, uint32_t bit)
{
    if (bit == 0 || (bit - 1) / 8 >= key.n)
        return 0;
    return (unsigned char)key.p[(bit - 1) / 8] >> (7 - (bit - 1) % 8) & 1;
}

/* The first bit in which two different keys differ. Keys hold no NUL, so one that is the start of the other differs behind its end. */
static uint32_t first_difference(struct view a, struct view b)
{
    size_t i = 0;
    while (i < a.n && i < b.n && a.p[i] == b.p[i])
        i++;
    uint32_t bit = (uint32_t)i * 8 + 1;
    while (bit_of(a, bit) == bit_of(b, bit))
        bit++;
    return bit;
}

/* The one node that may have this key. */
static struct toml *closest(struct toml *head, struct view key)
{
    struct toml *node = head;
    uint32_t tested;
    do {
        tested = node->bit_;
        node = node->side_[bit_of(key, tested)];
    } while (node->bit_ > tested);
    return node;
}

struct toml *toml_member(const struct toml *table, struct view key)
{
    struct toml *head = table->children.index_;
    struct toml *node = head ? closest(head, key) : NULL;
    return node && view_eq(node->key, key) ? node : NULL;
}

static void add_to_index(struct toml *table, struct toml *node)
{
    struct toml *head = table->children.index_;
    if (!head) {
        node->bit_ = 0;
        node->side_[0] = node;
        table->children.index_ = node;
        return;
    }
    uint32_t bit = first_difference(node->key, closest(head, node->key)->key);
    struct toml *above = head, *below = head->side_[0];
    while (below->bit_ > above->bit_ && below->bit_ < bit) {
        above = below;
        below = below->side_[bit_of(node->key, below->bit_)];
    }
    unsigned own = bit_of(node->key, bit);
    node->bit_ = bit;
    node->side_[own] = node;
    node->side_[!own] = below;
    above->side_[bit_of(node->key, above->bit_)] = node;
}

static int too_much(struct toml_reader *r, struct toml_spot spot, const char *what, int max)
{
    return toml_placed(r, spot, err_raise(r->e, ERR_RESOURCE_EXHAUSTED, "more than %d %s", max, what));
}

int toml_add(struct toml_reader *r, struct toml *parent, struct view key, struct toml_spot spot, struct toml **ret)
{
    if (r->depth >= TOML_DEPTH_MAX)
        return too_much(r, spot, "levels of tables and arrays", TOML_DEPTH_MAX);
    if (r->values >= TOML_VALUES_MAX)
        return too_much(r, spot, "values", TOML_VALUES_MAX);
    struct toml *node = ARENA_NEW(r->arena, struct toml);
    char *copy = key.n ? arena_view(r->arena, key) : NULL;
    if (!node || (key.n && !copy))
        return err_oom(r->e);
    node->line = spot.line;
    node->column = spot.column;
    node->key = view_make(copy ? copy : "", key.n);
    if (parent->type == TOML_TABLE)
        add_to_index(parent, node);
    if (parent->children.last_)
        parent->children.last_->next = node;
    else
        parent->children.first = node;
    parent->children.last_ = node;
    parent->children.n++;
    r->values++;
    *ret = node;
    return 0;
}

const struct toml *toml_get(const struct toml *table, const char *key)
{
    return table && table->type == TOML_TABLE ? toml_member(table, view_of(key)) : NULL;
}

const char *toml_type_name(enum toml_type type)
{
    static const char *const names[] = {
        [TOML_TABLE] = "a table",  [TOML_ARRAY] = "an array",  [TOML_STRING] = "a string",      [TOML_INTEGER] = "an integer",
        [TOML_FLOAT] = "a number", [TOML_BOOL] = "a boolean", [TOML_DATETIME] = "a date or time",
    };
    return names[type];
}
