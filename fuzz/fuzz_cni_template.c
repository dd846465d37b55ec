/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration template and rates of annotations: the first part is filled in as a template, the second one read as
 * a Kubernetes quantity. Controlled by: whoever writes the template; whoever annotates a pod.
 *
 * Oracle: a text without "{{" comes out as it is; filling in is deterministic and stays within its maximum; with empty values
 * nothing is put in that is not part of the text. A rate that is read is at most the maximum, and its decimal text reads as the
 * same number; a digit appended to a number without suffix makes it ten times as large, and the digit.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/num.h"
#include "cni/internal.h"
#include "cni/template.h"

enum { OUT_MAX = 64 << 10 };

static void check_template(struct view text)
{
    char r0[] = "10.0.0.0/24", r1[] = "fd00::/64", d0[] = "0.0.0.0/0";
    char *ranges[] = {r0, r1}, *routes[] = {d0};
    struct strlist lr = {.v = ranges, .n = 2}, lo = {.v = routes, .n = 1}, none = {0};
    struct cni_template_values values = {.pod_cidr = r0, .ranges = &lr, .routes = &lo};
    struct cni_template_values empty = {.pod_cidr = "", .ranges = &none, .routes = &none};
    _cleanup_buf_ struct buf one = BUF_INIT(OUT_MAX), two = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT, again = ERR_INIT;

    int r = cni_template_fill(text, &values, &one, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK(one.n <= OUT_MAX);
    FUZZ_CHECK(cni_template_fill(text, &values, &two, &again) == r && view_eq(buf_view(&one), buf_view(&two)));
    if (!memmem(text.p ? text.p : "", text.n, "{{", 2) && text.n <= OUT_MAX)
        FUZZ_CHECK(r == 0 && view_eq(buf_view(&one), text));
    buf_clear(&two);
    if (cni_template_fill(text, &empty, &two, &again) == 0)
        FUZZ_CHECK(two.n <= text.n + 2 * text.n); /* "[]" for a list is all that is added */
}

static void check_rate(struct view text)
{
    const uint64_t max = UINT64_C(1000000000000000);
    uint64_t value = 0, other = 0;
    char digits[256];

    int status = cni_rate_parse(text, max, &value);
    FUZZ_CHECK(status == NUM_OK || status == NUM_NOT_A_NUMBER || status == NUM_OUT_OF_RANGE);
    if (status != NUM_OK) {
        FUZZ_CHECK(value == 0);
        return;
    }
    FUZZ_CHECK(value <= max);
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    FUZZ_CHECK(cni_rate_parse(view_make(digits, (size_t)n), max, &other) == NUM_OK && other == value);
    bool plain = text.n < sizeof(digits) - 1;
    for (size_t i = 0; i < text.n; i++)
        plain = plain && text.p[i] >= '0' && text.p[i] <= '9';
    if (!plain || value > max / 10 - 10)
        return;
    memcpy(digits, text.p, text.n);
    digits[text.n] = '7';
    FUZZ_CHECK(cni_rate_parse(view_make(digits, text.n + 1), max, &other) == NUM_OK && other == value * 10 + 7);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view rest = view_make((const char *)data, size);
    check_template(fuzz_part(&rest));
    check_rate(fuzz_part(&rest));
    return 0;
}
