/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal: names of signals as image configurations ("SIGTERM", "term", "15", "SIGRTMIN+3") and CRI's Signal enumeration give them.
 * Numbers are those of Linux on the common architectures; real-time signals count from 34 (glibc keeps 32 and 33). Pure code.
 */
#ifndef CRI_PARSE_SIGNAL_H
#define CRI_PARSE_SIGNAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

enum { SIGNAL_MAX = 64, SIGNAL_RTMIN = 34, SIGNAL_RTMAX = 64 };

/* The number (1 to SIGNAL_MAX) of a name or decimal number; 0 when it is none. The prefix "SIG" may be absent, case does not matter. */
int signal_number(struct view name);
/* The same with an error, -ERR_INVALID_ARGUMENT. */
int signal_parse(struct view name, int *ret, struct err *e);

/* "SIGTERM", "SIGRTMIN+3", "SIGRTMAX-14" ... (static); NULL for a number that is no signal. signal_number(signal_name(n)) is n. */
const char *signal_name(int number);

/* CRI's enumeration (runtime.v1.Signal, 1 to 65) to the number and back; 0 for RUNTIME_DEFAULT and for what is not in it. Where two of
 * its names stand for one number (SIGCHLD, SIGCLD), the way back gives the first. */
int signal_from_cri(int cri);
int signal_to_cri(int number);

#endif
