/* SPDX-License-Identifier: Apache-2.0 */
/*
 * View: bytes that somebody else owns, with their length. Parsers take views and return views into the same bytes, so they need
 * no terminating NUL, no copy and no memory. Pure code, open to proof.
 */
#ifndef CRI_BASE_VIEW_H
#define CRI_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct view {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

#define VIEW_EMPTY ((struct view){NULL, 0})
#define VIEW_LIT(s) ((struct view){(s), sizeof(s) - 1})
#define VIEW_ARG(v) (int)(v).n, (v).p ? (v).p : "" /* for "%.*s" */

static inline struct view view_make(const char *p, size_t n)
{
    return (struct view){p, n};
}

/* The bytes of a C string; NULL gives the empty view. */
static inline struct view view_of(const char *s)
{
    return (struct view){s, s ? strlen(s) : 0};
}

/* Equality of bytes; with a C string; and ASCII case folded. */
bool view_eq(struct view a, struct view b);
bool view_eq_str(struct view a, const char *s);
bool view_eq_nocase(struct view a, struct view b);
bool view_starts(struct view v, struct view prefix);
bool view_ends(struct view v, struct view suffix);

/* Index of the first or last byte c, or v.n when there is none. */
size_t view_find(struct view v, char c);
size_t view_rfind(struct view v, char c);

/* The bytes [from, to), both clamped to the view. */
struct view view_slice(struct view v, size_t from, size_t to);

/* Cuts at the first c: *head gets what stands before it, *tail what stands behind. Without c, head is all, tail is empty and the
 * result is false. head and tail may be NULL or alias v's variable. */
bool view_cut(struct view v, char c, struct view *head, struct view *tail);

/* Takes the next line off *rest, without its '\n'. False when *rest is empty. The last line needs no '\n'. */
bool view_next_line(struct view *rest, struct view *line);

/* Without ASCII blanks (space, \t, \r, \n) at both ends. */
struct view view_trim(struct view v);

#endif
