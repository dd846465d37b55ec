/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: LinuxContainerResources into linux.resources. Zero and empty mean "not given" and leave what is there.
 */
#include "oci/resources.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "oci/build.h"

struct merge {
    struct tree_mem *m;
    struct tree *to;
    const Runtime__V1__LinuxContainerResources *r;
    const char *field;
    const struct oci_host *host;
    const struct oci_policy *policy;
    struct oci_notes *notes;
};

static int check_at_least(const struct merge *g, const char *name, int64_t v, int64_t min, struct err *e)
{
    if (v < min)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.%s is %" PRId64 ", below %" PRId64, g->field, name, v, min);
    return 0;
}

static int merge_cpu(const struct merge *g, struct err *e)
{
    const Runtime__V1__LinuxContainerResources *r = g->r;
    TRY(check_at_least(g, "cpu_period", r->cpu_period, 0, e));
    TRY(check_at_least(g, "cpu_shares", r->cpu_shares, 0, e));
    if (build_has_control(r->cpuset_cpus))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.cpuset_cpus \"%s\" has a control character", g->field, r->cpuset_cpus);
    if (build_has_control(r->cpuset_mems))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.cpuset_mems \"%s\" has a control character", g->field, r->cpuset_mems);
    if (!r->cpu_period && !r->cpu_quota && !r->cpu_shares && !*r->cpuset_cpus && !*r->cpuset_mems)
        return 0;
    struct tree *cpu = tree_need_object(g->m, g->to, "cpu");
    if (r->cpu_shares)
        tree_set_i64(g->m, cpu, "shares", r->cpu_shares);
    if (r->cpu_quota)
        tree_set_i64(g->m, cpu, "quota", r->cpu_quota);
    if (r->cpu_period)
        tree_set_i64(g->m, cpu, "period", r->cpu_period);
    if (*r->cpuset_cpus)
        tree_set_str(g->m, cpu, "cpus", r->cpuset_cpus);
    if (*r->cpuset_mems)
        tree_set_str(g->m, cpu, "mems", r->cpuset_mems);
    return 0;
}

/* A container must not swap by default: without a limit of its own, swap may hold as much as memory and swap together, that is
 * nothing. */
static int merge_memory(const struct merge *g, struct err *e)
{
    int64_t limit = g->r->memory_limit_in_bytes, swap = g->r->memory_swap_limit_in_bytes;
    TRY(check_at_least(g, "memory_limit_in_bytes", limit, -1, e));
    TRY(check_at_least(g, "memory_swap_limit_in_bytes", swap, -1, e));
    if (limit > 0 && swap > 0 && swap < limit)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "%s.memory_swap_limit_in_bytes (%" PRId64
                         ") counts memory and swap and is below memory_limit_in_bytes (%" PRId64 ")",
                         g->field, swap, limit);
    if (!limit && !swap)
        return 0;
    struct tree *memory = tree_need_object(g->m, g->to, "memory");
    if (limit)
        tree_set_i64(g->m, memory, "limit", limit);
    if (g->host->swap_controller)
        tree_set_i64(g->m, memory, "swap", swap ? swap : limit);
    return 0;
}

/* A name that becomes part of a file name in the cgroup's directory. */
static bool is_file_name(const char *s)
{
    return *s && !strchr(s, '/') && !build_has_control(s) && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static struct tree *huge_page_entry(const struct merge *g, struct tree *list, const char *size)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (tree_is_str(tree_get(list->v[i].value, "pageSize"), size))
            return list->v[i].value;
    struct tree *one = tree_object(g->m);
    tree_set_str(g->m, one, "pageSize", size);
    tree_push(g->m, list, one);
    return one;
}

