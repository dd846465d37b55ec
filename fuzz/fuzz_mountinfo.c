/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mountinfo and cgroup files of a process. The kernel writes them, but mount points, sources and cgroup names in them can be chosen by
 * containers. An input is a path, a line "---", and the file. Reaches parse/mountinfo and parse/cgroupfile.
 *
 * Oracle: parts lie within their line and in its order; unescaping never grows a text and leaves a text without backslash alone; the mount
 * that is found for a path is one whose mount point is the path or a parent of it, and no line has a longer such one; the path found for a
 * controller stands in the file.
 */
#include "fuzz.h"
#include "parse/cgroupfile.h"
#include "parse/mountinfo.h"

static bool inside(struct view part, struct view whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Length of the unescaped mount point if it covers the path, else 0. */
static size_t covered(const struct mountinfo *m, struct view path)
{
    char point[4096];
    if (m->mount_point.n > sizeof point)
        return 0;
    size_t n = mountinfo_unescape(m->mount_point, point);
    FUZZ_CHECK(n <= m->mount_point.n && (view_find(m->mount_point, '\\') < m->mount_point.n || n == m->mount_point.n));
    if (n > path.n || memcmp(point, path.p, n) != 0)
        return 0;
    return n == path.n || n == 1 || path.p[n] == '/' ? n : 0;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view file = view_make((const char *)data, size), path = fuzz_part(&file), rest = file, line, value;
    struct mountinfo m, found;
    struct cgroup_line c;
    size_t best = 0;
    uint64_t number;
    if (size > 4096)
        return 0;
    while (view_next_line(&rest, &line)) {
        if (cgroup_line_parse(line, &c)) {
            FUZZ_CHECK(inside(c.controllers, line) && inside(c.path, line) && c.path.p[0] == '/');
            FUZZ_CHECK(cgroup_find(file, c.controllers.n || c.hierarchy == 0 ? c.controllers : VIEW_LIT("cpu"), &value) ||
                       view_find(c.controllers, ',') < c.controllers.n || (c.controllers.n == 0 && c.hierarchy != 0));
        }
        if (!mountinfo_parse(line, &m))
            continue;
        FUZZ_CHECK(inside(m.root, line) && inside(m.mount_point, line) && inside(m.options, line) && inside(m.fstype, line));
        FUZZ_CHECK(inside(m.source, line) && inside(m.super_options, line) && m.mount_point.p[0] == '/' && m.fstype.n > 0);
        FUZZ_CHECK(m.root.p < m.mount_point.p && m.mount_point.p < m.fstype.p);
        size_t n = covered(&m, path);
        best = n > best ? n : best;
    }
    bool is_found = mountinfo_find(file, path, &found);
    FUZZ_CHECK(is_found == (best > 0));
    FUZZ_CHECK(!is_found || covered(&found, path) == best);
    if (cgroup_find(file, path, &value))
        FUZZ_CHECK(inside(value, file) && value.p[0] == '/');
    if (cgroup_flat_value(file, path, &number))
        FUZZ_CHECK(memmem(file.p, file.n, path.p, path.n) || path.n == 0);
    cgroup_single_value(file, &number);
    return 0;
}
