/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's pod address ranges. The kubelet tells them once (UpdateRuntimeConfig), not again when only the daemon restarts, so they are kept in
 * <root>/pod-cidr.
 */
#ifndef CRI_CRI_POD_CIDR_H
#define CRI_CRI_POD_CIDR_H

#include "cri/service.h"

/* Hands the ranges that were told last to the network, as the RPC does. What is wrong with them is logged: a node starts without. */
void cri_pod_cidr_restore(struct cri_service *s);

#endif
