/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec of a pod's own container: the pause process, which holds the namespaces that the others join.
 */
#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "oci/build.h"
#include "oci/constants.h"

struct sandbox {
    struct build b;
    const struct oci_sandbox_input *in;
    const Runtime__V1__LinuxPodSandboxConfig *linux_;         /* may be NULL */
    const Runtime__V1__LinuxSandboxSecurityContext *security; /* may be NULL */
    const Runtime__V1__NamespaceOption *ns;                   /* may be NULL */
    bool privileged, host_network, host_pid, host_ipc, userns;
};

static bool is_host(Runtime__V1__NamespaceMode mode)
{
    return mode == RUNTIME__V1__NAMESPACE_MODE__NODE;
}

static int read_config(struct sandbox *s, struct err *e)
{
    s->linux_ = s->in->config->linux;
    s->security = s->linux_ ? s->linux_->security_context : NULL;
    s->ns = s->security ? s->security->namespace_options : NULL;
    s->privileged = s->security && s->security->privileged;
    TRY(build_namespace_modes(s->ns, true, e));
    s->host_network = s->ns && is_host(s->ns->network);
    s->host_pid = s->ns && is_host(s->ns->pid);
    s->host_ipc = s->ns && is_host(s->ns->ipc);
    int r = build_userns_check(s->ns ? s->ns->userns_options : NULL, e);
    TRY(r);
    s->userns = r > 0;
    return 0;
}

static int set_namespaces(struct sandbox *s, struct err *e)
{
    if (s->host_network) {
        build_namespace_none(&s->b, OCI_NS_NETWORK);
        build_namespace_none(&s->b, OCI_NS_UTS);
    } else {
        if (!s->in->netns_path || !*s->in->netns_path)
            return err_raise(e, ERR_INTERNAL, "the pod %s has a network of its own and no network namespace", s->in->id);
        build_namespace(&s->b, OCI_NS_NETWORK, s->in->netns_path);
    }
    if (s->host_pid)
        build_namespace_none(&s->b, OCI_NS_PID);
    if (s->host_ipc)
        build_namespace_none(&s->b, OCI_NS_IPC);
    if (s->userns)
        build_userns(&s->b, s->ns->userns_options, s->host_network ? NULL : s->in->userns_path);
    return 0;
}

/* The host's name cannot be changed from here: a name is set in a UTS namespace of the pod's own only. */
static int set_hostname(struct sandbox *s, struct err *e)
{
    enum { HOSTNAME_MAX = 64 }; /* sethostname(2) */
    const char *name = s->in->config->hostname;
    if (!*name || s->host_network)
        return 0;
    if (strlen(name) > HOSTNAME_MAX || build_has_control(name) || strpbrk(name, " /"))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.hostname \"%s\" is not a host name of at most %d bytes", name,
                         HOSTNAME_MAX);
    tree_set_str(&s->b.m, s->b.root, "hostname", name);
    return 0;
}

static void set_mounts(struct sandbox *s)
{
    static const char *const options[] = {"rbind", "ro", "nosuid", "nodev", "noexec"};
    const char *shm = s->host_ipc ? OCI_DEV_SHM : s->in->shm_path;
    if (shm)
        build_mount(&s->b, OCI_DEV_SHM, "bind", shm, options, ARRAY_SIZE(options));
    if (s->in->resolv_path)
        build_mount(&s->b, OCI_RESOLV_CONF, "bind", s->in->resolv_path, options, ARRAY_SIZE(options));
    if (s->host_network && s->userns)
        build_sys_from_host(&s->b);
    if (s->privileged)
        build_sys_writable(&s->b, false);
}

/* Settings of a namespace that the pod shares with the host would change the host. */
static bool sysctl_is_of_ipc(struct view key)
{
    static const char *const names[] = {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (view_eq_str(key, names[i]))
            return true;
    return view_starts(key, VIEW_LIT("fs.mqueue."));
}

static int check_sysctl(const struct sandbox *s, const char *key, const char *value, struct err *e)
{
    struct view v = view_of(key);
    if (!*key || build_has_control(key) || strstr(key, ".."))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.sysctls: \"%s\" is not the name of a sysctl", key);
    if (build_has_control(value))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.sysctls: the value of %s has a control character", key);
    if (s->host_network && (view_starts(v, VIEW_LIT("net.")) || view_starts(v, VIEW_LIT("net/"))))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.sysctls: %s cannot be set with the host's network", key);
    if (s->host_ipc && sysctl_is_of_ipc(v))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.sysctls: %s cannot be set with the host's IPC", key);
    return 0;
}

