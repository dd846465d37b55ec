/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that was probably meant: the nearest known one of the same depth by edit distance, else one that ends in the same name elsewhere. See key.h.
 */
#include "config/key.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 96, FAR = 1000 };

/* Number of bytes to insert, drop or change (Levenshtein); FAR when a third of the known name, and more than two, would have to. */
static unsigned distance(struct view known, struct view given)
{
    unsigned row[TEXT_MAX + 1], most = MAX_OF(2u, (unsigned)known.n / 3);
    struct view a = known, b = given;
    if (a.n > TEXT_MAX || b.n > TEXT_MAX || a.n > b.n + most || b.n > a.n + most)
        return FAR;
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned changed = diagonal + (a.p[i - 1] != b.p[j - 1]), added = MIN_OF(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = MIN_OF(changed, added);
        }
    }
    return row[b.n] > most ? FAR : row[b.n];
}

/* The first n components of a key's path into parts; the number of components that there are. */
static size_t split(const char *path, struct view parts[CONFIG_PATH_PARTS_MAX])
{
    struct view rest = view_of(path);
    size_t n = 0;
    while (rest.n > 0 && n < CONFIG_PATH_PARTS_MAX)
        view_cut(rest, '.', &parts[n++], &rest);
    return n;
}

static void join(char *buf, size_t size, const struct view *parts, size_t n, const struct view *given, size_t n_given)
{
    size_t at = 0;
    for (size_t i = 0; i < n && at < size; i++) {
        bool any = view_eq_str(parts[i], "*");
        struct view part = any && i < n_given ? given[i] : any ? VIEW_LIT("NAME") : parts[i];
        at += (size_t)snprintf(buf + at, size - at, "%s%.*s", i ? "." : "", VIEW_ARG(part));
    }
}

/* Sum of the components' distances; FAR where one is far. */
static unsigned far_from(const struct view *parts, const struct view *given, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned one = view_eq_str(parts[i], "*") ? 0 : distance(parts[i], given[i]);
        if (one == FAR)
            return FAR;
        sum += one;
    }
    return sum;
}

const char *config_suggest(const struct view *path, size_t n, char *buf, size_t size)
{
    struct view parts[CONFIG_PATH_PARTS_MAX];
    unsigned nearest = FAR;
    buf[0] = '\0';
    for (size_t i = 0; i < config_n_keys; i++) {
        size_t have = split(config_keys[i].path, parts);
        unsigned now = have < n ? FAR : far_from(parts, path, n);
        if (now < nearest) {
            nearest = now;
            join(buf, size, parts, n, path, n);
        }
    }
    for (size_t i = 0; i < config_n_keys && nearest == FAR; i++) {
        size_t have = split(config_keys[i].path, parts);
        if (view_eq(parts[have - 1], path[n - 1])) {
            nearest = 0;
            join(buf, size, parts, have, NULL, 0);
        }
    }
    return buf;
}
