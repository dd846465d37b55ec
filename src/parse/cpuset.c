/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of cpus and memory nodes, see cpuset.h.
 */
#include "parse/cpuset.h"

#include "base/num.h"

static int malformed(struct view part, const char *why, struct err *e)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "\"%.*s\" is not a range of cpus or nodes: %s", VIEW_ARG(view_slice(part, 0, 64)), why);
}

static int parse_number(struct view part, struct view v, uint32_t *ret, struct err *e)
{
    uint64_t n;
    switch (num_parse_u64(v, CPUSET_MAX, &n)) {
    case NUM_OK:
        *ret = (uint32_t)n;
        return 0;
    case NUM_OUT_OF_RANGE:
        return malformed(part, "the number is too large", e);
    default:
        return malformed(part, "a number is expected", e);
    }
}

int cpuset_next(struct view *rest, uint32_t *ret_first, uint32_t *ret_last, struct err *e)
{
    struct view text = view_trim(*rest), part, from, to;
    uint32_t first, last;
    if (text.n == 0)
        return 0;
    bool more = view_cut(text, ',', &part, &text);
    if (more && text.n == 0)
        return malformed(part, "a comma with nothing behind it", e);
    bool range = view_cut(part, '-', &from, &to);
    TRY(parse_number(part, from, &first, e));
    last = first;
    if (range)
        TRY(parse_number(part, to, &last, e));
    if (last < first)
        return malformed(part, "it runs backwards", e);
    *ret_first = first;
    *ret_last = last;
    *rest = text;
    return 1;
}

int cpuset_check(struct view v, uint64_t *ret_count, struct err *e)
{
    uint64_t count = 0;
    uint32_t first, last;
    int r;
    while ((r = cpuset_next(&v, &first, &last, e)) > 0)
        count += last - first + 1;
    if (r == 0)
        *ret_count = count;
    return r;
}

bool cpuset_has(struct view v, uint32_t number)
{
    uint32_t first, last;
    bool has = false;
    int r;
    while ((r = cpuset_next(&v, &first, &last, NULL)) > 0)
        has = has || (number >= first && number <= last);
    return r == 0 && has;
}
