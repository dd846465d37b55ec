/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of signals, see signal.h.
 */
#include "parse/signal.h"

#include "base/num.h"

static const char *const names[SIGNAL_MAX + 1] = {
    [1] = "SIGHUP", [2] = "SIGINT", [3] = "SIGQUIT", [4] = "SIGILL", [5] = "SIGTRAP", [6] = "SIGABRT",
    [7] = "SIGBUS", [8] = "SIGFPE", [9] = "SIGKILL", [10] = "SIGUSR1", [11] = "SIGSEGV", [12] = "SIGUSR2",
    [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM", [16] = "SIGSTKFLT", [17] = "SIGCHLD",
    [18] = "SIGCONT", [19] = "SIGSTOP", [20] = "SIGTSTP", [21] = "SIGTTIN", [22] = "SIGTTOU",
    [23] = "SIGURG", [24] = "SIGXCPU", [25] = "SIGXFSZ", [26] = "SIGVTALRM", [27] = "SIGPROF",
    [28] = "SIGWINCH", [29] = "SIGIO", [30] = "SIGPWR", [31] = "SIGSYS", [34] = "SIGRTMIN",
    [35] = "SIGRTMIN+1", [36] = "SIGRTMIN+2", [37] = "SIGRTMIN+3", [38] = "SIGRTMIN+4", [39] = "SIGRTMIN+5",
    [40] = "SIGRTMIN+6", [41] = "SIGRTMIN+7", [42] = "SIGRTMIN+8", [43] = "SIGRTMIN+9",
    [44] = "SIGRTMIN+10", [45] = "SIGRTMIN+11", [46] = "SIGRTMIN+12", [47] = "SIGRTMIN+13",
    [48] = "SIGRTMIN+14", [49] = "SIGRTMIN+15", [50] = "SIGRTMAX-14", [51] = "SIGRTMAX-13",
    [52] = "SIGRTMAX-12", [53] = "SIGRTMAX-11", [54] = "SIGRTMAX-10", [55] = "SIGRTMAX-9",
    [56] = "SIGRTMAX-8", [57] = "SIGRTMAX-7", [58] = "SIGRTMAX-6", [59] = "SIGRTMAX-5", [60] = "SIGRTMAX-4",
    [61] = "SIGRTMAX-3", [62] = "SIGRTMAX-2", [63] = "SIGRTMAX-1", [64] = "SIGRTMAX",
};

static const struct {
    const char *name;
    int number;
} aliases[] = {{"SIGCLD", 17}, {"SIGIOT", 6}, {"SIGPOLL", 29}};

/* CRI's enumeration lists the names in alphabetical order, the real-time signals (35 to 65) in numerical order behind them. */
static const unsigned char cri_numbers[] = {
    0, 6, 14, 7, 17, 17, 18, 8, 1, 4, 2, 29, 6, 9, 13, 29, 27, 30, 3, 11, 16, 19, 31, 15, 5, 20, 21, 22, 23, 10, 12, 26, 28, 24, 25,
};
enum { CRI_RTMIN = ARRAY_SIZE(cri_numbers), CRI_MAX = CRI_RTMIN + SIGNAL_RTMAX - SIGNAL_RTMIN };

const char *signal_name(int number)
{
    return number > 0 && number <= SIGNAL_MAX ? names[number] : NULL;
}

/* Compares without the prefix "SIG". */
static bool is_named(struct view v, const char *name)
{
    return view_eq_nocase(v, view_of(name + 3));
}

int signal_number(struct view name)
{
    uint64_t n;
    if (num_parse_u64(name, SIGNAL_MAX, &n) == NUM_OK)
        return (int)n;
    if (view_eq_nocase(view_slice(name, 0, 3), VIEW_LIT("SIG")))
        name = view_slice(name, 3, name.n);
    for (int i = 1; i <= SIGNAL_MAX; i++)
        if (names[i] && is_named(name, names[i]))
            return i;
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
        if (is_named(name, aliases[i].name))
            return aliases[i].number;
    return 0;
}

int signal_parse(struct view name, int *ret, struct err *e)
{
    int n = signal_number(name);
    if (n == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "\"%.*s\" is not a signal", VIEW_ARG(view_slice(name, 0, 64)));
    *ret = n;
    return 0;
}

int signal_from_cri(int cri)
{
    if (cri < 0 || cri > CRI_MAX)
        return 0;
    return cri < CRI_RTMIN ? cri_numbers[cri] : cri - CRI_RTMIN + SIGNAL_RTMIN;
}

int signal_to_cri(int number)
{
    for (int cri = 1; cri <= CRI_MAX; cri++)
        if (signal_from_cri(cri) == number)
            return cri;
    return 0;
}
