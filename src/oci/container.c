/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec of an application container.
 */
#include <string.h>

#include "base/macro.h"
#include "oci/build.h"
#include "oci/constants.h"

struct container {
    struct build b;
    const struct oci_container_input *in;
    const Runtime__V1__ContainerConfig *config;
    const Runtime__V1__LinuxContainerConfig *linux_;            /* may be NULL */
    const Runtime__V1__LinuxContainerSecurityContext *security; /* may be NULL */
    const Runtime__V1__NamespaceOption *ns;                     /* may be NULL */
    bool privileged, userns, pod_host_network;
};

static int read_config(struct container *c, struct err *e)
{
    c->config = c->in->config;
    c->linux_ = c->config->linux;
    c->security = c->linux_ ? c->linux_->security_context : NULL;
    c->ns = c->security ? c->security->namespace_options : NULL;
    c->privileged = c->security && c->security->privileged;
    const Runtime__V1__LinuxPodSandboxConfig *pod = c->in->sandbox_config->linux;
    const Runtime__V1__LinuxSandboxSecurityContext *pod_security = pod ? pod->security_context : NULL;
    const Runtime__V1__NamespaceOption *pod_ns = pod_security ? pod_security->namespace_options : NULL;
    c->pod_host_network = pod_ns && pod_ns->network == RUNTIME__V1__NAMESPACE_MODE__NODE;
    if (c->privileged && !(pod_security && pod_security->privileged))
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "config.linux.security_context.privileged: no privileged container allowed in sandbox");
    TRY(build_namespace_modes(c->ns, false, e));
    int r = build_userns_check(c->ns ? c->ns->userns_options : NULL, e);
    TRY(r);
    c->userns = r > 0;
    if (!build_userns_equal(pod_ns ? pod_ns->userns_options : NULL, c->ns ? c->ns->userns_options : NULL))
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "config.linux.security_context.namespace_options.userns_options differ from those of the sandbox");
    return 0;
}

/* Command and arguments: those of the request, else those of the image. A command of the request also drops the image's
 * arguments. */
static int set_args(struct container *c, struct err *e)
{
    const struct oci_image_config *image = c->in->image;
    char *const *first = c->config->command, *const *second = c->config->args;
    size_t n_first = c->config->n_command, n_second = c->config->n_args;
    if (n_first == 0) {
        bool blank = image->entrypoint.n == 1 && !image->entrypoint.v[0][0]; /* how a Dockerfile clears it */
        if (!blank) {
            first = image->entrypoint.v;
            n_first = image->entrypoint.n;
        }
        if (n_second == 0) {
            second = image->cmd.v;
            n_second = image->cmd.n;
        }
    }
    return build_args(&c->b, first, n_first, second, n_second, e);
}

static int set_config_env(struct container *c, struct err *e)
{
    for (size_t i = 0; i < c->config->n_envs; i++) {
        const Runtime__V1__KeyValue *kv = c->config->envs[i];
        if (!*kv->key || strchr(kv->key, '='))
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.envs[%zu].key \"%s\" is not the name of a variable", i, kv->key);
        if (kv->value.len && memchr(kv->value.data, 0, kv->value.len))
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.envs[%zu].value (%s) has a NUL", i, kv->key);
        size_t key_len = strlen(kv->key), n = key_len + 1 + kv->value.len;
        char *entry = arena_alloc(c->b.m.a, n + 1);
        if (!entry)
            return err_oom(e);
        memcpy(entry, kv->key, key_len);
        entry[key_len] = '=';
        if (kv->value.len)
            memcpy(entry + key_len + 1, kv->value.data, kv->value.len);
        build_env(&c->b, view_make(entry, n));
    }
    return 0;
}

static int set_env(struct container *c, struct err *e)
{
    const char *name = c->in->sandbox_config->hostname;
    if (!*name && c->in->host->hostname)
        name = c->in->host->hostname;
    build_env(&c->b, VIEW_LIT(OCI_DEFAULT_PATH));
    if (c->config->tty)
        build_env(&c->b, VIEW_LIT(OCI_TERM));
    char *hostname = arena_printf(c->b.m.a, "HOSTNAME=%s", name);
    if (!hostname)
        return err_oom(e);
    build_env(&c->b, view_of(hostname));
    for (size_t i = 0; i < c->in->image->env.n; i++)
        build_env(&c->b, view_of(c->in->image->env.v[i]));
    return set_config_env(c, e);
}

