/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and errors of CNI plugins, see cniresult.h.
 */
#include "parse/cniresult.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/num.h"
#include "parse/cniconf.h"
#include "parse/jsonscan.h"

enum { STRING_MAX = 64 * 1024, DNS_MAX = 256 };

/* The bytes of an address in network order; 0 when it is none, else 4 or 6. */
static int parse_ip(struct view v, uint8_t bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[CNI_IP_TEXT_MAX];
    if (v.n == 0 || v.n >= sizeof text || view_find(v, '\0') < v.n)
        return 0;
    memcpy(text, v.p, v.n);
    text[v.n] = '\0';
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, bytes) != 1)
        return 0;
    if (memcmp(bytes, mapped, sizeof mapped) != 0)
        return 6;
    memmove(bytes, bytes + sizeof mapped, 4);
    return 4;
}

bool cni_ip_canonical(struct view v, char out[CNI_IP_TEXT_MAX], bool *ret_v6)
{
    uint8_t bytes[16];
    int family = parse_ip(v, bytes);
    if (family == 0)
        return false;
    inet_ntop(family == 6 ? AF_INET6 : AF_INET, bytes, out, CNI_IP_TEXT_MAX);
    *ret_v6 = family == 6;
    return true;
}

/* "address/prefix" */
static int parse_cidr(struct jsonscan_value v, const char *what, struct arena *a, struct cni_ip *ret, struct err *e)
{
    char canonical[CNI_IP_TEXT_MAX], *text = NULL;
    struct view address, prefix;
    uint64_t n = 0;
    TRY(jsonscan_str(v, what, STRING_MAX, a, &text, e));
    if (!text)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is missing", what);
    if (!view_cut(view_of(text), '/', &address, &prefix) || !cni_ip_canonical(address, canonical, &ret->v6))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s \"%.64s\" is not an address with a prefix length", what, text);
    /* The prefix of an IPv4-mapped address counts from the IPv6 bits. */
    unsigned shift = !ret->v6 && view_find(address, ':') < address.n ? 96 : 0;
    if (num_parse_u64(prefix, ret->v6 ? 128 : 32 + shift, &n) != NUM_OK || n < shift)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s \"%.64s\" has a bad prefix length", what, text);
    ret->prefix = (unsigned)n - shift;
    ret->address = arena_strdup(a, canonical);
    return ret->address ? 0 : err_oom(e);
}

static int parse_gateway(struct jsonscan_value v, const char *what, struct arena *a, const char **ret, struct err *e)
{
    char canonical[CNI_IP_TEXT_MAX] = "", *text = NULL;
    bool v6;
    TRY(jsonscan_str(v, what, STRING_MAX, a, &text, e));
    if (text && text[0] && !cni_ip_canonical(view_of(text), canonical, &v6))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s \"%.64s\" is not an address", what, text);
    *ret = arena_strdup(a, canonical);
    return *ret ? 0 : err_oom(e);
}

static int need_object(struct jsonscan_value v, struct err *e)
{
    if (v.kind == JSONSCAN_OBJECT)
        return 0;
    return err_raise(e, ERR_INVALID_ARGUMENT, "it is %s, not an object", jsonscan_kind_name(v.kind));
}

static int parse_interface(struct jsonscan_value v, struct arena *a, struct cni_result *r, size_t i, struct err *e)
{
    static const char *const names[] = {"name", "mac", "sandbox", "mtu"};
    struct cni_interface *ret = &r->interfaces[i];
    struct jsonscan_value m[ARRAY_SIZE(names)];
    TRY(need_object(v, e));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(jsonscan_text(m[0], "name", STRING_MAX, a, &ret->name, e));
    TRY(jsonscan_text(m[1], "mac", STRING_MAX, a, &ret->mac, e));
    TRY(jsonscan_text(m[2], "sandbox", STRING_MAX, a, &ret->sandbox, e));
    return jsonscan_i64(m[3], "mtu", 0, UINT32_MAX, &ret->mtu, e);
}

