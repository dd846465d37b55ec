/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's features, and what this process may do with them.
 */
#include <linux/capability.h>
#include <string.h>

#include "base/num.h"
#include "doctor/internal.h"
#include "oci/caps.h"

static const struct call_row {
    enum doctor_call call;
    const char *id, *name, *without;
    unsigned major, minor; /* the kernel that brought it */
    enum doctor_level level;
} calls[] = {
    {DOCTOR_CALL_OPENAT2, "kernel-openat2", "openat2", "paths inside of images cannot be resolved safely, and images' users and VOLUMEs are not read", 5, 6, DOCTOR_ERROR},
    {DOCTOR_CALL_PIDFD_OPEN, "kernel-pidfd", "pidfd_open", "network plugins cannot be run and waited for", 5, 3, DOCTOR_ERROR},
    {DOCTOR_CALL_FSOPEN, "kernel-fsopen", "fsopen", "images are looked into by way of temporary mounts", 5, 2, DOCTOR_NOTE},
    {DOCTOR_CALL_OPEN_TREE, "kernel-open-tree", "open_tree", "images are looked into by way of temporary mounts", 5, 2, DOCTOR_NOTE},
    {DOCTOR_CALL_MOUNT_SETATTR, "kernel-idmapped-mounts", "mount_setattr", "there are no idmapped mounts and no recursive read-only ones", 5, 12, DOCTOR_NOTE},
};

static void check_calls(struct doctor *d)
{
    const struct oci_host *h = d->view.host;
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        const struct call_row *c = &calls[i];
        const char *advice = arena_printf(&d->arena, "Linux %u.%u and later have it; a seccomp filter around this process may forbid it.", c->major, c->minor);
        if (d->view.has_call(c->call))
            doctor_add(d, DOCTOR_OK, c->id, NULL, "the kernel has %s", c->name);
        else
            doctor_add(d, c->level, c->id, advice, "%s cannot be used on this kernel (%u.%u): %s", c->name, h->kernel_major, h->kernel_minor, c->without);
    }
}

static void check_overlay(struct doctor *d)
{
    _cleanup_buf_ struct buf text = BUF_INIT(0);
    bool known = doctor_read(d, "/proc/filesystems", &text);
    struct view rest = buf_view(&text), line;
    while (view_next_line(&rest, &line))
        if (view_ends(line, VIEW_LIT("\toverlay"))) {
            doctor_add(d, DOCTOR_OK, "kernel-overlay", NULL, "the kernel has the overlay file system");
            return;
        }
    bool needed = strcmp(d->options.snapshotter, "overlayfs") == 0;
    doctor_add(d, needed ? DOCTOR_WARNING : DOCTOR_NOTE, "kernel-overlay", needed ? "modprobe overlay, and keep it in /etc/modules-load.d." : NULL,
               known ? "the kernel has no overlay file system, or its module is not loaded" : "/proc/filesystems cannot be read");
}

static void check_user_namespaces(struct doctor *d)
{
    _cleanup_buf_ struct buf text = BUF_INIT(0);
    if (!doctor_read(d, "/proc/sys/user/max_user_namespaces", &text))
        doctor_add(d, DOCTOR_NOTE, "kernel-user-namespaces", NULL, "the kernel has no user namespaces: pods cannot have their own");
    else if (view_eq_str(buf_view(&text), "0"))
        doctor_add(d, DOCTOR_NOTE, "kernel-user-namespaces", "sysctl -w user.max_user_namespaces=65536 where pods are to have their own.",
                   "user namespaces are switched off (user.max_user_namespaces is 0)");
    else
        doctor_add(d, DOCTOR_OK, "kernel-user-namespaces", NULL, "the kernel has user namespaces");
}

static void check_security(struct doctor *d)
{
    const struct oci_host *h = d->view.host;
    if (h->seccomp)
        doctor_add(d, DOCTOR_OK, "kernel-seccomp", NULL, "the kernel has seccomp filters");
    else
        doctor_add(d, DOCTOR_WARNING, "kernel-seccomp", "Use a kernel with CONFIG_SECCOMP_FILTER.", "the kernel has no seccomp filters: containers with a profile do not start");
    if (h->in_user_ns)
        doctor_add(d, DOCTOR_NOTE, "process-user-namespace", NULL, "this process runs inside of a user namespace: devices, sysctls and some mounts are not to be had");
}

static void check_capabilities(struct doctor *d)
{
    static const unsigned needed[] = {CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER, CAP_MKNOD, CAP_SYS_PTRACE, CAP_KILL};
    const uint64_t have = d->view.host->capabilities;
    const char *missing = "";
    for (size_t i = 0; missing && i < ARRAY_SIZE(needed); i++)
        if (!(have & (UINT64_C(1) << needed[i])))
            missing = arena_printf(&d->arena, "%s%s%s", missing, *missing ? ", " : "", oci_cap_name(needed[i]));
    if (!missing)
        d->no_memory = true;
    else if (*missing)
        doctor_add(d, DOCTOR_ERROR, "process-capabilities", "Run it as root; where a unit limits the daemon, add them to CapabilityBoundingSet=.", "this process lacks %s",
                   missing);
    else
        doctor_add(d, DOCTOR_OK, "process-capabilities", NULL, "this process has the capabilities that the daemon needs");
    if (!(have & (UINT64_C(1) << CAP_SYS_RESOURCE)))
        doctor_add(d, DOCTOR_NOTE, "process-capabilities", NULL, "this process lacks CAP_SYS_RESOURCE: oom_score_adj of pods cannot be lower than its own");
}

void doctor_check_kernel(struct doctor *d)
{
    check_overlay(d);
    check_security(d);
    check_user_namespaces(d);
    check_calls(d);
    check_capabilities(d);
}
