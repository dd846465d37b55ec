/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenges of registries: a header that a registry, or whoever it redirects to, controls. Reaches parse/wwwauth.
 *
 * Oracle: challenges come in the header's order and lie within it; a parameter's value lies within its challenge and unquotes to at most its
 * own length; the challenge that is answered is Bearer with a realm or Basic; its values have no control character, so they cannot break a
 * request; the same header twice in a list gives the same answer; failing allocations leave nothing.
 */
#include "fuzz.h"
#include "base/arena.h"
#include "parse/wwwauth.h"

static bool inside(struct view part, struct view whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_value(const char *s)
{
    for (; *s; s++)
        FUZZ_CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

static int find(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct wwwauth w;
    return wwwauth_find(*(struct view *)arg, &a, &w, e);
}

static void check_twice(struct view header, const struct wwwauth *first)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct wwwauth w;
    struct err e = ERR_INIT;
    char *text = arena_printf(&a, "%.*s, %.*s", VIEW_ARG(header), VIEW_ARG(header));
    FUZZ_CHECK(text && wwwauth_find(view_of(text), &a, &w, &e) == 0);
    FUZZ_CHECK(w.scheme == first->scheme && strcmp(w.realm, first->realm) == 0 && strcmp(w.scope, first->scope) == 0);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view header = view_make((const char *)data, size), rest = header, raw;
    struct wwwauth_challenge c;
    struct wwwauth w;
    struct err e = ERR_INIT;
    const char *last = header.p;
    int r;
    while ((r = wwwauth_next(&rest, &c, &e)) > 0) {
        FUZZ_CHECK(c.name.n > 0 && inside(c.name, header) && inside(c.params, header) && c.name.p >= last && inside(rest, header));
        last = c.name.p + c.name.n;
        if (wwwauth_param(c.params, "realm", &raw)) {
            char *out = arena_alloc(&a, raw.n + 1);
            FUZZ_CHECK(out && inside(raw, c.params) && wwwauth_unquote(raw, out) <= raw.n);
        }
    }
    fuzz_check_result(r, &e);
    bool malformed = r < 0;
    r = wwwauth_find(header, &a, &w, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK(!malformed || r == -ERR_INVALID_ARGUMENT);
    if (r == 0) {
        FUZZ_CHECK(w.scheme == WWWAUTH_BASIC || w.scheme == WWWAUTH_BEARER);
        check_value(w.realm);
        check_value(w.service);
        check_value(w.scope);
        check_value(w.error);
        if (view_find(header, '\0') == header.n && size < 2048)
            check_twice(header, &w);
    }
    fuzz_sweep(find, &header, size < 1024 ? 32 : 0);
    return 0;
}
