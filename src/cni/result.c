/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the plugins' results to the pod's: interfaces by name with their addresses, the pod's own address among them, and the JSON
 * in which containerd's plugin keeps this in a sandbox's metadata.
 */
#include <stdlib.h>
#include <string.h>

#include "cni/internal.h"
#include "parse/cniresult.h"
#include "parse/jsonscan.h"

enum { TEXT_MAX = 1 << 20 };

struct builder {
    struct arena *a;
    struct cni_pod_interface *v;
    size_t n, cap;
};

/* The interface of that name, made if need be. NULL without memory. */
static struct cni_pod_interface *interface_named(struct builder *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->v[i].name, name) == 0)
            return &b->v[i];
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 8;
        struct cni_pod_interface *v = ARENA_NEW_N(b->a, struct cni_pod_interface, cap);
        if (!v)
            return NULL;
        if (b->n)
            memcpy(v, b->v, b->n * sizeof(*v));
        b->v = v;
        b->cap = cap;
    }
    char *copy = arena_strdup(b->a, name);
    if (!copy)
        return NULL;
    struct cni_pod_interface *i = &b->v[b->n++];
    *i = (struct cni_pod_interface){.name = copy, .mac = "", .sandbox = "", .pci_id = "", .socket_path = ""};
    return i;
}

static int add_address(struct builder *b, struct cni_pod_interface *i, const char *address, const char *gateway)
{
    if ((i->n_ips & (i->n_ips - 1)) == 0) { /* full at 0, 1, 2, 4, ...: room for twice as many */
        struct cni_pod_ip *ips = ARENA_NEW_N(b->a, struct cni_pod_ip, i->n_ips ? 2 * i->n_ips : 1);
        if (!ips)
            return -ERR_RESOURCE_EXHAUSTED;
        if (i->n_ips)
            memcpy(ips, i->ips, i->n_ips * sizeof(*ips));
        i->ips = ips;
    }
    char *at = arena_strdup(b->a, address), *via = arena_strdup(b->a, gateway ? gateway : "");
    if (!at || !via)
        return -ERR_RESOURCE_EXHAUSTED;
    i->ips[i->n_ips++] = (struct cni_pod_ip){.address = at, .gateway = via};
    return 0;
}

/* What the loopback plugin would have answered. */
static int add_loopback(struct builder *b, const char *netns, bool ipv6)
{
    struct cni_pod_interface *lo = interface_named(b, "lo");
    if (!lo)
        return -ERR_RESOURCE_EXHAUSTED;
    lo->mac = "00:00:00:00:00:00";
    lo->sandbox = arena_strdup(b->a, netns);
    if (!lo->sandbox || add_address(b, lo, "127.0.0.1", "") < 0)
        return -ERR_RESOURCE_EXHAUSTED;
    return ipv6 ? add_address(b, lo, "::1", "") : 0;
}

/* A string member of a result's interface that parse/cniresult does not read; "" when it is absent. */
static const char *extra_member(struct arena *a, struct jsonscan_value interface, const char *name)
{
    struct jsonscan_value v = jsonscan_get(interface, name);
    return v.kind == JSONSCAN_STRING ? jsonscan_strdup(v.raw, a) : "";
}

static int add_interfaces(struct builder *b, struct jsonscan_value root, const struct cni_result *r)
{
    struct jsonscan_iter it = jsonscan_iter(jsonscan_get(root, "interfaces"));
    struct jsonscan_value raw;

    for (size_t k = 0; k < r->n_interfaces; k++) {
        if (!jsonscan_next(&it, NULL, &raw))
            raw = (struct jsonscan_value){0};
        struct cni_pod_interface *i = interface_named(b, r->interfaces[k].name);
        if (!i)
            return -ERR_RESOURCE_EXHAUSTED;
        i->mac = arena_strdup(b->a, r->interfaces[k].mac);
        i->sandbox = arena_strdup(b->a, r->interfaces[k].sandbox);
        i->pci_id = extra_member(b->a, raw, "pciID");
        i->socket_path = extra_member(b->a, raw, "socketPath");
        i->n_ips = 0; /* a name that an earlier network used starts anew, as in containerd's plugin */
        if (!i->mac || !i->sandbox || !i->pci_id || !i->socket_path)
            return -ERR_RESOURCE_EXHAUSTED;
    }
    return 0;
}

