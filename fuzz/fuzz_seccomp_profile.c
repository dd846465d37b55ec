/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles of the node, which whoever may write into the kubelet's profile folder controls. Reaches parse/seccomp.
 *
 * Oracle: what is accepted is JSON for jansson, too, before and after; what comes out is no longer than what went in and reads to itself; every
 * action, operator, architecture and flag in it is one of the specification's, every number in its range, every rule has a name; each value of
 * the outcome is the input's; a refusal leaves nothing written; failing allocations leave nothing behind.
 */
#include "fuzz.h"
#include "json_oracle.h"
#include "base/buf.h"
#include "parse/seccomp.h"

static bool one_of(json_t *v, const char *const *names)
{
    FUZZ_CHECK(json_is_string(v));
    for (; *names; names++)
        if (strcmp(json_string_value(v), *names) == 0)
            return true;
    return false;
}

static const char *const actions[] = {"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",   "SCMP_ACT_ERRNO",
                                      "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",       "SCMP_ACT_LOG",         "SCMP_ACT_NOTIFY", NULL};
static const char *const operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
                                        "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL};

/* Numbers above INT64_MAX are reals for jansson when it is told so. */
static json_t *load(struct view v)
{
    return json_loadb(v.p, v.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

static void check_number(json_t *v, double max)
{
    FUZZ_CHECK(json_is_number(v) && json_number_value(v) >= 0 && json_number_value(v) <= max);
}

static void check_rule(json_t *rule)
{
    size_t i;
    json_t *v, *args = json_object_get(rule, "args");
    FUZZ_CHECK(one_of(json_object_get(rule, "action"), actions));
    FUZZ_CHECK(oracle_count(rule, "names") > 0 && oracle_count(rule, "names") <= SECCOMP_NAMES_MAX && oracle_count(rule, "args") <= SECCOMP_ARGS_MAX);
    json_array_foreach(json_object_get(rule, "names"), i, v)
        FUZZ_CHECK(json_string_length(v) > 0 && json_string_length(v) <= SECCOMP_NAME_MAX);
    if (json_object_get(rule, "errnoRet"))
        check_number(json_object_get(rule, "errnoRet"), SECCOMP_ERRNO_MAX);
    json_array_foreach(args, i, v) {
        FUZZ_CHECK(one_of(json_object_get(v, "op"), operators));
        check_number(json_object_get(v, "index"), SECCOMP_ARG_INDEX_MAX);
        check_number(json_object_get(v, "value"), 18446744073709551616.0);
    }
}

static void check_prefix(json_t *list, const char *prefix)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
        FUZZ_CHECK(strncmp(json_string_value(v), prefix, strlen(prefix)) == 0);
}

/* Everything in `out` is in `in`, with the same value. */
static void check_within(json_t *out, json_t *in)
{
    const char *key;
    size_t i;
    json_t *v;
    if (json_is_object(out)) {
        json_object_foreach(out, key, v)
            check_within(v, json_object_get(in, key));
    } else if (json_is_array(out)) {
        FUZZ_CHECK(json_array_size(out) == json_array_size(in));
        json_array_foreach(out, i, v)
            check_within(v, json_array_get(in, i));
    } else {
        FUZZ_CHECK(json_equal(out, in));
    }
}

static int read_profile(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf out = BUF_INIT(SECCOMP_PROFILE_MAX);
    return seccomp_profile_read(*(struct view *)arg, &out, e);
}

static void check_accepted(struct view text, struct view written)
{
    _cleanup_buf_ struct buf again = BUF_INIT(SECCOMP_PROFILE_MAX);
    struct err e = ERR_INIT;
    json_t *in = load(text), *out = load(written), *rule;
    size_t i;
    FUZZ_CHECK(in && json_is_object(in) && out && json_is_object(out));
    FUZZ_CHECK(written.n <= text.n);
    FUZZ_CHECK(seccomp_profile_read(written, &again, &e) == 0 && view_eq(buf_view(&again), written));
    FUZZ_CHECK(one_of(json_object_get(out, "defaultAction"), actions));
    check_prefix(json_object_get(out, "architectures"), "SCMP_ARCH_");
    check_prefix(json_object_get(out, "flags"), "SECCOMP_FILTER_FLAG_");
    FUZZ_CHECK(oracle_count(out, "syscalls") <= SECCOMP_RULES_MAX);
    json_array_foreach(json_object_get(out, "syscalls"), i, rule)
        check_rule(rule);
    check_within(out, in);
    json_decref(in);
    json_decref(out);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf out = BUF_INIT(SECCOMP_PROFILE_MAX);
    struct view text = view_make((const char *)data, size);
    struct err e = ERR_INIT;
    int r = seccomp_profile_read(text, &out, &e);
    fuzz_check_result(r, &e);
    if (r == 0)
        check_accepted(text, buf_view(&out));
    else
        FUZZ_CHECK(out.n == 0);
    fuzz_sweep(read_profile, &text, size < 4096 ? 32 : 0);
    return 0;
}