static int set_caps(struct container *c, struct err *e)
{
    uint64_t available = c->in->host->capabilities ? c->in->host->capabilities & OCI_CAPS_ALL : OCI_CAPS_ALL;
    const Runtime__V1__Capability *request = c->security ? c->security->capabilities : NULL;
    struct oci_caps caps;
    TRY(oci_caps_apply(request, build_caps_now(&c->b), available, &caps, e));
    if (c->privileged)
        caps.effective = available;
    build_caps(&c->b, &caps);
    return 0;
}

static int set_groups(struct container *c, struct err *e)
{
    const Runtime__V1__LinuxContainerSecurityContext *sc = c->security;
    return build_user(&c->b, &c->in->user, sc ? (int)sc->supplemental_groups_policy : 0, sc ? sc->supplemental_groups : NULL,
                      sc ? sc->n_supplemental_groups : 0, e);
}

static int set_process(struct container *c, struct err *e)
{
    struct tree_mem *m = &c->b.m;
    struct tree *process = c->b.process;
    TRY(set_args(c, e));
    TRY(set_env(c, e));
    TRY(build_cwd(&c->b, c->config->working_dir, c->in->image->working_dir, e));
    TRY(set_groups(c, e));
    TRY(set_caps(c, e));
    tree_remove(process, "commandLine");
    if (c->config->tty)
        tree_set_bool(m, process, "terminal", true);
    else
        tree_remove(process, "terminal");
    tree_set_bool(m, process, "noNewPrivileges", c->security && c->security->no_new_privs);
    if (c->linux_ && c->linux_->resources)
        tree_set_i64(m, process, "oomScoreAdj", c->in->oom_score_adj);
    if (c->privileged) {
        tree_remove(process, "selinuxLabel");
        tree_remove(process, "apparmorProfile");
    } else {
        if (c->in->process_label && *c->in->process_label)
            tree_set_str(m, process, "selinuxLabel", c->in->process_label);
        if (c->in->apparmor_profile && *c->in->apparmor_profile)
            tree_set_str(m, process, "apparmorProfile", c->in->apparmor_profile);
    }
    return 0;
}

/* The pod's namespaces by its process, and the private ones. */
static int set_namespaces(struct container *c, struct err *e)
{
    static const enum oci_namespace joined[] = {OCI_NS_NETWORK, OCI_NS_IPC, OCI_NS_UTS};
    struct arena *a = c->b.m.a;
    int pid_mode = c->ns ? (int)c->ns->pid : RUNTIME__V1__NAMESPACE_MODE__POD;
    uint32_t pid = pid_mode == RUNTIME__V1__NAMESPACE_MODE__TARGET ? c->in->target_pid : c->in->sandbox_pid;
    if (!c->in->sandbox_pid || !pid)
        return err_raise(e, ERR_INTERNAL, "container %s: the process whose namespaces it shall join is not known", c->in->id);
    for (size_t i = 0; i < ARRAY_SIZE(joined); i++) {
        char *path = oci_namespace_path(joined[i], c->in->sandbox_pid, a);
        if (!path)
            return err_oom(e);
        build_namespace(&c->b, joined[i], path);
    }
    char *pid_path = oci_namespace_path(OCI_NS_PID, pid, a), *user_path = oci_namespace_path(OCI_NS_USER, c->in->sandbox_pid, a);
    if (!pid_path || !user_path)
        return err_oom(e);
    build_namespace(&c->b, OCI_NS_PID, pid_mode == RUNTIME__V1__NAMESPACE_MODE__CONTAINER ? NULL : pid_path);
    if (c->userns)
        build_userns(&c->b, c->ns->userns_options, user_path);
    /* Hides the host's cgroup tree. Not on v1, where a container would no longer find its own limits; not for the privileged. */
    if (c->in->host->cgroup_mode == OCI_CGROUP_V2 && !c->privileged)
        build_namespace(&c->b, OCI_NS_CGROUP, NULL);
    return 0;
}

