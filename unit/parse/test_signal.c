/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of signals.
 */
#include <signal.h>

#include "support.h"

#include "parse/signal.h"

static void names_and_numbers(void **state)
{
    static const struct {
        const char *name;
        int number;
    } cases[] = {
        {"SIGTERM", SIGTERM},  {"TERM", SIGTERM},      {"sigterm", SIGTERM},    {"SigTerm", SIGTERM}, {"15", 15},          {"015", 15},
        {"SIGHUP", SIGHUP},    {"SIGQUIT", SIGQUIT},   {"SIGWINCH", SIGWINCH},  {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}, {"SIGCHLD", SIGCHLD},
        {"SIGCLD", SIGCHLD},   {"IOT", SIGABRT},       {"SIGPOLL", SIGIO},      {"SIGPWR", SIGPWR},   {"SIGSYS", SIGSYS},   {"SIGSTKFLT", 16},
        {"SIGRTMIN", 34},      {"SIGRTMIN+3", 37},     {"rtmin+15", 49},        {"SIGRTMAX-14", 50},  {"RTMAX-1", 63},      {"SIGRTMAX", 64},
        {"1", 1},              {"64", 64},             {"65", 0},               {"0", 0},             {"-1", 0},            {"", 0},
        {"SIG", 0},            {"SIGSIGTERM", 0},      {"SIGRTMIN+16", 0},      {"SIGRTMAX-15", 0},   {"SIGRTMIN+", 0},     {" SIGTERM", 0},
        {"18446744073709551631", 0}, {"SIGKILL", SIGKILL}, {"SIGSTOP", SIGSTOP}, {"SIGXFSZ", SIGXFSZ}, {"SIGVTALRM", SIGVTALRM}, {"SIGPROF", SIGPROF},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (signal_number(view_of(cases[i].name)) != cases[i].number)
            fail_msg("\"%s\" is %d", cases[i].name, signal_number(view_of(cases[i].name)));
}

static void round_trip(void **state)
{
    size_t named = 0;
    for (int n = -2; n <= SIGNAL_MAX + 2; n++) {
        const char *name = signal_name(n);
        if (!name) {
            assert_true(n < 1 || n > SIGNAL_MAX || n == 32 || n == 33);
            continue;
        }
        named++;
        assert_int_equal(signal_number(view_of(name)), n);
        int cri = signal_to_cri(n);
        assert_true(cri > 0);
        assert_int_equal(signal_from_cri(cri), n);
    }
    assert_int_equal(named, 62);
}

static void cri(void **state)
{
    assert_int_equal(signal_from_cri(0), 0);
    assert_int_equal(signal_from_cri(-1), 0);
    assert_int_equal(signal_from_cri(1), SIGABRT);
    assert_int_equal(signal_from_cri(5), SIGCHLD);
    assert_int_equal(signal_from_cri(13), SIGKILL);
    assert_int_equal(signal_from_cri(23), SIGTERM);
    assert_int_equal(signal_from_cri(34), SIGXFSZ);
    assert_int_equal(signal_from_cri(35), 34);
    assert_int_equal(signal_from_cri(50), 49);
    assert_int_equal(signal_from_cri(51), 50);
    assert_int_equal(signal_from_cri(65), 64);
    assert_int_equal(signal_from_cri(66), 0);
    assert_int_equal(signal_to_cri(SIGCHLD), 4);
    assert_int_equal(signal_to_cri(32), 0);
    assert_int_equal(signal_to_cri(65), 0);
}

static void errors(void **state)
{
    struct err e = ERR_INIT;
    int n = 99;
    assert_fails(signal_parse(view_of("SIGNOPE"), &n, &e), &e, ERR_INVALID_ARGUMENT, "\"SIGNOPE\" is not a signal");
    assert_fails(signal_parse(VIEW_EMPTY, &n, &e), &e, ERR_INVALID_ARGUMENT, "\"\" is not a signal");
    assert_int_equal(n, 99);
    assert_ok(signal_parse(view_of("INT"), &n, &e), &e);
    assert_int_equal(n, SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(cri),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
