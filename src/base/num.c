/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, see num.h.
 */
#include "base/num.h"

bool num_add_size(size_t a, size_t b, size_t *ret)
{
    if (a > SIZE_MAX - b)
        return false;
    *ret = a + b;
    return true;
}

bool num_mul_size(size_t a, size_t b, size_t *ret)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *ret = a * b;
    return true;
}

bool num_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
    if (a > UINT64_MAX - b)
        return false;
    *ret = a + b;
    return true;
}

bool num_mul_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    *ret = a * b;
    return true;
}

bool num_add_i64(int64_t a, int64_t b, int64_t *ret)
{
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b))
        return false;
    *ret = a + b;
    return true;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 255;
}

/* A number too large must still be told from a text that is no number: all digits are looked at before "out of range" is said. */
static enum num_status parse_base(struct view v, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    bool over = false;
    if (v.n == 0)
        return NUM_NOT_A_NUMBER;
    for (size_t i = 0; i < v.n; i++) {
        unsigned d = digit_value(v.p[i]);
        if (d >= base)
            return NUM_NOT_A_NUMBER;
        if (over)
            continue;
        if (value > max / base || value * base > max - (d <= max ? d : max) || d > max)
            over = true;
        else
            value = value * base + d;
    }
    if (over)
        return NUM_OUT_OF_RANGE;
    *ret = value;
    return NUM_OK;
}

enum num_status num_parse_u64(struct view v, uint64_t max, uint64_t *ret)
{
    return parse_base(v, 10, max, ret);
}

enum num_status num_parse_hex(struct view v, uint64_t max, uint64_t *ret)
{
    return parse_base(v, 16, max, ret);
}

enum num_status num_parse_octal(struct view v, uint64_t max, uint64_t *ret)
{
    return parse_base(v, 8, max, ret);
}

enum num_status num_parse_i64(struct view v, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = v.n > 0 && v.p[0] == '-';
    uint64_t magnitude = 0;
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    enum num_status s = parse_base(negative ? view_slice(v, 1, v.n) : v, 10, most, &magnitude);
    if (s != NUM_OK)
        return s;
    int64_t value;
    if (!negative)
        value = (int64_t)magnitude;
    else if (magnitude == (uint64_t)INT64_MAX + 1)
        value = INT64_MIN;
    else
        value = -(int64_t)magnitude;
    if (value < min || value > max)
        return NUM_OUT_OF_RANGE;
    *ret = value;
    return NUM_OK;
}

int64_t num_clamp_i64(int64_t v, int64_t min, int64_t max)
{
    return v < min ? min : v > max ? max : v;
}
