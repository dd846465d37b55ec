/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration template, rates of annotations and pod address ranges: the first part is filled in as a template, the
 * second one read as a Kubernetes quantity, the third one as the ranges of UpdateRuntimeConfig. Controlled by: whoever writes the
 * template; whoever annotates a pod; who may speak to the socket.
 *
 * Oracle: a text without "{{" comes out as it is; filling in is deterministic and stays within its maximum; with empty values
 * nothing is put in that is not part of the text. A rate that is read is at most the maximum, and its decimal text reads as the
 * same number; a digit appended to a number without suffix makes it ten times as large, and the digit. Ranges are taken exactly
 * when inet_pton(3) takes each address and its length fits; plugins then get as many, as JSON; else they get what was before.
 */
#include "fuzz.h"

#include <arpa/inet.h>

#include "base/buf.h"
#include "base/num.h"
#include "cni/internal.h"
#include "cni/template.h"
#include "parse/jsonscan.h"

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

/* The same by other means: "address/length". */
static bool is_range(struct view v)
{
    unsigned char bytes[16];
    struct view host, length;
    uint64_t n;
    char text[64];
    if (!view_cut(v, '/', &host, &length) || host.n >= sizeof(text) || num_parse_u64(length, 128, &n) != NUM_OK)
        return false;
    memcpy(text, host.n ? host.p : "", host.n);
    text[host.n] = '\0';
    if (inet_pton(AF_INET, text, bytes) == 1)
        return n <= 32;
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    return inet_pton(AF_INET6, text, bytes) == 1 && n <= (memcmp(bytes, mapped, sizeof(mapped)) == 0 ? 32 : 128);
}

static void check_ranges(struct view text)
{
    const char *const bins[] = {"/nowhere"};
    const struct cni_options o = {.conf_dir = "/nowhere", .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = "/nowhere"};
    _cleanup_cni_ struct cni *c = NULL;
    struct err e = ERR_INIT;
    struct view rest = text, one;
    bool good = true, more = text.n > 0;
    size_t n = 0;

    for (; more; n++) {
        more = view_cut(rest, ',', &one, &rest);
        good = good && is_range(view_trim(one));
    }
    char *copy = calloc(1, text.n + 1); /* strndup(3) under strict_string_checks wants a NUL in its source */
    FUZZ_CHECK(copy != NULL && cni_new(&o, &c, &e) == 0);
    if (text.n)
        memcpy(copy, text.p, text.n);
    int r = cni_update_pod_cidr(c, copy, &e);
    free(copy);
    fuzz_check_result(r, &e);
    FUZZ_CHECK_MSG((r == 0) == (good && n <= 64), "%d for %zu ranges (%s)", r, n, e.message);
    FUZZ_CHECK((c->ip_ranges != NULL) == (r == 0 && n > 0));
    if (c->ip_ranges) {
        struct jsonscan_value v;
        FUZZ_CHECK(jsonscan_check(view_of(c->ip_ranges), &v, NULL) == JSONSCAN_OK && jsonscan_count(v) == n);
    }
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view rest = view_make((const char *)data, size), ranges;
    check_template(fuzz_part(&rest));
    check_rate(fuzz_part(&rest));
    ranges = fuzz_part(&rest);
    if (!memchr(ranges.n ? ranges.p : "", '\0', ranges.n))
        check_ranges(ranges);
    return 0;
}
