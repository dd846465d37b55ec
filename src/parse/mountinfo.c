/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of mountinfo, see mountinfo.h.
 */
#include "parse/mountinfo.h"

#include "base/num.h"

static bool parse_u32(struct view v, uint32_t *ret)
{
    uint64_t n;
    if (num_parse_u64(v, UINT32_MAX, &n) != NUM_OK)
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* "shared:5", "master:5", "propagate_from:5", "unbindable", or something newer. False for a known one without its number. */
static bool parse_optional(struct view field, struct mountinfo *m)
{
    struct view name, value;
    view_cut(field, ':', &name, &value);
    if (view_eq_str(name, "shared"))
        return parse_u32(value, &m->shared);
    if (view_eq_str(name, "master"))
        return parse_u32(value, &m->master);
    if (view_eq_str(name, "propagate_from"))
        return parse_u32(value, &m->propagate_from);
    m->unbindable = m->unbindable || view_eq_str(name, "unbindable");
    return true;
}

/* Takes the next field, which must not be the last. */
static bool field(struct view *rest, struct view *ret)
{
    return view_cut(*rest, ' ', ret, rest);
}

static bool parse_numbers(struct view *rest, struct mountinfo *m)
{
    struct view id, parent, device, major, minor;
    return field(rest, &id) && parse_u32(id, &m->id) && field(rest, &parent) && parse_u32(parent, &m->parent) && field(rest, &device) &&
           view_cut(device, ':', &major, &minor) && parse_u32(major, &m->major) && parse_u32(minor, &m->minor);
}

bool mountinfo_parse(struct view line, struct mountinfo *ret)
{
    struct mountinfo m = {.id = 0};
    struct view optional;
    if (!parse_numbers(&line, &m) || !field(&line, &m.root) || !field(&line, &m.mount_point) || !field(&line, &m.options))
        return false;
    if (m.root.n == 0 || m.mount_point.n == 0 || m.mount_point.p[0] != '/')
        return false;
    for (;;) {
        if (!field(&line, &optional))
            return false;
        if (view_eq_str(optional, "-"))
            break;
        if (!parse_optional(optional, &m))
            return false;
    }
    if (!field(&line, &m.fstype) || m.fstype.n == 0 || !field(&line, &m.source))
        return false;
    m.super_options = line;
    *ret = m;
    return true;
}

/* The byte at *i, unescaped; *i moves behind it. */
static char next_byte(struct view v, size_t *i)
{
    uint64_t value;
    if (v.p[*i] == '\\' && num_parse_octal(view_slice(v, *i + 1, *i + 4), 0377, &value) == NUM_OK && v.n - *i >= 4) {
        *i += 4;
        return (char)value;
    }
    return v.p[(*i)++];
}

size_t mountinfo_unescape(struct view v, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < v.n;)
        out[n++] = next_byte(v, &i);
    return n;
}

bool mountinfo_has_option(struct view options, const char *name)
{
    struct view option;
    bool more = true;
    while (more) {
        more = view_cut(options, ',', &option, &options);
        if (option.n > 0 && view_eq_str(option, name))
            return true;
    }
    return false;
}

/* Is the (escaped) mount point the path or a parent of it? Then *ret_n is its unescaped length. */
static bool covers(struct view mount_point, struct view path, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < mount_point.n;) {
        char c = next_byte(mount_point, &i);
        if (n >= path.n || path.p[n] != c)
            return false;
        n++;
    }
    *ret_n = n;
    return n == path.n || n == 1 || path.p[n] == '/';
}

bool mountinfo_find(struct view file, struct view path, struct mountinfo *ret)
{
    struct view line;
    struct mountinfo m;
    size_t best = 0, n;
    while (view_next_line(&file, &line)) {
        if (!mountinfo_parse(line, &m) || !covers(m.mount_point, path, &n) || n < best)
            continue;
        best = n;
        *ret = m;
    }
    return best > 0;
}