static int set_sysctls(struct sandbox *s, struct err *e)
{
    const char *ports = "net.ipv4.ip_unprivileged_port_start", *ping = "net.ipv4.ping_group_range";
    struct tree_mem *m = &s->b.m;
    struct tree *sysctl = tree_object(m);
    for (size_t i = 0; s->linux_ && i < s->linux_->n_sysctls; i++) {
        const Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry *one = s->linux_->sysctls[i];
        TRY(check_sysctl(s, one->key, one->value, e));
        tree_set_str(m, sysctl, one->key, one->value);
    }
    if (!s->host_network && s->in->policy->unprivileged_ports && !tree_get(sysctl, ports))
        tree_set_str(m, sysctl, ports, "0");
    if (!s->host_network && s->in->policy->unprivileged_icmp && !s->userns && !s->in->host->in_user_ns && !tree_get(sysctl, ping))
        tree_set_str(m, sysctl, ping, "0 2147483647");
    if (sysctl && sysctl->n)
        tree_set(m, s->b.linux_, "sysctl", sysctl);
    return 0;
}

static void annotate_i64(struct sandbox *s, const char *key, int64_t v)
{
    char *text = s->b.m.failed ? NULL : arena_printf(s->b.m.a, "%" PRId64, v);
    if (!text)
        s->b.m.failed = true;
    build_annotation(&s->b, key, text);
}

static void set_annotations(struct sandbox *s)
{
    const Runtime__V1__PodSandboxConfig *config = s->in->config;
    const Runtime__V1__LinuxContainerResources *r = s->linux_ ? s->linux_->resources : NULL;
    if (r) {
        annotate_i64(s, OCI_ANNOTATION_SANDBOX_CPU_PERIOD, r->cpu_period);
        annotate_i64(s, OCI_ANNOTATION_SANDBOX_CPU_QUOTA, r->cpu_quota);
        annotate_i64(s, OCI_ANNOTATION_SANDBOX_CPU_SHARES, r->cpu_shares);
        annotate_i64(s, OCI_ANNOTATION_SANDBOX_MEMORY, r->memory_limit_in_bytes);
    }
    for (size_t i = 0; i < config->n_annotations; i++)
        if (build_pattern_match(&s->in->policy->pod_annotations, config->annotations[i]->key))
            build_annotation(&s->b, config->annotations[i]->key, config->annotations[i]->value);
    /* Ours come last: a pod cannot give itself another identity. */
    build_pod_annotations(&s->b, config, s->in->id);
    build_annotation(&s->b, OCI_ANNOTATION_SANDBOX_LOG_DIRECTORY, config->log_directory);
    build_annotation(&s->b, OCI_ANNOTATION_SANDBOX_IMAGE_NAME, s->in->image_name ? s->in->image_name : "");
    build_annotation(&s->b, OCI_ANNOTATION_CONTAINER_TYPE, OCI_CONTAINER_TYPE_SANDBOX);
}

static int set_process(struct sandbox *s, struct err *e)
{
    const struct oci_image_config *image = s->in->image;
    struct build *b = &s->b;
    for (size_t i = 0; i < image->env.n; i++)
        build_env(b, view_of(image->env.v[i]));
    TRY(build_args(b, image->entrypoint.v, image->entrypoint.n, image->cmd.v, image->cmd.n, e));
    TRY(build_cwd(b, NULL, image->working_dir, e));
    const Runtime__V1__LinuxSandboxSecurityContext *sc = s->security;
    TRY(build_user(b, &s->in->user, sc ? (int)sc->supplemental_groups_policy : 0, sc ? sc->supplemental_groups : NULL,
                   sc ? sc->n_supplemental_groups : 0, e));
    tree_set_i64(&b->m, b->process, "oomScoreAdj", s->in->oom_score_adj);
    if (s->in->process_label && *s->in->process_label && !s->privileged)
        tree_set_str(&b->m, b->process, "selinuxLabel", s->in->process_label);
    return 0;
}

static int set_linux(struct sandbox *s, struct err *e)
{
    struct build *b = &s->b;
    TRY(build_cgroup_path(b, s->linux_ ? s->linux_->cgroup_parent : NULL, s->in->id, e));
    TRY(set_namespaces(s, e));
    TRY(set_sysctls(s, e));
    struct tree *cpu = tree_need_object(&b->m, tree_need_object(&b->m, b->linux_, "resources"), "cpu");
    tree_set_u64(&b->m, cpu, "shares", OCI_SANDBOX_CPU_SHARES);
    if (s->in->mount_label && *s->in->mount_label)
        tree_set_str(&b->m, b->linux_, "mountLabel", s->in->mount_label);
    return s->privileged ? 0 : build_seccomp(b, s->in->seccomp, s->in->seccomp_default, e);
}

int oci_sandbox_spec(const struct oci_sandbox_input *in, struct arena *a, struct buf *out, struct err *e)
{
    struct sandbox s = {.in = in, .b = {.host = in->host, .policy = in->policy, .notes = in->notes}};
    TRY(read_config(&s, e));
    TRY(build_start(&s.b, a, VIEW_EMPTY, in->id, e));
    tree_set_bool(&s.b.m, tree_get(s.b.root, "root"), "readonly", true);
    TRY(set_process(&s, e));
    TRY(set_hostname(&s, e));
    TRY(set_linux(&s, e));
    set_mounts(&s);
    set_annotations(&s);
    return build_finish(&s.b, out, e);
}
