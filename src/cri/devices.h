/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: the device nodes of the host that a container gets: those that its configuration names, single or by directory, and, for a privileged one,
 * all of them.
 */
#ifndef CRI_CRI_DEVICES_H
#define CRI_CRI_DEVICES_H

#include "base/arena.h"
#include "base/err.h"
#include "cri/runtime_v1.pb-c.h"
#include "oci/spec.h"

/* Of one list. A path of "/" once made another runtime walk the whole file system, several times over (ADA-CRIO-22-04). */
enum { DEVICES_LOOKED_AT_MAX = 16384, DEVICES_DEPTH_MAX = 8 };

struct devices {
    struct oci_device *v;
    size_t n, cap;
    size_t looked_at; /* directory entries, over all calls */
};

/* Adds every character and block device below the directory `dir`, by paths below the directory `as` ("": "/"), with this access. No link is followed;
 * what container runtimes mount anew in each container (pts, shm, mqueue, console, ...) is passed over; what vanishes meanwhile or is deeper than
 * DEVICES_DEPTH_MAX is, too. OUT_OF_RANGE after DEVICES_LOOKED_AT_MAX entries. Everything lives in a. */
int devices_below(const char *dir, const char *as, const char *access, struct arena *a, struct devices *ret, struct err *e);

/* The devices that a configuration names. Errors name the field: NOT_FOUND for a path that is not there, INVALID_ARGUMENT for one that is neither a device
 * nor a directory. (CRI, Device) */
int devices_resolve(const Runtime__V1__ContainerConfig *config, struct arena *a, struct devices *ret, struct err *e);

#endif
