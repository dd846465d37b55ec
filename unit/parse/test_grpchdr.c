/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields of gRPC: time-outs at the limits of their digits, percent encoding, status numbers, content types, paths, names
 * and values.
 */
#include "support.h"

#include "parse/grpchdr.h"

#define NS_PER_HOUR UINT64_C(3600000000000)

static void test_timeout_parse(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"1n", 1},
        {"0S", 0},
        {"99999999n", 99999999},
        {"7u", 7000},
        {"29999069u", UINT64_C(29999069000)},
        {"3m", 3000000},
        {"10S", UINT64_C(10000000000)},
        {"2M", UINT64_C(120000000000)},
        {"1H", NS_PER_HOUR},
        {"00000001H", NS_PER_HOUR},
        {"5124095H", UINT64_C(5124095) * NS_PER_HOUR}, /* the last that fits */
        {"5124096H", UINT64_MAX},
        {"99999999H", UINT64_MAX},
        {"99999999S", UINT64_C(99999999000000000)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        uint64_t ns = 5;
        assert_true(grpc_timeout_parse(view_of(good[i].text), &ns));
        assert_true(ns == good[i].ns);
    }
    static const char *const bad[] = {"",    "S",   "1",          "1s",   "1h",   "-1S", "+1S", " 1S",
                                      "1 S", "1S ", "123456789n", "1.5S", "0x1S", "1SS", "S1"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t ns = 5;
        assert_false(grpc_timeout_parse(view_of(bad[i]), &ns));
        assert_true(ns == 5);
    }
    uint64_t ns;
    assert_false(grpc_timeout_parse(VIEW_LIT("1\0S"), &ns));
}

