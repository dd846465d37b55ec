/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of network interfaces, see netdev.h.
 */
#include "parse/netdev.h"

#include "base/num.h"

enum { NAME_MAX_BYTES = 15, COLUMNS = 16, RX_BYTES = 0, RX_ERRORS = 2, TX_BYTES = 8, TX_ERRORS = 10 };

/* A word off *rest, which is padded with blanks on the left. */
static struct view next_word(struct view *rest)
{
    struct view word;
    *rest = view_trim(*rest);
    view_cut(*rest, ' ', &word, rest);
    return word;
}

static bool is_name(struct view name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '/' || name.p[i] == '\0' || view_find(VIEW_LIT(" \t\r\n\v\f"), name.p[i]) < 6)
            return false;
    return true;
}

static bool parse_line(struct view line, struct netdev *ret)
{
    uint64_t v[COLUMNS];
    struct view name;
    if (!view_cut(line, ':', &name, &line))
        return false;
    name = view_trim(name);
    for (size_t i = 0; i < COLUMNS; i++)
        if (num_parse_u64(next_word(&line), UINT64_MAX, &v[i]) != NUM_OK)
            return false;
    if (!is_name(name) || view_trim(line).n > 0)
        return false;
    *ret = (struct netdev){.name = name, .rx_bytes = v[RX_BYTES], .rx_errors = v[RX_ERRORS], .tx_bytes = v[TX_BYTES], .tx_errors = v[TX_ERRORS]};
    return true;
}

bool netdev_next(struct view *rest, struct netdev *ret)
{
    struct view line;
    while (view_next_line(rest, &line))
        if (parse_line(line, ret))
            return true;
    return false;
}
