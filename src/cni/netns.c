/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinned network namespaces. A namespace belongs to a thread, so each operation that needs to be inside of one runs on a thread
 * that lives no longer than the operation; when the thread ends, only the bind mount keeps the namespace.
 */
#include "cni/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

enum {
    NAME_TRIES = 8,
    /* Mounts that may lie on one path: a pin that was repeated in a race is undone as a whole. */
    STACKED_MOUNTS_MAX = 16,
    THREAD_STACK = 128 * 1024,
};

int netns_path_new(const char *dir, char **ret_path, struct err *e)
{
    if (!dir || dir[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "network namespace directory \"%s\" is not an absolute path", dir ? dir : "");
    for (int i = 0; i < NAME_TRIES; i++) {
        unsigned char b[16];
        TRY(id_random(b, sizeof(b), e));
        _cleanup_free_ char *path =
            mem_printf("%s/cni-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", dir, b[0], b[1], b[2], b[3],
                       b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
        if (!path)
            return err_oom(e);
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
            *ret_path = TAKE_PTR(path);
            return 0;
        }
    }
    return err_raise(e, ERR_INTERNAL, "no unused name for a network namespace in %s", dir);
}

/* One piece of work for a thread of its own. */
struct job {
    int (*fn)(void *arg, struct err *e);
    void *arg;
    struct err *e;
    int r;
};

static void *job_main(void *p)
{
    struct job *j = p;
    j->r = j->fn(j->arg, j->e);
    return NULL;
}

/* Runs fn on a new thread with all signals blocked and waits for it. */
static int run_on_thread(int (*fn)(void *arg, struct err *e), void *arg, struct err *e)
{
    struct job j = {.fn = fn, .arg = arg, .e = e};
    pthread_attr_t attr;
    pthread_t t;
    sigset_t all, old;

    int r = pthread_attr_init(&attr);
    if (r != 0)
        return err_errno(e, r, "thread for a network namespace");
    (void)pthread_attr_setstacksize(&attr, THREAD_STACK);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&t, &attr, job_main, &j);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (r != 0)
        return err_errno(e, r, "thread for a network namespace");
    (void)pthread_join(t, NULL);
    return j.r;
}

/* Sets IFF_UP on `lo` of the calling thread's namespace. */
static int loopback_up_here(struct err *e)
{
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, errno, "socket for the loopback interface");
    struct ifreq req;
    memset(&req, 0, sizeof(req));
    memcpy(req.ifr_name, "lo", sizeof("lo"));
    if (ioctl(fd, SIOCGIFFLAGS, &req) < 0)
        return err_errno(e, errno, "read the flags of the loopback interface");
    if (req.ifr_flags & IFF_UP)
        return 0;
    req.ifr_flags = (short)(req.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &req) < 0)
        return err_errno(e, errno, "bring the loopback interface up");
    return 0;
}

static int create_on_thread(void *arg, struct err *e)
{
    const char *path = arg;
    if (unshare(CLONE_NEWNET) < 0)
        return err_errno(e, errno, "create a network namespace");
    TRY(loopback_up_here(e));
    if (mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) < 0)
        return err_errno(e, errno, "pin a network namespace on %s", path);
    return 0;
}

/* Makes the empty file that the namespace is mounted on, and the directories above it. */
static int make_mount_point(const char *path, struct err *e)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash || path[0] != '/' || slash[1] == '\0')
        return err_raise(e, ERR_INVALID_ARGUMENT, "network namespace path \"%s\" is not absolute", path ? path : "");
    if (slash != path) {
        _cleanup_free_ char *dir = mem_strndup(path, (size_t)(slash - path));
        if (!dir)
            return err_oom(e);
        TRY(fs_mkdir_all(dir, 0755, e));
    }
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0)
        return err_errno(e, errno, "create %s for a network namespace", path);
    return 0;
}

int netns_create(const char *path, struct err *e)
{
    TRY(make_mount_point(path, e));
    /* The callee only reads the path; the thread's argument type has no const. */
    int r = run_on_thread(create_on_thread, (void *)(uintptr_t)path, e);
    if (r < 0)
        (void)netns_remove(path, NULL);
    return r;
}

