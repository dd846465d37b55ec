/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control group files, see cgroupfile.h.
 */
#include "parse/cgroupfile.h"

#include "base/num.h"

bool cgroup_line_parse(struct view line, struct cgroup_line *ret)
{
    struct cgroup_line l;
    struct view number;
    uint64_t n;
    if (!view_cut(line, ':', &number, &line) || num_parse_u64(number, UINT32_MAX, &n) != NUM_OK)
        return false;
    if (!view_cut(line, ':', &l.controllers, &l.path) || l.path.n == 0 || l.path.p[0] != '/')
        return false;
    l.hierarchy = (uint32_t)n;
    *ret = l;
    return true;
}

static bool has_controller(const struct cgroup_line *l, struct view controller)
{
    struct view rest = l->controllers, name;
    bool more = true;
    if (controller.n == 0)
        return l->hierarchy == 0 && rest.n == 0;
    while (more) {
        more = view_cut(rest, ',', &name, &rest);
        if (view_eq(name, controller))
            return true;
    }
    return false;
}

bool cgroup_find(struct view file, struct view controller, struct view *ret_path)
{
    struct cgroup_line l;
    struct view line;
    while (view_next_line(&file, &line)) {
        if (cgroup_line_parse(line, &l) && has_controller(&l, controller)) {
            *ret_path = l.path;
            return true;
        }
    }
    return false;
}

bool cgroup_single_value(struct view file, uint64_t *ret)
{
    struct view v = view_trim(file);
    if (view_eq_str(v, "max")) {
        *ret = UINT64_MAX;
        return true;
    }
    return num_parse_u64(v, UINT64_MAX, ret) == NUM_OK;
}

bool cgroup_flat_value(struct view file, struct view key, uint64_t *ret)
{
    struct view line, name, value;
    while (view_next_line(&file, &line))
        if (view_cut(line, ' ', &name, &value) && view_eq(name, key))
            return cgroup_single_value(value, ret);
    return false;
}
