/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duration: see the header.
 */
#include "parse/duration.h"

#include "base/macro.h"
#include "base/num.h"

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1}, {"us", 1000}, {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000}, /* both letters mu */
    {"ms", 1000000}, {"s", 1000000000}, {"m", INT64_C(60000000000)}, {"h", INT64_C(3600000000000)},
};

static size_t digits_of(struct view v)
{
    size_t n = 0;
    while (n < v.n && v.p[n] >= '0' && v.p[n] <= '9')
        n++;
    return n;
}

/* The unit that all bytes up to the next digit or point name. */
static const struct unit *take_unit(struct view *rest)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '.' && !(rest->p[n] >= '0' && rest->p[n] <= '9'))
        n++;
    struct view name = view_slice(*rest, 0, n);
    *rest = view_slice(*rest, n, rest->n);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (view_eq_str(name, units[i].name))
            return &units[i];
    return NULL;
}

/* What stands behind the point, in ns: digits below a nanosecond do not count. */
static uint64_t fraction(struct view digits, int64_t unit)
{
    uint64_t sum = 0, scale = (uint64_t)unit;
    for (size_t i = 0; i < digits.n && scale; i++) {
        sum += (uint64_t)(digits.p[i] - '0') * scale / 10;
        scale /= 10;
    }
    return sum;
}

static bool take_term(struct view *rest, uint64_t *sum)
{
    struct view whole = view_slice(*rest, 0, digits_of(*rest)), part = VIEW_EMPTY;
    *rest = view_slice(*rest, whole.n, rest->n);
    if (rest->n > 0 && rest->p[0] == '.') {
        part = view_slice(*rest, 1, rest->n);
        part = view_slice(part, 0, digits_of(part));
        *rest = view_slice(*rest, 1 + part.n, rest->n);
    }
    uint64_t n = 0;
    if (whole.n + part.n == 0 || (whole.n && num_parse_u64(whole, INT64_MAX, &n) != NUM_OK))
        return false;
    const struct unit *u = take_unit(rest);
    return u && num_mul_u64(n, (uint64_t)u->ns, &n) && num_add_u64(n, fraction(part, u->ns), &n) && num_add_u64(*sum, n, sum) && *sum <= INT64_MAX;
}

bool duration_read(struct view text, int64_t *ret)
{
    uint64_t sum = 0;
    if (text.n > 0 && text.p[0] == '+')
        text = view_slice(text, 1, text.n);
    if (text.n == 0)
        return false;
    bool zero = view_eq_str(text, "0"); /* the only number that needs no unit */
    while (!zero && text.n > 0)
        if (!take_term(&text, &sum))
            return false;
    *ret = (int64_t)sum;
    return true;
}

int duration_write(int64_t ns, struct buf *out)
{
    static const struct unit written[] = {{"h", INT64_C(3600000000000)}, {"m", INT64_C(60000000000)}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    if (ns == 0)
        return buf_add_str(out, "0s");
    for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
        if (ns >= written[i].ns)
            TRY(buf_printf(out, "%lld%s", (long long)(ns / written[i].ns), written[i].name));
        ns %= written[i].ns;
    }
    return 0;
}
