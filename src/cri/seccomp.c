/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See seccomp.h.
 */
#include "cri/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "parse/seccomp.h"

#define UNCONFINED RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Unconfined
#define RUNTIME_DEFAULT RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault
#define LOCALHOST RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Localhost

/* The same question in both of CRI's forms. */
struct wanted {
    Runtime__V1__SecurityProfile__ProfileType type;
    const char *path; /* LOCALHOST */
};

static int read_old(const char *old, struct wanted *ret, struct err *e)
{
    static const char prefix[] = "localhost/";
    *ret = (struct wanted){.type = UNCONFINED};
    if (strcmp(old, "unconfined") == 0)
        return 0;
    if (strcmp(old, "runtime/default") == 0 || strcmp(old, "docker/default") == 0) {
        ret->type = RUNTIME_DEFAULT;
        return 0;
    }
    if (strncmp(old, prefix, sizeof prefix - 1) != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "security_context.seccomp_profile_path \"%s\" is no form of a profile", old);
    *ret = (struct wanted){.type = LOCALHOST, .path = old + sizeof prefix - 1};
    return 0;
}

/* A pipe or a device in the place of the file must not stop the call. */
static int read_file(const char *path, struct buf *out, struct err *e)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "profile %s", path);
    if (!S_ISREG(st.st_mode))
        return err_raise(e, ERR_INVALID_ARGUMENT, "profile %s is not a regular file", path);
    if (st.st_size > SECCOMP_PROFILE_MAX)
        return err_raise(e, ERR_OUT_OF_RANGE, "profile %s has %lld bytes, more than %d", path, (long long)st.st_size, SECCOMP_PROFILE_MAX);
    return fs_read_fd(fd, path, out, e);
}

static int read_localhost(const char *path, struct arena *a, struct view *ret, struct err *e)
{
    if (path[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "profile \"%s\" is no absolute path", path);
    _cleanup_buf_ struct buf text = BUF_INIT(SECCOMP_PROFILE_MAX), profile = BUF_INIT(SECCOMP_PROFILE_MAX);
    TRY(read_file(path, &text, e));
    int r = seccomp_profile_read(buf_view(&text), &profile, e);
    if (r < 0)
        return err_wrap(e, r, "%s", path);
    char *copy = arena_view(a, buf_view(&profile));
    if (!copy)
        return err_oom(e);
    *ret = view_make(copy, profile.n);
    return 0;
}

int cri_seccomp_read(const struct oci_host *host, const Runtime__V1__SecurityProfile *profile, const char *old, const char *unset, bool privileged,
                     struct arena *a, struct cri_seccomp *ret, struct err *e)
{
    struct wanted wanted;
    old = old[0] ? old : unset ? unset : "";
    struct cri_seccomp s = {.unconfined = false};
    if (privileged || (!profile && old[0] == '\0')) {
        *ret = s;
        return 0;
    }
    if (profile)
        wanted = (struct wanted){.type = profile->profile_type, .path = profile->localhost_ref};
    else
        TRY(read_old(old, &wanted, e));
    s.unconfined = wanted.type == UNCONFINED;
    s.runtime_default = wanted.type == RUNTIME_DEFAULT;
    if (!s.unconfined && !host->seccomp)
        return err_raise(e, ERR_FAILED_PRECONDITION, "security_context.seccomp: seccomp is not supported by this kernel");
    if (wanted.type == LOCALHOST) {
        int r = read_localhost(wanted.path, a, &s.profile, e);
        if (r < 0)
            return err_wrap(e, r, "security_context.seccomp");
    } else if (!s.unconfined && !s.runtime_default) {
        return err_raise(e, ERR_INVALID_ARGUMENT, "security_context.seccomp: %d is no type of profile", (int)wanted.type);
    }
    *ret = s;
    return 0;
}