static void test_timeout_format(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0n"},
        {1, "1n"},
        {99999999, "99999999n"},
        {100000000, "100000u"},
        {100000001, "100001u"},
        {UINT64_C(99999999000), "99999999u"},
        {UINT64_C(99999999001), "100000m"},
        {UINT64_C(1) << 62, "76861434M"},
        {UINT64_MAX, "5124096H"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char out[GRPC_TIMEOUT_MAX];
        assert_int_equal(grpc_timeout_format(cases[i].ns, out), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
    /* Never shorter than asked, whatever the value. */
    for (uint64_t ns = 1; ns < UINT64_MAX / 3; ns = ns * 3 + 1) {
        char out[GRPC_TIMEOUT_MAX];
        uint64_t back;
        assert_true(grpc_timeout_parse(view_make(out, grpc_timeout_format(ns, out)), &back));
        assert_true(back >= ns);
    }
}

static void test_message(void **state)
{
    char out[64];
    struct view v = VIEW_LIT("50% \xc3\xa4\n\x7f~ ");
    assert_view(view_make(out, grpc_message_encode(v, out)), "50%25 %C3%A4%0A%7F~ ");
    assert_view(view_make(out, grpc_message_decode(VIEW_LIT("50%25 %c3%A4%0A"), out)), "50% \xc3\xa4\n");
    assert_view(view_make(out, grpc_message_decode(VIEW_LIT("%"), out)), "%");
    assert_view(view_make(out, grpc_message_decode(VIEW_LIT("%4"), out)), "%4");
    assert_view(view_make(out, grpc_message_decode(VIEW_LIT("%4g%zz%41"), out)), "%4g%zzA");
    char all[256], encoded[3 * 256], decoded[3 * 256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    size_t n = grpc_message_encode(view_make(all, 256), encoded);
    for (size_t i = 0; i < n; i++)
        assert_true(encoded[i] >= 0x20 && encoded[i] <= 0x7e);
    assert_int_equal(grpc_message_decode(view_make(encoded, n), decoded), 256);
    assert_memory_equal(decoded, all, 256);
}

static void test_status(void **state)
{
    enum err_code code = ERR_OK;
    assert_true(grpc_status_parse(VIEW_LIT("0"), &code));
    assert_int_equal(code, ERR_OK);
    assert_true(grpc_status_parse(VIEW_LIT("16"), &code));
    assert_int_equal(code, ERR_UNAUTHENTICATED);
    assert_true(grpc_status_parse(VIEW_LIT("17"), &code));
    assert_int_equal(code, ERR_UNKNOWN);
    assert_true(grpc_status_parse(VIEW_LIT("999999999"), &code));
    assert_int_equal(code, ERR_UNKNOWN);
    assert_false(grpc_status_parse(VIEW_LIT("1000000000"), &code));
    assert_false(grpc_status_parse(VIEW_LIT(""), &code));
    assert_false(grpc_status_parse(VIEW_LIT("-1"), &code));
    assert_false(grpc_status_parse(VIEW_LIT("5 "), &code));
    assert_int_equal(grpc_status_from_http(404), ERR_UNIMPLEMENTED);
    assert_int_equal(grpc_status_from_http(503), ERR_UNAVAILABLE);
    assert_int_equal(grpc_status_from_http(418), ERR_UNKNOWN);
    assert_int_equal(grpc_status_from_h2(8), ERR_CANCELLED);
    assert_int_equal(grpc_status_from_h2(7), ERR_UNAVAILABLE);
    assert_int_equal(grpc_status_from_h2(11), ERR_RESOURCE_EXHAUSTED);
    assert_int_equal(grpc_status_from_h2(12), ERR_PERMISSION_DENIED);
    assert_int_equal(grpc_status_from_h2(0xffffffff), ERR_INTERNAL);
}

static void test_content_type(void **state)
{
    static const char *const good[] = {"application/grpc", "application/grpc+proto",       "application/grpc;charset=utf-8",
                                       "Application/GRPC", "application/grpc+proto ; a=b", "application/grpc "};
    static const char *const bad[] = {"",
                                      "application/grp",
                                      "application/grpc-web",
                                      "application/grpc+json",
                                      "application/grpcx",
                                      "application/json",
                                      "application/grpc+protox",
                                      "application/grpc +proto"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(grpc_content_type_ok(view_of(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(grpc_content_type_ok(view_of(bad[i])));
}

static void test_path(void **state)
{
    struct view service, method;
    assert_true(grpc_path_split(VIEW_LIT("/runtime.v1.RuntimeService/Version"), &service, &method));
    assert_view(service, "runtime.v1.RuntimeService");
    assert_view(method, "Version");
    static const char *const bad[] = {"", "/", "//", "a/b", "/a", "/a/", "//b", "/a/b/", "/a/b/c"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(grpc_path_split(view_of(bad[i]), &service, &method));
}

static void test_names_and_values(void **state)
{
    assert_true(grpc_header_name_ok(VIEW_LIT("containerd-namespace")));
    assert_true(grpc_header_name_ok(VIEW_LIT("x!#$%&'*+-.^_`|~09")));
    static const char *const bad_names[] = {"", "X", ":path", "a b", "a\x7f", "\xc3\xa4", "a:", "a\t"};
    for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++)
        assert_false(grpc_header_name_ok(view_of(bad_names[i])));
    assert_false(grpc_header_name_ok(VIEW_LIT("a\0b")));
    static const char *const good_values[] = {"", "a", "a b\tc", "\xc3\xa4\xff"};
    static const char *const bad_values[] = {" a", "a ", "\ta", "a\t", " ", "a\nb", "a\rb", "a\x01", "a\x7f"};
    for (size_t i = 0; i < ARRAY_SIZE(good_values); i++)
        assert_true(grpc_header_value_ok(view_of(good_values[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++)
        assert_false(grpc_header_value_ok(view_of(bad_values[i])));
    assert_false(grpc_header_value_ok(VIEW_LIT("a\0b")));
    assert_true(grpc_header_connection_specific(VIEW_LIT("transfer-encoding")));
    assert_true(grpc_header_connection_specific(VIEW_LIT("connection")));
    assert_false(grpc_header_connection_specific(VIEW_LIT("te")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeout_parse),    cmocka_unit_test(test_timeout_format), cmocka_unit_test(test_message),
        cmocka_unit_test(test_status),           cmocka_unit_test(test_content_type),   cmocka_unit_test(test_path),
        cmocka_unit_test(test_names_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
