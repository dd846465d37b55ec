/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups: the mode, the controllers, and whether this daemon, systemd and the kubelet agree on who makes them.
 */
#include <string.h>

#include "base/fs.h"
#include "doctor/internal.h"

#define KUBELET_CONFIG "/var/lib/kubelet/config.yaml"

/* The kubelet does not start without the first four. */
static const char *const controllers[] = {"cpu", "cpuset", "memory", "pids", "io", "hugetlb"};
enum { CONTROLLERS_NEEDED = 4 };

/* /proc/cgroups (cgroups(7)): "memory 0 120 1". */
static bool has_v1(struct view table, const char *name)
{
    struct view line, first;
    while (view_next_line(&table, &line))
        if (view_cut(line, '\t', &first, NULL) && view_eq_str(first, name))
            return view_ends(line, VIEW_LIT("\t1"));
    return false;
}

static void check_controllers(struct doctor *d, bool v2)
{
    _cleanup_buf_ struct buf text = BUF_INIT(0);
    size_t missing = 0;
    const char *file = v2 ? "/sys/fs/cgroup/cgroup.controllers" : "/proc/cgroups";
    if (!doctor_read(d, file, &text)) {
        doctor_add(d, DOCTOR_ERROR, "cgroup-controllers", "Mount the cgroup file system on /sys/fs/cgroup.", "%s cannot be read", file);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        const char *name = !v2 && strcmp(controllers[i], "io") == 0 ? "blkio" : controllers[i];
        if (v2 ? doctor_has_word(buf_view(&text), name) : has_v1(buf_view(&text), name))
            continue;
        missing++;
        if (i < CONTROLLERS_NEEDED)
            doctor_add(d, DOCTOR_ERROR, "cgroup-controllers", "Switch it on: cgroup_enable= on the kernel's command line, or in the parent's cgroup.subtree_control.",
                       "the cgroup controller %s is missing (%s)", name, file);
        else
            doctor_add(d, DOCTOR_NOTE, "cgroup-controllers", NULL, "the cgroup controller %s is missing (%s): limits of its kind do not work", name, file);
    }
    if (missing == 0)
        doctor_add(d, DOCTOR_OK, "cgroup-controllers", NULL, "the cgroup controllers that pods need are there");
}

static void check_driver(struct doctor *d, const struct runtime_handler *h, bool systemd, bool v2)
{
    if (h->runc.systemd_cgroup && !systemd)
        doctor_add(d, DOCTOR_ERROR, "cgroup-driver", "Set SystemdCgroup = false, or boot with systemd.",
                   "runtime handler \"%s\" lets systemd make the cgroups, and systemd is not this node's init", h->name);
    else if (!h->runc.systemd_cgroup && systemd && v2)
        doctor_add(d, DOCTOR_WARNING, "cgroup-driver", "Set SystemdCgroup = true (--systemd-cgroup), and cgroupDriver: systemd for the kubelet.",
                   "runtime handler \"%s\" makes cgroups itself beside systemd, which takes itself for the only owner of cgroup v2", h->name);
    else
        doctor_add(d, DOCTOR_OK, "cgroup-driver", NULL, "runtime handler \"%s\": cgroups are made by %s", h->name, h->runc.systemd_cgroup ? "systemd" : "the runtime");
}

/* The value of cgroupDriver, a key of the first level; cgroupfs is what its absence stands for. (KubeletConfiguration v1beta1) */
static struct view kubelet_driver(struct view text)
{
    struct view line, key, value;
    while (view_next_line(&text, &line)) {
        if (!view_cut(line, ':', &key, &value) || !view_eq_str(key, "cgroupDriver"))
            continue;
        view_cut(value, '#', &value, NULL);
        value = view_trim(value);
        if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0])
            value = view_slice(value, 1, value.n - 1);
        return value;
    }
    return VIEW_LIT("cgroupfs");
}

static void check_kubelet(struct doctor *d, const struct runtime_handler *h)
{
    _cleanup_buf_ struct buf text = BUF_INIT(0);
    if (!doctor_read(d, KUBELET_CONFIG, &text))
        return;
    struct view theirs = kubelet_driver(buf_view(&text));
    const char *ours = h->runc.systemd_cgroup ? "systemd" : "cgroupfs";
    if (view_eq_str(theirs, ours))
        doctor_add(d, DOCTOR_OK, "cgroup-driver-kubelet", NULL, "the kubelet and runtime handler \"%s\" agree on the cgroup driver %s", h->name, ours);
    else
        doctor_add(d, DOCTOR_WARNING, "cgroup-driver-kubelet",
                   "Make both the same. A kubelet that asks the runtime for the driver (RuntimeConfig, from Kubernetes 1.31 on) follows this daemon; older ones "
                   "do not, and pods fail to start.",
                   "the kubelet's cgroup driver is %.*s (" KUBELET_CONFIG "), that of runtime handler \"%s\" is %s", VIEW_ARG(theirs), h->name, ours);
}

void doctor_check_cgroups(struct doctor *d, const struct doctor_facts *f)
{
    bool v2 = d->view.host->cgroup_mode == OCI_CGROUP_V2, systemd = fs_exists(doctor_path(d, "/run/systemd/system")); /* sd_booted(3) */
    if (v2)
        doctor_add(d, DOCTOR_OK, "cgroup-mode", NULL, "the node has cgroup v2");
    else
        doctor_add(d, DOCTOR_NOTE, "cgroup-mode", "Boot with systemd.unified_cgroup_hierarchy=1: kubelets of Kubernetes 1.35 and later refuse cgroup v1 by default.",
                   "the node has cgroup v1 (or both)");
    check_controllers(d, v2);
    if (!f->handlers_known)
        return;
    for (size_t i = 0; i < f->handlers.n; i++)
        if (doctor_is_runc(&f->handlers.v[i]))
            check_driver(d, &f->handlers.v[i], systemd, v2);
    check_kubelet(d, f->handlers.default_);
}
