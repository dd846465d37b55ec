/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuntimeDefault, see seccomp_default.h. Names stand in groups, each with what a container or a host must have for them to be allowed; no name
 * stands in two groups, as a capability that allows a name alone and one that allows it among others are joined in one mask.
 */
#include "oci/seccomp_default.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/jsonw.h"
#include "base/macro.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* System calls that every container may use. What is missing here reaches beyond the container (modules, clocks, kexec, keyrings, the kernel's
 * log), makes namespaces, or has opened too many holes (io_uring, userfaultfd). */
static const char always[] =
    "_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 "
    "clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
    "clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 "
    "epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit "
    "exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown "
    "fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
    "fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake "
    "futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid "
    "getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid "
    "getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 "
    "getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents "
    "io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr "
    "listxattrat llistxattr lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat lstat64 "
    "madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall "
    "mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
    "mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at "
    "nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free "
    "pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 "
    "pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg "
    "remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction "
    "rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 "
    "rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
    "sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 "
    "sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid "
    "setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid "
    "setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt "
    "shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs "
    "statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete "
    "timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
    "timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink "
    "unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";

/* Allowed with any of the capabilities. */
static const struct {
    uint64_t caps;
    const char *names;
} by_capability[] = {
    {CAP(DAC_READ_SEARCH), "open_by_handle_at"},
    {CAP(SYS_ADMIN), "clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree quotactl "
                     "quotactl_fd setdomainname sethostname setns umount umount2 unshare"},
    {CAP(SYS_ADMIN) | CAP(BPF), "bpf"},
    {CAP(SYS_ADMIN) | CAP(PERFMON), "perf_event_open"},
    {CAP(SYS_ADMIN) | CAP(SYSLOG), "syslog"},
    {CAP(SYS_BOOT), "reboot"},
    {CAP(SYS_CHROOT), "chroot"},
    {CAP(SYS_MODULE), "delete_module finit_module init_module"},
    {CAP(SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {CAP(SYS_PACCT), "acct"},
    {CAP(SYS_PTRACE), "kcmp pidfd_getfd process_madvise"},
    {CAP(SYS_RAWIO), "ioperm iopl"},
    {CAP(SYS_TIME), "clock_settime clock_settime64 settimeofday stime"},
    {CAP(SYS_TTY_CONFIG), "vhangup"},
};

/* Until Linux 4.8 a traced process could get past its filter (seccomp(2), "SECCOMP_RET_TRACE"); then CAP_SYS_PTRACE is needed. */
static const char tracing[] = "process_vm_readv process_vm_writev ptrace";
enum { TRACING_MAJOR = 4, TRACING_MINOR = 8 };

/* Machines by uname(2): the ABIs that one of them runs, its own system calls, and where clone(2) has its flags. */
static const struct machine {
    const char *name;
    const char *abis;
    const char *names;
    unsigned clone_flags;
} machines[] = {
    {"x86_64", "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32", "arch_prctl modify_ldt", 0},
    {"aarch64", "SCMP_ARCH_AARCH64 SCMP_ARCH_ARM",
     "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2", 0},
    {"riscv64", "SCMP_ARCH_RISCV64", "riscv_flush_icache riscv_hwprobe", 0},
    {"ppc64le", "", "swapcontext sync_file_range2", 0},
    {"s390x", "SCMP_ARCH_S390X SCMP_ARCH_S390", "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", 1},
};

/* Every flag of clone(2) that makes a namespace and is no signal: CLONE_NEWTIME shares its bit with the signal number and does not work there. */
static const uint64_t namespace_flags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/* The personalities of personality(2) that are harmless: Linux, 32 bits, uname 2.6, both of these, and asking. PER_LINUX32 is 8, UNAME26 is
 * 0x20000. */
static const uint64_t personalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};

static const char allow[] = "SCMP_ACT_ALLOW";

/* The words of a text as strings of the array that is open. */
static void write_words(struct jsonw *w, const char *words)
{
    struct view rest = view_of(words), word;
    while (rest.n > 0) {
        view_cut(rest, ' ', &word, &rest);
        jsonw_view(w, word);
    }
}

/* A rule for one system call with one condition on an argument. */
static void write_condition(struct jsonw *w, const char *name, unsigned index, const char *op, uint64_t value, uint64_t value_two)
{
    jsonw_object(w);
    jsonw_key(w, "names");
    jsonw_array(w);
    jsonw_str(w, name);
    jsonw_array_end(w);
    jsonw_key_str(w, "action", allow);
    jsonw_key(w, "args");
    jsonw_array(w);
    jsonw_object(w);
    jsonw_key_u64(w, "index", index);
    jsonw_key_u64(w, "value", value);
    if (strcmp(op, "SCMP_CMP_MASKED_EQ") == 0)
        jsonw_key_u64(w, "valueTwo", value_two);
    jsonw_key_str(w, "op", op);
    jsonw_object_end(w);
    jsonw_array_end(w);
    jsonw_object_end(w);
}

static bool tracing_allowed(const struct oci_seccomp_facts *f)
{
    bool safe = f->kernel_major > TRACING_MAJOR || (f->kernel_major == TRACING_MAJOR && f->kernel_minor >= TRACING_MINOR);
    return safe || (f->caps & CAP(SYS_PTRACE));
}

static void write_allowed(struct jsonw *w, const struct oci_seccomp_facts *f, const struct machine *m)
{
    jsonw_object(w);
    jsonw_key(w, "names");
    jsonw_array(w);
    write_words(w, always);
    write_words(w, m->names);
    if (tracing_allowed(f))
        write_words(w, tracing);
    for (size_t i = 0; i < ARRAY_SIZE(by_capability); i++)
        if (f->caps & by_capability[i].caps)
            write_words(w, by_capability[i].names);
    jsonw_array_end(w);
    jsonw_key_str(w, "action", allow);
    jsonw_object_end(w);
}

/* socket(2) for every family but AF_ALG and AF_VSOCK, which network namespaces do not keep apart. Three ranges with one condition each,
 * as runc takes several conditions on one argument for alternatives. 32-bit x86 has socketcall(2), whose arguments no filter can read. */
static void write_socket(struct jsonw *w)
{
    _Static_assert(AF_ALG + 2 == AF_VSOCK, "one family lies between the two");
    write_condition(w, "socket", 0, "SCMP_CMP_LT", AF_ALG, 0);
    write_condition(w, "socket", 0, "SCMP_CMP_EQ", AF_ALG + 1, 0);
    write_condition(w, "socket", 0, "SCMP_CMP_GT", AF_VSOCK, 0);
}

/* Without CAP_SYS_ADMIN: clone(2) that makes no namespace. A filter cannot see the flags of clone3(2), which lie in memory; it answers ENOSYS, for
 * which C libraries fall back to clone. */
static void write_clone(struct jsonw *w, const struct machine *m)
{
    write_condition(w, "clone", m->clone_flags, "SCMP_CMP_MASKED_EQ", namespace_flags, 0);
    jsonw_object(w);
    jsonw_key(w, "names");
    jsonw_array(w);
    jsonw_str(w, "clone3");
    jsonw_array_end(w);
    jsonw_key_str(w, "action", "SCMP_ACT_ERRNO");
    jsonw_key_u64(w, "errnoRet", ENOSYS);
    jsonw_object_end(w);
}

static const struct machine *find_machine(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(machines); i++)
        if (strcmp(machines[i].name, name) == 0)
            return &machines[i];
    return NULL;
}

int oci_seccomp_default(const struct oci_seccomp_facts *f, struct buf *out, struct err *e)
{
    const struct machine *m = find_machine(f->machine);
    if (!m)
        return err_raise(e, ERR_UNIMPLEMENTED, "there is no RuntimeDefault seccomp profile for the machine \"%s\"", f->machine ? f->machine : "");
    struct jsonw w;
    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_key_str(&w, "defaultAction", "SCMP_ACT_ERRNO");
    jsonw_key(&w, "architectures");
    jsonw_array(&w);
    write_words(&w, m->abis);
    jsonw_array_end(&w);
    jsonw_key(&w, "syscalls");
    jsonw_array(&w);
    write_allowed(&w, f, m);
    write_socket(&w);
    for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
        write_condition(&w, "personality", 0, "SCMP_CMP_EQ", personalities[i], 0);
    if (!(f->caps & CAP(SYS_ADMIN)))
        write_clone(&w, m);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return jsonw_finish(&w, e);
}
