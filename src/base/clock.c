/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, see clock.h.
 */
#include "base/clock.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static atomic_bool is_virtual;
static _Atomic uint64_t virtual_mono;
static _Atomic int64_t virtual_real;

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * (int64_t)NSEC_PER_SEC + ts.tv_nsec;
}

uint64_t clock_mono(void)
{
    return atomic_load(&is_virtual) ? atomic_load(&virtual_mono) : (uint64_t)read_clock(CLOCK_MONOTONIC);
}

int64_t clock_real(void)
{
    return atomic_load(&is_virtual) ? atomic_load(&virtual_real) : read_clock(CLOCK_REALTIME);
}

void clock_virtual(uint64_t mono_ns, int64_t real_ns)
{
    atomic_store(&virtual_mono, mono_ns);
    atomic_store(&virtual_real, real_ns);
    atomic_store(&is_virtual, true);
}

void clock_advance(uint64_t ns)
{
    atomic_fetch_add(&virtual_mono, ns);
    atomic_fetch_add(&virtual_real, (int64_t)ns);
}

void clock_virtual_off(void)
{
    atomic_store(&is_virtual, false);
}

uint64_t clock_deadline(uint64_t ns)
{
    uint64_t now = clock_mono();
    return ns >= CLOCK_NEVER - now ? CLOCK_NEVER : now + ns;
}

int clock_poll_ms(uint64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    uint64_t now = clock_mono();
    if (deadline <= now)
        return 0;
    uint64_t left = deadline - now, ms = left / NSEC_PER_MSEC + (left % NSEC_PER_MSEC != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static size_t format(int64_t real_ns, bool utc, char *out)
{
    int64_t sec = real_ns / (int64_t)NSEC_PER_SEC, nsec = real_ns % (int64_t)NSEC_PER_SEC;
    if (nsec < 0) {
        nsec += (int64_t)NSEC_PER_SEC;
        sec--;
    }
    time_t t = (time_t)sec;
    struct tm tm = {0};
    if (utc)
        gmtime_r(&t, &tm);
    else
        localtime_r(&t, &tm);
    size_t n = strftime(out, CLOCK_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    long offset = utc ? 0 : tm.tm_gmtoff / 60;
    if (offset == 0)
        return n + (size_t)snprintf(out + n, CLOCK_RFC3339_MAX - n, ".%09dZ", (int)nsec);
    return n + (size_t)snprintf(out + n, CLOCK_RFC3339_MAX - n, ".%09d%c%02d:%02d", (int)nsec, offset < 0 ? '-' : '+',
                                (int)(offset < 0 ? -offset : offset) / 60 % 100, (int)(offset < 0 ? -offset : offset) % 60);
}

size_t clock_rfc3339(int64_t real_ns, char *out)
{
    return format(real_ns, false, out);
}

size_t clock_rfc3339_utc(int64_t real_ns, char *out)
{
    return format(real_ns, true, out);
}
