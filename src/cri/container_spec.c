/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See container_spec.h. The I/O around the pure functions of oci/: resolving mount sources and devices, looking up the user, reading the seccomp profile.
 */
#include "cri/container_spec.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/oom.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cri/container.h"
#include "cri/devices.h"
#include "cri/image_users.h"
#include "cri/sandbox.h"
#include "cri/seccomp.h"
#include "cri/volumes.h"
#include "parse/mountinfo.h"

enum { MOUNT_TABLE_MAX = 64 << 20 };

/* The real path of a mount's source, made as a directory when it is missing. */
static int resolve_source(const Runtime__V1__Mount *m, struct arena *a, const char **ret, struct err *e)
{
    if (m->host_path[0] != '/')
        return err_raise(e, ERR_INVALID_ARGUMENT, "mount of \"%s\": host_path \"%s\" is not absolute", m->container_path, m->host_path);
    char real[PATH_MAX];
    if (!realpath(m->host_path, real)) {
        if (errno != ENOENT)
            return err_errno(e, errno, "mount of \"%s\": resolve %s", m->container_path, m->host_path);
        TRY(fs_mkdir_all(m->host_path, 0755, e));
        if (!realpath(m->host_path, real))
            return err_errno(e, errno, "mount of \"%s\": resolve %s", m->container_path, m->host_path);
    }
    *ret = arena_strdup(a, real);
    return *ret ? 0 : err_oom(e);
}

static int find_peer(struct view table, struct oci_mount_source *src, struct arena *a, struct err *e)
{
    struct mountinfo info;
    if (!mountinfo_find(table, view_of(src->source), &info))
        return 0;
    src->peer = info.shared ? OCI_PEER_SHARED : info.master ? OCI_PEER_SLAVE : OCI_PEER_PRIVATE;
    src->mount_point = arena_view(a, info.mount_point);
    return src->mount_point ? 0 : err_oom(e);
}

static int resolve_mounts(struct cri_service *s, const Runtime__V1__ContainerConfig *config, struct arena *a, const struct oci_mount_source **ret,
                          struct err *e)
{
    struct oci_mount_source *v = ARENA_NEW_N(a, struct oci_mount_source, config->n_mounts);
    _cleanup_buf_ struct buf table = BUF_INIT(MOUNT_TABLE_MAX);
    if (!v)
        return err_oom(e);
    if (config->n_mounts > 0)
        TRY(s->os->mountinfo(&table, e));
    for (size_t i = 0; i < config->n_mounts; i++) {
        if (config->mounts[i]->image && config->mounts[i]->image->image[0])
            return err_raise(e, ERR_UNIMPLEMENTED, "config.mounts[%zu]: image volumes are not supported yet", i);
        TRY(resolve_source(config->mounts[i], a, &v[i].source, e));
        TRY(find_peer(buf_view(&table), &v[i], a, e));
    }
    *ret = v;
    return 0;
}

/* The devices that are named, and for a privileged container those of the host as they are now. */
static int resolve_devices(const struct cri_service *s, const struct runtime_handler *handler, struct arena *a, struct oci_host *host,
                           struct oci_container_input *in, struct err *e)
{
    const Runtime__V1__LinuxContainerConfig *lc = in->config->linux;
    struct devices named = {0}, all = {0};
    TRY(devices_resolve(in->config, a, &named, e));
    in->devices = named.v;
    in->n_devices = named.n;
    if (!lc || !lc->security_context || !lc->security_context->privileged || handler->policy.privileged_without_host_devices)
        return 0;
    TRY(s->os->host_devices(a, &all, e));
    host->devices = all.v;
    host->n_devices = all.n;
    return 0;
}

/* The process whose PID namespace is joined with mode TARGET: a running container of the same pod. */
static int resolve_target(struct cri_service *s, const struct sandbox *sb, const Runtime__V1__LinuxContainerSecurityContext *sc, uint32_t *ret,
                          struct err *e)
{
    const Runtime__V1__NamespaceOption *o = sc ? sc->namespace_options : NULL;
    if (!o || o->pid != RUNTIME__V1__NAMESPACE_MODE__TARGET)
        return 0;
    _cleanup_container_ struct container *target = NULL;
    int r = container_find(s, o->target_id, &target, e);
    if (r < 0)
        return err_wrap(e, r, "target of the PID namespace");
    object_lock(&target->o);
    uint32_t pid = container_state(target) == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING ? target->status.pid : 0;
    object_unlock(&target->o);
    if (strcmp(target->meta.sandbox_id, sb->o.id) != 0 || pid == 0)
        return err_raise(e, ERR_FAILED_PRECONDITION, "target container \"%s\" of the PID namespace is not a running container of sandbox \"%s\"",
                         o->target_id, sb->o.id);
    *ret = pid;
    return 0;
}

