/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cniresult: what a CNI plugin prints: its result (CNI specification 0.1.0 to 1.1.0, section 5) or its error.
 *
 * Only versions known are read. The result is checked: addresses are addresses, an interface index points to an interface. It lives in
 * the caller's arena; the plugin's own text is what is passed on to the next plugin and stored, not this.
 */
#ifndef CRI_PARSE_CNIRESULT_H
#define CRI_PARSE_CNIRESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum {
    CNI_RESULT_BYTES_MAX = 1 << 20,
    CNI_RESULT_LIST_MAX = 1024, /* interfaces, addresses, routes */
};

struct cni_interface {
    const char *name, *mac, *sandbox; /* "" when absent; sandbox is empty for an interface on the host */
    int64_t mtu;
};

struct cni_ip {
    const char *address; /* canonical text, without prefix length */
    unsigned prefix;
    bool v6;
    const char *gateway;  /* canonical, "" when absent */
    ptrdiff_t interface; /* index into interfaces, -1 when not told */
};

struct cni_route {
    const char *dst; /* canonical "address/prefix" */
    const char *gateway;
};

struct cni_dns {
    struct strlist nameservers, search, options;
    const char *domain;
};

struct cni_result {
    const char *cni_version;
    struct cni_interface *interfaces;
    struct cni_ip *ips;
    struct cni_route *routes;
    size_t n_interfaces, n_ips, n_routes;
    struct cni_dns dns;
};

/* Decodes a result. version is that of the configuration, used when the result names none. -ERR_INVALID_ARGUMENT names the member. */
int cni_result_parse(struct view json, const char *version, struct arena *a, struct cni_result *ret, struct err *e);

/* The well-known codes (section 5, "Error"). */
enum { CNI_ERROR_TRY_AGAIN = 11, CNI_ERROR_NOT_AVAILABLE = 50, CNI_ERROR_LIMITED = 51 };

struct cni_error {
    const char *cni_version;
    uint32_t code;
    const char *msg, *details;
};
/* Decodes an error object. -ERR_INVALID_ARGUMENT when it is none (no member "code"). */
int cni_error_parse(struct view json, struct arena *a, struct cni_error *ret, struct err *e);

/* Canonical text of an IPv4 or IPv6 address; an IPv4-mapped one becomes IPv4. False when v is none. out holds CNI_IP_TEXT_MAX bytes. */
enum { CNI_IP_TEXT_MAX = 46 };
bool cni_ip_canonical(struct view v, char out[CNI_IP_TEXT_MAX], bool *ret_v6);

#endif
