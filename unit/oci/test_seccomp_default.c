/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuntimeDefault: what it allows to whom, on each machine, and that it is a profile that parse/seccomp.h takes.
 */
#include "fixture.h"
#include "sweep.h"

#include <linux/capability.h>

#include "oci/seccomp_default.h"
#include "parse/seccomp.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)

static const struct oci_seccomp_facts plain = {.machine = "x86_64", .kernel_major = 6, .kernel_minor = 1};

static json_t *profile_of(const struct oci_seccomp_facts *f)
{
    _cleanup_buf_ struct buf out = BUF_INIT(OCI_SECCOMP_DEFAULT_MAX), again = BUF_INIT(OCI_SECCOMP_DEFAULT_MAX);
    struct err e = ERR_INIT;
    json_error_t cause;
    assert_ok(oci_seccomp_default(f, &out, &e), &e);
    assert_ok(seccomp_profile_read(buf_view(&out), &again, &e), &e);
    assert_string_equal(again.p, out.p);
    json_t *profile = json_loadb(out.p, out.n, 0, &cause);
    assert_non_null(profile);
    assert_string_equal(json_string_value(json_object_get(profile, "defaultAction")), "SCMP_ACT_ERRNO");
    return profile;
}

static bool has(json_t *list, const char *name)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
        if (strcmp(json_string_value(v), name) == 0)
            return true;
    return false;
}

/* The number of rules that name a system call; *ret_last is the last of them. */
static size_t rules_of(json_t *profile, const char *name, json_t **ret_last)
{
    size_t i, n = 0;
    json_t *rule;
    json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
        if (has(json_object_get(rule, "names"), name)) {
            *ret_last = rule;
            n++;
        }
    return n;
}

/* Allowed whatever the arguments are. */
static bool allowed(const struct oci_seccomp_facts *f, const char *name)
{
    json_t *profile = profile_of(f), *rule = NULL;
    size_t n = rules_of(profile, name, &rule);
    bool yes = n == 1 && !json_object_get(rule, "args") && strcmp(json_string_value(json_object_get(rule, "action")), "SCMP_ACT_ALLOW") == 0;
    json_decref(profile);
    return yes;
}

static bool named(const struct oci_seccomp_facts *f, const char *name)
{
    json_t *profile = profile_of(f), *rule;
    size_t n = rules_of(profile, name, &rule);
    json_decref(profile);
    return n > 0;
}

static void test_without_capabilities(void **state)
{
    static const char *const yes[] = {"_llseek", "read", "openat2", "execve", "futex_waitv", "writev", "ptrace", "arch_prctl", "fchmodat2"};
    static const char *const no[] = {"mount", "unshare", "setns", "keyctl", "add_key", "request_key", "bpf", "io_uring_setup", "userfaultfd",
                                     "kexec_load", "init_module", "reboot", "chroot", "settimeofday", "syslog", "open_by_handle_at", "acct",
                                     "swapon", "move_pages", "set_tls", "perf_event_open", "nfsservctl"};
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
        if (!allowed(&plain, yes[i]))
            fail_msg("%s is not allowed", yes[i]);
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        if (named(&plain, no[i]))
            fail_msg("%s is allowed", no[i]);
}