/* What is asked for and cannot be given is refused: a container that silently runs with less confinement than it asked for is worse than none. */
static int check_security(const struct cri_service *s, const struct sandbox *sb, const Runtime__V1__LinuxContainerSecurityContext *sc, struct err *e)
{
    if (!sc)
        return 0;
    if (sc->privileged && !sandbox_privileged(sb->meta.config))
        return err_raise(e, ERR_PERMISSION_DENIED, "no privileged container is allowed in sandbox \"%s\", which is not privileged", sb->o.id);
    return sandbox_check_apparmor(s, sc->apparmor, sc->apparmor_profile, e);
}

static int set_seccomp(const struct cri_service *s, const Runtime__V1__LinuxContainerSecurityContext *sc, struct arena *a,
                       struct oci_container_input *in, struct err *e)
{
    struct cri_seccomp seccomp;
    TRY(cri_seccomp_read(&s->host, sc ? sc->seccomp : NULL, sc ? sc->seccomp_profile_path : "", s->config.unset_seccomp, sc && sc->privileged, a,
                         &seccomp, e));
    in->seccomp = seccomp.profile;
    in->seccomp_default = seccomp.runtime_default;
    in->seccomp_unconfined = seccomp.unconfined;
    return 0;
}

static int clamp_oom(const struct cri_service *s, const Runtime__V1__ContainerConfig *config, int *ret, struct err *e)
{
    int64_t want = config->linux && config->linux->resources ? config->linux->resources->oom_score_adj : 0;
    if (want < OOM_SCORE_ADJ_MIN || want > OOM_SCORE_ADJ_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.resources.oom_score_adj %" PRId64 " is outside %d to %d", want, OOM_SCORE_ADJ_MIN,
                         OOM_SCORE_ADJ_MAX);
    *ret = want < s->oom_score_adj_min ? s->oom_score_adj_min : (int)want;
    return 0;
}

static void log_notes(const struct container *c, const struct oci_notes *notes)
{
    for (size_t i = 0; i < notes->warnings.n; i++)
        log_warning("container %s: %s", c->o.id, notes->warnings.v[i]);
}

int container_spec_make(struct cri_service *s, const struct ctx *ctx, const struct runtime_handler *handler, struct sandbox *sb, struct container *c,
                        const struct image *image, struct arena *a, struct buf *out, struct err *e)
{
    const Runtime__V1__ContainerConfig *config = c->meta.config;
    const Runtime__V1__LinuxContainerSecurityContext *sc = config->linux ? config->linux->security_context : NULL;
    struct oci_notes notes = {0};
    struct oci_host host = s->host;
    object_lock(&sb->o);
    uint32_t pid = sb->pid;
    object_unlock(&sb->o);
    struct oci_container_input in = {
        .id = c->o.id,
        .sandbox_id = sb->o.id,
        .sandbox_pid = pid,
        .config = config,
        .sandbox_config = sb->meta.config,
        .image = &image->config,
        .image_name = config->image->user_specified_image[0] ? config->image->user_specified_image : config->image->image,
        .hostname_path = sandbox_hostname_path(s, a, sb->o.id),
        .hosts_path = sandbox_hosts_path(s, a, sb->o.id),
        .resolv_path = sandbox_resolv_path(s, a, sb->o.id),
        .shm_path = sandbox_shm_path(s, a, sb->o.id),
        .host = &host,
        .policy = &handler->policy,
        .notes = &notes,
    };
    if (!in.hostname_path || !in.hosts_path || !in.resolv_path || !in.shm_path)
        return err_oom(e);
    TRY(check_security(s, sb, sc, e));
    TRY(set_seccomp(s, sc, a, &in, e));
    TRY(clamp_oom(s, config, &in.oom_score_adj, e));
    TRY(resolve_mounts(s, config, a, &in.mounts, e));
    TRY(resolve_devices(s, handler, a, &host, &in, e));
    TRY(resolve_target(s, sb, sc, &in.target_pid, e));
    TRY(image_user_resolve(s, ctx, image, sc, a, &in.user, e));
    TRY(volumes_make(s, ctx, c->o.id, config, image, a, &in.volumes, &in.n_volumes, e));
    TRY(oci_container_spec(&in, a, out, e));
    log_notes(c, &notes);
    return 0;
}
