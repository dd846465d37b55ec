/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netdev: /proc/<pid>/net/dev, the counters of the interfaces of a network namespace (proc(5)). Names of interfaces can be chosen by containers. Pure code,
 * open to proof.
 */
#ifndef CRI_PARSE_NETDEV_H
#define CRI_PARSE_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct netdev {
    struct view name; /* 1 to 15 bytes of any value but '/', ':' and blanks */
    uint64_t rx_bytes, rx_errors, tx_bytes, tx_errors;
};

/* Takes the next interface off *rest, passing over lines that are none (the two of the heading). False when there is no more. */
bool netdev_next(struct view *rest, struct netdev *ret);

#endif
