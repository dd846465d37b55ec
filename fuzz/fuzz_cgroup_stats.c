/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What usage figures are read from: the cgroup's path of a process, a pressure file, the counters of a pod's interfaces. The kernel writes them, but
 * names of cgroups and interfaces in them can be chosen by containers. An input is an id, a line "---", and the file, which is taken for each of the three. Reaches
 * parse/cgroupfile and parse/netdev.
 *
 * Oracle: the cut path ends in an element that holds the id and no element before it does; the parent is what stands above; pressure and counters that
 * are written out again as the kernel does read the same; the counters' digits and the name stand in the input, in one line, in their order.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "parse/cgroupfile.h"
#include "parse/netdev.h"

static bool has(struct view text, struct view part)
{
    return part.n > 0 && text.n > 0 && memmem(text.p, text.n, part.p, part.n);
}

static void check_path(struct view path, struct view id)
{
    struct view own, parent, rest, element;
    bool slash = view_find(id, '/') < id.n;
    if (!cgroup_path_cut(path, id, &own, &parent)) {
        FUZZ_CHECK(slash || path.n == 0 || path.p[0] != '/' || !has(path, id));
        return;
    }
    FUZZ_CHECK(!slash && own.p == path.p && own.n <= path.n && (own.n == path.n || path.p[own.n] == '/'));
    size_t last = view_rfind(own, '/');
    FUZZ_CHECK(has(view_slice(own, last, own.n), id));
    FUZZ_CHECK(parent.p == path.p && parent.n == (last ? last : 1));
    rest = view_slice(own, 0, last);
    for (bool more = rest.n > 0; more;) {
        more = view_cut(rest, '/', &element, &rest);
        FUZZ_CHECK(!has(element, id));
    }
}

static void put_pressure(char *out, size_t size, const char *kind, const struct cgroup_pressure_line *l)
{
    if (l->there)
        snprintf(out + strlen(out), size - strlen(out), "%s avg10=%.2f avg60=%.2f avg300=%.2f total=%" PRIu64 "\n", kind, l->avg10, l->avg60, l->avg300,
                 l->total / 1000);
}

static bool same_line(const struct cgroup_pressure_line *x, const struct cgroup_pressure_line *y)
{
    return x->there == y->there && x->total == y->total && x->avg10 == y->avg10 && x->avg60 == y->avg60 && x->avg300 == y->avg300;
}

static void check_pressure(struct view file)
{
    struct cgroup_pressure p, again;
    char text[512] = "";
    if (!cgroup_pressure_parse(file, &p))
        return;
    FUZZ_CHECK(p.some.there || p.full.there);
    FUZZ_CHECK(!p.some.there || has(file, VIEW_LIT("some avg10=")));
    FUZZ_CHECK(!p.full.there || has(file, VIEW_LIT("full avg10=")));
    put_pressure(text, sizeof text, "some", &p.some);
    put_pressure(text, sizeof text, "full", &p.full);
    FUZZ_CHECK(cgroup_pressure_parse(view_of(text), &again));
    FUZZ_CHECK_MSG(same_line(&p.some, &again.some) && same_line(&p.full, &again.full), "%s", text);
}

static void check_counters(struct view file)
{
    struct view rest = file;
    struct netdev d, again;
    const char *at = file.p;
    while (netdev_next(&rest, &d)) {
        char line[512];
        FUZZ_CHECK(d.name.n > 0 && d.name.n < 16 && d.name.p >= at && d.name.p + d.name.n <= file.p + file.n);
        FUZZ_CHECK(!memchr(d.name.p, '/', d.name.n) && !memchr(d.name.p, ':', d.name.n) && !memchr(d.name.p, ' ', d.name.n) && !memchr(d.name.p, '\n', d.name.n));
        at = d.name.p + d.name.n;
        const char *end = memchr(at, '\n', (size_t)(file.p + file.n - at));
        const uint64_t values[] = {d.rx_bytes, d.rx_errors, d.tx_bytes, d.tx_errors};
        for (size_t i = 0; i < 4; i++) {
            char digits[24];
            struct view left = view_make(at, (size_t)((end ? end : file.p + file.n) - at));
            snprintf(digits, sizeof digits, "%" PRIu64, values[i]);
            FUZZ_CHECK_MSG(has(left, view_of(digits)), "%s", digits);
            at = (const char *)memmem(left.p, left.n, digits, strlen(digits)) + strlen(digits);
        }
        at = d.name.p + d.name.n;
        int n = snprintf(line, sizeof line, "%6.*s: %7" PRIu64 " 1 %4" PRIu64 " 2 3 4          5         6 %" PRIu64 " 7 %" PRIu64 " 8 9 10       11          12\n",
                         VIEW_ARG(d.name), d.rx_bytes, d.rx_errors, d.tx_bytes, d.tx_errors);
        struct view one = view_make(line, (size_t)n);
        FUZZ_CHECK(netdev_next(&one, &again) && one.n == 0 && view_eq(again.name, d.name));
        FUZZ_CHECK(again.rx_bytes == d.rx_bytes && again.rx_errors == d.rx_errors && again.tx_bytes == d.tx_bytes && again.tx_errors == d.tx_errors);
    }
    FUZZ_CHECK(rest.n == 0);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view file = view_make((const char *)data, size), id = fuzz_part(&file);
    if (size > 8192)
        return 0;
    check_path(file, id);
    check_pressure(file);
    check_counters(file);
    return 0;
}
