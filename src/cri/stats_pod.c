/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of a pod, see stats_fill.h: of its cgroup, of its network namespace, of its containers.
 */
#include <string.h>

#include "cri/convert.h"
#include "cri/stats_convert.h"
#include "cri/stats_fill.h"

static int not_ready(const struct sandbox *sb, struct err *e)
{
    return err_raise(e, ERR_UNAVAILABLE, "sandbox \"%s\" is not ready: it has no stats", sb->o.id);
}

static bool fill_attributes(struct stats_call *w, const struct sandbox *sb, Runtime__V1__PodSandboxStats *out)
{
    const Runtime__V1__PodSandboxConfig *config = sb->meta.config;
    Runtime__V1__PodSandboxAttributes *x = ARENA_NEW(w->a, Runtime__V1__PodSandboxAttributes);
    if (!x)
        return false;
    runtime__v1__pod_sandbox_attributes__init(x);
    x->id = convert_str(w->a, sb->o.id);
    x->metadata = convert_sandbox_metadata(w->a, config->metadata);
    out->attributes = x;
    return x->id && x->metadata &&
           convert_map(w->a, config->labels, config->n_labels, &runtime__v1__pod_sandbox_attributes__labels_entry__descriptor, &x->labels, &x->n_labels) == 0 &&
           convert_map(w->a, config->annotations, config->n_annotations, &runtime__v1__pod_sandbox_attributes__annotations_entry__descriptor,
                       &x->annotations, &x->n_annotations) == 0;
}

/* The pod's own cgroup is what its first process's is in. A pod without cgroup_parent has none: there it would be the one of all such pods. */
static int fill_usage(struct stats_call *w, struct sandbox *sb, const struct stats_process *p, Runtime__V1__LinuxPodSandboxStats *out, struct err *e)
{
    const Runtime__V1__LinuxPodSandboxConfig *config = sb->meta.config->linux;
    struct stats_usage u;
    if (!config || !config->cgroup_parent[0])
        return 0;
    TRY(stats_usage_read(&w->s->stats, &p->parent, &w->scratch, &u, e));
    bool made = stats_convert_cpu(w->a, &sb->o, &u, &out->cpu) && stats_convert_memory(w->a, &u, &out->memory) && stats_convert_io(w->a, &u, &out->io);
    return made ? 0 : err_oom(e);
}

/* The interfaces of the host are not a pod's. */
static int fill_network(struct stats_call *w, const struct sandbox *sb, const struct stats_process *p, Runtime__V1__LinuxPodSandboxStats *out, struct err *e)
{
    struct stats_network net;
    if (!sb->meta.netns_path[0])
        return 0;
    TRY(stats_network_read(p, w->a, &w->scratch, &net, e));
    return stats_convert_network(w->a, &net, &out->network) ? 0 : err_oom(e);
}

static int fill_own(struct stats_call *w, struct sandbox *sb, uint32_t pid, Runtime__V1__LinuxPodSandboxStats *out, struct err *e)
{
    _cleanup_stats_process_ struct stats_process p = {.fd = -1};
    TRY(stats_process_open(&w->s->stats, pid, sb->o.id, w->a, &w->scratch, &p, e));
    TRY(fill_usage(w, sb, &p, out, e));
    return fill_network(w, sb, &p, out, e);
}

static int fill_containers(struct stats_call *w, const struct sandbox *sb, struct container *const *v, size_t n, Runtime__V1__LinuxPodSandboxStats *out,
                           struct err *e)
{
    uint64_t sum = 0, pids;
    size_t mine = 0;
    for (size_t i = 0; i < n; i++)
        mine += strcmp(v[i]->meta.sandbox_id, sb->o.id) == 0;
    out->containers = ARENA_NEW_N(w->a, Runtime__V1__ContainerStats *, mine);
    if (!out->containers)
        return err_oom(e);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i]->meta.sandbox_id, sb->o.id) != 0)
            continue;
        int r = stats_fill_container(w, v[i], &out->containers[out->n_containers], &pids, e);
        if (r == -ERR_NOT_FOUND)
            continue;
        TRY(r);
        sum += pids;
        out->n_containers++;
    }
    err_clear(e);
    return stats_convert_processes(w->a, sum, clock_real(), &out->process) ? 0 : err_oom(e);
}

int stats_fill_pod(struct stats_call *w, struct sandbox *sb, struct container *const *v, size_t n, Runtime__V1__PodSandboxStats **ret, struct err *e)
{
    Runtime__V1__PodSandboxStats *out = ARENA_NEW(w->a, Runtime__V1__PodSandboxStats);
    Runtime__V1__LinuxPodSandboxStats *linux_stats = ARENA_NEW(w->a, Runtime__V1__LinuxPodSandboxStats);
    if (!out || !linux_stats)
        return err_oom(e);
    runtime__v1__pod_sandbox_stats__init(out);
    runtime__v1__linux_pod_sandbox_stats__init(linux_stats);
    out->linux = linux_stats;
    object_lock(&sb->o);
    bool ready = sb->state == SANDBOX_STATE_READY;
    uint32_t pid = sb->pid;
    object_unlock(&sb->o);
    if (!ready)
        return not_ready(sb, e);
    if (!fill_attributes(w, sb, out))
        return err_oom(e);
    int r = fill_own(w, sb, pid, linux_stats, e);
    if (r == -ERR_NOT_FOUND)
        return not_ready(sb, e);
    TRY(r);
    TRY(fill_containers(w, sb, v, n, linux_stats, e));
    *ret = out;
    return 0;
}
