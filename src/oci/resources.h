/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: what CRI says in LinuxContainerResources as what the OCI runtime reads in linux.resources, for Tasks.Update and for
 * the stored spec.
 */
#ifndef CRI_OCI_RESOURCES_H
#define CRI_OCI_RESOURCES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "oci/spec.h"

/* Writes the linux.resources object that UpdateContainerResources hands to Tasks.Update (OCI_TYPE_URL_LINUX_RESOURCES): what r
 * sets, on top of current, the linux.resources object of the stored spec as JSON text (empty: nothing). Zero and "" in r mean
 * "leave as it is"; entries of unified and hugepage_limits replace those of the same name. A memory limit without a swap limit
 * brings a swap limit equal to it where the host has the controller. Devices and members not known here are kept.
 * INVALID_ARGUMENT names a value out of its range; DATA_LOSS when current cannot be read. (OCI config-linux.md; CRI
 * LinuxContainerResources.) */
int oci_linux_resources_json(const Runtime__V1__LinuxContainerResources *r, const struct oci_host *host,
                             const struct oci_policy *policy, struct view current, struct oci_notes *notes, struct arena *a,
                             struct buf *out, struct err *e);

/* Writes the stored spec anew with r merged into linux.resources (and process.oomScoreAdj left as it is: it cannot be changed
 * later). ret_resources (may be NULL) gets the new linux.resources object, in a. Errors as above. */
int oci_spec_update_resources(struct view spec, const Runtime__V1__LinuxContainerResources *r, const struct oci_host *host,
                              const struct oci_policy *policy, struct oci_notes *notes, struct arena *a, struct buf *out,
                              struct view *ret_resources, struct err *e);

#endif
