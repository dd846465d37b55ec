/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small texts of requests and images: names of signals (image StopSignal), lists of cpus (CRI resources), credentials (CRI AuthConfig),
 * network versions, names and interface names. Every input goes to all of them.
 *
 * Oracle: a signal is 0 to 64 and its name means the same number; a cpu list that is valid has as many numbers as ranges walked one by one, and
 * what it holds agrees with that walk; decoded credentials encode back to the same base64 (but for padding, blanks and NULs at the ends of the
 * password) and never appear in an error; the order of versions is antisymmetric; valid names cannot leave a folder.
 */
#include "base/arena.h"
#include "base/codec.h"
#include "fuzz.h"
#include "parse/authconfig.h"
#include "parse/cniconf.h"
#include "parse/cpuset.h"
#include "parse/signal.h"

static void check_signal(struct view text)
{
    struct err e = ERR_INIT;
    int n = signal_number(text), parsed = 0;
    FUZZ_CHECK(n >= 0 && n <= SIGNAL_MAX);
    int r = signal_parse(text, &parsed, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK((r == 0) == (n > 0) && parsed == n);
    const char *name = signal_name(n);
    if (name)
        FUZZ_CHECK(signal_number(view_of(name)) == n && signal_from_cri(signal_to_cri(n)) == n);
}

static void check_cpus(struct view text)
{
    struct err e = ERR_INIT;
    uint64_t count = 0, walked = 0;
    uint32_t first = 0, last = 0;
    struct view rest = text;
    int r = cpuset_check(text, &count, &e), step;
    fuzz_check_result(r, &e);
    while ((step = cpuset_next(&rest, &first, &last, &e)) > 0) {
        FUZZ_CHECK(first <= last && last <= CPUSET_MAX);
        walked += last - first + 1;
        if (r == 0)
            FUZZ_CHECK(cpuset_has(text, first) && cpuset_has(text, last));
    }
    FUZZ_CHECK(step == r && (r < 0 || walked == count));
    FUZZ_CHECK(r == 0 || !cpuset_has(text, first));
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    const char *user, *password;
    return authconfig_decode(*(struct view *)arg, &a, &user, &password, e);
}

/* Credentials made of the input decode to the input. */
static void check_credentials(struct view text)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct err e = ERR_INIT;
    const char *user = NULL, *password = NULL;
    char encoded[2048];
    struct view head, tail;
    if (text.n > 1024)
        return;
    base64_encode((const uint8_t *)text.p, text.n, false, encoded);
    int r = authconfig_decode(view_make(encoded, base64_encoded_len(text.n)), &a, &user, &password, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK(text.n < 10 || !memmem(e.message, strlen(e.message), text.p, text.n));
    bool colon = view_cut(text, ':', &head, &tail);
    FUZZ_CHECK(r < 0 || (colon && view_eq(view_of(user), head) && memmem(tail.p ? tail.p : "", tail.n, password, strlen(password))));
    FUZZ_CHECK(r == 0 || !colon || view_find(text, '\0') < text.n);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view text = view_make((const char *)data, size), head, tail;
    check_signal(text);
    check_cpus(text);
    check_credentials(text);
    fuzz_sweep(decode, &text, 8);
    if (cni_name_valid(text) || cni_type_valid(text) || cni_ifname_valid(text))
        FUZZ_CHECK(view_find(text, '/') == size && !view_eq_str(text, "..") && !view_eq_str(text, ".") && size > 0);
    view_cut(text, ' ', &head, &tail);
    FUZZ_CHECK(cni_version_compare(head, tail) == -cni_version_compare(tail, head) && cni_version_compare(head, head) == 0);
    cni_conf_form_of(text);
    return 0;
}
