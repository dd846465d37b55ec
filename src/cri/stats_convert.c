/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stats_convert.h.
 */
#include "cri/stats_convert.h"

#include "cri/convert.h"
#include "rpc/message.h"

/* A new message of this type, or a return of false. */
#define NEW_MESSAGE(a, Type, type, name)                                                                     \
    Runtime__V1__##Type *name = (void *)rpc_message_new(&runtime__v1__##type##__descriptor, (a)); \
    if (!name)                                                                                               \
    return false

/* Sets *to to v, or leaves it when there is no such figure. */
static bool set(struct arena *a, Runtime__V1__UInt64Value **to, uint64_t v)
{
    if (v == STATS_NONE)
        return true;
    *to = convert_u64(a, v);
    return *to != NULL;
}

static bool set_psi_line(struct arena *a, Runtime__V1__PsiData **to, const struct cgroup_pressure_line *l)
{
    if (!l->there)
        return true;
    NEW_MESSAGE(a, PsiData, psi_data, d);
    d->total = l->total;
    d->avg10 = l->avg10;
    d->avg60 = l->avg60;
    d->avg300 = l->avg300;
    *to = d;
    return true;
}

static bool set_psi(struct arena *a, Runtime__V1__PsiStats **to, const struct cgroup_pressure *p)
{
    if (!p->some.there && !p->full.there)
        return true;
    NEW_MESSAGE(a, PsiStats, psi_stats, s);
    *to = s;
    return set_psi_line(a, &s->some, &p->some) && set_psi_line(a, &s->full, &p->full);
}

bool stats_convert_cpu(struct arena *a, struct object *o, const struct stats_usage *u, Runtime__V1__CpuUsage **ret)
{
    uint64_t rate = STATS_NONE;
    if (u->cpu_total == STATS_NONE)
        return true;
    NEW_MESSAGE(a, CpuUsage, cpu_usage, m);
    object_lock(o);
    stats_rate_add(&o->cpu_rate, u->cpu_total, u->cpu_mono, &rate);
    object_unlock(o);
    m->timestamp = u->cpu_at;
    *ret = m;
    return set(a, &m->usage_core_nano_seconds, u->cpu_total) && set(a, &m->usage_nano_cores, rate) && set_psi(a, &m->psi, &u->cpu_pressure);
}

bool stats_convert_memory(struct arena *a, const struct stats_usage *u, Runtime__V1__MemoryUsage **ret)
{
    if (u->memory == STATS_NONE)
        return true;
    NEW_MESSAGE(a, MemoryUsage, memory_usage, m);
    m->timestamp = u->memory_at;
    *ret = m;
    return set(a, &m->usage_bytes, u->memory) && set(a, &m->working_set_bytes, u->working_set) && set(a, &m->available_bytes, u->available) &&
           set(a, &m->rss_bytes, u->rss) && set(a, &m->page_faults, u->page_faults) && set(a, &m->major_page_faults, u->major_page_faults) &&
           set_psi(a, &m->psi, &u->memory_pressure);
}

bool stats_convert_swap(struct arena *a, const struct stats_usage *u, Runtime__V1__SwapUsage **ret)
{
    if (u->swap == STATS_NONE)
        return true;
    NEW_MESSAGE(a, SwapUsage, swap_usage, m);
    m->timestamp = u->memory_at;
    *ret = m;
    return set(a, &m->swap_usage_bytes, u->swap) && set(a, &m->swap_available_bytes, u->swap_available);
}

bool stats_convert_io(struct arena *a, const struct stats_usage *u, Runtime__V1__IoUsage **ret)
{
    if (!u->io_pressure.some.there && !u->io_pressure.full.there)
        return true;
    NEW_MESSAGE(a, IoUsage, io_usage, m);
    m->timestamp = u->io_at;
    *ret = m;
    return set_psi(a, &m->psi, &u->io_pressure);
}

static bool interface(struct arena *a, const struct netdev *d, Runtime__V1__NetworkInterfaceUsage **ret)
{
    NEW_MESSAGE(a, NetworkInterfaceUsage, network_interface_usage, m);
    m->name = arena_view(a, d->name);
    *ret = m;
    return m->name && set(a, &m->rx_bytes, d->rx_bytes) && set(a, &m->rx_errors, d->rx_errors) && set(a, &m->tx_bytes, d->tx_bytes) &&
           set(a, &m->tx_errors, d->tx_errors);
}

bool stats_convert_network(struct arena *a, const struct stats_network *net, Runtime__V1__NetworkUsage **ret)
{
    NEW_MESSAGE(a, NetworkUsage, network_usage, m);
    m->timestamp = net->at;
    m->interfaces = ARENA_NEW_N(a, Runtime__V1__NetworkInterfaceUsage *, net->n);
    if (!m->interfaces)
        return false;
    for (size_t i = 0; i < net->n; i++) {
        if (!interface(a, &net->v[i], &m->interfaces[i]))
            return false;
        m->n_interfaces++;
    }
    if (net->n > 0)
        m->default_interface = m->interfaces[net->default_index];
    *ret = m;
    return true;
}

bool stats_convert_processes(struct arena *a, uint64_t count, int64_t at, Runtime__V1__ProcessUsage **ret)
{
    NEW_MESSAGE(a, ProcessUsage, process_usage, m);
    m->timestamp = at;
    *ret = m;
    return set(a, &m->process_count, count);
}
