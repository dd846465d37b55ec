/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a fuzz target, and what its oracle is written with.
 *
 * A target is one file, fuzz/fuzz_<name>.c, that defines fuzz_one. Its opening comment says which untrusted party controls the input, which
 * functions are reached, and the oracle: what must hold beyond "does not crash". The same object is linked to the replay driver
 * (replay_main.c, a test of the normal run: every input under corpus/<name>/) and to libFuzzer (fuzz_main.c). Both check after each input
 * that live allocations, open descriptors and threads are as before.
 */
#ifndef CRI_FUZZ_FUZZ_H
#define CRI_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/view.h"

/* The target. Runs on one input; must be deterministic. Always returns 0. data is not NUL-terminated. */
int fuzz_one(const uint8_t *data, size_t size);

/* Optional: called once, before the first input and before anything is counted. */
void fuzz_setup(void) __attribute__((weak));

/* Optional: true for a target whose inputs reach so much code that libFuzzer's entropic schedule costs more than the target itself. */
extern const bool fuzz_plain_schedule __attribute__((weak));

/* An oracle's claim. A claim that does not hold prints itself and aborts, which both drivers report as a failure of the input. */
#define FUZZ_CHECK(cond) FUZZ_CHECK_MSG(cond, "%s", "")
#define FUZZ_CHECK_MSG(cond, ...)                                                          \
    do {                                                                                   \
        if (!(cond)) {                                                                     \
            fprintf(stderr, "\n%s:%d: the oracle \"%s\" does not hold. ", __FILE__, __LINE__, #cond); \
            fprintf(stderr, __VA_ARGS__);                                                  \
            fputc('\n', stderr);                                                           \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

/* A result code is 0 or one of the negative codes, and a failure carries a text of printable characters. */
static inline void fuzz_check_result(int r, const struct err *e)
{
    FUZZ_CHECK_MSG(r <= 0 && r >= -ERR_CODE_MAX, "code %d", r);
    if (r == 0)
        return;
    FUZZ_CHECK_MSG((int)e->code == -r, "returned %d, recorded %d", -r, (int)e->code);
    FUZZ_CHECK(e->message[0] != '\0' && strlen(e->message) < ERR_MESSAGE_MAX);
    for (const char *p = e->message; *p; p++)
        FUZZ_CHECK_MSG((unsigned char)*p >= 0x20 && *p != 0x7f, "control byte in \"%s\"", e->message);
}

/* A reader that cuts an input into parts: a target with several inputs (a user string, passwd, group) takes them one by one. The parts
 * of a seed are written one after the other with a line "---" between them, so that a seed stays readable. */
static inline struct view fuzz_part(struct view *rest)
{
    static const char separator[] = "\n---\n";
    const char *at = rest->n ? memmem(rest->p, rest->n, separator, sizeof separator - 1) : NULL;
    struct view part = *rest;
    if (!at) {
        *rest = VIEW_EMPTY;
        return part;
    }
    part.n = (size_t)(at - rest->p);
    *rest = view_slice(*rest, part.n + sizeof separator - 1, rest->n);
    return part;
}

/* Allocation sweep inside a target: runs op without injection, then with its 1st, 2nd, 3rd ... allocation failing, once and for good
 * (at most `limit` points of each, evenly spread). Every run must give what the first run gave or ERR_RESOURCE_EXHAUSTED, and leave
 * nothing allocated. op frees everything that it makes. Returns what the first run gave. */
typedef int (*fuzz_op)(void *arg, struct err *e);
static inline int fuzz_sweep(fuzz_op op, void *arg, uint64_t limit)
{
    size_t live = mem_live();
    struct err e = ERR_INIT;
    mem_fail_at(UINT64_MAX, false);
    int first = op(arg, &e);
    uint64_t n = mem_fail_off();
    fuzz_check_result(first, &e);
    FUZZ_CHECK_MSG(mem_live() == live, "%zu allocations left without injection", mem_live() - live);
    uint64_t step = n > limit && limit ? (n + limit - 1) / limit : 1;
    for (uint64_t at = 0; at < n && limit; at += step) {
        for (int persistent = 0; persistent < 2; persistent++) {
            err_clear(&e);
            mem_fail_at(at, persistent);
            int r = op(arg, &e);
            mem_fail_off();
            fuzz_check_result(r, &e);
            FUZZ_CHECK_MSG(r == first || r == -ERR_RESOURCE_EXHAUSTED, "allocation %llu failing gives %d (%s), else %d",
                           (unsigned long long)at, r, e.message, first);
            FUZZ_CHECK_MSG(mem_live() == live, "allocation %llu failing leaves %zu allocations", (unsigned long long)at, mem_live() - live);
        }
    }
    return first;
}

#endif