/* Exactly what was sent: no paths mean none, not the defaults. */
static void set_paths(struct container *c)
{
    const Runtime__V1__LinuxContainerSecurityContext *sc = c->security;
    struct tree *l = c->b.linux_;
    if (!c->in->policy->disable_proc_mount || c->privileged) {
        tree_remove(l, "maskedPaths");
        tree_remove(l, "readonlyPaths");
    }
    if (c->in->policy->disable_proc_mount || c->privileged || !sc)
        return;
    if (sc->n_masked_paths)
        tree_set(&c->b.m, l, "maskedPaths", tree_strings(&c->b.m, sc->masked_paths, sc->n_masked_paths));
    if (sc->n_readonly_paths)
        tree_set(&c->b.m, l, "readonlyPaths", tree_strings(&c->b.m, sc->readonly_paths, sc->n_readonly_paths));
}

static int set_linux(struct container *c, struct err *e)
{
    struct build *b = &c->b;
    const Runtime__V1__LinuxPodSandboxConfig *pod = c->in->sandbox_config->linux;
    TRY(build_cgroup_path(b, pod ? pod->cgroup_parent : NULL, c->in->id, e));
    set_paths(c);
    TRY(build_devices(b, c->in, e));
    if (c->linux_ && c->linux_->resources)
        TRY(build_resources(&b->m, tree_need_object(&b->m, b->linux_, "resources"), c->linux_->resources,
                            "config.linux.resources", b->host, b->policy, b->notes, e));
    if (c->in->mount_label && *c->in->mount_label)
        tree_set_str(&b->m, b->linux_, "mountLabel", c->in->mount_label);
    if (c->privileged || c->in->seccomp_unconfined)
        tree_remove(b->linux_, "seccomp");
    else
        TRY(build_seccomp(b, c->in->seccomp, c->in->seccomp_default, e));
    return 0;
}

static int set_mounts(struct container *c, struct err *e)
{
    if (c->pod_host_network && c->userns)
        build_sys_from_host(&c->b);
    TRY(build_container_mounts(&c->b, c->in, e));
    if (c->privileged)
        build_sys_writable(&c->b, true);
    return 0;
}

static void set_annotations(struct container *c)
{
    const Runtime__V1__PodSandboxConfig *pod = c->in->sandbox_config;
    for (size_t i = 0; i < pod->n_annotations; i++)
        if (build_pattern_match(&c->in->policy->pod_annotations, pod->annotations[i]->key))
            build_annotation(&c->b, pod->annotations[i]->key, pod->annotations[i]->value);
    for (size_t i = 0; i < c->config->n_annotations; i++)
        if (build_pattern_match(&c->in->policy->container_annotations, c->config->annotations[i]->key))
            build_annotation(&c->b, c->config->annotations[i]->key, c->config->annotations[i]->value);
    /* Ours come last: a pod cannot give itself another identity. */
    build_pod_annotations(&c->b, pod, c->in->sandbox_id);
    build_annotation(&c->b, OCI_ANNOTATION_CONTAINER_NAME, c->config->metadata ? c->config->metadata->name : "");
    build_annotation(&c->b, OCI_ANNOTATION_IMAGE_NAME, c->in->image_name ? c->in->image_name : "");
    build_annotation(&c->b, OCI_ANNOTATION_CONTAINER_TYPE, OCI_CONTAINER_TYPE_CONTAINER);
}

int oci_container_spec(const struct oci_container_input *in, struct arena *a, struct buf *out, struct err *e)
{
    struct container c = {.in = in, .b = {.host = in->host, .policy = in->policy, .notes = in->notes}};
    TRY(read_config(&c, e));
    TRY(build_start(&c.b, a, in->policy->base_spec, in->id, e));
    if (c.security && c.security->readonly_rootfs)
        tree_set_bool(&c.b.m, tree_get(c.b.root, "root"), "readonly", true);
    TRY(set_process(&c, e));
    TRY(set_namespaces(&c, e));
    TRY(set_linux(&c, e));
    TRY(set_mounts(&c, e));
    set_annotations(&c);
    return build_finish(&c.b, out, e);
}
