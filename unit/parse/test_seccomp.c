/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles: what is read, what is refused and how it is named.
 */
#include <stdio.h>

#include "support.h"
#include "sweep.h"

#include "base/buf.h"
#include "parse/seccomp.h"

static void assert_reads(const char *text, const char *want)
{
    _cleanup_buf_ struct buf out = BUF_INIT(SECCOMP_PROFILE_MAX);
    struct err e = ERR_INIT;
    assert_ok(seccomp_profile_read(view_of(text), &out, &e), &e);
    assert_string_equal(out.p, want);
}

static void assert_refuses(const char *text, const char *message)
{
    _cleanup_buf_ struct buf out = BUF_INIT(SECCOMP_PROFILE_MAX);
    struct err e = ERR_INIT;
    assert_fails(seccomp_profile_read(view_of(text), &out, &e), &e, ERR_INVALID_ARGUMENT, message);
    assert_int_equal(out.n, 0);
    assert_int_equal(strncmp(e.message, "seccomp profile: ", 17), 0);
}

#define RULE(rule) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rule "]}"
#define ARG(arg) RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" arg "]}")

static const char full[] =
    "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"defaultErrnoRet\":38,\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_AARCH64\"],"
    "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"listenerPath\":\"/run/x.sock\",\"listenerMetadata\":\"a\\u0001b\",\"syscalls\":["
    "{\"names\":[\"mkdir\",\"_llseek\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1,\"args\":["
    "{\"index\":5,\"value\":18446744073709551615,\"valueTwo\":9223372036854775809,\"op\":\"SCMP_CMP_MASKED_EQ\"},"
    "{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}";

static void accepted(void **state)
{
    assert_reads(full, full);
    assert_reads(" { \"defaultAction\" : \"SCMP_ACT_LOG\" } ", "{\"defaultAction\":\"SCMP_ACT_LOG\"}");
    assert_reads("{\"syscalls\":[],\"defaultAction\":\"SCMP_\\u0041CT_TRAP\"}", "{\"defaultAction\":\"SCMP_ACT_TRAP\",\"syscalls\":[]}");
    /* null is absent, as Go's programs write it; comments are for people; empty conditions of Docker's form say nothing. */
    assert_reads("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":null,\"flags\":null,\"syscalls\":null,\"comment\":\"x\","
                 "\"defaultErrnoRet\":null,\"listenerPath\":null,\"archMap\":null}",
                 "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    assert_reads(RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\",\"args\":null,\"errnoRet\":null,\"comment\":\"\",\"includes\":{},"
                      "\"excludes\":{},\"name\":null}"),
                 RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}"));
    assert_reads(ARG("{\"op\":\"SCMP_CMP_NE\",\"valueTwo\":null,\"value\":1,\"index\":2}"), ARG("{\"index\":2,\"value\":1,\"op\":\"SCMP_CMP_NE\"}"));
}

static void refused_documents(void **state)
{
    assert_refuses("", "seccomp profile: ");
    assert_refuses("{", "seccomp profile: ");
    assert_refuses("null", "the document is null, not an object");
    assert_refuses("[]", "the document is an array, not an object");
    assert_refuses("0", "the document is a number, not an object");
    assert_refuses("{}", "defaultAction is missing");
    assert_refuses("{\"defaultAction\":null}", "defaultAction is null, not a string");
    assert_refuses("{\"defaultAction\":7}", "defaultAction is a number, not a string");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_PANIC\"}", "defaultAction \"SCMP_ACT_PANIC\" is not known");
    assert_refuses("{\"defaultAction\":\"scmp_act_allow\"}", "is not known");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ALLOW\\u0000\"}", "is not known");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"sycalls\":[]}", "member \"sycalls\" is not known");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"default\\u0041ction\":\"SCMP_ACT_LOG\"}", "is there twice");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":null,\"syscalls\":[]}", "member \"syscalls\" is there twice");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":65536}", "defaultErrnoRet is 65536, not an integer from 0 to 65535");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}", "defaultErrnoRet is -1");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_VAX\"]}", "architectures \"SCMP_ARCH_VAX\" is not known");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":{}}", "architectures is an object, not an array");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[null]}", "flags is null, not a string");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[\"NEW_LISTENER\"]}", "flags \"NEW_LISTENER\" is not known");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":1}", "listenerPath is a number, not a string");
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":{}}", "syscalls is an object, not an array");
}