static int add_addresses(struct builder *b, const struct cni_result *r, const char *ifname)
{
    for (size_t k = 0; k < r->n_ips; k++) {
        const struct cni_ip *ip = &r->ips[k];
        const char *name = ip->interface >= 0 ? r->interfaces[ip->interface].name : ifname;
        struct cni_pod_interface *i = interface_named(b, name);
        if (!i || add_address(b, i, ip->address, ip->gateway) < 0)
            return -ERR_RESOURCE_EXHAUSTED;
    }
    return 0;
}

static void write_strings(struct jsonw *w, const char *key, const struct strlist *l)
{
    if (l->n == 0)
        return;
    jsonw_key(w, key);
    jsonw_array(w);
    for (size_t i = 0; i < l->n; i++)
        jsonw_str(w, l->v[i]);
    jsonw_array_end(w);
}

static int add_dns(struct arena *a, const struct cni_dns *dns, struct strlist *to, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(2 * TEXT_MAX);
    struct jsonw w;

    jsonw_init(&w, &text);
    jsonw_object(&w);
    write_strings(&w, "nameservers", &dns->nameservers);
    if (dns->domain && dns->domain[0])
        jsonw_key_str(&w, "domain", dns->domain);
    write_strings(&w, "search", &dns->search);
    write_strings(&w, "options", &dns->options);
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    return strlist_add(to, a, text.p) < 0 ? err_oom(e) : 0;
}

/* The numbers that CNI 1.1 added to a route; 0 is left out where Go leaves it out. */
static void write_route_numbers(struct jsonw *w, struct jsonscan_value raw)
{
    static const char *const omit_zero[] = {"mtu", "advmss", "priority"}, *const keep_zero[] = {"table", "scope"};
    for (size_t i = 0; i < ARRAY_SIZE(omit_zero) + ARRAY_SIZE(keep_zero); i++) {
        bool keeps = i >= ARRAY_SIZE(omit_zero);
        const char *name = keeps ? keep_zero[i - ARRAY_SIZE(omit_zero)] : omit_zero[i];
        struct jsonscan_value v = jsonscan_get(raw, name);
        if (v.kind != JSONSCAN_NUMBER || (!keeps && view_eq_str(v.raw, "0")))
            continue;
        jsonw_key(w, name);
        jsonw_raw(w, v.raw);
    }
}

static int add_routes(struct arena *a, struct jsonscan_value root, const struct cni_result *r, struct strlist *to, struct err *e)
{
    struct jsonscan_value list = jsonscan_get(root, "routes"), raw;
    struct jsonscan_iter it = jsonscan_iter(list);
    bool same = jsonscan_count(list) == r->n_routes; /* not so in results of 0.2.0, where routes belong to an address */

    for (size_t k = 0; k < r->n_routes; k++) {
        _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
        struct jsonw w;
        jsonw_init(&w, &text);
        jsonw_object(&w);
        jsonw_key_str(&w, "dst", r->routes[k].dst);
        if (r->routes[k].gateway && r->routes[k].gateway[0])
            jsonw_key_str(&w, "gw", r->routes[k].gateway);
        if (same && jsonscan_next(&it, NULL, &raw))
            write_route_numbers(&w, raw);
        jsonw_object_end(&w);
        TRY(jsonw_finish(&w, e));
        if (strlist_add(to, a, text.p) < 0)
            return err_oom(e);
    }
    return 0;
}

static int add_result(struct builder *b, const struct cni_network *net, struct view text, struct cni_pod_result *to,
                      struct err *e)
{
    struct jsonscan_value root;
    struct cni_result r;

    TRY(jsonscan_parse(text, &root, e));
    TRY(cni_result_parse(text, net->conf.cni_version, b->a, &r, e));
    if (add_interfaces(b, root, &r) < 0 || add_addresses(b, &r, net->ifname) < 0)
        return err_oom(e);
    TRY(add_dns(b->a, &r.dns, &to->dns, e));
    return add_routes(b->a, root, &r, &to->routes, e);
}

