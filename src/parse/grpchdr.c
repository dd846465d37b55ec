/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields of gRPC, see grpchdr.h.
 */
#include "parse/grpchdr.h"

#include "base/codec.h"
#include "base/num.h"

enum { TIMEOUT_DIGITS = 8 };

static const struct unit {
    char name;
    uint64_t ns;
} units[] = {
    {'n', UINT64_C(1)},          {'u', UINT64_C(1000)},        {'m', UINT64_C(1000000)},
    {'S', UINT64_C(1000000000)}, {'M', UINT64_C(60000000000)}, {'H', UINT64_C(3600000000000)},
};

bool grpc_timeout_parse(struct view v, uint64_t *ret_ns)
{
    if (v.n < 2 || v.n > TIMEOUT_DIGITS + 1)
        return false;
    uint64_t n;
    if (num_parse_u64(view_slice(v, 0, v.n - 1), UINT64_MAX, &n) != NUM_OK)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].name != v.p[v.n - 1])
            continue;
        if (!num_mul_u64(n, units[i].ns, ret_ns))
            *ret_ns = UINT64_MAX;
        return true;
    }
    return false;
}

size_t grpc_timeout_format(uint64_t ns, char out[GRPC_TIMEOUT_MAX])
{
    uint64_t n = 0;
    size_t u = 0;
    for (; u < sizeof(units) / sizeof(units[0]); u++) {
        n = ns / units[u].ns + (ns % units[u].ns != 0);
        if (n <= 99999999)
            break;
    }
    char digits[TIMEOUT_DIGITS];
    size_t len = 0, at = 0;
    do {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (len > 0)
        out[at++] = digits[--len];
    out[at++] = units[u].name;
    out[at] = '\0';
    return at;
}

size_t grpc_message_encode(struct view v, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c >= 0x20 && c <= 0x7e && c != '%') {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return n;
}

size_t grpc_message_decode(struct view v, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '%' && v.n - i > 2) {
            int high = hex_digit(v.p[i + 1]), low = hex_digit(v.p[i + 2]);
            if (high >= 0 && low >= 0) {
                out[n++] = (char)(high * 16 + low);
                i += 2;
                continue;
            }
        }
        out[n++] = v.p[i];
    }
    return n;
}

bool grpc_status_parse(struct view v, enum err_code *ret)
{
    uint64_t n;
    if (v.n > 9 || num_parse_u64(v, UINT64_MAX, &n) != NUM_OK)
        return false;
    *ret = n <= ERR_CODE_MAX ? (enum err_code)n : ERR_UNKNOWN;
    return true;
}

enum err_code grpc_status_from_http(unsigned http_status)
{
    switch (http_status) {
    case 400:
        return ERR_INTERNAL;
    case 401:
        return ERR_UNAUTHENTICATED;
    case 403:
        return ERR_PERMISSION_DENIED;
    case 404:
        return ERR_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return ERR_UNAVAILABLE;
    default:
        return ERR_UNKNOWN;
    }
}

enum err_code grpc_status_from_h2(uint32_t error_code)
{
    switch (error_code) {
    case 0x7: /* REFUSED_STREAM */
        return ERR_UNAVAILABLE;
    case 0x8: /* CANCEL */
        return ERR_CANCELLED;
    case 0xb: /* ENHANCE_YOUR_CALM */
        return ERR_RESOURCE_EXHAUSTED;
    case 0xc: /* INADEQUATE_SECURITY */
        return ERR_PERMISSION_DENIED;
    default:
        return ERR_INTERNAL;
    }
}

bool grpc_content_type_ok(struct view v)
{
    struct view base = VIEW_LIT("application/grpc"), proto = VIEW_LIT("+proto");
    if (!view_eq_nocase(view_slice(v, 0, base.n), base))
        return false;
    struct view rest = view_slice(v, base.n, v.n);
    if (view_eq_nocase(view_slice(rest, 0, proto.n), proto))
        rest = view_slice(rest, proto.n, rest.n);
    rest = view_trim(rest);
    return rest.n == 0 || rest.p[0] == ';';
}

bool grpc_path_split(struct view path, struct view *ret_service, struct view *ret_method)
{
    if (path.n == 0 || path.p[0] != '/')
        return false;
    struct view service, method;
    if (!view_cut(view_slice(path, 1, path.n), '/', &service, &method))
        return false;
    if (service.n == 0 || method.n == 0 || view_find(method, '/') != method.n)
        return false;
    *ret_service = service;
    *ret_method = method;
    return true;
}

static bool token_byte(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return true;
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i + 1 < sizeof(marks); i++) {
        if (marks[i] == c)
            return true;
    }
    return false;
}

bool grpc_header_name_ok(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (!token_byte(v.p[i]))
            return false;
    }
    return v.n > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool grpc_header_value_ok(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return v.n == 0 || (!is_blank(v.p[0]) && !is_blank(v.p[v.n - 1]));
}

bool grpc_header_connection_specific(struct view name)
{
    return view_eq_str(name, "connection") || view_eq_str(name, "keep-alive") || view_eq_str(name, "proxy-connection") ||
           view_eq_str(name, "transfer-encoding") || view_eq_str(name, "upgrade");
}
