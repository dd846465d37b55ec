/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What network plugins print: a line with the configuration's version, then the text. Controlled by a plugin, which may relay
 * what an address server sent. Reaches parse/cniresult.
 *
 * Oracle: in what is accepted, addresses and gateways are canonical (reading them again gives the same text), of the family they
 * claim, with a prefix that fits; an interface index points to an interface; destinations of routes are address/prefix; an error
 * object has a code and is read from any text that jansson reads as an object with such a member; failing allocations leave
 * nothing.
 */
#include "base/num.h"
#include "json_oracle.h"
#include "parse/cniresult.h"

static bool canonical(const char *s, bool v6)
{
    char out[CNI_IP_TEXT_MAX];
    bool is_v6;
    return cni_ip_canonical(view_of(s), out, &is_v6) && strcmp(s, out) == 0 && is_v6 == v6;
}

static void check(const struct cni_result *r)
{
    for (size_t i = 0; i < r->n_ips; i++) {
        const struct cni_ip *ip = &r->ips[i];
        FUZZ_CHECK(canonical(ip->address, ip->v6) && ip->prefix <= (ip->v6 ? 128u : 32u));
        FUZZ_CHECK(!ip->gateway[0] || canonical(ip->gateway, strchr(ip->gateway, ':') != NULL));
        FUZZ_CHECK(ip->interface >= -1 && ip->interface < (ptrdiff_t)r->n_interfaces);
    }
    for (size_t i = 0; i < r->n_routes; i++) {
        struct view address, prefix;
        uint64_t n;
        char text[CNI_IP_TEXT_MAX] = "";
        FUZZ_CHECK(view_cut(view_of(r->routes[i].dst), '/', &address, &prefix) && address.n < sizeof text);
        memcpy(text, address.p, address.n);
        bool v6 = strchr(text, ':') != NULL;
        FUZZ_CHECK(canonical(text, v6) && num_parse_u64(prefix, v6 ? 128 : 32, &n) == NUM_OK);
    }
    for (size_t i = 0; i < r->n_interfaces; i++)
        FUZZ_CHECK(r->interfaces[i].name && r->interfaces[i].mac && r->interfaces[i].sandbox && r->interfaces[i].mtu >= 0);
}

struct input {
    struct view text;
    char version[16];
};

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct input *in = arg;
    struct cni_result r;
    struct cni_error error;
    int code = cni_error_parse(in->text, &a, &error, e);
    return code == 0 || code == -ERR_RESOURCE_EXHAUSTED ? code : cni_result_parse(in->text, in->version, &a, &r, e);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view version;
    struct input in = {.version = ""};
    struct cni_result r;
    struct cni_error error;
    struct err e = ERR_INIT;
    view_cut(view_make((const char *)data, size), '\n', &version, &in.text);
    if (version.n < sizeof in.version && version.n > 0)
        memcpy(in.version, version.p, version.n);
    int code = cni_result_parse(in.text, in.version, &a, &r, &e);
    fuzz_check_result(code, &e);
    if (code == 0)
        check(&r);
    code = cni_error_parse(in.text, &a, &error, &e);
    fuzz_check_result(code, &e);
    json_t *j = oracle_load((const uint8_t *)in.text.p, in.text.n);
    if (code == 0 && j)
        FUZZ_CHECK(json_integer_value(json_object_get(j, "code")) == (json_int_t)error.code &&
                   strcmp(error.msg, oracle_str(j, "msg")) == 0);
    json_decref(j);
    fuzz_sweep(decode, &in, size < 1024 ? 32 : 0);
    return 0;
}
