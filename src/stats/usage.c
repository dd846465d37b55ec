/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See usage.h.
 */
#include "stats/usage.h"

#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/num.h"

/* What is beyond counts as "no limit": cgroup v1 rounds its largest number to pages. */
#define UNLIMITED (UINT64_C(1) << 62)

/* One reading: what the helpers share. r is the first failure. */
struct reading {
    const struct stats_host *host;
    const struct stats_cgroup *cgroup;
    struct buf *scratch;
    struct err *e;
    int r;
};

/* Reads a file of the cgroup. True when it is there. */
static bool read_file(struct reading *g, enum stats_hierarchy where, const char *name)
{
    char path[PATH_MAX];
    const char *dir = g->cgroup->path[where];
    if (g->r < 0 || !dir)
        return false;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    int r = n < (int)sizeof path ? stats_read(g->host->hierarchy[where], path, g->scratch, g->e) : 0;
    g->r = r < 0 ? r : 0;
    return r > 0;
}

/* A file of one number. */
static uint64_t read_number(struct reading *g, enum stats_hierarchy where, const char *name)
{
    uint64_t v;
    return read_file(g, where, name) && cgroup_single_value(buf_view(g->scratch), &v) ? v : STATS_NONE;
}

static uint64_t read_limit(struct reading *g, enum stats_hierarchy where, const char *name)
{
    uint64_t v = read_number(g, where, name);
    return v > UNLIMITED ? STATS_NONE : v;
}

/* A number of the key-value file that was read last. */
static uint64_t value(struct reading *g, const char *key)
{
    uint64_t v;
    return cgroup_flat_value(buf_view(g->scratch), view_of(key), &v) ? v : STATS_NONE;
}

static void read_pressure(struct reading *g, const char *name, struct cgroup_pressure *ret)
{
    if (read_file(g, STATS_UNIFIED, name))
        cgroup_pressure_parse(buf_view(g->scratch), ret);
}

/* x less y, not below 0; STATS_NONE when one of them is not known. */
static uint64_t less(uint64_t x, uint64_t y)
{
    if (x == STATS_NONE || y == STATS_NONE)
        return STATS_NONE;
    return x > y ? x - y : 0;
}

static void read_cpu(struct reading *g, struct stats_usage *u)
{
    if (g->cgroup->path[STATS_CPUACCT])
        u->cpu_total = read_number(g, STATS_CPUACCT, "cpuacct.usage");
    else if (read_file(g, STATS_UNIFIED, "cpu.stat") && !num_mul_u64(value(g, "usage_usec"), 1000, &u->cpu_total))
        u->cpu_total = STATS_NONE;
    u->cpu_mono = clock_mono();
    u->cpu_at = clock_real();
    read_pressure(g, "cpu.pressure", &u->cpu_pressure);
}

static void read_memory_v1(struct reading *g, struct stats_usage *u)
{
    uint64_t inactive = STATS_NONE;
    if (read_file(g, STATS_MEMORY, "memory.stat")) {
        inactive = value(g, "total_inactive_file");
        u->rss = value(g, "total_rss");
        u->page_faults = value(g, "total_pgfault");
        u->major_page_faults = value(g, "total_pgmajfault");
        u->swap = value(g, "total_swap");
    }
    u->memory = read_number(g, STATS_MEMORY, "memory.usage_in_bytes");
    u->working_set = less(u->memory, inactive);
    uint64_t limit = read_limit(g, STATS_MEMORY, "memory.limit_in_bytes");
    u->available = less(limit, u->working_set);
    if (limit != STATS_NONE && u->swap != STATS_NONE) /* the other limit is of both together, and never below this one */
        u->swap_available = less(less(read_limit(g, STATS_MEMORY, "memory.memsw.limit_in_bytes"), limit), u->swap);
}

static void read_memory_v2(struct reading *g, struct stats_usage *u)
{
    uint64_t inactive = STATS_NONE;
    if (read_file(g, STATS_UNIFIED, "memory.stat")) {
        inactive = value(g, "inactive_file");
        u->rss = value(g, "anon");
        u->page_faults = value(g, "pgfault");
        u->major_page_faults = value(g, "pgmajfault");
    }
    u->memory = read_number(g, STATS_UNIFIED, "memory.current");
    u->working_set = less(u->memory, inactive);
    u->available = less(read_limit(g, STATS_UNIFIED, "memory.max"), u->working_set);
    u->swap = read_number(g, STATS_UNIFIED, "memory.swap.current");
    if (u->swap != STATS_NONE)
        u->swap_available = less(read_limit(g, STATS_UNIFIED, "memory.swap.max"), u->swap);
}

int stats_usage_read(const struct stats_host *h, const struct stats_cgroup *g, struct buf *scratch, struct stats_usage *ret, struct err *e)
{
    struct reading reading = {.host = h, .cgroup = g, .scratch = scratch, .e = e};
    struct stats_usage u = {
        .cpu_total = STATS_NONE, .memory = STATS_NONE, .working_set = STATS_NONE, .available = STATS_NONE, .rss = STATS_NONE, .page_faults = STATS_NONE,
        .major_page_faults = STATS_NONE, .swap = STATS_NONE, .swap_available = STATS_NONE, .pids = STATS_NONE,
    };
    read_cpu(&reading, &u);
    if (g->path[STATS_MEMORY])
        read_memory_v1(&reading, &u);
    else
        read_memory_v2(&reading, &u);
    u.memory_at = clock_real();
    read_pressure(&reading, "memory.pressure", &u.memory_pressure);
    read_pressure(&reading, "io.pressure", &u.io_pressure);
    u.io_at = clock_real();
    u.pids = read_number(&reading, g->path[STATS_PIDS] ? STATS_PIDS : STATS_UNIFIED, "pids.current");
    if (reading.r < 0)
        return reading.r;
    *ret = u;
    return 0;
}

int stats_network_read(const struct stats_process *p, struct arena *a, struct buf *scratch, struct stats_network *ret, struct err *e)
{
    struct stats_network net = {0};
    struct netdev d;
    TRY(stats_read(p->fd, "net/dev", scratch, e)); /* when it does not fit, what fits is enough; a line that was cut has too few columns or all that count */
    struct view rest = buf_view(scratch);
    if (rest.n == 0)
        return err_raise(e, ERR_NOT_FOUND, "the process is gone");
    net.at = clock_real();
    net.v = ARENA_NEW_N(a, struct netdev, STATS_INTERFACES_MAX);
    if (!net.v)
        return err_oom(e);
    while (net.n < STATS_INTERFACES_MAX && netdev_next(&rest, &d)) {
        if (view_eq_str(d.name, "lo"))
            continue;
        if (view_eq_str(d.name, "eth0"))
            net.default_index = net.n;
        net.v[net.n++] = d;
    }
    *ret = net;
    return 0;
}
