/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: where a spec starts and ends. The defaults are containerd's: mounts, masked paths, capabilities and the rule that no
 * device may be used but those that are allowed later.
 */
#include "oci/build.h"

#include <string.h>

#include "base/macro.h"
#include "oci/constants.h"
#include "oci/seccomp_default.h"
#include "parse/jsonscan.h"

static const char *const default_masked[] = {
    "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap",
    "/proc/scsi",
};

static const char *const default_readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static const struct default_mount {
    const char *destination, *type, *source;
    const char *options[8];
} default_mounts[] = {
    {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
    {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
};

void build_masked_defaults(struct build *b)
{
    tree_set(&b->m, b->linux_, "maskedPaths", tree_literals(&b->m, default_masked, ARRAY_SIZE(default_masked)));
    tree_set(&b->m, b->linux_, "readonlyPaths", tree_literals(&b->m, default_readonly, ARRAY_SIZE(default_readonly)));
}

static void fill_defaults(struct build *b)
{
    struct tree_mem *m = &b->m;
    tree_set_bool(m, b->process, "noNewPrivileges", true);
    build_caps(b, &(struct oci_caps){.effective = oci_caps_default()});
    for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++) {
        const struct default_mount *d = &default_mounts[i];
        size_t n = 0;
        while (n < ARRAY_SIZE(d->options) && d->options[n])
            n++;
        build_mount(b, d->destination, d->type, d->source, d->options, n);
    }
    struct tree *rule = tree_object(m);
    tree_set_bool(m, rule, "allow", false);
    tree_set_str(m, rule, "access", "rwm");
    tree_push(m, tree_need_array(m, tree_need_object(m, b->linux_, "resources"), "devices"), rule);
    static const enum oci_namespace own[] = {OCI_NS_PID, OCI_NS_IPC, OCI_NS_UTS, OCI_NS_MOUNT, OCI_NS_NETWORK};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        build_namespace(b, own[i], NULL);
    build_masked_defaults(b);
}

/* The base spec's environment becomes the ordered list of names that later entries replace in. */
static void take_env(struct build *b)
{
    struct tree *env = tree_get(b->process, "env");
    for (size_t i = 0; env && env->kind == TREE_ARRAY && i < env->n; i++)
        build_env(b, tree_str(env->v[i].value));
}

int build_start(struct build *b, struct arena *a, struct view base_spec, const char *id, struct err *e)
{
    b->m.a = a;
    if (base_spec.n)
        TRY(tree_read(&b->m, base_spec, "the base spec of the runtime handler", &b->root, e));
    else
        b->root = tree_object(&b->m);
    struct tree_mem *m = &b->m;
    if (!tree_get(b->root, "ociVersion"))
        tree_set_str(m, b->root, "ociVersion", OCI_VERSION);
    b->process = tree_need_object(m, b->root, "process");
    b->env = tree_object(m);
    struct tree *rootfs = tree_need_object(m, b->root, "root");
    tree_set_str(m, rootfs, "path", OCI_ROOTFS);
    b->mounts = tree_need_array(m, b->root, "mounts");
    b->annotations = tree_need_object(m, b->root, "annotations");
    b->linux_ = tree_need_object(m, b->root, "linux");
    if (base_spec.n)
        take_env(b);
    else
        fill_defaults(b);
    if (tree_str(tree_get(b->process, "cwd")).n == 0)
        tree_set_str(m, b->process, "cwd", "/");
    const char *ns = b->policy->containerd_namespace ? b->policy->containerd_namespace : OCI_CONTAINERD_NAMESPACE;
    char *path = arena_printf(a, "/%s/%s", ns, id);
    if (!path)
        return err_oom(e);
    tree_set_str(m, b->linux_, "cgroupsPath", path);
    return tree_ok(m, e);
}

int build_cgroup_path(struct build *b, const char *parent, const char *id, struct err *e)
{
    if (!parent || !*parent)
        return 0; /* build_start has set the default */
    char *path;
    TRY(oci_cgroup_path(parent, id, b->m.a, &path, e));
    tree_set_str(&b->m, b->linux_, "cgroupsPath", path);
    return 0;
}

static int seccomp_default(struct build *b, struct err *e)
{
    struct oci_seccomp_facts facts = {
        .machine = b->host->machine,
        .kernel_major = b->host->kernel_major,
        .kernel_minor = b->host->kernel_minor,
        .caps = build_caps_now(b),
    };
    _cleanup_buf_ struct buf json = BUF_INIT(OCI_SECCOMP_DEFAULT_MAX);
    TRY(oci_seccomp_default(&facts, &json, e));
    char *text = arena_view(b->m.a, buf_view(&json));
    if (!text)
        return err_oom(e);
    tree_set(&b->m, b->linux_, "seccomp", tree_text(&b->m, view_make(text, json.n)));
    return 0;
}

int build_seccomp(struct build *b, struct view seccomp, bool runtime_default, struct err *e)
{
    if (runtime_default)
        return seccomp_default(b, e);
    if (!seccomp.n)
        return 0;
    struct jsonscan_value value;
    struct err cause = ERR_INIT;
    if (jsonscan_parse(seccomp, &value, &cause) < 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the seccomp profile cannot be read: %s", cause.message);
    if (value.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "the seccomp profile is %s, not an object", jsonscan_kind_name(value.kind));
    tree_set(&b->m, b->linux_, "seccomp", tree_text(&b->m, value.raw));
    return 0;
}

void build_warn(struct build *b, const char *text)
{
    if (!b->notes || b->m.failed)
        return;
    if (!text || strlist_add(&b->notes->warnings, b->m.a, text) < 0)
        b->m.failed = true;
}

bool build_has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

int build_finish(struct build *b, struct buf *out, struct err *e)
{
    struct tree *env = tree_array(&b->m);
    for (size_t i = 0; b->env && i < b->env->n; i++)
        if (b->env->v[i].value->kind == TREE_STRING)
            tree_push(&b->m, env, b->env->v[i].value);
    tree_set(&b->m, b->process, "env", env);
    if (b->annotations && b->annotations->n == 0)
        tree_remove(b->root, "annotations");
    TRY(tree_ok(&b->m, e));
    return tree_write(b->root, out, e);
}