static void test_capabilities(void **state)
{
    static const struct {
        uint64_t caps;
        const char *name;
    } cases[] = {
        {CAP(DAC_READ_SEARCH), "open_by_handle_at"}, {CAP(SYS_ADMIN), "mount"},     {CAP(SYS_ADMIN), "unshare"},
        {CAP(SYS_ADMIN), "bpf"},                     {CAP(BPF), "bpf"},             {CAP(SYS_ADMIN), "perf_event_open"},
        {CAP(PERFMON), "perf_event_open"},           {CAP(SYS_ADMIN), "syslog"},    {CAP(SYSLOG), "syslog"},
        {CAP(SYS_BOOT), "reboot"},                   {CAP(SYS_CHROOT), "chroot"},   {CAP(SYS_MODULE), "finit_module"},
        {CAP(SYS_NICE), "mbind"},                    {CAP(SYS_PACCT), "acct"},      {CAP(SYS_PTRACE), "kcmp"},
        {CAP(SYS_RAWIO), "iopl"},                    {CAP(SYS_TIME), "stime"},      {CAP(SYS_TTY_CONFIG), "vhangup"},
        {CAP(SYS_ADMIN), "clone"},                   {CAP(SYS_ADMIN), "clone3"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oci_seccomp_facts f = plain;
        f.caps = cases[i].caps;
        assert_true(allowed(&f, cases[i].name));
        f.caps = OCI_CAPS_ALL; /* also: no name stands in two rules */
        assert_true(allowed(&f, cases[i].name));
        /* Nothing else gives it. */
        f.caps = OCI_CAPS_ALL;
        for (size_t k = 0; k < ARRAY_SIZE(cases); k++)
            if (strcmp(cases[k].name, cases[i].name) == 0)
                f.caps &= ~cases[k].caps;
        assert_false(allowed(&f, cases[i].name));
    }
}

static void assert_condition(json_t *rule, const char *want)
{
    json_t *wanted = json_loads(want, 0, NULL);
    assert_non_null(wanted);
    assert_true(json_equal(json_object_get(rule, "args"), wanted));
    json_decref(wanted);
}

static void test_clone(void **state)
{
    struct oci_seccomp_facts f = plain;
    json_t *profile = profile_of(&f), *rule = NULL;
    assert_int_equal(rules_of(profile, "clone", &rule), 1);
    /* NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
    assert_condition(rule, "[{\"index\":0,\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]");
    assert_int_equal(rules_of(profile, "clone3", &rule), 1);
    assert_string_equal(json_string_value(json_object_get(rule, "action")), "SCMP_ACT_ERRNO");
    assert_int_equal(json_integer_value(json_object_get(rule, "errnoRet")), 38);
    json_decref(profile);
    f.machine = "s390x"; /* the first two arguments are the other way round there */
    profile = profile_of(&f);
    assert_int_equal(rules_of(profile, "clone", &rule), 1);
    assert_condition(rule, "[{\"index\":1,\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]");
    json_decref(profile);
}

/* Sockets of AF_ALG (38) and AF_VSOCK (40) match none of the rules. */
static void test_socket_and_personality(void **state)
{
    static const char *const sockets[] = {
        "[{\"index\":0,\"value\":38,\"op\":\"SCMP_CMP_LT\"}]",
        "[{\"index\":0,\"value\":39,\"op\":\"SCMP_CMP_EQ\"}]",
        "[{\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_GT\"}]",
    };
    struct oci_seccomp_facts f = plain;
    f.caps = OCI_CAPS_ALL;
    json_t *profile = profile_of(&f), *rule = NULL;
    size_t i, seen = 0;
    json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
        if (has(json_object_get(rule, "names"), "socket")) {
            assert_true(seen < ARRAY_SIZE(sockets));
            assert_condition(rule, sockets[seen++]);
        }
    assert_int_equal(seen, ARRAY_SIZE(sockets));
    assert_int_equal(rules_of(profile, "personality", &rule), 5);
    assert_condition(rule, "[{\"index\":0,\"value\":4294967295,\"op\":\"SCMP_CMP_EQ\"}]");
    json_decref(profile);
}

static void test_kernel(void **state)
{
    static const struct {
        unsigned major, minor;
        bool safe;
    } kernels[] = {{3, 19, false}, {4, 7, false}, {4, 8, true}, {5, 0, true}};
    for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
        struct oci_seccomp_facts f = {.machine = "x86_64", .kernel_major = kernels[i].major, .kernel_minor = kernels[i].minor};
        assert_int_equal(allowed(&f, "ptrace"), kernels[i].safe);
        assert_int_equal(allowed(&f, "process_vm_readv"), kernels[i].safe);
        f.caps = CAP(SYS_PTRACE);
        assert_true(allowed(&f, "ptrace"));
    }
}

