/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of gRPC header fields. Who controls them: any client of the daemon, any server behind the client.
 * Reached: all of parse/grpchdr.
 *
 * Oracle: (1) a time-out that is read and written again is the same or, where digits are short, up to one unit longer; nothing
 * but 1 to 8 digits and a unit is read; (2) an encoded message has printable characters only and decodes to what it was; decoding
 * never grows; (3) names and values are judged as nghttp2 judges them; (4) a path's parts put together are the path; (5) a
 * content type that is taken begins with application/grpc, which no '-' follows.
 */
#include <nghttp2/nghttp2.h>

#include "fuzz.h"
#include "parse/grpchdr.h"

static void check_timeout(struct view v)
{
    uint64_t ns, again;
    bool good = grpc_timeout_parse(v, &ns);
    size_t digits = 0;
    while (digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '9')
        digits++;
    bool shape = digits >= 1 && digits <= 8 && digits + 1 == v.n && v.p[digits] && strchr("numSMH", v.p[digits]);
    FUZZ_CHECK(good == shape);
    if (!good)
        return;
    char text[GRPC_TIMEOUT_MAX];
    size_t n = grpc_timeout_format(ns, text);
    FUZZ_CHECK(n < GRPC_TIMEOUT_MAX && text[n] == '\0');
    FUZZ_CHECK(grpc_timeout_parse(view_make(text, n), &again));
    FUZZ_CHECK(again >= ns);
    FUZZ_CHECK(again - ns <= ns / 90000); /* eight digits of it are kept, five in the worst case */
}

static void check_message(struct view v)
{
    char *encoded = malloc(3 * v.n + 1), *decoded = malloc(3 * v.n + 1);
    size_t n = grpc_message_encode(v, encoded);
    FUZZ_CHECK(n >= v.n && n <= 3 * v.n);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(encoded[i] >= 0x20 && encoded[i] <= 0x7e);
    size_t back = grpc_message_decode(view_make(encoded, n), decoded);
    FUZZ_CHECK(view_eq(view_make(decoded, back), v));
    FUZZ_CHECK(grpc_message_decode(v, decoded) <= v.n);
    free(encoded);
    free(decoded);
}

static void check_names(struct view v)
{
    const uint8_t *p = (const uint8_t *)v.p;
    if (v.n > 0 && v.p[0] != ':')
        FUZZ_CHECK(grpc_header_name_ok(v) == (nghttp2_check_header_name(p, v.n) != 0));
    FUZZ_CHECK(grpc_header_value_ok(v) == (nghttp2_check_header_value_rfc9113(p, v.n) != 0));
    FUZZ_CHECK(!grpc_header_connection_specific(v) || grpc_header_name_ok(v));
}

static void check_path(struct view v)
{
    struct view service = VIEW_EMPTY, method = VIEW_EMPTY;
    size_t slashes = 0;
    for (size_t i = 0; i < v.n; i++)
        slashes += v.p[i] == '/';
    bool good = grpc_path_split(v, &service, &method);
    FUZZ_CHECK(good == (slashes == 2 && v.n >= 4 && v.p[0] == '/' && v.p[1] != '/' && v.p[v.n - 1] != '/'));
    FUZZ_CHECK(!good || (service.n + method.n + 2 == v.n && service.p == v.p + 1 && method.p + method.n == v.p + v.n));
}

int fuzz_one(const uint8_t *data, size_t size)
{
    /* A copy of its own, so that a read beyond the end is seen. */
    char *copy = mem_memdup(data, size);
    struct view v = view_make(copy, size), prefix = VIEW_LIT("application/grpc");
    check_timeout(v);
    check_message(v);
    check_names(v);
    check_path(v);
    if (grpc_content_type_ok(v)) {
        FUZZ_CHECK(view_eq_nocase(view_slice(v, 0, prefix.n), prefix));
        FUZZ_CHECK(v.n == prefix.n || strchr("+; \t\r\n", v.p[prefix.n]));
    }
    enum err_code code = ERR_OK;
    if (grpc_status_parse(v, &code))
        FUZZ_CHECK(v.n >= 1 && v.n <= 9 && (int)code >= 0 && code <= ERR_CODE_MAX);
    mem_free(copy);
    return 0;
}
