/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See host.h.
 */
#include "cri/host.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/oom.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/num.h"
#include "parse/mountinfo.h"

enum { SMALL_FILE_MAX = 65536, HOST_NAME_MAX_BYTES = 256, MOUNT_TABLE_MAX = 64 << 20 };

static int read_small(const char *path, struct buf *out, struct err *e)
{
    buf_init(out, SMALL_FILE_MAX);
    return fs_read_file(path, out, e);
}

static int read_capabilities(uint64_t *ret, struct err *e)
{
    _cleanup_buf_ struct buf status = BUF_INIT(SMALL_FILE_MAX);
    TRY(read_small("/proc/self/status", &status, e));
    struct view rest = buf_view(&status), line, key, value;
    while (view_next_line(&rest, &line))
        if (view_cut(line, ':', &key, &value) && view_eq_str(key, "CapEff") && num_parse_hex(view_trim(value), UINT64_MAX, ret) == NUM_OK)
            return 0;
    return err_raise(e, ERR_INTERNAL, "/proc/self/status has no CapEff");
}

/* Options of the cgroup v2 mount. */
static void read_cgroup_mount(struct oci_host *h, struct view table)
{
    struct mountinfo m;
    if (!mountinfo_find(table, VIEW_LIT("/sys/fs/cgroup"), &m))
        return;
    h->cgroup2_nsdelegate = mountinfo_has_option(m.super_options, "nsdelegate");
    h->cgroup2_recursiveprot = mountinfo_has_option(m.super_options, "memory_recursiveprot");
}

/* True when memory and swap are limited together in the daemon's own cgroup. The root of the hierarchy has no limits: there only the kernel's swap is
 * looked for. */
static bool has_cgroup2_swap(void)
{
    _cleanup_buf_ struct buf own = BUF_INIT(SMALL_FILE_MAX);
    char path[PATH_MAX];
    struct view rest, line;
    if (fs_read_file("/proc/self/cgroup", &own, NULL) < 0)
        return false;
    rest = buf_view(&own);
    while (view_next_line(&rest, &line)) {
        if (!view_starts(line, VIEW_LIT("0::/")))
            continue;
        line = view_slice(line, strlen("0::"), line.n);
        if (line.n == 1)
            return fs_exists("/proc/swaps");
        return (size_t)snprintf(path, sizeof path, "/sys/fs/cgroup%.*s/memory.swap.max", VIEW_ARG(line)) < sizeof path && fs_exists(path);
    }
    return false;
}

static void read_cgroups(struct oci_host *h)
{
    _cleanup_buf_ struct buf mounts = BUF_INIT(MOUNT_TABLE_MAX);
    struct statfs fs;
    h->cgroup_mode = statfs("/sys/fs/cgroup", &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC ? OCI_CGROUP_V2 : OCI_CGROUP_V1;
    if (h->cgroup_mode == OCI_CGROUP_V1) {
        h->swap_controller = fs_exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");
        h->hugetlb_controller = fs_exists("/sys/fs/cgroup/hugetlb");
        return;
    }
    _cleanup_buf_ struct buf controllers = BUF_INIT(SMALL_FILE_MAX);
    if (fs_read_file("/sys/fs/cgroup/cgroup.controllers", &controllers, NULL) == 0)
        h->hugetlb_controller = controllers.p && strstr(controllers.p, "hugetlb");
    h->swap_controller = has_cgroup2_swap();
    if (fs_read_file("/proc/self/mountinfo", &mounts, NULL) == 0)
        read_cgroup_mount(h, buf_view(&mounts));
}

/* Every user of the host is mapped to itself in the first user namespace, and in no other. (user_namespaces(7)) */
static bool in_user_ns(void)
{
    _cleanup_buf_ struct buf map = BUF_INIT(SMALL_FILE_MAX);
    uint64_t number[3] = {0};
    if (fs_read_file("/proc/self/uid_map", &map, NULL) < 0)
        return false; /* a kernel without them */
    struct view rest = view_trim(buf_view(&map)), word;
    for (size_t i = 0; i < ARRAY_SIZE(number); i++) {
        view_cut(rest, ' ', &word, &rest);
        rest = view_trim(rest);
        if (num_parse_u64(word, UINT32_MAX, &number[i]) != NUM_OK)
            return true;
    }
    return number[0] != 0 || number[1] != 0 || number[2] != UINT32_MAX;
}

/* A kernel with filters looks at the filter's address, which is NULL here (EFAULT); one without says EINVAL. Nothing is set either way.
 * (seccomp(2), prctl(2)) */
static bool has_seccomp(void)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

static bool has_apparmor(void)
{
    _cleanup_buf_ struct buf enabled = BUF_INIT(SMALL_FILE_MAX);
    return fs_read_file("/sys/module/apparmor/parameters/enabled", &enabled, NULL) == 0 && view_starts(buf_view(&enabled), VIEW_LIT("Y"));
}

static unsigned take_number(struct view *rest)
{
    size_t n = 0;
    uint64_t number = 0;
    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    if (num_parse_u64(view_slice(*rest, 0, n), UINT16_MAX, &number) != NUM_OK)
        number = 0;
    *rest = view_slice(*rest, n, rest->n);
    return (unsigned)number;
}

/* "6.1.0-18-amd64": what stands behind the second number is the distribution's. */
static int read_kernel(struct arena *a, struct oci_host *h, struct err *e)
{
    struct utsname u;
    if (uname(&u) < 0)
        return err_errno(e, errno, "uname");
    struct view release = view_of(u.release);
    h->kernel_major = take_number(&release);
    release = view_slice(release, 1, release.n);
    h->kernel_minor = take_number(&release);
    h->machine = arena_strdup(a, u.machine);
    h->seccomp = has_seccomp();
    h->apparmor = has_apparmor();
    h->in_user_ns = in_user_ns();
    return h->machine ? 0 : err_oom(e);
}

int host_read(struct arena *a, struct oci_host *ret, struct err *e)
{
    struct oci_host h = {0};
    char name[HOST_NAME_MAX_BYTES];
    if (gethostname(name, sizeof name) < 0)
        return err_errno(e, errno, "read the host's name");
    name[sizeof name - 1] = '\0';
    h.hostname = arena_strdup(a, name);
    if (!h.hostname)
        return err_oom(e);
    TRY(read_capabilities(&h.capabilities, e));
    TRY(read_kernel(a, &h, e));
    read_cgroups(&h);
    *ret = h;
    return 0;
}

int host_oom_score_adj_min(const struct oci_host *host, bool restricted, int *ret, struct err *e)
{
    if (!restricted && (host->capabilities & (UINT64_C(1) << CAP_SYS_RESOURCE))) {
        *ret = OOM_SCORE_ADJ_MIN;
        return 0;
    }
    _cleanup_buf_ struct buf text = BUF_INIT(64);
    int64_t own;
    TRY(fs_read_file("/proc/self/oom_score_adj", &text, e));
    if (num_parse_i64(view_trim(buf_view(&text)), OOM_SCORE_ADJ_MIN, OOM_SCORE_ADJ_MAX, &own) != NUM_OK)
        return err_raise(e, ERR_INTERNAL, "/proc/self/oom_score_adj is not a number");
    *ret = (int)own;
    return 0;
}
