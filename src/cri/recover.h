/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recover: after a start, the stores are filled from what containerd, the status files and the tasks tell. A record that cannot be read is
 * reported and set aside; it never keeps the daemon from starting.
 */
#ifndef CRI_CRI_RECOVER_H
#define CRI_CRI_RECOVER_H

#include "cri/service.h"

struct cri_recovered {
    size_t sandboxes, containers, images, set_aside;
};

/* Fills the stores. Fails only when containerd cannot be asked or memory is short. */
int cri_recover(struct cri_service *s, const struct ctx *ctx, struct cri_recovered *ret, struct err *e);

/* Removes directories of pods and containers that do not exist (none when a record was set aside: its files may be wanted), and finishes the removal of
 * pods whose making was interrupted. Called once, after cri_recover and before the first call is served. */
void cri_recover_clean(struct cri_service *s, const struct ctx *ctx, const struct cri_recovered *recovered);

#endif