static int parse_ip_config(struct jsonscan_value v, struct arena *a, struct cni_result *r, size_t i, struct err *e)
{
    static const char *const names[] = {"address", "gateway", "interface"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    struct cni_ip *ret = &r->ips[i];
    int64_t interface = -1;
    TRY(need_object(v, e));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(parse_cidr(m[0], "address", a, ret, e));
    TRY(parse_gateway(m[1], "gateway", a, &ret->gateway, e));
    TRY(jsonscan_i64(m[2], "interface", 0, INT32_MAX, &interface, e));
    if (interface >= (int64_t)r->n_interfaces)
        return err_raise(e, ERR_INVALID_ARGUMENT, "interface is %lld, but there are %zu interfaces", (long long)interface, r->n_interfaces);
    ret->interface = (ptrdiff_t)interface;
    return 0;
}

static int parse_route(struct jsonscan_value v, struct arena *a, struct cni_result *r, size_t i, struct err *e)
{
    static const char *const names[] = {"dst", "gw"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    struct cni_route *ret = &r->routes[i];
    struct cni_ip dst;
    TRY(need_object(v, e));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(parse_cidr(m[0], "dst", a, &dst, e));
    TRY(parse_gateway(m[1], "gw", a, &ret->gateway, e));
    ret->dst = arena_printf(a, "%s/%u", dst.address, dst.prefix);
    return ret->dst ? 0 : err_oom(e);
}

typedef int parse_element(struct jsonscan_value v, struct arena *a, struct cni_result *r, size_t i, struct err *e);

/* Runs f for each element of an array; room has been made at *list. */
static int parse_list(struct jsonscan_value v, const char *what, parse_element *f, struct arena *a, struct cni_result *r, struct err *e)
{
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    size_t i = 0;
    while (jsonscan_next(&it, NULL, &element)) {
        int code = f(element, a, r, i, e);
        if (code < 0)
            return err_wrap(e, code, "%s[%zu]", what, i);
        i++;
    }
    return 0;
}

static int make_room(struct jsonscan_value v, const char *what, struct arena *a, size_t size, size_t *ret_n, void **ret, struct err *e)
{
    bool present;
    TRY(jsonscan_array(v, what, CNI_RESULT_LIST_MAX, &present, e));
    *ret_n = jsonscan_count(v);
    *ret = arena_calloc(a, *ret_n, size);
    return *ret ? 0 : err_oom(e);
}

static int parse_dns(struct jsonscan_value v, struct arena *a, struct cni_dns *ret, struct err *e)
{
    static const char *const names[] = {"nameservers", "search", "options", "domain"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    bool present;
    TRY(jsonscan_object(v, "dns", SIZE_MAX, &present, e));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(jsonscan_strlist(m[0], "dns.nameservers", DNS_MAX, STRING_MAX, a, &ret->nameservers, NULL, e));
    TRY(jsonscan_strlist(m[1], "dns.search", DNS_MAX, STRING_MAX, a, &ret->search, NULL, e));
    TRY(jsonscan_strlist(m[2], "dns.options", DNS_MAX, STRING_MAX, a, &ret->options, NULL, e));
    return jsonscan_text(m[3], "dns.domain", STRING_MAX, a, &ret->domain, e);
}

/* Versions 0.3.0 and later. */
static int parse_current(struct jsonscan_value document, struct arena *a, struct cni_result *r, struct err *e)
{
    static const char *const names[] = {"interfaces", "ips", "routes"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    void *room;
    jsonscan_pick(document, names, ARRAY_SIZE(names), m);
    TRY(make_room(m[0], "interfaces", a, sizeof *r->interfaces, &r->n_interfaces, &room, e));
    r->interfaces = room;
    TRY(make_room(m[1], "ips", a, sizeof *r->ips, &r->n_ips, &room, e));
    r->ips = room;
    TRY(make_room(m[2], "routes", a, sizeof *r->routes, &r->n_routes, &room, e));
    r->routes = room;
    TRY(parse_list(m[0], "interfaces", parse_interface, a, r, e));
    TRY(parse_list(m[1], "ips", parse_ip_config, a, r, e));
    return parse_list(m[2], "routes", parse_route, a, r, e);
}

/* {"ip4": {"ip": ..., "gateway": ..., "routes": [...]}, "ip6": ...}: the one address of a family, with its routes behind those that are
 * there already. */
static int parse_family(struct jsonscan_value v, bool v6, struct arena *a, struct cni_result *r, struct err *e)
{
    static const char *const names[] = {"ip", "gateway", "routes"};
    struct jsonscan_value m[ARRAY_SIZE(names)], element;
    struct cni_ip *ip = &r->ips[r->n_ips];
    bool present;
    TRY(jsonscan_object(v, v6 ? "ip6" : "ip4", SIZE_MAX, &present, e));
    if (!present)
        return 0;
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(parse_cidr(m[0], v6 ? "ip6.ip" : "ip4.ip", a, ip, e));
    if (ip->v6 != v6)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s.ip is an address of the other family", v6 ? "ip6" : "ip4");
    TRY(parse_gateway(m[1], v6 ? "ip6.gateway" : "ip4.gateway", a, &ip->gateway, e));
    ip->interface = -1;
    r->n_ips++;
    struct jsonscan_iter it = jsonscan_iter(m[2]);
    while (jsonscan_next(&it, NULL, &element)) {
        int code = parse_route(element, a, r, r->n_routes, e);
        if (code < 0)
            return err_wrap(e, code, "%s.routes", v6 ? "ip6" : "ip4");
        r->n_routes++;
    }
    return 0;
}

/* Versions 0.1.0 and 0.2.0. */
static int parse_legacy(struct jsonscan_value document, struct arena *a, struct cni_result *r, struct err *e)
{
    struct jsonscan_value ip4 = jsonscan_get(document, "ip4"), ip6 = jsonscan_get(document, "ip6");
    struct jsonscan_value routes4 = jsonscan_get(ip4, "routes"), routes6 = jsonscan_get(ip6, "routes");
    bool present;
    TRY(jsonscan_array(routes4, "ip4.routes", CNI_RESULT_LIST_MAX, &present, e));
    TRY(jsonscan_array(routes6, "ip6.routes", CNI_RESULT_LIST_MAX, &present, e));
    r->ips = ARENA_NEW_N(a, struct cni_ip, 2);
    r->routes = ARENA_NEW_N(a, struct cni_route, jsonscan_count(routes4) + jsonscan_count(routes6));
    if (!r->ips || !r->routes)
        return err_oom(e);
    TRY(parse_family(ip4, false, a, r, e));
    return parse_family(ip6, true, a, r, e);
}

int cni_result_parse(struct view json, const char *version, struct arena *a, struct cni_result *ret, struct err *e)
{
    static const char *const known[] = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
    struct jsonscan_value document;
    struct cni_result r = {.n_ips = 0};
    size_t i = 0;
    TRY(jsonscan_document(json, "result of the plugin", CNI_RESULT_BYTES_MAX, &document, e));
    TRY(jsonscan_text(jsonscan_get(document, "cniVersion"), "cniVersion", STRING_MAX, a, &r.cni_version, e));
    if (!r.cni_version[0])
        r.cni_version = arena_strdup(a, version);
    if (!r.cni_version)
        return err_oom(e);
    while (i < ARRAY_SIZE(known) && strcmp(r.cni_version, known[i]) != 0)
        i++;
    if (i == ARRAY_SIZE(known))
        return err_raise(e, ERR_INVALID_ARGUMENT, "cniVersion \"%.64s\" of the result is not known", r.cni_version);
    if (i < 2)
        TRY(parse_legacy(document, a, &r, e));
    else
        TRY(parse_current(document, a, &r, e));
    TRY(parse_dns(jsonscan_get(document, "dns"), a, &r.dns, e));
    *ret = r;
    return 0;
}

int cni_error_parse(struct view json, struct arena *a, struct cni_error *ret, struct err *e)
{
    static const char *const names[] = {"code", "msg", "details", "cniVersion"};
    struct jsonscan_value document, m[ARRAY_SIZE(names)];
    struct cni_error error = {.code = 0};
    int64_t code = -1;
    TRY(jsonscan_document(json, "error of the plugin", CNI_RESULT_BYTES_MAX, &document, e));
    jsonscan_pick(document, names, ARRAY_SIZE(names), m);
    TRY(jsonscan_i64(m[0], "code", 0, UINT32_MAX, &code, e));
    if (code < 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "code is missing");
    error.code = (uint32_t)code;
    TRY(jsonscan_text(m[1], "msg", STRING_MAX, a, &error.msg, e));
    TRY(jsonscan_text(m[2], "details", STRING_MAX, a, &error.details, e));
    TRY(jsonscan_text(m[3], "cniVersion", STRING_MAX, a, &error.cni_version, e));
    *ret = error;
    return 0;
}
