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

static bool contains(struct view text, struct view part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (view_eq(view_slice(text, i, i + part.n), part))
            return true;
    return false;
}

bool cgroup_path_cut(struct view path, struct view id, struct view *ret_own, struct view *ret_parent)
{
    if (id.n == 0 || path.n == 0 || path.p[0] != '/')
        return false;
    for (size_t start = 1, end; start <= path.n; start = end + 1) {
        end = start + view_find(view_slice(path, start, path.n), '/');
        if (!contains(view_slice(path, start, end), id))
            continue;
        *ret_own = view_slice(path, 0, end);
        *ret_parent = view_slice(path, 0, start > 1 ? start - 1 : 1);
        return true;
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

/* "<key>=<integer>.<two digits>" as the kernel prints an average. */
static bool average(struct view word, const char *key, double *ret)
{
    struct view name, value, whole, hundredths;
    uint64_t w, h;
    if (!view_cut(word, '=', &name, &value) || !view_eq_str(name, key) || !view_cut(value, '.', &whole, &hundredths) || hundredths.n != 2)
        return false;
    if (num_parse_u64(whole, UINT32_MAX, &w) != NUM_OK || num_parse_u64(hundredths, 99, &h) != NUM_OK)
        return false;
    *ret = (double)w + (double)h / 100;
    return true;
}

static bool pressure_line(struct view words, struct cgroup_pressure_line *ret)
{
    static const char *const keys[] = {"avg10", "avg60", "avg300"};
    double *const averages[] = {&ret->avg10, &ret->avg60, &ret->avg300};
    struct view word, name, value;
    uint64_t us;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!view_cut(words, ' ', &word, &words) || !average(word, keys[i], averages[i]))
            return false;
    if (!view_cut(words, '=', &name, &value) || !view_eq_str(name, "total") || num_parse_u64(value, UINT64_MAX, &us) != NUM_OK)
        return false;
    ret->there = true;
    return num_mul_u64(us, 1000, &ret->total);
}

bool cgroup_pressure_parse(struct view file, struct cgroup_pressure *ret)
{
    struct cgroup_pressure p = {0};
    struct view line, kind, words;
    while (view_next_line(&file, &line)) {
        view_cut(line, ' ', &kind, &words);
        if (view_eq_str(kind, "some") && !pressure_line(words, &p.some))
            return false;
        if (view_eq_str(kind, "full") && !pressure_line(words, &p.full))
            return false;
    }
    if (!p.some.there && !p.full.there)
        return false;
    *ret = p;
    return true;
}
