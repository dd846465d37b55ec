/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of the files that the containers of a pod share: /etc/resolv.conf, /etc/hostname.
 * (/etc/hosts is a copy of the host's file; kubelet writes its own over it.)
 */
#ifndef CRI_OCI_PODFILES_H
#define CRI_OCI_PODFILES_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "cri/runtime_v1.pb-c.h"

/* Text of resolv.conf: a search line, a nameserver line for each server, an options line; an empty list gives no line, so the
 * text may be "". Without a DNSConfig at all the host's file is to be copied, and this function is not to be called.
 * max_searches: 0 stands for OCI_DNS_SEARCHES_MAX. INVALID_ARGUMENT names the entry that is empty, has a control character or is
 * one too many. In a. (resolv.conf(5); CRI DNSConfig.) */
int oci_resolv_conf(const Runtime__V1__DNSConfig *dns, size_t max_searches, struct arena *a, char **ret_text, struct err *e);

/* Text of the hostname file: the pod's name, or the node's where the pod has none, and a newline. INVALID_ARGUMENT when the name
 * has a control character, blank or slash, or is longer than 64 bytes (sethostname(2)). In a. */
int oci_hostname_file(const char *pod_hostname, const char *node_hostname, struct arena *a, char **ret_text, struct err *e);

#endif