int netns_bind(const char *path, const char *source, struct err *e)
{
    if (!netns_is_mounted(source))
        return err_raise(e, ERR_NOT_FOUND, "%s is not a network namespace", source ? source : "(none)");
    TRY(make_mount_point(path, e));
    if (mount(source, path, NULL, MS_BIND, NULL) < 0) {
        int saved = errno;
        (void)netns_remove(path, NULL);
        return err_errno(e, saved, "pin the network namespace %s on %s", source, path);
    }
    return 0;
}

int netns_remove(const char *path, struct err *e)
{
    struct stat st;

    if (!path || path[0] == '\0')
        return 0;
    for (int i = 0; i < STACKED_MOUNTS_MAX; i++)
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
            if (errno == EINVAL)
                break; /* nothing (more) is mounted there */
            if (errno == ENOENT || errno == ENOTDIR)
                return 0;
            /* Without privileges a plain file can still be one that nothing is mounted on. */
            if (errno == EPERM && !netns_is_mounted(path))
                break;
            return err_errno(e, errno, "unmount the network namespace %s", path);
        }
    if (lstat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(e, errno, "look at the network namespace %s", path);
    /* The path comes from a record. Only what can have been a mount point of ours is deleted. */
    if (!S_ISREG(st.st_mode) || st.st_size != 0)
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s is not the file of a network namespace; it is left alone", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(e, errno, "remove the network namespace %s", path);
    return 0;
}

/* True when fd is a network namespace. */
static bool fd_is_netns(int fd)
{
    struct statfs sf;
    if (fstatfs(fd, &sf) < 0 || (unsigned long)sf.f_type != NSFS_MAGIC)
        return false;
    int type = ioctl(fd, NS_GET_NSTYPE);
    /* Kernels before 4.11 do not know the question. */
    return type == CLONE_NEWNET || (type < 0 && errno == ENOTTY);
}

bool netns_is_mounted(const char *path)
{
    if (!path || path[0] == '\0')
        return false;
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 && fd_is_netns(fd);
}

struct inside {
    const char *path;
    int (*fn)(void *arg, struct err *e);
    void *arg;
};

static int enter_on_thread(void *arg, struct err *e)
{
    struct inside *in = arg;
    _cleanup_fd_ int fd = open(in->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(e, errno, "open the network namespace %s", in->path);
    if (!fd_is_netns(fd))
        return err_raise(e, ERR_NOT_FOUND, "%s is not a network namespace", in->path);
    if (setns(fd, CLONE_NEWNET) < 0)
        return err_errno(e, errno, "enter the network namespace %s", in->path);
    return in->fn(in->arg, e);
}

int netns_run(const char *path, int (*fn)(void *arg, struct err *e), void *arg, struct err *e)
{
    struct inside in = {.path = path, .fn = fn, .arg = arg};
    if (!path || path[0] == '\0')
        return err_raise(e, ERR_NOT_FOUND, "no network namespace is given");
    return run_on_thread(enter_on_thread, &in, e);
}

/* Whether `lo` of the calling thread's namespace has an IPv6 address: a line of if_inet6 that ends in its name. */
static bool loopback_has_ipv6_here(void)
{
    char text[4096];
    _cleanup_fd_ int fd = open("/proc/thread-self/net/if_inet6", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false; /* the kernel has no IPv6 */
    ssize_t n = read(fd, text, sizeof(text));
    struct view rest = view_make(text, n > 0 ? (size_t)n : 0), line;
    while (view_next_line(&rest, &line))
        if (view_ends(view_trim(line), VIEW_LIT(" lo")))
            return true;
    return false;
}

static int loopback_inside(void *arg, struct err *e)
{
    TRY(loopback_up_here(e));
    *(bool *)arg = loopback_has_ipv6_here();
    return 0;
}

int netns_loopback_up(const char *path, bool *ret_ipv6, struct err *e)
{
    bool ipv6 = false;
    TRY(netns_run(path, loopback_inside, &ipv6, e));
    *ret_ipv6 = ipv6;
    return 0;
}