static int compare_interfaces(const void *a, const void *b)
{
    return strcmp(((const struct cni_pod_interface *)a)->name, ((const struct cni_pod_interface *)b)->name);
}

static bool is_ipv6(const char *address)
{
    return strchr(address, ':') != NULL;
}

/* The pod's address by preference; all others in the plugin's order. */
static int choose_addresses(struct arena *a, const struct cni_pod_interface *i, enum cni_ip_pref pref, struct cni_pod_result *ret)
{
    size_t chosen = 0;
    for (size_t k = 0; pref != CNI_IP_PREF_CNI && k < i->n_ips; k++)
        if (is_ipv6(i->ips[k].address) == (pref == CNI_IP_PREF_IPV6)) {
            chosen = k;
            break;
        }
    ret->ip = i->ips[chosen].address;
    for (size_t k = 0; k < i->n_ips; k++)
        if (k != chosen && strlist_add(&ret->additional_ips, a, i->ips[k].address) < 0)
            return -ERR_RESOURCE_EXHAUSTED;
    return 0;
}

int cni_result_build(struct arena *a, const struct cni_networks *networks, const struct view *results, const struct cni_pod *pod,
                     bool lo_ipv6, enum cni_ip_pref pref, struct cni_pod_result *ret, struct err *e)
{
    struct cni_pod_result result = {0};
    struct builder b = {.a = a};

    if (!interface_named(&b, CNI_DEFAULT_IFNAME) || add_loopback(&b, pod->netns, lo_ipv6) < 0 ||
        strlist_add(&result.dns, a, "{}") < 0)
        return err_oom(e);
    for (size_t i = 0; i < networks->n; i++)
        TRY(add_result(&b, &networks->v[i], results[i], &result, e));
    const struct cni_pod_interface *eth0 = interface_named(&b, CNI_DEFAULT_IFNAME);
    if (!eth0)
        return err_oom(e);
    if (eth0->n_ips == 0)
        return err_raise(e, ERR_UNKNOWN,
                         "failed to find network info for sandbox \"%s\": network \"%s\" gave " CNI_DEFAULT_IFNAME " no address",
                         pod->id, networks->v[0].conf.name);
    if (choose_addresses(a, eth0, pref, &result) < 0)
        return err_oom(e);
    qsort(b.v, b.n, sizeof(*b.v), compare_interfaces);
    result.interfaces = b.v;
    result.n_interfaces = b.n;
    *ret = result;
    return 0;
}

static void write_interface(struct jsonw *w, const struct cni_pod_interface *i)
{
    jsonw_key(w, i->name);
    jsonw_object(w);
    jsonw_key(w, "IPConfigs");
    if (i->n_ips) {
        jsonw_array(w);
        for (size_t k = 0; k < i->n_ips; k++) {
            jsonw_object(w);
            jsonw_key_str(w, "IP", i->ips[k].address);
            jsonw_key_str(w, "Gateway", i->ips[k].gateway);
            jsonw_object_end(w);
        }
        jsonw_array_end(w);
    } else {
        jsonw_null(w);
    }
    jsonw_key_str(w, "Mac", i->mac);
    jsonw_key_str(w, "Sandbox", i->sandbox);
    jsonw_key_str(w, "PciID", i->pci_id);
    jsonw_key_str(w, "SocketPath", i->socket_path);
    jsonw_object_end(w);
}

static void write_raw_list(struct jsonw *w, const char *key, const struct strlist *l)
{
    jsonw_key(w, key);
    if (l->n == 0) {
        jsonw_null(w);
        return;
    }
    jsonw_array(w);
    for (size_t i = 0; i < l->n; i++)
        jsonw_raw(w, view_of(l->v[i]));
    jsonw_array_end(w);
}

void cni_result_write_json(struct jsonw *w, const struct cni_pod_result *r)
{
    if (!r) {
        jsonw_null(w);
        return;
    }
    jsonw_object(w);
    jsonw_key(w, "Interfaces");
    jsonw_object(w);
    for (size_t i = 0; i < r->n_interfaces; i++)
        write_interface(w, &r->interfaces[i]);
    jsonw_object_end(w);
    write_raw_list(w, "DNS", &r->dns);
    write_raw_list(w, "Routes", &r->routes);
    jsonw_object_end(w);
}