static int merge_huge_pages(const struct merge *g, struct err *e)
{
    enum { HUGE_PAGES_MAX = 64 };
    size_t n = g->r->n_hugepage_limits;
    if (n > HUGE_PAGES_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.hugepage_limits has %zu entries, at most %d are allowed", g->field, n,
                         HUGE_PAGES_MAX);
    for (size_t i = 0; i < n; i++)
        if (!is_file_name(g->r->hugepage_limits[i]->page_size))
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s.hugepage_limits[%zu].page_size \"%s\" is not a page size", g->field, i,
                             g->r->hugepage_limits[i]->page_size);
    if (n == 0 || g->policy->disable_hugetlb)
        return 0;
    if (!g->host->hugetlb_controller) {
        if (g->policy->hugetlb_must_exist)
            return err_raise(e, ERR_FAILED_PRECONDITION,
                             "%s.hugepage_limits are given but this node has no hugetlb cgroup controller", g->field);
        if (g->notes &&
            strlist_add(&g->notes->warnings, g->m->a, "huge page limits are left out: there is no hugetlb controller") < 0)
            g->m->failed = true;
        return 0;
    }
    struct tree *list = tree_need_array(g->m, g->to, "hugepageLimits");
    for (size_t i = 0; i < n; i++) {
        const Runtime__V1__HugepageLimit *limit = g->r->hugepage_limits[i];
        tree_set_u64(g->m, huge_page_entry(g, list, limit->page_size), "limit", limit->limit);
    }
    return 0;
}

static int merge_unified(const struct merge *g, struct err *e)
{
    if (g->r->n_unified == 0)
        return 0;
    if (g->host->cgroup_mode != OCI_CGROUP_V2)
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s.unified needs cgroup v2, this node has v1", g->field);
    struct tree *unified = tree_need_object(g->m, g->to, "unified");
    for (size_t i = 0; i < g->r->n_unified; i++) {
        const Runtime__V1__LinuxContainerResources__UnifiedEntry *u = g->r->unified[i];
        if (!is_file_name(u->key))
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s.unified: \"%s\" is not the name of a cgroup file", g->field, u->key);
        tree_set_str(g->m, unified, u->key, u->value);
    }
    return 0;
}

int build_resources(struct tree_mem *m, struct tree *resources, const Runtime__V1__LinuxContainerResources *r, const char *field,
                    const struct oci_host *host, const struct oci_policy *policy, struct oci_notes *notes, struct err *e)
{
    struct merge g = {.m = m, .to = resources, .r = r, .field = field, .host = host, .policy = policy, .notes = notes};
    if (r->oom_score_adj < -1000 || r->oom_score_adj > 1000) /* proc(5), oom_score_adj */
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.oom_score_adj is %" PRId64 ", outside -1000 to 1000", field,
                         r->oom_score_adj);
    TRY(merge_cpu(&g, e));
    TRY(merge_memory(&g, e));
    TRY(merge_huge_pages(&g, e));
    TRY(merge_unified(&g, e));
    return tree_ok(m, e);
}

int oci_linux_resources_json(const Runtime__V1__LinuxContainerResources *r, const struct oci_host *host,
                             const struct oci_policy *policy, struct view current, struct oci_notes *notes, struct arena *a,
                             struct buf *out, struct err *e)
{
    struct tree_mem m = {.a = a};
    struct tree *resources;
    if (current.n)
        TRY(tree_read(&m, current, "linux.resources of the stored spec", &resources, e));
    else
        resources = tree_object(&m);
    TRY(tree_ok(&m, e));
    TRY(build_resources(&m, resources, r, "linux", host, policy, notes, e));
    return tree_write(resources, out, e);
}

int oci_spec_update_resources(struct view spec, const Runtime__V1__LinuxContainerResources *r, const struct oci_host *host,
                              const struct oci_policy *policy, struct oci_notes *notes, struct arena *a, struct buf *out,
                              struct view *ret_resources, struct err *e)
{
    enum { RESOURCES_MAX = 4 << 20 };
    struct tree_mem m = {.a = a};
    struct tree *root;
    TRY(tree_read(&m, spec, "the stored spec", &root, e));
    struct tree *resources = tree_need_object(&m, tree_need_object(&m, root, "linux"), "resources");
    TRY(tree_ok(&m, e));
    TRY(build_resources(&m, resources, r, "linux", host, policy, notes, e));
    char *copy = NULL;
    size_t n = 0;
    if (ret_resources) {
        _cleanup_buf_ struct buf text = BUF_INIT(RESOURCES_MAX);
        TRY(tree_write(resources, &text, e));
        n = text.n;
        copy = arena_view(a, buf_view(&text));
        if (!copy)
            return err_oom(e);
    }
    TRY(tree_write(root, out, e));
    if (ret_resources)
        *ret_resources = view_make(copy, n);
    return 0;
}