static void refused_rules(void **state)
{
    assert_refuses(RULE("null"), "syscalls[0]: the rule is null, not an object");
    assert_refuses(RULE("{\"action\":\"SCMP_ACT_LOG\"}"), "syscalls[0]: names is missing");
    assert_refuses(RULE("{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}"), "syscalls[0]: names is empty");
    assert_refuses(RULE("{\"names\":[\"a\",1],\"action\":\"SCMP_ACT_LOG\"}"), "syscalls[0]: names[1]: a name is a number");
    assert_refuses(RULE("{\"names\":[\"a b\"],\"action\":\"SCMP_ACT_LOG\"}"), "syscalls[0]: names[0]: \"a b\" is no name of a system call");
    assert_refuses(RULE("{\"names\":[\"\"],\"action\":\"SCMP_ACT_LOG\"}"), "\"\" is no name");
    assert_refuses(RULE("{\"names\":[\"a\"]}"), "syscalls[0]: action is missing");
    assert_refuses(RULE("{\"names\":[\"a\"],\"action\":\"ALLOW\"}"), "syscalls[0]: action \"ALLOW\" is not known");
    assert_refuses(RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1.5}"), "errnoRet is 1.5, not an integer");
    assert_refuses(RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"arg\":[]}"), "member \"arg\" is not known");
    assert_refuses(RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\"},{\"names\":[\"a\"],\"action\":\"x\"}"), "syscalls[1]: action \"x\"");
}

