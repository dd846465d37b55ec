/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users of images and containers, see userspec.h.
 */
#include "parse/userspec.h"

#include "base/num.h"

struct user_part user_classify(struct view v)
{
    struct user_part part = {.class = USER_EMPTY};
    struct view digits = v;
    uint64_t id = 0;
    bool negative = false;
    if (v.n == 0)
        return part;
    if (v.p[0] == '+' || v.p[0] == '-') {
        negative = v.p[0] == '-';
        digits = view_slice(v, 1, v.n);
    }
    switch (num_parse_u64(digits, USER_ID_MAX, &id)) {
    case NUM_OK:
        part.class = negative ? USER_OUT_OF_RANGE : USER_NUMERIC;
        part.id = negative ? 0 : (uint32_t)id;
        break;
    case NUM_OUT_OF_RANGE:
        part.class = USER_OUT_OF_RANGE;
        break;
    default:
        part.class = USER_NAME;
        part.name = v;
        break;
    }
    return part;
}

static int out_of_range(struct view v, const char *what, struct view part, struct err *e)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "user \"%.*s\": the %s id %.*s is outside 0 to %u", (int)view_slice(v, 0, 256).n, v.p, what,
                     (int)view_slice(part, 0, 128).n, part.p, (unsigned)USER_ID_MAX);
}

int userspec_parse(struct view v, struct userspec *ret, struct err *e)
{
    struct view user, group;
    struct userspec spec = {.has_group = view_cut(v, ':', &user, &group)};
    if (view_find(group, ':') < group.n)
        return err_raise(e, ERR_INVALID_ARGUMENT, "user \"%.*s\" has more than one ':'", (int)view_slice(v, 0, 256).n, v.p);
    spec.user = user_classify(user);
    if (spec.user.class == USER_OUT_OF_RANGE)
        return out_of_range(v, "user", user, e);
    spec.group = user_classify(group);
    if (spec.group.class == USER_OUT_OF_RANGE)
        return out_of_range(v, "group", group, e);
    *ret = spec;
    return 0;
}

int user_from_image(struct view user, struct user_part *ret, struct err *e)
{
    struct view head;
    view_cut(user, ':', &head, NULL);
    struct user_part part = user_classify(head);
    if (part.class == USER_OUT_OF_RANGE)
        return out_of_range(user, "user", head, e);
    *ret = part;
    return 0;
}
