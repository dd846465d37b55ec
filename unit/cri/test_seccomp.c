/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the seccomp fields of a request come to, in both of their forms, and what of them is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "sweep.h"

#include "base/fs.h"
#include "cri/seccomp.h"
#include "parse/seccomp.h"

#define TYPE(name) RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__##name

static const struct oci_host with = {.seccomp = true}, without = {.seccomp = false};

static char dir[64], path[96];

static int setup(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/test-seccomp-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/p.json", dir);
    return fs_write_file(path, VIEW_LIT(" {\"defaultAction\": \"SCMP_ACT_LOG\"}\n"), 0600, NULL);
}

static int teardown(void **state)
{
    return fs_remove_all(dir, NULL);
}

static Runtime__V1__SecurityProfile profile_of(Runtime__V1__SecurityProfile__ProfileType type, const char *ref)
{
    Runtime__V1__SecurityProfile p = RUNTIME__V1__SECURITY_PROFILE__INIT;
    p.profile_type = type;
    p.localhost_ref = (char *)ref;
    return p;
}

/* "default", "unconfined", "" for nothing, or the profile's text. */
static void assert_gives(const struct oci_host *host, const Runtime__V1__SecurityProfile *profile, const char *old, bool privileged, const char *want)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cri_seccomp got;
    struct err e = ERR_INIT;
    assert_ok(cri_seccomp_read(host, profile, old, NULL, privileged, &a, &got, &e), &e);
    assert_int_equal(got.runtime_default, strcmp(want, "default") == 0);
    assert_int_equal(got.unconfined, strcmp(want, "unconfined") == 0);
    assert_view(got.profile, want[0] == '{' ? want : "");
}

static void assert_refuses(const struct oci_host *host, const Runtime__V1__SecurityProfile *profile, const char *old, enum err_code code,
                           const char *message)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cri_seccomp got;
    struct err e = ERR_INIT;
    assert_fails(cri_seccomp_read(host, profile, old, NULL, false, &a, &got, &e), &e, code, message);
    assert_non_null(strstr(e.message, "security_context.seccomp"));
}

static void test_profiles(void **state)
{
    Runtime__V1__SecurityProfile runtime_default = profile_of(TYPE(RuntimeDefault), ""), unconfined = profile_of(TYPE(Unconfined), ""),
                                 localhost = profile_of(TYPE(Localhost), path), missing = profile_of(TYPE(Localhost), "/no/such/file");
    assert_gives(&with, NULL, "", false, "");
    assert_gives(&with, &runtime_default, "", false, "default");
    assert_gives(&with, &unconfined, "", false, "unconfined");
    assert_gives(&with, &localhost, "", false, "{\"defaultAction\":\"SCMP_ACT_LOG\"}");
    /* The older form counts only where there is no profile. */
    assert_gives(&with, &unconfined, "runtime/default", false, "unconfined");
    assert_gives(&with, &runtime_default, "nonsense", false, "default");
    /* Nothing is read for a privileged one, and nothing is wrong with it. */
    assert_gives(&with, &runtime_default, "", true, "");
    assert_gives(&with, &missing, "", true, "");
    assert_gives(&without, &localhost, "nonsense", true, "");
}

static void test_old_form(void **state)
{
    char old[128];
    snprintf(old, sizeof old, "localhost/%s", path);
    assert_gives(&with, NULL, "unconfined", false, "unconfined");
    assert_gives(&with, NULL, "runtime/default", false, "default");
    assert_gives(&with, NULL, "docker/default", false, "default");
    assert_gives(&with, NULL, old, false, "{\"defaultAction\":\"SCMP_ACT_LOG\"}");
    assert_refuses(&with, NULL, "localhost/p.json", ERR_INVALID_ARGUMENT, "profile \"p.json\" is no absolute path");
    assert_refuses(&with, NULL, "localhost", ERR_INVALID_ARGUMENT, "\"localhost\" is no form of a profile");
    assert_refuses(&with, NULL, "runtime/default ", ERR_INVALID_ARGUMENT, "is no form of a profile");
}

static void test_kernel_without(void **state)
{
    Runtime__V1__SecurityProfile runtime_default = profile_of(TYPE(RuntimeDefault), ""), unconfined = profile_of(TYPE(Unconfined), ""),
                                 localhost = profile_of(TYPE(Localhost), path);
    assert_gives(&without, NULL, "", false, "");
    assert_gives(&without, &unconfined, "", false, "unconfined");
    assert_refuses(&without, &runtime_default, "", ERR_FAILED_PRECONDITION, "seccomp is not supported");
    assert_refuses(&without, &localhost, "", ERR_FAILED_PRECONDITION, "seccomp is not supported");
    assert_refuses(&without, NULL, "docker/default", ERR_FAILED_PRECONDITION, "seccomp is not supported");
}

static void test_files(void **state)
{
    struct err e = ERR_INIT;
    char other[128];
    snprintf(other, sizeof other, "%s/other", dir);
    Runtime__V1__SecurityProfile p = profile_of(TYPE(Localhost), other);
    assert_refuses(&with, &p, "", ERR_NOT_FOUND, other);
    assert_ok(fs_write_file(other, VIEW_LIT("{\"defaultAction\":"), 0600, &e), &e);
    assert_refuses(&with, &p, "", ERR_INVALID_ARGUMENT, other);
    assert_int_equal(truncate(other, SECCOMP_PROFILE_MAX), 0);
    assert_refuses(&with, &p, "", ERR_INVALID_ARGUMENT, other);
    assert_int_equal(truncate(other, SECCOMP_PROFILE_MAX + 1), 0);
    assert_refuses(&with, &p, "", ERR_OUT_OF_RANGE, "more than 1048576");
    assert_int_equal(unlink(other), 0);
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_refuses(&with, &p, "", ERR_INVALID_ARGUMENT, "is not a regular file"); /* and does not wait for a writer */
    assert_int_equal(unlink(other), 0);
    p.localhost_ref = dir;
    assert_refuses(&with, &p, "", ERR_INVALID_ARGUMENT, "is not a regular file");
    p.localhost_ref = (char *)"";
    assert_refuses(&with, &p, "", ERR_INVALID_ARGUMENT, "profile \"\" is no absolute path");
    p.profile_type = (Runtime__V1__SecurityProfile__ProfileType)3;
    assert_refuses(&with, &p, "", ERR_INVALID_ARGUMENT, "3 is no type of profile");
}

static int read_one(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cri_seccomp got;
    return cri_seccomp_read(&with, arg, "", NULL, false, &a, &got, e);
}

static void test_memory_short(void **state)
{
    Runtime__V1__SecurityProfile p = profile_of(TYPE(Localhost), path);
    assert_true(sweep("cri_seccomp_read", read_one, &p) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles), cmocka_unit_test(test_old_form),     cmocka_unit_test(test_kernel_without),
        cmocka_unit_test(test_files),    cmocka_unit_test(test_memory_short),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