static void refused_conditions(void **state)
{
    assert_refuses(ARG("1"), "syscalls[0]: args[0]: the condition is a number, not an object");
    assert_refuses(ARG("{\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), "args[0]: index is missing");
    assert_refuses(ARG("{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), "index is 6, not an integer from 0 to 5");
    assert_refuses(ARG("{\"index\":0,\"op\":\"SCMP_CMP_EQ\"}"), "value is missing");
    assert_refuses(ARG("{\"index\":0,\"value\":18446744073709551616,\"op\":\"SCMP_CMP_EQ\"}"), "value is 18446744073709551616, not an integer");
    assert_refuses(ARG("{\"index\":0,\"value\":1e3,\"op\":\"SCMP_CMP_EQ\"}"), "value is 1e3, not an integer");
    assert_refuses(ARG("{\"index\":0,\"value\":\"1\",\"op\":\"SCMP_CMP_EQ\"}"), "value is a string, not a number");
    assert_refuses(ARG("{\"index\":0,\"value\":1}"), "op is missing");
    assert_refuses(ARG("{\"index\":0,\"value\":1,\"op\":\"=\"}"), "syscalls[0]: args[0]: op \"=\" is not known");
}

static void refused_docker_form(void **state)
{
    assert_refuses("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[]}", "member \"archMap\" is of Docker's form");
    assert_refuses(RULE("{\"name\":\"a\",\"action\":\"SCMP_ACT_ALLOW\"}"), "syscalls[0]: member \"name\" is of Docker's form");
    assert_refuses(RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_BPF\"]}}"), "\"includes\" is of Docker's form");
    assert_refuses(RULE("{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":[]}"), "\"excludes\" is of Docker's form");
}

/* A profile with so many repetitions of a text in the middle. */
static int read_many(const char *head, const char *element, size_t n, const char *tail, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(SECCOMP_PROFILE_MAX), out = BUF_INIT(SECCOMP_PROFILE_MAX);
    assert_int_equal(buf_add_str(&text, head), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_printf(&text, "%s%s", i ? "," : "", element), 0);
    assert_int_equal(buf_add_str(&text, tail), 0);
    return seccomp_profile_read(buf_view(&text), &out, e);
}

static void limits(void **state)
{
    static const struct {
        const char *head, *element, *tail, *message;
        size_t max;
    } cases[] = {
        {"{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[", "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\"}", "]}", "syscalls has more than 4096",
         SECCOMP_RULES_MAX},
        {"{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[{\"action\":\"SCMP_ACT_LOG\",\"names\":[", "\"a\"", "]}]}", "names has more than 2048",
         SECCOMP_NAMES_MAX},
        {"{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[{\"action\":\"SCMP_ACT_LOG\",\"names\":[\"a\"],\"args\":[",
         "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}", "]}]}", "args has more than 32", SECCOMP_ARGS_MAX},
        {"{\"defaultAction\":\"SCMP_ACT_LOG\",\"architectures\":[", "\"SCMP_ARCH_X86\"", "]}", "architectures has more than 32", SECCOMP_ARCHES_MAX},
        {"{\"defaultAction\":\"SCMP_ACT_LOG\",\"flags\":[", "\"SECCOMP_FILTER_FLAG_LOG\"", "]}", "flags has more than 16", SECCOMP_FLAGS_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t n = cases[i].max - 1; n <= cases[i].max + 1; n++) {
            struct err e = ERR_INIT;
            if (n <= cases[i].max)
                assert_ok(read_many(cases[i].head, cases[i].element, n, cases[i].tail, &e), &e);
            else
                assert_fails(read_many(cases[i].head, cases[i].element, n, cases[i].tail, &e), &e, ERR_INVALID_ARGUMENT, cases[i].message);
        }
}

static void limits_of_texts(void **state)
{
    static char text[SECCOMP_PROFILE_MAX + 2];
    for (size_t n = SECCOMP_NAME_MAX - 1; n <= SECCOMP_NAME_MAX + 1; n++) {
        char name[SECCOMP_NAME_MAX + 2] = "", profile[256];
        memset(name, 'a', n);
        snprintf(profile, sizeof profile, RULE("{\"names\":[\"%s\"],\"action\":\"SCMP_ACT_LOG\"}"), name);
        if (n <= SECCOMP_NAME_MAX)
            assert_reads(profile, profile);
        else
            assert_refuses(profile, "is no name of a system call");
    }
    for (size_t n = SECCOMP_TEXT_MAX - 1; n <= SECCOMP_TEXT_MAX + 1; n++) {
        static const char head[] = "{\"defaultAction\":\"SCMP_ACT_LOG\",\"listenerMetadata\":\"";
        memset(text, 'm', sizeof head + n);
        memcpy(text, head, sizeof head - 1);
        strcpy(text + sizeof head - 1 + n - 2, "\"}");
        if (n <= SECCOMP_TEXT_MAX)
            assert_reads(text, text);
        else
            assert_refuses(text, "listenerMetadata is longer than 4096 bytes");
    }
    static const char profile[] = "{\"defaultAction\":\"SCMP_ACT_LOG\"}";
    memset(text, ' ', sizeof text);
    memcpy(text, profile, sizeof profile - 1);
    for (size_t n = SECCOMP_PROFILE_MAX - 1; n <= SECCOMP_PROFILE_MAX + 1; n++) {
        _cleanup_buf_ struct buf out = BUF_INIT(SECCOMP_PROFILE_MAX);
        struct err e = ERR_INIT;
        if (n <= SECCOMP_PROFILE_MAX)
            assert_ok(seccomp_profile_read(view_make(text, n), &out, &e), &e);
        else
            assert_fails(seccomp_profile_read(view_make(text, n), &out, &e), &e, ERR_OUT_OF_RANGE, "more than 1048576");
    }
}

static int read_full(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf out = BUF_INIT(SECCOMP_PROFILE_MAX);
    return seccomp_profile_read(view_of(full), &out, e);
}

static void memory_short(void **state)
{
    assert_true(sweep("seccomp_profile_read", read_full, NULL) > 0);
    _cleanup_buf_ struct buf out = BUF_INIT(sizeof full - 2);
    struct err e = ERR_INIT;
    assert_fails(seccomp_profile_read(view_of(full), &out, &e), &e, ERR_RESOURCE_EXHAUSTED, "seccomp profile: ");
    assert_int_equal(out.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused_documents),
        cmocka_unit_test(refused_rules),
        cmocka_unit_test(refused_conditions),
        cmocka_unit_test(refused_docker_form),
        cmocka_unit_test(limits),
        cmocka_unit_test(limits_of_texts),
        cmocka_unit_test(memory_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
