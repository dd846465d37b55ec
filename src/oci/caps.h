/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities: names and numbers (capabilities(7)), and the sets that CRI's add and drop lists make of the default set.
 */
#ifndef CRI_OCI_CAPS_H
#define CRI_OCI_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "cri/runtime_v1.pb-c.h"

enum { OCI_CAP_COUNT = 41 }; /* 0 (CAP_CHOWN) to 40 (CAP_CHECKPOINT_RESTORE), as of Linux 5.9 */

/* Every known capability, and the fourteen that a container starts with. Bit n stands for capability n. */
#define OCI_CAPS_ALL ((UINT64_C(1) << OCI_CAP_COUNT) - 1)
uint64_t oci_caps_default(void);

/* The name of capability n with its prefix ("CAP_CHOWN"), NULL beyond the table. Static. */
const char *oci_cap_name(unsigned n);

/* The number of a capability from its name, in any case, with or without "CAP_". False when there is none. */
bool oci_cap_number(struct view name, unsigned *ret_number);

struct oci_caps {
    uint64_t effective; /* also permitted and bounding */
    uint64_t inheritable;
    uint64_t ambient;
};

/* The sets of a container: start (usually oci_caps_default()), ALL in add makes it available, ALL in drop empties it (when both
 * are given, drop comes second), then the names of add join and those of drop leave. add_ambient joins ambient, inheritable and
 * the rest; what is dropped by name is in no set. c may be NULL. INVALID_ARGUMENT names an unknown capability and the field it
 * stands in, or an ambient capability that is not available. */
int oci_caps_apply(const Runtime__V1__Capability *c, uint64_t start, uint64_t available, struct oci_caps *ret_caps,
                   struct err *e);

#endif
