/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's files and what is shared about pods, see sandbox.h. Directories are 0700: what is in them is nobody's business but root's (CVE-2024-25621).
 */
#include "cri/sandbox.h"

#include <string.h>

#include "base/fs.h"
#include "oci/constants.h"
#include "oci/podfiles.h"

enum { POD_FILE_MAX = 1 << 20 };

int sandbox_find(struct cri_service *s, const char *id, struct sandbox **ret, struct err *e)
{
    struct sandbox *sb = NULL;
    TRY(sandbox_get(&s->sandboxes, id, &sb, e));
    object_lock(&sb->o);
    bool hidden = sb->o.hidden;
    sb->o.unclaimed_since = 0;
    object_unlock(&sb->o);
    if (hidden) {
        sandbox_unref(sb);
        return err_raise(e, ERR_NOT_FOUND, "sandbox \"%s\" not found", id);
    }
    *ret = sb;
    return 0;
}

char *sandbox_root_dir(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/sandboxes/%s", s->config.root, id);
}

char *sandbox_state_dir(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/sandboxes/%s", s->config.state, id);
}

char *sandbox_hosts_path(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/sandboxes/%s/hosts", s->config.root, id);
}

char *sandbox_hostname_path(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/sandboxes/%s/hostname", s->config.root, id);
}

char *sandbox_resolv_path(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/sandboxes/%s/resolv.conf", s->config.root, id);
}

char *sandbox_shm_path(const struct cri_service *s, struct arena *a, const char *id)
{
    return arena_printf(a, "%s/sandboxes/%s/shm", s->config.state, id);
}

static const Runtime__V1__NamespaceOption *namespaces(const Runtime__V1__PodSandboxConfig *config)
{
    return config->linux && config->linux->security_context ? config->linux->security_context->namespace_options : NULL;
}

bool sandbox_host_network(const Runtime__V1__PodSandboxConfig *config)
{
    const Runtime__V1__NamespaceOption *o = namespaces(config);
    return o && o->network == RUNTIME__V1__NAMESPACE_MODE__NODE;
}

bool sandbox_host_ipc(const Runtime__V1__PodSandboxConfig *config)
{
    const Runtime__V1__NamespaceOption *o = namespaces(config);
    return o && o->ipc == RUNTIME__V1__NAMESPACE_MODE__NODE;
}

bool sandbox_privileged(const Runtime__V1__PodSandboxConfig *config)
{
    return config->linux && config->linux->security_context && config->linux->security_context->privileged;
}

static bool unconfined(const Runtime__V1__SecurityProfile *profile, const char *old)
{
    if (profile)
        return profile->profile_type == RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Unconfined;
    return old[0] == '\0' || strcmp(old, "unconfined") == 0;
}

int sandbox_check_apparmor(const struct cri_service *s, const Runtime__V1__SecurityProfile *profile, const char *old, struct err *e)
{
    if (unconfined(profile, old))
        return 0;
    if (!s->host.apparmor)
        return err_raise(e, ERR_FAILED_PRECONDITION, "security_context.apparmor: AppArmor is not supported by this kernel");
    return err_raise(e, ERR_UNIMPLEMENTED, "security_context.apparmor: only Unconfined is served");
}

/* The host's file, or an empty one where the host has none. */
static int copy_host_file(const char *from, const char *to, struct err *e)
{
    int r = fs_copy_file(from, to, 0644, POD_FILE_MAX, e);
    return r == -ERR_NOT_FOUND ? fs_write_file(to, VIEW_EMPTY, 0644, e) : r;
}

static int make_files(struct cri_service *s, struct arena *a, const char *id, const Runtime__V1__PodSandboxConfig *config, struct err *e)
{
    char *hosts = sandbox_hosts_path(s, a, id), *hostname = sandbox_hostname_path(s, a, id), *resolv = sandbox_resolv_path(s, a, id);
    if (!hosts || !hostname || !resolv)
        return err_oom(e);
    char *text;
    TRY(oci_hostname_file(config->hostname, s->host.hostname, a, &text, e));
    TRY(fs_write_file(hostname, view_of(text), 0644, e));
    TRY(copy_host_file(OCI_ETC_HOSTS, hosts, e));
    if (!config->dns_config)
        return copy_host_file(OCI_RESOLV_CONF, resolv, e);
    TRY(oci_resolv_conf(config->dns_config, 0, a, &text, e));
    return text[0] ? fs_write_file(resolv, view_of(text), 0644, e) : copy_host_file(OCI_RESOLV_CONF, resolv, e);
}

int sandbox_files_make(struct cri_service *s, struct arena *a, const char *id, const Runtime__V1__PodSandboxConfig *config, struct err *e)
{
    char *root = sandbox_root_dir(s, a, id), *state = sandbox_state_dir(s, a, id), *shm = sandbox_shm_path(s, a, id);
    if (!root || !state || !shm)
        return err_oom(e);
    TRY(fs_mkdir_all(root, 0700, e));
    TRY(fs_mkdir_all(state, 0700, e));
    TRY(make_files(s, a, id, config, e));
    return sandbox_host_ipc(config) ? 0 : s->os->shm_mount(shm, e);
}

int sandbox_files_remove(struct cri_service *s, const char *id, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(65536);
    char *root = sandbox_root_dir(s, &a, id), *state = sandbox_state_dir(s, &a, id), *shm = sandbox_shm_path(s, &a, id);
    if (!root || !state || !shm)
        return err_oom(e);
    TRY(s->os->unmount(shm, e));
    TRY(fs_remove_all(state, e));
    return fs_remove_all(root, e);
}

int sandbox_extension(const struct sandbox_meta *m, struct buf *scratch, struct ctrd_extension *ret, struct err *e)
{
    TRY(meta_sandbox_encode(m, scratch, e));
    *ret = (struct ctrd_extension){
        .key = META_SANDBOX_EXTENSION,
        .any = {.type_url = META_SANDBOX_TYPE_URL, .value = buf_view(scratch)},
    };
    return 0;
}

int sandbox_each_container(struct cri_service *s, const struct ctx *ctx, const struct sandbox *sb,
                           int (*fn)(struct cri_service *s, const struct ctx *ctx, struct container *c, struct err *e), struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    TRY(store_list(&s->containers, &a, &list, &n, e));
    int r = 0;
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        struct err one = ERR_INIT;
        int k = strcmp(c->meta.sandbox_id, sb->o.id) == 0 ? fn(s, ctx, c, &one) : 0;
        if (k < 0 && r == 0) {
            r = k;
            *e = one;
        }
        container_unref(c);
    }
    return r;
}