static void test_machines(void **state)
{
    static const struct {
        const char *machine, *abis, *own;
    } machines[] = {
        {"x86_64", "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]", "modify_ldt"},
        {"aarch64", "[\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_ARM\"]", "set_tls"},
        {"riscv64", "[\"SCMP_ARCH_RISCV64\"]", "riscv_flush_icache"},
        {"ppc64le", "[]", "swapcontext"},
        {"s390x", "[\"SCMP_ARCH_S390X\",\"SCMP_ARCH_S390\"]", "s390_runtime_instr"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
        for (size_t k = 0; k < ARRAY_SIZE(machines); k++) {
            struct oci_seccomp_facts f = plain;
            f.machine = machines[i].machine;
            assert_int_equal(allowed(&f, machines[k].own), i == k);
            json_t *profile = profile_of(&f), *wanted = json_loads(machines[i].abis, 0, NULL);
            assert_true(json_equal(json_object_get(profile, "architectures"), wanted));
            json_decref(profile);
            json_decref(wanted);
        }
    _cleanup_buf_ struct buf out = BUF_INIT(OCI_SECCOMP_DEFAULT_MAX);
    struct err e = ERR_INIT;
    struct oci_seccomp_facts f = {.machine = "vax"};
    assert_fails(oci_seccomp_default(&f, &out, &e), &e, ERR_UNIMPLEMENTED, "\"vax\"");
    f.machine = NULL;
    assert_fails(oci_seccomp_default(&f, &out, &e), &e, ERR_UNIMPLEMENTED, "no RuntimeDefault");
    assert_int_equal(out.n, 0);
}

/* In the specs: by the capabilities that the container ends up with. */
static void test_specs(void **state)
{
    struct fixture *f = *state;
    json_t *rule = NULL;
    f->host.machine = "x86_64";
    f->host.kernel_major = 6;
    f->container.seccomp_default = f->sandbox.seccomp_default = true;
    fixture_sandbox(f);
    assert_int_equal(rules_of(fixture_at(f, "linux.seccomp"), "chroot", &rule), 1);
    fixture_container(f);
    assert_int_equal(rules_of(fixture_at(f, "linux.seccomp"), "chroot", &rule), 1);
    assert_int_equal(rules_of(fixture_at(f, "linux.seccomp"), "mount", &rule), 0);
    f->ctr.linux = &f->ctr_linux;
    f->ctr_linux.security_context = &f->ctr_security;
    f->ctr_security.capabilities = &f->caps;
    f->caps.add_capabilities = STRS((char *)"SYS_ADMIN");
    f->caps.n_add_capabilities = 1;
    f->caps.drop_capabilities = STRS((char *)"SYS_CHROOT");
    f->caps.n_drop_capabilities = 1;
    fixture_container(f);
    assert_int_equal(rules_of(fixture_at(f, "linux.seccomp"), "chroot", &rule), 0);
    assert_int_equal(rules_of(fixture_at(f, "linux.seccomp"), "mount", &rule), 1);
    f->host.machine = "vax";
    assert_int_equal(oci_container_spec(&f->container, &f->a, &f->out, &f->e), -ERR_UNIMPLEMENTED);
}

static int make(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf out = BUF_INIT(OCI_SECCOMP_DEFAULT_MAX);
    return oci_seccomp_default(&plain, &out, e);
}

static void test_memory_short(void **state)
{
    assert_true(sweep("oci_seccomp_default", make, NULL) > 0);
    struct oci_seccomp_facts f = plain;
    f.caps = OCI_CAPS_ALL;
    for (size_t i = 0; i < 2; i++, f.caps = 0) { /* far from the maximum */
        _cleanup_buf_ struct buf out = BUF_INIT(OCI_SECCOMP_DEFAULT_MAX / 2);
        struct err e = ERR_INIT;
        assert_ok(oci_seccomp_default(&f, &out, &e), &e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_capabilities),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_socket_and_personality),
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_machines),
        cmocka_unit_test_setup_teardown(test_specs, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_memory_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
