/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See host.h.
 */
#include "cri/host.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/oom.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/num.h"
#include "parse/mountinfo.h"

enum { DEVICES_MAX = 4096, SMALL_FILE_MAX = 65536, HOST_NAME_MAX_BYTES = 256 };

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

static void read_cgroups(struct oci_host *h)
{
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
    h->swap_controller = fs_exists("/proc/swaps");
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
    return h->machine ? 0 : err_oom(e);
}

/* Directories of /dev that hold no devices of the host for containers: they are mounts of their own in every container. */
static bool skipped_directory(const char *name)
{
    static const char *const names[] = {"pts", "shm", "fd", "mqueue", "lxc", "lxd-fuse", ".lxc", ".udev", ".", ".."};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Collects the device nodes below dir. Depth and number are bounded: a device path of "/" once made another runtime walk the whole file system. */
static int scan_devices(const char *dir, unsigned depth, struct arena *a, struct oci_device *v, size_t *n, struct err *e)
{
    _cleanup_(close_dir) DIR *d = opendir(dir);
    struct dirent *entry;
    while (d && (entry = readdir(d)) && *n < DEVICES_MAX) {
        struct stat st;
        if (skipped_directory(entry->d_name) || strcmp(entry->d_name, "console") == 0)
            continue;
        char *path = arena_printf(a, "%s/%s", dir, entry->d_name);
        if (!path)
            return err_oom(e);
        if (lstat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < 8)
            TRY(scan_devices(path, depth + 1, a, v, n, e));
        if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
            continue;
        v[(*n)++] = (struct oci_device){
            .path = path,
            .type = S_ISCHR(st.st_mode) ? 'c' : 'b',
            .major = major(st.st_rdev),
            .minor = minor(st.st_rdev),
            .mode = st.st_mode & 07777,
            .uid = st.st_uid,
            .gid = st.st_gid,
        };
    }
    return 0;
}

int host_read(struct arena *a, struct oci_host *ret, struct err *e)
{
    struct oci_host h = {0};
    char name[HOST_NAME_MAX_BYTES];
    if (gethostname(name, sizeof name) < 0)
        return err_errno(e, errno, "read the host's name");
    name[sizeof name - 1] = '\0';
    h.hostname = arena_strdup(a, name);
    struct oci_device *devices = ARENA_NEW_N(a, struct oci_device, DEVICES_MAX);
    if (!h.hostname || !devices)
        return err_oom(e);
    TRY(read_capabilities(&h.capabilities, e));
    TRY(read_kernel(a, &h, e));
    read_cgroups(&h);
    TRY(scan_devices("/dev", 0, a, devices, &h.n_devices, e));
    h.devices = devices;
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
