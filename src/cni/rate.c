/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates in the notation of Kubernetes quantities ("10M", "1.5Gi", "1e6"; apimachinery, package resource): decimal digits with a
 * point, then a power of ten or of two. Pure code. Rounded up to a whole number, as Kubernetes does.
 */
#include "base/num.h"
#include "cni/internal.h"

enum { DIGITS_MAX = 18, EXPONENT_MAX = 30 };

/* mantissa * 10^ten * 2^two */
struct rate {
    uint64_t mantissa;
    bool more; /* digits behind the mantissa were not all 0: rounding up is due */
    int64_t ten;
    unsigned two;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads "123.45"; returns the number of bytes, 0 when there is no digit. */
static size_t read_digits(struct view v, struct rate *r)
{
    size_t i = 0, digits = 0, kept = 0;
    bool point = false;

    for (; i < v.n; i++) {
        if (v.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(v.p[i]))
            break;
        digits++;
        if (kept < DIGITS_MAX) {
            r->mantissa = r->mantissa * 10 + (uint64_t)(v.p[i] - '0');
            kept += r->mantissa > 0;
            r->ten -= point;
        } else {
            r->more = r->more || v.p[i] != '0';
            r->ten += !point;
        }
    }
    return digits ? i : 0;
}

static bool read_suffix(struct view v, struct rate *r)
{
    static const char decimal[] = "num kMGTPE", binary[] = "KMGTPE";
    int64_t exponent;

    if (v.n == 0)
        return true;
    if (v.n == 2 && v.p[1] == 'i') {
        size_t i = view_find(VIEW_LIT(binary), v.p[0]);
        r->two = 10 * (unsigned)(i + 1);
        return i < sizeof(binary) - 1;
    }
    if (v.n == 1 && v.p[0] != ' ') {
        size_t i = view_find(VIEW_LIT(decimal), v.p[0]);
        r->ten += 3 * ((int64_t)i - 3);
        return i < sizeof(decimal) - 1;
    }
    if (v.p[0] != 'e' && v.p[0] != 'E')
        return false;
    v = view_slice(v, v.n > 2 && v.p[1] == '+' ? 2 : 1, v.n);
    if (num_parse_i64(v, -1000, 1000, &exponent) != NUM_OK)
        return false;
    r->ten += exponent;
    return true;
}

/* 1 when the value is larger than UINT64_MAX, else 0. */
static int evaluate(struct rate r, uint64_t *ret)
{
    uint64_t value = r.mantissa;

    if (value == 0) {
        *ret = r.more;
        return 0;
    }
    for (; r.ten < 0 && value % 10 == 0; r.ten++)
        value /= 10;
    if (r.ten > EXPONENT_MAX || !num_mul_u64(value, UINT64_C(1) << (r.two < 63 ? r.two : 63), &value))
        return 1;
    for (; r.ten > 0; r.ten--)
        if (!num_mul_u64(value, 10, &value))
            return 1;
    for (; r.ten < 0 && value > 0; r.ten++) {
        r.more = r.more || value % 10 != 0;
        value /= 10;
    }
    *ret = value;
    return r.more && !num_add_u64(value, 1, ret);
}

int cni_rate_parse(struct view v, uint64_t max, uint64_t *ret)
{
    struct rate r = {0};
    uint64_t value = 0;

    if (v.n && v.p[0] == '+')
        v = view_slice(v, 1, v.n);
    size_t n = read_digits(v, &r);
    if (n == 0 || !read_suffix(view_slice(v, n, v.n), &r))
        return NUM_NOT_A_NUMBER;
    if (evaluate(r, &value) || value > max)
        return NUM_OUT_OF_RANGE;
    *ret = value;
    return NUM_OK;
}
